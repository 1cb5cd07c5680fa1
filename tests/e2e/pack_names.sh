#!/usr/bin/env bash
# The packer against plain Python: the notebook's splits, bit for bit (tests/golden); and what splits have in
# common, against text tools.
source "$(dirname "$0")/common.sh"
golden=$SOURCE/tests/golden

# expect_dump GOLDEN DATASET [rows]
expect_dump() {
    local kept=$1
    shift
    "$DUMP" "$@" >dump.txt || fail "cannot read $1"
    diff "$golden/$kept" dump.txt || fail "$1 is not what $kept says"
}

"$BIN/pack_dataset" "$SOURCE/data/names.txt" -o us_names.h5 >/dev/null
expect_dump pack_us_names.txt us_names.h5

# Ready-made splits keep their order.
printf '%s\n' emma olivia ava isabella sophia >five.txt
"$BIN/pack_dataset" --train five.txt --dev five.txt --test five.txt -o five.h5 >/dev/null
expect_dump pack_rows.txt five.h5 rows

# Line ends, blanks, empty lines and a byte order mark change nothing.
{
    printf '\xEF\xBB\xBF\r\n\n'
    sed 's/$/ \t\r/; 7s/$/\n \t\n/' "$SOURCE/data/names.txt" | head -c -1
} >untidy.txt
"$BIN/pack_dataset" untidy.txt >summary.txt
grep -q '(4 empty lines skipped)' summary.txt || fail "empty lines: $(head -n 1 summary.txt)"
expect_dump pack_us_names.txt untidy.h5

# Nor does what is said about a file beside its content: the same text gives the same file.
cp us_names.h5 first.h5
"$BIN/pack_dataset" "$SOURCE/data/names.txt" -o us_names.h5 >/dev/null
cmp first.h5 us_names.h5 || fail "packing twice gives two files"

# --- what the splits have in common -----------------------------------------------------------------

# expect_overlap DATASET LINE: what the report, info and doctor say of it.
expect_overlap() {
    grep -qxF "  $2" summary.txt || fail "no '$2' in $(cat summary.txt)"
    "$BIN/dptrain" info "$1" | grep -qxF "  overlap     $2" || fail "$("$BIN/dptrain" info "$1")"
    "$BIN/dptrain" doctor "$SOURCE/configs/base.ini" data.path="$1" >doctor.txt || true
    tr -s ' \n' ' ' <doctor.txt | grep -qF "ok splits $2" || fail "doctor: $(cat doctor.txt)"
}

# Ready-made splits tell which word is where: short and long words, of ASCII and not, at the end of a text.
long=extraordinarily-$(printf 'long%.0s' {1..20})
printf '%s\n' a bb "$long" "$long-\xc3\xa9" é a a >train.txt
printf '%s\n' bb c "$long" "$long-" "${long}x" é >dev.txt
printf '%s\n%s' d "$long-\xc3\xa9" >test.txt
for unit in char:words word:lines; do
    "$BIN/pack_dataset" --train train.txt --dev dev.txt --test test.txt --unit "${unit%:*}" -o own.h5 >summary.txt
    expect_overlap own.h5 "3 of 6 ${unit#*:} of dev and 1 of 2 of test stand in train, too; 9 of 15 differ"
done
"$BIN/dptrain" info own.h5 --json | grep -q '"different":9,"train_sequences":7,"train_repeated":2,"dev_sequences":6,"dev_repeated":3,' ||
    fail "$("$BIN/dptrain" info own.h5 --json)"

# Lines that only differ in blanks or in what becomes <unk>: words tell them apart, blanks do not.
printf 'a b\n' >train.txt
printf 'a  b \nx y\n' >dev.txt
printf 'x z\n' >test.txt
"$BIN/pack_dataset" --train train.txt --dev dev.txt --test test.txt --unit word --min-count 2 -o own.h5 >summary.txt
expect_overlap own.h5 "1 of 2 lines of dev and 0 of 1 of test stand in train, too; 3 of 4 differ"

# Without repeats: what the text without them would be, for characters and for words, in any case.
# shellcheck disable=SC2018,SC2019
{ cat "$SOURCE/data/names.txt" && head -n 300 "$SOURCE/data/names.txt" | tr a-z A-Z; } >twice.txt
awk '!seen[$0]++' twice.txt >once.txt
awk '!seen[tolower($0)]++' twice.txt >once_lower.txt
# shellcheck disable=SC2086
for options in "" "--unit word --min-count 1" "--unit word --vocab-from train" "--unit word --min-count 2" \
    "--lowercase"; do
    plain=once.txt
    [ "$options" != --lowercase ] || plain=once_lower.txt
    "$BIN/pack_dataset" $plain -o once.h5 $options >/dev/null
    "$BIN/pack_dataset" twice.txt -o twice.h5 --unique $options >summary.txt
    for file in once twice; do "$BIN/dptrain" info $file.h5 | grep " sha256 " >$file.sum; done
    cmp once.sum twice.sum || fail "--unique $options gives another dataset than a text without repeats"
    grep -qx "  $(("$(wc -l <twice.txt)" - "$(wc -l <$plain)")) repeats dropped" <(tr -d , <summary.txt) ||
        fail "--unique $options: $(cat summary.txt)"
    grep -q "^  0 of .* of dev and 0 of .* stand in train" summary.txt || fail "--unique: $(cat summary.txt)"
done
"$BIN/dptrain" info twice.h5 | grep -q "packed .* --lowercase --unique$" || fail "$("$BIN/dptrain" info twice.h5)"
"$BIN/pack_dataset" twice.txt --unit word --stream -o stream.h5 >summary.txt
if grep -q differ summary.txt || "$BIN/dptrain" info stream.h5 | grep -q overlap; then fail "a stream has no lines"; fi

# As plain text tools count it.
"$BIN/pack_dataset" "$SOURCE/data/names.txt" -o us_names.h5 >summary.txt
"$DUMP" us_names.h5 rows | awk '{ if ($2 == ".") { print word; word = "" } else word = word $2 }' | sort -u >in_train.txt
overlap=
for split in dev test; do
    "$DUMP" us_names.h5 $split | awk '{ if ($2 == ".") { print word; word = "" } else word = word $2 }' | sort >words.txt
    overlap+="$(join words.txt in_train.txt | wc -l)/$(wc -l <words.txt) "
done
grep "in train" summary.txt | tr -d , | sed 's/^  \(.*\) of \(.*\) words of dev and \(.*\) of \(.*\) of test.*/\1\/\2 \3\/\4 /' >counted.txt
expect_equal "words of dev and test in train" "$(cat counted.txt)" "$overlap"

names=$SHARED_DATA/names.txt
[ -r "$names" ] || skip "no $names: the notebook's names are not part of the project"
"$BIN/pack_dataset" "$names" >summary.txt
expect_dump pack_names.txt names.h5
expect_overlap names.h5 "424 of 3,203 words of dev and 377 of 3,204 of test stand in train, too; 29,494 of 32,033 differ"
