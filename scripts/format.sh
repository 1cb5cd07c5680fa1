#!/usr/bin/env bash
# format.sh [--check]: formats the sources with clang-format, or only says what it would change.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "${1:-}" in
"") mode=(-i) ;;
--check) mode=(--dry-run -Werror) ;;
*)
    echo "usage: format.sh [--check]" >&2
    exit 2
    ;;
esac
git ls-files -z '*.[ch]' | xargs -0 clang-format "${mode[@]}"
