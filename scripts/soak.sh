#!/usr/bin/env bash
# soak.sh DURATION [SEED [FOLDER]]: trains a small config for so long (7200, 90m, 2h) while it is killed
# and started again, and looks whether anything is lost or grows.
#
#     scripts/soak.sh 2h                  # a seed of its own, which it prints; files in a folder in /tmp
#     scripts/soak.sh 10m 7 /tmp/soak     # the faults of seed 7
#
# A round is one start of a run on 1, 2, 3 or 5 ranks, and a fault at a random moment: SIGKILL of mpirun
# or of one rank, SIGTERM, SIGINT or SIGUSR1 to mpirun, or none. Then the same command goes on, until the
# run has ended; its weights and metrics must be those of a run that was left alone, and the next run
# begins, with another seed. FOLDER/log.txt gets a line a round and the summary. The exit status is 1
# where something was lost: other weights or metrics, a step before one that was saved, a start that did
# not end or ended in a way that its fault does not explain.
#
# BIN is where dptrain and pack_dataset are; without it the build of this checkout.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. scripts/env.sh
. scripts/processes.sh
root=$PWD
bin=${BIN:-$root/build/bin}

case ${1:-} in
*h) seconds=$((${1%h} * 3600)) ;;
*m) seconds=$((${1%m} * 60)) ;;
[0-9]*) seconds=${1%s} ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
seed=${2:-$RANDOM}
RANDOM=$seed
folder=${3:-$(mktemp -d /tmp/soak.XXXXXX)}
steps=${SOAK_STEPS:-200000}
limit=900 # seconds that a start may take before it counts as hanging, on a machine with other work
faults=(mpirun rank TERM INT USR1 none)
rank_counts=(1 2 3 5)

mkdir -p "$folder/tmp" && cd "$folder" || exit 1
# What mpirun keeps on disk while it runs, so that what it leaves when it is killed can be seen.
export TMPDIR=$folder/tmp OMPI_MCA_btl_vader_backing_directory=$folder/tmp

say() { # to the terminal and the log
    echo "$*" | tee -a log.txt
}

# Something that must not happen. What there is to see of it is kept.
ranks='' fault='' exchange='' # of the round
lost=0
lose() {
    lost=$((lost + 1))
    say "LOST: $*"
    rm -rf "lost_$lost"
    cp -r run "lost_$lost"
    cp out.txt error.txt "lost_$lost/"
}

make_config() {
    head -n 1500 "$root/data/names.txt" >small.txt
    "$bin/pack_dataset" small.txt >/dev/null || exit 1
    cat >small.ini <<END
[data]
path = small.h5
[model]
embedding_dim = 5
hidden_dim = 24
[train]
steps = $steps
batch_size = 33
optimizer = momentum
lr = 0.02
lr_milestones = $((steps / 2))
log_every = 1000
[eval]
every = 10000
splits = dev
[checkpoint]
every = 1000
[parallel]
deadline = 120
END
}

# --- looking -----------------------------------------------------------------------------------

# memory PROCESS FIELD: KiB of a field of /proc/PROCESS/status.
memory() {
    sed -n "s/^$2:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$1/status" 2>/dev/null
}

newest_checkpoint() {
    find run/checkpoints -name 'step-*.h5' 2>/dev/null | sed 's/.*step-0*\([0-9]\)/\1/; s/\.h5//' |
        sort -n | tail -n 1
}

# The step in "TEXT step 12,000" of out.txt, or nothing.
step_after() {
    sed -n "s/.*$1 step \([0-9,]*\).*/\1/p" out.txt | tail -n 1 | tr -d ,
}

weights() {
    grep -o '"weights":"[^"]*"' "$1/summary.json"
}

# --- a round -----------------------------------------------------------------------------------

# Starts the run on $ranks ranks; $job is then the process of mpirun, or the only rank.
start_run() {
    local launch=()
    [ "$ranks" = 1 ] && [ $((RANDOM % 2)) = 0 ] || launch=(mpirun -n "$ranks")
    "${launch[@]}" "$bin/dptrain" small.ini run.dir=run "train.seed=$run_seed" \
        parallel.exchange="$exchange" >out.txt 2>error.txt &
    job=$!
}

# Waits for the moment of the fault and meanwhile looks at the memory of the ranks. `peak` is the most
# of all ranks, `grown` what the memory of rank 0 has grown by since its first row of metrics.
peak=0 grown=0 heap_at_first=0
look_at_memory() {
    local process value
    for process in $(trainers "$job"); do
        value=$(memory "$process" VmHWM)
        [ "${value:-0}" -le "$peak" ] || peak=$value
    done
    process=$(trainers "$job" | head -n 1)
    value=$(memory "${process:-0}" RssAnon)
    if [ "${value:-0}" != 0 ] && grep -qs ' ms/step' out.txt; then
        [ "$heap_at_first" != 0 ] || heap_at_first=$value
        grown=$((value - heap_at_first))
    fi
}

now() { # milliseconds
    echo $(($(date +%s%N) / 1000000))
}

# cause FAULT: sends it; $family then holds the processes as they were.
cause() {
    local ranks_now victim
    family=$(family "$job")
    case $1 in
    none) ;;
    mpirun) kill -KILL "$job" ;;
    rank)
        ranks_now=$(trainers "$job")
        # shellcheck disable=SC2086
        pick victim ${ranks_now:-$job}
        kill -KILL "$victim"
        ;;
    *) kill -"$1" "$job" ;;
    esac 2>/dev/null
}

# Is this a way to end for a start with this fault? A signal that comes before dptrain is ready for it
# ends it as any program, and one that comes after the last step changes nothing. mpirun itself has
# been seen to die of SIGPIPE (141) after a SIGTERM that came while it was starting ranks.
explains() {
    case $fault:$status in
    *:0) ;;
    mpirun:137 | rank:137) ;;
    TERM:143 | TERM:141 | TERM:1 | INT:130 | INT:143 | INT:1 | USR1:138) ;;
    *) return 1 ;;
    esac
}

check_resumption() {
    local resumed
    resumed=$(step_after resumed\ at)
    if [ -n "$newest_before" ] && [ -n "$resumed" ] && [ "$resumed" != "$newest_before" ]; then
        lose "round $round resumed at $resumed where $newest_before was saved"
    elif [ -n "$newest_before" ] && grep -q 'run .*, new' out.txt; then
        lose "round $round began anew where $newest_before was saved"
    fi
    grep -q 'skipped:' out.txt && lose "round $round skipped a checkpoint"
}

# A start that says where it has stopped has a checkpoint of that step.
check_stop() {
    local stopped
    stopped=$(step_after stopped\ at)
    [ -z "$stopped" ] || [ "$stopped" = "$step" ] ||
        lose "round $round stopped at $stopped and saved $step"
}

check_end_of_run() {
    "$bin/dptrain" small.ini run.dir=reference --fresh "train.seed=$run_seed" >/dev/null
    [ "$(weights run)" = "$(weights reference)" ] ||
        lose "run $run_seed ended with $(weights run), undisturbed $(weights reference)"
    cmp -s <(exact_metrics run) <(exact_metrics reference) || lose "run $run_seed has other metrics"
    [ "$(files_of_run run)" = "$(files_of_run reference)" ] ||
        lose "run $run_seed has other files: $(find run -type f)"
    runs=$((runs + 1))
    run_seed=$((run_seed + 1))
    rm -rf run
}

play_round() {
    local moment began hang=""
    pick ranks "${rank_counts[@]}"
    pick fault "${faults[@]}"
    pick exchange shared tree
    moment=$((RANDOM % 6000 + 1))
    [ "$fault" != none ] || moment=$((1000 * limit))
    newest_before=$(newest_checkpoint)
    peak=0 grown=0 heap_at_first=0
    began=$(now)
    start_run
    while lives $job && [ $(($(now) - began)) -lt $moment ]; do
        look_at_memory
        sleep 0.1
    done
    cause "$fault"
    # shellcheck disable=SC2086 # processes
    if ! wait_for_end $job $family 2>/dev/null; then # the shell's own word of a killed job
        is_hang_of_mpirun $job && hang=", mpirun hung"
        kill -KILL $family 2>/dev/null
        [ -n "$hang" ] || lose "round $round did not end within $limit s after $fault"
    fi
    wait "$job" 2>/dev/null
    status=$?
    files=$(find run -type f 2>/dev/null | wc -l)
    kilobytes=$(du -sk run 2>/dev/null | cut -f1)
    left=$(find tmp -type f | wc -l)
    rm -rf tmp/*
    step=$(newest_checkpoint)
    say "$(date +%T) round $round ranks $ranks $exchange fault $fault$hang after $(($(now) - began)) ms" \
        "step ${step:-0} status $status rss $peak KiB grown $grown KiB files $files" \
        "size ${kilobytes:-0} KiB left $left"
    [ -n "$hang" ] || explains || lose "round $round ended with $status after $fault: $(tail -n 1 error.txt)"
    check_resumption
    check_stop
    [ $status != 0 ] || check_end_of_run
}

# --- the summary -------------------------------------------------------------------------------

# most FIELD LINES: the largest number behind a word of these lines of the log.
most() {
    sed -n "s/.* $1 \(-\{0,1\}[0-9]*\).*/\1/p" <<<"$2" | sort -n | tail -n 1
}

sum_up() {
    local all first last name
    all=$(grep ' round ' log.txt | grep -v LOST)
    first=$(head -n $(((round + 1) / 2)) <<<"$all")
    last=$(tail -n $(((round + 1) / 2)) <<<"$all")
    say "seed $seed: $round rounds, $runs runs of $steps steps ended, in $SECONDS s"
    for name in "${faults[@]}"; do
        say "  fault $name: $(grep -c " fault $name " <<<"$all") rounds"
    done
    say "  most memory of a rank: $(most rss "$first") KiB in the first half," \
        "$(most rss "$last") KiB in the second; grown within a start by $(most grown "$all") KiB"
    say "  most files in the run folder: $(most files "$first") and $(most files "$last")," \
        "size $(most size "$first") and $(most size "$last") KiB"
    say "  files that mpirun left behind when it was killed: up to $(most left "$all") a round"
    say "  starts that left mpirun waiting alone: $(grep -c ", mpirun hung" <<<"$all")"
    say "  lost: $lost"
}

rm -rf run log.txt
make_config
say "soak of $seconds s, seed $seed, in $folder, $("$bin/dptrain" --version)"
round=0 runs=0 run_seed=$seed
while [ $SECONDS -lt "$seconds" ]; do
    round=$((round + 1))
    play_round
done
sum_up
[ $lost = 0 ]
