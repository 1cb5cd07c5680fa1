#!/usr/bin/env bash
# A full disk: the run goes on, with a warning and in the end the documented status; everything from
# before is intact; with room again the run ends with the bits of one that never stopped.
source "$(dirname "$0")/common.sh"
make_small_run
mkdir disk
mount -t tmpfs -o size=2m tmpfs disk 2>mount.txt || skip "cannot mount: $(cat mount.txt)"
trap 'umount "${folder:?}/disk"; leave' EXIT
# A checkpoint takes about 600 kB: two and the best have room, four have not.
options="model.hidden_dim=3500 train.steps=50 train.log_every=50 eval.every=0 checkpoint.every=10"
options="$options checkpoint.keep=9"

# shellcheck disable=SC2086 # options
"$BIN/dptrain" small.ini run.dir=straight $options >/dev/null

# Full already before the first step: refused, as nothing could be saved.
status=0
head -c 3M /dev/zero 2>/dev/null >disk/ballast || true
# shellcheck disable=SC2086
"$BIN/dptrain" small.ini run.dir=disk/run $options >out.txt 2>error.txt || status=$?
expect_equal "status on a disk that is full from the start ($(cat error.txt))" "$status" 3
rm disk/ballast

status=0
# shellcheck disable=SC2086
ranks 3 "$BIN/dptrain" small.ini run.dir=disk/run $options >out.txt 2>error.txt || status=$?
expect_equal "status ($(cat error.txt))" "$status" 10
expect_equal "lines about it" "$(grep -c '^dptrain:' error.txt)" 1
grep -q "^dptrain: training finished at step 50, but .* failed, first: .*disk/run/checkpoints/step-000000.*No space left" \
    error.txt || fail "it says: $(grep '^dptrain:' error.txt)"
grep -q "^warning: cannot write disk/run/checkpoints/step-000000.*training goes on" out.txt ||
    fail "no warning: $(cat out.txt)"
! grep -qi "hdf5" error.txt || fail "HDF5 speaks: $(cat error.txt)"
expect_equal "weights at the end" "$(field disk/run/summary.json weights)" \
    "$(field straight/summary.json weights)"
expect_equal "temporary files" "$(find disk -name '*.tmp')" ""
saved=$(find disk -name 'step-*.h5' | LC_ALL=C sort)
[ -n "$saved" ] || fail "no checkpoint from before the disk was full"
for checkpoint in $saved; do
    "$BIN/dptrain" info "$checkpoint" >/dev/null || fail "$checkpoint is damaged"
done

mount -o remount,size=64m disk
# shellcheck disable=SC2086
ranks 2 "$BIN/dptrain" small.ini run.dir=disk/run $options >again.txt
grep -q "resumed at step" again.txt || fail "not resumed"
expect_equal "weights" "$(weights disk/run)" "$(weights straight)"

# No room for what ranks share: refused at once, where MPI alone would let them wait for each other.
head -c 80M /dev/zero 2>/dev/null >disk/ballast || true
export OMPI_MCA_osc_sm_backing_directory=$folder/disk
status=0
ranks 3 "$BIN/dptrain" small.ini run.dir=shared >out.txt 2>error.txt || status=$?
expect_equal "status without shared memory ($(cat error.txt))" "$status" 4
expect_equal "lines about it" "$(grep -c '^dptrain:' error.txt)" 1
grep -q "^dptrain: no shared memory of .*/disk has .* MB free.*parallel.exchange=tree" error.txt ||
    fail "without shared memory it says: $(cat error.txt)"
ranks 3 "$BIN/dptrain" doctor small.ini >out.txt 2>/dev/null && fail "doctor sees room in a full folder"
grep -q "problem *memory .*/disk" out.txt || fail "doctor says: $(cat out.txt)"
ranks 3 "$BIN/dptrain" small.ini run.dir=shared train.steps=10 parallel.exchange=tree >/dev/null ||
    fail "exchange=tree needs shared memory"
unset OMPI_MCA_osc_sm_backing_directory

# Output that nobody can take is an error too, in what is all output.
[ -c /dev/full ] || skip "no device /dev/full to write output to; all before it passed"
for command in "info straight" "eval --ckpt straight --split dev" "sample --ckpt straight" "--help" \
    "doctor missing.ini"; do
    status=0
    # shellcheck disable=SC2086
    "$BIN/dptrain" $command >/dev/full 2>error.txt || status=$?
    expect_equal "status of '$command' without room for its output" "$status" 3
    grep -q "^dptrain: cannot write the output: No space left" error.txt ||
        fail "'$command' says: $(cat error.txt)"
done
