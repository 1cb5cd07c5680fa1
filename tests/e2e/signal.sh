#!/usr/bin/env bash
# A run that is asked to end does so with a checkpoint, and goes on as if nothing had been.
source "$(dirname "$0")/common.sh"
make_small_run
"$BIN/dptrain" small.ini run.dir=straight train.steps=60000 train.log_every=5000 >/dev/null

for signal in TERM INT; do
    run=run_$signal
    "$BIN/dptrain" small.ini run.dir=$run train.steps=60000 train.log_every=5000 >out.txt 2>&1 &
    pid=$!
    for _ in $(seq 200); do
        grep -qs "dev" out.txt && break
        sleep 0.05
    done
    kill -"$signal" "$pid"
    status=0
    wait "$pid" || status=$?
    expect_equal "status after SIG$signal" "$status" $((128 + $(kill -l "$signal")))
    grep -q "stopped at step" out.txt || fail "SIG$signal: no word of where it stopped"
    ranks 3 "$BIN/dptrain" small.ini run.dir=$run train.steps=60000 train.log_every=5000 >again.txt
    grep -q "resumed at step" again.txt || fail "SIG$signal: not resumed"
    expect_equal "weights after SIG$signal" "$(field $run/summary.json weights)" \
        "$(field straight/summary.json weights)"
done
