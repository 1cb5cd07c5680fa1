#!/usr/bin/env bash
# The installed library: what it shows and needs, and programs that are built against it in each way.
source "$(dirname "$0")/common.sh"
prefix=$PWD/prefix
cmake --install "${BUILD:?}" --prefix "$prefix" >install.txt || fail "$(cat install.txt)"
make_small_run
"$BIN/dptrain" small.ini train.steps=500 >/dev/null
lib=$(dirname "$(find "$prefix" -name libdptrain.a)")
library=$lib/libdptrain.so
export PKG_CONFIG_PATH=$lib/pkgconfig LD_LIBRARY_PATH=$lib ASAN_OPTIONS=${ASAN_OPTIONS:-}
read -ra flags <<<"${CC_FLAGS:-}" # of the sanitizers

# Nothing is in sight but what the header promises, and nothing of MPI, HDF5, BLAS or OpenSSL is
# needed.
for file in "-D $library" "-g $lib/libdptrain.a"; do
    # shellcheck disable=SC2086
    nm $file --defined-only | sed -n 's/.* [A-Z] //p' | sort >names.txt
    if grep -v '^dptrain_' names.txt | grep -v "asan\|ubsan\|odr" >foreign.txt; then
        fail "$file also shows $(cat foreign.txt)"
    fi
    sed -n 's/.*[ *]\(dptrain_[a-z_]*\)(.*/\1/p' "$prefix/include/dptrain/dptrain.h" |
        grep -v '^dptrain_open(&' | sort -u >promised.txt
    grep '^dptrain_' names.txt | cmp - promised.txt ||
        fail "$file shows $(cat names.txt) where the header says $(cat promised.txt)"
done
ldd "$library" >needs.txt
if grep -iE 'mpi|hdf5|blas|crypto|open-(rte|pal)' needs.txt; then
    fail "the library needs $(cat needs.txt)"
fi
expect_equal "soname" "$(objdump -p "$library" | sed -n 's/ *SONAME *//p')" libdptrain.so.0

# By pkg-config, shared and static; the header is C++ as well.
read -ra shared < <(pkg-config --cflags --libs dptrain)
read -ra static < <(pkg-config --cflags --static --libs dptrain)
strict=(-std=c11 -Wall -Wextra -Wpedantic -Werror)
for example in find_gibberish make_names next_token score_lines; do
    "${CC:-cc}" "${strict[@]}" "${flags[@]}" "$SOURCE/examples/$example.c" "${shared[@]}" -o "$example"
    "${CC:-cc}" "${strict[@]}" "${flags[@]}" "$SOURCE/examples/$example.c" \
        "${static[@]/-ldptrain/-l:libdptrain.a}" -o "$example.static"
done
# A program that was compiled with the header of before is served as before.
mkdir -p then/dptrain
cp "$SOURCE/tests/library/dptrain_of_then.h" then/dptrain/dptrain.h
program=$SOURCE/tests/library/program_of_then.c
"${CC:-cc}" "${strict[@]}" "${flags[@]}" -Ithen "$program" "${shared[@]}" -o then_program
"${CC:-cc}" "${strict[@]}" "${flags[@]}" "$program" "${shared[@]}" -o now_program
./then_program runs/small >then.txt || fail "a program of then ends with $?"
./now_program runs/small | cmp - then.txt || fail "with the header of then it says $(cat then.txt)"
"$BIN/dptrain" sample runs/small --seed 7 --temperature 0.8 | cmp - <(tail -n 21 then.txt | head -n 20) || fail "its samples"
echo '#include <dptrain/dptrain.h>
int main() { return dptrain_version()[0] == 0; }' >header.cpp
for compiler in g++ clang++; do
    command -v $compiler >/dev/null || continue
    $compiler -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only header.cpp \
        "-I$prefix/include" || fail "$compiler does not take the header"
done
# By CMake.
CFLAGS="${CC_FLAGS:-}" cmake -S "$SOURCE/examples" -B examples -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_C_COMPILER="${CC:-cc}" >cmake.txt 2>&1 || fail "$(cat cmake.txt)"
cmake --build examples >cmake.txt 2>&1 || fail "$(cat cmake.txt)"

# They say what the command says.
"$BIN/dptrain" predict runs/small em -n 5 |
    sed -n 's/^  \([^ ]*\)  *\([01]\.[0-9]*\).*/\2 \1/p' >expected.txt
printf 'emma\nxq\n\nE\n' >lines.txt
for build in . examples; do
    for kind in "" .static; do
        [ -x $build/next_token$kind ] || continue
        $build/next_token$kind runs/small em | cmp expected.txt - || fail "next_token of $build$kind"
        $build/score_lines$kind runs/small lines.txt >scores.txt
        expect_equal "scores" "$(cut -d' ' -f2- scores.txt)" "5 0 emma
3 0 xq
1 0 
2 1 E"
        expect_equal "what cannot be" "$(tail -n 1 scores.txt | cut -d' ' -f1)" -inf
    done
done
awk 'NR == 1 { emma = $1 / $2 } NR == 2 { exit !(emma > $1 / $2) }' scores.txt ||
    fail "'xq' is likelier than 'emma': $(cat scores.txt)"
# The prompt, the generator and the filter.
printf 'em\nE\n' | ./next_token runs/small >prompt.txt
{ sed '1 s/^/> /' expected.txt && echo "> 'E' is not in the vocabulary: . $(echo {a..z})" && echo "> "; } |
    cmp - prompt.txt || fail "the prompt says $(cat prompt.txt)"
"$BIN/dptrain" sample runs/small -n 30 --unique --novel --min-length 1 >expected.txt
./make_names runs/small 30 small.txt | cmp - expected.txt || fail "make_names"
expect_equal "what make_names makes that is known" "$(grep -cxFf small.txt expected.txt)" 0
status=0
./find_gibberish runs/small -4 <lines.txt >found.txt || status=$?
expect_equal "status of a filter that finds" $status 1
expect_equal "what it finds" "$(cat found.txt)" "xq

E"
expect_equal "of names" "$(echo emma | ./find_gibberish runs/small -4)" ""
status=0
./find_gibberish runs/small much <lines.txt 2>error.txt || status=$?
expect_equal "status of a threshold that is none" $status 2
status=0
./next_token runs/none em 2>error.txt || status=$?
expect_equal "status without a model" $status 3
grep -q "next_token: cannot read runs/none: No such file" error.txt || fail "it says $(cat error.txt)"
