# shellcheck shell=bash
# common.sh: what the end-to-end tests share. Sourced by each of them; CMake passes the folder of the
# programs, the source folder, and how to start ranks:
#   BIN  SOURCE  MPIEXEC ("mpiexec -n")  SHARED_DATA
set -euo pipefail
: "${BIN:?}" "${SOURCE:?}" "${MPIEXEC:?}"
source "$SOURCE/scripts/processes.sh"

folder=$(mktemp -d)
# What the test has left in the background ends with it.
leave() {
    local job
    for job in $(jobs -rp); do
        # shellcheck disable=SC2046 # one word a process
        kill $(family "$job") 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap leave EXIT
cd "$folder"

# What starts without a launcher has no daemon beside it, which takes 0.2 s; such processes must not come
# and go in one folder of MPI at the same moment.
export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_orte_tmpdir_base=$folder

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

skip() {
    echo "skipped: $*"
    exit 77
}

# expect_equal WHAT ACTUAL EXPECTED
expect_equal() {
    [ "$2" = "$3" ] || fail "$1: '$2', expected '$3'"
}

# expect_below WHAT ACTUAL BOUND: numbers
expect_below() {
    awk -v a="$2" -v b="$3" 'BEGIN { exit !(a + 0 == a && a <= b) }' ||
        fail "$1: $2, expected at most $3"
}

# distance A B: the absolute difference of two numbers.
distance() {
    awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; print (d < 0 ? -d : d) }'
}

# ranks N COMMAND...: on N ranks; on one without a launcher, as both must do the same.
ranks() {
    local count=$1
    shift
    if [ "$count" = 1 ]; then
        "$@"
    else
        # shellcheck disable=SC2086 # a program and its flag
        $MPIEXEC "$count" "$@"
    fi
}

# pack_refuses STATUS TEXT ARGUMENTS...: pack_dataset ends with the status and one line that has the text, and
# leaves no file.
pack_refuses() {
    local wanted=$1 text=$2 status=0
    shift 2
    "$BIN/pack_dataset" "$@" -o refused.h5 >out.txt 2>error.txt || status=$?
    expect_equal "status of: $* ($(cat error.txt))" "$status" "$wanted"
    expect_equal "lines about: $*" "$(wc -l <error.txt)" 1
    grep -qF -- "$text" error.txt || fail "'$*' says '$(cat error.txt)', without '$text'"
    # shellcheck disable=SC2010
    expect_equal "files after: $*" "$(ls | grep -e tmp -e refused || true)" ""
}

# expect_refusal STATUS TEXT RANKS COMMAND...: it ends with the status and one line that has the text.
expect_refusal() {
    local wanted=$1 text=$2 count=$3 status=0
    shift 3
    ranks "$count" "$@" >out.txt 2>error.txt </dev/null || status=$?
    expect_equal "status of: $*" "$status" "$wanted"
    expect_equal "lines about: $* ($(cat error.txt))" "$(grep -c '^dptrain:' error.txt)" 1
    grep -qF -- "$text" error.txt || fail "'$*' says '$(cat error.txt)', without '$text'"
}

# field FILE NAME: a number or text of a JSON file, by the name of its innermost key; the first one.
field() {
    grep -o "\"$2\":[^,}]*" "$1" | head -n 1 | cut -d: -f2- | tr -d '"'
}

# loss FILE SPLIT: of summary.json or `eval --json`.
loss() {
    grep -o "\"$2\":{\"loss\":[^,]*" "$1" | cut -d: -f3
}

# weights RUN: the hash of a run's newest checkpoint, finished or not.
weights() {
    "$BIN/dptrain" info "$(find "$1/checkpoints" -name 'step-*.h5' | LC_ALL=C sort | tail -n 1)" \
        --json | grep -o '"weights":"[^"]*"'
}

# wait_for_text FILE TEXT: until a background process has written it there; at most two minutes. FILE must
# not be there before: it would be looked at while the shell in the background has yet to empty it.
wait_for_text() {
    for _ in $(seq 2400); do
        ! grep -qsF -- "$2" "$1" || return 0
        sleep 0.05
    done
    fail "no '$2' in $1: $(cat "$1")"
}

# rank_process JOB RANK: the process of a rank below a launcher in the background, or nothing.
rank_process() {
    local process
    for process in $(family "$1"); do
        if grep -qzx "OMPI_COMM_WORLD_RANK=$2" "/proc/$process/environ" 2>/dev/null; then
            echo "$process"
            return 0
        fi
    done
}

# expect_gone PROCESS
expect_gone() {
    for _ in $(seq 100); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.05
    done
    fail "process $1 is still there"
}

# exact_record RUN: the columns of its metrics.csv that no rank count and no clock may change, and the loss
# of each step.
exact_columns() {
    cut -d, -f1-8,12 "$1/metrics.csv"
}
exact_record() {
    exact_columns "$1"
    od -An -v -tx1 "$1/losses.f32"
}

# A small dataset and a small config, for tests of behaviour rather than of results.
make_small_run() {
    head -n 1500 "$SOURCE/data/names.txt" >small.txt
    "$BIN/pack_dataset" small.txt >/dev/null
    cat >small.ini <<'EOF'
[data]
path = small.h5
[model]
embedding_dim = 5
hidden_dim = 24
[train]
steps = 3000
batch_size = 33
lr_milestones = 2000
log_every = 250
[eval]
every = 500
splits = dev
[checkpoint]
every = 500
EOF
}

# For tests that cause faults at random moments, in many rounds. DPTRAIN_FAULT_ROUNDS says how many
# (begin_rounds N: N unless set), DPTRAIN_FAULT_SEED which (1); a run of 200,000 steps that was left alone is
# in straight/. Steps take long enough that it has more of them than a run takes in some seconds, and that
# their lines fit in the buffer of the output while mpirun, waiting for its ranks to end, takes none:
# the tests read them there.
fault_run="model.hidden_dim=300 train.steps=200000 train.log_every=1000 eval.every=1000 checkpoint.every=2000 \
    parallel.deadline=3"
begin_rounds() {
    rounds=${DPTRAIN_FAULT_ROUNDS:-$1}
    RANDOM=${DPTRAIN_FAULT_SEED:=1}
    echo "$rounds rounds, DPTRAIN_FAULT_SEED=$DPTRAIN_FAULT_SEED"
    make_small_run
    # shellcheck disable=SC2086 # options
    "$BIN/dptrain" small.ini run.dir=straight $fault_run checkpoint.every=200000 >/dev/null
}

# sleep_random MILLISECONDS: up to so many.
sleep_random() {
    local milliseconds=$((RANDOM % $1))
    sleep "$((milliseconds / 1000)).$(printf %03d $((milliseconds % 1000)))"
}

# newest_step RUN: of its newest checkpoint; 0 where there is none yet.
newest_step() {
    (echo 0 && find "$1/checkpoints" -name 'step-*.h5' | sed 's/.*step-0*\([0-9]\)/\1/; s/\.h5//') | sort -n |
        tail -n 1
}

# expect_going_on WHAT RUN RANKS: the same command goes on from the newest checkpoint, and its rows are
# those of the run that was left alone.
expect_going_on() {
    local newest end
    newest=$(newest_step "$2")
    end=$((newest / 1000 * 1000 + 2000))
    # shellcheck disable=SC2086
    ranks "$3" "$BIN/dptrain" small.ini run.dir="$2" $fault_run --stop_at $end >again.txt 2>&1 ||
        fail "$1: the same command on $3 ranks ends with $?: $(cat again.txt)"
    [ "$newest" = 0 ] || grep -q "resumed at step" again.txt || fail "$1: not resumed: $(cat again.txt)"
    exact_columns "$2" >got.txt
    exact_columns straight | sed -n "1,$((end / 1000 + 1))p" >wanted.txt
    cmp -s got.txt wanted.txt || fail "$1: other rows after resuming: $(diff got.txt wanted.txt | sed 5q)"
    cmp "$2/losses.f32" <(head -c $((16 + 4 * end)) straight/losses.f32) ||
        fail "$1: other losses after resuming"
    echo "$1: well, at step $newest"
}
