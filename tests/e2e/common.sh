# common.sh: what the end-to-end tests share. Sourced by each of them; CMake passes the folder of the
# programs, the source folder, and how to start ranks:
#   BIN  SOURCE  MPIEXEC ("mpiexec -n")  SHARED_DATA
set -euo pipefail
: "${BIN:?}" "${SOURCE:?}" "${MPIEXEC:?}"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

skip() {
    echo "skipped: $*"
    exit 77
}

# expect_equal WHAT ACTUAL EXPECTED
expect_equal() {
    [ "$2" = "$3" ] || fail "$1: '$2', expected '$3'"
}

# expect_below WHAT ACTUAL BOUND: numbers
expect_below() {
    awk -v a="$2" -v b="$3" 'BEGIN { exit !(a + 0 == a && a <= b) }' ||
        fail "$1: $2, expected at most $3"
}

# distance A B: the absolute difference of two numbers.
distance() {
    awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; print (d < 0 ? -d : d) }'
}

# ranks N COMMAND...: on N ranks; on one without a launcher, as both must do the same.
ranks() {
    local count=$1
    shift
    if [ "$count" = 1 ]; then
        "$@"
    else
        # shellcheck disable=SC2086 # a program and its flag
        $MPIEXEC "$count" "$@"
    fi
}

# field FILE NAME: a number or text of a JSON file, by the name of its innermost key; the first one.
field() {
    grep -o "\"$2\":[^,}]*" "$1" | head -n 1 | cut -d: -f2- | tr -d '"'
}

# loss FILE SPLIT: of summary.json or `eval --json`.
loss() {
    grep -o "\"$2\":{\"loss\":[^,]*" "$1" | cut -d: -f3
}

# The columns of metrics.csv that no rank count and no clock may change.
exact_columns() {
    cut -d, -f1-8 "$1"
}

# A small dataset and a small config, for tests of behaviour rather than of results.
make_small_run() {
    head -n 1500 "$SOURCE/data/names.txt" >small.txt
    "$BIN/pack_dataset" small.txt >/dev/null
    cat >small.ini <<'EOF'
[data]
path = small.h5
[model]
embedding_dim = 5
hidden_dim = 24
[train]
steps = 3000
batch_size = 33
lr_milestones = 2000
log_every = 250
[eval]
every = 500
splits = dev
[checkpoint]
every = 500
EOF
}
