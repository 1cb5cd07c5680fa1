#!/usr/bin/env bash
# A file system that does not sync folders and does not tell its free space, as some of FUSE do not
# (tests/support/faults.c): said once, and all goes on as on any other.
source "$(dirname "$0")/common.sh"
: "${FAULTS:?the library of faults}"
make_small_run
mkdir disk
export OMPI_MCA_btl=self # what is preloaded sees Open MPI, too
options="train.steps=1000 eval.every=500 checkpoint.every=500"

on_modest_disk() {
    LD_PRELOAD=$FAULTS FAULTS_FOLDER=disk FAULTS_KIND=modest "$@"
}
# expect_doubts WHAT FILE: both, once.
expect_doubts() {
    expect_equal "warnings of $1 ($(cat "$2"))" "$(grep -c '^warning' "$2")" 2
    tr '\n' ' ' <"$2" | tr -s ' ' >line.txt
    grep -q "does not sync folders: when the power fails" line.txt || fail "$1: $(cat "$2")"
    grep -q "does not tell how much is free" line.txt || fail "$1: $(cat "$2")"
}

on_modest_disk "$BIN/pack_dataset" small.txt -o disk/small.h5 >packed.txt || fail "pack_dataset ends with $?"
expect_doubts pack_dataset packed.txt
cmp disk/small.h5 small.h5

# shellcheck disable=SC2086 # options
"$BIN/dptrain" small.ini run.dir=straight $options >straight.txt
! grep warning straight.txt || fail "an ordinary file system is doubted"
# shellcheck disable=SC2086
on_modest_disk "$BIN/dptrain" small.ini data.path=disk/small.h5 run.dir=disk/run $options --stop-at 500 >out.txt 2>&1 ||
    fail "training ends with $?: $(cat out.txt)"
expect_doubts training out.txt
# shellcheck disable=SC2086
on_modest_disk "$BIN/dptrain" small.ini data.path=disk/small.h5 run.dir=disk/run $options >again.txt 2>&1 ||
    fail "going on ends with $?: $(cat again.txt)"
grep -q "resumed at step 500" again.txt || fail "not resumed: $(cat again.txt)"
expect_equal "weights" "$(weights disk/run)" "$(weights straight)"

on_modest_disk "$BIN/dptrain" doctor small.ini run.dir=disk/run >doctor.txt || fail "doctor: $(cat doctor.txt)"
expect_doubts doctor doctor.txt
