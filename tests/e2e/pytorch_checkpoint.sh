#!/usr/bin/env bash
# h5py opens a checkpoint, and the PyTorch lines of docs/checkpoint.md reproduce `eval`.
source "$(dirname "$0")/common.sh"
python=${DPTRAIN_PYTHON:-python3}
"$python" -c 'import h5py, torch' 2>/dev/null ||
    skip "$python has no h5py and torch (DPTRAIN_PYTHON names another)"
make_small_run
"$BIN/dptrain" small.ini train.steps=1000 run.dir=run >/dev/null
"$BIN/dptrain" eval --ckpt run --split dev --json >eval.json

# The documented lines are the ones that run.
sed -n '/^```python$/,/^```$/p' "$SOURCE/docs/checkpoint.md" | grep -v '^```' >documented.py
sed -i 's|runs/base/best.h5|run/best.h5|; s|names.h5|small.h5|' documented.py
theirs=$("$python" documented.py)
expect_below "difference between PyTorch and eval" \
    "$(distance "$(loss eval.json dev)" "$theirs")" 1e-5
