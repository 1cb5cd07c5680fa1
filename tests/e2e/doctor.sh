#!/usr/bin/env bash
# What would go wrong is said before it does: one line a check, its fix, and the status.
source "$(dirname "$0")/common.sh"
make_small_run

# examine STATUS RANKS ARGUMENT...: leaves the lines in doctor.txt, each finding on one line.
examine() {
    local wanted=$1 count=$2 status=0
    shift 2
    ranks "$count" "$BIN/dptrain" doctor "$@" >wrapped.txt 2>error.txt || status=$?
    expect_equal "status of doctor $* ($(cat wrapped.txt error.txt))" "$status" "$wanted"
    expect_below "columns of doctor $*" "$(wc -L <wrapped.txt)" 80
    expect_equal "what doctor $* leaves on standard error" "$(grep '^dptrain' error.txt)" ""
    sed -e ':a' -e 'N' -e '$!ba' -e 's/\n  */ /g' wrapped.txt >doctor.txt
}

# expect_finding VERDICT SUBJECT TEXT
expect_finding() {
    grep -E "^$1 +$2 " doctor.txt | grep -qF -- "$3" ||
        fail "doctor does not say '$1 $2 ... $3': $(cat doctor.txt)"
}

examine 0 1
expect_finding ok writing ".: written, synced and renamed in"
expect_finding ok locking "can be locked"

examine 0 2 small.ini
expect_finding ok config small.ini
expect_finding ok grains "8 of about 4 rows, 4 a rank"
expect_finding ok dataset "all checksums are right"
expect_finding ok space "for 5 checkpoints of"
expect_finding ok resuming "runs/small: a new run"
[ ! -e runs ] || fail "doctor has left a run folder"

examine 1 3 small.ini train.grains=2 data.path=missing.h5
expect_finding ok grains "2 of about 16 rows, 1 a rank; 2 of 3 ranks at work: 2 grains"
expect_finding problem dataset "cannot read missing.h5"

# Blocks of the vocabulary in place of grains: here a single one.
examine 0 1 small.ini parallel.output=split
expect_finding ok blocks "1 of 240 tokens, 1 a rank"
examine 0 2 small.ini parallel.output=split
expect_finding ok blocks "1 of 240 tokens, 1 a rank; 1 of 2 ranks at work: 1 block"
! grep -q grains doctor.txt || fail "doctor speaks of grains where there are none: $(cat doctor.txt)"

# One checkpoint to go on from, another config, and a damaged file.
"$BIN/dptrain" small.ini train.steps=1000 --stop-at 600 >/dev/null
examine 0 1 small.ini
expect_finding ok resuming "runs/small: goes on at step 600"
examine 1 1 small.ini train.lr=9
expect_finding problem resuming "train.lr: 0.1 there, 9 here"
printf x | dd of=runs/small/checkpoints/step-00000600.h5 bs=1 seek=3000 conv=notrunc 2>/dev/null
examine 0 1 small.ini
expect_finding warning resuming "step 600 is damaged; the run goes on from step 500"
printf x | dd of=small.h5 bs=1 seek=8192 conv=notrunc 2>/dev/null # among the contexts
examine 1 1 small.ini run.dir=small.txt/x
expect_finding problem dataset "small.h5: "
expect_finding problem "run folder" "small.txt is not a folder"

# Processors: fewer than ranks, whatever this machine has.
if command -v taskset >/dev/null; then
    cpu=$(taskset -cp $$ | sed 's/.*[ ,-]//')
    OMPI_MCA_mpi_yield_when_idle=0 taskset -c "$cpu" bash -c "$MPIEXEC 2 $BIN/dptrain doctor" |
        sed -e ':a' -e 'N' -e '$!ba' -e 's/\n  */ /g' >doctor.txt
    expect_finding ok ranks "which lets them use 1 processor: so many work, the others rest"
    taskset -c "$cpu" bash -c "$MPIEXEC 2 $BIN/dptrain doctor small.ini parallel.work=2 || true" |
        sed -e ':a' -e 'N' -e '$!ba' -e 's/\n  */ /g' >doctor.txt
    expect_finding warning ranks "2 of 2 on"
fi

# Tasks of Slurm that do not know each other: the first one tells.
SLURM_NTASKS=4 SLURM_PROCID=0 "$BIN/dptrain" doctor >doctor.txt && fail "singletons are no problem"
expect_finding problem launch "Slurm started 4 tasks"
SLURM_NTASKS=4 SLURM_PROCID=2 "$BIN/dptrain" doctor >doctor.txt && fail "singletons are no problem"
expect_equal "what another singleton says" "$(cat doctor.txt)" ""

# Another MPI's launcher, and what Slurm's own can do.
PMI_SIZE=2 PMI_RANK=0 "$BIN/dptrain" doctor >wrapped.txt && fail "singletons are no problem"
sed -e ':a' -e 'N' -e '$!ba' -e 's/\n  */ /g' wrapped.txt >doctor.txt
expect_finding problem launch "the launcher of another MPI started 2 tasks"
mkdir tools
for list in "MPI plugin types are... none pmi2 pmix pmix_v4" "MPI plugin types are... none pmi2"; do
    printf '#!/bin/sh\n[ "$*" = --mpi=list ] && echo "%s" >&2\n' "$list" >tools/srun
    chmod +x tools/srun
    PATH=$PWD/tools:$PATH examine 0 1
    case $list in
    *pmix*) expect_finding ok Slurm "srun --mpi=pmix can start the ranks" ;;
    *) expect_finding warning Slurm "use mpirun within a job" ;;
    esac
done
