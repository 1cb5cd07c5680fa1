#!/usr/bin/env bash
# cross.sh [FOLDER]: builds dptrain and pack_dataset for aarch64 in FOLDER [build-aarch64], on Debian and
# Ubuntu, and writes FOLDER/run/dptrain and FOLDER/run/pack_dataset, which run them by an emulator:
#
#     scripts/cross.sh && BIN=build-aarch64/run tests/e2e/one_hash.sh
#     CC=clang scripts/cross.sh build-aarch64-clang    by clang, with the linker of gcc's
#
# What they are linked with, Debian's packages for arm64, is unpacked in FOLDER/sysroot and installed nowhere;
# that takes a minute, once. Compiler and emulator: scripts/install_dependencies.sh --cross.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p "${1:-build-aarch64}"
folder=$(cd "${1:-build-aarch64}" && pwd)
sysroot=$folder/sysroot
libraries=usr/lib/aarch64-linux-gnu

# apt with lists, archives and a list of what is installed, nothing, of its own.
apt_arm64() {
    APT_CONFIG=$folder/apt/apt.conf apt-get -q -o APT::Sandbox::User=root "$@"
}

# What the packages need is looked up by apt; what of that are programs for a user is left out.
make_sysroot() {
    local wanted='libopenmpi-dev libhdf5-dev libopenblas-pthread-dev libutf8proc-dev libxxhash-dev libssl-dev'
    local left_out='^(adduser|auto|binutils|cpp|debconf|dpkg|g[+]|gcc-[0-9]*$|gfortran|lib.?san|libgprof'
    left_out+='|libjs-|libperl|m4|openssh|passwd|perl|tar$)'
    mkdir -p "$folder"/apt/{state/lists/partial,cache/archives/partial} "$sysroot.new"
    : >"$folder/apt/status"
    cat >"$folder/apt/apt.conf" <<END
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
Dir::State "$folder/apt/state";
Dir::State::status "$folder/apt/status";
Dir::Cache "$folder/apt/cache";
END
    apt_arm64 update
    # shellcheck disable=SC2046,SC2086 # lists of packages
    (cd "$folder/apt/cache/archives" && apt_arm64 download \
        $(apt_arm64 -s --no-install-recommends install $wanted | awk '/^Inst/ { print $2 }' | grep -vE "$left_out"))
    find "$folder/apt/cache/archives" -name '*.deb' -exec dpkg -x {} "$sysroot.new" ';'
    # Links that begin at the root are links within it.
    find "$sysroot.new" -type l -lname '/*' -printf '%l %p\n' | while read -r target link; do
        ln -sfn "$sysroot$target" "$link"
    done
    mv "$sysroot.new" "$sysroot"
}

# "unpacked" is one step: a folder of that name is whole.
[ -d "$sysroot" ] || make_sysroot >"$folder/sysroot.log" 2>&1 || {
    tail -n 20 "$folder/sysroot.log" >&2
    exit 1
}

cat >"$folder/aarch64.cmake" <<END
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER ${CC:-aarch64-linux-gnu-gcc})
set(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_LINKER aarch64-linux-gnu-ld)
set(CMAKE_OBJCOPY aarch64-linux-gnu-objcopy)
set(CMAKE_SYSROOT $sysroot)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} $sysroot)
set(ENV{PKG_CONFIG_LIBDIR} $sysroot/$libraries/pkgconfig:$sysroot/$libraries/openblas-pthread/pkgconfig)
END
cmake -S . -B "$folder" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$folder/aarch64.cmake" -DCMAKE_BUILD_TYPE=Release \
    -DBUILD_TESTING=OFF -DMPI_C_LIB_NAMES=mpi -DMPI_mpi_LIBRARY="$sysroot/$libraries/openmpi/lib/libmpi.so" \
    -DMPI_C_HEADER_DIR="$sysroot/$libraries/openmpi/include" >"$folder/configure.log" || {
    cat "$folder/configure.log" >&2
    exit 1
}
cmake --build "$folder"

mkdir -p "$folder/run"
for program in dptrain pack_dataset; do
    cat >"$folder/run/$program" <<END
#!/bin/sh
exec qemu-aarch64 -L $sysroot -E LD_LIBRARY_PATH=/$libraries/openblas-pthread $folder/bin/$program "\$@"
END
    chmod +x "$folder/run/$program"
done
echo "$folder/run: dptrain and pack_dataset for aarch64"
