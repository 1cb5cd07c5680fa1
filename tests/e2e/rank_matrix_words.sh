#!/usr/bin/env bash
# The same bits at any rank count where the vocabulary is large: with the output layer split over the
# ranks by blocks of it, or replicated; with direct connections, dropout, AdamW and clipping.
source "$(dirname "$0")/common.sh"

# 2,400 words and some, 11 blocks; frequent and rare, in the order of a small generator of numbers.
awk 'BEGIN {
    for (x = i = 0; i < 12000; i++) {
        x = (x * 1103515 + 12345) % 2147483
        word = i % 5 == 0 && i / 5 < 2400 ? i / 5 : int(2499 * (x / 2147483) ^ 3)
        printf "w%d%s", word, i % 12 == 11 ? "\n" : " "
    }
    print "w2498 w2497 w2496"
}' >words.txt
"$BIN/pack_dataset" words.txt --unit word --stream --split 0.9,0.05,0.05 >pack.txt
grep -q 'V = 2,4..$' pack.txt || fail "other words than this test needs: $(cat pack.txt)"

cat >words.ini <<'EOF'
[data]
path = words.h5
[model]
embedding_dim = 7
hidden_dim = 19
direct = yes
[train]
steps = 24
batch_size = 100
optimizer = adamw
lr = 0.01
weight_decay = 0.1
clip_norm = 0.6
dropout_embedding = 0.1
dropout_hidden = 0.3
log_every = 4
[eval]
every = 8
[checkpoint]
every = 8
EOF

# weights_of RUN
weights_of() {
    field "$1/summary.json" weights
}

# run NAME RANKS KEYS...: trains in the folder NAME
run() {
    local name=$1 count=$2
    shift 2
    ranks "$count" "$BIN/dptrain" words.ini run.dir="$name" "$@" >"$name.txt"
}

# expect_grouped FILE: no number of four digits or more stands there as it is but in hashes and names.
expect_grouped() {
    ! grep -vE 'dptrain|sha256|dataset' "$1" | sed -E 's/xxh3:[0-9a-f]*//; s/[0-9]*\.[0-9]+//g' |
        grep -E '(^|[^0-9a-z_.,])[0-9]{4,}' || fail "a number of $1 that is not grouped, see above"
}

for output in split replicated; do
    for count in 1 2 3 5 7 8; do
        run $output$count $count parallel.output=$output
        expect_equal "weights on $count ranks, $output" "$(weights_of $output$count)" \
            "$(weights_of ${output}1)"
        cmp <(exact_record $output$count) <(exact_record ${output}1) ||
            fail "the record on $count ranks, $output"
    done
    expect_grouped ${output}8.txt
    grep -q 'vocabulary 2,4..,' ${output}8.txt || fail "the start tells no vocabulary"
    "$BIN/dptrain" info ${output}8 | sed '/^\[/,$d' >info.txt
    "$BIN/dptrain" info words.h5 | sed 's/:.*//' >>info.txt
    expect_grouped info.txt
    # What was printed at the end is what a checkpoint evaluates to, on any rank count.
    for count in 1 3; do
        ranks $count "$BIN/dptrain" eval --ckpt ${output}2 --json >eval.json
        for split in train dev test; do
            expect_equal "$split loss of the checkpoint on $count ranks, $output" \
                "$(loss eval.json $split)" "$(loss ${output}2/summary.json $split)"
        done
    done
done
expect_equal "rows of metrics.csv" "$(wc -l <split1/metrics.csv)" 7
for output in split replicated; do
    expect_equal "rows without the gradient's norm, $output" \
        "$(awk -F, '$12 == ""' "${output}1/metrics.csv" | wc -l)" 0
done

# Each sums in an order of its own, and both are the same model.
[ "$(weights_of split1)" != "$(weights_of replicated1)" ] ||
    fail "split and replicated have the same bits: is one of them the other?"
expect_below "distance of the dev losses of split and replicated" \
    "$(distance "$(loss split1/summary.json dev)" "$(loss replicated1/summary.json dev)")" 1e-4

# A checkpoint holds whole tensors, whatever the split.
"$BIN/dptrain" info split1 >split.txt
"$BIN/dptrain" info replicated1 >replicated.txt
for name in C W1 b1 W2 b2 Wd; do
    expect_equal "tensor $name of a split checkpoint" "$(grep -wE "^ *$name" split.txt)" \
        "$(grep -wE "^ *$name" replicated.txt)"
done

# Ranks that share memory or do not, and hosts of several.
run tree 3 parallel.output=split parallel.exchange=tree
expect_equal "weights by exchange = tree" "$(weights_of tree)" "$(weights_of split1)"
DPTRAIN_RANKS_PER_NODE=2 run hosts 5 parallel.output=split
expect_equal "weights on hosts of two ranks" "$(weights_of hosts)" "$(weights_of split1)"

# Stopped and resumed on other rank counts, with memory in common and without.
run parts 2 parallel.output=split --stop-at 5
run parts 5 parallel.output=split parallel.exchange=tree --stop-at 13
DPTRAIN_RANKS_PER_NODE=2 run parts 3 parallel.output=split --stop-at 20
run parts 1 parallel.output=split
expect_equal "weights of a run in parts" "$(weights_of parts)" "$(weights_of split1)"
cmp <(exact_record parts) <(exact_record split1) ||
    fail "the record of a run in parts"

# Without a hidden layer, and where only the words that occur are updated.
for count in 1 3; do
    run linear$count $count parallel.output=split model.hidden_dim=0
    run lazy$count $count parallel.output=split train.embedding_update=lazy
done
expect_equal "weights without a hidden layer" "$(weights_of linear3)" "$(weights_of linear1)"
expect_equal "weights of lazy updates" "$(weights_of lazy3)" "$(weights_of lazy1)"
[ "$(weights_of lazy1)" != "$(weights_of split1)" ] || fail "lazy updates are dense"

expect_refusal 2 "train.embedding_update=lazy needs a split output layer" 2 \
    "$BIN/dptrain" words.ini run.dir=many parallel.output=replicated train.embedding_update=lazy
# More ranks than blocks, of which the others rest.
run many 12 parallel.output=split
grep -q "12 on 1 host: 11 of 12 ranks at work: 11 blocks" many.txt || fail "12 ranks share 11 blocks: $(cat many.txt)"
expect_equal "weights on more ranks than blocks" "$(weights_of many)" "$(weights_of split1)"
