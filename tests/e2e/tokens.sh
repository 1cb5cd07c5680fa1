#!/usr/bin/env bash
# What a trained model says of tokens: its nearest ones, and what follows a context.
source "$(dirname "$0")/common.sh"
make_small_run
"$BIN/dptrain" small.ini train.steps=500 >/dev/null

expect_refusal() { # TEXT COMMAND...
    local text=$1 status=0
    shift
    "$@" >out.txt 2>error.txt || status=$?
    expect_equal "status of: $* ($(cat error.txt))" "$status" 2
    grep -qF -- "$text" error.txt || fail "'$*' says '$(cat error.txt)', without '$text'"
}

# All probabilities: one of each token, highest first, and 1 in all.
"$BIN/dptrain" predict em -n 100 >predict.txt
expect_below "columns of predict" "$(wc -L <predict.txt)" 80
grep -q "behind . e m$" predict.txt || fail "the context is not shown: $(cat predict.txt)"
sed -n 's/^  \([^ ]*\) *\([0-9][0-9.]*\)\( .*\)*$/\1 \2/p' predict.txt >table.txt
expect_equal "tokens of predict" "$(wc -l <table.txt)" 27
sort -s -k2,2gr -c table.txt || fail "not the highest first: $(cat predict.txt)"
expect_below "distance of the probabilities' sum from 1" \
    "$(distance "$(awk '{ sum += $2 } END { print sum }' table.txt)" 1)" 0.002
# The first is what sampling without chance takes.
likeliest=$("$BIN/dptrain" sample --prompt em --temperature 0 -n 1).
expect_equal "the likeliest token" "$(head -n 1 table.txt | cut -d' ' -f1)" "${likeliest:2:1}"
# Boundaries fill up, and only the end counts.
"$BIN/dptrain" predict runs/small ..em -n 100 >longer.txt
cmp predict.txt longer.txt || fail "'em' and '..em' differ"
ranks 3 "$BIN/dptrain" predict --ckpt runs/small em -n 100 >three.txt
cmp predict.txt three.txt || fail "3 ranks say something else"
"$BIN/dptrain" predict '' -n 2 >two.txt
grep -q "^25 others: 0\.[0-9]*$" two.txt || fail "the others are missing: $(cat two.txt)"

"$BIN/dptrain" nearest a -n 4 >nearest.txt
expect_below "columns of nearest" "$(wc -L <nearest.txt)" 80
expect_equal "lines of nearest" "$(wc -l <nearest.txt)" 6
"$BIN/dptrain" nearest runs/small/best.h5 a -n 4 | tail -n 4 >path.txt
tail -n 4 nearest.txt | cmp - path.txt || fail "nearest by PATH says something else"

expect_refusal "TOKEN is missing" "$BIN/dptrain" nearest
expect_refusal "CONTEXT is missing behind it" "$BIN/dptrain" predict runs/small
expect_refusal "TOKEN: 'ab' is not in the vocabulary: . a b" "$BIN/dptrain" nearest ab
expect_refusal "CONTEXT: 'E' is not in the vocabulary" "$BIN/dptrain" predict Em
expect_refusal "one checkpoint or run folder at a time" "$BIN/dptrain" nearest runs/small x a
