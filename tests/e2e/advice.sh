#!/usr/bin/env bash
# What a message says to do is done, word by word, and nothing refuses it.
source "$(dirname "$0")/common.sh"
make_small_run
export PATH=$BIN:$PATH
pack_dataset small.txt -o block4.h5 --block-size 4 >/dev/null
quick="train.steps=4 eval.every=0 checkpoint.every=0"

# refused STATUS RANKS COMMAND...: leaves its message in $said.
refused() {
    local wanted=$1 count=$2 status=0
    shift 2
    rm -rf runs
    ranks "$count" "$@" >out.txt 2>error.txt </dev/null || status=$?
    expect_equal "status of: $* ($(cat error.txt))" "$status" "$wanted"
    said=$(grep -h '^dptrain: \|^pack_dataset: ' error.txt || tr -s '\n ' ' ' <out.txt)
}

# follow RANKS COMMAND...: what was advised works.
follow() {
    local count=$1
    shift
    rm -rf runs
    ranks "$count" "$@" >out.txt 2>error.txt </dev/null ||
        fail "'$said' led to '$*', which says: $(cat error.txt)"
}

# part EXPRESSION: what the message has in the place of the group of a regular expression.
part() {
    local found
    found=$(sed -nE "s/.*$1.*/\\1/p" <<<"$said")
    echo "${found:-no-such-advice:$1}" # which nothing takes
}

# --- what needs a split output: "set A, or B" ---------------------------------------------------------
# try_ranks RANKS CONFIG...
try_ranks() {
    local count=$1 set
    shift
    # shellcheck disable=SC2086 # options
    refused 2 "$count" dptrain small.ini $quick "$@"
    set=$(part ' set ([^:]*)$')
    while read -r assignments; do
        # shellcheck disable=SC2086
        follow "$count" dptrain small.ini $quick "$@" $assignments
    done <<<"${set//, or /$'\n'}"
}
# shellcheck disable=SC2086
follow 1 dptrain small.ini $quick train.embedding_update=lazy # splits it
try_ranks 1 parallel.output=replicated train.embedding_update=lazy
try_ranks 3 parallel.output=replicated train.embedding_update=lazy train.grains=1
# as doctor says it
refused 1 3 dptrain doctor small.ini parallel.output=replicated train.embedding_update=lazy
# shellcheck disable=SC2046
follow 3 dptrain doctor small.ini parallel.output=replicated train.embedding_update=lazy $(part ' set ([a-z]+\.[a-z_]+=[a-z0-9]+),')

# --- values that do not go together -------------------------------------------------------------------
for wrong in "eval.every=0" "eval.splits=train" "eval.every=0 eval.splits=train,test" "eval.splits="; do
    # shellcheck disable=SC2086
    refused 2 1 dptrain small.ini train.steps=4 eval.patience=2 $wrong
    # shellcheck disable=SC2046,SC2086
    follow 1 dptrain small.ini train.steps=4 eval.patience=2 $wrong $(part ': set (.*)$')
done
# shellcheck disable=SC2086
refused 2 1 dptrain small.ini $quick model.hidden_dim=0
# shellcheck disable=SC2086
follow 1 dptrain small.ini $quick model.hidden_dim=0 "$(part ', or (model.direct=yes)$')"
# shellcheck disable=SC2086
refused 8 1 dptrain small.ini $quick checkpoint.every=1 train.lr=1e38
for set in train.lr=0.1 "$(part 'or (model.init=[a-z]*)') train.lr=0.1"; do
    # shellcheck disable=SC2086
    follow 1 dptrain small.ini $quick $set "$(part 'with (--fresh);')"
done

# --- what a run folder holds --------------------------------------------------------------------------
# shellcheck disable=SC2086
dptrain small.ini $quick run.dir=kept >/dev/null
# shellcheck disable=SC2086
dptrain small.ini $quick run.dir=kept >out.txt
said=$(grep '^finished' out.txt)
[[ $said == *"raise train.steps to go on"* ]] || fail "$said"
# shellcheck disable=SC2086
follow 1 dptrain small.ini $quick run.dir=kept train.steps=6
head -n 700 small.txt >fewer.txt
awk '{ print; if (NR % 10 == 0) print "em1ly" }' fewer.txt >digits.txt
pack_dataset fewer.txt >/dev/null
pack_dataset digits.txt >/dev/null
for change in train.lr=0.3 data.path=block4.h5 data.path=fewer.h5 data.path=digits.h5; do
    rm -rf kept
    # shellcheck disable=SC2086
    dptrain small.ini $quick run.dir=kept >/dev/null
    # shellcheck disable=SC2086
    refused 5 1 dptrain small.ini $quick run.dir=kept train.steps=6 $change
    set=$(part '(run.dir=)DIR trains')other
    rm -rf other
    [[ $said != *"; the former with "* ]] || set+=" $(part '; the former with (.*) from these weights')"
    [[ $said == *"; the former with "* || $change != *fewer* ]] || fail "$said"
    # shellcheck disable=SC2086
    follow 1 dptrain small.ini $quick train.steps=6 $change $set
    # shellcheck disable=SC2086
    follow 1 dptrain small.ini $quick run.dir=kept train.steps=6 $change "$(part '(--fresh) starts')"
done

# --- names --------------------------------------------------------------------------------------------
# shellcheck disable=SC2086
for given in train.learning_rate=0.2 epochs=3 model.hidden_size=9 train.bathc_size=16 eval.evrey=2 train.decay=0; do
    refused 2 1 dptrain small.ini $quick $given
    follow 1 dptrain small.ini $quick "$(part "did you mean '([^']*)'")=${given#*=}"
done
refused 2 1 dptrain small.ini model.context=4
# shellcheck disable=SC2046
follow 1 pack_dataset small.txt -o x.h5 $(part 'did you mean (--[a-z-]*) of pack_dataset') 4
printf '[data]\npath = small.h5\n[trian]\nsteps = 4\n[model]\nhidden_dim = 9\n' >bad.ini
refused 2 1 dptrain bad.ini
sed -i "s/\[trian\]/$(part 'did you mean (\[[a-z]*\])')/" bad.ini
follow 1 dptrain bad.ini
# shellcheck disable=SC2086
refused 2 1 dptrain small.ini $quick --learning-rate 0.1
set=$(part "did you mean '([^']*)'")
# shellcheck disable=SC2086
follow 1 dptrain small.ini $quick "${set/VALUE/0.1}"
# shellcheck disable=SC2086
refused 2 1 dptrain small.ini $quick --train.lr 0.1
set=$(part "behind a '=': (.*)\$")
# shellcheck disable=SC2086
follow 1 dptrain small.ini $quick "${set/VALUE/0.1}"
# shellcheck disable=SC2086
refused 2 1 dptrain small.ini $quick --stopat 3
# shellcheck disable=SC2086
follow 1 dptrain small.ini $quick "$(part "did you mean '([^']*)'")" 3
refused 2 1 dptrain tarin small.ini
# shellcheck disable=SC2046,SC2086
follow 1 $(part "did you mean '([^']*)'") small.ini $quick

# --- eval, sample, lrfind -----------------------------------------------------------------------------
for wrong in "--mix-weight 0.3" "--model trigram --mix trigram" "--model trigram --mix-weight 0.3"; do
    # shellcheck disable=SC2086
    refused 2 1 dptrain eval kept --split test $wrong
    [[ $said != *"leave out --model trigram"* ]] || wrong=${wrong#--model trigram}
    [[ $said != *"add --mix trigram"* ]] || wrong="$wrong --mix trigram"
    # shellcheck disable=SC2086
    follow 1 dptrain eval kept --split test $wrong
done
refused 2 1 dptrain sample kept --prompt --
refused 2 1 dptrain sample kept --prompt -a
grep -q "'-' is not in the vocabulary" <(dptrain sample kept "$(part "if that is '-a': (.*)\$")" 2>&1) ||
    fail "$said"
for range in "--from -30 --to -28" "--from -28 --to -26"; do # no rate makes a difference there
    # shellcheck disable=SC2086
    dptrain lrfind small.ini run.dir=rates $range --count 20 >out.txt 2>/dev/null
    said=$(grep -E 'begin lower|go on higher' out.txt || true)
    # shellcheck disable=SC2046,SC2086
    [ -z "$said" ] || follow 1 dptrain lrfind small.ini run.dir=rates $range --count 20 \
        $(part '(--(from|to) [-.0-9]*)')
done

# --- sweeps -------------------------------------------------------------------------------------------
printf '[sweep]\nconfig = small.ini\ndir = many\n[grid]\nblock_size = 2 3\n' >many.ini
# shellcheck disable=SC2086
refused 2 1 dptrain sweep many.ini $quick
# shellcheck disable=SC2086
follow 1 dptrain sweep many.ini $quick "$(part ' set (sweep.text) to')=small.txt"
printf '[sweep]\nconfig = small.ini\n[grid]\ntrain.lr = 0.1 0.2\n' >many.ini
# shellcheck disable=SC2086
refused 2 1 dptrain sweep many.ini $quick run.dir=x
# shellcheck disable=SC2086
follow 1 dptrain sweep many.ini $quick "$(part ': set (sweep.dir)$')=x"

# --- packing ------------------------------------------------------------------------------------------
awk '{ print $1, "Of", $1 }' small.txt >words.txt
for wrong in --no-eol "--split-tokens 900,300" "--no-eol --stream" "--unit word --no-eol" \
    "--min-count 2" "--max-vocab 50" "--vocab-from train"; do
    # shellcheck disable=SC2086
    refused 2 1 pack_dataset words.txt -o words.h5 $wrong
    # shellcheck disable=SC2046,SC2086
    follow 1 pack_dataset words.txt -o words.h5 $wrong \
        $(part ' add (--unit word --stream|--unit word|--stream)')
done
# What an addition would not mend is said first.
for wrong in "--seed 1 --no-eol" "--max-vocab 3" "--split-tokens 1,2 --split 80,10,10"; do
    # shellcheck disable=SC2086
    refused 2 1 pack_dataset words.txt -o words.h5 $wrong
    [[ $said != *" add "* ]] || fail "'$said' advises what will be refused"
done
refused 2 1 pack_dataset words.txt -o words.h5 --split 0.7,0.1,0.1
follow 1 pack_dataset words.txt -o words.h5 --split "$(part 'such as ([0-9.,]*)')"
refused 3 1 dptrain small.ini data.path=missing.h5
[[ $said == *"'pack_dataset TEXT -o missing.h5' makes it"* ]] || fail "$said"
follow 1 pack_dataset small.txt -o missing.h5
# shellcheck disable=SC2086
follow 1 dptrain small.ini $quick data.path=missing.h5
