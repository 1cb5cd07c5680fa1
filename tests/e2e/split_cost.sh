#!/usr/bin/env bash
# What a split output layer costs: its parameters, state and gradients are there once over all ranks,
# and few bytes cross between them. `bench` counts both.
source "$(dirname "$0")/common.sh"
types=20000
for _ in 1 2 3; do seq -f 'w%.0f' $types; done | tr '\n' ' ' >text.txt
"$BIN/pack_dataset" text.txt --unit word --stream --no_eol --block_size 3 -o words.h5 >/dev/null
cat >words.ini <<'EOC'
[data]
path = words.h5
[model]
embedding_dim = 10
[train]
batch_size = 8
optimizer = adamw
EOC

# bench RANKS SETTING...: writes bench.json.
bench() {
    local count=$1
    shift
    ranks "$count" "$BIN/dptrain" bench words.ini --seconds 0 --json "$@" >bench.json
}

# expect_slabs SLABS RANKS SETTING...: that a wide hidden layer adds what its slabs of the output layer
# take, in whole blocks of 240 tokens, to the memory of the node: parameters, two of AdamW's, and
# gradients, where they are kept. Each rank has a block of its own beside, and libraries count less
# while other processes use them too.
# shellcheck disable=SC2017 # of MiB, hundredths of bytes do not count
expect_slabs() {
    local slabs=$1 count=$2 narrow wide bytes blocks=$(((types + 1 + 239) / 240))
    shift 2
    bench "$count" model.hidden_dim=8 "$@"
    narrow=$(field bench.json resident_bytes_node)
    bench "$count" model.hidden_dim=800 "$@"
    wide=$(field bench.json resident_bytes_node)
    bytes=$((slabs * blocks * 240 * 4 * (800 - 8)))
    echo "$slabs slabs, $count ranks: $bytes bytes, measured $((wide - narrow))"
    expect_below "bytes of $slabs slabs on $count ranks ($*)" $((wide - narrow)) $((bytes / 100 * 110))
    # Else it is not these that were measured.
    expect_below "bytes that $slabs slabs take, within what was measured" $((bytes / 100 * 90)) \
        $((wide - narrow))
}
expect_slabs 3 1
expect_slabs 3 2
expect_slabs 4 2 train.clip_norm=1
# Each rank a node of its own: parameters twice, and of AdamW's two that of rank 0 whole, for
# checkpoints, and that of the other by half.
expect_slabs 5 2 parallel.exchange=tree

# bytes RANKS SETTING...: of a step, where all that crosses goes by messages.
bytes() {
    bench "$@" parallel.exchange=tree model.hidden_dim=32 train.batch_size=16
    field bench.json bytes_sent
}
expect_equal "bytes one rank sends" "$(bytes 1)" 0
split=$(bytes 2 parallel.output=split)
replicated=$(bytes 2 parallel.output=replicated)
echo "bytes a step: $split split, $replicated replicated"
expect_below "a byte that crosses" 1 "$split"
expect_below "ten times the bytes of a split output" $((10 * split)) "$replicated"
# Maxima and sums of each row of the batch over a rank's 42 blocks of the 84, and the logit of its target, go to
# the other rank. Of the gradient at what the output sees each has one partial: one goes up, the sum goes down.
expect_equal "bytes of a split output" "$split" $((2 * 4 * ((2 * 42 + 1) * 16 + 16 * 32 + 1)))
# Two ranks send each other the whole gradient: C, W1 and b1, W2 and b2, padded to cache lines of 16.
length=$(((types + 1) * 16 + 30 * 32 + 32 + (types + 1) * 32 + (types + 1 + 15) / 16 * 16))
expect_below "distance of the bytes to those of a gradient" \
    "$(distance "$replicated" $((2 * 4 * length)))" 64
