#!/usr/bin/env bash
# build.sh [PRESET [CMAKE_ARGUMENT...]]: configures and builds a preset of CMakePresets.json
# (default: the preset "default", a Release build in build/).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${1:-default}
shift || true
if command -v ninja >/dev/null; then # a folder that is configured already keeps its generator
    export CMAKE_GENERATOR=${CMAKE_GENERATOR:-Ninja}
fi
cmake --preset "$preset" "$@"
cmake --build --preset "$preset" --parallel "$(nproc)"
