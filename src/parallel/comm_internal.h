/* comm_internal: what the files of comm (comm*.c) share. The only one that includes mpi.h. */
#ifndef DP_PARALLEL_COMM_INTERNAL_H
#define DP_PARALLEL_COMM_INTERNAL_H

#include "parallel/comm.h"

#include <mpi.h>

#define DP_COMM_HOST_SIZE 64
#define DP_COMM_NAME_SIZE (DP_COMM_HOST_SIZE + 32)
#define DP_COMM_ANY_PEER (-1)

enum { DP_COMM_TAG_DATA, DP_COMM_TAG_ROLL_CALL, DP_COMM_TAG_ROLL_ANSWER };

/* What all know of a rank, as it tells them. */
typedef struct dp_comm_peer {
    char name[DP_COMM_NAME_SIZE]; /* for messages: "rank 2 on a", its number in the job */
    int node_rank;                /* its number among those of its node */
    bool answers;                 /* the roll call that is going on */
} dp_comm_peer;

/* One block: the struct, then its arrays (base/workspace). */
struct dp_comm {
    MPI_Comm world; /* all ranks of the job or the group, numbered node by node */
    MPI_Comm node;  /* those of this node, in the same order */
    bool is_group;
    unsigned places; /* that a group was told of */
    int rank;
    int size;
    int job_rank;                 /* this rank's number in the job */
    char host[DP_COMM_HOST_SIZE]; /* that it runs on */
    char name[DP_COMM_NAME_SIZE]; /* as in `peers`; "process 4711 on a" until it has a number */
    int node_index;
    int node_count;
    int *node_first; /* [node_count + 1] */
    bool oversubscribed;
    size_t piece_bytes; /* a multiple of a float's */
    double deadline;
    const char *phase;
    uint64_t step;
    uint64_t bytes_sent;
    dp_comm_peer *peers; /* [size] */
};

/* A call of MPI has to succeed: there is no way on from one that failed, and nobody to agree with.
 * `comm` may be half made, as it is at the start: with a name and a phase only. */
#define DP_MPI(comm, call) dp_comm_demand((comm), (call), #call)
void dp_comm_demand(dp_comm *comm, int result, const char *call);

/* Returns when the request is done; a deadline that is missed is that of `peer`, or of
 * DP_COMM_ANY_PEER. */
void dp_comm_wait_for(dp_comm *comm, MPI_Request *request, int peer);

/* Some collective calls of MPI have no form that can be polled. The ranks meet before each of them,
 * so that one that is missing is named; and one that goes missing within the call itself is noticed
 * by the alarm, which can name the call only. */
void dp_comm_begin_blocking(dp_comm *comm, MPI_Comm ranks, const char *call);
void dp_comm_end_blocking(dp_comm *comm);

#endif
