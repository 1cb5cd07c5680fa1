#!/usr/bin/env bash
# test.sh [CTEST_ARGUMENT...]: installs what is missing, builds and runs the tests; for example
#
#     scripts/test.sh                    all tests
#     scripts/test.sh -L unit            those with the label unit (or mpi, cli, e2e, fault)
#     scripts/test.sh -R options -V      those with "options" in their name, and what they print
#
# The tests need neither root nor a network. PRESET chooses the build: default, debug, asan. Two tests
# a processor run at once, as most of them wait most of the time; -j 1 runs them one by one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=${PRESET:-default}

scripts/install_dependencies.sh
scripts/build.sh "$preset"
. scripts/env.sh
exec ctest --preset "$preset" --output-on-failure --parallel $((2 * $(nproc))) "$@"
