#!/usr/bin/env bash
# Help fits a screen and its examples work, man pages are well-formed and say all that the tables do, and
# shells complete.
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
[ "$jobs" = "Under mpirun all ranks work together on train, eval, bench, doctor, sweep, lrfind, \
score; the other commands answer once." ] || fail "--help says '$jobs'"
for command in $commands; do
    "$BIN/dptrain" "$command" --help >help.txt
    expect_screen "$command --help" help.txt
    "$BIN/dptrain" help "$command" | cmp - help.txt || fail "help $command is not $command --help"
done
"$BIN/pack_dataset" --help >help.txt
expect_screen "pack_dataset --help" help.txt
"$BIN/dptrain" help pack_dataset | cmp - help.txt || fail "dptrain help pack_dataset is not its --help"
"$BIN/dptrain" help keys >keys.txt
expect_below "columns of help keys" "$(wc -L <keys.txt)" 80
status=0
"$BIN/dptrain" help tarin 2>error.txt || status=$?
expect_equal "status of an unknown topic" "$status" 2
grep -q "no help about 'tarin', only about: train, .*keys, pack_dataset" error.txt || fail "$(cat error.txt)"

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

# Each example is typed, in a folder like README's; sweep and lrfind in few steps.
mkdir -p readme/configs/sweeps readme/data
cp small.txt readme/data/names.txt
cp small.h5 readme/names.h5
awk '{ print $1, $1 }' small.txt >readme/text.txt
sed 's/small.h5/names.h5/; s/^steps = .*/steps = 40/' small.ini >readme/configs/base.ini
printf '[sweep]\nconfig = ../base.ini\n[grid]\nblock_size = 2 3\n' >readme/configs/sweeps/notebook.ini
for command in $commands pack_dataset; do
    "$BIN/dptrain" help "$command" | sed '1,/^Examples:/d; /^$/,$d' >examples.txt
    [ -s examples.txt ] || fail "no example in the help of $command"
    ! grep -qv "^  .*\b$command\b\|^  dptrain configs" examples.txt || fail "$command: $(cat examples.txt)"
    while read -r line; do
        line=${line/mpirun -np/$MPIEXEC}
        [[ $line != *" bench "* ]] || line+=" --seconds 0.05"
        [[ $line != *" lrfind "* ]] || line+=" --count 20"
        (cd readme && PATH=$BIN:$PATH && eval "$line" >../out.txt 2>../error.txt </dev/null) ||
            [[ $line == *" verify "* ]] || fail "the example '$line' of $command: $(cat out.txt error.txt)"
    done <examples.txt
done

# -q leaves the terminal alone and -v shows what is set; log.txt has all of both.
[ -z "$("$BIN/dptrain" small.ini -q -v train.steps=3 run.dir=still 2>&1)" ] || fail "-q is not quiet"
grep -q '^  train.steps  *3$' still/log.txt || fail "-v shows no settings: $(cat still/log.txt)"
"$BIN/dptrain" small.ini --verbose train.steps=3 run.dir=loud >out.txt
grep -q '^  model.hidden_dim  *24$' out.txt || fail "--verbose shows no settings"
[ -z "$("$BIN/pack_dataset" small.txt -q -o q.h5 2>&1)" ] || fail "pack_dataset -q is not quiet"
"$BIN/pack_dataset" small.txt -v -o v.h5 >out.txt
grep -q '^  --block-size  *3$' out.txt || fail "pack_dataset -v"
printf '[sweep]\nconfig = small.ini\ntext = small.txt\n[grid]\nblock_size = 2 3\n' >many.ini
[ -z "$("$BIN/dptrain" sweep many.ini train.steps=3 -q 2>&1)" ] || fail "sweep -q is not quiet"
grep -q block_size runs/many/results.md || fail "no table of the quiet sweep"

# Options may be spelled with either, and keys as options.
"$BIN/dptrain" small.ini --stop_at 3 --train.steps=5 --fresh >out.txt
grep -q "stopped at step 3 of 5" out.txt || fail "--stop_at and --train.steps=5: $(cat out.txt)"
"$BIN/pack_dataset" small.txt --block_size 4 -o four.h5 >/dev/null || fail "--block_size"
printf '[data]\npath = small.h5\n[train]\nbatch-size = 7\nlog_every = 1\n' >hyphens.ini
"$BIN/dptrain" hyphens.ini --train.log-every=2 train.steps=2e0 >/dev/null
# shellcheck disable=SC2015
grep -q '^batch_size = 7$' runs/hyphens/config.ini && grep -q '^log_every = 2$' runs/hyphens/config.ini ||
    fail "keys with hyphens: $(cat runs/hyphens/config.ini)"
# Shown are those of a command line with hyphens, wherever.
for command in $commands pack_dataset; do
    "$BIN/dptrain" help "$command"
done >all_help.txt
cat "$share"/man/man?/* | sed 's/\\-/-/g' >>all_help.txt
cat "$share"/*/*/*dptrain* "$share"/*/*/*pack_dataset* >>all_help.txt
! grep -E -e '--[a-z]+_' all_help.txt || fail "an option is shown with '_'"

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
expect_completion "pack_dataset" dptrain help pa
expect_completion "" dptrain help --wri
expect_completion "other.txt" pack_dataset oth
expect_completion "--block-size --boundary" pack_dataset --b
expect_completion "" pack_dataset --seed ""
expect_completion "other.txt" pack_dataset --train oth

# The other two shells, where they are.
if command -v zsh >/dev/null; then
    # expect_zsh WANTED WORD...
    expect_zsh() {
        local wanted=$1
        shift
        expect_equal "zsh, completion of: $*" \
            "$(zsh -f "$SOURCE/tests/support/complete.zsh" "$share/zsh/site-functions" "$@" 2>&1)" "$wanted"
    }
    expect_zsh "train files " dptrain tr
    expect_zsh "--stop-at " dptrain train --st
    expect_zsh "train.log_every= " dptrain small.ini train.log
    expect_zsh "scaled small " dptrain small.ini model.init=s
    expect_zsh "dev " dptrain small.ini eval.splits=train,d
    expect_zsh "train test " dptrain eval --split t
    expect_zsh "test " dptrain eval --split=te
    expect_zsh "files " dptrain eval --ckpt ""
    expect_zsh "" dptrain sample -n ""
    expect_zsh "pack_dataset " dptrain help pa
    expect_zsh "--block-size --boundary " pack_dataset --b
else
    echo "no zsh here: its completion was not tried"
fi
if command -v fish >/dev/null; then
    # expect_fish WANTED LINE
    expect_fish() {
        local script=$share/fish/vendor_completions.d/${2%% *}.fish
        expect_equal "fish, completion of: $2" \
            "$(HOME=$PWD fish --no-config -c "source $script; complete -C '$2'" 2>&1 | cut -f1 | xargs)" "$1"
    }
    expect_fish "eval" "dptrain ev"
    expect_fish "--stop-at" "dptrain train --st"
    expect_fish "train.log_every=" "dptrain small.ini train.log"
    expect_fish "model.init=scaled model.init=small" "dptrain small.ini model.init=s"
    expect_fish "test train" "dptrain eval --split t"
    expect_fish "pack_dataset" "dptrain help pa"
    expect_fish "--block-size --boundary" "pack_dataset --b"
else
    echo "no fish here: its completion was not tried"
fi
