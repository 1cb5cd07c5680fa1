#!/usr/bin/env bash
# The batch script for Slurm, with an scontrol that only notes what it is asked: SIGUSR1 to the script, as
# Slurm sends it before the time limit, puts the job back into the queue with a checkpoint; the second
# start goes on to the end and asks for nothing.
source "$(dirname "$0")/common.sh"
make_small_run
mkdir bin
cat >bin/scontrol <<'END'
#!/bin/sh
echo "$*" >>scontrol.txt
END
chmod +x bin/scontrol
export PATH=$PWD/bin:$BIN:$PATH SLURM_JOB_ID=42 DPTRAIN_LAUNCH="$MPIEXEC 2"
unset SLURM_SUBMIT_DIR

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

bash "$SOURCE/configs/slurm.sbatch" small.ini run.dir=run train.steps=$((stopped + 500)) >again.txt 2>&1
grep -q "resumed at step" again.txt || fail "not resumed: $(cat again.txt)"
expect_equal "what Slurm was asked in all" "$(cat scontrol.txt)" "requeue 42"
