#!/usr/bin/env bash
# --trace: every phase of the first steps, on each rank; a file that cannot be written costs nothing else.
source "$(dirname "$0")/common.sh"
make_small_run

ranks 3 "$BIN/dptrain" small.ini train.steps=200 --trace trace.json >/dev/null
expect_equal "first of it" "$(head -c 16 trace.json)" '{"traceEvents":['
expect_equal "last of it" "$(tail -c 2 trace.json)" ']}'
tr '{' '\n' <trace.json | grep '"ph":"X"' >events.txt
for rank in 0 1 2; do
    for phase in draw layer1 tanh layer2 softmax backward exchange update; do
        grep -q "^\"name\":\"$phase\",.*\"dur\":[0-9.e-]*,.*\"tid\":$rank}" events.txt ||
            fail "no $phase of rank $rank"
    done
done
expect_equal "ranks" "$(grep -o '"tid":[0-9]*' events.txt | sort -u | wc -l)" 3
# Where a phase of a rank begins, those before it have ended.
sed 's/.*"ts":\([0-9.e+-]*\),"dur":\([0-9.e+-]*\),.*"tid":\([0-9]*\).*/\3 \1 \2/' events.txt |
    awk '$2 < end[$1] - 0.01 { exit 1 } { end[$1] = $2 + $3 }' || fail "phases overlap"

expect_refusal 3 "cannot write missing/trace.json" 3 \
    "$BIN/dptrain" small.ini train.steps=200 run.dir=other --trace missing/trace.json
cmp <(weights runs/small) <(weights other) || fail "the run without its trace has other weights"
[ -s other/summary.json ] || fail "the run without its trace has no summary"
