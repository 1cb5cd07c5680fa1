#!/usr/bin/env bash
# Files of 100 GB that hold nothing but zeros, or that begin well and then hold them, in the place of each file that a
# user gives: refused at once, by name, without reading all of it.
source "$(dirname "$0")/common.sh"
make_small_run
"$BIN/dptrain" small.ini run.dir=run train.steps=20 checkpoint.every=10 eval.every=0 >/dev/null
size=100G
truncate -s $size zeros 2>error.txt || skip "no file of $size here: $(cat error.txt)"

# expect_quick_refusal TEXT COMMAND...: bad input, which takes seconds to see at most.
expect_quick_refusal() {
    local text=$1
    shift
    expect_refusal 2 "$text" 1 timeout 10 "$@"
}
# grown FILE NAME: a copy that goes on with zeros.
grown() {
    cp "$1" "$2"
    truncate -s $size "$2"
}

grown small.ini config.ini
grown small.txt text.txt
grown small.h5 dataset.h5
grown run/best.h5 checkpoint.h5 2>/dev/null || grown run/checkpoints/step-00000020.h5 checkpoint.h5
for file in zeros config.ini; do
    expect_quick_refusal "$file" "$BIN/dptrain" $file run.dir=new
    expect_quick_refusal "$file" "$BIN/dptrain" sweep $file
done
for file in zeros dataset.h5; do
    expect_quick_refusal "$file" "$BIN/dptrain" small.ini data.path=$file run.dir=new
    expect_quick_refusal "$file" "$BIN/dptrain" info $file
done
for file in zeros checkpoint.h5; do
    expect_quick_refusal "$file" "$BIN/dptrain" eval --ckpt $file
    expect_quick_refusal "$file" "$BIN/dptrain" sample --ckpt $file
    expect_quick_refusal "$file" "$BIN/dptrain" info $file
done
printf '[sweep]\nconfig = small.ini\ntext = zeros\n[trials]\ncolumns = block_size train.steps\n1 = 3 5\n' >plan.ini
expect_quick_refusal zeros "$BIN/dptrain" sweep plan.ini
# Their first word is of pack_dataset.
for file in zeros text.txt; do
    for options in "--unit char" "--unit word" "--unit char --stream" "--unit word --threads 1"; do
        status=0
        # shellcheck disable=SC2086 # options
        timeout 10 "$BIN/pack_dataset" $file $options -o new.h5 2>error.txt >/dev/null || status=$?
        expect_equal "status of packing $file, $options ($(cat error.txt))" "$status" 2
        grep -q "^pack_dataset: $file:.* a zero byte" error.txt || fail "packing $file, $options: $(cat error.txt)"
    done
done

for file in zeros text.txt; do
    status=0
    timeout 10 "$BIN/dptrain" score $file --ckpt run >/dev/null 2>error.txt || status=$?
    expect_equal "status of scoring $file ($(cat error.txt))" "$status" 2
    grep -q "^dptrain: $file has a line of more than" error.txt || fail "scoring $file: $(cat error.txt)"
done

# Files of a run.
for name in metrics.csv summary.json; do
    mv run/$name kept
    ln -s ../zeros run/$name
    expect_quick_refusal "cannot read run/$name" "$BIN/dptrain" \
        "$([ $name = metrics.csv ] && echo plot || echo report)" run
    mv kept run/$name
done
# A checkpoint that is damaged so is passed over as any other.
grown run/checkpoints/step-00000020.h5 run/checkpoints/step-00000030.h5
timeout 10 "$BIN/dptrain" small.ini run.dir=run train.steps=40 checkpoint.every=10 eval.every=0 >out.txt 2>&1 ||
    fail "resuming ends with $?: $(cat out.txt)"
grep -q "resumed at step 20" out.txt || fail "not resumed: $(cat out.txt)"
