# shellcheck shell=bash
# several_hosts.sh: three hosts on this machine, h0, h1 and h2, for tests of what happens between hosts.
# Sourced in place of common.sh. All see the same files, but for the folder `private`: each has its own, that of h1 is
# private.h1. Each host is a network of its own with a name of its own, all are joined by a
# switch, and mpirun reaches them by an agent in the place of ssh. Everything lies in namespaces of this test:
# nothing is seen outside, and all is gone when it ends, also if it is killed.
if [ -z "${DPTRAIN_SEVERAL_HOSTS:-}" ]; then
    namespaces=(unshare --net --mount --pid --fork --kill-child --mount-proc)
    [ "$(id -u)" = 0 ] || namespaces+=(--user --map-root-user)
    # shellcheck disable=SC2016 # $$ of the shell within
    "${namespaces[@]}" sh -c 'mount -t tmpfs none /run && ip netns add probe &&
        ip link add probe type bridge && ip netns exec probe unshare --uts hostname probe' 2>/dev/null || {
        echo "skipped: hosts are network namespaces (unshare, ip), which cannot be made here"
        exit 77
    }
    DPTRAIN_SEVERAL_HOSTS=1 exec "${namespaces[@]}" bash "$0" "$@"
fi
source "$(dirname "$0")/common.sh"

mount -t tmpfs none /run
mount -t tmpfs none /dev/shm
ip link set lo up
ip link add switch type bridge
ip link set switch up
echo "127.0.0.1 localhost" >names
for host in 0 1 2; do
    ip netns add h$host
    ip link add port$host type veth peer name eth0 netns h$host
    ip link set port$host master switch up
    ip -n h$host addr add 10.77.0.$((host + 1))/24 dev eth0
    ip -n h$host link set lo up
    ip -n h$host link set eth0 up
    echo "10.77.0.$((host + 1)) h$host" >>names
done
mount --bind names /etc/hosts
mkdir private private.h1 private.h2
export PRIVATE=$folder/private
cat >agent <<'END'
#!/bin/sh
# [OPTION...] HOST COMMAND...: runs it there.
while [ "${1#-}" != "$1" ]; do shift; done
host=$1
shift
exec ip netns exec "$host" unshare --uts --mount sh -c "hostname $host
    [ ! -d $PRIVATE.$host ] || mount --bind $PRIVATE.$host $PRIVATE
    $*" </dev/null
END
chmod +x agent

# over_hosts HOSTS COMMAND...: a rank on each of these (h0,h1), started from the first, with Open MPI's settings as
# they are shipped, but for those that a test sets by OMPI_MCA_ variables.
over_hosts() {
    local hosts=$1 count
    shift
    count=$(tr , '\n' <<<"$hosts" | wc -l)
    # shellcheck disable=SC2016,SC2086 # "$@" is that of the shell there; MPIEXEC is a program and its flag
    OMPI_MCA_mca_base_param_files=$SOURCE/configs/openmpi-mca-params.conf \
        OMPI_MCA_plm_rsh_agent=$folder/agent OMPI_MCA_plm_rsh_no_tree_spawn=1 OMPI_MCA_btl=tcp,vader,self \
        ip netns exec "${hosts%%,*}" unshare --uts sh -c 'hostname "$1"; shift; exec "$@"' sh "${hosts%%,*}" \
        $MPIEXEC "$count" --host "$hosts" "$@"
}

# cut_off HOST, join HOST: its cable is pulled out, and put back.
cut_off() {
    ip link set "port${1#h}" down
}
join_again() {
    ip link set "port${1#h}" up
}
