#!/usr/bin/env bash
# A run stopped and resumed on other rank counts ends with the bits of one that ran through.
source "$(dirname "$0")/common.sh"
make_small_run

for sampling in replacement epoch; do
    straight=straight_$sampling parts=parts_$sampling
    "$BIN/dptrain" small.ini run.dir="$straight" train.sampling=$sampling >/dev/null

    # 1,100 is between two logging points: the mean loss of the row is carried over.
    ranks 2 "$BIN/dptrain" small.ini run.dir="$parts" train.sampling=$sampling --stop-at 1100 \
        >stop.txt
    grep -q "stopped at step 1,100" stop.txt || fail "--stop-at does not say where it stopped"
    [ ! -e "$parts/summary.json" ] || fail "a stopped run has a summary"
    ranks 5 "$BIN/dptrain" small.ini run.dir="$parts" train.sampling=$sampling --stop-at 2000 \
        >resume.txt
    grep -q "resumed at step 1,100" resume.txt || fail "the run was not resumed"
    # Rows of a start that got further than its checkpoint are cut: here one is made up.
    echo "2250,9,9,9,,,,xxh3:0,0,0,0" >>"$parts/metrics.csv"
    "$BIN/dptrain" small.ini run.dir="$parts" train.sampling=$sampling >/dev/null

    expect_equal "weights, $sampling" "$(field "$parts/summary.json" weights)" \
        "$(field "$straight/summary.json" weights)"
    cmp <(exact_columns "$parts/metrics.csv") <(exact_columns "$straight/metrics.csv") ||
        fail "metrics.csv, $sampling"
    expect_equal "best checkpoint, $sampling" \
        "$("$BIN/dptrain" info "$parts" --json | grep -o '"weights":"[^"]*"')" \
        "$("$BIN/dptrain" info "$straight" --json | grep -o '"weights":"[^"]*"')"
done

run=straight_replacement
before=$(field $run/summary.json weights)

"$BIN/dptrain" small.ini run.dir=$run >again.txt
grep -q "finished" again.txt || fail "a finished run does not say so"
expect_equal "a finished run" "$(field $run/summary.json weights)" "$before"

# More steps may be asked for; another result may not.
"$BIN/dptrain" small.ini run.dir=$run train.steps=3200 >/dev/null
expect_equal "steps after raising them" "$(field $run/summary.json step)" 3200
status=0
ranks 3 "$BIN/dptrain" small.ini run.dir=$run train.steps=3200 train.lr=0.2 model.hidden_dim=8 \
    2>error.txt >/dev/null || status=$?
expect_equal "status of a changed result" "$status" 5
for key in "train.lr: 0.1 there, 0.2 here" "model.hidden_dim: 24 there, 8 here"; do
    grep -q "$key" error.txt || fail "the difference is not named: $key"
done
expect_equal "lines about it" "$(grep -c '^dptrain:' error.txt)" 1

"$BIN/dptrain" small.ini run.dir=$run --fresh >/dev/null
expect_equal "--fresh" "$(field $run/summary.json weights)" "$before"

# The newest checkpoint damaged: named, skipped, and the run ends with the same bits.
"$BIN/dptrain" small.ini run.dir=damaged --stop-at 1500 >/dev/null
newest=damaged/checkpoints/step-00001500.h5
printf 'XXXX' | dd of="$newest" bs=1 seek=$(($(stat -c %s "$newest") / 2)) conv=notrunc status=none
"$BIN/dptrain" small.ini run.dir=damaged >damaged.txt
grep -q "skipped: $newest" damaged.txt || fail "the damaged checkpoint is not named"
grep -q "resumed at step 1,000" damaged.txt || fail "the checkpoint before was not taken"
expect_equal "weights after a damage" "$(field damaged/summary.json weights)" "$before"
