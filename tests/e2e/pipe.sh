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

# Of a program that works, a reader who goes takes nothing but the lines: status, files and log are those of
# a run that is read to its end. mpirun, which reads from its ranks, gives up after some ten lines that it
# cannot pass on.
without_times() { # LOG: what no clock changes
    sed -n -e 's/^ *\([0-9,][0-9,]*\) *\([0-9.]*\) .*/\1 \2/p' -e '/^weights/p' "$1"
}
long="train.steps=4000 train.log_every=20 eval.every=0"
# shellcheck disable=SC2086 # options
"$BIN/dptrain" small.ini run.dir=read $long >/dev/null
for count in 1 2; do
    # shellcheck disable=SC2086
    { ranks $count timeout 60 "$BIN/dptrain" small.ini run.dir=gone$count $long 2>error.txt && echo 0 >status.txt ||
        echo $? >status.txt; } | head -n 1 >first.txt
    expect_equal "status on $count ranks whose reader goes ($(cat error.txt))" "$(cat status.txt)" 0
    expect_equal "weights" "$(field gone$count/summary.json weights)" "$(field read/summary.json weights)"
    cmp <(without_times read/log.txt) <(without_times gone$count/log.txt) ||
        fail "another log on $count ranks whose reader goes"
    [ ! -e gone$count/run.lock ] || fail "run.lock is left behind"
done
cat >sweep.ini <<'EOF'
[sweep]
config = small.ini
dir = swept
[trials]
columns = train.steps
one = 200
two = 300
EOF
# outlives FILE COMMAND...: which writes the file, whoever reads
outlives() {
    local file=$1
    shift
    { "$@" 2>error.txt && echo 0 >status.txt || echo $? >status.txt; } | true
    expect_equal "status of '$*' without a reader ($(cat error.txt))" "$(cat status.txt)" 0
    [ -s "$file" ] || fail "'$*' has not written $file"
}
outlives swept/results.csv "$BIN/dptrain" sweep sweep.ini
outlives found/lrfind.csv "$BIN/dptrain" lrfind small.ini run.dir=found --count 400
outlives packed.h5 "$BIN/pack_dataset" small.txt -o packed.h5

# An output that was closed before the start is said, and no file is taken for it.
status=0
"$BIN/dptrain" small.ini run.dir=shut train.steps=500 >&- 2>error.txt || status=$?
expect_equal "status with a closed output" "$status" 0
grep -q "^dptrain: notice: standard output is closed" error.txt || fail "not said: $(cat error.txt)"
"$BIN/dptrain" eval --ckpt shut >/dev/null || fail "a file of the run is damaged"
status=0
"$BIN/dptrain" info small.h5 >&- 2>error.txt || status=$?
expect_equal "status of an answer with a closed output" "$status" 3
grep -q "cannot write the output" error.txt || fail "not said: $(cat error.txt)"
status=0
"$BIN/pack_dataset" small.txt -o shut.h5 >&- 2>error.txt || status=$?
expect_equal "status of pack_dataset with a closed output" "$status" 0
cmp shut.h5 packed.h5 || fail "pack_dataset wrote another file with a closed output"
if [ -c /dev/full ]; then
    status=0
    "$BIN/dptrain" small.ini run.dir=full train.steps=500 >/dev/full 2>error.txt || status=$?
    expect_equal "status with an output that is full" "$status" 3
fi
