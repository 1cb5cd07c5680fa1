#!/usr/bin/env bash
# The packer against plain Python: the notebook's splits, bit for bit (tests/golden).
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

names=$SHARED_DATA/names.txt
[ -r "$names" ] || skip "no $names: the notebook's names are not part of the project"
"$BIN/pack_dataset" "$names" >/dev/null
expect_dump pack_names.txt names.h5
