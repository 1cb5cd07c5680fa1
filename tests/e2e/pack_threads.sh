#!/usr/bin/env bash
# Packing by 2, 3 and 7 threads gives the bytes, and says the words, of packing by one: of texts that take several
# sections of the file, with all that texts may hold, and of errors, whose line is that of the first.
source "$(dirname "$0")/common.sh"

# expect_same STATUS WHAT OPTION...: it ends with this status, and report (but for the time it took), errors and dataset
# of 3 threads, or as many as `also` says, are those of one.
also=3
expect_same() {
    local status=$1 what=$2 threads
    shift 2
    for threads in 1 $also; do
        rm -f packed.h5
        echo "status $("$BIN/pack_dataset" "$@" -o packed.h5 --threads "$threads" <odd.txt >out.txt 2>&1 && echo 0 || echo $?)" \
            >"$threads.txt"
        sed '/bytes in .* of text$/s/ in .*//' out.txt >>"$threads.txt"
        [ ! -e packed.h5 ] || sha256sum <packed.h5 >>"$threads.txt"
        grep -qx "status $status" 1.txt || fail "$what: $(cat 1.txt)"
        cmp -s 1.txt "$threads.txt" || fail "$what, 1 and $threads threads: $(diff 1.txt "$threads.txt")"
    done
}

# 1.3 million characters, so that train has two sections: short and long words of letters and others, empty lines,
# blanks, CRLF; the last line without an end.
awk 'BEGIN {
    split("emma Konstantinos maximilianus Ångström O'"'"'Neil-van-der-Berg zoë 李小龍 x y2 extraordinarily ж", word, " ")
    for (i = 0; i < 150000; i++) {
        n = (i * 7919) % 104729
        w = word[i % 11 + 1]
        printf "%s%s%s", w, i % 3 == 0 ? substr("abcdefghijklmnopqrst", n % 13 + 1, n % 7) : "", i % 29 == 0 ? " \t" : ""
        printf "%s", i % 31 == 0 ? "\n\n" : i % 37 == 0 ? "\r\n" : i < 149999 ? "\n" : ""
    }
}' >names.txt
# The same length of lines of words, some of them long, many of them rare.
awk 'BEGIN {
    for (i = 0; i < 30000; i++) {
        for (k = 0; k < (i % 997 == 0 ? 900 : i % 13); k++)
            printf "%s%d ", k % 2 ? "wörd" : "w", (i * k * 31 + k) % 5003
        printf "\n"
    }
}' >lines.txt
awk 'NR > 20000 { exit } { printf "%s,%d\n", NR % 5 == 0 ? "\"a, \"\"" NR "\"\"\nb\"" : "n" NR % 911, NR % 4 }' names.txt >table.csv
{ head -n 9000 names.txt; printf 'a\xef\xbb\xbfb\n\tx\ty\n'; sed -n '9000,12000p' names.txt; printf 'e\xcc\x81 é\n'; } >odd.txt

also="2 3 7"
expect_same 0 "names" names.txt
expect_same 0 "characters of a stream" names.txt --stream
expect_same 0 "words" lines.txt --unit word --vocab-from train
expect_same 0 "words of a stream" lines.txt --unit word --stream
also=3
expect_same 0 "repeats dropped" names.txt --unique --seed 7
expect_same 0 "rows of 20 bytes" names.txt --block-size 20
expect_same 0 "several files" names.txt odd.txt lines.txt --lowercase
expect_same 0 "one by one" --train names.txt --dev odd.txt --test lines.txt
expect_same 0 "a table" table.csv --column 1 --weight-column 2
expect_same 0 "a pipe" -
expect_same 0 "what is odd" odd.txt
for options in "" "--stream --no-eol --min-count 3" "--unique --max-vocab 99"; do
    # shellcheck disable=SC2086 # options
    expect_same 0 "words $options" lines.txt --unit word --block-size 4 $options
done
expect_same 0 "words one by one" --train lines.txt --dev odd.txt --test names.txt --unit word
"$BIN/pack_dataset" names.txt -o given.h5 >given.txt
expect_same 0 "a vocabulary that is given" odd.txt --vocab-of given.h5 --skip-unknown
expect_same 5 "unknown tokens" lines.txt --vocab-of given.h5

# The first of several errors, whichever part they are in.
for bad in '\xff' '\0' '.'; do
    { sed -n '1,70001p' names.txt; printf '%b' "a${bad}b\n"; sed -n '1,30000p' names.txt; printf '%b' "${bad}\nc\n"; } >bad.txt
    expect_same 2 "a bad byte" bad.txt
    grep -q "bad.txt:70002: " 1.txt || fail "another line: $(cat 1.txt)"
    expect_same 2 "a bad byte of a stream" bad.txt --stream --boundary .
    expect_same 2 "a bad byte of words" bad.txt --unit word --boundary c
done

# A file that cannot be written to its end is told once, whoever meets that, and nothing of it is left.
rm -f packed.h5
status=0
(ulimit -f 3000 && "$BIN/pack_dataset" names.txt -o packed.h5 --threads 3) >out.txt 2>error.txt || status=$?
[ "$status" = 3 ] || fail "a file that may not be so large: status $status: $(cat error.txt)"
[ "$(wc -l <error.txt)" = 1 ] || fail "a file that may not be so large is told in lines: $(cat error.txt)"
[ -z "$(find . -name 'packed.h5*')" ] || fail "a file that may not be so large leaves $(find . -name 'packed.h5*')"
