#!/usr/bin/env bash
# The same bits at any rank count: weights, every loss and every hash of the run.
source "$(dirname "$0")/common.sh"
make_small_run

for count in 1 2 3 5 7 8; do
    ranks "$count" "$BIN/dptrain" small.ini run.dir="np$count" >"np$count.txt"
    ranks "$count" "$BIN/dptrain" eval --ckpt "np$count" --json >"eval$count.json"
done
for count in 2 3 5 7 8; do
    expect_equal "weights on $count ranks" "$(field "np$count/summary.json" weights)" \
        "$(field np1/summary.json weights)"
    cmp <(exact_record "np$count") <(exact_record np1) ||
        fail "the record on $count ranks differs"
    cmp "eval$count.json" eval1.json || fail "eval on $count ranks differs"
done
expect_equal "rows of metrics.csv" "$(wc -l <np1/metrics.csv)" 13

# losses.f32 has the loss of each step, at its place.
expect_equal "size of losses.f32" "$(stat -c %s np1/losses.f32)" $((16 + 4 * 3000))
while IFS=, read -r step _ batch_loss _; do
    awk -v a="$(od -An -tf4 -N4 -j $((12 + 4 * step)) np1/losses.f32)" -v b="$batch_loss" \
        'BEGIN { exit !(a - b < 1e-6 && b - a < 1e-6) }' || fail "loss of step $step is not $batch_loss"
done < <(tail -n +2 np1/metrics.csv)

# Every exchange that keeps the contract gives the same bits, also where nodes mix with messages.
for exchange in shared tree; do
    ranks 3 "$BIN/dptrain" small.ini run.dir=$exchange parallel.exchange=$exchange >/dev/null
    expect_equal "weights with exchange = $exchange" "$(field $exchange/summary.json weights)" \
        "$(field np1/summary.json weights)"
done
for per_node in 1 2 3; do
    export DPTRAIN_RANKS_PER_NODE=$per_node
    ranks 5 "$BIN/dptrain" small.ini run.dir=nodes$per_node >nodes.txt
    expect_equal "weights with $per_node ranks a node" "$(field nodes$per_node/summary.json weights)" \
        "$(field np1/summary.json weights)"
    grep -q "5 on $(((4 + per_node) / per_node)) host" nodes.txt || fail "nodes are not counted"
done
unset DPTRAIN_RANKS_PER_NODE

# So do the optimizers, with what they hold beside the parameters and a norm over all slices; and
# dropout, in each way that gradients are computed in.
declare -A keys=(
    [adamw]="train.optimizer=adamw train.lr=0.01 train.weight_decay=0.01 train.clip_norm=0.3
        train.lr_schedule=cosine train.lr_warmup=50"
    [nesterov]="train.optimizer=nesterov train.lr=0.05 train.weight_decay=0.01 train.clip_norm=0.5
        train.lr_schedule=inverse"
    [momentum]="train.optimizer=momentum train.lr=0.05"
    [sgd]="train.clip_norm=0.3"
    [dropout]="train.dropout_embedding=0.2 train.dropout_hidden=0.4"
    [grains]="train.grains=23"
    [shared]="train.batch_size=200"
    [steals]="train.batch_size=2000 train.grains=16 train.steps=40"
    [pairs]="train.batch_size=200 train.dropout_hidden=0.3 model.embedding_dim=16"
    [blas]="model.hidden_dim=44000 train.steps=10 train.dropout_embedding=0.2 train.dropout_hidden=0.4"
)

# expect_weights_of NAME RANKS KEYS...: as on one rank
expect_weights_of() {
    local name=$1 count=$2
    shift 2
    # shellcheck disable=SC2086 # a list of keys
    ranks "$count" "$BIN/dptrain" small.ini train.steps=300 run.dir="$name.$count" ${keys[$name]} \
        "$@" --fresh >"$name.txt"
    expect_equal "weights of $name on $count ranks $*" "$(field "$name.$count/summary.json" weights)" \
        "$(field "$name.1/summary.json" weights)"
}
for name in adamw nesterov momentum sgd dropout grains shared steals pairs blas; do
    expect_weights_of $name 1
    expect_weights_of $name 3
    [ "$(field $name.1/summary.json weights)" != "$(field np1/summary.json weights)" ] ||
        fail "$name gave the weights of plain sgd"
done
expect_weights_of adamw 8
expect_weights_of grains 7 parallel.exchange=tree
DPTRAIN_RANKS_PER_NODE=2 expect_weights_of grains 5
expect_weights_of adamw 3 parallel.exchange=tree
DPTRAIN_RANKS_PER_NODE=2 expect_weights_of adamw 5
grep -q "optimizer  adamw, beta 0.9 and 0.999, weight decay 0.01, norm at most 0.3" adamw.txt ||
    fail "the head of the report does not name the optimizer"
grep -q "rate       0.01, cosine to 0 at step 300, warm-up of 50" adamw.txt ||
    fail "the head of the report does not name the schedule"

# The comparison can fail: another seed gives other weights.
"$BIN/dptrain" small.ini run.dir=other train.seed=43 >/dev/null
[ "$(field other/summary.json weights)" != "$(field np1/summary.json weights)" ] ||
    fail "another seed gave the same weights"

# Without the contract the run goes through as well, and says what it is.
ranks 3 "$BIN/dptrain" small.ini run.dir=mpi parallel.exchange=mpi >mpi.txt
grep -q "no promise" mpi.txt ||
    fail "exchange = mpi does not say that it promises nothing"
