#!/usr/bin/env bash
# The dataset is changed while a run or an evaluation reads it: ids that cannot be never lead out of a
# table, the change is said and ends the run, nothing that it has touched is saved, and with the old
# bytes back the same command ends with the weights of a run that was left alone. What is only touched
# or replaced by another file is no change.
source "$(dirname "$0")/common.sh"
make_small_run
cp small.h5 good.h5
run="train.steps=4000000 train.log_every=1000 eval.every=0 checkpoint.every=10000 checkpoint.keep=1"

# start RANKS RUN OPTION...: in the background, until it has logged some steps.
start() {
    local count=$1 name=$2
    shift 2
    rm -f out.txt
    # shellcheck disable=SC2086 # options
    ranks "$count" "$BIN/dptrain" small.ini run.dir="$name" $run "$@" >out.txt 2>error.txt &
    job=$!
    wait_for_text out.txt " 2,000 "
}

# overwrite: bytes of /train/contexts by 255, in place.
overwrite() {
    head -c 4096 /dev/zero | tr '\0' '\377' |
        dd of=small.h5 bs=1024 seek="$1" conv=notrunc status=none
}

# expect_noticed RANKS OUTPUT
expect_noticed() {
    local what="$1 ranks, $2" changed=changed_$1_$2 straight=straight_$1_$2 status=0 end name
    start "$1" "$changed" parallel.output="$2"
    overwrite 16
    wait $job || status=$?
    expect_equal "$what: status ($(cat error.txt))" "$status" 2
    expect_equal "$what: lines ($(cat error.txt))" "$(grep -c '^dptrain:' error.txt)" 1
    grep -Eq "ended at step [0-9]+, newest checkpoint of step [0-9]+: the dataset was changed while in use: small.h5: /train/contexts" \
        error.txt || fail "$what: it says $(cat error.txt)"
    end=$(sed -n 's/.*ended at step \([0-9]*\), newest.*/\1/p' error.txt)
    cp good.h5 small.h5
    for name in "$changed" "$straight"; do
        # shellcheck disable=SC2086 # options
        "$BIN/dptrain" small.ini run.dir="$name" $run parallel.output="$2" --stop_at "$end" >/dev/null
    done
    expect_equal "$what: weights" "$(weights "$changed")" "$(weights "$straight")"
}
expect_noticed 1 replicated
expect_noticed 3 replicated
expect_noticed 1 split

# Touched, or replaced by a file of other content: the one that is mapped is as it was.
rm -f out.txt
# shellcheck disable=SC2086 # options
"$BIN/dptrain" small.ini run.dir=touched $run >out.txt 2>error.txt &
job=$!
wait_for_text out.txt " 2,000 "
touch small.h5
sleep 0.2
cp good.h5 other.h5
printf x >>other.h5
mv other.h5 small.h5
sleep 0.2
kill -TERM $job
status=0
wait $job || status=$?
expect_equal "touched and replaced: status ($(cat error.txt))" "$status" 143
