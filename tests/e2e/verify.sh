#!/usr/bin/env bash
# Two runs compared by the hashes of their weights: identical, or where they part and what differs.
source "$(dirname "$0")/common.sh"
make_small_run

train() { # FOLDER ASSIGNMENT...
    local folder=$1
    shift
    "$BIN/dptrain" small.ini run.dir="$folder" train.steps=600 train.lr_milestones=300 "$@" \
        >/dev/null
}

# expect_verdict STATUS TEXT RUN_A RUN_B
expect_verdict() {
    local status=0
    "$BIN/dptrain" verify "$3" "$4" >verdict.txt 2>error.txt || status=$?
    expect_equal "status of verify $3 $4 ($(cat verdict.txt error.txt))" "$status" "$1"
    grep -qF -- "$2" verdict.txt error.txt ||
        fail "verify $3 $4 says '$(cat verdict.txt error.txt)', without '$2'"
    expect_below "columns of verify $3 $4" "$(wc -L <verdict.txt)" 80
}

train a train.log_every=100
train other_points train.log_every=150
train later train.log_every=100 train.lr_gamma=0.5
ranks 2 "$BIN/dptrain" small.ini run.dir=two train.steps=600 train.lr_milestones=300 \
    train.log_every=100 >/dev/null

expect_verdict 0 "identical: the same weights at all 6 common points, steps 100 to 600" a two
# 300 and 600, and 500, where both were evaluated
expect_verdict 0 "all 3 common points, steps 300 to 600" a other_points
cp -r two longer
sed 's/steps = 600/steps = 900/' two/config.ini >longer/config.ini
tail -n 1 two/metrics.csv | sed 's/^600/900/' >>longer/metrics.csv
expect_verdict 0 "B goes on to step 900" a longer
grep -q "train.steps  *600  *900" verdict.txt || fail "train.steps is not named: $(cat verdict.txt)"

# The rate changes behind step 300, so 400 is the first point that shows it.
expect_verdict 1 "differ: the weights part at step 400," a later
grep -q "after 3 common points where they are equal, up to step 300" verdict.txt ||
    fail "the last equal point is not named: $(cat verdict.txt)"
# Step 301 is the first of another rate, and the loss of a step is that before its update.
grep -q "^the first loss that differs is that of step 302$" verdict.txt ||
    fail "the first other loss is not named: $(cat verdict.txt)"
grep -q "train.lr_gamma  *0.1  *0.5" verdict.txt || fail "the key is not named: $(cat verdict.txt)"
expect_equal "what a verdict leaves on standard error" "$(cat error.txt)" ""
status=0
ranks 3 "$BIN/dptrain" verify a later >three.txt 2>error.txt || status=$?
expect_equal "status of verify on 3 ranks" "$status" 1
cmp three.txt verdict.txt || fail "3 ranks say something else"

# Another dataset under the same name of every key.
mkdir data
head -n 700 small.txt >data/other.txt
"$BIN/pack_dataset" data/other.txt -o data/small.h5 >/dev/null
(cd data && cp ../small.ini . && train elsewhere train.log_every=100)
expect_verdict 1 "dataset (SHA-256)" a data/elsewhere

# What is not there, or has nothing to compare.
expect_verdict 3 "cannot read missing" a missing
expect_verdict 2 "small.txt is a text, not the folder of a run" a small.txt
head -n 1 a/metrics.csv >data/metrics.csv
expect_verdict 2 "no logging point yet" a data/metrics.csv
sed 's/^\([1-6]\)00,/\11,/' a/metrics.csv >data/metrics.csv
expect_verdict 2 "no step in common" a data/metrics.csv
head -c -20 a/metrics.csv >data/metrics.csv # as a crash leaves it
expect_verdict 0 "all 5 common points, steps 100 to 500" a/metrics.csv data/metrics.csv
grep -q "keys are not compared" verdict.txt || fail "nothing is said of the missing config.ini"
status=0
"$BIN/dptrain" verify a 2>error.txt || status=$?
expect_equal "status of verify with one run" "$status" 2
grep -q "two runs are needed" error.txt || fail "verify with one run: $(cat error.txt)"
