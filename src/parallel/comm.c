#include "parallel/comm.h"

#include "base/cpu.h"
#include "base/memory.h"
#include "base/timer.h"

#include <inttypes.h>
#include <limits.h>
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_SIZE 64
#define ANY_PEER (-1)

/* Polls before the processor is yielded between polls, when every rank has one of its own. Long
 * enough for an exchange between cores, short against a scheduler's time slice. */
#define SPINS_BEFORE_YIELD 20000
#define POLLS_PER_CLOCK_LOOK 256

struct dp_comm {
    MPI_Comm world;
    int rank;
    int size;
    int node_count;
    bool oversubscribed;
    double deadline;
    const char *phase;
    uint64_t step;
    char (*hosts)[HOST_SIZE]; /* [size] */
    dp_status *statuses;      /* [size], for dp_comm_agree */
};

/* --- failing -------------------------------------------------------------------------------- */

void dp_comm_abort(dp_comm *comm, int exit_status) {
    fflush(NULL);
    MPI_Abort(comm->world, exit_status);
    abort();
}

static void demand(dp_comm *comm, int result, const char *call) {
    if (result == MPI_SUCCESS)
        return;
    char message[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(result, message, &length);
    fprintf(stderr, "dptrain: rank %d on %s: %s failed at step %" PRIu64 " (%s): %s\n", comm->rank,
            dp_comm_host(comm), call, comm->step, comm->phase, message);
    dp_comm_abort(comm, DP_ERR_LAUNCH);
}

static _Noreturn void miss_deadline(dp_comm *comm, int peer) {
    fprintf(stderr,
            "dptrain: rank %d on %s waited %g s at step %" PRIu64 " (%s) for ", comm->rank,
            dp_comm_host(comm), comm->deadline, comm->step, comm->phase);
    if (peer == ANY_PEER)
        fprintf(stderr, "the other ranks");
    else
        fprintf(stderr, "rank %d on %s", peer, comm->hosts[peer]);
    fprintf(stderr, "; ending the job (parallel.deadline)\n");
    dp_comm_abort(comm, DP_ERR_DEADLINE);
}

/* --- waiting -------------------------------------------------------------------------------- */

static void wait_for(dp_comm *comm, MPI_Request *request, int peer) {
    double started = 0.0;
    uint64_t spins = comm->oversubscribed ? 1 : SPINS_BEFORE_YIELD;
    for (uint64_t polls = 1;; polls++) {
        int arrived = 0;
        demand(comm, MPI_Test(request, &arrived, MPI_STATUS_IGNORE), "MPI_Test");
        if (arrived)
            return;
        if (polls >= spins)
            sched_yield();
        if (polls % POLLS_PER_CLOCK_LOOK != 0 || comm->deadline <= 0.0)
            continue;
        double now = dp_timer_now();
        if (started == 0.0)
            started = now;
        else if (now - started > comm->deadline)
            miss_deadline(comm, peer);
    }
}

/* The one place where sizes become MPI's int. */
static int narrow(dp_comm *comm, size_t count) {
    if (count > INT_MAX) {
        fprintf(stderr, "dptrain: a message of %zu elements is more than MPI can count\n", count);
        dp_comm_abort(comm, DP_ERR_INTERNAL);
    }
    return (int)count;
}

/* --- the job -------------------------------------------------------------------------------- */

/* Processors that the ranks of this node may use together. */
static int node_cpu_count(MPI_Comm node) {
    unsigned char mask[DP_CPU_MASK_SIZE];
    dp_cpu_mask(mask);
    MPI_Allreduce(MPI_IN_PLACE, mask, DP_CPU_MASK_SIZE, MPI_BYTE, MPI_BOR, node);
    return dp_cpu_mask_count(mask);
}

static void look_around(dp_comm *comm) {
    MPI_Comm node;
    int node_rank = 0, node_size = 0;
    MPI_Comm_rank(comm->world, &comm->rank);
    MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &node);
    MPI_Comm_rank(node, &node_rank);
    MPI_Comm_size(node, &node_size);
    comm->oversubscribed = node_size > node_cpu_count(node);
    int is_first = node_rank == 0;
    MPI_Allreduce(&is_first, &comm->node_count, 1, MPI_INT, MPI_SUM, comm->world);
    MPI_Comm_free(&node);
    char name[MPI_MAX_PROCESSOR_NAME] = "", host[HOST_SIZE];
    int length = 0;
    MPI_Get_processor_name(name, &length);
    snprintf(host, sizeof host, "%.63s", name);
    MPI_Allgather(host, HOST_SIZE, MPI_CHAR, comm->hosts, HOST_SIZE, MPI_CHAR, comm->world);
}

dp_status dp_comm_create(dp_comm **comm, dp_error *error) {
    dp_status status = DP_OK;
    dp_comm *self = NULL;
    *comm = NULL;
    if (MPI_Init(NULL, NULL) != MPI_SUCCESS)
        return dp_fail(error, DP_ERR_LAUNCH, "MPI does not start");
    DP_NEW_ARRAY(self, 1);
    MPI_Comm_dup(MPI_COMM_WORLD, &self->world);
    MPI_Comm_size(self->world, &self->size);
    self->phase = "start";
    DP_NEW_ARRAY(self->hosts, (size_t)self->size);
    DP_NEW_ARRAY(self->statuses, (size_t)self->size);
    look_around(self);
    MPI_Comm_set_errhandler(self->world, MPI_ERRORS_RETURN);
    *comm = self;
done:
    if (status != DP_OK)
        dp_comm_destroy(self);
    return status;
}

void dp_comm_destroy(dp_comm *comm) {
    if (comm == NULL)
        return;
    MPI_Comm_free(&comm->world);
    MPI_Finalize();
    dp_memory_free(comm->statuses);
    dp_memory_free(comm->hosts);
    dp_memory_free(comm);
}

int dp_comm_rank(const dp_comm *comm) {
    return comm->rank;
}

int dp_comm_size(const dp_comm *comm) {
    return comm->size;
}

int dp_comm_node_count(const dp_comm *comm) {
    return comm->node_count;
}

bool dp_comm_oversubscribed(const dp_comm *comm) {
    return comm->oversubscribed;
}

const char *dp_comm_host(const dp_comm *comm) {
    return comm->hosts[comm->rank];
}

void dp_comm_set_deadline(dp_comm *comm, double seconds) {
    comm->deadline = seconds;
}

void dp_comm_set_place(dp_comm *comm, const char *phase, uint64_t step) {
    comm->phase = phase;
    comm->step = step;
}

/* --- messages ------------------------------------------------------------------------------- */

static void send_bytes(dp_comm *comm, int peer, const void *bytes, size_t count) {
    MPI_Request request;
    demand(comm,
           MPI_Isend(bytes, narrow(comm, count), MPI_BYTE, peer, 0, comm->world, &request),
           "MPI_Isend");
    wait_for(comm, &request, peer);
}

static void receive_bytes(dp_comm *comm, int peer, void *bytes, size_t count) {
    MPI_Request request;
    demand(comm,
           MPI_Irecv(bytes, narrow(comm, count), MPI_BYTE, peer, 0, comm->world, &request),
           "MPI_Irecv");
    wait_for(comm, &request, peer);
}

void dp_comm_send(dp_comm *comm, int peer, const float *values, size_t count) {
    send_bytes(comm, peer, values, count * sizeof *values);
}

void dp_comm_receive(dp_comm *comm, int peer, float *values, size_t count) {
    receive_bytes(comm, peer, values, count * sizeof *values);
}

/* Rank r receives from r without its lowest bit, and passes on to r + bit for the bits below that:
 * written out, instead of MPI_Ibcast, so that a wait knows whom it waits for. */
void dp_comm_broadcast(dp_comm *comm, void *bytes, size_t count) {
    int bit = 1;
    while (bit < comm->size && (comm->rank & bit) == 0)
        bit *= 2;
    if (comm->rank != 0)
        receive_bytes(comm, comm->rank - bit, bytes, count);
    for (bit /= 2; bit > 0; bit /= 2) {
        if (comm->rank + bit < comm->size)
            send_bytes(comm, comm->rank + bit, bytes, count);
    }
}

void dp_comm_gather_all(dp_comm *comm, const void *mine, size_t count, void *everyones) {
    MPI_Request request;
    int bytes = narrow(comm, count);
    demand(comm,
           MPI_Iallgather(mine, bytes, MPI_BYTE, everyones, bytes, MPI_BYTE, comm->world, &request),
           "MPI_Iallgather");
    wait_for(comm, &request, ANY_PEER);
}

int dp_comm_max(dp_comm *comm, int value) {
    MPI_Request request;
    int maximum = value;
    demand(comm,
           MPI_Iallreduce(&value, &maximum, 1, MPI_INT, MPI_MAX, comm->world, &request),
           "MPI_Iallreduce");
    wait_for(comm, &request, ANY_PEER);
    return maximum;
}

void dp_comm_sum(dp_comm *comm, float *values, size_t count) {
    demand(comm,
           MPI_Allreduce(MPI_IN_PLACE, values, narrow(comm, count), MPI_FLOAT, MPI_SUM,
                         comm->world),
           "MPI_Allreduce");
}

dp_status dp_comm_agree(dp_comm *comm, dp_status mine, dp_error *error) {
    dp_comm_gather_all(comm, &mine, sizeof mine, comm->statuses);
    for (int rank = 0; rank < comm->size; rank++) {
        dp_status theirs = comm->statuses[rank];
        if (theirs == DP_OK)
            continue;
        if (rank != comm->rank)
            dp_fail(error, theirs, "%s", "");
        return theirs;
    }
    return DP_OK;
}
