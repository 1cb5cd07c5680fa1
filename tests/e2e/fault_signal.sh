#!/usr/bin/env bash
# A job under mpirun is asked to end at random moments, through mpirun or through one of its ranks: it
# saves the step where it is, ends with the status of the signal, and goes on elsewhere with the bits of a
# run that was left alone. Where SIGTERM or SIGINT is sent to mpirun, it passes on a SIGTERM, waits
# odls_base_sigkill_timeout seconds before and after it, 1 unless set, and says 1 or 143 itself.
source "$(dirname "$0")/common.sh"
export OMPI_MCA_odls_base_sigkill_timeout=3
begin_rounds 6
count='' exchange='' later=''
cases=(mpirun:USR1 mpirun:TERM mpirun:INT rank:USR1 rank:TERM rank:INT)

for round in $(seq "$rounds"); do
    case_=${cases[$((round % ${#cases[@]}))]}
    target=${case_%:*} signal=${case_#*:}
    pick count 2 3
    pick exchange shared tree
    run=run_$round
    what="round $round, SIG$signal to $target, $count ranks, exchange $exchange"
    rm -f out.txt
    # Not by ranks(): its process in the background would be a shell, and the signal is for mpirun.
    # shellcheck disable=SC2086 # options
    $MPIEXEC "$count" "$BIN/dptrain" small.ini run.dir=$run parallel.exchange=$exchange $fault_run \
        parallel.deadline=60 train.steps=100000000 >out.txt 2>error.txt &
    job=$!
    wait_for_text out.txt " 1,000 "
    process=$job
    if [ "$target" = rank ]; then
        process=$(rank_process $job $((RANDOM % count)))
        [ -n "$process" ] || skip "/proc does not tell the children of a process"
    fi
    sleep_random 1500
    kill -"$signal" "$process"
    status=0
    wait $job || status=$?
    wanted=$((128 + $(kill -l "$signal")))
    if [ "$target" = mpirun ] && [ "$signal" != USR1 ]; then
        wanted=143 # of the SIGTERM that its ranks get
        [ $status != 1 ] || wanted=1
    fi
    expect_equal "$what: status ($(cat error.txt))" "$status" $wanted
    stopped=$(sed -n 's/^stopped at step \([0-9,]*\) .* by a signal.*/\1/p' out.txt | tr -d ,)
    [ -n "$stopped" ] || fail "$what: no word of where it stopped: $(tail -n 3 out.txt)"
    expect_equal "$what: step of the newest checkpoint" "$(newest_step "$run")" "$stopped"
    [ "$stopped" -lt 198000 ] || fail "$what: more steps than the straight run has, $stopped"
    pick later 1 3 5
    expect_going_on "$what" "$run" "$later"
    rm -rf "$run"
done
