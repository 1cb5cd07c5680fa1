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

# Ranks share the lines: the same bytes, in each form, and the same status.
{
    cat small.txt
    printf '\n\nwith\000zero\n\xff\xc3\n'
    seq -f 'line %.0f' 5000
    head -c 300000 /dev/zero | tr '\000' 'a' # more than is read at once
    printf '\nlast'
} >odd.txt
# same_on RANKS OPTION...
same_on() {
    local count=$1 status=0 again=0
    shift
    "$BIN/dptrain" score "$@" odd.txt >alone.txt || status=$?
    ranks "$count" "$BIN/dptrain" score "$@" odd.txt >shared.txt 2>/dev/null || again=$?
    cmp alone.txt shared.txt || fail "score $* differs on $count ranks"
    expect_equal "status of score $* on $count ranks" $again $status
}
for count in 2 3 5; do
    same_on $count
done
same_on 3 --format jsonl --tokens --base 2
same_on 2 --summary
same_on 3 --threshold -2.5 --per-token
seq -f '%.0f ||| emma ||| LM= -3 ||| -2.1' 3000 >nbest.txt
"$BIN/dptrain" score --nbest nbest.txt >alone.txt
ranks 3 "$BIN/dptrain" score --nbest <nbest.txt | cmp - alone.txt || fail "n-best lists on 3 ranks"
printf 'emma\nxzqwkvj\n' >flagged.txt
ranks 2 "$BIN/dptrain" score --flag 0.02 flagged.txt 2>/dev/null >shared.txt && fail "no status of a mark on 2 ranks"
cmp shared.txt flagged.tsv || fail "flags on 2 ranks"
echo x >>nbest.txt
expect_refusal 2 "nbest.txt:3001: not 'id ||| text" 3 "$BIN/dptrain" score --nbest nbest.txt
expect_refusal 3 "cannot read nowhere.txt" 3 "$BIN/dptrain" score nowhere.txt
expect_refusal 2 "--nbest has a form of its own" 3 "$BIN/dptrain" score --nbest --tokens nbest.txt
expect_refusal 3 "cannot read runs/none" 3 "$BIN/dptrain" score --ckpt runs/none small.txt
{ head -n 20 small.txt; sleep 1; tail -n +21 small.txt; } | ranks 3 "$BIN/dptrain" score 2>/dev/null | cmp - lines.tsv ||
    fail "lines that come late, on 3 ranks"

# Memory is that of a line, however many come through a pipe: 10 MB of them, then 50 MB more. Digits are
# unknown, which is quick. (A sanitizer keeps what was freed.)
if [ -z "${ASAN_OPTIONS:-}" ]; then
    mkfifo many
    "$BIN/dptrain" score <many >/dev/null &
    process=$!
    exec 3>many
    peak() {
        sed -n 's/^VmHWM: *\([0-9]*\) kB/\1/p' /proc/$process/status
    }
    head -c 10000000 < <(yes 0123456789012345678901234567890123456789) >&3
    before=$(peak)
    head -c 50000000 < <(yes 0123456789012345678901234567890123456789) >&3
    expect_below "kB that memory has grown from $before" "$(($(peak) - before))" 2000
    exec 3>&-
    wait $process
fi

# Lines are answered as they come.
mkfifo pipe
"$BIN/dptrain" score <pipe >answers.tsv &
exec 3>pipe
echo emma >&3
wait_for_text answers.tsv "emma"
exec 3>&-
wait
