#!/usr/bin/env bash
# Texts packed with the vocabulary of a dataset or a model, splits that are empty on purpose, and a text
# evaluated without packing it by hand.
source "$(dirname "$0")/common.sh"
pack=$BIN/pack_dataset dptrain=$BIN/dptrain

# train NAME [KEY=VALUE...]: a small model of NAME.h5 in runs/NAME.
train() {
    local name=$1
    shift
    printf '[model]\nembedding_dim = 4\nhidden_dim = 16\n[train]\nsteps = 50\nbatch_size = 16\n[eval]\nevery = 25\n' >small.ini
    "$dptrain" small.ini "data.path=$name.h5" "run.dir=runs/$name" "$@" >/dev/null
}

# refused STATUS TEXT COMMAND...: one line with the text, and no file more.
refused() {
    local wanted=$1 text=$2 status=0 before
    shift 2
    # shellcheck disable=SC2010
    before=$(ls -A | grep -v checked)
    "$@" >out.txt 2>error.txt </dev/null || status=$?
    expect_equal "status of: $* ($(cat error.txt))" "$status" "$wanted"
    expect_equal "lines about: $* ($(cat error.txt))" "$(wc -l <error.txt)" 1
    grep -qF -- "$text" error.txt || fail "'$*' says '$(cat error.txt)', without '$text'"
    # shellcheck disable=SC2010
    expect_equal "files after: $*" "$(ls -A | grep -v checked)" "$before"
}
touch out.txt error.txt

# sums FILE: weights-free identity of what training sees.
identity() {
    "$dptrain" info "$1" --json | grep -o '"sha256":"[^"]*"'
}

# evaluated COMMAND...: the loss and the rows, in full.
evaluated() {
    "$dptrain" eval "$@" --json 2>/dev/null | grep -o '"test":{[^}]*}'
}

head -n 4000 "$SOURCE/data/names.txt" >first.txt
tail -n 500 "$SOURCE/data/names.txt" >second.txt

# --- characters -------------------------------------------------------------------------------------

# Of the same alphabet in another order of appearance, and of fewer letters: ids are those of the first.
"$pack" first.txt --block-size 4 --boundary '#' -o first.h5 >/dev/null
grep -v '[jqxz]' second.txt >few.txt
"$pack" few.txt --vocab-of first.h5 -o few.h5 >report.txt
"$dptrain" info few.h5 >info.txt
grep -q "unit        char, block size 4, shuffled with seed 42" info.txt || fail "$(cat info.txt)"
grep -q "packed      with --split 0.8,0.1,0.1 --vocab-of first.h5" info.txt || fail "$(cat info.txt)"
grep -q "vocabulary  27 tokens of 8 bits: # a b c" info.txt || fail "$(cat info.txt)"
"$pack" few.txt --vocab-of first.h5 --block-size 3 -o few3.h5 >/dev/null
"$pack" first.txt --vocab-of first.h5 -o again.h5 >/dev/null
expect_equal "a text with its own vocabulary" "$(identity again.h5)" "$(identity first.h5)"
for file in first few; do "${DUMP:?}" $file.h5 test | awk '{ print length($1) }' | sort -u >width.txt; done
expect_equal "tokens in a context" "$(cat width.txt)" 4

# Of a model, a run folder, a dataset: the same.
train first
for from in first.h5 runs/first runs/first/best.h5; do
    "$pack" second.txt --vocab-of $from --split 0,0,1 -o second.h5 >/dev/null
    "$dptrain" eval runs/first --data second.h5 --json >by_hand.json
    identity second.h5
done | sort -u >identities.txt
expect_equal "datasets with one vocabulary" "$(wc -l <identities.txt)" 1

# A text is evaluated as it is when it is packed, on any number of ranks, and nothing is left.
wanted=$(evaluated runs/first --data second.h5)
[ -n "$wanted" ] || fail "no test split in $(cat by_hand.json)"
mkdir tmp
for count in 1 3; do
    TMPDIR=$PWD/tmp ranks $count "$dptrain" eval runs/first --text second.txt --json >text.json
    expect_equal "a text on $count ranks" "$(grep -o '"test":{[^}]*}' text.json)" "$wanted"
    # shellcheck disable=SC2010
    expect_equal "files left" "$(ls -A tmp | grep dptrain || true)" ""
done
expect_equal "splits of a text" "$("$dptrain" eval runs/first --text second.txt | grep -c '^ *\(train\|dev\|test\) ')" 1

# What is not known is refused by its line, or left out and counted.
{ cat second.txt && printf 'Ab \r\n\nanna\ncé\xc3\xa9c\n'; } >odd.txt
refused 5 "odd.txt:501: 'A' is not in the vocabulary of first.h5; --skip-unknown leaves out" \
    "$pack" odd.txt --vocab-of first.h5 -o odd.h5
refused 5 "--text: odd.txt:501: 'A' is not in the vocabulary of runs/first/best.h5" \
    "$dptrain" eval runs/first --text odd.txt
"$pack" odd.txt --vocab-of first.h5 --skip-unknown -o odd.h5 >report.txt
grep -qx "  2 different tokens are not in the vocabulary of first.h5: 'A', 'é'" report.txt || fail "$(cat report.txt)"
grep -qx "  2 lines with such tokens left out" report.txt || fail "$(cat report.txt)"
{ cat second.txt && echo anna; } >known.txt
"$pack" known.txt --vocab-of first.h5 -o known.h5 >/dev/null
expect_equal "without lines that are not known" "$(identity odd.h5)" "$(identity known.h5)"
expect_equal "a text without them" "$(evaluated runs/first --text odd.txt --skip-unknown)" \
    "$(evaluated runs/first --text known.txt)"
"$dptrain" eval runs/first --text odd.txt --skip-unknown 2>error.txt >/dev/null
grep -qF "2 different tokens are not in the vocabulary of best.h5: 'A', 'é'" error.txt || fail "$(cat error.txt)"
grep -qF "2 of 503 lines are left out" error.txt || fail "$(cat error.txt)"

# Small letters and normal forms come with the vocabulary.
{ cat first.txt && printf 'Z\xc3\x89\n'; } >folded.txt
"$pack" folded.txt --lowercase --normalize nfc -o folded.h5 >/dev/null
printf 'ANNA\nZE\xcc\x81\n' >capitals.txt
"$pack" capitals.txt --vocab-of folded.h5 --split 0,0,1 >/dev/null
expect_equal "capitals" "$("$DUMP" capitals.h5 test | awk '{ printf "%s", $2 }')" "zé.anna." # shuffled

# --- words ------------------------------------------------------------------------------------------

for i in {0..39}; do echo "the cat $((i % 7)) sat on the mat w$i"; done >cats.txt
for options in "" "--stream" "--stream --no-eol"; do
    # shellcheck disable=SC2086
    "$pack" cats.txt --unit word --min-count 2 --block-size 2 $options -o cats.h5 >/dev/null
    "$pack" cats.txt --vocab-of cats.h5 -o again.h5 >/dev/null
    expect_equal "words with their own vocabulary ($options)" "$(identity again.h5)" "$(identity cats.h5)"
    "$DUMP" cats.h5 vocab >expected.txt
    "$DUMP" again.h5 vocab | diff expected.txt - || fail "counts of words ($options)"
done
"$pack" cats.txt --unit word --min-count 2 -o cats.h5 >/dev/null
train cats
printf 'the dog sat on the cat\nmat a b c d e\n' >dogs.txt
"$pack" dogs.txt --vocab-of runs/cats --split 0,0,1 >report.txt
grep -qx "  6 different tokens are not in the vocabulary of cats: 'dog', 'a', 'b', 'c', 'd', ..." report.txt ||
    fail "$(cat report.txt)"
grep -q ", 6 times <unk>$" report.txt || fail "$(cat report.txt)"
expect_equal "words of a text" "$("$DUMP" dogs.h5 test | awk '{ printf "%s ", $4 }')" \
    "mat <unk> <unk> <unk> <unk> <unk> <s> the <unk> sat on the cat <s> "
expect_equal "a text of words" "$(evaluated runs/cats --text dogs.txt)" "$(evaluated runs/cats --data dogs.h5)"
"$dptrain" eval runs/cats --text dogs.txt 2>error.txt >eval.txt
grep -q "^      <unk>  *6 of test$" eval.txt || fail "$(cat eval.txt)"
grep -qF "dogs.txt: 6 different tokens are not in the vocabulary of best.h5: 'dog'," error.txt || fail "$(cat error.txt)"
"$pack" cats.txt --unit word -o every.h5 >/dev/null
refused 5 "dogs.txt:1: 'dog' is not in the vocabulary of every.h5; --skip-unknown" \
    "$pack" dogs.txt --vocab-of every.h5 -o x.h5
"$pack" cats.txt --unit word --stream -o every.h5 >/dev/null
refused 5 "dogs.txt:1: 'dog' is not in the vocabulary of every.h5" "$pack" dogs.txt --vocab-of every.h5 -o x.h5

# --- splits that are empty on purpose -----------------------------------------------------------------

"$pack" first.txt --split 1,0,0 -o all.h5 >report.txt
grep -qx "  dev   0 rows" report.txt || fail "$(cat report.txt)"
train all
"$dptrain" eval runs/all >eval.txt
expect_equal "splits of it" "$(grep -c '^ *\(train\|dev\|test\) ' eval.txt)" 1
refused 2 "all.h5 has no rows in dev" "$dptrain" eval runs/all --split dev
refused 2 "all.h5 has no rows in dev: a trigram is counted on train and weighted on dev" \
    "$dptrain" eval runs/all --mix trigram
[ ! -e runs/all/best.h5 ] || fail "the best of no evaluation"
if grep -q nan runs/all/*.json runs/all/metrics.csv; then fail "an evaluation of nothing"; fi
"$dptrain" report runs/all >/dev/null
refused 2 "second.h5 has no rows to train on: it was packed with --split 0,0,1" \
    "$dptrain" small.ini data.path=second.h5 run.dir=runs/none
"$dptrain" doctor small.ini data.path=second.h5 >doctor.txt && fail "doctor finds nothing"
grep -q "^problem *dataset *second.h5 has no rows to train on" doctor.txt || fail "$(cat doctor.txt)"

# --- what does not go together ------------------------------------------------------------------------

for option in "--unit word" "--boundary +" --lowercase "--normalize nfc" "--min-count 2" "--max-vocab 9" --stream \
    --no-eol "--vocab-from train"; do
    # shellcheck disable=SC2086
    refused 2 "${option% *} comes with the vocabulary of first.h5: leave it out" \
        "$pack" second.txt --vocab-of first.h5 $option -o x.h5
done
refused 2 "--skip-unknown needs --vocab-of" "$pack" second.txt --skip-unknown -o x.h5
refused 2 "--skip-unknown leaves out lines, which the stream of every.h5 has not" \
    "$pack" dogs.txt --vocab-of every.h5 --skip-unknown -o x.h5
refused 2 "output 'first.h5' is what --vocab-of names" "$pack" second.txt --vocab-of first.h5 -o first.h5
refused 3 "missing.h5" "$pack" second.txt --vocab-of missing.h5 -o x.h5
refused 2 "first.txt is a text, not a dataset" "$pack" second.txt --vocab-of first.txt -o x.h5
refused 2 "either --text or --data, not both" "$dptrain" eval runs/first --text second.txt --data second.h5
refused 2 "either --text or --split, not both" "$dptrain" eval runs/first --text second.txt --split dev
refused 2 "--text has no train and dev for a trigram" "$dptrain" eval runs/first --text second.txt --mix trigram
refused 2 "second.txt has no rows in dev, where --weights fit looks" "$dptrain" eval --ckpt runs/first --ckpt runs/first --weights fit --text second.txt
refused 2 "--skip-unknown needs --text" "$dptrain" eval runs/first --skip-unknown
refused 3 "--text: cannot read missing.txt" "$dptrain" eval runs/first --text missing.txt

# --- Brown's second half by a model of the first ---------------------------------------------------------

brown=$SHARED_DATA/brown.txt
[ -r "$brown" ] || skip "no $brown, whose halves are compared"
lines=$(wc -l <"$brown")
head -n $((lines / 2)) "$brown" >half1.txt
tail -n +$((lines / 2 + 1)) "$brown" >half2.txt
"$pack" half1.txt --unit word --stream --no-eol --min-count 4 -o half1.h5 >/dev/null
train half1
"$pack" half2.txt --vocab-of runs/half1 --split 0,0,1 >report.txt
"$DUMP" half1.h5 vocab | cut -d ' ' -f 1 | sort >known.txt
unknown=$(tr -s ' \t' '\n' <half2.txt | grep -v '^$' | LC_ALL=C sort | LC_ALL=C join -v 1 - <(LC_ALL=C sort known.txt) | wc -l)
grep -q ", $unknown times <unk>$" <(sed '1s/,\([0-9]\)/\1/g' report.txt) || fail "not $unknown unknown: $(cat report.txt)"
expect_equal "Brown's second half" "$(evaluated runs/half1 --text half2.txt)" "$(evaluated runs/half1 --data half2.h5)"
