#!/usr/bin/env bash
# Whatever goes wrong wherever a run changes its folder, nothing is lost: the program is killed at
# each such request to the system, killed with half a write done, and each request fails with ENOSPC
# and with EIO, one by one (tests/support/faults.c), in a run from its start and in one that is resumed
# and finds the lock of a dead one. After each, the same command ends with the bits of a run that
# nothing has happened to.
#
# Of lines that go to the log one after the other the first is taken, and requests fail with ENOSPC in the
# new run and with EIO in the resumed one; FAULT_ALL=1 tries all. Attempts run several at a time. One
# alone, to look into a failure:
#     kill_everywhere.sh attempt START KIND POINT      in the folder that a failure leaves (KEEP=1)
source "$(dirname "$0")/common.sh"
: "${FAULTS:?the library of faults}"
script=$SOURCE/tests/e2e/kill_everywhere.sh

export OMPI_MCA_btl=self

train() {
    "$BIN/dptrain" small.ini
}

faulty_train() { # KIND POINT [REPORT]
    LD_PRELOAD=$FAULTS FAULTS_FOLDER=run FAULTS_KIND=$1 FAULTS_POINT=$2 FAULTS_REPORT=${3:-} train
}

# What is left when all is well, but for the checkpoint, which is compared as a file.
results() {
    field run/summary.json weights
    exact_record run
    cat run/config.ini
}

# In the folder of the test: START new or resumed.
attempt() { # START KIND POINT
    local what="$1, $2 at request $3" status=0 allowed
    mkdir "$1.$2.$3"
    cd "$1.$2.$3"
    [ "$1" = new ] || cp -r ../half run
    ln -s ../small.h5 ../small.ini .
    faulty_train "$2" "$3" >out.txt 2>&1 || status=$?
    case $2 in
    kill | torn) allowed=137 ;;
    *) allowed="3 10" ;;
    esac
    # Litter that stays, a folder that is there already, or a line of the log that the next attempt
    # to write it has brought: no failure.
    ! sed -n "$3p" "../$1.txt" | grep -Eq " (remove|folder|write run/log.txt)" ||
        allowed="$allowed 0"
    [[ " $allowed " == *" $status "* ]] || fail "$what: status $status, not $allowed: $(cat out.txt)"
    [ "$1 $status" != "new 0" ] ||
        expect_equal "$what: lines of the log" "$(wc -l <run/log.txt)" "$(wc -l <../straight/log.txt)"
    train >again.txt 2>&1 || fail "$what: the same command ends with $?: $(cat again.txt)"
    results >results.txt
    cmp results.txt ../results.txt || fail "$what: $(diff results.txt ../results.txt)"
    ! grep -q "skipped" again.txt || fail "$what: a damaged checkpoint: $(cat again.txt)"
    cmp run/checkpoints/step-00000004.h5 ../straight/checkpoints/step-00000004.h5 ||
        fail "$what: another checkpoint"
    case $2 in
    kill | torn) cmp run/best.h5 ../straight/best.h5 || fail "$what: best.h5" ;;
    esac
    expect_equal "$what: leftovers" "$(find run -name '*.tmp' -o -name run.lock)" ""
    cd ..
    rm -r "$1.$2.$3"
}

if [ "${1:-}" = attempt ]; then
    rm -rf "$folder"
    trap - EXIT
    export OMPI_MCA_orte_tmpdir_base=$ATTEMPTS/$2.$3.$4 # a process that is killed leaves files of MPI behind
    cd "$ATTEMPTS"
    attempt "$2" "$3" "$4"
    exit 0
fi

head -n 200 "$SOURCE/data/names.txt" >small.txt
"$BIN/pack_dataset" small.txt >/dev/null
cat >small.ini <<'EOF'
[data]
path = small.h5
[model]
embedding_dim = 2
hidden_dim = 4
[train]
steps = 4
batch_size = 8
optimizer = adamw
log_every = 2
[eval]
every = 2
splits = dev
[checkpoint]
every = 2
keep = 1
[run]
dir = run
EOF

# How many requests there are, and what the end looks like.
faulty_train none 0 "$folder/new.txt" >/dev/null
results >results.txt
mv run straight
grep -q "rename run/checkpoints/step-00000002.h5" new.txt || fail "no requests seen: $(cat new.txt)"
grep -q "remove run/checkpoints/step-00000002.h5" new.txt || fail "no old checkpoint is removed"

# A run that was killed while its last checkpoint was on the way.
point=$(grep "sync run/checkpoints/step-00000004" new.txt | cut -d' ' -f1)
status=0
faulty_train kill "$point" >/dev/null 2>&1 || status=$?
expect_equal "status of a killed run" "$status" 137
mv run half
cp -r half run
faulty_train none 0 "$folder/resumed.txt" >/dev/null
grep -q "rename run/run.lock" resumed.txt || fail "the lock is not taken over: $(cat resumed.txt)"
rm -r run

for start in new resumed; do
    for kind in kill torn enospc eio; do
        awk -v start=$start -v kind=$kind -v all="${FAULT_ALL:-}" '
            { log_line = $2 == "write" && $3 == "run/log.txt" }
            (kind != "torn" || $2 == "write") &&
                (all || !(log_line && log_before) && start kind != "neweio" && start kind != "resumedenospc") {
                print start, kind, $1
            }
            { log_before = log_line }' $start.txt
    done
done >attempts.txt
count=$(wc -l <attempts.txt)
export ATTEMPTS=$folder
xargs -P 3 -L 1 "$script" attempt <attempts.txt || {
    [ -z "${KEEP:-}" ] || trap - EXIT
    fail "an attempt in $folder failed"
}
expect_equal "folders of attempts" "$(find . -maxdepth 1 -name 'new.*.*' -o -maxdepth 1 -name 'resumed.*.*')" ""
echo "$count faults; $(wc -l <new.txt) requests of a new run, $(wc -l <resumed.txt) of a resumed one"
