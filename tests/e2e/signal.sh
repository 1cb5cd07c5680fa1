#!/usr/bin/env bash
# A run that is asked to end, by a signal or by its own clock, does so with a checkpoint, and goes on as
# if nothing had been.
source "$(dirname "$0")/common.sh"
make_small_run
long="train.steps=60000 train.log_every=5000"

# shellcheck disable=SC2086 # options
"$BIN/dptrain" small.ini run.dir=straight $long >/dev/null

# expect_going_on WHAT RUN
expect_going_on() {
    # shellcheck disable=SC2086
    ranks 3 "$BIN/dptrain" small.ini run.dir="$2" $long >again.txt
    grep -q "resumed at step" again.txt || fail "$1: not resumed"
    expect_equal "weights after $1" "$(field "$2/summary.json" weights)" \
        "$(field straight/summary.json weights)"
}

# Twice, as by a launcher and by a batch system; only a second SIGINT would leave at once.
for signal in TERM HUP USR1 USR2 XCPU INT; do
    run=run_$signal
    rm -f out.txt
    # shellcheck disable=SC2086
    "$BIN/dptrain" small.ini run.dir=$run $long >out.txt 2>&1 &
    pid=$!
    wait_for_text out.txt dev
    kill -"$signal" "$pid"
    [ $signal = INT ] || kill -"$signal" "$pid" 2>/dev/null || true
    status=0
    wait "$pid" || status=$?
    expect_equal "status after SIG$signal" "$status" $((128 + $(kill -l "$signal")))
    grep -q "stopped at step .* by a signal" out.txt ||
        fail "SIG$signal: no word of where it stopped: $(cat out.txt)"
    stopped=$(sed -n 's/^stopped at step \([0-9,]*\) .* by a signal.*/\1/p' out.txt | tr -d ,)
    expect_equal "step of the newest checkpoint after SIG$signal" "$(newest_step $run)" "$stopped"
    case $signal in TERM | HUP | INT) expect_going_on "SIG$signal" $run ;; esac
done

# Who has said that a closed terminal is not to end it is not ended by one.
rm -f out.txt
(
    trap '' HUP
    # shellcheck disable=SC2086
    exec "$BIN/dptrain" small.ini run.dir=nohup $long >out.txt 2>&1
) &
pid=$!
wait_for_text out.txt dev
kill -HUP $pid
status=0
wait $pid || status=$?
expect_equal "status after an ignored SIGHUP" "$status" 0

# A terminal that is closed: SIGHUP, and nothing can be written to it any more.
if command -v script >/dev/null; then
    # shellcheck disable=SC2086
    TERM=xterm script -qc "$BIN/dptrain small.ini run.dir=closed $long train.steps=100000000" /dev/null \
        >/dev/null 2>&1 </dev/null &
    terminal=$!
    wait_for_text closed/log.txt dev
    kill -KILL $terminal
    wait_for_text closed/log.txt "by a signal"
    for _ in $(seq 100); do
        [ -e closed/run.lock ] || break
        sleep 0.05
    done
    [ ! -e closed/run.lock ] || fail "run.lock is left where a terminal was closed"
    stopped=$(sed -n 's/^stopped at step \([0-9,]*\) .* by a signal.*/\1/p' closed/log.txt | tr -d ,)
    expect_equal "step of the newest checkpoint after a closed terminal" "$(newest_step closed)" "$stopped"
fi

# Whose reader has stopped reading, as mpirun does after SIGTERM: the checkpoint does not wait for it.
mkfifo output
exec 3<>output
"$BIN/dptrain" small.ini run.dir=unread train.steps=100000000 train.log_every=1 >output 2>&1 &
pid=$!
wait_for_text unread/log.txt dev
lines=0
until [ "$lines" = "$(wc -l <unread/log.txt)" ]; do
    lines=$(wc -l <unread/log.txt)
    sleep 0.5
done
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
expect_equal "status after SIGTERM without a reader" "$status" 143
stopped=$(sed -n 's/^stopped at step \([0-9,]*\) .* by a signal.*/\1/p' unread/log.txt | tr -d ,)
expect_equal "step of its newest checkpoint" "$(newest_step unread)" "$stopped"
exec 3>&-

# Somebody who does not want to wait: here rank 0 cannot come to the end of its step.
rm -f out.txt
# shellcheck disable=SC2086
ranks 2 "$BIN/dptrain" small.ini run.dir=twice $long train.steps=100000000 parallel.deadline=60 \
    >out.txt 2>error.txt &
job=$!
wait_for_text out.txt dev
first=$(rank_process $job 0)
second=$(rank_process $job 1)
[ -n "$first" ] || skip "/proc does not tell the children of a process"
kill -STOP "$second"
kill -INT "$first"
sleep 1
kill -0 "$first" || fail "the first SIGINT was not waited for"
kill -INT "$first"
status=0
wait $job || status=$?
expect_equal "status after SIGINT twice ($(cat error.txt))" "$status" 130
expect_gone "$second"

# Time runs out in a run that would take much longer.
for count in 1 3; do
    run=limited_$count
    status=0
    began=$(date +%s%N)
    # shellcheck disable=SC2086
    ranks $count "$BIN/dptrain" small.ini run.dir=$run $long train.steps=100000000 \
        --max-time 3s >out.txt 2>error.txt || status=$?
    seconds=$((($(date +%s%N) - began) / 1000000000))
    expect_equal "status after --max-time on $count ranks ($(cat error.txt))" "$status" 75
    expect_equal "words of dptrain about it" "$(grep -c '^dptrain:' error.txt || true)" 0
    grep -q "stopped at step .* before --max-time is over" out.txt ||
        fail "--max-time: no word of where it stopped: $(cat out.txt)"
    expect_below "seconds of a run of 3, launching included" $seconds 8
    stopped=$(sed -n 's/stopped at step \([0-9,]*\).*/\1/p' out.txt | tr -d ,)
    [ -f "$run/checkpoints/step-$(printf %08d "$stopped").h5" ] ||
        fail "--max-time: no checkpoint of step $stopped: $(ls $run/checkpoints)"
done
