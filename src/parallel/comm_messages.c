/* Messages between two ranks, and what all of them say together. */
#include "parallel/comm_internal.h"

#include "base/memory.h"

#include <limits.h>
#include <stdio.h>

/* The one place where sizes become MPI's int. */
static int narrow(dp_comm *comm, size_t count) {
    if (count > INT_MAX) {
        fprintf(stderr, "dptrain: a message of %zu elements is more than MPI can count\n", count);
        dp_comm_abort(comm, DP_ERR_INTERNAL);
    }
    return (int)count;
}

/* Bytes of the piece that begins at `from`, of a message of `count`. */
static int piece_at(const dp_comm *comm, size_t from, size_t count) {
    return (int)(count - from < comm->piece_bytes ? count - from : comm->piece_bytes);
}

void dp_comm_send(dp_comm *comm, int peer, const void *bytes, size_t count) {
    comm->bytes_sent += count;
    for (size_t at = 0; at < count; at += comm->piece_bytes) {
        MPI_Request request;
        DP_MPI(comm, MPI_Isend((const char *)bytes + at, piece_at(comm, at, count), MPI_BYTE, peer,
                               DP_COMM_TAG_DATA, comm->world, &request));
        dp_comm_wait_for(comm, &request, peer);
    }
}

void dp_comm_receive(dp_comm *comm, int peer, void *bytes, size_t count) {
    for (size_t at = 0; at < count; at += comm->piece_bytes) {
        MPI_Request request;
        DP_MPI(comm, MPI_Irecv((char *)bytes + at, piece_at(comm, at, count), MPI_BYTE, peer,
                               DP_COMM_TAG_DATA, comm->world, &request));
        dp_comm_wait_for(comm, &request, peer);
    }
}

/* Rank r receives from r without its lowest bit, and passes on to r + bit for the bits below that.
 */
void dp_comm_broadcast(dp_comm *comm, void *bytes, size_t count) {
    int bit = 1;
    while (bit < comm->size && (comm->rank & bit) == 0)
        bit *= 2;
    if (comm->rank != 0)
        dp_comm_receive(comm, comm->rank - bit, bytes, count);
    for (bit /= 2; bit > 0; bit /= 2) {
        if (comm->rank + bit < comm->size)
            dp_comm_send(comm, comm->rank + bit, bytes, count);
    }
}

void dp_comm_gather_all(dp_comm *comm, const void *mine, size_t count, void *everyones) {
    MPI_Request request;
    int bytes = narrow(comm, count);
    comm->bytes_sent += count * (size_t)(comm->size - 1);
    DP_MPI(comm, MPI_Iallgather(mine, bytes, MPI_BYTE, everyones, bytes, MPI_BYTE, comm->world,
                                &request));
    dp_comm_wait_for(comm, &request, DP_COMM_ANY_PEER);
}

int dp_comm_max(dp_comm *comm, int value) {
    MPI_Request request;
    int maximum = value;
    DP_MPI(comm, MPI_Iallreduce(&value, &maximum, 1, MPI_INT, MPI_MAX, comm->world, &request));
    dp_comm_wait_for(comm, &request, DP_COMM_ANY_PEER);
    return maximum;
}

void dp_comm_sum(dp_comm *comm, float *values, size_t count) {
    const size_t bytes = count * sizeof *values, ranks = (size_t)comm->size;
    comm->bytes_sent += 2 * (ranks - 1) * bytes / ranks;
    for (size_t at = 0; at < bytes; at += comm->piece_bytes) {
        MPI_Request request;
        const int floats = piece_at(comm, at, bytes) / (int)sizeof *values;
        DP_MPI(comm, MPI_Iallreduce(MPI_IN_PLACE, values + at / sizeof *values, floats, MPI_FLOAT,
                                    MPI_SUM, comm->world, &request));
        dp_comm_wait_for(comm, &request, DP_COMM_ANY_PEER);
    }
}

void dp_comm_sum_blocking(dp_comm *comm, float *values, size_t count) {
    DP_MPI(comm, MPI_Allreduce(MPI_IN_PLACE, values, narrow(comm, count), MPI_FLOAT, MPI_SUM,
                               comm->world));
}

/* The lowest failing rank has the smallest product; the status is what is over. */
dp_status dp_comm_find_failure(dp_comm *comm, dp_status mine, dp_error *error) {
    enum { STATUS_LIMIT = 128 };
    const int own = mine == DP_OK ? INT_MAX : comm->rank * STATUS_LIMIT + (int)mine;
    const int lowest = -dp_comm_max(comm, -own);
    const dp_status theirs = (dp_status)(lowest % STATUS_LIMIT);
    if (lowest == INT_MAX)
        return DP_OK;
    if (lowest != own)
        dp_fail(error, theirs, "%s", "");
    return theirs;
}

void dp_comm_tell_root(dp_comm *comm, dp_error *error) {
    const int speaker = dp_comm_max(comm, error->message[0] != '\0' ? comm->rank : 0);
    if (speaker > 0 && comm->rank == speaker)
        dp_comm_send(comm, 0, error->message, sizeof error->message);
    if (speaker > 0 && comm->rank == 0)
        dp_comm_receive(comm, speaker, error->message, sizeof error->message);
}

/* A block that this rank has, or not, is kept where all have theirs. */
static void *keep_on_all(dp_comm *comm, void *block, dp_error *error) {
    if (dp_comm_agree(comm, block == NULL ? error->status : DP_OK, error) != DP_OK) {
        dp_memory_free(block);
        return NULL;
    }
    return block;
}

void *dp_comm_zeroed(dp_comm *comm, size_t count, size_t size, dp_error *error) {
    return keep_on_all(comm, dp_memory_zeroed(count, size, error), error);
}

void *dp_comm_allocate(dp_comm *comm, dp_workspace *room, dp_error *error) {
    return keep_on_all(comm, dp_workspace_allocate(room, error), error);
}
