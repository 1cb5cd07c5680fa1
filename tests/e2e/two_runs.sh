#!/usr/bin/env bash
# A second run in a folder is refused, and leaves alone what it finds; when the first one is gone,
# whether it said goodbye or not, the folder is free. A lock that HDF5 would wait for is none of ours.
source "$(dirname "$0")/common.sh"
make_small_run
long="train.steps=100000000 train.log_every=1000 checkpoint.every=1000"

# shellcheck disable=SC2086 # options
"$BIN/dptrain" small.ini run.dir=run $long >out.txt 2>&1 &
job=$!
wait_for_text out.txt " 2,000 "
pid=$(sed -n 's/^process //p' run/run.lock)
touch run/checkpoints/step-00000001.h5.1.tmp
# shellcheck disable=SC2086
expect_refusal 11 "run is in use by process $pid on this host" 3 "$BIN/dptrain" small.ini run.dir=run $long
# shellcheck disable=SC2086
expect_refusal 11 "one run at a time" 1 "$BIN/dptrain" small.ini run.dir=run $long --fresh
[ -e run/checkpoints/step-00000001.h5.1.tmp ] || fail "the second run has tidied up in the first one's folder"
[ -n "$(find run/checkpoints -name 'step-*.h5')" ] || fail "the second run has cleared the first one's folder"

kill -KILL $job
wait $job || true
# shellcheck disable=SC2086
"$BIN/dptrain" small.ini run.dir=run $long --stop_at 20000 >again.txt
grep -q "^notice: process $pid on .* ended without giving run.lock back; taken over" again.txt ||
    fail "no notice: $(cat again.txt)"
grep -q "resumed at step" again.txt || fail "not resumed"
expect_equal "leftovers" "$(find run -name '*.tmp' -o -name run.lock)" ""

if command -v flock >/dev/null; then
    flock run/best.h5 "$BIN/dptrain" info run >/dev/null || fail "a locked checkpoint cannot be read"
fi
