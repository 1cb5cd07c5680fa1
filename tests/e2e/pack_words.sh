#!/usr/bin/env bash
# Packing words: as lines and as a stream, the vocabulary and its order, what is refused; what the
# other commands do with words; and the Brown corpus against plain Python (tests/golden).
source "$(dirname "$0")/common.sh"
golden=$SOURCE/tests/golden

# expect_text WHAT EXPECTED COMMAND...
expect_text() {
    local what=$1
    printf '%s\n' "$2" | sed 's/^ *//' | sed '/^$/d' >expected.txt
    shift 2
    "$@" >got.txt || fail "$what: $*"
    diff expected.txt got.txt || fail "$what"
}

pack() {
    "$BIN/pack_dataset" "$@" --unit word >summary.txt
}

expect_refusal() { # STATUS TEXT ARGUMENTS...
    local wanted=$1 text=$2 status=0
    shift 2
    "$BIN/pack_dataset" "$@" -o refused.h5 >out.txt 2>error.txt || status=$?
    expect_equal "status of: $* ($(cat error.txt))" "$status" "$wanted"
    grep -qF -- "$text" error.txt || fail "'$*' says '$(cat error.txt)', without '$text'"
    [ ! -e refused.h5 ] || fail "'$*' leaves a file"
}

# Every kind of blank, empty lines, a byte order mark, CRLF, and no newline at the end.
printf '\xEF\xBB\xBFthe cat  sat\r\n\n \t\nThe\tdog\vsat\fon the mat\na Cat sat' >t.txt

# A stream with ends of lines: contexts run over them, and splits begin anew.
pack t.txt --stream --block-size 2 --split-tokens 6,4
grep -q '^t.h5: 12 words in 3 lines (2 empty lines skipped), V = 11$' summary.txt ||
    fail "the summary: $(cat summary.txt)"
expect_text "a stream's train" '
    <s> <s> the
    <s> the cat
    the cat sat
    cat sat <eol>
    sat <eol> The
    <eol> The dog' "$DUMP" t.h5 train
expect_text "a stream's dev" '
    <s> <s> sat
    <s> sat on
    sat on the
    on the mat' "$DUMP" t.h5 dev
expect_text "a stream's test" '
    <s> <s> <eol>
    <s> <eol> a
    <eol> a Cat
    a Cat sat
    Cat sat <eol>' "$DUMP" t.h5 test
expect_text "a stream's vocabulary" '
    <s> 0
    sat 3
    <eol> 3
    the 2
    cat 1
    The 1
    dog 1
    on 1
    mat 1
    a 1
    Cat 1' "$DUMP" t.h5 vocab

# Without ends of lines, in lower case, rare words merged; cut by shares.
pack t.txt --stream --no-eol --lowercase --min_count 2 --block_size 2 --split 0.5,0.25,0.25
expect_text "the merged vocabulary" '
    <s> 0
    <unk> 4
    the 3
    sat 3
    cat 2' "$DUMP" t.h5 vocab
expect_text "the merged train" '
    <s> <s> the
    <s> the cat
    the cat sat
    cat sat the
    sat the <unk>
    the <unk> sat' "$DUMP" t.h5 train
expect_text "the merged dev" '
    <s> <s> <unk>
    <s> <unk> the
    <unk> the <unk>' "$DUMP" t.h5 dev
grep -q ', 4 times <unk>$' summary.txt || fail "the summary: $(cat summary.txt)"

# At most so many tokens in all; an end of line stays, however rare.
pack t.txt --stream --max_vocab 5 --min_count 1
expect_text "the limited vocabulary" '
    <s> 0
    <unk> 7
    sat 3
    <eol> 3
    the 2' "$DUMP" t.h5 vocab
pack t.txt --stream --max_vocab 11 # nothing to merge
expect_equal "tokens that fit exactly" "$("$DUMP" t.h5 vocab | wc -l)" 11
pack t.txt --stream --min_count 4
expect_text "only special tokens" '
    <s> 0
    <unk> 12
    <eol> 3' "$DUMP" t.h5 vocab

# An <unk> of the text is merged with the rare words, an <eol> with the ends of lines.
printf '<unk> b b <unk> c <eol> b\nb\n' >u.txt
pack u.txt --stream --min_count 2 --split_tokens 3,3
expect_text "what the text has already" '
    <s> 0
    b 4
    <unk> 3
    <eol> 3' "$DUMP" u.h5 vocab

# Lines: from boundary to boundary, shuffled as names are; the default of a text in any case.
pack t.txt --block-size 2 --split 0.34,0.33,0.33 --boundary '||'
expect_equal "rows of lines" "$("$DUMP" t.h5 | cut -d' ' -f1,2 | tr '\n' ' ')" \
    "train 7 dev 4 test 4 "
expect_text "a line" '
    || || The
    || The dog
    The dog sat
    dog sat on
    sat on the
    on the mat
    the mat ||' "$DUMP" t.h5 train
expect_text "the vocabulary of lines" '
    || 3
    sat 3
    the 2
    cat 1
    The 1
    dog 1
    on 1
    mat 1
    a 1
    Cat 1' "$DUMP" t.h5 vocab

# Counted in the training split only: what it lacks is <unk>, which comes last here.
pack t.txt --block-size 2 --split 0.34,0.33,0.33 --vocab_from train
expect_text "the vocabulary of train" '
    <s> 1
    The 1
    dog 1
    sat 1
    on 1
    the 1
    mat 1
    <unk> 0' "$DUMP" t.h5 vocab
expect_text "dev in words of train" '
    <s> <s> the
    <s> the <unk>
    the <unk> sat
    <unk> sat <s>' "$DUMP" t.h5 dev
pack t.txt --stream --split_tokens 3,3 --vocab_from train # no end of a line among these
expect_text "the vocabulary of a short train" '
    <s> 0
    the 1
    cat 1
    sat 1
    <eol> 0
    <unk> 0' "$DUMP" t.h5 vocab

# Ready-made splits.
printf 'a b\nc\n' >one.txt
printf 'c d\n' >two.txt
pack --train one.txt --dev two.txt --test two.txt -o made.h5 --stream --block_size 1
expect_text "ready-made" '
    <s> a
    a b
    b <eol>
    <eol> c
    c <eol>' "$DUMP" made.h5 train
expect_text "ready-made dev" '
    <s> c
    c d
    d <eol>' "$DUMP" made.h5 dev
pack --train one.txt --dev two.txt --test two.txt -o made.h5 --vocab_from train --block_size 1
expect_text "ready-made lines" '
    <s> c
    c <unk>
    <unk> <s>' "$DUMP" made.h5 dev

# Capitals of other scripts; a word of characters that are not blanks to ASCII.
printf 'Ärger ΣΟΦΟΣ İx ǅ\xC2\xA0a ärger\n%s\n' 'b c' >w.txt
pack w.txt --lowercase --stream --no_eol --block_size 1 --split_tokens 5,1
expect_text "lower case" "
    <s> ärger
    ärger σοφοσ
    σοφοσ ix
    ix ǆ$(printf '\xC2\xA0')a
    ǆ$(printf '\xC2\xA0')a ärger" "$DUMP" w.h5 train

# What is refused: the text,
printf 'a b\nc \xC3 d\n' >latin1.txt
printf 'a b\nc d\xC3' >cut.txt
printf 'a b\nc \0d\n' >zero.txt
printf 'a b\nc <s> d\n' >boundary.txt
printf ' \n\t\n' >blank.txt
: >empty.txt
{ echo a && head -c 5000 /dev/zero | tr '\0' x && echo; } >long.txt
word="--unit word"
# shellcheck disable=SC2086
{
    expect_refusal 2 "latin1.txt:2: byte 0xc3 at offset 6 is not valid UTF-8" latin1.txt $word
    expect_refusal 2 "cut.txt:2: byte 0xc3 at offset 7 is not valid UTF-8" cut.txt $word
    expect_refusal 2 "zero.txt:2: a zero byte" zero.txt $word
    expect_refusal 2 "boundary.txt:2: the boundary '<s>' is a word of the text" boundary.txt $word
    expect_refusal 2 "blank.txt holds no words, only 2 empty lines" blank.txt $word
    expect_refusal 2 "empty.txt is empty" empty.txt $word --stream
    expect_refusal 2 "long.txt:2: a word of 5000 bytes; at most 4096" long.txt $word
    expect_refusal 3 "cannot read missing.txt" missing.txt $word
    # and the arguments.
    expect_refusal 2 "--min-count is for words: add --unit word" t.txt --min-count 2
    expect_refusal 2 "--no-eol is for a stream of words: add --unit word --stream" t.txt --no-eol
    expect_refusal 2 "--no-eol is for a stream" t.txt $word --no_eol
    expect_refusal 2 "--split-tokens is for a stream" t.txt $word --split_tokens 1,2
    expect_refusal 2 "has 3 numbers: must be two" t.txt $word --stream --split_tokens 1,2,3
    expect_refusal 2 "leaves nothing of the 15 tokens" t.txt $word --stream --split_tokens 10,5
    expect_refusal 2 "leaves nothing of the 12 tokens" t.txt $word --stream --no_eol \
        --split_tokens 18000000,1
    expect_refusal 2 "either --split-tokens or --split" t.txt $word --stream --split_tokens 1,2 \
        --split 0.8,0.1,0.1
    expect_refusal 2 "--seed is for a shuffle" t.txt $word --stream --seed 1
    expect_refusal 2 "leaves dev none of the 3 lines" t.txt $word
    expect_refusal 2 "--max-vocab = 3: must be at least 4" t.txt $word --max_vocab 3
    expect_refusal 2 "--min-count = '0'" t.txt $word --min_count 0
    expect_refusal 2 "boundary = 'a b': must be one word" t.txt $word --boundary 'a b'
    expect_refusal 2 "boundary = '': must be one word" t.txt $word --boundary=
    expect_refusal 2 "boundary = '<unk>': has another meaning" t.txt $word --boundary '<unk>'
}

# More than 256 and more than 65,536 different words: ids of 16 and 32 bits, checked by their text.
seq 1 70000 | awk '{ print "w" $1, "w" $1 }' >many.txt
pack many.txt --stream --no_eol --block_size 1 --split_tokens 139000,500
"$DUMP" many.h5 test | awk '{ print $2 }' >got.txt
awk '{ print $1; print $2 }' many.txt | tail -n 500 | diff - got.txt || fail "ids of 32 bits"
"$BIN/dptrain" info many.h5 | grep -q '70,001 tokens of 32 bits' || fail "$("$BIN/dptrain" info many.h5)"
head -n 1000 many.txt >some.txt
pack some.txt --block_size 1
"$BIN/dptrain" info some.h5 | grep -q '1,001 tokens of 16 bits' || fail "$("$BIN/dptrain" info some.h5)"
"$DUMP" some.h5 >/dev/null

# --- a model of words ------------------------------------------------------------------------------

awk 'BEGIN { srand(1); for (i = 0; i < 400; i++) {
    n = 3 + int(5 * rand()); for (j = 0; j < n; j++) printf "%s%d ", j % 2 ? "b" : "a", 90 * rand() ^ 3
    print "" } print "zz" }' >words.txt
cat >words.ini <<'INI'
[data]
path = words.h5
[model]
embedding_dim = 4
hidden_dim = 8
[train]
steps = 300
batch_size = 32
INI
pack words.txt --stream --no_eol --min_count 2
"$BIN/dptrain" words.ini run.dir=runs/stream >/dev/null
"$BIN/dptrain" sample runs/stream -n 2 >samples.txt
expect_equal "words of a sample of a stream" "$(awk '{ print NF }' samples.txt | tr '\n' ' ')" "40 40 "
"$BIN/dptrain" sample runs/stream -n 1 --prompt 'a1 b1' --length 7 >samples.txt
expect_equal "words behind a prompt" "$(awk '{ print $1, $2, NF }' samples.txt)" "a1 b1 9"
"$BIN/dptrain" predict runs/stream "$(printf 'b1 nosuchword\ta1')" -n 3 >predict.txt
grep -q 'behind b1 <unk> a1$' predict.txt || fail "the context is not shown: $(cat predict.txt)"
grep -q "'<s>' stands for the beginning of the text" predict.txt || fail "$(cat predict.txt)"
"$BIN/dptrain" nearest runs/stream a1 -n 3 | grep -q "nearest to 'a1'" || fail "nearest"
"$BIN/dptrain" info runs/stream | grep -q ', word in a stream, block size 3' || fail "info"

pack words.txt
"$BIN/dptrain" words.ini run.dir=runs/lines >/dev/null
"$BIN/dptrain" sample runs/lines -n 50 >samples.txt
expect_equal "samples that are lines" "$(wc -l <samples.txt)" 50
! grep -q '<s>' samples.txt || fail "a boundary in a sample"
expect_below "words of the longest line" "$(awk '{ if (NF > most) most = NF } END { print most }' \
    samples.txt)" 999
status=0
"$BIN/dptrain" predict runs/lines 'b1 nosuchword' >out.txt 2>error.txt || status=$?
expect_equal "status where there is no <unk>" "$status" 2
grep -q "CONTEXT: 'nosuchword' is not in the vocabulary" error.txt || fail "$(cat error.txt)"

# --- the Brown corpus ------------------------------------------------------------------------------

brown=$SHARED_DATA/brown.txt
[ -r "$brown" ] || skip "no $brown: the Brown corpus is not part of the project"
pack "$brown" -o brown.h5 --stream --no-eol --min-count 4 --block_size 5 \
    --split-tokens 800000,200000
expect_equal "what is said of the Brown corpus" "$(head -n 1 summary.txt)" \
    "brown.h5: 1,161,192 words in 57,340 lines (0 empty lines skipped), V = 17,906, 55,182 times <unk>"
"$DUMP" brown.h5 >dump.txt
diff "$golden/pack_brown.txt" dump.txt || fail "brown.h5 is not what pack_brown.txt says"
