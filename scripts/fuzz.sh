#!/usr/bin/env bash
# fuzz.sh [SECONDS | INPUTSx [TARGET...]]: runs the fuzz targets of tests/fuzz, one a processor at a time,
# each for so many seconds (default 60), on what libFuzzer makes of real files and of the kept corpus.
#
# What it has learnt stays in build-fuzz/corpus and is where the next run begins. `fuzz.sh 1000x` tries a
# thousand inputs of each and learns nothing; its seed is fixed, so that runs differ by no more than what
# the targets take from their surroundings, as names of temporary files. Where there is a finding, it is an
# input in build-fuzz/findings, to be kept in tests/fuzz/corpus/TARGET once it is mended.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
limit=${1:-60}
shift || true
case $limit in
*x) limits=(-runs="${limit%x}" -seed=1) learnt= ;;
*) limits=(-max_total_time="$limit") learnt=build-fuzz/corpus ;;
esac
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    targets=(ini sweep packing dataset checkpoint json metrics score embeddings run)
fi

scripts/install_dependencies.sh --dev
scripts/build.sh fuzz >build-fuzz.log 2>&1 || {
    cat build-fuzz.log >&2
    exit 1
}
mv build-fuzz.log build-fuzz/build.log
export ASAN_OPTIONS=detect_leaks=0
BIN=$PWD/build-fuzz/bin tests/fuzz/make_seeds.sh build-fuzz/seeds
build-fuzz/bin/dptrain help keys >build-fuzz/keys
unset ASAN_OPTIONS

# words TARGET: those of its seeds, and of the settings where it reads some, for libFuzzer to use.
words() {
    local files=(build-fuzz/seeds/"$1"/*)
    case $1 in ini | sweep | checkpoint | run) files+=(build-fuzz/keys) ;; esac
    cat "${files[@]}" | grep -aoE '[A-Za-z_.]{3,}' | sort -u | sed 's/.*/"&"/'
}

# fuzz TARGET: no input may take more than 20 s, by a clock that does not stop for other work on the machine,
# or have us allocate more than 512 MiB at once.
fuzz() {
    local target=$1 log=build-fuzz/$1.log new status=0
    new=${learnt:-$(mktemp -d)}/$target
    local folders=("$new" "build-fuzz/seeds/$target")
    if [ -d "tests/fuzz/corpus/$target" ]; then
        folders+=("tests/fuzz/corpus/$target")
    fi
    mkdir -p "$new"
    words "$target" >"build-fuzz/$target.dict"
    build-fuzz/tests/fuzz_"$target" "${limits[@]}" -timeout=20 -malloc_limit_mb=512 \
        -dict="build-fuzz/$target.dict" -max_len=65536 -print_final_stats=1 -artifact_prefix="build-fuzz/findings/$target-" \
        "${folders[@]}" >"$log" 2>&1 || status=$?
    [ -n "$learnt" ] || rm -r "${new%/*}"
    if [ $status != 0 ]; then
        tail -n 60 "$log" >&2
        echo "fuzz.sh: a finding in $target (build-fuzz/findings, $log)" >&2
        return 1
    fi
    # The last line of progress says what was reached.
    echo "$target: $(grep -ao 'cov: [0-9]* ft: [0-9]* corp: [^ ]*' "$log" | tail -n 1)," \
        "$(sed -n 's/^Done \([0-9]*\) runs in \([0-9]*\) .*/\1 inputs in \2 s/p' "$log")"
}

mkdir -p build-fuzz/findings
failed=0
for target in "${targets[@]}"; do
    [ "$(jobs -rp | wc -l)" -lt "$(nproc)" ] || wait -n || failed=1
    fuzz "$target" &
done
while [ "$(jobs -p | wc -l)" != 0 ]; do wait -n || failed=1; done
exit $failed
