#!/usr/bin/env bash
# Shows that check_layers.sh can fail: plants one offence at a time in a small tree.
set -euo pipefail
check=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/check_layers.sh
tree=$(mktemp -d "$PWD/layers.XXXXXX")
trap 'rm -rf "$tree"' EXIT
passed=0 failed=0

plant() { # FILE LINE...
    mkdir -p "$tree/$(dirname "$1")"
    printf '%s\n' "${@:2}" >"$tree/$1"
}

plant_good_tree() {
    rm -rf "${tree:?}"/*
    plant src/base/text.h '#include <stddef.h>'
    plant src/base/text.c '#include "base/text.h"'
    plant src/formats/ini.c '#include "base/text.h"'
    plant src/base/digest.c '#include <xxhash.h>'
    plant src/base/real.c '/* log(x), and' ' * exp(x). */' 'double dp_real_log(double x) { /* pow(x) */ // cos(x)' \
        'self->exp(x) + catalog(x) + sqrt(x) + floor(x) + fma(x, x, x) + my_pow(x) + log + now.log (x);' '}'
    plant src/data/sha256.c '#include <openssl/evp.h>'
    plant src/kernels/linalg.c '#include <cblas.h>' '#include "base/text.h"'
    plant src/formats/h5writer.h '#include "base/text.h"'
    plant src/formats/h5writer.c '#  include <hdf5.h>'
    plant src/data/sampler.c '#include "formats/h5writer.h"'
    plant src/model/layers.c '#include "kernels/linalg.h"' '#include "local.h"'
    plant src/parallel/comm_internal.h '#include <mpi.h>'
    plant src/parallel/comm_wait.c '#include "parallel/comm_internal.h"'
    plant src/train/trainer.c '#include "parallel/comm.h"' '#include "model/layers.h"'
    plant src/cli/main.c '#include "train/trainer.h"'
    plant tools/pack_dataset/main.c '#include "data/sampler.h"' '#include "corpus.h"'
    plant tests/test_text.c '#include <mpi.h>' '/* the file /home/someone/x */'
    plant build/bin/notes '/home/someone/x'
    local room
    for room in base formats kernels data model parallel train cli; do # no room is of fewer than 3 files
        plant "src/$room/${room}_first.c" 'int f(int a, int b);'
        plant "src/$room/${room}_second.c" 'static dp_status g(int a, void (*b)(int c, int d)) {' '}'
        plant "src/$room/${room}_second.h" 'typedef struct { int a; } b;'
        plant "src/$room/${room}_third.c" 'static const int list[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};'
    done
    # shellcheck disable=SC2016
    plant scripts/run.sh 'echo "$HOME/x" build/home/x ./root/y'
}

count() { # RESULT WHAT
    if [ "$1" = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $2" >&2
    fi
}

expect_good() {
    local said status=0
    said=$("$check" "$tree" 2>&1) || status=$?
    count "$status" "the good tree was refused: $said"
}

expect_said() { # WANTED WHAT: that the check says of the tree
    local said status=0
    said=$("$check" "$tree" 2>&1) || status=$?
    if [ "$status" = 0 ] || [[ "$said" != *"$1"* ]]; then
        count 1 "$2: status $status and '$said', not '$1'"
    else
        count 0
    fi
}

expect_offence() { # FILE LINE WANTED: with this file in the tree, the check says WANTED
    plant_good_tree
    plant "$1" "$2"
    expect_said "$1:1: $3" "'$2' in $1"
}

plant_good_tree
expect_good
expect_offence src/train/a.c '#include <mpi.h>' 'only src/parallel/comm_internal.h may include mpi.h'
expect_offence src/parallel/comm.h '#include <mpi.h>' 'only src/parallel/comm_internal.h may include mpi.h'
expect_offence src/parallel/node.c '#include "parallel/comm_internal.h"' 'only src/parallel/comm* may'
expect_offence src/model/a.c '#include <cblas.h>' 'only src/kernels/linalg.c may include cblas.h'
expect_offence src/train/a.c '#include "hdf5.h"' 'only src/formats/h5writer.c may include hdf5.h'
expect_offence src/train/a.c '#include <H5Fpublic.h>' 'only src/formats/h5writer.c may include H5Fpublic.h'
expect_offence src/data/a.c '#include <openssl/sha.h>' 'only src/data/sha256.c may include openssl/sha.h'
expect_offence src/data/a.c '#include "../model/layers.h"' 'includes by a way up'
expect_offence tools/pack_dataset/a.c '#include <mpi.h>' 'only src/parallel/comm_internal.h'
expect_offence tools/pack_dataset/sampler.c '' 'has the name of src/data/sampler.c'
expect_offence src/train/ini.h '' 'belongs to src/formats/ini.c by its name'
expect_offence src/base/a.c '/* a comment */ x = y(-log(x)); /*' 'calls log, '
expect_offence tools/pack_dataset/a.c 'x = exp(x);' 'calls exp, '
expect_offence docs/notes.md 'see /home/someone/notes' 'names a place on one machine'
expect_offence docs/notes.md 'cp ../shared/data x' 'names a place on one machine'
expect_offence scripts/a.sh '/root/bin/x' 'names a place on one machine'

# A line for each function of the C library.
plant_good_tree
calls=(log logf log1p log10l exp exp2f pow cos sinf tanh cbrt atan2 lgamma)
plant src/base/a.c "${calls[@]/%/ (x);}"
wanted=
for i in "${!calls[@]}"; do
    wanted+="src/base/a.c:$((i + 1)): calls ${calls[i]}, which has other last bits elsewhere: base/real.h"$'\n'
done
expect_said "$(sort <<<"${wanted%?}")" "calls of each function"

# Rooms and functions that have grown.
plant_good_tree
for number in 1 2 3 4 5 6 7 8 9; do
    plant "src/base/more_$number.c" ''
done
expect_said "src/base:1: has 15 files" "15 files"
plant_good_tree
rm "$tree"/src/train/train_*
expect_said "src/train:1: has 1 files" "a single file"
plant_good_tree
mapfile -t many < <(seq -f '// %.0f' 4500)
plant tools/pack_dataset/many.c "${many[@]}"
mapfile -t many < <(seq -f '// %.0f' 800)
plant src/data/many.c "${many[@]}"
expect_said "src/data:1: has 80" "a room that is large"
mapfile -t many < <(seq -f '    a = %.0f;' 59)
expect_function() { # WANTED LINE...
    plant_good_tree
    plant src/data/grown.c "${@:2}"
    expect_said "src/data/grown.c:1: $1" "$2"
}
expect_function "f has 61 lines" 'static int f(void) {' "${many[@]}" '}'
expect_function "f has 61 lines" 'int f(int a,' '      int b) {' "${many[@]:1}" '}'
expect_function "f has 9 parameters" 'int f(int a, int b, int c, int d, int e, int g, int h, int i, int j);'
expect_function "f has 9 parameters" 'int *f(int a, int b, int c, int (*d)(int d),' \
    '       int e, int g, int h, int i, int j) {' '}'
plant_good_tree
plant src/data/grown.c 'static int f(void) {' "${many[@]:1}" '}' \
    'int h(int a, int b, int c, int (*d)(int x, int y), int e, int g, int h, int i) {' '}'
expect_good

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
