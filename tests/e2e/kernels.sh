#!/usr/bin/env bash
# parallel.kernels: a processor computes with the bits of a lower instruction set level, on any number
# of ranks, with and without a split output layer; and says what it cannot.
source "$(dirname "$0")/common.sh"
make_small_run

# hash_of RANKS ARGUMENT...: of the weights of 300 steps.
hash_of() {
    local count=$1
    shift
    rm -rf run
    ranks "$count" "$BIN/dptrain" small.ini run.dir=run train.steps=300 "$@" >report.txt
    field run/summary.json weights
}

highest=$("$BIN/dptrain" doctor | grep -oE -m 1 'generic|x86-64-v[34]')
for output in replicated split; do
    [ $output = split ] && blas='$' || blas=', OpenBLAS [0-9.]* [A-Za-z]' # which a split output does not use
    hash=$(hash_of 1 parallel.output=$output)
    echo "auto $hash" >hashes.txt
    for level in generic x86-64-v3 x86-64-v4; do
        if [[ $level > $highest ]]; then
            expect_refusal 2 "parallel.kernels = $level, but a processor or this build has no more than $highest" \
                1 "$BIN/dptrain" small.ini run.dir=refused parallel.kernels=$level
            [ ! -e refused ] || fail "a run folder of a run that was refused"
            continue
        fi
        hash=$(hash_of 1 parallel.output=$output parallel.kernels=$level)
        grep -q "dptrain .*, $level$blas" report.txt || fail "the report does not name $level$blas"
        [ $output = split ] || # a single block cannot be shared
            expect_equal "weights on 2 ranks, $level" \
                "$(hash_of 2 parallel.output=$output parallel.kernels=$level)" "$hash"
        echo "$level $hash" >>hashes.txt
    done
    expect_equal "the level that auto stands for, $output" \
        "$(grep "^$highest " hashes.txt | cut -d ' ' -f 2)" "$(grep ^auto hashes.txt | cut -d ' ' -f 2)"
    # Each level rounds otherwise: else nothing of this has been tested.
    expect_equal "different weights, $output: $(cat hashes.txt)" \
        "$(cut -d ' ' -f 2 hashes.txt | sort -u | wc -l)" "$(($(wc -l <hashes.txt) - 1))"
done

# A run that was given a level goes on with that; one that was not may be given one.
expect_refusal 5 "parallel.kernels: $highest there, auto here" 1 \
    "$BIN/dptrain" small.ini run.dir=run train.steps=600 parallel.output=split
hash_of 1 >/dev/null
"$BIN/dptrain" small.ini run.dir=run train.steps=600 parallel.kernels=generic >report.txt
grep -q "resumed at step 300" report.txt || fail "auto does not become a level: $(cat report.txt)"
[ "$highest" = generic ] || grep -q "run on one build" report.txt ||
    fail "no notice of another level: $(cat report.txt)"
[ "$highest" != x86-64-v4 ] || echo "not tested here, whose processor has them all: levels that are refused"
