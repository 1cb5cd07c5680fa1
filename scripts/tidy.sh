#!/usr/bin/env bash
# tidy.sh [FILE.c...]: runs clang-tidy with the settings in .clang-tidy, over all of src and tools
# by default. Uses the compile commands of build/, which it configures where they are not there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ ! -f build/compile_commands.json ]; then
    scripts/build.sh
fi
if [ $# = 0 ]; then
    mapfile -t files < <(find src tools -name '*.c' | LC_ALL=C sort)
else
    files=("$@")
fi
printf '%s\0' "${files[@]}" | xargs -0 -n 4 -P "$(nproc)" clang-tidy -p build --quiet
