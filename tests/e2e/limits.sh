#!/usr/bin/env bash
# Limits of the system (ulimit, a batch system): whatever they are, a run has its result or ends at once
# with one line that says which limit it was. Never a wait, a crash or another's message.
source "$(dirname "$0")/common.sh"
make_small_run
short="train.steps=500 eval.every=250"
(ulimit -v 2000000 && "$BIN/dptrain" --version >/dev/null 2>&1) || skip "no limits of memory with a sanitizer"

# under LIMIT VALUE COMMAND...: leaves its status, and what it says in out.txt and error.txt
under() {
    local limit=$1 value=$2
    shift 2
    status=0
    (ulimit "$limit" "$value" && exec timeout -s KILL 60 "$@") >out.txt 2>error.txt || status=$?
}

# expect_end WHAT STATUS TEXT: the last one, with one line of ours that has the text
expect_end() {
    expect_equal "status of $1 ($(cat error.txt))" "$status" "$2"
    expect_equal "lines about $1" "$(grep -c '^dptrain:' error.txt)" 1
    grep -qF -- "$3" error.txt || fail "$1 says '$(cat error.txt)', without '$3'"
}

# What multiplies nothing never has the library that takes memory when it is loaded.
! ldd "$BIN/dptrain" | grep -q blas || fail "OpenBLAS is linked: it is loaded at every start"
under -v 100000 "$BIN/dptrain" --version
expect_equal "status of --version in 100 MB" "$status" 0
under -v 100000 "$BIN/dptrain" info small.h5
expect_equal "status of info in 100 MB" "$status" 0

if command -v gnuplot >/dev/null; then
    "$BIN/dptrain" small.ini run.dir=drawn train.steps=500 >/dev/null
    under -v 60000 "$BIN/dptrain" plot drawn
    expect_end "plot in 60 MB" 3 "gnuplot refuses drawn/plots/loss.gp: "
fi

# From too little for MPI to enough.
# shellcheck disable=SC2086 # options
"$BIN/dptrain" small.ini run.dir=straight $short >/dev/null
ended=""
for kilobytes in $(seq 70000 50000 620000); do
    # shellcheck disable=SC2086
    under -v "$kilobytes" "$BIN/dptrain" small.ini run.dir="v$kilobytes" $short
    case $status in
    0) expect_equal "weights in $kilobytes kB" "$(field "v$kilobytes/summary.json" weights)" \
        "$(field straight/summary.json weights)" ;;
    *)
        expect_end "a run in $kilobytes kB" 4 "(ulimit -v)"
        [ ! -e "v$kilobytes/summary.json" ] || fail "a summary of a run that was refused"
        ;;
    esac
    ended="$ended $status"
done
case $ended in
" 4"*" 4"*" 0"*" 0") ;;
*) fail "statuses from little memory to much:$ended" ;;
esac
# Only bench multiplies by BLAS, which takes more: also at the first product, as the kernels of this core do.
for core in Haswell SkylakeX; do
    under -v 310000 env OPENBLAS_CORETYPE=$core "$BIN/dptrain" bench small.ini --seconds 0
    expect_end "bench in 310 MB" 4 "OpenBLAS needs"
done
under -d 130000 "$BIN/dptrain" bench small.ini --seconds 0
expect_end "bench with little data" 4 "(ulimit -d)"
# shellcheck disable=SC2086 # options
for command in "small.ini run.dir=data $short" "eval --ckpt straight"; do
    under -d 130000 "$BIN/dptrain" $command
    expect_equal "status of $command with little data ($(cat error.txt))" "$status" 0
done

# Files that may not grow: what a run is promised of a full disk.
mkdir writes && cd writes
under -f 5000 "$BIN/dptrain" ../small.ini data.path=../small.h5 run.dir=big model.hidden_dim=60000 \
    train.steps=2 eval.every=0 train.batch_size=8
expect_end "a checkpoint beyond the limit" 10 "File too large"
under -f 1000 "$BIN/dptrain" ../small.ini data.path=../small.h5
expect_end "a run with small files" 3 "(ulimit -f)"
under -n 24 "$BIN/dptrain" ../small.ini data.path=../small.h5
expect_end "a run with few open files" 3 "(ulimit -n)"
cd ..

# examine LIMIT VALUE ARGUMENT...: leaves doctor's lines, each finding on one, and its status
examine() {
    local limit=$1 value=$2
    shift 2
    under "$limit" "$value" "$BIN/dptrain" doctor small.ini "$@"
    sed -e ':a' -e 'N' -e '$!ba' -e 's/\n  */ /g' out.txt >doctor.txt
}

# expect_finding VERDICT SUBJECT TEXT STATUS
expect_finding() {
    grep -E "^$1 +$2 " doctor.txt | grep -qF -- "$3" || fail "no '$1 $2 ... $3': $(cat doctor.txt error.txt)"
    expect_equal "status of doctor" "$status" "$4"
}

examine -v unlimited
expect_finding ok limits "leave room" 0
examine -v 310000
expect_finding ok limits "leave room" 0
examine -v 310000 model.hidden_dim=400000
expect_finding warning limits "raise ulimit -v" 0
examine -f 5000 model.hidden_dim=60000
expect_finding problem limits "raise ulimit -f" 1
unset OMPI_MCA_ess_singleton_isolated # whose connections it needs more for
examine -n 32
expect_finding problem limits "raise ulimit -n" 1
