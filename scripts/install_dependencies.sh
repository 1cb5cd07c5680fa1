#!/usr/bin/env bash
# install_dependencies.sh [--dev | --cross]: installs what dptrain is built with, as far as it is missing.
#
# On Debian and Ubuntu through apt-get, as root or through sudo. Elsewhere it lists what is missing.
# With --dev also what .ci/run and the other scripts for developers use; with --cross what scripts/cross.sh uses.
set -euo pipefail

if [ $# -gt 1 ] || [[ ${1:-} != @(|--dev|--cross) ]]; then
    echo "usage: install_dependencies.sh [--dev | --cross]" >&2
    exit 2
fi

# One a line: the Debian package, and the command that succeeds where it is there.
needed='
build-essential   command -v gcc make
cmake             command -v cmake ctest
ninja-build       command -v ninja
pkg-config        command -v pkg-config
libopenmpi-dev    command -v mpicc
openmpi-bin       command -v mpirun
libopenblas-dev   pkg-config --exists openblas
libhdf5-dev       has_hdf5
libxxhash-dev     pkg-config --exists libxxhash
libutf8proc-dev   pkg-config --exists libutf8proc
libssl-dev        pkg-config --exists libcrypto
libcmocka-dev     pkg-config --exists cmocka
'
needed_dev='
clang             command -v clang
libclang-rt-dev   has_fuzzer
clang-format      command -v clang-format
clang-tidy        command -v clang-tidy
gnuplot-nox       command -v gnuplot
iproute2          command -v ip
man-db            command -v man groff
shellcheck        command -v shellcheck
'

needed_cross='
gcc-aarch64-linux-gnu  command -v aarch64-linux-gnu-gcc
qemu-user              command -v qemu-aarch64
'
more=
[ "${1:-}" != --dev ] || more=$needed_dev
[ "${1:-}" != --cross ] || more=$needed_cross

has_hdf5() {
    pkg-config --exists hdf5-serial || pkg-config --exists hdf5
}

# Whether clang finds what it links for -fsanitize=fuzzer.
has_fuzzer() {
    [ -e "$(clang -fsanitize=fuzzer -print-file-name="libclang_rt.fuzzer-$(uname -m).a")" ] ||
        compgen -G "$(clang -print-resource-dir)/lib/*/libclang_rt.fuzzer*.a"
}

missing=()
while read -r package check; do
    if [ -n "$package" ] && ! eval "$check" >/dev/null 2>&1; then
        missing+=("$package")
    fi
done <<<"$needed$more"

if [ ${#missing[@]} = 0 ]; then
    exit 0
fi
echo "missing: ${missing[*]}"

if ! command -v apt-get >/dev/null; then
    cat >&2 <<END
This system has no apt-get. Please install what these Debian packages hold, then run this again:
    ${missing[*]}
END
    exit 1
fi

as_root=()
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        cat >&2 <<END
Not root, and no sudo. Please have root run, then run this again:
    apt-get install ${missing[*]}
END
        exit 1
    fi
    as_root=(sudo)
fi

apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@" </dev/null
}
apt update
apt install --no-install-recommends "${missing[@]}"
