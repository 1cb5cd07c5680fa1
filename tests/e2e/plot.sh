#!/usr/bin/env bash
# plot and report: with gnuplot, without it, of a run that goes on, of runs with odd names.
source "$(dirname "$0")/common.sh"
make_small_run
name="odd 'run' \"{1}_\\n & <b>é"
"$BIN/dptrain" small.ini train.steps=1000 run.dir=runs/small >/dev/null
"$BIN/dptrain" small.ini train.steps=500 run.dir="runs/$name" >/dev/null

# All programs but gnuplot, as MPI looks for its helpers in PATH too.
mkdir without
(IFS=: && for place in $PATH; do ln -sf "$place"/* without/ 2>/dev/null || true; done)
rm -f without/gnuplot*

# expect_failing STATUS TEXT COMMAND...
expect_failing() {
    local wanted=$1 text=$2 status=0
    shift 2
    "$@" >out.txt 2>error.txt || status=$?
    expect_equal "status of: $* ($(cat error.txt))" "$status" "$wanted"
    grep -qF -- "$text" error.txt || fail "'$*' says '$(cat error.txt)', without '$text'"
}

# expect_files FOLDER NAME...: not empty
expect_files() {
    local place=$1 file
    shift
    for file in "$@"; do
        [ -s "$place/$file" ] || fail "no $place/$file: $(ls "$place")"
    done
}

# --- without gnuplot: what to install; script and data stay; the page is of the rest
expect_failing 3 "apt-get install gnuplot-nox" \
    env PATH="$PWD/without" "$BIN/dptrain" plot runs/small
expect_files runs/small/plots loss.gp loss.tsv train_dev.gp train_dev.tsv embedding.gp embedding.tsv
PATH="$PWD/without" "$BIN/dptrain" report runs/small >out.txt 2>error.txt || fail "$(cat error.txt)"
grep -q "apt-get install gnuplot-nox" error.txt || fail "report does not say what is missing"
grep -q "<h2>Samples" runs/small/report.html || fail "no samples without gnuplot"
! grep -q "<svg" runs/small/report.html || fail "a picture without gnuplot"

# --- what a user can get wrong
expect_failing 3 "cannot read the run folder nowhere" "$BIN/dptrain" plot nowhere
expect_failing 2 "small.h5 is a dataset, not the folder of a run" "$BIN/dptrain" plot runs/small small.h5
mkdir empty damaged
expect_failing 2 "empty holds no run" "$BIN/dptrain" plot empty
expect_failing 2 "empty holds no run" "$BIN/dptrain" report empty
expect_failing 2 "one run folder at a time" "$BIN/dptrain" report runs/small empty
sed '3s/,.*//' runs/small/metrics.csv >damaged/metrics.csv
expect_failing 2 "damaged/metrics.csv:3:" "$BIN/dptrain" plot damaged
head -n 1 runs/small/metrics.csv >damaged/metrics.csv
expect_failing 2 "has no rows yet" "$BIN/dptrain" plot damaged

# --- the page: the samples of `sample`, names escaped
expect_equal "samples of the page" "$(sed -n 's|^<li><bdi>\(.*\)</bdi></li>$|\1|p' runs/small/report.html)" \
    "$("$BIN/dptrain" sample runs/small)"
PATH="$PWD/without" "$BIN/dptrain" report "runs/$name" --out odd.html >out.txt 2>/dev/null
grep -qF '<h1>odd &#39;run&#39; &quot;{1}_\n &amp; &lt;b&gt;é</h1>' odd.html ||
    fail "the name is not escaped: $(grep '<h1>' odd.html)"

command -v gnuplot >/dev/null ||
    skip "the half that draws: no gnuplot here (apt-get install gnuplot-nox)"

# --- with gnuplot
"$BIN/dptrain" plot >out.txt # the newest run, which has the odd name
expect_files "runs/$name/plots" loss.png loss.svg train_dev.png train_dev.svg embedding.png \
    embedding.svg
"$BIN/dptrain" plot runs/small --pca >out.txt
expect_equal "pictures that plot names" \
    "$(grep -c "^runs/small/plots/[a-z_]*\.png and [a-z_]*\.svg$" out.txt)" 3
expect_files runs/small/plots embedding_pca.png embedding_pca.svg
"$BIN/dptrain" plot runs/small "runs/$name" --out both >out.txt
expect_files both compare.png compare.svg compare.gp compare.tsv
for script in both/compare.gp "runs/$name/plots/"*.gp; do
    said=$(cd "$(dirname "$script")" && LC_ALL=C.UTF-8 gnuplot -d "$(basename "$script")" 2>&1)
    expect_equal "what gnuplot has to say of $script" "$said" ""
done
grep -qF "odd 'run' \"{1}_\\n &amp; &lt;b>é" "runs/$name/plots/loss.svg" ||
    fail "the title is not the name: $(grep -F "odd" "runs/$name/plots/loss.svg")"

# a long name has 40 characters, those at its ends
mkdir "$(printf 'é%.0s' {1..49})n"
cp runs/small/metrics.csv é*/
"$BIN/dptrain" plot é* --out long >out.txt 2>/dev/null
grep -qF ">$(printf 'é%.0s' {1..20})…$(printf 'é%.0s' {1..19})n: best dev loss" long/loss.svg || fail "a long name is not cut"

# a run that goes on: half a line, no checkpoint yet
mkdir going
{ head -n 3 runs/small/metrics.csv && printf '750,2.4,'; } >going/metrics.csv
"$BIN/dptrain" plot going >out.txt 2>error.txt || fail "$(cat error.txt)"
grep -q "^no embedding: going holds no checkpoint" error.txt || fail "$(cat error.txt)"
expect_files going/plots loss.png loss.svg train_dev.png

# --- what is in the pictures. place TEXT FILE: where the SVG has it, "x y" in pixels
place() {
    awk -v text="$1" '
        match($0, /translate\([0-9.]+,[0-9.]+/) { at = substr($0, RSTART + 10, RLENGTH - 10); sub(",", " ", at) }
        index($0, "<text>" text) { print at; exit }' "$2"
}
# block NAME FILE: its rows
block() {
    awk -v name="# $1" '$0 == name { on = 1; next } /^$/ { on = 0 } on' "$2"
}
! grep -q "<title>" runs/small/plots/*.svg || fail "pictures say $(grep -h "<title>" runs/small/plots/*.svg)"

# the loss of every step: as points, or the least, the median and the greatest of each stretch
expect_equal "minibatches of a short run" "$(block batches "runs/$name/plots/loss.tsv" | wc -l)" 500
"$BIN/dptrain" small.ini run.dir=cloud train.lr_schedule=cosine >/dev/null
"$BIN/dptrain" plot cloud >out.txt
expect_equal "stretches of a long run" "$(block cloud cloud/plots/loss.tsv | wc -l)" 375
block cloud cloud/plots/loss.tsv | awk '$2 > $3 || $3 > $4 { exit 1 }' || fail "the cloud is upside down"
expect_equal "points of the smoothed line" "$(block smooth cloud/plots/loss.tsv | wc -l)" 601
grep -q "^rates = 'unset logscale y; set yrange \[-0.0" cloud/plots/loss.gp ||
    fail "a cosine is drawn by factors: $(grep "^rates" cloud/plots/loss.gp)"
rm cloud/losses.f32 # as a run of an earlier version
"$BIN/dptrain" plot cloud >out.txt
expect_equal "points of a run with rows alone" "$(block batches cloud/plots/loss.tsv | wc -l)" 12

# one evaluation, at the end: the curve of train is there to be compared with
"$BIN/dptrain" small.ini run.dir=once eval.every=10000 >/dev/null
"$BIN/dptrain" plot once >out.txt
expect_equal "evaluations" "$(block dev once/plots/train_dev.tsv | wc -l)" 1
range=$(sed -n "s/^losses = .*set yrange \[\([0-9.]*\):\([0-9.]*\)\].*/\1 \2/p" once/plots/train_dev.gp)
block train once/plots/train_dev.tsv | awk -v range="$range" '
    { split(range, ends, " "); all++; inside += $2 > ends[1] && $2 < ends[2] }
    END { exit !(all == 601 && inside > 0.9 * all) }' || fail "train is not in the picture of $range"

# a run that diverges before its first row: the steps that it has
"$BIN/dptrain" small.ini run.dir=diverged train.lr=1e20 >out.txt 2>&1 && fail "no divergence: $(cat out.txt)"
"$BIN/dptrain" plot diverged >out.txt 2>error.txt || fail "$(cat error.txt)"
expect_files diverged/plots loss.png loss.svg

# many runs: each has its line of the legend beside the curves
for i in $(seq 23); do
    mkdir "$PWD/a_run_of_a_sweep_with_a_long_name_$i"
    cp runs/small/metrics.csv runs/small/losses.f32 "a_run_of_a_sweep_with_a_long_name_$i"
done
"$BIN/dptrain" plot a_run_* --out many >out.txt
best=$(sed -n 's/^best\[1\] = .\( [0-9.]*\).$/\1/p' many/compare.gp)
for i in $(seq 23); do
    place "$best a_run_of_a_sweep_with_a_long_name_$i<" many/compare.svg
done >legend.txt
expect_equal "lines of the legend" "$(sort -u legend.txt | wc -l)" 23
awk -v size="$(sed -n 's/.*viewBox="0 0 \([0-9 ]*\)".*/\1/p' many/compare.svg)" '
    { split(size, ends, " ") } $1 < 0.66 * ends[1] || $1 > 0.8 * ends[1] || $2 > ends[2] { exit 1 }' legend.txt ||
    fail "the legend lies elsewhere: $(cat legend.txt)"

# the title of a picture of words, and beneath it the legend
seq 300 | sed 's|.*|漢字漢字漢字漢字漢字漢字& of many words|' >words.txt
"$BIN/pack_dataset" words.txt --unit word >/dev/null
"$BIN/dptrain" small.ini data.path=words.h5 run.dir=words train.steps=100 >/dev/null
"$BIN/dptrain" plot words >out.txt
title=$(place "words: embedding at step 100, 200 of " words/plots/embedding.svg)
legend=$(place 'boundary "' words/plots/embedding.svg)
awk -v a="${title#* }" -v b="${legend#* }" 'BEGIN { exit !(a > 10 && b - a > 20) }' ||
    fail "the title at $title, the legend at $legend"
# no label over another: twelve letters of 12 pixels, and digits
awk 'match($0, /translate\([0-9.]+,[0-9.]+/) { split(substr($0, RSTART + 10, RLENGTH - 10), at, ",") }
    /<text>漢字漢字/ {
        for (i = 0; i < count; i++)
            if (at[1] < x[i] + 150 && x[i] < at[1] + 150 && at[2] < y[i] + 12 && y[i] < at[2] + 12) exit 1
        x[count] = at[1]; y[count++] = at[2] }
    END { if (count < 10) exit 1 }' words/plots/embedding.svg || fail "labels overlap"

# samples in columns where they are names
grep -q '<ol class="short">' runs/small/report.html || fail "names are not in columns"

# on several ranks one of them draws; the page refers to nothing else, and names nothing twice
ranks 3 "$BIN/dptrain" report runs/small >out.txt 2>error.txt || fail "$(cat error.txt)"
expect_equal "what 3 ranks say" "$(cat out.txt)" "runs/small/report.html"
expect_equal "pictures of the page" "$(grep -c "<svg" runs/small/report.html)" 3
! grep -qE '(src|href)=.(http|/|\.)|<script|@import|<link' runs/small/report.html ||
    fail "the page refers to something else"
expect_equal "names that the page has twice" \
    "$(grep -oE " id=['\"][^'\"]*" runs/small/report.html | sort | uniq -d)" ""

# a run that starts over has no pictures of the old one
"$BIN/dptrain" small.ini train.steps=250 run.dir=runs/small --fresh >/dev/null
expect_equal "old pictures that are left" "$(ls runs/small/plots)" ""
[ ! -e runs/small/report.html ] || fail "the old page is left"
