/* comm_internal: what the files of comm (comm*.c) share. The only one that includes mpi.h. */
#ifndef DP_PARALLEL_COMM_INTERNAL_H
#define DP_PARALLEL_COMM_INTERNAL_H

#include "parallel/comm.h"

#include <mpi.h>

#define DP_COMM_HOST_SIZE 64
#define DP_COMM_NAME_SIZE (DP_COMM_HOST_SIZE + 32)
#define DP_COMM_ANY_PEER (-1)

enum {
    DP_COMM_TAG_DATA,
    DP_COMM_TAG_ROLL_CALL,
    DP_COMM_TAG_ROLL_ANSWER,
    DP_COMM_TAG_END,    /* to all: the sender says why and ends the job */
    DP_COMM_TAG_WAKE,   /* from rank 0 to one that sleeps: a word */
    DP_COMM_TAG_SIGNAL, /* and back: a signal that has come */
    DP_COMM_TAG_FORM,   /* between ranks that become a group */
};

/* What all know of a rank, as it tells them. */
typedef struct dp_comm_peer {
    char name[DP_COMM_NAME_SIZE]; /* for messages: "rank 2 on a", its number in the job */
    int node_rank;                /* its number among those of its node */
    int processors;               /* that the ranks of its node may use */
    bool answers;                 /* the roll call that is going on */
    /* What rank 0 knows of those who sleep: */
    bool sleeps;
    bool asked;    /* by a roll call that it has not answered yet */
    double silent; /* seconds since then */
} dp_comm_peer;

/* One block: the struct, then its arrays (base/workspace). */
struct dp_comm {
    MPI_Comm world; /* all ranks of the job or the group, numbered node by node */
    MPI_Comm node;  /* those of this node, in the same order */
    bool is_group;
    dp_comm *parent; /* that a group was formed of; NULL where it was split off */
    unsigned places; /* that a group was told of */
    int rank;
    int size;
    int job_rank;                 /* this rank's number in the job */
    char host[DP_COMM_HOST_SIZE]; /* that it runs on */
    char name[DP_COMM_NAME_SIZE]; /* as in `peers`; "process 4711 on a" until it has a number */
    int node_index;
    int node_count;
    int *node_first; /* [node_count + 1] */
    int processors;  /* that the ranks of this node may use together */
    bool oversubscribed;
    size_t piece_bytes; /* a multiple of a float's */
    double deadline;
    const char *phase;
    uint64_t step;
    uint64_t bytes_sent;
    double looked;       /* for messages of ranks that sleep, last, on the clock */
    double called;       /* rank 0: when it asked those ranks last */
    int told_signal;     /* rank 0: by one of them; 0: none */
    dp_comm_peer *peers; /* [size] */
};

/* A call of MPI has to succeed: there is no way on from one that failed, and nobody to agree with.
 * `comm` may be half made, as it is at the start: with a name and a phase only. */
#define DP_MPI(comm, call) dp_comm_demand((comm), (call), #call)
void dp_comm_demand(dp_comm *comm, int result, const char *call);

/* Returns when the request is done; a deadline that is missed is that of `peer`, or of
 * DP_COMM_ANY_PEER. */
void dp_comm_wait_for(dp_comm *comm, MPI_Request *request, int peer);

/* Calls the roll and ends the job: names who does not answer, or `peer` where all do. */
_Noreturn void dp_comm_miss_deadline(dp_comm *comm, int peer);
/* An empty message to a rank, or one of anybody's: its sender, or DP_COMM_ANY_PEER. */
void dp_comm_send_nothing(dp_comm *comm, int peer, int tag);
int dp_comm_take_nothing(dp_comm *comm, int tag);
/* Answers those who call the roll. Returns the lowest of them, or `lowest` where that is lower. */
int dp_comm_answer_roll_calls(dp_comm *comm, int lowest);

/* Seconds that count of those between two looks at the clock: more has passed only where this rank
 * was not running itself, as a job that was suspended as a whole, which has missed nothing. */
#define DP_COMM_LOOK_SECONDS_MAX 1.0
/* Between two looks for messages of ranks that wait or sleep. */
#define DP_COMM_ROLL_LOOK_SECONDS 0.05

/* Some collective calls of MPI have no form that can be polled. The ranks meet before each of them,
 * so that one that is missing is named, unless `ranks` is MPI_COMM_NULL; and one that goes missing
 * within the call itself is noticed by the alarm, which can name the call only. */
void dp_comm_begin_blocking(dp_comm *comm, MPI_Comm ranks, const char *call);
void dp_comm_end_blocking(dp_comm *comm);

#endif
