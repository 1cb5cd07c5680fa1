#!/usr/bin/env bash
# The search for a learning rate: the same numbers on any number of ranks, ended where the loss blows
# up, beside a run that stays as it is, with and without gnuplot.
source "$(dirname "$0")/common.sh"
make_small_run
"$BIN/dptrain" small.ini train.steps=250 >/dev/null
before=$(cd runs/small && find . -type f -exec sha256sum {} + | sort)

# Without gnuplot: said, and all is there to draw it later.
mkdir none
# shellcheck disable=SC2086 # a program and its flag
$MPIEXEC 1 env PATH="$PWD/none" "$BIN/dptrain" lrfind small.ini >alone.txt
grep -q "no gnuplot in PATH: install it .*script and the data are runs/small/lrfind.gp" alone.txt ||
    fail "no word of what to install: $(cat alone.txt)"
grep -q "^suggested: train.lr=[0-9.]*, half the rate" alone.txt || fail "no suggestion"
expect_below "columns" "$(grep -v gnuplot alone.txt | wc -L)" 80
expect_equal "rates tried" "$(sed 1d runs/small/lrfind.csv | wc -l)" 1000
expect_equal "the first exponent and the last" \
    "$(sed -n '2p;$p' runs/small/lrfind.csv | cut -d, -f2,3 | tr '\n' ' ')" "-3,0.001 0,1 "
mv runs/small/lrfind.csv alone.csv

# With it, on 3 ranks.
ranks 3 "$BIN/dptrain" lrfind small.ini >three.txt
cmp runs/small/lrfind.csv alone.csv || fail "other numbers on 3 ranks"
expect_equal "what 3 ranks print" "$(grep -v lrfind three.txt)" "$(grep -v lrfind alone.txt)"
if command -v gnuplot >/dev/null; then
    grep -q "</svg>" runs/small/lrfind.svg || fail "no SVG"
    grep -q PNG runs/small/lrfind.png || fail "no PNG"
    # a label stands left of a line that is far to the right
    mkdir edge
    sed "s/^lowest = .*/lowest = -0.01/" runs/small/lrfind.gp >edge/lrfind.gp
    cp runs/small/lrfind.tsv edge
    (cd edge && gnuplot -d lrfind.gp)
    grep -B 1 "<text>lowest" edge/lrfind.svg | grep -q 'text-anchor="end"' || fail "a label is cut off"
fi
rm -f runs/small/lrfind.*
expect_equal "the run beside it" \
    "$(cd runs/small && find . -type f -exec sha256sum {} + | sort)" "$before"

# From the weights that the run would begin with.
"$BIN/dptrain" lrfind small.ini train.init_from=runs/small run.dir=begun --count 20 >begun.txt
ranks 3 "$BIN/dptrain" lrfind small.ini train.init_from=runs/small run.dir=begun3 --count 20 >begun.txt
cmp begun/lrfind.csv begun3/lrfind.csv || fail "other numbers from a checkpoint on 3 ranks"
expect_below "the first loss from a checkpoint" "$(sed -n 2p begun/lrfind.csv | cut -d, -f4)" \
    "$(sed -n 2p alone.csv | cut -d, -f4 | awk '{ print $1 / 2 }')"
expect_refusal 3 "train.init_from: " 3 "$BIN/dptrain" lrfind small.ini train.init_from=nowhere.h5 run.dir=nothing

"$BIN/dptrain" lrfind small.ini --from -1 --to=9 --count 200 run.dir=high >high.txt
grep -q "ended after [0-9]* of 200 rates: the loss blew up" high.txt || fail "not ended: $(cat high.txt)"
expect_below "rates tried" "$(sed 1d high/lrfind.csv | wc -l)" 100
expect_equal "losses that are no numbers" "$(grep -ciE 'nan|inf' high/lrfind.csv || true)" 0

expect_refusal 2 "--from 1 must be below --to 0" 3 "$BIN/dptrain" lrfind small.ini --from 1
expect_refusal 2 "count = '3': must be a whole number from 20" 1 \
    "$BIN/dptrain" lrfind small.ini --count 3
expect_refusal 2 "no config file given" 1 "$BIN/dptrain" lrfind
"$BIN/dptrain" lrfind small.ini --from -9 --to=-7 --count 100 run.dir=low >low.txt
! grep -q "^suggested" low.txt || fail "a suggestion though nothing happened"
