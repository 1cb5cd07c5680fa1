#!/usr/bin/env bash
# dptrain check: a line a file of a run; each that is damaged, missing or tells of another run is named,
# with status 1. And what a run itself makes of a summary that cannot be read and of a damaged best.h5.
source "$(dirname "$0")/common.sh"
make_small_run
"$BIN/dptrain" small.ini run.dir=good >/dev/null
"$BIN/dptrain" check good >out.txt
expect_equal "files that are well" "$(grep -c '^ok ' out.txt)" 9
grep -q "^0 problems, 0 warnings: the run is whole" out.txt || fail "$(cat out.txt)"
newest=checkpoints/step-00003000.h5
expect_equal "checked and finished again" "$("$BIN/dptrain" small.ini run.dir=good | tail -n 1 | cut -c1-9)" finished:

# Who has computed it, compiler and kind of build too, is that which --version tells.
version=$("$BIN/dptrain" --version)
[[ $version =~ ^dptrain\ [0-9.]+(\ \([0-9a-f]+(-dirty)?\))?,\ [A-Za-z]+\ [0-9.]+\ [A-Za-z]+$ ]] || fail "--version: $version"
for file in "$("$BIN/dptrain" info good --json)" "$(cat good/summary.json)"; do
    [[ $file == *"\"build\":\"$version, "* ]] || fail "built by another than $version: $file"
done

# expect_problem WHAT TEXT: the copy in bad/ has one problem, which has the text.
expect_problem() {
    local status=0
    "$BIN/dptrain" check bad >out.txt 2>&1 || status=$?
    expect_equal "$1: status ($(cat out.txt))" "$status" 1
    expect_equal "$1: problems ($(cat out.txt))" "$(grep -c '^problem ' out.txt)" 1
    tr -s '\n ' ' ' <out.txt | grep -qF -- "$2" || fail "$1: no '$2' in $(cat out.txt)"
    [ "${3-}" = keep ] || begin
}
begin() {
    rm -rf bad
    cp -r good bad
}
# flip FILE: one byte in its midst.
flip() {
    local at
    at=$(($(wc -c <"$1") / 2))
    printf '\377' | dd of="$1" bs=1 seek=$at conv=notrunc status=none
}
begin
flip bad/$newest
expect_problem "a damaged checkpoint" "problem checkpoint bad/$newest is damaged"
cp bad/checkpoints/step-00002500.h5 bad/$newest
expect_problem "a checkpoint of another name" "holds step 2500, another than its name says"
sed -i '/^2500,/s/,xxh3:..../,xxh3:0000/' bad/metrics.csv
expect_problem "metrics of other weights" "but metrics.csv has xxh3:0000"
sed -i "s/^\(1500,[^,]*\),[^,]*/\1,9.5/" bad/metrics.csv
expect_problem "another loss" "losses.f32 has another loss of step 1,500 than metrics.csv"
truncate -s 1000 bad/losses.f32
"$BIN/dptrain" check bad >out.txt
tr -s '\n ' ' ' <out.txt | grep -qF "warning losses.f32 ends at step 246," || fail "a short record: $(cat out.txt)"
begin
sed -i '3s/^./x/' bad/metrics.csv
expect_problem "a damaged row" "bad/metrics.csv:3: not a row of metrics"
rm bad/metrics.csv
expect_problem "no metrics" "problem metrics.csv is missing"
echo "[train" >bad/config.ini
expect_problem "a damaged config" "bad/config.ini:1:"
rm bad/best.h5
expect_problem "no best" "problem best.h5 is missing"

# What the run's command does about it.
: >bad/summary.json
expect_problem "an empty summary" "bad/summary.json is not the summary of a run" keep
"$BIN/dptrain" small.ini run.dir=bad >out.txt
cmp <(sed 's/"seconds":[^,]*//' good/summary.json) <(sed 's/"seconds":[^,]*//' bad/summary.json) ||
    fail "the summary is another one: $(cat out.txt)"
begin
flip bad/best.h5
expect_problem "a damaged best" "problem best.h5 bad/best.h5 is damaged" keep
"$BIN/dptrain" doctor small.ini run.dir=bad | tr -s '\n ' ' ' >out.txt
grep -q "warning files bad: 1 is damaged or missing: dptrain check bad" out.txt || fail "doctor: $(cat out.txt)"
expect_refusal 10 "bad/best.h5 is damaged" 1 "$BIN/dptrain" small.ini run.dir=bad
rm bad/best.h5
"$BIN/dptrain" small.ini run.dir=bad >/dev/null

begin
flip small.h5
expect_problem "a damaged dataset" "problem dataset small.h5: /train/contexts"
expect_refusal 2 "one run folder at a time" 1 "$BIN/dptrain" check good bad
