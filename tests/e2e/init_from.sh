#!/usr/bin/env bash
# A run that begins with the weights of another: the same bits where nothing is learned, whatever the
# ranks; tokens find their rows in another vocabulary; what does not fit is refused.
source "$(dirname "$0")/common.sh"
make_small_run
"$BIN/dptrain" small.ini run.dir=runs/a >/dev/null
still="train.steps=1 train.lr=1e-38 train.lr_milestones=0 train.init_from=runs/a"

for options in parallel.output=replicated parallel.output=split "parallel.exchange=tree train.optimizer=momentum"; do
    for count in 1 3; do
        [ "$options $count" != "parallel.output=split 3" ] || continue # one block of tokens
        # shellcheck disable=SC2086 # options
        ranks $count "$BIN/dptrain" small.ini run.dir=runs/b --fresh $still $options >out.txt
        grep -q "begins     from runs/a/best.h5, step 3,000: 27 of 27 tokens" out.txt || fail "$(cat out.txt)"
        expect_equal "weights, $options, $count ranks" "$(weights runs/b)" "$(weights runs/a)"
    done
done

# What a run begins with is its checkpoint of step 0. A run that begins from that, and one that goes on from it, are
# the run itself.
ranks 3 "$BIN/dptrain" small.ini run.dir=runs/start --stop_at 0 >out.txt
grep -q "stopped at step 0 of 3,000" out.txt || fail "$(cat out.txt)"
expect_equal "checkpoints of a run that has not begun" "$(ls runs/start/checkpoints)" step-00000000.h5
expect_equal "its rows and losses" "$(wc -l <runs/start/metrics.csv) $(stat -c %s runs/start/losses.f32)" "1 16"
"$BIN/dptrain" check runs/start >out.txt || fail "$(cat out.txt)"
grep -q "dataset  .*all checksums are right" out.txt || fail "$(cat out.txt)"
"$BIN/dptrain" doctor small.ini run.dir=runs/start >out.txt || fail "$(cat out.txt)"
grep -q "resuming .*: goes on at step 0" out.txt || fail "$(cat out.txt)"
for count in 1 3; do
    ranks $count "$BIN/dptrain" small.ini run.dir=runs/from$count train.init_from=runs/start >out.txt
    grep -q "begins     from runs/start/checkpoints/step-00000000.h5, step 0: 27 of 27 tokens" out.txt || fail "$(cat out.txt)"
    cmp <(exact_record runs/from$count) <(exact_record runs/a) || fail "begun from step 0 on $count ranks it is another run"
    expect_equal "weights begun from step 0, $count ranks" "$(weights runs/from$count)" "$(weights runs/a)"
done
ranks 2 "$BIN/dptrain" small.ini run.dir=runs/start --stop_at 0 >out.txt
grep -q "resumed at step 0" out.txt || fail "$(cat out.txt)"
ranks 2 "$BIN/dptrain" small.ini run.dir=runs/start >out.txt
grep -q "resumed at step 0" out.txt || fail "$(cat out.txt)"
cmp <(exact_record runs/start) <(exact_record runs/a) || fail "gone on from step 0 it is another run"
"$BIN/dptrain" small.ini run.dir=runs/start --stop_at 0 >out.txt # leaves a run that is further alone
expect_equal "weights gone on from step 0" "$(weights runs/start)" "$(weights runs/a)"
# Where it begins from another model, that is done once.
# shellcheck disable=SC2086 # settings
"$BIN/dptrain" small.ini run.dir=runs/once --stop_at 0 $still >/dev/null
expect_equal "weights at step 0, from another" "$(weights runs/once)" "$(weights runs/a)"
# shellcheck disable=SC2086
"$BIN/dptrain" small.ini run.dir=runs/once $still >out.txt
! grep -q "begins" out.txt || fail "it begins once more: $(cat out.txt)"

# What it learns is the same at any rank count, and over an interruption.
further="train.init_from=runs/a train.steps=500 train.lr_milestones=0 train.optimizer=adamw train.lr=0.001"
# shellcheck disable=SC2086
"$BIN/dptrain" small.ini run.dir=runs/one $further >/dev/null
# shellcheck disable=SC2086
ranks 3 "$BIN/dptrain" small.ini run.dir=runs/three $further --stop_at 250 >/dev/null
# shellcheck disable=SC2086
ranks 2 "$BIN/dptrain" small.ini run.dir=runs/three $further >out.txt
! grep -q "begins" out.txt || fail "it begins once more: $(cat out.txt)"
expect_equal "weights on 3 ranks, then 2" "$(weights runs/three)" "$(weights runs/one)"
expect_refusal 5 "options that change the result differ: train.init_from" 1 \
    "$BIN/dptrain" small.ini run.dir=runs/one train.steps=500 train.lr_milestones=0 train.optimizer=adamw train.lr=0.001

# Another vocabulary: without one letter, and with one that is new. The ratio of the probabilities of two
# tokens is that of their logits, which the others do not change.
grep -v q small.txt >other.txt
printf 'ñandu\nñuño\n' | cat - other.txt >more.txt
"$BIN/pack_dataset" other.txt >/dev/null
"$BIN/pack_dataset" more.txt >/dev/null
# shellcheck disable=SC2086
expect_refusal 5 "train.init_from: runs/a/best.h5 does not know 1 token of more.h5: only the checkpoint has 'q'; only the dataset has 'ñ'; train.remap=yes initialises what only the dataset has" \
    1 "$BIN/dptrain" small.ini data.path=more.h5 run.dir=runs/c $still
# shellcheck disable=SC2086
"$BIN/dptrain" small.ini data.path=other.h5 run.dir=runs/c $still >out.txt
grep -q "26 of 26 tokens" out.txt || fail "$(cat out.txt)"
# shellcheck disable=SC2086
"$BIN/dptrain" small.ini data.path=more.h5 run.dir=runs/d $still train.remap=yes >out.txt
grep -q "26 of 27 tokens" out.txt || fail "$(cat out.txt)"
# log_ratio RUN: ln P(a | em) - ln P(z | em)
log_ratio() {
    "$BIN/dptrain" predict "$1" em --json -n 30 | tr '{' '\n' |
        sed -n 's/.*"token":"\([az]\)","probability":\([^}]*\)}.*/\1 \2/p' |
        awk '{ p[$1] = log($2) } END { printf "%.9f", p["a"] - p["z"] }'
}
for run in runs/c runs/d; do
    expect_below "logits in $run" "$(distance "$(log_ratio $run)" "$(log_ratio runs/a)")" 1e-5
done

# Of many tokens that differ the first five are named, where a run is to go on with another dataset, too. A token may be
# anything, also what a terminal would obey.
printf '\033u\nVWXYZ\n' | cat - other.txt >many.txt
"$BIN/pack_dataset" many.txt >/dev/null 2>&1
only="only the dataset has '<U+001B>', 'V', 'W', 'X', 'Y' and 1 more"
# shellcheck disable=SC2086
expect_refusal 5 "does not know 6 tokens of many.h5: only the checkpoint has 'q'; $only; train.remap=yes" 1 \
    "$BIN/dptrain" small.ini data.path=many.h5 run.dir=runs/e $still
expect_refusal 5 "here): only the run has 'q'; $only; run.dir=DIR trains" 3 "$BIN/dptrain" small.ini data.path=many.h5 run.dir=runs/a
grep -q "train.init_from=runs/a train.remap=yes from these weights$" error.txt || fail "$(cat error.txt)"

# shellcheck disable=SC2086
expect_refusal 5 "has model.hidden_dim 24, not 25" 1 "$BIN/dptrain" small.ini run.dir=runs/e model.hidden_dim=25 $still
expect_refusal 3 "train.init_from: " 1 "$BIN/dptrain" small.ini run.dir=runs/e train.init_from=nowhere.h5
expect_refusal 3 "train.init_from: " 3 "$BIN/dptrain" small.ini run.dir=runs/e train.init_from=nowhere.h5
"$BIN/pack_dataset" small.txt -o wide.h5 --block_size 4 >/dev/null
# shellcheck disable=SC2086
expect_refusal 5 "has block_size 3, not 4" 1 "$BIN/dptrain" small.ini data.path=wide.h5 run.dir=runs/e $still
expect_refusal 5 "here): block size 3 of chars there, 4 of chars here; run.dir=DIR" 1 \
    "$BIN/dptrain" small.ini data.path=wide.h5 run.dir=runs/a
! grep -q init_from error.txt || fail "weights that do not fit are no beginning: $(cat error.txt)"

# Embeddings alone, on any ranks and also through a pipe; only where the run begins.
{ echo "3 5" && echo "a 0.1 0.2 0.3 0.4 0.5" && echo "king 1 2 3 4 5" && echo "e -0.1 1e-3 7 8 9"; } >vectors.txt
"$BIN/dptrain" small.ini run.dir=runs/v train.steps=500 train.init_embeddings=vectors.txt >out.txt
grep -q "^  embeddings from vectors.txt: 2 of 27 tokens$" out.txt || fail "$(cat out.txt)"
ranks 3 "$BIN/dptrain" small.ini run.dir=runs/v3 train.steps=500 train.init_embeddings=vectors.txt --stop_at 250 >/dev/null
mv vectors.txt moved.txt
ranks 2 "$BIN/dptrain" small.ini run.dir=runs/v3 train.steps=500 train.init_embeddings=vectors.txt >out.txt
expect_equal "weights begun with embeddings on 3 ranks, then 2" "$(weights runs/v3)" "$(weights runs/v)"
"$BIN/dptrain" small.ini run.dir=runs/vpipe train.steps=500 train.init_embeddings=- <moved.txt >/dev/null
expect_equal "weights begun with embeddings of a pipe" "$(weights runs/vpipe)" "$(weights runs/v)"
expect_refusal 5 "options that change the result differ: train.init_embeddings" 1 "$BIN/dptrain" small.ini run.dir=runs/v train.steps=500
expect_refusal 3 "train.init_embeddings: cannot read vectors.txt" 3 "$BIN/dptrain" small.ini run.dir=runs/e train.init_embeddings=vectors.txt
expect_refusal 5 "train.init_embeddings: moved.txt has 5 features a token, and model.embedding_dim is 6: model.embedding_dim=5 takes them" \
    1 "$BIN/dptrain" small.ini run.dir=runs/e train.init_embeddings=moved.txt model.embedding_dim=6
expect_refusal 2 "train.init_from: moved.txt is embeddings in word2vec's text format, not a checkpoint: train.init_embeddings=moved.txt" \
    1 "$BIN/dptrain" small.ini run.dir=runs/e train.init_from=moved.txt
expect_refusal 2 "not embeddings in word2vec's text format: train.init_from=runs/a begins with all its weights" \
    1 "$BIN/dptrain" small.ini run.dir=runs/e train.init_embeddings=runs/a
echo "x 1 2 3 4" >>moved.txt
expect_refusal 2 "train.init_embeddings: moved.txt:5: more than the 3 tokens" 3 "$BIN/dptrain" small.ini run.dir=runs/e train.init_embeddings=moved.txt
! [ -e runs/e/metrics.csv ] || fail "a run was begun in spite of all"
