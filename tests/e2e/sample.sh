#!/usr/bin/env bash
# dptrain sample: what is drawn, what is left out, how likely it is said to be; what is refused.
source "$(dirname "$0")/common.sh"
make_small_run
"$BIN/dptrain" small.ini run.dir=runs/a >/dev/null

# None that is a line of the text, none twice; without being told to, both come.
"$BIN/dptrain" sample -n 10000 >drawn.txt
grep -qFxf small.txt drawn.txt || fail "no sample is a name"
[ -n "$(sort drawn.txt | uniq -d)" ] || fail "no sample comes twice"
"$BIN/dptrain" sample -n 10000 --novel --unique >new.txt
expect_equal "new samples" "$(sort -u new.txt | wc -l)" 10000
if grep -Fxf small.txt new.txt; then fail "these are names"; fi
# What is left out changes nothing about the others, nor their order.
awk 'NR == FNR { known[$0] = 1; next } !known[$0]++' small.txt drawn.txt >left.txt
head -n "$(wc -l <left.txt)" new.txt | cmp - left.txt || fail "other samples than without --novel --unique"
"$BIN/dptrain" sample -n 500 --min-length 4 --max-length 6 >lengths.txt
expect_equal "samples of 4 to 6 letters" "$(grep -cE '^.{4,6}$' lengths.txt)" 500
grep -E '^.{4,6}$' drawn.txt >right.txt
head -n 500 right.txt | cmp - lengths.txt ||
    fail "other samples than those that happen to have 4 to 6 letters"
expect_equal "a prompt counts" "$("$BIN/dptrain" sample -n 50 --prompt emm --max-length 4 | grep -cE '^emm.?$')" 50

# Cuts.
"$BIN/dptrain" sample -n 20 --temperature 0 >greedy.txt
"$BIN/dptrain" sample -n 20 --top-k 1 | cmp - greedy.txt || fail "--top-k 1"
"$BIN/dptrain" sample -n 20 --top-p 0 | cmp - greedy.txt || fail "--top-p 0"
"$BIN/dptrain" sample -n 20 --top-k 99 --top-p 1 | cmp - <(head -n 20 drawn.txt) || fail "no cut"
likely=$("$BIN/dptrain" predict '' -n 3 --json | tr '{' '\n' | sed -n 's/.*"token":"\([^"]*\)".*/\1/p' | tr -d '\n')
expect_equal "first letters of --top-k 3" "$("$BIN/dptrain" sample -n 300 --top-k 3 | cut -c1 | grep -c "[$likely]")" 300

# JSON: the probability is that of score.
"$BIN/dptrain" sample -n 200 --temperature 0.7 --top-p 0.95 --json >drawn.jsonl
"$BIN/dptrain" sample -n 200 --temperature 0.7 --top-p 0.95 >plain.txt
sed 's/{"text":"\([^"]*\)".*/\1/' drawn.jsonl | cmp - plain.txt || fail "texts as JSON"
"$BIN/dptrain" score --format jsonl plain.txt | sed 's/.*"log_probability":\([^,]*\),.*/\1/' >scores.txt
sed 's/.*"log_probability":\([^,]*\),.*/\1/' drawn.jsonl | cmp - scores.txt || fail "other log-probabilities than score's"
awk -F'[:,}]' '{ if (($8 - exp($6))^2 > 1e-20) print }' drawn.jsonl >off.txt
[ ! -s off.txt ] || fail "probabilities: $(head -n 3 off.txt)"

# A random seed is shown, and does the same again.
"$BIN/dptrain" sample --seed random >random.txt 2>notice.txt
"$BIN/dptrain" sample --seed "$(sed -n 's/^dptrain: notice: --seed //p' notice.txt)" | cmp - random.txt || fail "the seed shown"
"$BIN/dptrain" sample --seed random 2>/dev/null | cmp -s - random.txt && fail "twice the same by random seeds"

# What cannot be ends, with what could be.
expect_refusal 2 "1 of 20 samples: of 100,000 texts" 1 "$BIN/dptrain" sample --temperature 0 --unique
expect_equal "samples before it" "$(cat out.txt)" "$(head -n 1 greedy.txt)"
expect_refusal 2 "0 of 20 samples: no text has at least 5 and at most 3 tokens" 1 \
    "$BIN/dptrain" sample --min-length 5 --max-length 3
expect_refusal 2 "--seed = '-1': must be a whole number from 0 to 9000000000000000, or random" 1 \
    "$BIN/dptrain" sample --seed -1
expect_refusal 2 "--top-p = '1.1': must be a number from 0 to 1" 1 "$BIN/dptrain" sample --top-p 1.1
expect_refusal 2 "--data is the dataset of --novel" 1 "$BIN/dptrain" sample --data small.h5
head -n 300 small.txt >other.txt
mv small.h5 moved.h5
expect_refusal 3 "--novel needs the dataset (--data names it): cannot read" 1 "$BIN/dptrain" sample --novel
"$BIN/dptrain" sample -n 10000 --novel --unique --data moved.h5 | cmp - new.txt || fail "another place of the dataset"
"$BIN/pack_dataset" other.txt -o small.h5 >/dev/null
expect_refusal 5 "small.h5 is not the dataset that runs/a/best.h5 was trained on" 1 "$BIN/dptrain" sample --novel
"$BIN/pack_dataset" small.txt -o stream.h5 --unit word --stream >/dev/null
"$BIN/dptrain" small.ini data.path=stream.h5 run.dir=runs/stream train.steps=20 >/dev/null
expect_refusal 2 "--novel is for models of lines" 1 "$BIN/dptrain" sample runs/stream --novel
expect_refusal 2 "--max-length is for models of lines, and this one was trained on running text: --length" 1 \
    "$BIN/dptrain" sample runs/stream --max-length 3
