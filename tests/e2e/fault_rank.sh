#!/usr/bin/env bash
# Each rank of three is killed or stopped at random moments: the job ends by itself, within the deadline
# and a few seconds, says which rank it was, and goes on elsewhere with the bits of a run that was left
# alone.
source "$(dirname "$0")/common.sh"
begin_rounds 6
: "${rounds:?}" "${fault_run:?}"
longest=0 exchange='' later=''

for round in $(seq "$rounds"); do
    signal=$([ $((round % 2)) = 0 ] && echo KILL || echo STOP)
    victim=$((round / 2 % 3))
    pick exchange shared tree
    run=run_$round
    what="round $round, SIG$signal of rank $victim, exchange $exchange"
    rm -f out.txt
    # shellcheck disable=SC2086 # options
    ranks 3 "$BIN/dptrain" small.ini run.dir=$run parallel.exchange=$exchange $fault_run \
        >out.txt 2>error.txt &
    job=$!
    wait_for_text out.txt " 2,000 "
    process=$(rank_process $job $victim)
    [ -n "$process" ] || skip "/proc does not tell the children of a process"
    sleep_random 1500
    kill -"$signal" "$process" || fail "$what: the run was over before: $(tail -n 3 out.txt)"
    began=$(date +%s%N)
    status=0
    wait $job || status=$?
    took=$((($(date +%s%N) - began) / 1000000))
    what="$what: ended after $took ms"
    [ $took -le $longest ] || longest=$took
    if [ "$signal" = STOP ]; then
        expect_equal "$what: status ($(cat error.txt))" "$status" 7
        expect_equal "$what: lines about it" "$(grep -c '^dptrain:' error.txt)" 1
        grep -Eq "^dptrain: rank $victim on $(uname -n) did not arrive within 3 s at step [0-9]+ \([a-z ]+\)" \
            error.txt || fail "$what: it says $(grep '^dptrain:' error.txt)"
    else
        expect_equal "$what: status ($(cat error.txt))" "$status" 137
        grep -q "rank $victim .* on signal 9" error.txt || fail "$what: it says $(cat error.txt)"
    fi
    expect_below "$what: milliseconds until the end" $took 15000
    expect_gone "$process"
    pick later 1 2 5
    expect_going_on "$what" "$run" "$later"
    rm -rf "$run"
done
echo "$rounds rounds; the longest way to the end took $longest ms"
