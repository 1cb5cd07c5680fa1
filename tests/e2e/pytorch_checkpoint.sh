#!/usr/bin/env bash
# h5py opens a checkpoint, the PyTorch lines of docs/checkpoint.md reproduce `eval`, and PyTorch takes
# the optimizer's state as its own.
source "$(dirname "$0")/common.sh"
python=${DPTRAIN_PYTHON:-python3}
"$python" -c 'import h5py, torch' 2>/dev/null ||
    skip "$python has no h5py and torch (DPTRAIN_PYTHON names another)"
make_small_run
"$BIN/dptrain" small.ini train.steps=1000 train.optimizer=adamw train.lr=0.01 run.dir=run >/dev/null
"$BIN/dptrain" eval --ckpt run --split dev --json >eval.json

# The documented lines are the ones that run.
# shellcheck disable=SC2016 # backquotes of Markdown
sed -n '/^```python$/,/^```$/p' "$SOURCE/docs/checkpoint.md" | grep -v '^```' >documented.py
# shellcheck disable=SC2016
sed -n '/^```py$/,/^```$/p' "$SOURCE/docs/checkpoint.md" | grep -v '^```' >>documented.py
sed -i 's|runs/.*/best.h5|run/best.h5|; s|names.h5|small.h5|' documented.py
cat >>documented.py <<'EOF'
for p in params.values():
    p.grad = torch.zeros_like(p)
optimizer.step()
assert optimizer.state[params["W1"]]["step"] == f.attrs["step"] + 1
# Without a gradient the mean shrinks by beta1; it is not zero.
before = torch.tensor(f["optimizer/exp_avg/W1"][:])
ratio = optimizer.state[params["W1"]]["exp_avg"].norm() / before.norm()
assert abs(ratio - 0.9) < 1e-5, ratio
EOF
theirs=$("$python" documented.py)
expect_below "difference between PyTorch and eval" \
    "$(distance "$(loss eval.json dev)" "$theirs")" 1e-5
