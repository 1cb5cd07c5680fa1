#!/usr/bin/env bash
# A full disk: one message, the documented status, everything from before intact; with room again the
# run ends with the bits of one that never stopped.
source "$(dirname "$0")/common.sh"
make_small_run
mkdir disk
mount -t tmpfs -o size=2m tmpfs disk 2>mount.txt || skip "cannot mount: $(cat mount.txt)"
trap 'umount "${folder:?}/disk"; rm -rf "$folder"' EXIT
# A checkpoint takes about 600 kB: two and the best have room, four have not.
options="model.hidden_dim=3500 train.steps=50 train.log_every=50 eval.every=0 checkpoint.every=10"
options="$options checkpoint.keep=9"

# shellcheck disable=SC2086 # options
"$BIN/dptrain" small.ini run.dir=straight $options >/dev/null

status=0
# shellcheck disable=SC2086
ranks 3 "$BIN/dptrain" small.ini run.dir=disk/run $options >out.txt 2>error.txt || status=$?
expect_equal "status ($(cat error.txt))" "$status" 3
expect_equal "lines about it" "$(grep -c '^dptrain:' error.txt)" 1
grep -q "^dptrain: disk/run/checkpoints/step-000000.*No space left" error.txt ||
    fail "it says: $(grep '^dptrain:' error.txt)"
! grep -qi "hdf5" error.txt || fail "HDF5 speaks: $(cat error.txt)"
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
