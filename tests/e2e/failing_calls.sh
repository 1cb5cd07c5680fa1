#!/usr/bin/env bash
# Each call for memory (malloc and its kin) and each mmap fails once, also those of the libraries
# (tests/support/failing_calls.c), in training on one rank and on three, in eval, info, score, check and
# pack_dataset. It ends in time: with a message and a documented status, or as if nothing had been. Where
# it is Open MPI, HDF5 or what OpenBLAS brings that got no memory, these may also end the program in their own
# way (docs/reliability.md, "Not promised"), but never with another result and status 0. The same command
# then ends a run with the weights of one that was left alone.
#
# Of the calls some of each kind are taken, the same ones each time; DPTRAIN_FAILING=10 takes ten times as many,
# DPTRAIN_FAILING=ways the first that came by each way through the program, and DPTRAIN_FAILING=all every one.
# One alone, to look into it:
#     failing_calls.sh attempt NAME RANKS KIND PHASE POINT WHOSE      in the folder that a failure leaves (KEEP=1)
source "$(dirname "$0")/common.sh"
: "${FAILING:?the library of failing calls}"
script=$SOURCE/tests/e2e/failing_calls.sh

# failing NAME RANKS KIND PHASE POINT WHOSE REPORT: the command of this name; WHOSE calls have the number, or all (.)
failing() {
    local command
    local -a with=(timeout -s KILL 60 env LD_PRELOAD="$FAILING" FAILING_KIND="$3" FAILING_PHASE="$4" FAILING_POINT="$5"
        FAILING_REPORT="$7")
    [ "$6" = . ] || with+=(FAILING_WHOSE="$6")
    case $1 in
    train) command="dptrain small.ini" ;;
    eval) command="dptrain eval --ckpt ../straight --json" ;;
    info) command="dptrain info ../straight --json" ;;
    score) command="dptrain score --ckpt ../straight lines.txt" ;;
    check) command="dptrain check ../straight" ;;
    pack) command="pack_dataset small.txt -o packed.h5 --quiet" ;;
    esac
    if [ "$2" = 1 ]; then with+=(OMPI_MCA_btl=self); else with+=(FAILING_RANK=$(($5 % $2))); fi
    # shellcheck disable=SC2086 # a command and its arguments
    ranks "$2" "${with[@]}" "$BIN/"$command
}

# The result of a command that went well; of a run as many lines as any has, too, but for the advice on what would be
# faster, which goes by times.
result() { # NAME
    case $1 in
    train) echo "$(field run/summary.json weights), $(awk '/^the exchange takes/ { skip = 1 } /^ *split / { skip = 0 } !skip' out.txt | wc -l) lines" ;;
    pack) sha256sum <packed.h5 ;;
    *) cat out.txt ;;
    esac
}

# expect_ended WHAT NAME STATUS WHOSE INNER, on so many `ranks`
expect_ended() {
    case $2:$3 in
    *:0)
        [ "$(result "$2")" = "$(cat "../$2.$ranks.result")" ] || grep -q "out of memory" error.txt ||
            fail "$1: well, but another result: $(result "$2")"
        ;;
    check:1) tr -s ' \n' ' ' <out.txt | grep -Eq "problem .* memory" || fail "$1: finds $(cat out.txt)" ;;
    *:2 | *:3 | *:4 | *:6 | *:7 | *:10) grep -q "^\(dptrain\|pack_dataset\): " error.txt || fail "$1: status $3 without a word" ;;
    *:137) fail "$1: no end within 60 s" ;;
    *)
        case $4:$5 in # whose, and who
        libmpi.*:* | libhdf5*:* | libopenblas*:* | *:libgfortran*) echo "$4 $3" >>"../own_ways" ;;
        *) fail "$1: status $3: $(cat error.txt)" ;;
        esac
        ;;
    esac
}

# In the folder of the test.
attempt() { # NAME RANKS KIND PHASE POINT WHOSE
    local what="$*" ranks=$2 status=0 whose=nobody inner=""
    mkdir "at.$1.$2.$3.$4.$5.$6"
    cd "at.$1.$2.$3.$4.$5.$6"
    ln -s ../small.h5 ../small.ini ../small.txt ../lines.txt .
    failing "$@" report.txt >out.txt 2>error.txt </dev/null || status=$?
    [ ! -e report.txt ] || read -r _ _ _ whose inner _ <report.txt
    what="$what, a call of $inner in $whose"
    expect_ended "$what" "$1" "$status" "$whose" "$inner"
    if [ "$1" = train ]; then
        ranks 1 "$BIN/dptrain" small.ini >again.txt 2>&1 || fail "$what: the same command ends with $?: $(cat again.txt)"
        expect_equal "$what: weights in the end" "$(field run/summary.json weights)" \
            "$(field ../straight/summary.json weights)"
        expect_equal "$what: leftovers" "$(find run -name '*.tmp' -o -name run.lock)" ""
    fi
    cd ..
    rm -r "at.$1.$2.$3.$4.$5.$6"
}

if [ "${1:-}" = attempt ]; then
    rm -rf "$folder"
    trap - EXIT
    shift
    export OMPI_MCA_orte_tmpdir_base=$ATTEMPTS/$1.$2.$3.$4.$5.$6.mpi # what is killed leaves files of MPI
    mkdir "$OMPI_MCA_orte_tmpdir_base"
    cd "$ATTEMPTS"
    attempt "$@"
    rm -r "$OMPI_MCA_orte_tmpdir_base"
    exit 0
fi

head -n 200 "$SOURCE/data/names.txt" >small.txt
head -n 5 small.txt >lines.txt
"$BIN/pack_dataset" small.txt >/dev/null
cat >small.ini <<'END'
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
[parallel]
deadline = 10
[run]
dir = run
END
"$BIN/dptrain" small.ini run.dir=straight >/dev/null

# some NAME RANKS KIND PHASE WHOSE COUNT: so many attempts of calls that WHOSE (how that begins, or all: .) has made
# in a phase, as far as they differ by the way on which they came.
some() {
    local calls=calls.$1.$2.$3.$4.$5
    if [ ! -e "$calls" ]; then
        mkdir counting && cd counting
        ln -s ../small.h5 ../small.ini ../small.txt ../lines.txt .
        failing "${@:1:4}" 0 "$5" "$folder/$calls" >out.txt 2>error.txt </dev/null || fail "$*: $(cat error.txt)"
        result "$1" >"../$1.$2.result"
        cd ..
        rm -r counting
    fi
    awk -v name="$1" -v ranks="$2" -v kind="$3" -v phase="$4" -v whose="$5" -v count="$6" -v mode="${DPTRAIN_FAILING:-1}" '
        mode == "all" || !seen[$6]++ { points[++found] = $1 }
        END {
            count *= mode + 0 > 0 ? mode : 1
            step = mode == "ways" || mode == "all" || found <= count ? 1 : found / count
            for (i = 1; int(i) <= found; i += step)
                print name, ranks, kind, phase, points[int(i)], whose
        }' "$calls"
}

{
    some train 1 mapping start . 6
    some train 1 mapping run . 6
    some train 1 memory joining . 5
    some train 1 memory run dptrain 16
    some train 1 memory run libc 6
    some train 1 memory run libhdf5 5
    some train 1 memory run libmpi 5
    some train 1 memory run . 5
    some train 1 memory leaving . 3
    some train 3 mapping run . 2
    some train 3 memory run dptrain 4
    some train 3 memory run libmpi 2
    some eval 1 memory run dptrain 4
    for name in info score check; do
        some $name 1 memory start . 5
        some $name 1 mapping start . 4
    done
    some pack 1 memory start pack 6
    some pack 1 memory start libhdf5 3
    some pack 1 mapping start . 3
} >attempts.txt
count=$(wc -l <attempts.txt)
[ "$count" -gt 60 ] || fail "only $count attempts: $(cat attempts.txt)"
touch own_ways
export ATTEMPTS=$folder
xargs -P 3 -L 1 "$script" attempt <attempts.txt || {
    [ -z "${KEEP:-}" ] || trap - EXIT
    fail "an attempt in $folder failed"
}
expect_equal "folders of attempts" "$(find . -maxdepth 1 -name 'at.*')" ""
for calls in calls.*; do
    echo "$calls: $(wc -l <"$calls") calls, $(awk '{ print $6 }' "$calls" | sort -u | wc -l) ways"
done
echo "$count attempts; by the way of a library, with its status: $(sort own_ways | uniq -c | tr -s ' \n' ' ')"
