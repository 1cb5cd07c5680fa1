#!/usr/bin/env bash
# A run of another numerics contract is not gone on with: refused, with what to do, and nothing of it is changed.
# Its checkpoint, tests/golden/contract_1.h5, was written before checkpoints named their contract. What only asks
# a model takes it.
source "$(dirname "$0")/common.sh"
make_small_run
cat >before.ini <<'END'
[data]
path = small.h5
[model]
embedding_dim = 2
hidden_dim = 3
[train]
steps = 20
optimizer = momentum
[eval]
every = 10
splits = dev
[checkpoint]
every = 10
END
checkpoint=before/checkpoints/step-00000010.h5
mkdir -p before/checkpoints
cp "$SOURCE/tests/golden/contract_1.h5" $checkpoint
cp -r before kept
hash=xxh3:c77e15bccd2f6abf

same_folder() {
    rm -f before/log.txt
    diff -r before kept || fail "a refused run was changed: $1"
}
why="$checkpoint was computed by numerics contract 1 (dptrain 0.1.0 (afbd73e)), and this program has contract 2"
fix="run.dir=DIR trains in a folder of its own, --fresh starts this one over; the former with"
for count in 1 3; do
    expect_refusal 5 "$why" $count "$BIN/dptrain" before.ini run.dir=before
    grep -qF "$fix train.init_from=$checkpoint from these weights" error.txt || fail "$(cat error.txt)"
    same_folder "on $count ranks"
done
expect_refusal 5 "$why" 1 "$BIN/dptrain" before.ini run.dir=before train.steps=30 --stop-at 15
same_folder "with more steps"
# Where the config is another as well, that comes first: the run is none to go on with in any version.
expect_refusal 5 "train.lr: 0.1 there, 0.2 here" 1 "$BIN/dptrain" before.ini run.dir=before train.lr=0.2
"$BIN/dptrain" doctor before.ini run.dir=before >doctor.txt && fail "doctor finds nothing"
tr -s ' \n' ' ' <doctor.txt | grep -qF "$why" || fail "doctor: $(cat doctor.txt)"

# Asking, and beginning from it.
"$BIN/dptrain" info $checkpoint | grep -q "contract    1, of the numerics" || fail "info does not show the contract"
expect_equal "weights of info" "$("$BIN/dptrain" info $checkpoint --json | grep -o '"weights":"[^"]*"')" \
    "\"weights\":\"$hash\""
"$BIN/dptrain" eval --ckpt $checkpoint --split dev --json >eval.json
expect_below "distance of the dev loss" "$(distance "$(loss eval.json dev)" 4.1333)" 1e-4
for command in "sample $checkpoint -n 3" "predict $checkpoint em" "nearest $checkpoint e" \
    "score small.txt --ckpt $checkpoint" "eval --ckpt before"; do
    # shellcheck disable=SC2086 # a command and its arguments
    "$BIN/dptrain" $command >answer.txt 2>&1 || fail "$command: $(cat answer.txt)"
done
same_folder "by what asks it"
for count in 1 3; do
    ranks $count "$BIN/dptrain" before.ini run.dir=after$count train.init_from=$checkpoint >begun.txt
    grep -q "begins     from $checkpoint, step 10: 27 of 27 tokens" begun.txt || fail "$(cat begun.txt)"
done
expect_equal "weights of a run from it" "$(weights after1)" "$(weights after3)"

# A new run has the contract of this program, in checkpoint and summary; one on resuming, too.
"$BIN/dptrain" before.ini run.dir=new --stop-at 10 >/dev/null
"$BIN/dptrain" info new/checkpoints/step-00000010.h5 --json | grep -q '"contract":2[,}]' || fail "contract of a new run"
ranks 2 "$BIN/dptrain" before.ini run.dir=new >/dev/null
expect_equal "contract in the summary" "$(field new/summary.json contract)" 2

# A run that 1 has finished stays finished, and gets more steps from nobody.
cp -r before finished
"$BIN/dptrain" before.ini run.dir=finished train.steps=10 >finished.txt
expect_equal "weights of a finished run" "$(weights finished)" "\"weights\":\"$hash\""
expect_equal "contract of its summary" "$(field finished/summary.json contract)" 1
"$BIN/dptrain" before.ini run.dir=finished train.steps=10 | grep -q "^finished: all 10 steps are done" ||
    fail "a finished run of contract 1"
expect_refusal 5 "was computed by numerics contract 1" 1 "$BIN/dptrain" before.ini run.dir=finished train.steps=20

# Started over it is a run of this program.
"$BIN/dptrain" before.ini run.dir=before --fresh >/dev/null
expect_equal "weights of a run started over" "$(weights before)" "$(weights new)"
