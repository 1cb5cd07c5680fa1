#!/usr/bin/env bash
# dptrain score: the sum over a split's lines is that of eval, whatever comes in and in whatever form it
# goes out; what is refused.
source "$(dirname "$0")/common.sh"
make_small_run
"$BIN/dptrain" small.ini run.dir=runs/a >/dev/null

# The lines of all splits: as eval's three losses, each over its rows.
"$BIN/dptrain" eval --json >eval.json
expected=$(tr '{' '\n' <eval.json | sed -n 's/.*"loss":\([^,]*\),.*"count":\([0-9]*\).*/\1 \2/p' |
    awk '{ sum -= $1 * $2; rows += $2 } END { printf "%.6f %d", sum, rows }')
"$BIN/dptrain" score small.txt >lines.tsv
expect_equal "lines" "$(wc -l <lines.tsv)" 1500
expect_equal "texts" "$(cut -f5 lines.tsv | cmp - small.txt && echo same)" same
expect_equal "tokens" "$(awk -F'\t' '{ n += $2 } END { print n }' lines.tsv)" "${expected#* }"
sum=$(awk -F'\t' '{ s += $1 } END { printf "%.6f", s }' lines.tsv)
expect_below "sum of lines and eval: $sum, $expected" "$(distance "$sum" "${expected% *}")" 0.05

# A pipe, another form, mpirun: the same lines.
"$BIN/dptrain" score - <small.txt | cmp - lines.tsv || fail "by a pipe"
sed 's/$/\r/' small.txt | "$BIN/dptrain" score | cmp - lines.tsv || fail "with CRLF"
ranks 3 "$BIN/dptrain" score small.txt 2>/dev/null | cmp - lines.tsv || fail "under mpirun"
printf 'emma' | "$BIN/dptrain" score | cmp - <(grep '	emma$' lines.tsv) || fail "without a newline"
"$BIN/dptrain" score --summary small.txt >summary.txt
expect_equal "tokens of the summary" "$(sed -n 's/^tokens *\([0-9,]*\),.*/\1/p' summary.txt | tr -d ,)" "${expected#* }"
"$BIN/dptrain" score --format jsonl small.txt | sed 's/.*"log_probability":\([^,]*\),.*/\1/' |
    awk '{ printf "%.6f\n", $1 }' | cmp - <(cut -f1 lines.tsv) || fail "as JSON"
"$BIN/dptrain" score --base 2 --per_token small.txt | awk -F'\t' '{ printf "%.3f\n", $1 * log(2) * $2 }' |
    paste - <(cut -f1 lines.tsv) | awk '($1 - $2)^2 > 1e-4' >off.txt
[ ! -s off.txt ] || fail "base 2, a token: $(head -n 3 off.txt)"

# By token: surprisals sum up to the line's.
printf 'emma\n\xc3\x84b\n' >two.txt
"$BIN/dptrain" score --tokens two.txt >tokens.tsv
expect_equal "tokens" "$(cut -f1 tokens.tsv | tr '\n' ' ')" "e m m a .  Ä b .  "
expect_equal "an unknown character" "$(sed -n 's/^Ä\t//p' tokens.tsv)" "$(printf 'inf\t0')"
sum=$(head -n 5 tokens.tsv | awk -F'\t' '{ s -= $2 } END { print s }')
expect_below "surprisals: $sum" "$(distance "$sum" "$(grep '	emma$' lines.tsv | cut -f1)")" 1e-4
expect_equal "with an unknown one" "$("$BIN/dptrain" score two.txt | sed -n 2p | cut -f1-4)" "$(printf -- '-inf\t3\t1\tinf')"
"$BIN/dptrain" score --format jsonl --tokens two.txt | tail -n 1 |
    grep -q '^{"text":"Äb","log_probability":null,"tokens":3,"unknown":1,"perplexity":null,"by_token":\[{"token":"Ä","surprisal":null,"rank":0},' ||
    fail "JSON of an unknown character"

# n-best lists.
printf '0 ||| emma ||| LM= -3 ||| -2.1\n0 ||| emma ||| LM= -3\n' >nbest.txt
score=$(grep '	emma$' lines.tsv | cut -f1)
expect_equal "n-best" "$("$BIN/dptrain" score --nbest nbest.txt)" \
    "0 ||| emma ||| LM= -3 dptrain= $score ||| -2.1
0 ||| emma ||| LM= -3 dptrain= $score"
echo x >>nbest.txt
expect_refusal 2 "nbest.txt:3: not 'id ||| text" 1 "$BIN/dptrain" score --nbest nbest.txt

# Flags: the threshold is that of dev, and marks the same lines when it is given.
status=0
printf 'emma\nxzqwkvj\n' | "$BIN/dptrain" score --flag 0.02 >flagged.tsv 2>notice.txt || status=$?
expect_equal "status where a line is marked" "$status" 1
expect_equal "marks" "$(cut -f5 flagged.tsv | tr '\n' ' ')" " ! "
threshold=$(sed -n 's/.*--threshold \([^:]*\): 3 of the 150 lines.*/\1/p' notice.txt)
printf 'emma\n' | "$BIN/dptrain" score --threshold "$threshold" >/dev/null || fail "a line of train is marked"
expect_refusal 2 "leave out --threshold" 1 "$BIN/dptrain" score --flag 0.1 --threshold -3 small.txt
mv small.h5 moved.h5
expect_refusal 3 "--flag needs the dev split" 1 "$BIN/dptrain" score --flag 0.1 small.txt
"$BIN/dptrain" score --flag 0.02 --data moved.h5 two.txt >/dev/null 2>&1 || [ $? = 1 ]
mv moved.h5 small.h5

expect_refusal 3 "cannot read nowhere.txt" 1 "$BIN/dptrain" score nowhere.txt
expect_refusal 3 "cannot read" 1 "$BIN/dptrain" score .
expect_refusal 2 "one file at a time, not also 'two.txt'" 1 "$BIN/dptrain" score small.txt two.txt
expect_refusal 2 "--nbest has a form of its own" 1 "$BIN/dptrain" score --nbest --tokens nbest.txt

# Lines are answered as they come.
mkfifo pipe
"$BIN/dptrain" score <pipe >answers.tsv &
exec 3>pipe
echo emma >&3
wait_for_text answers.tsv "emma"
exec 3>&-
wait
