#!/usr/bin/env bash
# A terminal gets a line of progress that never wraps and is gone at the end; logs never see it.
source "$(dirname "$0")/common.sh"
command -v script >/dev/null || skip "no 'script' here to make a terminal with"
make_small_run

# watch COLUMNS COMMAND: in a terminal of this width; leaves what it was sent in typescript.txt.
watch() {
    TERM=xterm timeout 60 script -qec "stty cols $1 rows 24; $2" /dev/null </dev/null >typescript.txt ||
        fail "$2 in a terminal: $(cat -v typescript.txt)"
}

# What stands between two moves to a line's beginning, a line each.
pieces() {
    sed 's/\x1b\[J//g' typescript.txt | tr '\r' '\n' | grep -v '^$'
}

expect_progress() { # COLUMNS RUN
    pieces | grep -E '^ *[0-9]+%' >progress.txt || fail "no progress: $(cat -v typescript.txt)"
    expect_below "columns of progress in $1" "$(wc -L <progress.txt)" $(($1 - 1))
    # Without it, the terminal shows what the log has.
    pieces | grep -vE '^ *[0-9]+%' >rest.txt
    cmp rest.txt "$2/log.txt" || fail "terminal and log differ"
    ! grep -q '%.*\[.*#.*\]' "$2/log.txt" || fail "progress is in $2/log.txt"
    # What comes next begins with erasing it.
    ! tr '\n' '\001' <typescript.txt | sed 's/\x1b\[J/\n/g' | grep -E '^ *[0-9]+%' |
        grep -qvE "^[^$(printf '\r\001')]*$(printf '\r')*\$" ||
        fail "a line of progress is left: $(cat -v typescript.txt)"
}

steps="train.steps=6000 train.log_every=1500 eval.every=3000"
watch 80 "$BIN/dptrain small.ini $steps run.dir=wide"
expect_progress 80 wide
grep -q '% \[[#-]*\] step  *[0-9][,0-9]*  loss [0-9.]*  .* left  lr 0.*ms/step' progress.txt || fail "progress is: $(cat progress.txt)"
# What is left changes its length, the bar hardly: at most two lengths, as the first guess is of one step.
expect_below "lengths of the bar" "$(grep -o '\[[#-]*\]' progress.txt | awk '{ print length($0) }' | uniq | wc -l)" 3
watch 40 "$MPIEXEC 2 $BIN/dptrain small.ini $steps run.dir=narrow"
expect_progress 40 narrow

# A terminal that tells no size is taken to have 80 columns, or COLUMNS, and so is one of mpirun's.
unset COLUMNS LINES
watch 0 "$BIN/dptrain small.ini $steps run.dir=usual"
expect_progress 80 usual
expect_below "50 and the columns of progress" 50 "$(wc -L <progress.txt)"
watch 0 "COLUMNS=50 $MPIEXEC 2 $BIN/dptrain small.ini $steps run.dir=told"
expect_progress 50 told

# Nobody watches: a terminal that can do nothing, and a launcher that writes to a pipe.
for command in "TERM=dumb $BIN/dptrain" "$MPIEXEC 2 $BIN/dptrain"; do
    watch 80 "$command small.ini train.steps=2000 run.dir=plain --fresh | cat >piped.txt"
    ! grep -q '%' piped.txt || ! grep -qF "$(printf '\033')" piped.txt ||
        fail "progress in a pipe of $command"
done
watch 80 "TERM=dumb $BIN/dptrain small.ini train.steps=2000 run.dir=dumb"
! grep -qF "$(printf '\033')" typescript.txt || fail "a dumb terminal is sent control characters"
