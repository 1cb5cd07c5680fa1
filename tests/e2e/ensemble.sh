#!/usr/bin/env bash
# Several --ckpt: what they say is the mean of their probabilities, in eval, score, sample and predict, with the
# same bytes at any rank count; shares that are given or fitted; what is refused.
source "$(dirname "$0")/common.sh"
make_small_run
for run in a b; do
    "$BIN/dptrain" small.ini run.dir=runs/$run train.seed=$((16#$run)) train.steps=1000 eval.every=1000 >/dev/null &
done
wait
"$BIN/dptrain" small.ini run.dir=runs/d train.steps=100 eval.every=100 >/dev/null
both=(--ckpt runs/a --ckpt runs/b)

# eval, on any number of ranks.
for options in "" "--weights 2,1" "--weights fit" "--mix trigram --mix-weight fit --weights fit"; do
    # shellcheck disable=SC2086
    for count in 1 2 3 5; do
        ranks $count "$BIN/dptrain" eval "${both[@]}" --ckpt runs/d ${options/2,1/2,1,1} --json >eval.$count.json
        cmp eval.1.json eval.$count.json || fail "eval $options differs on $count ranks"
    done
done
"$BIN/dptrain" eval runs/a --json >alone.json
"$BIN/dptrain" eval --ckpt runs/a --weights 1 --json | cmp - alone.json || fail "an ensemble of one"
"$BIN/dptrain" eval "${both[@]}" --weights 1,0 --json >first.json
# last_loss FILE SPLIT: that of the ensemble, which stands behind those of its members.
last_loss() {
    loss "$1" "$2" | tail -n 1 | grep .
}
for split in train dev test; do
    one=$(last_loss alone.json $split)
    other=$(last_loss first.json $split)
    expect_below "share 1 of the first, $split: $one $other" "$(distance "$one" "$other")" 1e-12
done

# score's lines sum up to eval's losses.
"$BIN/dptrain" eval "${both[@]}" --weights 2,1 --json >eval.json
expected=$(sed 's/.*,"splits"//' eval.json | tr '{' '\n' | sed -n 's/.*"loss":\([^,]*\),.*"count":\([0-9]*\).*/\1 \2/p' |
    awk '{ sum -= $1 * $2; rows += $2 } END { printf "%.6f %d", sum, rows }')
"$BIN/dptrain" score "${both[@]}" --weights 2,1 small.txt >lines.tsv
sum=$(awk -F'\t' '{ s += $1; n += $2 } END { printf "%.6f %d", s, n }' lines.tsv)
expect_equal "tokens" "${sum#* }" "${expected#* }"
expect_below "sum of lines and eval: $sum, $expected" "$(distance "${sum% *}" "${expected% *}")" 0.05
"$BIN/dptrain" eval "${both[@]}" --weights 2,1 --mix trigram --mix-weight fit --json >eval.json
expected=$(sed 's/.*"mixture":{//' eval.json | tr '{' '\n' | sed -n 's/.*"loss":\([^,]*\),.*"count":\([0-9]*\).*/\1 \2/p' |
    awk '{ sum -= $1 * $2 } END { printf "%.6f", sum }')
sum=$("$BIN/dptrain" score "${both[@]}" --weights 2,1 --mix trigram --mix-weight fit small.txt 2>/dev/null |
    awk -F'\t' '{ s += $1 } END { printf "%.6f", s }')
expect_below "sum of mixed lines and eval: $sum, $expected" "$(distance "$sum" "$expected")" 0.05
"$BIN/dptrain" score --ckpt runs/a small.txt | cmp -s - lines.tsv && fail "the second does not count"

# predict: the mean, token by token.
probabilities() {
    "$BIN/dptrain" predict "$@" em -n 99 --json | tr '{' '\n' |
        sed -n 's/"token":"\(.*\)","probability":\([^}]*\)}.*/\1 \2/p' | sort
}
probabilities --ckpt runs/a >a.txt
probabilities --ckpt runs/b >b.txt
probabilities "${both[@]}" --weights 0.75,0.25 | join - a.txt | join - b.txt |
    awk '{ d = $2 / (0.75 * $3 + 0.25 * $4) - 1; if (d * d > 1e-12) print; rows++ } END { if (rows != 27) print rows }' >off.txt
[ ! -s off.txt ] || fail "not the mean: $(head -n 3 off.txt)"

# sample: none of the two by itself.
"$BIN/dptrain" sample "${both[@]}" -n 50 --json >drawn.jsonl
"$BIN/dptrain" sample "${both[@]}" -n 50 | "$BIN/dptrain" score "${both[@]}" --format jsonl |
    sed 's/.*"log_probability":\([^,]*\),.*/\1/' >scores.txt
sed 's/.*"log_probability":\([^,]*\),.*/\1/' drawn.jsonl | cmp - scores.txt || fail "samples of an ensemble"
"$BIN/dptrain" sample "${both[@]}" -n 500 --novel >new.txt
if grep -Fxf small.txt new.txt; then fail "these are names"; fi

# Fitted shares are the best on dev: of their neighbours, too; one that is bad gets little.
dev() {
    "$BIN/dptrain" eval --ckpt runs/a --ckpt runs/d --split dev --json --weights "$1" >dev.json
    last_loss dev.json dev
}
best=$(dev fit)
shares=$(grep -o '"share":[^,]*' dev.json | cut -d: -f2 | tr '\n' ' ')
for other in 1,1 1,0 0,1 "$(echo "$shares" | awk '{ print $1 + 0.02 "," $2 - 0.02 }')" \
    "$(echo "$shares" | awk '{ print $1 - 0.02 "," $2 + 0.02 }')"; do
    awk -v a="$best" -v b="$(dev "$other")" 'BEGIN { exit !(a <= b) }' || fail "fitted $shares: $best, but $other: $(dev "$other")"
done
expect_below "share of a run of 100 steps" "${shares#* }" 0.5

# Each sees as much of the context as it was trained with: alone on a dataset with more, and together with one that
# sees more, whichever is named first.
"$BIN/pack_dataset" small.txt -o small5.h5 --block-size 5 >/dev/null
"$BIN/dptrain" small.ini data.path=small5.h5 run.dir=runs/e train.steps=1000 eval.every=1000 >/dev/null
losses() { # FILE
    sed 's/.*"splits"//' "$1" | grep -o '"loss":[^,]*'
}
ranks 2 "$BIN/dptrain" eval runs/a --data small5.h5 --json >longer.json
losses alone.json | cmp - <(losses longer.json) || fail "other losses on a dataset with more context"
for count in 1 3; do
    ranks $count "$BIN/dptrain" eval --ckpt runs/a --ckpt runs/e --weights 2,1 --json >mixed.$count.json 2>error.txt
    grep -q "^dptrain: notice: small5.h5 is not the dataset that runs/a/best.h5 was trained on$" error.txt ||
        fail "no notice: $(cat error.txt)"
done
cmp mixed.1.json mixed.3.json || fail "contexts of several lengths on 3 ranks"
"$BIN/dptrain" eval --ckpt runs/e --ckpt runs/a --weights 1,2 --json >turned.json 2>/dev/null
expect_below "in other order" "$(distance "$(last_loss mixed.1.json dev)" "$(last_loss turned.json dev)")" 1e-12
for mix in "" "--mix trigram --mix-weight 0.7"; do
    # shellcheck disable=SC2086
    "$BIN/dptrain" eval --ckpt runs/a --ckpt runs/e $mix --json 2>/dev/null | tee eval.json |
        sed 's/.*"\(splits\|mixture":{"network_weight":[0-9.]*,"splits\)"//' | tr '{' '\n' |
        sed -n 's/.*"loss":\([^,]*\),.*"count":\([0-9]*\).*/\1 \2/p' | tail -n 3 |
        awk '{ sum -= $1 * $2; rows += $2 } END { printf "%.6f %d\n", sum, rows }' >expected.txt
    # shellcheck disable=SC2086
    "$BIN/dptrain" score --ckpt runs/a --ckpt runs/e $mix small.txt |
        awk -F'\t' '{ s += $1; n += $2 } END { printf "%.6f %d\n", s, n }' >sum.txt
    read -r expected rows <expected.txt
    read -r sum tokens <sum.txt
    expect_equal "tokens $mix" "$tokens" "$rows"
    expect_below "lines and eval $mix: $sum, $expected" "$(distance "$sum" "$expected")" 0.05
done
echo emma >emma.txt
"$BIN/dptrain" score --ckpt runs/a --mix trigram --tokens emma.txt >short.tsv
"$BIN/dptrain" score --ckpt runs/a --mix trigram --tokens --data small5.h5 emma.txt | cmp - short.tsv ||
    fail "ranks by a trigram of a dataset with more context"

# The table names each.
"$BIN/dptrain" eval "${both[@]}" --weights fit >table.txt
expect_equal "members in the table" "$(grep -cE '^    0\.[0-9]{4}  runs/[ab]/best.h5, step 1,000: train [0-9.]+ dev [0-9.]+ test [0-9.]+$' table.txt)" 2
grep -q "^ensemble of 2, shares that are best on dev:$" table.txt || fail "$(cat table.txt)"

# What is refused.
expect_refusal 2 "--weights = '1': must be a number of 0 or above for each --ckpt, of which there are 2" 1 \
    "$BIN/dptrain" score "${both[@]}" --weights 1 small.txt
expect_refusal 2 "--weights = '1,-1': must be" 3 "$BIN/dptrain" eval "${both[@]}" --weights 1,-1
expect_refusal 2 "--weights = '0,0' sum up to 0" 1 "$BIN/dptrain" sample "${both[@]}" --weights 0,0
expect_refusal 2 "--weights fit is for an ensemble" 3 "$BIN/dptrain" eval --weights fit
expect_refusal 2 "--weights = 'fit': must be" 1 "$BIN/dptrain" predict "${both[@]}" --weights fit em
expect_refusal 2 "an ensemble has no features of its own" 1 "$BIN/dptrain" nearest "${both[@]}" e
expect_refusal 2 "one --ckpt leads to the dataset" 1 "$BIN/dptrain" eval "${both[@]}" --model trigram
expect_refusal 2 "not also 'runs/b'; of several, --ckpt A --ckpt B is the mean" 1 "$BIN/dptrain" eval runs/a runs/b
expect_refusal 3 "cannot read runs/none" 3 "$BIN/dptrain" eval --ckpt runs/a --ckpt runs/none
tr 'ab' 'AB' <small.txt >other.txt
"$BIN/pack_dataset" other.txt >/dev/null
"$BIN/dptrain" small.ini data.path=other.h5 run.dir=runs/other train.steps=20 eval.every=20 >/dev/null
for command in "score small.txt" "sample" "predict em"; do
    # shellcheck disable=SC2086
    expect_refusal 2 "runs/a/best.h5 and runs/other/best.h5 have different vocabularies: only the first has 'a', 'b'; only the second has 'A', 'B'" \
        1 "$BIN/dptrain" $command --ckpt runs/a --ckpt runs/other
done
expect_refusal 5 "runs/other/best.h5 and small.h5 have different vocabularies: only the checkpoint has 'A', 'B'; only the dataset has 'a', 'b'" \
    3 "$BIN/dptrain" eval --ckpt runs/a --ckpt runs/other
for ((i = 0, many = 17; i < many; i++)); do printf '%s\n' --ckpt runs/a; done >many.txt
mapfile -t many <many.txt
expect_refusal 2 "--ckpt = 'runs/a': must be up to 16 times" 1 "$BIN/dptrain" sample "${many[@]}"
