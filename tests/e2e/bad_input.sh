#!/usr/bin/env bash
# What a user can get wrong: one clear line from one rank, the documented status, nothing written.
source "$(dirname "$0")/common.sh"
make_small_run
RANDOM=1 # 3,000 bytes that mean nothing, on one line
for ((byte = 0; byte < 3000; byte++)); do
    value=$((RANDOM % 255))
    # shellcheck disable=SC2059 # the number is the format
    printf "\\$(printf %o $((value < 10 ? value : value + 1)))"
done >noise.txt

for count in 1 3; do
    # the command line
    expect_refusal 3 "cannot read missing.ini" $count "$BIN/dptrain" missing.ini
    expect_refusal 2 "unknown option '--fersh': did you mean '--fresh'?" $count \
        "$BIN/dptrain" small.ini --fersh
    expect_refusal 2 "'tarin' is neither a command nor a config file: did you mean 'dptrain train'?" \
        $count "$BIN/dptrain" tarin small.ini
    expect_refusal 2 "'xyzzy' is neither a command nor a config file (see dptrain --help)" $count \
        "$BIN/dptrain" xyzzy
    expect_refusal 2 "'--train.lr' needs its value behind a '=': --train.lr=VALUE" $count \
        "$BIN/dptrain" small.ini --train.lr 0.1
    expect_refusal 2 "small.ini is a config, not a checkpoint: give a checkpoint or the folder of a" \
        $count "$BIN/dptrain" eval small.ini
    expect_refusal 2 "small.ini is a config, neither a checkpoint nor a dataset" $count \
        "$BIN/dptrain" info small.ini
    expect_refusal 2 ". holds no checkpoint: give the folder of a run" $count "$BIN/dptrain" sample .
    expect_refusal 2 "needs a value" $count "$BIN/dptrain" small.ini --stop-at
    expect_refusal 2 "unknown option '--learning-rate': did you mean 'train.lr=VALUE'?" $count \
        "$BIN/dptrain" small.ini --learning-rate 0.1
    expect_refusal 2 "unknown option '--train.lr'" $count "$BIN/dptrain" eval --train.lr=0.1
    expect_refusal 2 "unknown option '--file' (see --help)" $count "$BIN/dptrain" eval --file small.txt
    expect_refusal 2 "no config file" $count "$BIN/dptrain" train
    expect_refusal 2 "is not section.key=value" $count "$BIN/dptrain" small.ini other.ini
    expect_refusal 2 "did you mean 'train.batch_size'?" $count \
        "$BIN/dptrain" small.ini train.batchsize=3
    expect_refusal 2 "train.lr = 'fast': must be a number" $count \
        "$BIN/dptrain" small.ini train.lr=fast
    expect_refusal 2 "must be a whole number from 1" $count \
        "$BIN/dptrain" small.ini train.batch_size=0
    expect_refusal 2 "one of normal, scaled" $count "$BIN/dptrain" small.ini model.init=zero
    expect_refusal 2 "a grain needs at least one row" $count \
        "$BIN/dptrain" small.ini train.grains=34
    expect_refusal 2 "set eval.splits=train,dev" $count \
        "$BIN/dptrain" small.ini eval.patience=3 eval.splits=train

    # the config file
    printf '[train]\nsteps = 5\nbatchsize = 3\n' >bad.ini
    expect_refusal 2 "bad.ini:3: unknown key 'train.batchsize'" $count "$BIN/dptrain" bad.ini
    printf '[train] steps = 4\n' >bad.ini
    expect_refusal 2 "bad.ini:1: 'steps = 4' stands behind the ']'" $count "$BIN/dptrain" bad.ini
    printf '[train]\rsteps = 5\r[trian]\r' >bad.ini
    expect_refusal 2 "bad.ini:3: unknown section [trian]: did you mean [train]?" $count \
        "$BIN/dptrain" bad.ini
    printf '[model]\nblock_size = 5\n' >bad.ini
    expect_refusal 2 "did you mean --block-size of pack_dataset?" $count "$BIN/dptrain" bad.ini
    printf '[train]\nsteps = 5\nsteps = 6\n' >bad.ini
    expect_refusal 2 "already given on line 2" $count "$BIN/dptrain" bad.ini
    expect_refusal 2 "noise.txt:1" $count "$BIN/dptrain" noise.txt

    # the dataset
    expect_refusal 3 "; 'pack_dataset TEXT -o missing.h5' makes it" $count \
        "$BIN/dptrain" small.ini data.path=missing.h5
    expect_refusal 2 "small.txt is a text, not a dataset: 'pack_dataset small.txt' makes one" $count \
        "$BIN/dptrain" small.ini data.path=small.txt
    expect_refusal 2 "is not an HDF5 file" $count "$BIN/dptrain" small.ini data.path=noise.txt
    expect_refusal 2 ". is a folder, not a dataset" $count "$BIN/dptrain" small.ini data.path=.

    # the run folder
    expect_refusal 3 "cannot create the folder" $count "$BIN/dptrain" small.ini run.dir=small.txt/x
done
expect_refusal 2 "parallel.work = 'some': must be a whole number from 1 to 1000000, auto, all" 3 \
    "$BIN/dptrain" small.ini parallel.work=some
[ ! -e runs ] || fail "a refused run left something in runs/"

# a diverging run ends on all ranks, with what to do
expect_refusal 8 "try a smaller train.lr" 3 "$BIN/dptrain" small.ini train.lr=1e38 run.dir=diverged

# commands on checkpoints
expect_refusal 2 "there is no folder runs/" 1 "$BIN/dptrain" eval
mkdir empty
expect_refusal 2 "empty holds no checkpoint" 3 "$BIN/dptrain" eval --ckpt empty
expect_refusal 3 "cannot read missing" 3 "$BIN/dptrain" eval --ckpt missing
expect_refusal 2 "small.h5 is a dataset, not a checkpoint" 3 "$BIN/dptrain" eval --ckpt small.h5
expect_refusal 2 "is not a dptrain checkpoint, or is cut short" 3 "$BIN/dptrain" eval --ckpt noise.txt
"$BIN/dptrain" small.ini train.steps=10 >/dev/null
expect_refusal 2 "best.h5 is a checkpoint, not a dataset" 1 \
    "$BIN/dptrain" eval --data runs/small/best.h5
expect_refusal 2 "one of train, dev, test, all" 1 "$BIN/dptrain" eval --split tset
expect_refusal 2 "one checkpoint or run folder at a time" 1 \
    "$BIN/dptrain" eval --ckpt runs/small runs/small
expect_refusal 2 "'!' is not in the vocabulary" 1 "$BIN/dptrain" sample --prompt 'a!'
expect_refusal 2 "from 0 to 100" 1 "$BIN/dptrain" sample --temperature -1

# a dataset that does not go with the checkpoint
"$BIN/pack_dataset" small.txt -o block2.h5 --block-size 2 >/dev/null
expect_refusal 5 "has block size 3 but block2.h5 has 2: pack it with --block-size 3" 3 \
    "$BIN/dptrain" eval --ckpt runs/small --data block2.h5
head -n 700 small.txt >other.txt
"$BIN/pack_dataset" other.txt >/dev/null
expect_refusal 5 "another dataset" 3 "$BIN/dptrain" small.ini train.steps=20 data.path=other.h5
grep -q "; run.dir=DIR trains in a folder of its own, --fresh " error.txt || fail "no way out: $(cat error.txt)"
"$BIN/dptrain" small.ini train.steps=20 data.path=other.h5 run.dir=other >/dev/null || fail "not in a folder of its own"

# Slurm without PMIx: every task would believe to be alone
status=0
SLURM_NTASKS=4 SLURM_PROCID=0 "$BIN/dptrain" small.ini 2>error.txt || status=$?
expect_equal "status as a singleton of four" "$status" 6
grep -q -- "--mpi=pmix" error.txt || fail "singletons: no word of the fix"
status=0
SLURM_NTASKS=4 SLURM_PROCID=2 "$BIN/dptrain" small.ini 2>error.txt || status=$?
expect_equal "status as another singleton of four" "$status" 6
expect_equal "what the other singletons say" "$(cat error.txt)" ""

# Another MPI's launcher, likewise
for variables in "PMI_SIZE=2 PMI_RANK" "MPI_LOCALNRANKS=2 MPI_LOCALRANKID" \
    "OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK"; do
    # shellcheck disable=SC2086 # words
    expect_refusal 6 "started 2 tasks but MPI sees only 1 rank" 1 \
        env $variables=0 "$BIN/dptrain" small.ini run.dir=foreign
    status=0
    # shellcheck disable=SC2086 # words
    env $variables=1 "$BIN/dptrain" small.ini run.dir=foreign 2>error.txt || status=$?
    expect_equal "status as the second with $variables" "$status" 6
    expect_equal "what the second says with $variables" "$(cat error.txt)" ""
done
[ ! -e foreign ] || fail "a process that is not alone has made a folder"

# help and version are said once, whoever asks
expect_equal "--version" "$("$BIN/dptrain" --version)" "$("$BIN/dptrain" train --version)"
ranks 3 "$BIN/dptrain" --version >version.txt
expect_equal "lines of --version on 3 ranks" "$(wc -l <version.txt)" 1
for command in train eval sample info sweep lrfind; do
    "$BIN/dptrain" $command --help >help.txt
    grep -q "dptrain $command" help.txt || fail "$command --help"
    expect_below "columns of $command --help" "$(wc -L <help.txt)" 80
done
status=0
"$BIN/dptrain" 2>error.txt || status=$?
expect_equal "status without arguments" "$status" 2
