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
# A prompt is any text, of which only the tokens matter.
long=$(printf 'em%.0s' {1..2500})
expect_equal "a long prompt" "$("$BIN/dptrain" sample --prompt "$long" --temperature 0 -n 1)" \
    "${long:4}$("$BIN/dptrain" sample --prompt emem --temperature 0 -n 1)"
expect_refusal "' ' is not in the vocabulary" "$BIN/dptrain" sample --prompt 'em ;'
expect_refusal "' ' is not in the vocabulary" "$BIN/dptrain" sample --prompt 'em '
# Neither a blank at its end nor what begins a comment of a config is left out of it.
mkdir blanks
awk 'BEGIN { for (i = 0; i < 30; i++) print "mary ;ann\nann # mary" }' >blanks/text.txt
"$BIN/pack_dataset" blanks/text.txt -o blanks/text.h5 >/dev/null
"$BIN/dptrain" small.ini data.path=blanks/text.h5 run.dir=blanks/run train.steps=10 >/dev/null
for prompt in 'mary ' ' ;' ' #'; do
    expect_equal "a sample of '$prompt'" \
        "$("$BIN/dptrain" sample blanks/run --prompt "$prompt" -n1 | cut -c-${#prompt})" "$prompt"
done
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

# As JSON the same, in full precision; an object on one line, that parses.
"$BIN/dptrain" predict em -n 3 --json >predict.json
"$BIN/dptrain" nearest a -n 4 --json >nearest.json
expect_equal "lines of JSON" "$(cat predict.json nearest.json | wc -l)" 2
grep -q '"context":\[".","e","m"\],"next":\[{"token":"' predict.json ||
    fail "JSON of predict: $(cat predict.json)"
grep -q '"others":{"count":24,"probability":0\.' predict.json || fail "no others: $(cat predict.json)"
for name in predict:probability nearest:cosine; do
    grep -o "\"token\":\"[^\"]*\",\"${name#*:}\":[-0-9.e]*" ${name%:*}.json |
        sed 's/"token":"\(.*\)",".*":/\1 /' | awk '{ printf "%s %.4f\n", $1, $2 }' >json.txt
    sed -n 's/^  \([^ ]*\) *\(-*[0-9][0-9.]*\)\( .*\)*$/\1 \2/p' ${name%:*}.txt |
        head -n "$(wc -l <json.txt)" | cmp - json.txt || fail "${name%:*} as JSON says something else"
    [ -s json.txt ] || fail "no tokens in $(cat ${name%:*}.json)"
done
# A line for each line of a file: as the question alone, in order.
printf 'em\n\nzo\r\nabcdefgh' >contexts.txt
"$BIN/dptrain" predict runs/small --from contexts.txt -n 3 --json >batch.json
for context in em '' zo abcdefgh; do "$BIN/dptrain" predict runs/small "$context" -n 3 --json; done >single.json
cmp batch.json single.json || fail "lines of a file get other answers than questions alone"
# columns KEY: token and score of each of a list in JSON, with tabs before
columns() {
    sed 's/.*"\(next\|nearest\)":\[//; s/\].*//; s/[{}"]//g; s/token://g; s/,'"$1"':/,/g' |
        awk -F, '{ for (i = 1; i < NF; i += 2) printf "\t%s\t%.6f", $i, $(i + 1); print "" }'
}
"$BIN/dptrain" predict runs/small --from - -n 3 <contexts.txt >batch.tsv
columns probability <batch.json | paste -d '' <(printf 'em\n\nzo\nabcdefgh\n') - >wanted.tsv
cmp batch.tsv wanted.tsv || fail "columns: $(cat batch.tsv)"
printf 'a\nb\n' | "$BIN/dptrain" nearest --from - -n 2 >batch.tsv
expect_equal "the nearest of two lines" "$(sed -n 2p batch.tsv)" \
    "b$("$BIN/dptrain" nearest b -n 2 --json | columns cosine)"
expect_equal "answers to no line" "$("$BIN/dptrain" predict --from - </dev/null)" ""
# Each is there before the next is asked.
mkfifo questions
"$BIN/dptrain" predict --from questions -n 1 >answers.txt &
answering=$!
exec 3>questions
for context in em zo; do
    echo $context >&3
    wait_for_text answers.txt $context
done
exec 3>&-
wait $answering || fail "the answers to a pipe end with $?"
# As many lines as one likes in the same memory.
awk 'BEGIN { for (i = 0; i < 20000; i++) print "emma" }' >many.txt
"$BIN/dptrain" predict --from many.txt -n 1 >many.tsv
expect_equal "answers to many lines" "$(sort -u many.tsv | wc -l) $(wc -l <many.tsv)" "1 20000"
# The first that has none ends it, with its number; those before it stand.
printf 'em\nEm\nzo\n' >contexts.txt
expect_refusal "contexts.txt:2: CONTEXT: 'E' is not in the vocabulary" "$BIN/dptrain" predict --from contexts.txt
expect_equal "answers before a bad line" "$(cut -f 1 out.txt)" em
printf 'em\0\n' >contexts.txt
expect_refusal "contexts.txt:1: CONTEXT: has a zero byte" "$BIN/dptrain" predict --from contexts.txt
expect_refusal "one checkpoint or run folder at a time" "$BIN/dptrain" predict runs/small em --from contexts.txt
[ ! -e /dev/full ] || ! "$BIN/dptrain" predict --from many.txt >/dev/full 2>error.txt || fail "a full disk is no failure"

if command -v python3 >/dev/null; then
    python3 -m json.tool predict.json >/dev/null || fail "no JSON: $(cat predict.json)"
    python3 -m json.tool nearest.json >/dev/null || fail "no JSON: $(cat nearest.json)"
fi

# None of those that only ask starts MPI, which cannot start here.
for command in "predict em" "nearest a" "sample -n 1" "info" "verify runs/small runs/small" \
    "report --out page.html"; do
    # shellcheck disable=SC2086
    OMPI_MCA_pml=none "$BIN/dptrain" $command >out.txt 2>error.txt ||
        fail "$command needs MPI: $(cat error.txt)"
done

expect_refusal "TOKEN is missing" "$BIN/dptrain" nearest
expect_refusal "CONTEXT is missing behind it" "$BIN/dptrain" predict runs/small
expect_refusal "TOKEN: 'ab' is not in the vocabulary: . a b" "$BIN/dptrain" nearest ab
expect_refusal "CONTEXT: 'E' is not in the vocabulary" "$BIN/dptrain" predict Em
expect_refusal "one checkpoint or run folder at a time" "$BIN/dptrain" nearest runs/small x a
