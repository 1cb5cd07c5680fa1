#!/usr/bin/env bash
# Each call of MPI fails once, on one of three ranks, while the others believe that it has worked:
# every call that joins the job, then the first one of each function. The job ends with a message that
# names the call, and its exit status; nobody waits for ever. PROGRAM is tests/mpi_failures.c.
source "$(dirname "$0")/common.sh"
: "${PROGRAM:?}"

ranks 3 "$PROGRAM" >calls.txt 2>error.txt || fail "without a failure: $(cat error.txt)"
joining=$(grep -n '^joined$' calls.txt | cut -d : -f 1)
expect_equal "first call" "$(head -n 1 calls.txt)" MPI_Init
[ "$joining" -gt 20 ] || fail "only $joining calls join the job"

# expect_end CALL NAME STATUS TEXT: the job in which this call fails on one rank ends so.
rank=0
expect_end() {
    local status=0
    rank=$(((rank + 1) % 3))
    # shellcheck disable=SC2086 # a program and its flag
    DPTRAIN_FAIL_CALL=$1 DPTRAIN_FAIL_RANK=${rank_of[$2]:-$rank} timeout 30 \
        $MPIEXEC 3 "$PROGRAM" >out.txt 2>error.txt </dev/null || status=$?
    expect_equal "status when call $1 ($2) fails ($(cat error.txt))" "$status" "$3"
    grep -q "^dptrain: .*$4" error.txt || fail "when call $1 ($2) fails it says: $(cat error.txt)"
}
declare -A rank_of=([MPI_Irecv]=0 [MPI_Isend]=2 [MPI_Recv]=0 [MPI_Request_free]=0)

for ((call = 0; call < joining - 1; call++)); do
    name=$(sed -n "$((call + 1))p" calls.txt)
    if [ "$name" = MPI_Init ]; then
        expect_end $call "$name" 6 "MPI does not start"
    else
        expect_end $call "$name" 6 "$name failed"
    fi
done

functions=$(sed "1,${joining}d" calls.txt | sort -u)
for name in $functions MPI_Test MPI_Iprobe; do
    case $name in
    # No memory: all agree on it and leave together.
    MPI_Win_allocate_shared) expect_end "$name" "$name" 4 "no shared memory" ;;
    MPI_Win_allocate) expect_end "$name" "$name" 4 "no memory for one-sided communication" ;;
    *) expect_end "$name" "$name" 6 "$name failed" ;;
    esac
done
export DPTRAIN_LATE=1 # one rank, so that the others call the roll
for name in MPI_Recv MPI_Request_free; do
    expect_end $name $name 6 "$name failed"
done
echo "$((joining - 1)) calls that join the job, $(wc -w <<<"$functions MPI_Test MPI_Iprobe MPI_Recv \
MPI_Request_free") functions later"
