#!/usr/bin/env bash
# Sweeps: the same tables on any number of ranks, interrupted or not; failed trials; wrong files.
source "$(dirname "$0")/common.sh"
make_small_run

# Two long trials and short ones, one of them with three seeds, two block sizes, and two that fail:
# one while it is planned, one in training.
cat >all.ini <<'EOF'
[sweep]
config = small.ini
text   = small.txt
dir    = straight
reference = paper

[trials]
columns  = block_size  model.hidden_dim  train.steps  train.batch_size  train.grains  train.lr  reference  repeats
long     = 3           24                16000        32                0             0.1       2.5        1
longer   = 2           24                16500        16                0             0.1       2.6        1
short    = 3           8                 400          8                 0             0.1       2.7        3
single   = 3           8                 400          2                 0             0.1       2.8        1
grains   = 3           8                 400          2                 8             0.1       2.8        1
diverges = 2           8                 400          8                 0             1e38      2.9        1
EOF

status=0
"$BIN/dptrain" sweep all.ini >straight.txt 2>error.txt || status=$?
expect_equal "status with failed trials, that of the first" "$status" 2
expect_equal "what is said of them" "$(cat error.txt)" \
    "dptrain: 2 of 8 runs failed, the first of them grains; the same command tries them again"
grep -q "grains  *failed: train.grains = 8 is more" straight.txt || fail "no word of grains"
grep -q "diverges  *failed: the loss is not finite" straight.txt || fail "no word of diverges"
expect_below "columns of the output" "$(grep -v failed: straight.txt | wc -L)" 80
expect_equal "rows" "$(grep -c . straight/results.csv)" 9
expect_equal "the first row" "$(sed -n 2p straight/results.csv | cut -d, -f1)" \
    "$(sed 1d straight/results.csv | grep -v ,failed | grep xxh3 | sort -t, -k10,10g | head -n 1 |
        cut -d, -f1)"
expect_equal "test losses shown" "$(sed 1d straight/results.csv | cut -d, -f13 | grep -c .)" 1
grep -q "^8 runs of 6 trials in straight; 1 rank, 1 a trial" straight.txt || fail "$(cat straight.txt)"
expect_equal "seeds of short" "$(grep '^short' straight/results.csv | cut -d, -f1,15,16 | tr '\n' ' ')" \
    "short,short,42 short_seed=43,short,43 short_seed=44,short,44 "
expect_equal "the median of short" "$(grep '^short' straight/results.csv | cut -d, -f10 | sort -g |
    sed -n 2p)" "$(grep '^short,' straight/results.csv | cut -d, -f17)"
expect_equal "median, least and greatest of short in the table" \
    "$(grep -A2 '^ *short ' straight.txt | awk '{ print $(NR == 1 ? 9 : 2) }' | tr '\n' ' ')" \
    "$(grep '^short' straight/results.csv | cut -d, -f10 | sort -g | awk '{ l[NR] = $1 }
        END { printf "%.4f %.4f %.4f ", l[2], l[1], l[3] }')"
expect_equal "the dev loss in the table" "$(sed -n 2p straight/results.csv | cut -d, -f10)" \
    "$(loss straight/"$(sed -n 2p straight/results.csv | cut -d, -f1)"/summary.json dev)"

# The best runs together, of both block sizes: what eval says of them.
together() { # FIELD: of the lines of that table
    sed -n '/^ *together /,$p' straight.txt | awk -v field="$1" '$1 ~ /^[0-9]+$/ { print $field }'
}
mapfile -t members < <(together 2)
expect_equal "the runs" "$(printf '%s\n' "${members[@]}" | sort | tr '\n' ' ')" \
    "long longer short short_seed=43 short_seed=44 single "
"$BIN/dptrain" eval --ckpt straight/"${members[0]}" --ckpt straight/"${members[1]}" --split dev --json \
    >two.json 2>error.txt
expect_equal "the two best together" "$(together 3 | sed -n 2p)" \
    "$(loss two.json dev | tail -n 1 | xargs printf '%.4f')"

# Interrupted on 3 ranks with a trial each, resumed on 2: the same tables, byte for byte. Each rank leaves the number of
# its process, so that all can be asked to end at once.
command="$BIN/dptrain sweep all.ini sweep.dir=parts"
# shellcheck disable=SC2016 # expanded by the shell of each rank
$MPIEXEC 3 bash -c 'echo $$ >process.$OMPI_COMM_WORLD_RANK; exec '"$command sweep.ranks_per_trial=1" \
    >stop.txt 2>/dev/null &
job=$!
wait_for_text stop.txt "[1/8]"
# shellcheck disable=SC2046 # words
kill -TERM $(cat process.?)
status=0
wait $job || status=$?
expect_equal "status after SIGTERM" "$status" 143
grep -q "stopped with [0-4] of 8 runs done" stop.txt || fail "not stopped: $(cat stop.txt)"
[ ! -e parts/longer/summary.json ] || fail "the longest trial was not interrupted"
finished=$(stat -c '%n %y' parts/*/summary.json 2>/dev/null || true)
status=0
# shellcheck disable=SC2086 # words
$MPIEXEC 2 $command >resumed.txt 2>/dev/null || status=$?
expect_equal "status when resumed" "$status" 2
grep -q "resumed at step" parts/longer/log.txt || fail "the longest trial was not resumed"
[ -z "$finished" ] || echo "$finished" | while read -r file rest; do
    expect_equal "time of $file" "$(stat -c '%n %y' "$file")" "$file $rest"
done
# But which checkpoint is left of a run that diverges: the signal may have come before that.
without_folder_and_checkpoint() {
    sed -e 's|parts/|straight/|g' -e 's|\(last good checkpoint: \)[^"]*|\1|' "$1"
}
for table in results.csv results.md; do
    difference=$(diff <(without_folder_and_checkpoint parts/$table) \
        <(without_folder_and_checkpoint straight/$table)) || fail "$table differs: $difference"
done

# Starting over removes all results before the first new one: none of an earlier sweep is taken for one
# of this sweep, wherever that ends.
rm -f stop.txt
$command --fresh >stop.txt 2>/dev/null &
job=$!
wait_for_text stop.txt "[1/8]"
kill -TERM $job
status=0
wait $job || status=$?
expect_equal "status after SIGTERM while starting over" "$status" 143
finished=$(find parts -name summary.json | wc -l)
grep -q "stopped with $finished of 8 runs done" stop.txt ||
    fail "$finished summaries are there: $(cat stop.txt)"
expect_below "trials done before the signal" "$finished" 6
mkdir -p held/long
cp -r parts/. held
echo "dptrain run lock" >held/longer/run.lock
expect_refusal 11 "held/longer" 1 "$BIN/dptrain" sweep all.ini sweep.dir=held --fresh
expect_equal "summaries where --fresh is refused" "$(find held -name summary.json | wc -l)" "$finished"

# More ranks than make whole groups: those left over are idle, and the result is the same.
ranks 5 "$BIN/dptrain" sweep all.ini sweep.dir=groups sweep.ranks_per_trial=2 train.steps=400 \
    --show-test >groups.txt 2>/dev/null || true
grep -q "5 ranks, 2 a trial, 1 idle" groups.txt || fail "idle ranks are not named"
"$BIN/dptrain" sweep all.ini sweep.dir=alone train.steps=400 --show-test >/dev/null 2>&1 || true
expect_equal "test losses with --show-test" \
    "$(sed 1d alone/results.csv | cut -d, -f13 | grep -c .)" 6
cmp <(grep xxh3 groups/results.csv) <(grep xxh3 alone/results.csv) || fail "groups differ"

# More ranks than trials share them all, and who of them is at work is chosen.
grep -v "^\(long\|longer\|short\|diverges\) " all.ini >few.ini
echo "shorter  = 3           8                 400          8                 0             0.1       2.7        1" >>few.ini
sed -i '/^grains /d' few.ini
"$BIN/dptrain" sweep few.ini sweep.dir=one >/dev/null
for work in all ""; do
    DPTRAIN_WORK=$work ranks 5 "$BIN/dptrain" sweep few.ini sweep.dir=shared$work >shared.txt
    grep -q "5 ranks, 2 or 3 a trial" shared.txt || fail "not shared: $(cat shared.txt)"
    cmp <(grep xxh3 shared$work/results.csv) <(grep xxh3 one/results.csv) || fail "shared ranks differ"
done
# A checkpoint that cannot be read keeps runs from being tried together, but no result from its table.
for file in one/*/best.h5; do
    printf 'xyz' | dd of="$file" bs=1 seek=3000 conv=notrunc 2>/dev/null
done
status=0
ranks 2 "$BIN/dptrain" sweep few.ini sweep.dir=one sweep.ensemble=2 >rotten.txt 2>error.txt || status=$?
expect_equal "status where a checkpoint is damaged" "$status" 2
grep -q "^dptrain: the best runs together (sweep.ensemble=0 leaves that out): one/.*best.h5 is damaged" error.txt ||
    fail "no word of the damaged checkpoint: $(cat error.txt)"
grep -q "^ *single " rotten.txt || fail "no table: $(cat rotten.txt)"
# Where bits depend on how many ranks a trial has, it has one.
ranks 3 "$BIN/dptrain" sweep few.ini sweep.dir=plain parallel.exchange=mpi >plain.txt
grep -q "3 ranks, 1 a trial" plain.txt || fail "not one rank: $(cat plain.txt)"

# On a terminal a table that is drawn anew; elsewhere no control characters.
! LC_ALL=C grep -q '[^[:print:]]' straight.txt || fail "control characters in a file"
if command -v script >/dev/null; then
    TERM=xterm script -qec "stty cols 80 rows 24
        $BIN/dptrain sweep all.ini sweep.dir=live train.steps=400" live.txt >/dev/null 2>&1 || true
    grep -q "of 400  *loss" live.txt || fail "no table of what is running: $(cat -v live.txt)"
    grep -q $'\033\\[J' live.txt || fail "the table is not removed"
    grep -q "^diverges failed: the loss" live.txt || fail "no word of what failed"
    ! grep -q "^\[1/8\]" live.txt || fail "plain lines on a terminal"
fi

sed 's/train.steps/train.stepz/' all.ini >bad.ini
expect_refusal 2 "bad.ini:8: unknown key 'train.stepz': did you mean 'train.steps'?" 3 \
    "$BIN/dptrain" sweep bad.ini
expect_refusal 2 "no sweep file given" 1 "$BIN/dptrain" sweep
expect_refusal 3 "cannot read missing.ini" 1 "$BIN/dptrain" sweep missing.ini
expect_refusal 3 "cannot read missing.txt" 3 "$BIN/dptrain" sweep all.ini sweep.text=missing.txt \
    sweep.dir=none
mkdir other
head -n 700 small.txt >other/small.txt
expect_refusal 5 "was packed from another text than other/small.txt" 1 \
    "$BIN/dptrain" sweep all.ini sweep.text=other/small.txt
