#!/usr/bin/env bash
# What is there and is not ours is not replaced and not removed: refused by name, with the fix, before
# anything is done.
source "$(dirname "$0")/common.sh"
make_small_run
sed -i 's/^steps = .*/steps = 40/; s/every = 500/every = 20/; s/log_every = .*/log_every = 20/' small.ini

# expect_untouched FOLDER STATUS TEXT COMMAND...: refused, and the folder is as it was
expect_untouched() {
    local folder=$1 before
    shift
    before=$(find "$folder" -type f ! -name out.txt ! -name error.txt -exec cksum {} + | sort)
    expect_refusal "$1" "$2" 1 "${@:3}"
    expect_equal "files after: ${*:3}" "$(find "$folder" -type f ! -name out.txt ! -name error.txt -exec cksum {} + | sort)" "$before"
}

# A config in its run's folder, or where the run's folder is this one.
mkdir exp1
sed 's/^\[model\]/; sizes as in the paper\n&/' small.ini >exp1/config.ini
cp exp1/config.ini config.ini
expect_untouched exp1 2 "exp1/config.ini is not a run's, and a run there would replace it: give it another name" \
    "$BIN/dptrain" exp1/config.ini run.dir=exp1
expect_untouched . 2 "./config.ini is not a run's" "$BIN/dptrain" config.ini run.dir=.
if [ -e exp1/checkpoints ] || [ -e checkpoints ]; then fail "a refused run has left a folder"; fi
status=0
"$BIN/dptrain" doctor exp1/config.ini run.dir=exp1 >doctor.txt || status=$?
expect_equal "status of doctor" "$status" 1
grep -q "^problem  run folder   exp1/config.ini is not a run's" doctor.txt || fail "doctor: $(cat doctor.txt)"
mv exp1/config.ini exp1/mine.ini
"$BIN/dptrain" exp1/mine.ini run.dir=exp1 >/dev/null
"$BIN/dptrain" exp1/config.ini run.dir=exp1 >again.txt # that of the run itself
grep -q "^finished" again.txt || fail "the run's own config: $(cat again.txt)"

# --fresh starts over where all is its own, also before the first checkpoint; else it removes nothing.
"$BIN/dptrain" small.ini run.dir=exp1 --fresh >/dev/null
echo "<h1>mine</h1>" >exp1/report.html
expect_untouched exp1 2 "exp1/report.html is not a run's, and --fresh would remove it" \
    "$BIN/dptrain" small.ini run.dir=exp1 --fresh
expect_untouched exp1 2 "exp1/report.html is a text, which the report of a run does not replace" \
    "$BIN/dptrain" report exp1
"$BIN/dptrain" small.ini run.dir=exp1 train.steps=60 >/dev/null # which leaves a report alone
expect_equal "report after going on" "$(cat exp1/report.html)" "<h1>mine</h1>"
rm exp1/report.html
mkdir exp1/plots
echo mine >exp1/plots/loss.png
expect_untouched exp1 2 "exp1/plots/loss.png is not a picture of dptrain's" "$BIN/dptrain" plot exp1
expect_untouched exp1 2 "exp1/plots/loss.png is not a picture of dptrain's" \
    "$BIN/dptrain" small.ini run.dir=exp1 --fresh

# A finished run whose checkpoints are gone does not start over by itself.
"$BIN/dptrain" small.ini run.dir=done >/dev/null
mkdir away
mv "done"/checkpoints/* away
expect_untouched "done" 2 "done/summary.json says that the run has ended, but its checkpoints are gone: put" \
    "$BIN/dptrain" small.ini run.dir=done
mv away/step-00000040.h5 done/checkpoints
"$BIN/dptrain" small.ini run.dir=done | grep -q "^finished" || fail "its newest checkpoint is not enough"
rm done/checkpoints/*
"$BIN/dptrain" small.ini run.dir=done --fresh >/dev/null
[ -s done/checkpoints/step-00000040.h5 ] || fail "--fresh has not started over"

# Where what is searched for or tried out goes.
mkdir found
echo mine >found/lrfind.csv
expect_untouched found 2 "found/lrfind.csv is a text, which a table of lrfind does not replace" \
    "$BIN/dptrain" lrfind small.ini run.dir=found
expect_refusal 3 "cannot read none.h5" 1 "$BIN/dptrain" lrfind small.ini run.dir=none data.path=none.h5
[ ! -e none ] || fail "a refused search has left a folder"
expect_refusal 2 "small.ini is not a folder" 1 "$BIN/dptrain" lrfind small.ini run.dir=small.ini/x
printf '[sweep]\nconfig = small.ini\ndir = found\n[grid]\ntrain.lr = 0.1 0.2\n' >sweep.ini
echo mine >found/results.md
expect_untouched found 2 "found/results.md is a text, which a table of a sweep does not replace" \
    "$BIN/dptrain" sweep sweep.ini
rm found/results.md
for _ in once again; do
    "$BIN/dptrain" sweep sweep.ini >/dev/null
    "$BIN/dptrain" lrfind small.ini run.dir=runs/small --count 20 >/dev/null
done
echo "<h1>mine</h1>" >"found/lr=0.2/report.html"
expect_untouched found 2 "found/lr=0.2/report.html is not a run's, and --fresh would remove it" \
    "$BIN/dptrain" sweep sweep.ini --fresh
