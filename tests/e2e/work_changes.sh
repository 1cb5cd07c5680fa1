#!/usr/bin/env bash
# The ranks at work change at random every few steps, by a hook for tests: whatever is exchanged, updated or
# split, and wherever a run is stopped and resumed, the bits are those of one rank, and so is the record. A
# signal, a failure and the end find all ranks, wherever they are.
source "$(dirname "$0")/common.sh"
make_small_run
export DPTRAIN_WORK_CHANGES=30
awk 'BEGIN { for (i = 0; i < 9000; i++) printf "w%d%s", (i * i + i / 7) % 1997, i % 9 == 8 ? "\n" : " " }' >words.txt
"$BIN/pack_dataset" words.txt --unit word >/dev/null

declare -A keys=(
    [sgd]=""
    [adamw]="train.optimizer=adamw train.lr=0.01 train.weight_decay=0.01 train.clip_norm=0.3"
    [lazy]="data.path=words.h5 parallel.output=split train.optimizer=adamw train.lr=0.01 train.embedding_update=lazy"
    [clipped]="data.path=words.h5 parallel.output=split train.optimizer=nesterov train.lr=0.05 train.clip_norm=0.3"
    [replicated]="data.path=words.h5 parallel.output=replicated train.optimizer=adamw train.lr=0.01"
)
common="train.steps=90 train.log_every=20 eval.every=30 checkpoint.every=40"

# train RUN RANKS NAME KEYS...
train() {
    local run=$1 count=$2 name=$3
    shift 3
    # shellcheck disable=SC2086 # lists of keys
    ranks "$count" "$BIN/dptrain" small.ini $common run.dir="$run" ${keys[$name]} "$@" >"$run.txt" ||
        fail "$run ends with $?"
}

# expect_same RUN OF
expect_same() {
    expect_equal "weights of $1" "$(weights "$1")" "$(weights "$2")"
    cmp <(exact_record "$1") <(exact_record "$2") || fail "$1 has another record than $2"
}

for name in "${!keys[@]}"; do
    train "$name" 1 "$name"
    train "$name.shared" 3 "$name"
    expect_same "$name.shared" "$name"
done
train adamw.tree 3 adamw parallel.exchange=tree
expect_same adamw.tree adamw
DPTRAIN_RANKS_PER_NODE=2 train clipped.hosts 5 clipped
expect_same clipped.hosts clipped
for count in 5 12; do
    train "lazy.$count" $count lazy
    expect_same "lazy.$count" lazy
done
train sgd.8 8 sgd
expect_same sgd.8 sgd
[ "$(cut -d, -f14 ./*/metrics.csv | sort -u | wc -l)" -ge 5 ] || fail "the ranks at work did not change"

# Stopped, and resumed on other ranks.
train parts 5 adamw --stop-at 33
train parts 3 adamw parallel.exchange=tree --stop-at 61
train parts 8 adamw
expect_same parts adamw

# All ranks come to the same end.
expect_refusal 8 "not finite at step" 5 "$BIN/dptrain" small.ini run.dir=bad train.lr=1e38
for rank in 0 4; do
    rm -f out.txt
    $MPIEXEC 5 "$BIN/dptrain" small.ini run.dir=signal$rank train.steps=100000000 parallel.deadline=60 \
        >out.txt 2>error.txt &
    job=$!
    wait_for_text out.txt " 250 "
    process=$(rank_process $job $rank)
    [ -n "$process" ] || skip "/proc does not tell the children of a process"
    kill -USR1 "$process"
    status=0
    wait $job || status=$?
    expect_equal "status of SIGUSR1 to rank $rank ($(cat error.txt))" "$status" 138
    grep -q "^stopped at step .* by a signal" out.txt || fail "no word of where it stopped"
done
ranks 4 "$BIN/dptrain" bench small.ini --seconds 0 >/dev/null
# shellcheck disable=SC2086
ranks 4 "$BIN/dptrain" small.ini $common run.dir=traced --trace trace.json >/dev/null
expect_equal "ranks in the trace" "$(grep -o '"tid":[0-9]*' trace.json | sort -u | wc -l)" 4
