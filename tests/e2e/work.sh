#!/usr/bin/env bash
# Ranks that are at work and ranks that rest: whoever computes, the bits are those of one rank; and those that
# rest take no time of a processor.
source "$(dirname "$0")/common.sh"
unset DPTRAIN_WORK
make_small_run
processors=$(nproc)

# train RUN RANKS ARGUMENT...: leaves what it says in RUN.txt
train() {
    local run=$1 count=$2
    shift 2
    ranks "$count" "$BIN/dptrain" small.ini run.dir="$run" "$@" >"$run.txt"
}

# expect_at_work RUN TEXT
expect_at_work() {
    grep -q "^  ranks      $2\$" "$1.txt" || fail "$1 does not say '$2': $(grep '^  ranks' "$1.txt")"
}

# expect_one_rank RUN OF: it has the weights and the record of the run OF on one rank.
expect_one_rank() {
    expect_equal "weights of $1" "$(weights "$1")" "$(weights "$2")"
    cmp <(exact_record "$1") <(exact_record "$2") || fail "$1 has another record than $2"
}

# --- more ranks than there is to share ----------------------------------------------------------------
train one 1
expect_at_work one "1 on 1 host"
train many 16 parallel.work=all
expect_at_work many "16 on 1 host: 8 of 16 ranks at work: 8 grains.*"
expect_equal "ranks in the summary" "$(field many/summary.json ranks) $(field many/summary.json at_work)" "16 8"
expect_one_rank many one
train automatic 16
[ "$processors" -ge 8 ] ||
    expect_at_work automatic "16 on 1 host: [0-9]* of 16 ranks at work: .*"
expect_one_rank automatic one

# --- one processor, whatever this machine has ---------------------------------------------------------
if command -v taskset >/dev/null; then
    cpu=$(taskset -cp $$ | sed 's/.*[ ,-]//')
    taskset -c "$cpu" bash -c "$MPIEXEC 8 $BIN/dptrain small.ini run.dir=pinned" >pinned.txt
    expect_at_work pinned "8 on 1 host: 1 of 8 ranks at work: 1 processor"
    expect_one_rank pinned one
fi

# --- half a processor, where a control group can be made -----------------------------------------------
# half_a_processor: makes a group of that and prints its folder; version 2 or 1.
half_a_processor() {
    local group=/sys/fs/cgroup/dptrain-test-$$
    [ -e /sys/fs/cgroup/cgroup.controllers ] || group=/sys/fs/cgroup/cpu/dptrain-test-$$
    mkdir "$group" 2>/dev/null || return 1
    if (echo "50000 100000" >"$group/cpu.max" || echo 50000 >"$group/cpu.cfs_quota_us") 2>/dev/null; then
        echo "$group"
    else
        rmdir "$group"
        return 1
    fi
}
if group=$(half_a_processor); then
    trap 'rmdir "$group"; leave' EXIT
    bash -c "echo \$\$ >$group/cgroup.procs && $MPIEXEC 8 $BIN/dptrain small.ini run.dir=halved train.steps=300" >halved.txt
    expect_at_work halved "8 on 1 host: 1 of 8 ranks at work: 1 processor"
    train one300 1 train.steps=300
    expect_one_rank halved one300
else
    echo "no control group of half a processor here: not tested"
fi

# --- whoever is at work -------------------------------------------------------------------------------
declare -A keys=(
    [sgd]=""
    [adamw]="train.optimizer=adamw train.lr=0.01 train.weight_decay=0.01 train.clip_norm=0.3"
    [split]="parallel.output=split train.optimizer=momentum train.lr=0.01 model.direct=yes"
)
awk 'BEGIN { for (i = 0; i < 4000; i++) printf "w%d%s", (i * i + i / 7) % 997, i % 9 == 8 ? "\n" : " " }' >words.txt
"$BIN/pack_dataset" words.txt --unit word >/dev/null
for kind in sgd adamw split; do
    of="train.steps=100 ${keys[$kind]}"
    [ $kind != split ] || of+=" data.path=words.h5"
    # shellcheck disable=SC2086 # a list of keys
    train $kind 1 $of
    for work in 1 2 3 all; do
        for exchange in shared tree; do
            [ $exchange = shared ] || [ $work = 3 ] || continue
            run=$kind.$work.$exchange
            # shellcheck disable=SC2086
            train "$run" 4 $of parallel.work=$work parallel.exchange=$exchange
            expect_one_rank "$run" $kind
            [ $work = all ] || [ $kind = split ] ||
                expect_at_work "$run" "4 on 1 host: $work of 4 ranks at work: parallel.work.*"
        done
    done
    # shellcheck disable=SC2086
    DPTRAIN_RANKS_PER_NODE=2 train $kind.hosts 5 $of parallel.work=3
    expect_one_rank $kind.hosts $kind
done
# Without the contract it is as many as there are, unless it is said.
train plain 3 parallel.exchange=mpi train.steps=100
expect_at_work plain "3 on 1 host.*"
train plain2 3 parallel.exchange=mpi train.steps=100 parallel.work=2
expect_at_work plain2 "3 on 1 host: 2 of 3 ranks at work: parallel.work.*"

# --- the other commands -------------------------------------------------------------------------------
ranks 3 "$BIN/dptrain" bench small.ini parallel.work=2 --seconds 0.1 --json >bench.json
expect_equal "ranks of bench" "$(field bench.json ranks) $(field bench.json at_work)" "3 2"
ranks 3 "$BIN/dptrain" bench small.ini parallel.work=2 --seconds 0 >bench.txt
grep -q "^3 ranks on 1 node: 2 of 3 ranks at work: parallel.work," bench.txt || fail "bench says: $(cat bench.txt)"
ranks 3 "$BIN/dptrain" lrfind small.ini parallel.work=1 run.dir=rates --count 30 >rates.txt
"$BIN/dptrain" lrfind small.ini run.dir=rates1 --count 30 >rates1.txt
cmp rates/lrfind.csv rates1/lrfind.csv || fail "other rates where ranks rest"
ranks 3 "$BIN/dptrain" small.ini parallel.work=2 train.steps=200 run.dir=traced --trace trace.json >/dev/null
expect_equal "ranks in the trace" "$(grep -o '"tid":[0-9]*' trace.json | sort -u | tr '\n' ' ')" '"tid":0 "tid":1 '

# --- MPI's components are loaded once: to ask it for a setting by its own tools takes 0.2 s, as it loads all ---
LD_DEBUG=files LD_DEBUG_OUTPUT=$folder/loaded ranks 2 "$BIN/dptrain" small.ini train.steps=10 run.dir=loading >/dev/null
for file in loaded.*; do # none where the C library is not glibc
    [ ! -f "$file" ] || expect_equal "components loaded twice" "$(grep 'calling init:.*/mca_' "$file" | sort | uniq -d)" ""
done

# --- settings for one machine: not where there is a batch system --------------------------------------
mkdir batch
printf '#!/bin/sh\n' >batch/sbatch
chmod +x batch/sbatch
files() {
    env -u OMPI_MCA_mca_base_param_files PATH="$1$PATH" sh -c "cd $SOURCE && . scripts/env.sh &&
        . scripts/env.sh && echo \$OMPI_MCA_mca_base_param_files" | tr ',' '\n' | sed -n 's|.*/configs/||p' | tr '\n' ' '
}
expect_equal "Open MPI's settings beside a batch system" "$(files "$folder/batch:")" "openmpi-mca-params.conf "
[[ " $(files "") " == " openmpi-mca-params.conf "?("openmpi-one-machine.conf ")" " ]] ||
    fail "Open MPI's settings: $(files "")"

# --- what fails at work is everybody's end ------------------------------------------------------------
expect_refusal 8 "not finite at step" 3 "$BIN/dptrain" small.ini run.dir=bad train.lr=1e38 parallel.work=1

# --- time of processors that rest ---------------------------------------------------------------------
# seconds PROCESS: of processor time that it has taken
seconds() {
    awk '{ sub(/.*\) /, ""); print ($12 + $13) / 100 }' "/proc/$1/stat"
}
$MPIEXEC 3 "$BIN/dptrain" small.ini run.dir=rest parallel.work=1 train.steps=100000000 >rest.txt 2>error.txt &
job=$!
wait_for_text rest.txt " 2,000 "
process=$(rank_process $job 2)
if [ -n "$process" ]; then
    before=$(seconds "$process")
    sleep 5
    expect_below "seconds of 5 that a resting rank takes" "$(distance "$(seconds "$process")" "$before")" 0.05
fi
kill -TERM $job
wait $job || true
