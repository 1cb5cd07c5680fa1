#!/usr/bin/env bash
# A run over several hosts: the bits of one process; a link that is gone for as long as
# configs/openmpi-mca-params.conf promises, after which the run goes on; a host that is lost, after which mpirun
# ends as the page says, and the same command goes on without it. That takes minutes with the settings as they are
# shipped (DPTRAIN_HOSTS_LONG=1); else it is tried with shorter ones, and the promise compared with the settings.
source "$(dirname "$0")/several_hosts.sh"
parameters=$SOURCE/configs/openmpi-mca-params.conf

# keepalive NAME: of the environment, or as shipped.
keepalive() {
    local variable=OMPI_MCA_oob_tcp_keepalive_$1
    echo "${!variable:-$(sed -n "s/^oob_tcp_keepalive_$1 = //p" "$parameters")}"
}
# A probe that is sent when the link is back is answered; the last is sent one interval before all is given up.
# In the worst case the first one is sent just when the link goes, or just before.
survived() {
    echo $((($(keepalive probes) - 1) * $(keepalive intvl)))
}
noticed() {
    echo $(($(keepalive time) + $(keepalive probes) * $(keepalive intvl)))
}

# --- what is promised is what is set, and comes before the deadline of dptrain --------------------------
promise() { # TEXT: the seconds behind it, in the comments
    sed -n 's/^# //p' "$parameters" | tr '\n' ' ' | sed -n "s/.*$1 \([0-9]*\) s.*/\1/p"
}
expect_equal "seconds that a link may be gone" "$(promise "may be gone for")" "$(survived)"
expect_equal "seconds until a host is missed" "$(promise "good is missed within")" "$(noticed)"
deadline=$("$BIN/dptrain" help keys | grep -A 3 parallel.deadline | grep -o '\[[0-9]*\]' | tr -d '[]')
expect_below "seconds until a host is missed" "$(noticed)" $((deadline - 60))

if [ -z "${DPTRAIN_HOSTS_LONG:-}" ]; then
    export OMPI_MCA_oob_tcp_keepalive_time=1 OMPI_MCA_oob_tcp_keepalive_intvl=1
    export OMPI_MCA_oob_tcp_keepalive_probes=4
fi

make_small_run
endless="train.steps=100000000 train.log_every=500"

# last_row: the step of the newest row.
last_row() {
    tail -n 1 run/metrics.csv | cut -d, -f1
}
# expect_rows WHAT SECONDS: so soon there are more rows than now.
expect_rows() {
    local before
    before=$(last_row)
    for _ in $(seq $(($2 * 10))); do
        [ "$(last_row)" = "$before" ] || return 0
        sleep 0.1
    done
    fail "$1: no row after $before within $2 s: $(tail -n 20 out.txt)"
}

# --- a link that is gone for a while ------------------------------------------------------------------------
# shellcheck disable=SC2086 # options
over_hosts h0,h1,h2 "$BIN/dptrain" small.ini run.dir=run $endless >out.txt 2>&1 &
job=$!
wait_for_text out.txt " dev "
grep -q "ranks *3 on 3 hosts" out.txt || fail "not on 3 hosts: $(cat out.txt)"
away=$(($(survived) - 1))
cut_off h2
sleep $away
join_again h2
# What was sent meanwhile is sent again after twice the time since it was tried last.
expect_rows "after $away s without a link" $((away + 10))
kill -0 $job || fail "$away s without a link ended the run: $(cat out.txt)"

# --- a host that does not come back -----------------------------------------------------------------------
cut_off h2
began=$SECONDS
status=0
wait $job || status=$?
expect_equal "status of mpirun after a lost host ($(tail -n 20 out.txt))" "$status" 205
expect_below "seconds until a lost host ends the job" $((SECONDS - began)) $(($(noticed) + 8))

# The same command goes on with those that are left, and the rows are those of one process.
last=$(($(last_row) / 500 * 500 + 1000))
# shellcheck disable=SC2086
over_hosts h0,h1 "$BIN/dptrain" small.ini run.dir=run $endless --stop_at $last >again.txt 2>&1 ||
    fail "the same command on 2 hosts: $(cat again.txt)"
grep -q "resumed at step" again.txt || fail "not resumed: $(cat again.txt)"
# shellcheck disable=SC2086
"$BIN/dptrain" small.ini run.dir=straight $endless --stop_at $last >straight.txt
exact_record straight >wanted.txt
exact_record run | cmp - wanted.txt ||
    fail "other rows: $(exact_record run | diff - wanted.txt | sed 5q)"

# --- a sweep needs a folder that all hosts see, unless each trial has all ranks ---------------------------------
printf '[sweep]\nconfig = small.ini\n[trials]\ncolumns = train.steps\n1 = 40\n2 = 50\n' >sweep.ini
status=0
over_hosts h0,h1 "$BIN/dptrain" sweep sweep.ini sweep.dir=private/swept >out.txt 2>error.txt || status=$?
expect_equal "status of a sweep in a folder that h1 has of its own ($(cat error.txt))" "$status" 2
grep -q "^dptrain: h1 does not see the folder of the sweep, sweep.dir = private/swept" error.txt ||
    fail "such a sweep says: $(cat error.txt)"
over_hosts h0,h1 "$BIN/dptrain" sweep sweep.ini sweep.dir=private/swept sweep.ranks_per_trial=2 >out.txt 2>&1 ||
    fail "with all ranks a trial: $(cat out.txt)"
expect_equal "what is left of the trial" "$(find private private.h1 -name '*.tmp' -o -name run.lock)" ""

# --- doctor says where the deadline comes before mpirun sees that a host is gone ------------------------------
over_hosts h0,h1 "$BIN/dptrain" doctor small.ini parallel.deadline=$(($(noticed) + 60)) >doctor.txt 2>&1 || true
grep -q "ok *lost host" doctor.txt || fail "doctor with a long deadline: $(cat doctor.txt)"
over_hosts h0,h1 "$BIN/dptrain" doctor small.ini parallel.deadline="$(noticed)" >doctor.txt 2>&1 || true
grep -q "warning *lost host *mpirun gives it up after $(noticed) s" doctor.txt || fail "doctor with a short deadline: $(cat doctor.txt)"
