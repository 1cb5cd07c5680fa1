#!/usr/bin/env bash
# A rank that is killed takes the job with it, and nothing that was saved.
source "$(dirname "$0")/common.sh"
make_small_run
long="train.steps=200000 train.log_every=1000 checkpoint.every=1000"

# shellcheck disable=SC2086 # options
"$BIN/dptrain" small.ini run.dir=straight $long --stop-at 30000 >/dev/null

for victim in 0 2; do
    run=killed_$victim
    rm -f out.txt
    # shellcheck disable=SC2086
    ranks 3 "$BIN/dptrain" small.ini run.dir=$run $long >out.txt 2>error.txt &
    job=$!
    wait_for_text out.txt " 2,000 "
    process=$(rank_process $job $victim)
    [ -n "$process" ] || skip "/proc does not tell the children of a process"
    kill -KILL "$process"
    began=$SECONDS
    status=0
    wait $job || status=$?
    [ $status != 0 ] || fail "rank $victim was killed and the status is 0"
    expect_below "seconds until the end without rank $victim" $((SECONDS - began)) 20
    # shellcheck disable=SC2086
    ranks 2 "$BIN/dptrain" small.ini run.dir=$run $long --stop-at 30000 >again.txt
    grep -q "resumed at step" again.txt || fail "rank $victim was killed: not resumed"
    expect_equal "weights after rank $victim was killed" "$(weights $run)" "$(weights straight)"
    expect_equal "temporary files" "$(find $run -name '*.tmp')" ""
done
