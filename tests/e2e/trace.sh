#!/usr/bin/env bash
# --trace: every phase of the first steps, on each rank; a file that cannot be written is refused before the
# first, and where it turns out at the end costs nothing else.
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

# All ranks are on one clock: none leaves a barrier, the end of an exchange, before all have come to it.
sed 's/"name":"\([a-z0-9]*\)",.*"ts":\([0-9.e+-]*\),"dur":\([0-9.e+-]*\),.*"tid":\([0-9]*\).*/\1 \2 \3 \4/' \
    events.txt | awk '$1 == "exchange" {
        k = ++count[$4]
        if (ranks[k]++ == 0 || $2 > came[k]) came[k] = $2
        if (ranks[k] == 1 || $2 + $3 < left[k]) left[k] = $2 + $3
    }
    END {
        for (k in came) if (ranks[k] == 3) {
            compared++
            early += left[k] < came[k] - 0.01
        }
        printf "%d of %d barriers were left too early\n", early, compared
        exit early > 0 || compared < 100
    }' >barriers.txt || fail "not one clock: $(cat barriers.txt)"

expect_refusal 3 "cannot write missing/trace.json" 3 "$BIN/dptrain" small.ini run.dir=other \
    --trace missing/trace.json
expect_refusal 2 "small.ini is a config, which a trace does not replace: name another file" 3 \
    "$BIN/dptrain" small.ini run.dir=other --trace small.ini
expect_refusal 2 "/dev/null is of another kind" 1 "$BIN/dptrain" small.ini run.dir=other --trace /dev/null
[ ! -e other ] || fail "a run whose trace cannot be written has begun"

"$BIN/dptrain" small.ini train.steps=200 run.dir=again --trace trace.json >/dev/null # its own is replaced
mkdir gone
ranks 3 "$BIN/dptrain" small.ini train.steps=8000 run.dir=other --trace gone/trace.json >out.txt 2>error.txt &
job=$!
wait_for_text other/log.txt " 250 "
rm -r gone
status=0
wait $job || status=$?
expect_equal "status without the folder of the trace" "$status" 3
grep -q "cannot write gone/trace.json" error.txt || fail "no word of the trace: $(cat error.txt)"
"$BIN/dptrain" small.ini train.steps=8000 run.dir=straight >/dev/null
cmp <(weights straight) <(weights other) || fail "the run without its trace has other weights"

# Phases of one rank have no slowest rank. Where the exchange takes most of a step, that is said.
for count in 1 8; do
    ranks $count "$BIN/dptrain" small.ini train.steps=1000 train.batch_size=8 model.hidden_dim=2 \
        run.dir=phases$count >phases.txt
    expect_equal "imbalance on $count ranks" "$(grep -c imbalance phases.txt)" $((count > 1))
    share=$(awk '$1 == "exchange" && /%/ { print int($3) }' phases.txt)
    told=$(grep -c "^the exchange takes .*% of a step; faster would be:$" phases.txt) || true
    if [ $count = 1 ] || [ "$share" != 50 ]; then
        expect_equal "what is said where $share % are exchange on $count ranks" "$told" $((count > 1 && share > 50))
    fi
done
