#!/usr/bin/env bash
# attack.sh [KILLS [SIGNALS [STOPS [SEED [FOLDER]]]]]: that many short jobs (300, 300 and 60) are killed, asked
# to end, or have a rank stopped, at random moments of every phase; then the same command on another number of
# ranks ends with what a job has that was left alone, or something is lost.
#
#     scripts/attack.sh                     # a seed of its own, which it prints; files in a folder in /tmp
#     scripts/attack.sh 10 10 2 7           # a few, those of seed 7
#     scripts/attack.sh round 12 kill 7     # round 12 of seed 7 alone, in the folder of this shell, as another
#                                           # attack has left it
#
# A round is one job on 1, 3, 4 or 6 ranks. Its phase says which, and about when: startup, training, evaluation,
# checkpoint (a run that does little else then), shutdown, sweep, eval. A kill is SIGKILL, a signal TERM, INT,
# HUP, USR1 or USR2, of mpirun or of a rank; a stop is SIGSTOP of a rank, which ends the job by the deadline,
# where there is somebody to miss it, and is taken back five seconds later. ATTACK_DEADLINE is that deadline (10 s:
# more on a machine with much other work, where ranks are late that nobody has stopped). ATTACK_JOBS rounds are
# played at once (2), and none begins once ATTACK_SECONDS are over. FOLDER/log.txt gets a line a round. The exit
# status is 1 where something was lost: other weights, metrics, losses, tables or files, an end that the fault does
# not explain, or none.
set -uo pipefail
script=$(readlink -f "${BASH_SOURCE[0]}")
root=$(dirname "$(dirname "$script")")
cd_back=$PWD
cd "$root" || exit 1
. scripts/env.sh
. scripts/processes.sh
bin=${BIN:-$root/build/bin}
cd "$cd_back" || exit 1
deadline=${ATTACK_DEADLINE:-10}
limit=300 # seconds that a job may take before it counts as hanging, on a machine with other work
phases=(startup training evaluation checkpoint shutdown sweep eval)

make_files() {
    head -n 1500 "$root/data/names.txt" >small.txt
    "$bin/pack_dataset" small.txt >/dev/null || exit 1
    cat >small.ini <<END
[data]
path = small.h5
[model]
embedding_dim = 4
hidden_dim = 16
[train]
steps = 1200
batch_size = 24
optimizer = momentum
lr = 0.02
log_every = 100
[eval]
every = 400
splits = dev
[checkpoint]
every = 200
[parallel]
deadline = $deadline
[run]
dir = run
END
    cat >sweep.ini <<END
[sweep]
config = small.ini
dir    = run
[trials]
columns = train.lr
low     = 0.01
high    = 0.05
END
    for phase in training evaluation checkpoint; do
        # shellcheck disable=SC2046 # settings
        "$bin/dptrain" small.ini run.dir="undisturbed.$phase" $(settings $phase) >/dev/null || exit 1
    done
    "$bin/dptrain" sweep sweep.ini sweep.dir=undisturbed.sweep >/dev/null || exit 1
    "$bin/dptrain" eval --ckpt undisturbed.training --json >undisturbed.eval || exit 1
}

# What makes a run spend its time in a phase.
settings() { # PHASE
    case $1 in
    evaluation) echo eval.every=10 eval.splits=train,dev,test train.steps=600 ;;
    checkpoint) echo checkpoint.every=2 train.steps=400 ;;
    esac
}

# The phase of training whose files the job is to end with.
files_of() { # PHASE
    case $1 in
    evaluation | checkpoint | sweep) echo "$1" ;;
    *) echo training ;;
    esac
}

lose() {
    echo "LOST: round $round $kind $phase ranks ${ranks:?}: $*"
    touch keep
    exit 1
}

# --- a round -----------------------------------------------------------------------------------

# job RANKS: the command of the phase becomes this process.
job() {
    local launch=()
    [ "$1" = 1 ] || launch=(mpirun -n "$1")
    # shellcheck disable=SC2046 # settings
    case $phase in
    sweep) exec "${launch[@]}" "$bin/dptrain" sweep sweep.ini ;;
    eval) exec "${launch[@]}" "$bin/dptrain" eval --ckpt ../undisturbed.training --json ;;
    *) exec "${launch[@]}" "$bin/dptrain" small.ini $(settings "$phase") parallel.exchange="${exchange:?}" ;;
    esac
}

# sleep_below MILLISECONDS: up to so many.
sleep_below() {
    local milliseconds=$((RANDOM * 32768 + RANDOM))
    milliseconds=$((milliseconds % $1))
    sleep "$((milliseconds / 1000)).$(printf %03d $((milliseconds % 1000)))"
}

# Until the text is in out.txt, or the job is over.
wait_for() { # JOB TEXT
    while lives "$1" && ! grep -qs -- "$2" out.txt; do
        sleep 0.02
    done
}

# Waits for the moment; how long a job takes depends on its ranks.
wait_for_moment() { # JOB
    case $phase in
    startup) sleep_below $((150 + 100 * ranks)) ;;
    shutdown)
        wait_for "$1" '^  *phase '
        sleep_below $((40 + 40 * ranks))
        ;;
    eval | sweep) sleep_below $((300 + 200 * ranks)) ;;
    *)
        wait_for "$1" '^  *step '
        sleep_below $((100 + 300 * ranks))
        ;;
    esac
}

# Is this a way to end? A signal that comes before dptrain is ready for it ends it as any program, one to eval does
# always, and one that comes after the last step changes nothing. mpirun says 1 after TERM and INT, passes them and
# HUP on as TERM, and has been seen to die of SIGPIPE (141), also where a rank of eval was ended; of a rank that a
# signal has ended while it joined, or while it left after its run had come to its end, it may say 1, too.
explains() { # STATUS
    [ "$kind:$1" != signal:1 ] || { [ -e run ] && [ ! -e run/summary.json ]; } || return 0
    [ "$kind:$phase:$1" != signal:eval:141 ] || [ "$ranks" = 1 ] || return 0
    case $kind:$name:$1 in
    *:0 | kill:*:137) ;;
    stop:*:7) [ "$ranks" != 1 ] ;;
    signal:TERM:143 | signal:INT:130 | signal:HUP:129 | signal:USR1:138 | signal:USR2:140) ;;
    signal:TERM:1* | signal:INT:1* | signal:HUP:1*) case $1 in 1 | 141 | 143) [ "$target" = mpirun ] ;; *) false ;; esac ;;
    *) false ;;
    esac
}

compare() {
    local wanted
    wanted=../undisturbed.$(files_of "$phase")
    case $phase in
    eval) cmp -s again.txt ../undisturbed.eval || lose "another result: $(cat again.txt)" ;;
    sweep) cmp -s run/results.csv "$wanted/results.csv" || lose "another table" ;;
    *)
        [ "$(grep -o '"weights":"[^"]*"' run/summary.json)" = "$(grep -o '"weights":"[^"]*"' "$wanted/summary.json")" ] ||
            lose "other weights"
        cmp -s <(exact_metrics run) <(exact_metrics "$wanted") || lose "other metrics or losses"
        [ "$(files_of_run run)" = "$(files_of_run "$wanted")" ] ||
            lose "other files: $(find run -type f)"
        ;;
    esac
}

play_round() {
    local job_process processes ranks_now victim status resumed hang=""
    job "$ranks" >out.txt 2>error.txt </dev/null &
    job_process=$!
    wait_for_moment $job_process
    mapfile -t processes < <(family $job_process)
    victim=$job_process
    mapfile -t ranks_now < <(trainers $job_process)
    [ "$target" = mpirun ] || [ ${#ranks_now[@]} = 0 ] || pick victim "${ranks_now[@]}"
    kill -"$name" "$victim" 2>/dev/null
    if [ "$kind" = stop ]; then
        for _ in $(seq $((10 * deadline + 50))); do
            lives $job_process || break
            sleep 0.1
        done
        kill -CONT "$victim" 2>/dev/null
    fi
    if ! wait_for_end "${processes[@]}"; then
        [ ! -e run ] && is_hang_of_mpirun "$job_process" && hang=", mpirun hung"
        kill -KILL "${processes[@]}" 2>/dev/null
        [ -n "$hang" ] || lose "no end within $limit s after $name to $target"
    fi
    wait $job_process 2>/dev/null
    status=$?
    [ -n "$hang" ] || explains $status || lose "status $status after $name to $target: $(tail -n 2 error.txt)"
    pick resumed 1 2 3 4 5 6
    (job "$resumed") >again.txt 2>again_error.txt </dev/null ||
        lose "the same command on $resumed ranks ends with $?: $(tail -n 2 again_error.txt)"
    ! grep -q 'skipped:' again.txt || lose "a damaged checkpoint"
    compare
    echo "round $round $kind $phase ranks $ranks $name to $target status $status$hang, resumed on $resumed: well"
}

# Of a fault that is one of its kind; all else is drawn.
begin_round() { # NUMBER KIND SEED
    round=$1 kind=$2
    RANDOM=$((($3 * 7919 + $1 * 17 + $(wc -c <<<"$kind")) % 32768))
    phase=${phases[$((round % ${#phases[@]}))]}
    pick ranks 1 3 4 6
    pick exchange shared tree
    pick target mpirun rank
    [ "$ranks" != 1 ] || target=rank
    case $kind in
    kill) name=KILL ;;
    signal) pick name TERM INT HUP USR1 USR2 ;;
    stop) name=STOP target=rank ;;
    esac
    rm -rf "round.$round.$kind"
    mkdir "round.$round.$kind" && cd "round.$round.$kind" || exit 1
    ln -s ../small.h5 ../small.ini ../sweep.ini .
    mkdir tmp
    # What mpirun keeps while it runs goes with the folder, and jobs do not meet there.
    export TMPDIR=$PWD/tmp OMPI_MCA_orte_tmpdir_base=$PWD/tmp OMPI_MCA_btl_vader_backing_directory=$PWD/tmp
}

if [ "${1:-}" = round ]; then
    shift
    [ "$(date +%s)" -lt "${ATTACK_END:-9999999999}" ] || exit 0
    begin_round "$@"
    play_round 2>noise.txt # the shell's own words of killed jobs
    status=$?
    cd ..
    [ -e "round.$round.$kind/keep" ] || rm -rf "round.$round.$kind"
    exit $status
fi

# --- all ---------------------------------------------------------------------------------------

# of WORD...: how many rounds went well whose lines have all these words
of() {
    local lines word
    lines=$(grep ": well$" log.txt)
    for word in "$@"; do
        lines=$(grep " $word " <<<"$lines")
    done
    grep -c . <<<"$lines"
}

table() { # WORD...
    local word
    for word in "$@"; do
        echo "  $word: $(of "$word" kill) kills, $(of "$word" signal) signals, $(of "$word" stop) stops"
    done
}

kills=${1:-300} signals=${2:-300} stops=${3:-60} seed=${4:-$RANDOM}
folder=${5:-$(mktemp -d /tmp/attack.XXXXXX)}
mkdir -p "$folder" && cd "$folder" || exit 1
make_files
export ATTACK_END=$(($(date +%s) + ${ATTACK_SECONDS:-1000000}))
echo "attack of seed $seed in $folder, $("$bin/dptrain" --version)"
{
    seq -f "round %g kill $seed" "$kills"
    seq -f "round %g signal $seed" "$signals"
    seq -f "round %g stop $seed" "$stops"
} | sort -s -n -k 2,2 | xargs -P "${ATTACK_JOBS:-2}" -L 1 "$script" 2>&1 | tee log.txt | grep --line-buffered "^LOST"
wells=$(grep -c "^round .*: well$" log.txt)
echo "$wells rounds of $((kills + signals + stops)) went well, in $SECONDS s; lost: $(grep -c '^LOST' log.txt)"
echo "  mpirun hung before its ranks had joined: $(grep -c "mpirun hung" log.txt)"
table "${phases[@]}" "ranks 1" "ranks 3" "ranks 4" "ranks 6"
[ -z "$(find . -maxdepth 1 -name 'round.*')" ] || exit 1 # what went well is removed
[ -n "${5:-}" ] || rm -rf "$folder"
