# shellcheck shell=sh
# Source this file, from bash, zsh or a plain sh started in the checkout:
#
#     . scripts/env.sh
#
# The programs of build/bin are then found by name, and mpirun starts any number of ranks on one
# machine without flags: configs/openmpi-mca-params.conf says how and why. Settings of your own, in
# ~/.openmpi/mca-params.conf or OMPI_MCA_ variables, still come first, and the system's last.

# Where is the checkout? Only bash and zsh know the name of the file they are reading.
if [ -n "${BASH_SOURCE:-}" ]; then
    # shellcheck disable=SC3028,SC3054
    _dptrain_file=$BASH_SOURCE
elif [ -n "${ZSH_VERSION:-}" ]; then
    eval '_dptrain_file=${(%):-%x}'
else
    _dptrain_file=scripts/env.sh
fi
_dptrain_root=$(CDPATH='' cd -- "$(dirname -- "$_dptrain_file")/.." >/dev/null 2>&1 && pwd -P) ||
    _dptrain_root=
if [ ! -f "$_dptrain_root/configs/openmpi-mca-params.conf" ]; then
    echo "env.sh: change to the folder of the checkout first, then: . scripts/env.sh" >&2
    unset _dptrain_file _dptrain_root
    # shellcheck disable=SC2317
    return 1 2>/dev/null || exit 1
fi

case ":$PATH:" in
":$_dptrain_root/build/bin:"*) ;;
*) export PATH="$_dptrain_root/build/bin:$PATH" ;;
esac

# Completion, where the build has written it; the man pages are found by PATH.
if [ -n "${BASH_VERSION:-}" ]; then
    for _dptrain_file in "$_dptrain_root"/build/share/bash-completion/completions/*; do
        # shellcheck disable=SC1090
        [ ! -r "$_dptrain_file" ] || . "$_dptrain_file"
    done
elif [ -n "${ZSH_VERSION:-}" ]; then # before compinit, or after it
    eval 'fpath=("$_dptrain_root/build/share/zsh/site-functions" $fpath)
        (( ! $+functions[compdef] )) || { autoload -Uz _dptrain _pack_dataset
            compdef _dptrain dptrain; compdef _pack_dataset pack_dataset; }'
fi

# A comma-separated list in which the first file that has a value wins.
_dptrain_params=$_dptrain_root/configs/openmpi-mca-params.conf
# Where there is neither a device of a cluster's network nor a batch system, none is looked for.
_dptrain_network=$(find /sys/class/infiniband/ /sys/class/cxi/ /dev/ -mindepth 1 -maxdepth 1 \( -path '/sys/*' -o \
    -name 'hfi1*' -o -name 'ipath*' -o -name 'kgni*' \) 2>/dev/null) || true
if [ -z "$_dptrain_network" ] && ! command -v sbatch >/dev/null 2>&1 && ! command -v qsub >/dev/null 2>&1; then
    _dptrain_params=$_dptrain_params,$_dptrain_root/configs/openmpi-one-machine.conf
fi
case ",${OMPI_MCA_mca_base_param_files:-}," in
*",$_dptrain_params,"*) ;;
,,)
    _dptrain_system=$(ompi_info --path sysconfdir --parsable 2>/dev/null |
        sed -n "s/^path:sysconfdir://p") || true
    OMPI_MCA_mca_base_param_files="${HOME:-}/.openmpi/mca-params.conf,$_dptrain_params"
    OMPI_MCA_mca_base_param_files="$OMPI_MCA_mca_base_param_files${_dptrain_system:+,$_dptrain_system/openmpi-mca-params.conf}"
    unset _dptrain_system
    ;;
*) OMPI_MCA_mca_base_param_files="$OMPI_MCA_mca_base_param_files,$_dptrain_params" ;;
esac
export OMPI_MCA_mca_base_param_files

# mpirun refuses to run as root unless told twice; in a container there is nobody else.
if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
unset _dptrain_file _dptrain_root _dptrain_params _dptrain_network
