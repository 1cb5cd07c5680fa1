#!/usr/bin/env bash
# What a user of pack_dataset can get wrong: one clear line, the documented status, no file left.
source "$(dirname "$0")/common.sh"
pack=$BIN/pack_dataset
mkdir work
cd work

# Names, sizes and times of the files here.
files() {
    find . -mindepth 1 -printf '%p %y %s %T@\n' | LC_ALL=C sort
}

# lines COUNT WORD
lines() {
    awk -v count="$1" -v word="$2" 'BEGIN { for (i = 0; i < count; i++) print word }'
}

# expect_refusal STATUS TEXT COMMAND...: in this folder, which must look the same afterwards
expect_refusal() {
    local wanted=$1 text=$2 status=0 before
    shift 2
    before=$(files)
    "$@" >../out.txt 2>../error.txt </dev/null || status=$?
    expect_equal "status of: $* ($(cat ../error.txt))" "$status" "$wanted"
    expect_equal "lines about: $*" "$(wc -l <../error.txt)" 1
    expect_equal "output of: $*" "$(cat ../out.txt)" ""
    case $(cat ../error.txt) in
    "pack_dataset: "*"$text"*) ;;
    *) fail "'$*' says '$(cat ../error.txt)', without '$text'" ;;
    esac
    expect_equal "files after: $*" "$(files)" "$before"
}

seq -f 'word%g' 100 | tr '0-9' 'a-j' >good.txt
cp good.txt other.txt

# the text
: >empty.txt
printf '\n \t\n\r\n' >blank.txt
printf 'emma\nol\xC3via\n' >latin1.txt
printf 'emma\nava\n\xC0\xAE\n' >overlong.txt
printf 'emma\nav\xC3' >cut.txt
printf 'emma\nava\0\n' >zero.txt
printf 'emma\n\nst. ives\n' >dot.txt
{ echo emma && head -c 10000000 /dev/zero | tr '\0' a && echo && echo ava; } >long.txt
mkdir folder
expect_refusal 3 "cannot read missing.txt: No such file" "$pack" missing.txt
expect_refusal 2 "folder: not a regular file" "$pack" folder
expect_refusal 2 "empty.txt is empty" "$pack" empty.txt
expect_refusal 2 "blank.txt holds no words, only 3 empty lines" "$pack" blank.txt
expect_refusal 2 "latin1.txt:2: byte 0xc3 is not valid UTF-8" "$pack" latin1.txt
expect_refusal 2 "overlong.txt:3: byte 0xc0 is not valid UTF-8" "$pack" overlong.txt
expect_refusal 2 "cut.txt:2: byte 0xc3 is not valid UTF-8" "$pack" cut.txt
expect_refusal 2 "zero.txt:2: a zero byte" "$pack" zero.txt
expect_refusal 2 "dot.txt:3: the boundary '.' stands in the text" "$pack" dot.txt
grep -q -- --boundary ../error.txt || fail "no word of --boundary"
expect_refusal 2 "long.txt:2: a word of 10000000 bytes; at most 1048576" "$pack" long.txt
# The line is right also behind what the fast path takes, and behind what it does not.
{ cat good.txt good.txt good.txt && printf 'x\xFFy\n'; } >late.txt
expect_refusal 2 "late.txt:301: byte 0xff" "$pack" late.txt
{ cat good.txt && printf 'caf\xC3\xA9 \n\n' && cat good.txt && printf 'a.b\n'; } >late.txt
expect_refusal 2 "late.txt:203: the boundary" "$pack" late.txt

# What is no text is refused at once, whatever a token is: no wait for who writes to a pipe, no end that
# does not come. A line as long as a text is no reason.
mkfifo pipe
ln -s pipe way-to-pipe
{ head -c 10000000 /dev/zero | tr '\0' a && printf '\0\n'; } >late-zero.txt
{ awk 'BEGIN { for (i = 0; i < 2000000; i++) printf "abc " }' && printf 'x\xFFy\n'; } >late-byte.txt
for unit in "" "--unit word" "--unit word --stream"; do
    # shellcheck disable=SC2206 # options
    at_once=(timeout 20 "$pack" $unit)
    for special in pipe way-to-pipe folder /dev/zero /dev/null; do
        expect_refusal 2 "$special: not a regular file" "${at_once[@]}" $special -o x.h5
    done
    expect_refusal 2 "empty.txt is empty" "${at_once[@]}" empty.txt
    expect_refusal 2 "blank.txt holds no words" "${at_once[@]}" blank.txt
    expect_refusal 2 "zero.txt:2: a zero byte" "${at_once[@]}" zero.txt
    expect_refusal 2 "latin1.txt:2: byte 0xc3" "${at_once[@]}" latin1.txt
    expect_refusal 2 "late-byte.txt:1: byte 0xff" "${at_once[@]}" late-byte.txt
    expect_refusal 2 "late-zero.txt:1: a " "${at_once[@]}" late-zero.txt # the word, or its end
done
rm pipe way-to-pipe

# the arguments
expect_refusal 2 "which text?" "$pack"
expect_refusal 2 "--output is missing: several texts need it" "$pack" good.txt other.txt
expect_refusal 2 "did you mean '--boundary'?" "$pack" good.txt --bondary x
expect_refusal 2 "must be exactly one character" "$pack" good.txt --boundary ab
expect_refusal 2 "must be exactly one character" "$pack" good.txt --boundary=
expect_refusal 2 "must be exactly one character" "$pack" good.txt --boundary $'\xC3'
expect_refusal 2 "must be a whole number from 1 to 64" "$pack" good.txt --block-size 0
expect_refusal 2 "must be a whole number from 1 to 64" "$pack" good.txt --block-size 65
expect_refusal 2 "must be a whole number from 1 to 64" "$pack" good.txt --block-size 3x
expect_refusal 2 "seed = '-1': must be a whole number" "$pack" good.txt --seed -1
expect_refusal 2 "sums to 1.1: must be 1 or 100" "$pack" good.txt --split 0.8,0.2,0.1
expect_refusal 2 "sums to 0.9: must be 1 or 100" "$pack" good.txt --split 0.7,0.1,0.1
expect_refusal 2 "sums to 90: must be 1 or 100" "$pack" good.txt --split 70,10,10
expect_refusal 2 "did you mean '--block-size'?" "$pack" good.txt --context 8
expect_refusal 2 "split has 2 numbers: must be three" "$pack" good.txt --split 0.8,0.2
expect_refusal 2 "split = '-0.1,0.6,0.5': must be" "$pack" good.txt --split=-0.1,0.6,0.5
expect_refusal 2 "split = 'a,b,c': must be" "$pack" good.txt --split a,b,c
expect_refusal 2 "leaves dev none of the 100 words of good.txt" "$pack" good.txt --split 0.9,0.001,0.099
expect_refusal 2 "leaves test none" "$pack" good.txt --split 0.9,0.1,0.0000001
printf 'emma\n' >one.txt
expect_refusal 2 "leaves train none of the 1 words" "$pack" one.txt

expect_refusal 2 "--unique is for one text that is cut by lines: a stream is kept as it is" \
    "$pack" good.txt --unique --unit word --stream
expect_refusal 2 "--unique is for one text that is cut by lines: ready-made splits are kept" \
    "$pack" --train good.txt --dev good.txt --test good.txt -o x.h5 --unique

# ready-made splits
expect_refusal 2 "--test is missing" "$pack" --train good.txt --dev good.txt -o x.h5
expect_refusal 2 "--train is missing" "$pack" --dev good.txt --test good.txt -o x.h5
expect_refusal 2 "--output is missing" "$pack" --train good.txt --dev good.txt --test good.txt
expect_refusal 2 "either one text or --train" \
    "$pack" good.txt --train good.txt --dev good.txt --test good.txt -o x.h5
expect_refusal 2 "--split and --seed are for one text" \
    "$pack" --train good.txt --dev good.txt --test good.txt -o x.h5 --seed 1
expect_refusal 2 "--split and --seed are for one text" \
    "$pack" --train good.txt --dev good.txt --test good.txt -o x.h5 --split 0.8,0.1,0.1
expect_refusal 2 "latin1.txt:2:" "$pack" --train good.txt --dev good.txt --test latin1.txt -o x.h5

# the output
"$pack" good.txt -o kept.h5 >/dev/null
before=$(cksum <kept.h5)
echo precious >mine.h5
expect_refusal 2 "mine.h5 is a text, which a dataset does not replace: name another file" \
    "$pack" good.txt -o mine.h5
ln good.txt link.h5
expect_refusal 2 "folder is a folder, which a dataset does not replace: name another" "$pack" good.txt -o folder
expect_refusal 2 "/dev/null is of another kind, which a dataset does not replace" "$pack" good.txt -o /dev/null
expect_refusal 2 "is the text itself" "$pack" good.txt -o good.txt
expect_refusal 2 "is the text itself" "$pack" good.txt -o link.h5
expect_refusal 3 "cannot write missing/x.h5: No such file" "$pack" good.txt -o missing/x.h5
expect_refusal 3 "cannot write good.txt/x.h5" "$pack" good.txt -o good.txt/x.h5
if [ "$(id -u)" != 0 ]; then # root may write everywhere
    mkdir locked && chmod 555 locked
    expect_refusal 3 "Permission denied" "$pack" good.txt -o locked/x.h5
fi

# no room: a limit on the file's size, in the rows and in what is written at the end
small() {
    bash -c 'ulimit -f $0; exec "$@"' "$@"
}
lines 100000 abcdefghijklmno >rows.txt
expect_refusal 3 "kept.h5" small 1024 "$pack" rows.txt -o kept.h5
expect_refusal 3 "x.h5" small 4 "$pack" good.txt -o x.h5
expect_equal "an older file" "$(cksum <kept.h5)" "$before"

# ended by a signal: the status of the signal, nothing left. Wide rows, so that it takes a while.
lines 4000000 abcdefghijklmnopqrstuvwxyz >large.txt
for signal in TERM HUP; do
    "$pack" large.txt -o large.h5 --block-size 64 >../out.txt 2>../error.txt &
    process=$!
    for _ in $(seq 1000); do
        compgen -G 'large.h5.*.tmp' >/dev/null && break
        sleep 0.01
    done
    compgen -G 'large.h5.*.tmp' >/dev/null || fail "no temporary file: $(cat ../error.txt)"
    kill -$signal $process
    status=0
    wait $process || status=$?
    expect_equal "status after $signal" "$status" $((128 + $(kill -l $signal)))
    expect_equal "what is said after $signal" "$(cat ../error.txt)" \
        "pack_dataset: asked to end; nothing was written"
    expect_equal "files after $signal" "$(echo large.*)" large.txt
done

# what is right all the same
"$pack" good.txt --boundary '#' --seed 18446744073709551615 --split 0.333,0.333,0.334 \
    -o kept.h5 >../out.txt
grep -q 'kept.h5: 100 words (0 empty lines skipped), V = 14' ../out.txt ||
    fail "the summary: $(cat ../out.txt)"
"$DUMP" kept.h5 >/dev/null
printf 'emma\nst. ives\n日本語\n\n语\n' >dot.txt
"$pack" dot.txt --boundary 'é' --split 0.5,0.25,0.25 >/dev/null
expect_equal "rows in other scripts" "$("$DUMP" dot.h5 | cut -d' ' -f1,2 | tr '\n' ' ')" \
    "train 13 dev 2 test 5 "
"$pack" good.txt --split 0.8,0.1,0.1 -o shares.h5 >/dev/null
"$pack" good.txt --split 80,10,10 -o percent.h5 >/dev/null
cmp <("$DUMP" shares.h5) <("$DUMP" percent.h5) || fail "80,10,10 is not 0.8,0.1,0.1"
expect_equal "--version" "$("$pack" --version)" "pack_dataset $("$BIN/dptrain" --version |
    grep -o '[0-9.]*' | head -n 1)"
"$pack" --help | grep -q -- '--block-size' || fail "--help"

# by a launcher it is started several times, and packs once
ranks 2 "$pack" dot.txt --boundary 'é' --split 0.5,0.25,0.25 -o once.h5 >../out.txt
expect_equal "summaries on 2 ranks" "$(grep -c '^once.h5: ' ../out.txt)" 1
cmp dot.h5 once.h5 || fail "another dataset on 2 ranks"

# a line of 10 MB: for words it is one like others
{ awk 'BEGIN { for (i = 0; i < 2500000; i++) printf "abc " }' && printf '\nd e\nf g\nh i\n'; } >line.txt
"$pack" line.txt --unit word --split 0.5,0.25,0.25 >../out.txt
grep -q 'line.h5: 2,500,006 words' ../out.txt || fail "a long line: $(cat ../out.txt)"

# a large file is sent to the disk on the way (pack/dataset_writer): the same rows
head -n 160000 large.txt >part.txt
"$pack" part.txt --block-size 64 >/dev/null
"$DUMP" part.h5 | cut -d' ' -f1,2 >../out.txt
expect_equal "rows of a large file" "$(tr '\n' ' ' <../out.txt)" \
    "train 3456000 dev 432000 test 432000 "
expect_equal "what is left" "$(echo ./*.tmp)" './*.tmp'
