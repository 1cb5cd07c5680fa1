#!/usr/bin/env bash
# Help fits a screen, man pages are well-formed and say all that the tables do, and bash completes.
source "$(dirname "$0")/common.sh"
: "${BUILD:?}"
share=$BUILD/share
commands=$("$BIN/dptrain" --help | sed -n 's/^  \([a-z_]*\)  .*/\1/p' | grep -v help)
[ "$(wc -w <<<"$commands")" -ge 5 ] || fail "--help lists the commands '$commands'"

# --- help -------------------------------------------------------------------------------------------
expect_screen() { # WHAT FILE
    expect_below "lines of $1" "$(wc -l <"$2")" 50
    expect_below "columns of $1" "$(wc -L <"$2")" 80
}

"$BIN/dptrain" --help >overview.txt
expect_screen --help overview.txt
"$BIN/dptrain" help | cmp - overview.txt || fail "help and --help differ"
jobs=$(sed -n '/^Under mpirun/,/\.$/p' overview.txt | xargs)
[ "$jobs" = "Under mpirun all ranks work together on train, eval, bench, doctor, sweep, lrfind; the \
other commands answer once." ] || fail "--help says '$jobs'"
for command in $commands; do
    "$BIN/dptrain" "$command" --help >help.txt
    expect_screen "$command --help" help.txt
    "$BIN/dptrain" help "$command" | cmp - help.txt || fail "help $command is not $command --help"
done
"$BIN/pack_dataset" --help >help.txt
expect_screen "pack_dataset --help" help.txt
"$BIN/dptrain" help keys >keys.txt
expect_below "columns of help keys" "$(wc -L <keys.txt)" 80
status=0
"$BIN/dptrain" help tarin 2>error.txt || status=$?
expect_equal "status of an unknown topic" "$status" 2
grep -q "no help about 'tarin', only about: train, .*keys" error.txt || fail "$(cat error.txt)"

# The page, --help and the program know the same statuses, and mpirun's own of a lost host.
sed -n 's/^ *DP_[A-Z_]* = \([0-9]*\).*/\1/p' "$SOURCE/src/base/status.h" >statuses.txt
expect_below "kinds of failure" 14 "$(wc -l <statuses.txt)"
for wanted in $(cat statuses.txt) 128 205; do
    sed '1,/^Exit status/d' overview.txt | grep -q "^  $wanted\b" || fail "--help does not tell status $wanted"
    grep -q "^| $wanted\b.* |" "$SOURCE/docs/commands.md" || fail "commands.md does not tell status $wanted"
done

# Every key of a written config is in the list of keys and has a place in the short list.
make_small_run
"$BIN/dptrain" small.ini train.steps=1 >/dev/null
"$BIN/dptrain" train --help >help.txt
awk '/^\[/ { section = substr($1, 2, length($1) - 2) } / = |=$/ { print section "." $1 }' \
    runs/small/config.ini >all_keys.txt
[ -s all_keys.txt ] || fail "no keys in config.ini"
while read -r key; do
    grep -q "^  $key " keys.txt || fail "'help keys' does not know $key"
    grep -q "[ ]${key#*.}=" help.txt || fail "train --help does not know $key"
done <all_keys.txt

# Options may be spelled with either, and keys as options.
"$BIN/dptrain" small.ini --stop_at 3 --train.steps=5 --fresh >out.txt
grep -q "stopped at step 3 of 5" out.txt || fail "--stop_at and --train.steps=5: $(cat out.txt)"
"$BIN/pack_dataset" small.txt --block_size 4 -o four.h5 >/dev/null || fail "--block_size"

# --- man pages --------------------------------------------------------------------------------------
for command in $commands; do
    [ -s "$share/man/man1/dptrain-$command.1" ] || fail "no page of $command"
done
while read -r key; do
    grep -qF "fB$key" "$share/man/man5/dptrain-config.5" || fail "no $key in dptrain-config(5)"
done <all_keys.txt
if command -v man >/dev/null && command -v groff >/dev/null; then
    for page in "$share"/man/man?/*; do
        LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null |
            tee -a warnings.txt
    done
    [ ! -s warnings.txt ] || fail "man pages: $(cat warnings.txt)"
else
    echo "no man and groff here: the pages were not formatted"
fi

# --- completion -------------------------------------------------------------------------------------
for script in dptrain pack_dataset; do
    # shellcheck disable=SC1090 # made by the build
    source "$share/bash-completion/completions/$script"
done

# expect_completion WANTED WORD...: what bash offers for the last word, which is being typed; words
# are cut at "=" as bash cuts them.
expect_completion() {
    local wanted=$1
    shift
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    set +e # as in a user's shell; and compopt fails outside of a completion
    "_$1" 2>error.txt
    set -e
    expect_equal "completion of: $*" "$(cat error.txt)${COMPREPLY[*]}" "$wanted"
}

touch 'a b.ini' other.txt
expect_completion "train" dptrain tr
expect_completion "eval" dptrain ev
expect_completion "small.ini" dptrain sm
expect_completion "runs" dptrain train ru
expect_completion "a b.ini" dptrain train a
expect_completion "--stop-at" dptrain train --st
expect_completion "--fresh" dptrain small.ini --f
expect_completion "train.lr= train.lr_warmup= train.lr_schedule= train.lr_milestones= train.lr_gamma= train.lr_final= train.lr_decay=" \
    dptrain small.ini train.lr
expect_completion "normal scaled small torch" dptrain small.ini model.init =
expect_completion "scaled small" dptrain small.ini model.init = s
expect_completion "train dev test" dptrain small.ini eval.splits =
expect_completion "train,dev" dptrain small.ini eval.splits = train,d
expect_completion "other.txt" dptrain small.ini data.path = oth
expect_completion "" dptrain small.ini train.steps =
expect_completion "train dev test all" dptrain eval --split ""
expect_completion "test" dptrain eval --split = te
expect_completion "other.txt" dptrain eval --ckpt oth
expect_completion "" dptrain sample -n ""
expect_completion "--json" dptrain info --j
expect_completion "keys" dptrain help ke
expect_completion "" dptrain help --wri
expect_completion "other.txt" pack_dataset oth
expect_completion "--block-size --boundary" pack_dataset --b
expect_completion "" pack_dataset --seed ""
expect_completion "other.txt" pack_dataset --train oth
