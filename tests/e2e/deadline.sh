#!/usr/bin/env bash
# A rank that stops answering: the job ends by itself and names that rank, not one that waits for it;
# afterwards the run goes on as if nothing had been. A job that was suspended as a whole has missed
# nothing.
source "$(dirname "$0")/common.sh"
make_small_run
long="train.steps=200000 train.log_every=1000 checkpoint.every=1000 parallel.deadline=3"

# shellcheck disable=SC2086 # options
ranks 3 "$BIN/dptrain" small.ini run.dir=straight $long --stop-at 30000 >/dev/null

for exchange in shared tree mpi; do
    run=stopped_$exchange
    rm -f out.txt
    # shellcheck disable=SC2086
    ranks 3 "$BIN/dptrain" small.ini run.dir=$run parallel.exchange=$exchange $long \
        >out.txt 2>error.txt &
    job=$!
    wait_for_text out.txt " 2,000 "
    stopped=$(rank_process $job 1)
    [ -n "$stopped" ] || skip "/proc does not tell the children of a process"
    kill -STOP "$stopped"
    began=$SECONDS
    if [ $exchange = shared ]; then # rank 2 misses it a second after rank 0 has called, who is slow to say so
        first=$(rank_process $job 0) third=$(rank_process $job 2)
        sleep 0.2
        kill -STOP "$third" # of more than a second only one counts
        sleep 2
        kill -CONT "$third"
        sleep 1.6
        kill -STOP "$first"
        sleep 2.8
        kill -CONT "$first"
    elif [ $exchange = tree ]; then # rank 0 misses it long after rank 2, and before mpirun ends them
        first=$(rank_process $job 0)
        launcher=$(ps -o ppid= -p "$first")
        # shellcheck disable=SC2086 # a number behind blanks
        kill -STOP "$first" $launcher
        sleep 4
        kill -CONT "$first"
        sleep 5.5
        # shellcheck disable=SC2086
        kill -CONT $launcher
    fi
    status=0
    wait $job || status=$?
    expect_equal "status with $exchange ($(cat error.txt))" "$status" 7
    expect_below "seconds until the end with $exchange" $((SECONDS - began)) 15
    expect_equal "lines about it with $exchange ($(cat error.txt))" "$(grep -c '^dptrain:' error.txt)" 1
    # While MPI's own reduction is under way the roll call of one rank has been seen not to reach
    # another, so that rank 2, which only waits, may be named beside rank 1.
    also=$([ $exchange != mpi ] || echo "(, rank 2 on $(uname -n))?")
    grep -Eq "^dptrain: rank 1 on $(uname -n)$also did not arrive within 3 s at step [0-9]+ \([a-z ]+\)" \
        error.txt || fail "with $exchange it says: $(grep '^dptrain:' error.txt)"
    [ $exchange != shared ] || grep -q "; rank 0 on $(uname -n) ends the job" error.txt ||
        fail "another than who has called the roll ends the job: $(cat error.txt)"
    expect_gone "$stopped"
    [ $exchange != mpi ] || continue # promises no bits
    # shellcheck disable=SC2086
    ranks 3 "$BIN/dptrain" small.ini run.dir=$run $long --stop-at 30000 >again.txt
    grep -q "resumed at step" again.txt || fail "$exchange: not resumed"
    expect_equal "weights after $exchange" "$(weights $run)" "$(weights straight)"
done

# As by a batch system that makes room, or by Ctrl-Z: for longer than the deadline.
rm -f out.txt
# shellcheck disable=SC2086
ranks 3 "$BIN/dptrain" small.ini run.dir=suspended $long --stop-at 30000 >out.txt 2>error.txt &
job=$!
wait_for_text out.txt " 2,000 "
first=$(rank_process $job 0) second=$(rank_process $job 1) third=$(rank_process $job 2)
kill -STOP "$first"
sleep 0.3 # the others wait for it now
kill -STOP "$second" "$third"
sleep 6
kill -CONT "$second"
sleep 0.3
kill -CONT "$first" "$third"
status=0
wait $job || status=$?
expect_equal "status of a job that was suspended ($(cat error.txt))" "$status" 0
expect_equal "weights of a job that was suspended" "$(weights suspended)" "$(weights straight)"

# Every phase that a message may name is on the page.
page=$(tr '\n' ' ' <"$SOURCE/docs/reliability.md" | sed 's/.*The phase is \([^.]*\)\..*/\1/')
sed -n 's/.*dp_comm_set_place([^"]*"\([^"]*\)".*/\1/p; s/.*phase = "\([^"]*\)".*/\1/p' \
    "$SOURCE"/src/*/*.c | sort -u >phases.txt
expect_below "kinds of phases" 8 "$(wc -l <phases.txt)"
while read -r phase; do
    [[ $page == *"\`$phase\`"* ]] || fail "reliability.md does not tell the phase '$phase', only: $page"
done <phases.txt
