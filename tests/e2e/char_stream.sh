#!/usr/bin/env bash
# A running text by characters: its rows are those of the text as it stands there, over ends of lines, cut in
# order; what a model of it makes of a text; and what cannot be packed.
source "$(dirname "$0")/common.sh"
pack=$BIN/pack_dataset

# Blanks at ends of lines, empty lines, tabs, two bytes a character, CRLF and a mark at the beginning.
{
    printf '\xef\xbb\xbf'
    for i in $(seq 1 120); do printf 'The fox, No. %d, jumps.  \r\n\tOver d\xc3\xa9!\n\n' $((i * 7919 % 1000)); done
    printf 'end'
} >book.txt

# Each split is a part of the text, whose first contexts have nothing of what is before it.
command -v python3 >/dev/null || skip "no python3 to say which rows there are"
cat >rows.py <<'END'
import subprocess, sys
program, path, block, *sizes = sys.argv[1:]
block = int(block)
text = open("book.txt", encoding="utf-8-sig", newline="").read().replace("\r\n", "\n")
sizes = [int(size) for size in sizes] or [int(0.8 * len(text)), int(0.9 * len(text)) - int(0.8 * len(text))]
cuts = [0, sizes[0], sizes[0] + sizes[1], len(text)]
for split, first, end in zip(("train", "dev", "test"), cuts, cuts[1:]):
    shown = subprocess.run([program, path, split], capture_output=True, check=True).stdout.decode()
    part = "\u2402" * block + text[first:end]
    wanted = "".join(f"{part[i:i + block]} {part[i + block]}\n" for i in range(end - first))
    if shown != wanted:
        sys.exit(f"{split} of {path} has other rows, from character "
                 f"{next(i for i, (a, b) in enumerate(zip(shown + ' ', wanted + ' ')) if a != b)} on")
END
for block in 1 3 9; do
    "$pack" book.txt --stream --block-size $block -o got.h5 >report.txt
    python3 rows.py "${DUMP:?}" got.h5 $block
done
grep -qE '^got.h5: [0-9,]+ characters in 361 lines, V = [0-9]+$' report.txt || fail "$(cat report.txt)"
! grep -q warning report.txt || fail "$(cat report.txt)"
"$pack" book.txt --stream --split-tokens 3000,7 -o got.h5 >/dev/null
python3 rows.py "$DUMP" got.h5 3 3000 7
"$pack" book.txt --stream --split 0,1,0 -o got.h5 >/dev/null
python3 rows.py "$DUMP" got.h5 3 0 "$(field <("$BIN/dptrain" info got.h5 --json) dev)"
# Ready-made splits, pipes and small letters are those of other texts.
cp book.txt dev.txt
"$pack" --train book.txt --dev dev.txt --test <(cat book.txt) --stream -o got.h5 >/dev/null
for split in dev test; do cmp <("$DUMP" got.h5 train) <("$DUMP" got.h5 $split) || fail "ready-made $split"; done
tr 'T' 't' <book.txt | sed 's/F/f/; s/N/n/; s/O/o/' >small.txt
"$pack" small.txt --stream -o small.h5 >/dev/null
"$pack" book.txt --stream --lowercase -o got.h5 >/dev/null
cmp <("$DUMP" got.h5 train) <("$DUMP" small.h5 train) || fail "small letters"

# A model of it knows that it is one, and how the text goes on over ends of lines.
printf '[data]\npath = book.h5\n[model]\nembedding_dim = 4\nhidden_dim = 40\n[train]\nsteps = 1500\noptimizer = adamw\nlr = 0.01\nlog_every = 500\n[eval]\nevery = 500\n' >book.ini
"$pack" book.txt --stream --block-size 5 -o book.h5 >/dev/null
"$BIN/dptrain" book.ini >/dev/null
"$BIN/dptrain" info book.h5 | grep -q "unit  *char, block size 5, a stream" || fail "$("$BIN/dptrain" info book.h5)"
"$BIN/dptrain" info runs/book | grep -q "vocabulary  .*, char in a stream, block size 5" || fail "info of the run"
[[ $("$BIN/dptrain" predict runs/book $' d\xc3\xa9!\n' --json) =~ \"next\":\[\{\"token\":\"([^\"]*)\" ]] ||
    fail "predict says $("$BIN/dptrain" predict runs/book $' d\xc3\xa9!\n' --json)"
expect_equal "what comes behind an end of a line" "${BASH_REMATCH[1]}" '\u000a'
"$BIN/dptrain" sample --ckpt runs/book -n 1 --length 200 --prompt 'The fox' >sample.txt
expect_below "lines of a sample" 6 "$(wc -l <sample.txt)"
"$BIN/dptrain" eval runs/book --text book.txt --json >text.json
"$pack" book.txt --vocab-of runs/book --split 0,0,1 -o whole.h5 >/dev/null
"$BIN/dptrain" eval runs/book --data whole.h5 --json >whole.json
expect_equal "the loss of a text" "$(loss text.json test)" "$(loss whole.json test)"
expect_below "the loss of a text" "$(loss text.json test)" 1.2
printf 'The fox.\nThe dog\n' >lines.txt
"$BIN/dptrain" score --ckpt runs/book lines.txt >score.txt
expect_equal "lines that are scored" "$(grep -c -e 'The fox' -e 'The dog' score.txt)" 2

printf 'a\nb\xff\n' >byte.txt
printf 'a\nb\0\n' >zero.txt
printf 'a\n\nb#\nc' >odd.txt
printf 'The\nThe\n#' >end.txt
pack_refuses 2 "byte.txt:2: byte 0xff is not valid UTF-8" byte.txt --stream
pack_refuses 2 "zero.txt:2: a zero byte" zero.txt --stream
pack_refuses 2 "odd.txt:3: the boundary '#' stands in the text" odd.txt --stream --boundary '#'
pack_refuses 2 "leaves nothing of the 7 tokens" odd.txt --stream --split-tokens 6,1
pack_refuses 2 "leaves dev none of the 7 tokens" odd.txt --stream --split 90,5,5
pack_refuses 2 "--unique is for one text that is cut by lines" odd.txt --stream --unique
pack_refuses 2 "--no-eol is for a stream of words: add --unit word" odd.txt --stream --no-eol
pack_refuses 2 "--skip-unknown leaves out lines" odd.txt --vocab-of runs/book --skip-unknown
pack_refuses 5 "odd.txt:1: 'a' is not in the vocabulary of runs/book" odd.txt --vocab-of runs/book
pack_refuses 5 "end.txt:3: '#' is not in the vocabulary of runs/book" end.txt --vocab-of runs/book
pack_refuses 2 "--stream comes with the vocabulary" odd.txt --vocab-of runs/book --stream
