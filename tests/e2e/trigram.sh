#!/usr/bin/env bash
# eval with a trigram: alone, and mixed with the network; the same bits at any rank count.
source "$(dirname "$0")/common.sh"
"$BIN/pack_dataset" "$SOURCE/data/names.txt" -o names.h5 >/dev/null

# part FILE NAME SPLIT: the loss of a split in the object of that name, of `eval --mix --json`.
part() {
    grep -o "\"$2\":{.*" "$1" | grep -o "\"$3\":{\"loss\":[^,]*" | head -n 1 | cut -d: -f3
}

# expect_close WHAT A B BOUND
expect_close() {
    expect_below "$1: distance of $2 to $3" "$(distance "$2" "$3")" "$4"
}

# Alone, from a dataset. The figures are those of tests/golden/make_trigram.py.
"$BIN/dptrain" eval --model trigram --data names.h5 --json >alone.json
expect_close "train" "$(loss alone.json train)" 2.1909037322471145 1e-5
expect_close "dev" "$(loss alone.json dev)" 2.233356962597345 1e-5
expect_close "test" "$(loss alone.json test)" 2.222165521708768 1e-5
ranks 3 "$BIN/dptrain" eval --model trigram --data names.h5 --json >three.json
cmp alone.json three.json || fail "the trigram differs on 3 ranks"
"$BIN/dptrain" eval --model trigram --data names.h5 --split dev >table.txt
expect_below "columns of the table" "$(wc -L <table.txt)" 80
expect_equal "splits in the table" "$(grep -c '^ *\(train\|dev\|test\) ' table.txt)" 1

# With one token of context it is a bigram, which knows less.
"$BIN/pack_dataset" "$SOURCE/data/names.txt" -o one.h5 --block_size 1 >/dev/null
"$BIN/dptrain" eval --model trigram --data one.h5 --json >one.json
expect_close "bigram, test" "$(loss one.json test)" 2.456577268097703 1e-5

# A network to mix it with, on fewer names: the config's dataset is found by itself.
make_small_run
"$BIN/dptrain" small.ini train.steps=1500 eval.every=1500 >/dev/null
"$BIN/dptrain" eval --model trigram --data small.h5 --json >alone.json
"$BIN/dptrain" eval --json >network.json
"$BIN/dptrain" eval --model trigram --json >found.json
cmp alone.json found.json || fail "the checkpoint's dataset gives another trigram"
for weight in 0 0.5 1 fit; do
    "$BIN/dptrain" eval --mix trigram --mix_weight $weight --json >mix.$weight.json
    ranks 3 "$BIN/dptrain" eval --mix trigram --mix_weight $weight --json >three.json
    cmp mix.$weight.json three.json || fail "the mixture with weight $weight differs on 3 ranks"
    for split in train dev test; do
        expect_equal "the network within the mixture, $split" \
            "$(loss mix.$weight.json $split | head -n 1)" "$(loss network.json $split)"
        expect_equal "the trigram within the mixture, $split" \
            "$(part mix.$weight.json trigram $split)" "$(loss alone.json $split)"
    done
done
"$BIN/dptrain" eval --mix trigram --json | cmp - mix.0.5.json || fail "0.5 is not the default"
expect_close "all network" "$(part mix.1.json mixture test)" "$(loss network.json test)" 1e-9
expect_close "all trigram" "$(part mix.0.json mixture test)" "$(loss alone.json test)" 1e-9

# The fitted weight is the best on dev: of its neighbours, too.
fitted=$(field mix.fit.json network_weight)
best=$(part mix.fit.json mixture dev)
for other in 0 0.5 1 "$(awk -v w="$fitted" 'BEGIN { print w - 0.02 }')" \
    "$(awk -v w="$fitted" 'BEGIN { print w + 0.02 }')"; do
    "$BIN/dptrain" eval --mix trigram --mix_weight "$other" --split dev --json >other.json
    awk -v a="$best" -v b="$(part other.json mixture dev)" 'BEGIN { exit !(a < b) }' ||
        fail "dev: $best with weight $fitted, $(part other.json mixture dev) with $other"
done
# It is dev's, whatever is asked.
"$BIN/dptrain" eval --mix trigram --mix_weight fit --split test --json >test.json
expect_equal "weight where only test is asked" "$(field test.json network_weight)" "$fitted"
expect_equal "mixture where only test is asked" "$(part test.json mixture test)" \
    "$(part mix.fit.json mixture test)"
"$BIN/dptrain" eval --mix trigram --mix_weight fit >table.txt
expect_below "columns of the table" "$(wc -L <table.txt)" 80
expect_equal "splits in the table" "$(grep -c '^ *\(train\|dev\|test\) ' table.txt)" 3

# score's lines sum up to the mixture's losses, on any number of ranks; its tokens to a line.
# expect_sum FILE OPTION...: of scores, to the losses of `eval` with these options, each over its rows.
expect_sum() {
    local file=$1 expected sum
    shift
    "$BIN/dptrain" eval "$@" --json >eval.json
    expected=$(sed 's/.*"mixture":{//' eval.json | tr '{' '\n' |
        sed -n 's/.*"loss":\([^,]*\),.*"count":\([0-9]*\).*/\1 \2/p' |
        awk '{ sum -= $1 * $2; rows += $2 } END { printf "%.6f %d", sum, rows }')
    sum=$(awk -F'\t' '{ s += $1; n += $2 } END { printf "%.6f %d", s, n }' "$file")
    expect_equal "tokens of score $*" "${sum#* }" "${expected#* }"
    expect_below "sum of score $*: $sum, $expected" "$(distance "${sum% *}" "${expected% *}")" 0.05
}
"$BIN/dptrain" score --mix trigram small.txt >lines.tsv
expect_sum lines.tsv --mix trigram
for options in "" "--mix-weight fit"; do
    # shellcheck disable=SC2086
    "$BIN/dptrain" score --mix trigram $options small.txt >lines.tsv 2>notice.txt
    # shellcheck disable=SC2086
    ranks 3 "$BIN/dptrain" score --mix trigram $options small.txt 2>/dev/null | cmp - lines.tsv ||
        fail "score --mix trigram $options differs on 3 ranks"
done
expect_sum lines.tsv --mix trigram --mix-weight fit
grep -qF -- "--mix-weight $fitted is best on dev" notice.txt || fail "not $fitted: $(cat notice.txt)"
printf 'emma\nÄb\n' >two.txt
"$BIN/dptrain" score --mix trigram --tokens two.txt >tokens.tsv
sum=$(head -n 5 tokens.tsv | awk -F'\t' '{ s -= $2 } END { print s }')
line=$("$BIN/dptrain" score --mix trigram two.txt | head -n 1 | cut -f1)
expect_below "tokens of a mixture: $sum, $line" "$(distance "$sum" "$line")" 1e-5
expect_equal "an unknown token in a mixture" "$(sed -n 's/^Ä\t//p' tokens.tsv)" "$(printf 'inf\t0')"
# Each rank that a token may have is one token's, behind one context.
printf 'em%s\n' {a..z} '' >ways.txt
"$BIN/dptrain" score --mix trigram --tokens ways.txt | awk -v RS= -F'\n' '{ split($3, t, "\t"); print t[3] }' |
    sort -n | cmp - <(seq 27) || fail "ranks in a mixture"
"$BIN/dptrain" score --mix trigram --mix-weight 1 small.txt | cut -f1 >mixed.txt
"$BIN/dptrain" score small.txt | cut -f1 | paste - mixed.txt | awk '($1 - $2)^2 > 1e-11' >off.txt
[ ! -s off.txt ] || fail "all network: $(head -n 3 off.txt)"
expect_refusal 2 "--mix-weight is for a mixture" 1 "$BIN/dptrain" score --mix-weight 0.5 small.txt
for count in 1 3; do
    expect_refusal 2 "must be a number from 0 to 1, or fit" $count \
        "$BIN/dptrain" score --mix trigram --mix-weight 2 small.txt
    expect_refusal 5 "has block size 3 but one.h5 has 1" $count \
        "$BIN/dptrain" score --mix trigram --data one.h5 small.txt
    expect_refusal 3 "--mix trigram counts on the dataset" $count \
        "$BIN/dptrain" score --mix trigram --data missing.h5 small.txt
done

for count in 1 3; do
    expect_refusal 2 "must be a number from 0 to 1, or fit" $count \
        "$BIN/dptrain" eval --mix trigram --mix_weight 1.5
    expect_refusal 3 "missing.h5" $count "$BIN/dptrain" eval --model trigram --data missing.h5
    expect_refusal 5 "has block size 3 but one.h5 has 1" $count \
        "$BIN/dptrain" eval runs/small --model trigram --data one.h5
done
for weight in -0.1 nan half ''; do
    expect_refusal 2 "must be a number from 0 to 1, or fit" 1 \
        "$BIN/dptrain" eval --mix trigram --mix_weight="$weight"
done
expect_refusal 2 "one of none, trigram" 1 "$BIN/dptrain" eval --mix bigram
expect_refusal 2 "one of network, trigram" 1 "$BIN/dptrain" eval --model bigram
expect_refusal 2 "--mix-weight is for a mixture: add --mix trigram" 1 "$BIN/dptrain" eval --mix_weight 0.5
expect_refusal 2 "leave out --model trigram" 1 "$BIN/dptrain" eval --model trigram --mix trigram
