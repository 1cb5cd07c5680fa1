/* comm: the ranks of a job. The only file that knows MPI.
 *
 * Decides how ranks wait (spin briefly, then yield the processor; never longer than the deadline)
 * and how a failure of communication ends: as there is nobody left to agree with, comm prints which
 * ranks are missing, where and in which step, and aborts the job with DP_ERR_DEADLINE (a rank did
 * not arrive) or DP_ERR_LAUNCH (MPI reported an error). So the calls here return only when they
 * worked.
 *
 * All calls but the getters are collective over the job, except send and receive, which are between
 * two ranks.
 */
#ifndef DP_PARALLEL_COMM_H
#define DP_PARALLEL_COMM_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dp_comm dp_comm;

/* Joins the job (MPI_Init). The program's arguments are not needed. */
dp_status dp_comm_create(dp_comm **comm, dp_error *error) DP_CHECKED;
/* Leaves it (MPI_Finalize). NULL is allowed. */
void dp_comm_destroy(dp_comm *comm);

int dp_comm_rank(const dp_comm *comm);
int dp_comm_size(const dp_comm *comm);

/* The nodes that ranks run on, where memory can be shared. Ranks are numbered node by node,
 * whatever order the launcher has placed them in: node n holds the ranks [first(n), first(n + 1)).
 */
int dp_comm_node_count(const dp_comm *comm);
/* The node of this rank, and the first rank of a node; node may be node_count. */
int dp_comm_node(const dp_comm *comm);
int dp_comm_node_first(const dp_comm *comm, int node);
/* More ranks on this node than processors they may use: waiting then yields at once. */
bool dp_comm_oversubscribed(const dp_comm *comm);
const char *dp_comm_host(const dp_comm *comm);
/* Whether MPI's own waits give the processor away, too: 1, 0, or -1 where MPI does not tell. */
int dp_comm_mpi_yields(void);

/* Seconds any wait may take; 0: no limit. */
void dp_comm_set_deadline(dp_comm *comm, double seconds);
/* What messages say about where we are. `phase` must be a string constant. */
void dp_comm_set_place(dp_comm *comm, const char *phase, uint64_t step);

/* count floats to or from another rank. */
void dp_comm_send(dp_comm *comm, int peer, const float *values, size_t count);
void dp_comm_receive(dp_comm *comm, int peer, float *values, size_t count);
/* From rank 0 to all, along a binomial tree. */
void dp_comm_broadcast(dp_comm *comm, void *bytes, size_t count);
/* `mine` of every rank, count bytes each, to all: everyone's [size * count], in rank order. */
void dp_comm_gather_all(dp_comm *comm, const void *mine, size_t count, void *everyones);
/* The largest of everyone's values, on every rank. */
int dp_comm_max(dp_comm *comm, int value);
/* MPI_Allreduce with MPI_SUM, in place, as it is, to compare against: the order of the sum is
 * MPI's, and so is the wait, which knows no deadline. */
void dp_comm_sum(dp_comm *comm, float *values, size_t count);

/* Makes one outcome of everybody's: if any rank has failed, all return the status of the lowest
 * failing rank, and only that rank keeps its message (the others' is emptied), so that it is told
 * once. A rank that is fine passes DP_OK. */
dp_status dp_comm_agree(dp_comm *comm, dp_status mine, dp_error *error) DP_CHECKED;

/* Memory that the ranks of a node share: each gives `bytes` (its own number, 64-byte aligned,
 * zeroed) and all see all. Collective over the node; failures are agreed on over the job. */
typedef struct dp_comm_window dp_comm_window;
dp_status dp_comm_window_create(dp_comm_window **window, dp_comm *comm, size_t bytes,
                                dp_error *error) DP_CHECKED;
void dp_comm_window_destroy(dp_comm_window *window); /* NULL is allowed */
/* The part given by the rank of this number on the node. */
void *dp_comm_window_segment(const dp_comm_window *window, int node_rank);

/* Waits until another rank of the node has stored at least `value` in *flag. */
void dp_comm_wait_for_flag(dp_comm *comm, const _Atomic uint64_t *flag, uint64_t value, int peer);

/* Collective: count zeroed elements of `size` bytes on every rank, as dp_memory_zeroed, or NULL on
 * all of them where one has no memory; *error is then agreed on. */
void *dp_comm_zeroed(dp_comm *comm, size_t count, size_t size, dp_error *error) DP_CHECKED;

/* As DP_NEW_ARRAY, on all ranks together. */
#define DP_NEW_ARRAY_ON_ALL(comm, pointer, count)                                                  \
    do {                                                                                           \
        (pointer) = dp_comm_zeroed((comm), (count), sizeof *(pointer), error);                     \
        if ((pointer) == NULL) {                                                                   \
            status = error->status;                                                                \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

/* Ends the job on all ranks at once with this exit status. For signals that cannot wait. */
_Noreturn void dp_comm_abort(dp_comm *comm, int exit_status);

#endif
