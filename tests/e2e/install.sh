#!/usr/bin/env bash
# What `cmake --install` puts in place works from there.
source "$(dirname "$0")/common.sh"
prefix=$PWD/prefix
cmake --install "${BUILD:?}" --prefix "$prefix" >install.txt || fail "$(cat install.txt)"
make_small_run

for file in bin/dptrain bin/pack_dataset share/dptrain/configs/base.ini share/man/man1/dptrain.1 \
    share/man/man5/dptrain-config.5 share/bash-completion/completions/dptrain \
    share/zsh/site-functions/_dptrain share/fish/vendor_completions.d/dptrain.fish \
    share/doc/dptrain/LICENSE share/doc/dptrain/README.md share/doc/dptrain/docs/commands.md; do
    [ -f "$prefix/$file" ] || fail "$file is not installed: $(cat install.txt)"
done
expect_equal "version" "$("$prefix/bin/dptrain" --version)" "$("$BIN/dptrain" --version)"
"$prefix/bin/pack_dataset" small.txt -o names.h5 >/dev/null
"$prefix/bin/pack_dataset" small.txt -o names6.h5 --block_size 6 >/dev/null
for ini in "$prefix"/share/dptrain/configs/*.ini; do
    "$prefix/bin/dptrain" "$ini" train.steps=600 >/dev/null || fail "$ini does not run"
done
[ -f runs/base/summary.json ] || fail "base.ini did not train in runs/base"
"$prefix/bin/dptrain" eval --ckpt runs/base --split dev >/dev/null || fail "eval"

# All of it goes again, and nothing else.
touch "$prefix/share/doc/dptrain/docs/mine.txt" "$prefix/bin/other"
cp "$BUILD/install_manifest.txt" .
cmake -D MANIFEST="$PWD/install_manifest.txt" -P "$SOURCE/cmake/uninstall.cmake" >uninstall.txt 2>&1 ||
    fail "$(cat uninstall.txt)"
expect_equal "what is left" "$(cd "$prefix" && find . -type f | LC_ALL=C sort | xargs)" \
    "./bin/other ./share/doc/dptrain/docs/mine.txt"
[ ! -d "$prefix/share/dptrain" ] || fail "empty folders are left"
cmake --build "$BUILD" --target help >targets.txt
grep -q uninstall targets.txt || fail "no target uninstall"
