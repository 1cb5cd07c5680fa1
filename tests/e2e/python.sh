#!/usr/bin/env bash
# The Python package on the library of this build, against the program; and the code of docs/python.md.
source "$(dirname "$0")/common.sh"
python=${DPTRAIN_PYTHON:-python3}
"$python" -c "import numpy, pytest" 2>/dev/null ||
    skip "no numpy and pytest for $python: pip install numpy pytest (DPTRAIN_PYTHON names another python)"
make_small_run
"$BIN/dptrain" small.ini run.dir=runs/base >/dev/null
export RUN=$PWD/runs/base BIN DPTRAIN_LIBRARY=$BIN/../lib/libdptrain.so PYTHONPATH=$SOURCE/python/src
export PYTHONDONTWRITEBYTECODE=1
"$python" -m pytest -q -rs -p no:cacheprovider "$SOURCE/python/tests" || fail "the package's tests"

ln -s "$SOURCE/data" data
# Every block of the page, one after the other; those that need more than numpy only where that is there.
"$python" - "$SOURCE/docs/python.md" <<'EOF'
import re, sys
page = open(sys.argv[1], encoding="utf-8").read()
names = {}
for code in re.findall(r"```python\n(.*?)```", page, re.S):
    try:
        exec(compile(code, sys.argv[1], "exec"), names)
    except ImportError as missing:
        print(f"not run, as {missing}:\n{code}")
EOF

# What measures scores: that all are measured, and of one sum.
"$python" "$SOURCE/bench/score.py" --build "$BIN/.." --ckpt runs/base --text small.txt --tokens 1 --rounds 1 >speed.txt ||
    fail "bench/score.py"
expect_equal "rows of bench/score.py" "$(grep -c '^| dptrain score' speed.txt)" 2
grep -q '^libdptrain: [0-9.]* µs for the next token, [0-9.]* ms and [0-9.]* MiB to open$' speed.txt || fail "$(cat speed.txt)"
