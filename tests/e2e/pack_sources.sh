#!/usr/bin/env bash
# Where a text comes from: several files, pipes, columns of tables; each against the plain text that it
# should be.
source "$(dirname "$0")/common.sh"
pack=$BIN/pack_dataset

# expect_same WHAT PLAIN ARGUMENTS...: these are packed into what the file PLAIN would be, with OPTIONS in both.
OPTIONS=
expect_same() {
    local what=$1 plain=$2
    shift 2
    # shellcheck disable=SC2086
    "$pack" "$plain" -o plain.h5 $OPTIONS >/dev/null
    # shellcheck disable=SC2086
    "$pack" "$@" -o got.h5 $OPTIONS >report.txt || fail "$what"
    expect_equal "$what" "$("$BIN/dptrain" info got.h5 --json | grep -o '"sha256":"[^"]*"')" \
        "$("$BIN/dptrain" info plain.h5 --json | grep -o '"sha256":"[^"]*"')"
}

head -n 3000 "$SOURCE/data/names.txt" >names.txt
{ cat names.txt && printf 'Zo\xc3\xab \n\nextraordinarily-long\n'; } >plain.txt

# --- files and pipes ----------------------------------------------------------------------------------

head -n 1000 plain.txt | head -c -1 >one.txt # without the end of its last line
{ printf '\xef\xbb\xbf' && sed -n '1001,2500p' plain.txt; } >two.txt
tail -n +2501 plain.txt >three.txt
for OPTIONS in "" "--unit word" "--unit word --stream" "--lowercase --normalize nfc" --unique; do
    expect_same "three files" plain.txt one.txt two.txt three.txt
    # shellcheck disable=SC2094
    expect_same "the standard input" plain.txt - <plain.txt
    expect_same "a pipe" plain.txt - < <(cat plain.txt)
    expect_same "two pipes of a shell" plain.txt <(cat one.txt) <(tail -n +1001 plain.txt)
    expect_same "a pipe and a file" plain.txt - <<<"$(cat one.txt)" two.txt three.txt
done
OPTIONS=
"$pack" one.txt two.txt three.txt -o got.h5 >/dev/null
"$BIN/dptrain" info got.h5 | grep -q "made by .* from one.txt, two.txt, three.txt$" || fail "$("$BIN/dptrain" info got.h5)"
expect_equal "the digest of several texts" "$("$BIN/dptrain" info got.h5 --json | grep -o '"source_sha256":"[^"]*"')" \
    "\"source_sha256\":\"$(sha256sum one.txt two.txt three.txt | cut -d ' ' -f 1 | sha256sum | cut -d ' ' -f 1)\""
"$pack" - -o got.h5 < <(cat plain.txt) >/dev/null
"$BIN/dptrain" info got.h5 | grep -q "made by .* from standard input$" || fail "$("$BIN/dptrain" info got.h5)"
"$pack" --train <(cat one.txt) --dev two.txt --test three.txt -o got.h5 >/dev/null
"$pack" --train one.txt --dev two.txt --test three.txt -o plain.h5 >/dev/null
cmp <("${DUMP:?}" got.h5) <("$DUMP" plain.h5) || fail "a ready-made split from a pipe"
"$pack" one.txt --vocab-of got.h5 -o again.h5 >/dev/null
"$pack" - <one.txt --vocab-of got.h5 -o piped.h5 >/dev/null
cmp <("$DUMP" again.h5) <("$DUMP" piped.h5) || fail "a pipe with a vocabulary that is given"

# Errors and warnings name the file and the line there.
printf 'anna\nb.c\n' >dot.txt
printf 'anna\nbob\nx\xff\n' >byte.txt
for words in "" "--unit word --boundary anna"; do
    # shellcheck disable=SC2086
    pack_refuses 2 "$([ -z "$words" ] && echo dot.txt:2 || echo dot.txt:1): the boundary" two.txt dot.txt $words
done
for options in "" --lowercase "--unit word"; do
    # shellcheck disable=SC2086
    pack_refuses 2 "byte.txt:3: byte 0xff is not valid UTF-8" two.txt byte.txt three.txt $options
done
pack_refuses 2 "standard input:3: byte 0xff" - < <(cat byte.txt)
pack_refuses 2 "standard input is empty" - </dev/null
pack_refuses 2 "--vocab-of" names.txt --vocab-of byte.txt
printf 'ann\xc2\xa0a\nb\n' >blank.txt
"$pack" two.txt blank.txt -o got.h5 | grep -q "^warning: blank.txt:1: blanks that are no spaces" || fail "no warning"
"$pack" names.txt -o vocabulary.h5 >/dev/null
status=0
"$pack" two.txt dot.txt --boundary - -o vocabulary2.h5 >/dev/null
"$pack" names.txt plain.txt --vocab-of vocabulary.h5 -o refused.h5 2>error.txt || status=$?
expect_equal "status of an unknown token in the second text" "$status" 5
grep -qF "plain.txt:3001: 'Z' is not in the vocabulary" error.txt || fail "$(cat error.txt)"
status=0
"$pack" one.txt two.txt 2>error.txt || status=$?
expect_equal "status without an output" "$status" 2
grep -qF "output is missing: several texts need it" error.txt || fail "$(cat error.txt)"
status=0
"$pack" - <one.txt 2>error.txt || status=$?
expect_equal "status of a pipe without an output" "$status" 2
status=0
"$pack" one.txt two.txt -o two.txt 2>error.txt || status=$?
expect_equal "status of an output that is a text" "$status" 2
grep -qF "output 'two.txt' is one of the texts" error.txt || fail "$(cat error.txt)"

# --- columns -------------------------------------------------------------------------------------------

# As Python writes them, with everything in a field that can be.
command -v python3 >/dev/null || skip "no python3 to write tables with"
cat >table.py <<'END'
import csv, sys
words = [line.rstrip("\n") for line in open("plain.txt", encoding="utf-8")]
odd = ['say "hi"', "a, b", '"', ",", 'x""y', "two\nlines", "cr\r\nlf", "tab\there", "semi;colon", ""]
with open("table.txt", "w", encoding="utf-8") as text:
    for value in words + odd:
        text.write(value.replace("\r\n", "\n").replace("\n", " ") + "\n")
for name, separator, end in ("comma.csv", ",", "\r\n"), ("semicolon.txt", ";", "\n"):
    with open(name, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter=separator, lineterminator=end)
        table.writerow(["count", "the name", "sex"])
        for i, value in enumerate(words + odd):
            table.writerow([i, value.replace("\r\n", "\n"), "F" if i % 2 else 'a "quoted", one'])
with open("tab.tsv", "w", encoding="utf-8") as file:
    for i, value in enumerate(words):
        file.write(f'{i}\t{value}\t"\n')
END
python3 table.py
expect_same "a name of a CSV" table.txt comma.csv --column "the name"
tail -n +2 comma.csv >headless.csv
expect_same "a number of a CSV" table.txt headless.csv --column 2
expect_same "another separator" table.txt semicolon.txt --column "the name" --separator ";"
expect_same "a column of a pipe" table.txt - --column 2 --separator , < <(cat headless.csv)
expect_same "tabs" plain.txt tab.tsv --column 2
expect_same "tabs by name" plain.txt tab.tsv --column 2 --separator tab
OPTIONS="--unit word"
expect_same "words of a column" table.txt headless.csv --column 2
OPTIONS="--lowercase --unique"
expect_same "letters of a column" table.txt headless.csv --column 2
OPTIONS=
cat table.txt table.txt >twice.txt
expect_same "two tables" twice.txt comma.csv comma.csv --column "the name"
"$BIN/dptrain" info got.h5 | grep -qF -- "--column the name" || fail "$("$BIN/dptrain" info got.h5)"
printf 'a\tb\n' >short.tsv
cut -f 3 tab.tsv | sort -u >quotes.txt
"$pack" tab.tsv --column 3 --split 1,0,0 -o got.h5 >/dev/null
expect_equal "quotes between tabs" "$("$DUMP" got.h5 rows | head -n 1)" '... "'

pack_refuses 2 "short.tsv:1: 2 columns, of which none is number 3" tab.tsv short.tsv --column 3
pack_refuses 2 "comma.csv:1: no column is called 'nam' in the first line" comma.csv --column nam
printf 'a,"b\nc"\nd,"e"f\n' >quote.csv
pack_refuses 2 "quote.csv:3: a character behind closing quotes" quote.csv --column 2
printf 'a,b\nd,"e\nf\n' >quote.csv
pack_refuses 2 "quote.csv:2: quotes that are not closed" quote.csv --column 2
printf 'a,"b\nc"\nd,e.f\n' >dot.csv
pack_refuses 2 "dot.csv:3: the boundary '.' stands in the text" dot.csv --column 2
pack_refuses 2 "--separator is for tables: add --column" dot.csv --separator ,
pack_refuses 2 "--separator = 'ab': must be one character of ASCII, or tab" dot.csv --column 1 --separator ab
