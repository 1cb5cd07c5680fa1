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
    cmp <(exact_record "$parts") <(exact_record "$straight") ||
        fail "the record, $sampling"
    expect_equal "best checkpoint, $sampling" \
        "$("$BIN/dptrain" info "$parts" --json | grep -o '"weights":"[^"]*"')" \
        "$("$BIN/dptrain" info "$straight" --json | grep -o '"weights":"[^"]*"')"
done

# What the starts have taken adds up, and a row knows which of them has written it.
expect_equal "starts" "$(field parts_epoch/summary.json starts)" 3
expect_equal "starts of a run in one go" "$(field straight_epoch/summary.json starts)" 1
grep -q "^time .*, in 3 starts$" parts_epoch/log.txt || fail "the end does not tell the starts"
"$BIN/dptrain" report parts_epoch >/dev/null
grep -q "Finished at step 3,000, in .* and 3 starts on 1 rank" parts_epoch/report.html ||
    fail "the report: $(grep 'Finished' parts_epoch/report.html)"
expect_equal "starts of the rows" "$(tail -n +2 parts_epoch/metrics.csv | cut -d, -f13 | uniq | tr '\n' ' ')" "1 2 3 "
awk -F, 'NR > 1 { if ($11 < last) exit 1; last = $11 }' parts_epoch/metrics.csv ||
    fail "the seconds of a resumed run begin again: $(cut -d, -f1,11 parts_epoch/metrics.csv)"
awk -F, -v all="$(field parts_epoch/summary.json seconds)" 'END { exit !(all >= $11) }' parts_epoch/metrics.csv ||
    fail "the summary has fewer seconds than the last row"

# Each row has the length of the gradient, which changes nothing and is the same at any rank count: of an
# output that is split and one that is not.
for output in split replicated; do
    count=3
    [ $output = replicated ] || count=1
    keys="train.steps=30 parallel.output=$output eval.every=0"
    # shellcheck disable=SC2086
    {
        "$BIN/dptrain" small.ini run.dir=rows_$output $keys train.log_every=1 >/dev/null
        ranks $count "$BIN/dptrain" small.ini run.dir=tens_$output $keys train.log_every=10 >/dev/null
    }
    expect_equal "weights with a row each step, $output" "$(weights rows_$output)" "$(weights tens_$output)"
    cmp <(cut -d, -f1,8,12 rows_$output/metrics.csv | grep '^[123]0,') \
        <(cut -d, -f1,8,12 tens_$output/metrics.csv | grep '^[123]0,') || fail "length of the gradient, $output"
    expect_equal "rows with a length, $output" "$(grep -cE ',[0-9.]+,1,[0-9]+$' tens_$output/metrics.csv)" 3
done

# With the state of an optimizer, and a rate that knows where the run ends.
for optimizer in momentum adamw; do
    keys="train.steps=900 train.optimizer=$optimizer train.lr=0.02 train.clip_norm=0.5
        train.lr_schedule=cosine train.lr_warmup=100"
    straight=straight_$optimizer parts=parts_$optimizer
    # shellcheck disable=SC2086 # a list of keys
    {
        "$BIN/dptrain" small.ini run.dir=$straight $keys >/dev/null
        ranks 2 "$BIN/dptrain" small.ini run.dir=$parts $keys --stop-at 333 >/dev/null
        DPTRAIN_RANKS_PER_NODE=2 ranks 3 "$BIN/dptrain" small.ini run.dir=$parts $keys --stop-at 600 \
            >/dev/null
        ranks 1 "$BIN/dptrain" small.ini run.dir=$parts $keys parallel.exchange=tree >/dev/null
    }
    cmp <(exact_record $parts) <(exact_record $straight) ||
        fail "the record, $optimizer"
    status=0
    # shellcheck disable=SC2086
    "$BIN/dptrain" small.ini run.dir=$parts $keys train.steps=1000 2>error.txt >/dev/null || status=$?
    expect_equal "status of more steps with cosine" "$status" 5
    grep -q "train.steps: 900 there, 1000 here, over which" error.txt ||
        fail "more steps with cosine: $(cat error.txt)"
done

# Stopped early where the dev loss gets no better, on the way as in one go. A rate of 0 never gets
# better; the last stop is between the second evaluation without progress and the third.
keys="train.lr=0 eval.every=100 eval.patience=3"
# shellcheck disable=SC2086 # a list of keys
{
    "$BIN/dptrain" small.ini run.dir=patient $keys >patient.txt
    ranks 2 "$BIN/dptrain" small.ini run.dir=patient_parts $keys --stop-at 150 >/dev/null
    "$BIN/dptrain" small.ini run.dir=patient_parts $keys --stop-at 350 >/dev/null
    ranks 2 "$BIN/dptrain" small.ini run.dir=patient_parts $keys >/dev/null
    ranks 2 "$BIN/dptrain" small.ini run.dir=patient $keys >again.txt
}
grep -q "stopped early at step 400: 3 evaluations" patient.txt || fail "the run does not stop early"
for run in patient patient_parts; do
    expect_equal "step of $run" "$(field $run/summary.json step)" 400
    expect_equal "end of $run" "$(field $run/summary.json stopped_early)" true
    [ -n "$(loss $run/summary.json test)" ] || fail "$run did not evaluate all splits at its end"
done
cmp <(exact_record patient_parts) <(exact_record patient) ||
    fail "the record of a run that stopped early"
grep -q "^finished" again.txt || fail "a run that stopped early does not say that it is finished"
"$BIN/dptrain" info patient | grep -q "stopped     early, after 3 evaluations" ||
    fail "info does not show that the run stopped early"
"$BIN/dptrain" small.ini run.dir=patient train.lr=0 eval.every=100 eval.patience=5 >/dev/null
expect_equal "step with more patience" "$(field patient/summary.json step)" 600

# An end at a step that no evaluation is due at counts for nothing when the run is to have more steps, neither
# for patience nor for the best, be it better (a good rate) or not (too large a rate).
same_best() { # A B: the same summary of the best, and the same weights and loss in best.h5
    local run
    for run in "$1" "$2"; do
        grep -o '"best":{[^}]*}' "$run/summary.json" >"$run.best"
        "$BIN/dptrain" info "$run/best.h5" --json | grep -oE '"(weights|best_[a-z_]*|step)":[^,}]*' >>"$run.best"
    done
    cmp "$1.best" "$2.best" || fail "the best of $1 and $2: $(cat "$1.best" "$2.best")"
    [ ! -e "$1/best-before-end.h5" ] || fail "$1 has kept what was the best before an end"
}
for lr in 0.1 2; do
    keys="eval.patience=1 eval.every=6 train.log_every=5 checkpoint.every=7 train.lr=$lr"
    # shellcheck disable=SC2086
    {
        "$BIN/dptrain" small.ini run.dir=ends_$lr $keys train.steps=48 >/dev/null
        "$BIN/dptrain" small.ini run.dir=more_$lr $keys train.steps=11 >/dev/null
        cp -r more_$lr end_$lr
        "$BIN/dptrain" small.ini run.dir=more_$lr $keys train.steps=17 --stop-at 16 >/dev/null
        ranks 2 "$BIN/dptrain" small.ini run.dir=more_$lr $keys train.steps=17 >/dev/null
        ranks 2 "$BIN/dptrain" small.ini run.dir=more_$lr $keys train.steps=48 >/dev/null
    }
    expect_equal "the end, rate $lr" "$(field more_$lr/summary.json step)" \
        "$(field ends_$lr/summary.json step)"
    cmp <(exact_record more_$lr) <(exact_record ends_$lr) || fail "the record after two ends, rate $lr"
    same_best more_$lr ends_$lr
done
# What the end itself tells is the best of all that was evaluated.
expect_equal "best of a run that got better to its end" "$(grep -o '"best":{"step":[0-9]*' end_0.1/summary.json)" \
    '"best":{"step":11'
"$BIN/dptrain" info end_0.1/best.h5 --json | grep -q '"step":11' || fail "best.h5 is not of the end"
# Where nothing is evaluated on the way, the end is the best there is, and not any more once it is none.
"$BIN/dptrain" small.ini run.dir=once train.steps=300 >/dev/null
[ -e once/best.h5 ] || fail "a run with one evaluation has no best.h5"
"$BIN/dptrain" small.ini run.dir=once train.steps=1000 --stop-at 400 >/dev/null
[ ! -e once/best.h5 ] || fail "best.h5 is of an end that was none"

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

# A run of a version that kept no losses goes on: what is not known is said, and the rest in its place.
"$BIN/dptrain" small.ini run.dir=earlier --stop-at 1000 >/dev/null
rm earlier/losses.f32
ranks 2 "$BIN/dptrain" small.ini run.dir=earlier >earlier.txt
grep -q "notice: earlier/losses.f32 has no losses of steps 1 to 1,000" earlier.txt ||
    fail "missing losses are not told: $(cat earlier.txt)"
cmp <(tail -c +4017 earlier/losses.f32) <(tail -c +4017 $run/losses.f32) || fail "other losses after step 1000"
expect_equal "losses that are not known" "$(od -An -v -tf4 -j 16 -N 4000 earlier/losses.f32 | tr -s ' ' '\n' | grep -c nan)" 1000
