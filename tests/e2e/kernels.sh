#!/usr/bin/env bash
# parallel.kernels: every instruction set level gives the same weights, evaluations and digits, on any
# number of ranks, with and without a split output layer; a run goes on at another one; and what a
# processor does not have is refused.
source "$(dirname "$0")/common.sh"
make_small_run

# result_of RANKS ARGUMENT...: the weights of 100 steps and what was evaluated, to the last digit.
result_of() {
    local count=$1
    shift
    rm -rf run
    ranks "$count" "$BIN/dptrain" small.ini run.dir=run train.steps=100 "$@" >report.txt
    field run/summary.json weights
    cut -d , -f 1-7 run/metrics.csv
}

highest=$("$BIN/dptrain" doctor | grep -oE -m 1 'generic|x86-64-v[34]')
for output in replicated split; do
    result_of 1 parallel.output=$output >auto.txt
    for level in generic x86-64-v3 x86-64-v4; do
        if [[ $level > $highest ]]; then
            expect_refusal 2 "parallel.kernels = $level, but a processor or this build has no more than $highest" \
                1 "$BIN/dptrain" small.ini run.dir=refused parallel.kernels=$level
            [ ! -e refused ] || fail "a run folder of a run that was refused"
            continue
        fi
        result_of 1 parallel.output=$output parallel.kernels=$level >level.txt
        grep -q "dptrain .*, $level\$" report.txt || fail "the report does not name $level: $(cat report.txt)"
        expect_equal "$output, $level" "$(cat level.txt)" "$(cat auto.txt)"
        [ $output = split ] || # a single block cannot be shared
            expect_equal "2 ranks, $level" "$(result_of 2 parallel.output=$output parallel.kernels=$level)" \
                "$(cat auto.txt)"
    done
done

# A run goes on at another level, with the weights of one that never changed it.
result_of 1 train.steps=200 parallel.kernels="$highest" >straight.txt
result_of 1 parallel.kernels="$highest" >/dev/null
"$BIN/dptrain" small.ini run.dir=run train.steps=200 parallel.kernels=generic >report.txt
grep -q "resumed at step 100" report.txt || fail "no other level is taken: $(cat report.txt)"
[ "$highest" = generic ] || grep -q "notice: steps so far were computed by dptrain .*, $highest\$" report.txt ||
    fail "another level is not told: $(cat report.txt)"
expect_equal "weights of a run at two levels" "$(field run/summary.json weights)" "$(head -n 1 straight.txt)"
[ "$highest" != x86-64-v4 ] || echo "not tested here, whose processor has them all: levels that are refused"
