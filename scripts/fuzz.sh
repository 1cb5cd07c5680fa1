#!/usr/bin/env bash
# fuzz.sh [SECONDS [TARGET...]]: runs the fuzz targets of tests/fuzz one after the other, each for so
# many seconds (default 60), on what libFuzzer makes of real files and of the kept corpus.
#
# What it has learnt stays in build-fuzz/corpus and is where the next run begins. It ends at the first
# finding: an input in build-fuzz/findings, to be kept in tests/fuzz/corpus/TARGET once it is mended.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-60}
shift || true
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    targets=(ini sweep packing dataset checkpoint json metrics)
fi

scripts/install_dependencies.sh --dev
scripts/build.sh fuzz >build-fuzz.log 2>&1 || {
    cat build-fuzz.log >&2
    exit 1
}
mv build-fuzz.log build-fuzz/build.log
export ASAN_OPTIONS=detect_leaks=0
BIN=$PWD/build-fuzz/bin tests/fuzz/make_seeds.sh build-fuzz/seeds
unset ASAN_OPTIONS

mkdir -p build-fuzz/findings
for target in "${targets[@]}"; do
    folders=("build-fuzz/corpus/$target" "build-fuzz/seeds/$target")
    if [ -d "tests/fuzz/corpus/$target" ]; then
        folders+=("tests/fuzz/corpus/$target")
    fi
    mkdir -p "${folders[0]}"
    log=build-fuzz/$target.log
    # No input may take more than 20 s, by a clock that does not stop for other work on the machine,
    # or have us allocate more than 512 MiB at once.
    if ! build-fuzz/tests/fuzz_"$target" -max_total_time="$seconds" -timeout=20 -malloc_limit_mb=512 \
        -max_len=65536 -print_final_stats=1 -artifact_prefix="build-fuzz/findings/$target-" \
        "${folders[@]}" >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        echo "fuzz.sh: a finding in $target (build-fuzz/findings, $log)" >&2
        exit 1
    fi
    # The last line of progress says what was reached.
    echo "$target: $(grep -o 'cov: [0-9]* ft: [0-9]* corp: [^ ]*' "$log" | tail -n 1)," \
        "$(sed -n 's/^Done \([0-9]*\) runs in \([0-9]*\) .*/\1 inputs in \2 s/p' "$log")"
done
