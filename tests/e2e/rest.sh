#!/usr/bin/env bash
# Ranks that rest are ranks of the job: one that is asked to end ends the run as any other would, one that is
# killed or stopped is noticed, and one notices where those at work are stopped. Afterwards the same command
# goes on.
source "$(dirname "$0")/common.sh"
unset DPTRAIN_WORK
make_small_run
long="train.steps=200000 train.log_every=1000 checkpoint.every=1000 parallel.deadline=6 parallel.work=1"

# shellcheck disable=SC2086 # options
"$BIN/dptrain" small.ini run.dir=straight $long --stop-at 30000 >/dev/null

# begin RUN: three ranks, of which the first is at work; leaves $job and $status.
begin() {
    rm -f out.txt
    # shellcheck disable=SC2086
    $MPIEXEC 3 "$BIN/dptrain" small.ini run.dir="$1" $long train.steps=100000000 >out.txt 2>error.txt &
    job=$!
    wait_for_text out.txt " 2,000 "
}

# send SIGNAL RANK
send() {
    process=$(rank_process $job "$2")
    [ -n "$process" ] || skip "/proc does not tell the children of a process"
    kill -"$1" "$process"
    began=$SECONDS
}

# expect_end WHAT STATUS
expect_end() {
    local status=0
    wait $job || status=$?
    expect_equal "status: $1 ($(cat error.txt))" "$status" "$2"
    expect_below "seconds until the end: $1" $((SECONDS - began)) 20
}

expect_going_on_from() {
    # shellcheck disable=SC2086
    ranks 2 "$BIN/dptrain" small.ini run.dir="$1" $long train.steps=100000000 --stop-at \
        $(($(newest_step "$1") + 1000)) >again.txt
    grep -q "resumed at step" again.txt || fail "$1 is not resumed"
}

for signal in TERM USR1 INT; do
    begin signal_$signal
    send $signal 2
    expect_end "SIG$signal to a rank at rest" $((128 + $(kill -l $signal)))
    grep -q "^stopped at step .* by a signal" out.txt || fail "SIG$signal: $(tail -n 3 out.txt)"
    expect_going_on_from signal_$signal
done

begin killed
send KILL 1
status=0
wait $job || status=$?
[ $status != 0 ] || fail "a rank at rest was killed and the status is 0"
expect_below "seconds until the end" $((SECONDS - began)) 15
expect_going_on_from killed

begin stopped
send STOP 2
expect_end "a rank at rest that is stopped" 7
expect_equal "lines about it ($(cat error.txt))" "$(grep -c '^dptrain:' error.txt)" 1
grep -Eq "^dptrain: rank 2 on $(uname -n) did not arrive within 6 s at step [0-9]+ " error.txt ||
    fail "a rank at rest was stopped and it says: $(cat error.txt)"
expect_gone "$process"
expect_going_on_from stopped

begin alone
send STOP 0
expect_end "the only rank at work, stopped" 7
grep -Eq "^dptrain: rank 0 on $(uname -n) did not arrive within 6 s " error.txt ||
    fail "the rank at work was stopped and it says: $(cat error.txt)"
expect_gone "$process"
expect_going_on_from alone

# A job that was suspended as a whole has missed nothing.
begin suspended
for rank in 0 1 2; do
    send STOP $rank
done
sleep 10
for rank in 2 1 0; do
    send CONT $rank
done
sleep 2
send TERM 1
expect_end "a job that was suspended" 143
