# shellcheck shell=bash
# processes.sh: what soak.sh, attack.sh and the tests know of the processes of a job, and how they draw. Sourced by
# all.

# The processes below one, and it.
family() {
    local child
    echo "$1"
    # shellcheck disable=SC2013 # the file has words, on no line of their own
    for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
        family "$child"
    done
}

# Those of them that train.
trainers() {
    local process
    for process in $(family "$1"); do
        [ "$(cat "/proc/$process/comm" 2>/dev/null)" != dptrain ] || echo "$process"
    done
}

# Is the process there, and no zombie?
lives() {
    case $(sed -n 's/^State:[^A-Z]*\([A-Z]\).*/\1/p' "/proc/$1/status" 2>/dev/null) in
    "" | Z) return 1 ;;
    esac
}

# Whether a process other than mpirun itself is there, of those below it or those that were.
others_live() { # MPIRUN PROCESS...
    local process
    for process in "${@:2}" $(family "$1"); do
        ! lives "$process" || [ "$(cat "/proc/$process/comm" 2>/dev/null)" = mpirun ] || return 0
    done
    return 1
}

# Waits until all of them have ended; false after $limit seconds, or where mpirun has been alone for half a minute.
wait_for_end() { # MPIRUN PROCESS...
    local end=$((SECONDS + ${limit:?})) alone=$SECONDS
    while lives "$1" || others_live "$@"; do
        ! others_live "$@" || alone=$SECONDS
        [ $SECONDS -lt $end ] && [ $((SECONDS - alone)) -lt 30 ] || return 1
        sleep 0.2
    done
}

# Open MPI's own, where a rank has died in its first tenth of a second: mpirun alone is there, which has said in
# out.txt what there is, and waits for ever (docs/reliability.md, "Not promised").
is_hang_of_mpirun() { # MPIRUN
    ! others_live "$1" && ! grep -qv '^mpirun: ' out.txt
}

# pick NAME WORD...: the variable becomes one of the words, which RANDOM decides; in $(...) that would not be the
# one that was seeded.
pick() {
    local picked=$1
    shift
    shift $((RANDOM % $#))
    printf -v "$picked" %s "$1"
}

# The columns of the metrics of a run that are no times, and the loss of each step.
exact_metrics() {
    cut -d, -f1-8 "$1/metrics.csv"
    od -An -v -tx1 "$1/losses.f32"
}

# Which files there are; the steps of older checkpoints depend on where a run was stopped.
files_of_run() { # RUN
    (cd "$1" && find . -type f | sed 's/step-[0-9]*/step/' | sort)
}
