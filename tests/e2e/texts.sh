#!/usr/bin/env bash
# Texts with characters that are wide, joined, not seen or obeyed: what a dataset says of them, and how
# commands show them, to a terminal and to a program.
source "$(dirname "$0")/common.sh"
export LC_ALL=C.UTF-8

# pack_and_train NAME [OPTION...]: the text NAME.txt becomes NAME.h5 and runs/NAME.
pack_and_train() {
    local name=$1
    shift
    "$BIN/pack_dataset" "$name.txt" -o "$name.h5" "$@" >"$name.pack"
    printf '[model]\nembedding_dim = 2\nhidden_dim = 8\n[train]\nsteps = 10\nbatch_size = 8\n' >small.ini
    "$BIN/dptrain" small.ini "data.path=$name.h5" "run.dir=runs/$name" >/dev/null
}

# on_terminal COMMAND...: what a terminal gets, without its CRs.
on_terminal() {
    script -qec "$(printf '%q ' "$@")" /dev/null </dev/null | tr -d '\r'
}

# --- how tokens are shown ---------------------------------------------------------------------------

tab=$'\t' turn=$'\u202e' accent=$'\u0301' wide=$'\u6f22' emoji=$'\U1F600'
for i in {0..9}; do
    printf '%s\n' "a${tab}b" "c${turn}d" "e${accent}" "$wide$wide" "f$emoji" "g$i"
done >strange.txt
pack_and_train strange

# A file gets a sample as it is, a terminal nothing that it would obey.
"$BIN/dptrain" sample runs/strange -n 400 >samples.txt
grep -q "$tab" samples.txt || fail "no tab in a sample"
grep -q "$turn" samples.txt || fail "no U+202E in a sample"
if grep -q $'\ufffd' samples.txt; then fail "a sample was changed"; fi
if command -v script >/dev/null; then
    on_terminal "$BIN/dptrain" sample runs/strange -n 400 >shown.txt
    sed "s/$turn/<U+202E>/g" samples.txt | cmp - shown.txt ||
        fail "a terminal gets other samples"
    on_terminal "$BIN/dptrain" score --ckpt runs/strange strange.txt >shown.txt
    grep -qF "c<U+202E>d" shown.txt || fail "score, on a terminal: $(cat -v shown.txt)"
    "$BIN/dptrain" score --ckpt runs/strange strange.txt >scores.txt
    grep -qF "c${turn}d" scores.txt || fail "score, to a file: $(cat -v scores.txt)"
fi

# Columns: what stands behind a token begins where its heading says, however wide the token is.
command -v python3 >/dev/null || skip "no python3 to measure columns with"
cat >columns.py <<'END'
import sys, unicodedata
def columns(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)
ends = set()
for line in sys.stdin.read().split("\n"):
    head, cell = line[:2], line[2:].split("  ")[0]
    if head != "  ": continue
    score = line.split()[2 if line.split()[0] == "<U" else 1]
    ends.add(columns(line[:line.index(score, 3) + len(score)]))
    if any(unicodedata.category(c) in ("Cc", "Cf") for c in line): sys.exit("raw: %r" % line)
sys.exit(0 if len(ends) == 1 else "the columns end at %s" % ends)
END
for question in "predict e" "nearest a"; do
    # shellcheck disable=SC2086
    "$BIN/dptrain" ${question% *} runs/strange ${question#* } -n 100 >table.txt
    for token in '<U+0009>' '<U+202E>' "◌$accent" "$wide" "$emoji"; do
        grep -qF "  $token  " table.txt || fail "no $token in $(cat table.txt)"
    done
    python3 columns.py <table.txt || fail "$question: $(cat table.txt)"
done

# --- paths -------------------------------------------------------------------------------------------

# Not obeyed by a terminal, and JSON stays UTF-8.
odd=$'odd\e[31m\xff\u202e.h5'
cp strange.h5 "$odd"
"$BIN/dptrain" info "$odd" >info.txt
grep -qF "odd<U+001B>[31m"$'\ufffd'"<U+202E>.h5: dptrain dataset" info.txt || fail "$(cat -v info.txt)"
"$BIN/dptrain" info "$odd" --json >info.json
python3 -c 'import json; path = json.loads(open("info.json", encoding="utf-8").read())["path"]
assert path == "odd\x1b[31m\ufffd\u202e.h5", repr(path)' || fail "$(cat -v info.json)"
if grep -q $'\e' info.json; then fail "an escape in $(cat -v info.json)"; fi

# --- what was done to a text -------------------------------------------------------------------------

# Small letters and one form, of characters as of words, and of what is asked of a model.
composed=$'\u00e9' decomposed=$'e\u0301' ligature=$'\ufb01'
for i in {0..9}; do printf '%s\n' "Ab$composed" "ab$decomposed" "${ligature}n$i" "ÄÖ"; done >forms.txt
pack_and_train forms --lowercase --normalize nfkc
"$BIN/dptrain" info forms.h5 --json >info.json
grep -q '"lowercase":true,"normalize":"nfkc"' info.json || fail "$(cat info.json)"
for thing in forms.h5 runs/forms; do
    "$BIN/dptrain" info $thing | grep -qF "packed      with --split 0.8,0.1,0.1 --lowercase --normalize nfkc" ||
        fail "$("$BIN/dptrain" info $thing)"
done
"$BIN/dptrain" info forms.h5 | grep -q " tokens of 8 bits: . 0 1 2 3 4 5 6 7 8 9 a b f i n ä é ö$" ||
    fail "$("$BIN/dptrain" info forms.h5)"
expect_equal "a prompt in another form" "$("$BIN/dptrain" sample runs/forms --prompt "AB$decomposed" -n 2)" \
    "$("$BIN/dptrain" sample runs/forms --prompt "ab$composed" -n 2)"
"$BIN/dptrain" predict runs/forms "AB$decomposed" >capital.txt
"$BIN/dptrain" predict runs/forms "ab$composed" | cmp - capital.txt || fail "a context in another form"
"$BIN/dptrain" nearest runs/forms Ä -n 3 >/dev/null
printf '%s\n' "AB$decomposed" "${ligature}n1" >asked.txt
printf '%s\n' "ab$composed" fin1 >folded.txt
"$BIN/dptrain" score --ckpt runs/forms asked.txt | cut -f1-4 >asked.tsv
"$BIN/dptrain" score --ckpt runs/forms folded.txt | cut -f1-4 | cmp - asked.tsv || fail "scores"
"$BIN/dptrain" score --tokens --ckpt runs/forms asked.txt >asked.tsv
"$BIN/dptrain" score --tokens --ckpt runs/forms folded.txt | cmp - asked.tsv || fail "scores of tokens"

# As a program that knows Unicode would have it, and no more than that: without the options the text is
# what it was.
cat >fold.py <<'END'
import sys, unicodedata
text = sys.stdin.read()
options = sys.argv[1]
form = options.split("--normalize ")[1].upper() if "--normalize" in options else None
for turn in range(2):
    if form: text = unicodedata.normalize(form, text)
    if "--lowercase" in options: text = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
print(text, end="")
END
for options in "" --lowercase "--normalize nfc" "--normalize nfkc" "--lowercase --normalize nfc"; do
    python3 fold.py "$options" <strange.txt >expected.txt
    "$BIN/pack_dataset" expected.txt -o expected.h5 >/dev/null
    # shellcheck disable=SC2086
    "$BIN/pack_dataset" strange.txt -o got.h5 $options >/dev/null
    for file in expected got; do "$BIN/dptrain" info $file.h5 | grep "sha256 *" >$file.sum; done
    cmp expected.sum got.sum || fail "the dataset with '$options' is another"
done
status=0
printf 'Ab\nC\xff\n' >bad.txt
"$BIN/pack_dataset" bad.txt --lowercase -o bad.h5 2>error.txt || status=$?
expect_equal "status of a text that is not UTF-8" "$status" 2
grep -qF "bad.txt:2: byte 0xff at offset 4 is not valid UTF-8" error.txt || fail "$(cat error.txt)"
# shellcheck disable=SC2010
ls | grep -F .tmp && fail "a temporary file is left"

# The boundary in a prompt is where a text begins, and not a part of it.
expect_equal "a sample behind the boundary" "$("$BIN/dptrain" sample runs/forms --prompt . -n 5)" \
    "$("$BIN/dptrain" sample runs/forms -n 5)"

# --- what is not known -------------------------------------------------------------------------------

for i in {0..29}; do echo "the cat sat on mat w$i"; done >cats.txt
pack_and_train cats --unit word --min-count 2
"${DUMP:?}" cats.h5 test | awk '{ print $NF }' >targets.txt
wanted=$(grep -c '^<unk>$' targets.txt)
"$BIN/dptrain" eval runs/cats --split test >eval.txt
grep -q "^      <unk>  *$wanted of test$" eval.txt || fail "no $wanted unknown words in $(cat eval.txt)"
"$BIN/dptrain" eval runs/cats --split test --mix trigram | grep -q "^      <unk>  *$wanted of test$" ||
    fail "of a mixture"
expect_equal "unknown words as JSON" "$("$BIN/dptrain" eval runs/cats --split test --json |
    grep -o '"unknown":{[^}]*}')" "\"unknown\":{\"test\":$wanted}"
grep -q "^      <unk>  *$wanted of test$" runs/cats/log.txt || fail "the end of a run: $(tail runs/cats/log.txt)"
"$BIN/dptrain" eval runs/forms >eval.txt
if grep -q "<unk>" eval.txt; then fail "unknown characters in $(cat eval.txt)"; fi
"$BIN/dptrain" predict runs/cats "the dog sat <unk>" >predict.txt
grep -qx "2 of 4 words are not in the vocabulary: <unk>" predict.txt || fail "$(cat predict.txt)"
"$BIN/dptrain" predict runs/cats "the dog" --json | grep -q '"unknown":1,' || fail "predict --json"
"$BIN/dptrain" sample runs/cats --prompt "the dog" -n 3 2>error.txt >/dev/null
expect_equal "a prompt with an unknown word" "$(cat error.txt)" \
    "dptrain: notice: --prompt: 1 of 2 words are not in the vocabulary: <unk>"
"$BIN/dptrain" sample runs/cats --prompt "the cat" -n 3 2>error.txt >/dev/null
expect_equal "a known prompt" "$(cat error.txt)" ""

# --- what a text holds that nobody sees ---------------------------------------------------------------

# expect_warning PART [OPTION...]: text.txt is packed, and the report and `info` have one warning, with PART.
expect_warning() {
    local part=$1
    shift
    "$BIN/pack_dataset" text.txt -o text.h5 "$@" >pack.txt
    expect_equal "warnings in $(cat pack.txt)" "$(grep -c "^warning: text.txt" pack.txt)" 1
    grep -qF -- "warning: $part" pack.txt || fail "no '$part' in $(cat pack.txt)"
    "$BIN/dptrain" info text.h5 >info.txt
    grep -qF -- "  warning     $part" info.txt || fail "no '$part' in $(cat info.txt)"
    "$BIN/dptrain" info text.h5 --json | grep -q '"warnings":\["text.txt[^]]*"\]' || fail "info --json"
}

plain() { # N: so many ordinary names
    seq 1 "$1" | sed 's/.*/name&/'
}

# make_text LINE...: 20 names, and these behind them.
make_text() {
    plain 20 >text.txt
    printf '%b\n' "$@" >>text.txt
}

make_text 'an\xef\xbb\xbfn' 'bob\xef\xbb\xbf\xef\xbb\xbf'
for unit in char word; do
    expect_warning "text.txt:21: byte order marks inside the text: 3, the first here (U+FEFF); sed 's/\\xef\\xbb\\xbf//g'" \
        --unit $unit
done
sed 's/\xef\xbb\xbf//g' text.txt >mended.txt
"$BIN/pack_dataset" mended.txt -o mended.h5 >pack.txt
if grep -q warning pack.txt; then fail "the fix leaves $(cat pack.txt)"; fi
make_text 'a\rb' 'c\r'
expect_warning "text.txt:21: carriage returns (CR) inside lines: 1 (U+000D); tr"
make_text 'a\ab' 'c\x7f'
expect_warning "text.txt:21: control characters: 2, the first here (U+0007); sed 's/\\x07//g'"
make_text 'a\xc2\x85b'
expect_warning "text.txt:21: control characters from U+0080 to U+009F: 1 (U+0085); was it Windows-1252?"
make_text 'a\xe2\x80\x8bb' 'a\xc2\xadb'
expect_warning "text.txt:21: characters that are not seen: 2, the first here (U+200B); sed 's/\\xe2\\x80\\x8b//g'"
make_text 'a\xc2\xa0b'
expect_warning "text.txt:21: blanks that are no spaces: 1 (U+00A0); --normalize nfkc"
make_text 'a\xc3\xa9' 'e\xcc\x81' 'ae\xcc\x81'
expect_warning "text.txt:22: characters in two parts that also stand in one: 2, the first here (U+0301); --normalize nfc"
expect_warning "text.txt:22: characters in two parts" --unit word
make_text 'x\ty'
expect_warning "text.txt:21: tabs inside words, which are tokens: 1 (U+0009); cut -f 1"
for options in "" "--unit word"; do
    seq 1 40 | sed 's/.*/name&\tF\t&/' >text.txt
    # shellcheck disable=SC2086
    expect_warning "text.txt: 40 of 40 lines have columns with tabs between: a table? cut -f 1 " $options
done
{ seq 1 40 | sed 's/.*/name&,F/' && plain 39; } >text.txt
expect_warning "text.txt: 40 of 79 lines have columns with commas between: a table? cut -d, -f 1"

# Ordinary texts have none: prose with commas, words in two parts alone, what a normal form mends, CRLF.
expect_no_warning() { # [OPTION...]
    "$BIN/pack_dataset" text.txt -o text.h5 "$@" >pack.txt
    if grep -q "^warning: text.txt" pack.txt; then fail "a warning in $(cat pack.txt)"; fi
    if "$BIN/dptrain" info text.h5 | grep -q "  warning "; then fail "a warning in info"; fi
}
make_text '\xe6\xbc\xa2' '\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9' 'e\xcc\x81' 'caf'
expect_no_warning
seq 1 40 | sed 's/.*/the cat, the dog, and & more, sat./' >text.txt
expect_no_warning --unit word
make_text 'a\xc3\xa9' 'e\xcc\x81' 'a\xc2\xa0b'
expect_no_warning --normalize nfkc
plain 30 | sed 's/$/\r/' >text.txt
expect_no_warning

# Lines that end in CR alone are one line: said, where that is in the way and where it is not.
plain 30 | tr '\n' '\r' >text.txt
status=0
"$BIN/pack_dataset" text.txt -o text.h5 2>error.txt || status=$?
expect_equal "status of a text of CRs" "$status" 2
grep -qF "text.txt: its lines end in CR alone, so that all of it is one line: tr '\r' '\n'" error.txt ||
    fail "$(cat error.txt)"
expect_warning "text.txt:1: carriage returns (CR) inside lines: 29, the first here (U+000D); tr" --unit word --stream
