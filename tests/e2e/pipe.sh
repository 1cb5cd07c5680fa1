#!/usr/bin/env bash
# Output that is no terminal: plain text, and a reader who leaves early is no error to talk about.
source "$(dirname "$0")/common.sh"
make_small_run
export TERM=dumb COLUMNS=40

expect_plain() { # FILE
    ! LC_ALL=C grep -q '[^[:print:][:blank:]]' "$1" ||
        fail "control characters in $1: $(LC_ALL=C grep -n '[^[:print:][:blank:]]' "$1" | cat -v)"
}

"$BIN/pack_dataset" small.txt -o again.h5 2>&1 | cat >pack.txt
expect_plain pack.txt
"$BIN/dptrain" small.ini train.steps=1000 2>&1 | cat >train.txt
expect_plain train.txt
grep -q "test" train.txt || fail "the table of the splits is missing"
ranks 2 "$BIN/dptrain" small.ini train.steps=1000 run.dir=two 2>&1 | cat >two.txt
expect_plain two.txt
for command in eval sample info --help "train --help" "info small.h5"; do
    # shellcheck disable=SC2086 # a command and its arguments
    "$BIN/dptrain" $command 2>&1 | cat >output.txt
    expect_plain output.txt
    [ -s output.txt ] || fail "'$command' says nothing"
done
[ "$(tail -c 1 train.txt | od -An -c | tr -d ' ')" = '\n' ] || fail "the last line has no end"

# The environment of a terminal does not enter.
"$BIN/dptrain" train --help >narrow.txt
TERM=xterm COLUMNS=200 "$BIN/dptrain" train --help >wide.txt
cmp narrow.txt wide.txt || fail "COLUMNS changes the help"

# The reader goes after a line.
for command in "info" "info small.h5" "train --help" "sample --count 200000" "eval"; do
    # shellcheck disable=SC2086
    { timeout 20 "$BIN/dptrain" $command 2>error.txt && echo 0 >status.txt || echo $? >status.txt; } |
        head -n 1 >first.txt
    [ -s first.txt ] || fail "'$command' says nothing"
    case $(cat status.txt) in
    0 | 141) ;; # all was said before the reader went, or SIGPIPE
    *) fail "'$command' ends with $(cat status.txt) when its reader goes" ;;
    esac
    expect_equal "what '$command' says when its reader goes" "$(cat error.txt)" ""
done
