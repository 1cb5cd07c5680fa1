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

# --- sweeps -----------------------------------------------------------------------------------------------
# The second of two in one folder touches nothing, also where the first is in none of its trials yet.
printf '[sweep]\nconfig = small.ini\ndir = swept\n[trials]\ncolumns = train.lr\n1 = 0.1\n2 = 0.2\n' >sweep.ini
rm -f out.txt
# shellcheck disable=SC2086
$MPIEXEC 2 "$BIN/dptrain" sweep sweep.ini $long >out.txt 2>&1 &
job=$!
wait_for_text out.txt "2 trials in swept"
expect_refusal 11 "swept is in use by process $(sed -n 's/^process //p' swept/run.lock) on this host" 1 \
    "$BIN/dptrain" sweep sweep.ini --fresh
! grep -q failed out.txt || fail "a trial of the first sweep has failed: $(cat out.txt)"
kill -USR1 $job
wait $job || true
grep -q "stopped with 0 of 2 trials done" out.txt || fail "the first sweep says: $(cat out.txt)"
[ ! -e swept/run.lock ] || fail "the sweep has kept its lock"
"$BIN/dptrain" sweep sweep.ini --fresh train.steps=200 >again.txt 2>&1 ||
    fail "the folder is not free: $(cat again.txt)"

# --- pictures of one folder: who comes second waits -----------------------------------------------------------
if command -v gnuplot >/dev/null && command -v flock >/dev/null; then
    "$BIN/dptrain" plot run >/dev/null 2>&1
    flock run/plots sh -c 'touch held; sleep 1; rm held' &
    job=$!
    for _ in $(seq 100); do [ -e held ] || sleep 0.02; done
    "$BIN/dptrain" report run >report.txt 2>&1 || fail "report: $(cat report.txt)"
    [ ! -e held ] || fail "report has drawn into plots while another process did"
    wait $job
    for _ in 1 2 3; do
        "$BIN/dptrain" plot run >>plots.txt 2>&1 || echo failed >>plots.txt &
        "$BIN/dptrain" report run >>plots.txt 2>&1 || echo failed >>plots.txt &
    done
    wait
    ! grep -q failed plots.txt || fail "several at once: $(cat plots.txt)"
fi
if command -v flock >/dev/null; then
    flock run/best.h5 "$BIN/dptrain" info run >/dev/null || fail "a locked checkpoint cannot be read"
fi
