#!/usr/bin/env bash
# quickstart.sh: from a fresh checkout to a trained model and names made up by it. Installs what is
# missing, builds, packs data/names.txt, trains configs/base.ini on up to 8 ranks, evaluates and
# samples.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

show() { # COMMAND...: prints the command and runs it
    printf '\n$ %s\n' "$*"
    "$@"
}

scripts/install_dependencies.sh
scripts/build.sh
. scripts/env.sh

ranks=$(nproc)
if [ "$ranks" -gt 8 ]; then
    ranks=8
fi
show pack_dataset data/names.txt -o names.h5
show mpirun -np "$ranks" dptrain configs/base.ini
show dptrain eval --ckpt runs/base --split all
show dptrain sample --ckpt runs/base

cat <<END

The dataset is names.h5, the run is in runs/base, the programs are in build/bin.
To use the programs by name, and mpirun without flags, in this shell:

    . scripts/env.sh
END
