#!/usr/bin/env bash
# Lines with weights, against the text that has each line as often as it weighs: the same weights of the
# same run on any number of ranks, the same losses, the same vocabulary; and what is no weight.
source "$(dirname "$0")/common.sh"
pack=$BIN/pack_dataset

# Ready-made splits, as those are not shuffled, of words and of lines of words.
for k in 1 2 3; do
    awk -v k="$k" 'NR % 50 == k || (k == 1 && NR % 10 == 0) { print $0 "\t" (NR * 7919) % 9 }' \
        "$SOURCE/data/names.txt" >"w$k.tsv"
    awk -F '\t' '{ for (i = 0; i < $2; i++) print $1 }' "w$k.tsv" >"r$k.txt"
    awk '{ print (NR % 3 ? "the" : "a") " " $1 "," $2 }' "w$k.tsv" >"w$k.csv"
    awk '{ for (i = 0; i < $2; i++) print (NR % 3 ? "the" : "a") " " $1 }' "w$k.tsv" >"l$k.txt"
done
printf '[model]\nembedding_dim = 3\nhidden_dim = 10\noutput_bias = frequency\n[train]\nsteps = 60\nlog_every = 20\n[eval]\nevery = 30\nsplits = train,dev,test\n' >small.ini

# train NAME RANKS KEYS...
train() {
    local name=$1 count=$2
    shift 2
    ranks "$count" "$BIN/dptrain" small.ini data.path="${name%%-*}.h5" run.dir="$name" "$@" >"$name.txt"
}

"$pack" --train w1.tsv --dev w2.tsv --test w3.tsv --column 1 --weight-column 2 -o weighted.h5 >report.txt
"$pack" --train r1.txt --dev r2.txt --test r3.txt -o repeated.h5 >/dev/null
grep -qE '^  train .* rows, with their weights [0-9]' report.txt || fail "$(cat report.txt)"
for sampling in replacement epoch; do
    train "repeated-$sampling" 1 train.sampling=$sampling
    for count in 1 2 3; do
        train "weighted-$sampling-$count" $count train.sampling=$sampling
        expect_equal "weights of $sampling on $count ranks" \
            "$(field "weighted-$sampling-$count/summary.json" weights)" \
            "$(field "repeated-$sampling/summary.json" weights)"
    done
done
for how in "" "--mix trigram" "--model trigram"; do
    # shellcheck disable=SC2086
    "$BIN/dptrain" eval weighted-epoch-3 $how | tail -n +2 >got.txt
    # shellcheck disable=SC2086
    "$BIN/dptrain" eval repeated-epoch $how | tail -n +2 >wanted.txt
    cmp got.txt wanted.txt || fail "eval $how: $(cat got.txt wanted.txt)"
done
for data in weighted repeated; do
    "$BIN/dptrain" eval --ckpt weighted-epoch-1 --ckpt weighted-replacement-1 --weights fit --data $data.h5 |
        tail -n +2 | sed 's/repeated\.h5/weighted.h5/' >$data.txt
done
cmp weighted.txt repeated.txt || fail "an ensemble: $(cat weighted.txt repeated.txt)"
"$BIN/dptrain" info weighted.h5 | grep -q '^  weights  *of lines: with them rows are [0-9,]* of train, ' ||
    fail "$("$BIN/dptrain" info weighted.h5)"
"$BIN/dptrain" info weighted.h5 --json | grep -qE '"examples":\{"train":[0-9]+,"dev":[0-9]+,"test":[0-9]+\}' ||
    fail "$("$BIN/dptrain" info weighted.h5 --json)"

# Words are counted as often as they weigh.
for options in "" "--min-count 3" "--vocab-from train" "--max-vocab 40"; do
    # shellcheck disable=SC2086
    "$pack" --train w1.csv --dev w2.csv --test w3.csv --column 1 --weight-column 2 --unit word $options -o got.h5 |
        grep -o 'V = .*' >got.txt
    # shellcheck disable=SC2086
    "$pack" --train l1.txt --dev l2.txt --test l3.txt --unit word $options -o wanted.h5 | grep -o 'V = .*' >wanted.txt
    cmp got.txt wanted.txt || fail "vocabulary of $options: $(cat got.txt wanted.txt)"
    cmp <("${DUMP:?}" got.h5 vocabulary) <("$DUMP" wanted.h5 vocabulary) || fail "vocabulary of $options"
done

# A line that stands there twice weighs as both; lines that are left out take their weights along.
printf 'name,n\nanna,2\nbob,0\n\nzoe,4\nanna,3\neve,1\n' >few.csv
"$pack" few.csv --column name --weight-column n --unique --split 1,0,0 -o few.h5 >report.txt
grep -q '^  train *13 rows, with their weights 45$' report.txt || fail "$(cat report.txt)"
grep -qF '1 repeats dropped' report.txt || fail "$(cat report.txt)"
printf 'anna\neve\n' >known.txt
"$pack" known.txt --split 1,0,0 -o known.h5 >/dev/null
"$pack" few.csv --column name --weight-column n --vocab-of known.h5 --skip-unknown --split 1,0,0 -o few.h5 >report.txt
grep -q '^  train *14 rows, with their weights 29$' report.txt || fail "$(cat report.txt)"

for wrong in -1 1.5 many "" 1000000000001; do
    printf 'name,n\nanna,2\nbob,%s\n' "$wrong" >wrong.csv
    pack_refuses 2 "wrong.csv:3: '$wrong' is no weight, which is a whole number from 0 to" \
        few.csv wrong.csv --column name --weight-column n
done
pack_refuses 2 "few.csv:1: 'n' is no weight" few.csv --column 1 --weight-column 2
pack_refuses 2 "few.csv:1: no column is called 'count' in the first line" few.csv --column name --weight-column count
pack_refuses 2 "few.csv:1: 2 columns, of which none is number 3" few.csv --column 1 --weight-column 3
pack_refuses 2 "few.csv:1: the text and the weights are both column 'n'" few.csv --column n --weight-column 2
printf 'anna,0\nbob,0\n' >zero.csv
pack_refuses 2 "zero.csv holds no words, only 2 empty lines and lines of weight 0" zero.csv --column 1 --weight-column 2
awk 'BEGIN { for (i = 0; i < 3000; i++) print "anna" i ",1000000000000" }' >heavy.csv
pack_refuses 2 "heavy.csv: the weights of train are too large in sum" heavy.csv --column 1 --weight-column 2
pack_refuses 2 "--weight-column is for tables: add --column" few.csv --weight-column 2
pack_refuses 2 "--weight-column is for lines, which a stream has not" few.csv --column name --weight-column n \
    --unit word --stream
