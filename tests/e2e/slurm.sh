#!/usr/bin/env bash
# The batch script for Slurm, with an scontrol that only notes what it is asked: SIGUSR1 to the script, as
# Slurm sends it before the time limit, puts the job back into the queue with a checkpoint; the second
# start, on another node, goes on to the end and asks for nothing. Before that the script as it is shipped, with
# an mpirun and an srun that start as many ranks as it asks Slurm for.
source "$(dirname "$0")/common.sh"
make_small_run
mkdir bin
cat >bin/scontrol <<'END'
#!/bin/sh
echo "$*" >>scontrol.txt
END
chmod +x bin/scontrol
export PATH=$PWD/bin:$BIN:$PATH SLURM_JOB_ID=42 DPTRAIN_LAUNCH="$MPIEXEC 2"
unset SLURM_SUBMIT_DIR SLURM_CLUSTER_NAME SLURM_RESTART_COUNT

bash "$SOURCE/configs/slurm.sbatch" small.ini run.dir=run train.steps=100000000 >out.txt 2>error.txt &
job=$!
wait_for_text out.txt dev
kill -USR1 $job
status=0
wait $job || status=$?
expect_equal "status of the script ($(cat error.txt))" "$status" 138
expect_equal "what Slurm was asked" "$(cat scontrol.txt)" "requeue 42"
stopped=$(sed -n 's/^stopped at step \([0-9,]*\) .* by a signal.*/\1/p' out.txt | tr -d ,)
[ -n "$stopped" ] || fail "no word of where it stopped: $(cat out.txt)"

# Meanwhile the node of the first start is lost: its lock stays behind.
printf '%s\n' "dptrain run lock 2" "host node17" "process 5" "started 1" "boot other" "space other" \
    "job /42" "restarts 0" >run/run.lock
export SLURM_RESTART_COUNT=1
bash "$SOURCE/configs/slurm.sbatch" small.ini run.dir=run train.steps=$((stopped + 500)) >again.txt 2>&1
grep -q "process 5 on node17 ended without" again.txt || fail "not taken over: $(cat again.txt)"
grep -q "resumed at step" again.txt || fail "not resumed: $(cat again.txt)"
expect_equal "what Slurm was asked in all" "$(cat scontrol.txt)" "requeue 42"

# resource NAME: what the script asks Slurm for.
resource() {
    sed -n "s/^#SBATCH --$1=//p" "$SOURCE/configs/slurm.sbatch"
}
tasks=$(($(resource nodes) * $(resource ntasks-per-node)))
cat >bin/srun <<END
#!/bin/sh
[ "\$1" != --mpi=pmix ] || shift
exec $MPIEXEC $tasks "\$@" train.steps=20 eval.splits=dev
END
sed '/^\[/d' bin/srun >bin/mpirun
chmod +x bin/srun bin/mpirun
mkdir shipped
cp -r "$SOURCE/configs" shipped
"$BIN/pack_dataset" "$SOURCE/data/names.txt" -o shipped/names.h5 >/dev/null
unset SLURM_RESTART_COUNT
for launch in "" "srun --mpi=pmix"; do
    rm -rf shipped/runs
    SLURM_SUBMIT_DIR=shipped DPTRAIN_LAUNCH=$launch bash "$SOURCE/configs/slurm.sbatch" >shipped.txt 2>&1 ||
        fail "the script as shipped, with ${launch:-mpirun}, ends with $?: $(cat shipped.txt)"
    grep -q "^ *ranks *$tasks " shipped.txt || fail "not $tasks ranks: $(cat shipped.txt)"
done

# A host is lost: mpirun says so by its own status, and the job goes back into the queue.
printf '#!/bin/sh\nexit 205\n' >bin/mpirun
status=0
SLURM_SUBMIT_DIR=shipped DPTRAIN_LAUNCH='' bash "$SOURCE/configs/slurm.sbatch" >lost.txt 2>&1 || status=$?
expect_equal "status of a lost host" "$status" 205
expect_equal "what Slurm was asked in the end" "$(tail -n 1 shipped/scontrol.txt)" "requeue 42"
