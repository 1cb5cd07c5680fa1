/* comm: the ranks of a job. Its files (comm*) are the only ones that know MPI.
 *
 * Decides how ranks wait (spin briefly, then yield the processor; never longer than the deadline)
 * and how a failure of communication ends: as there is nobody left to agree with, comm prints which
 * ranks are missing, where and in which step, and aborts the job with DP_ERR_DEADLINE (a rank did
 * not arrive) or DP_ERR_LAUNCH (MPI reported an error). So the calls here return only when they
 * worked. Only joining the job knows no deadline, and dp_comm_rest, which is for waits of any
 * length.
 *
 * A job can be split into groups that work apart: each is a dp_comm of its own. What a call says of
 * the job holds for the group that it is given; only an abort ends the whole job. Or some of its
 * ranks form a group that works while the others sleep.
 *
 * All calls but the getters are collective over the job, except send and receive, which are between
 * two ranks, and those of a board.
 */
#ifndef DP_PARALLEL_COMM_H
#define DP_PARALLEL_COMM_H

#include "base/workspace.h"
#include "system/file.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dp_comm dp_comm;

/* Joins the job (MPI_Init). The program's arguments are not needed. DP_ERR_MEMORY or
 * DP_ERR_IO where a limit of the system leaves MPI no room. */
dp_status dp_comm_create(dp_comm **comm, dp_error *error) DP_CHECKED;
/* Leaves it (MPI_Finalize). NULL is allowed. */
void dp_comm_destroy(dp_comm *comm);
/* Leaves a job that was joined in vain, after the reason was told: a rank that ends sooner than the
 * one with the message takes that with it. Does nothing where there is no job. */
void dp_comm_leave(void);

/* Collective over `comm`: the ranks with the same colour (from 0) become a group, numbered in the
 * same order. Waits in a group know no deadline until one is set. Groups need not keep step with
 * each other; destroy them before `comm`. Agreed on over `comm`. */
dp_status dp_comm_split(dp_comm **group, dp_comm *comm, int colour, dp_error *error) DP_CHECKED;

/* Collective over some ranks of `comm` alone: ranks[count], ascending and the same on each, with
 * rank 0. They become a group. Waits in it have the deadline of `comm`, and see to the ranks that
 * sleep (dp_comm_look). Agreed on over the group. */
dp_status dp_comm_form(dp_comm **group, dp_comm *comm, const int *ranks, int count,
                       dp_error *error) DP_CHECKED;

int dp_comm_rank(const dp_comm *comm);
int dp_comm_size(const dp_comm *comm);

/* The nodes that ranks run on, where memory can be shared. Ranks are numbered node by node,
 * whatever order the launcher has placed them in: node n holds the ranks [first(n), first(n + 1)).
 */
int dp_comm_node_count(const dp_comm *comm);
/* The node of this rank, and the first rank of a node; node may be node_count. */
int dp_comm_node(const dp_comm *comm);
int dp_comm_node_first(const dp_comm *comm, int node);
/* Processors that the ranks of a node may use together, by their affinity and the quota of their
 * control group; of a group its share of them, at least 1. */
int dp_comm_processors(const dp_comm *comm, int node);
/* More ranks on this node than that: waiting then yields at once. */
bool dp_comm_oversubscribed(const dp_comm *comm);
const char *dp_comm_host(const dp_comm *comm);
/* Whether MPI's own waits give the processor away, too: 1, 0, or -1 where MPI does not tell. */
int dp_comm_mpi_yields(void);
/* Seconds after which the launcher gives up a host that is cut off; 0: never; -1: not known. */
int dp_comm_host_patience(void);
/* The folder where MPI keeps what ranks of a node share, and the bytes that are free there:
 * UINT64_MAX where that is not known. */
uint64_t dp_comm_shared_free(char folder[DP_PATH_SIZE]);

/* Seconds any wait may take; 0: no limit. 300 until it is set; in a group none. Time in which this
 * rank itself did not run, as the whole job was suspended, does not count. */
void dp_comm_set_deadline(dp_comm *comm, double seconds);
/* What messages say about where we are. `phase` must be a string constant. To be called once a
 * step or so: a rank that is never heard of would hold up others at its board. */
void dp_comm_set_place(dp_comm *comm, const char *phase, uint64_t step);

/* Bytes that this rank has handed to others by the calls below, since its start. What lies in
 * memory that ranks share is not counted. For a collective call that is MPI's it is the least that
 * must cross, however MPI does it: gather_all, a rank's part to each other rank; sum, 2 (size - 1)
 * / size of the values. The one number of dp_comm_max does not count. */
uint64_t dp_comm_bytes_sent(const dp_comm *comm);

/* count bytes to or from another rank. */
void dp_comm_send(dp_comm *comm, int peer, const void *bytes, size_t count);
void dp_comm_receive(dp_comm *comm, int peer, void *bytes, size_t count);
/* From rank 0 to all, along a binomial tree. */
void dp_comm_broadcast(dp_comm *comm, void *bytes, size_t count);
/* `mine` of every rank, count bytes each, to all: everyone's [size * count], in rank order. */
void dp_comm_gather_all(dp_comm *comm, const void *mine, size_t count, void *everyones);
/* The largest of everyone's values, on every rank. */
int dp_comm_max(dp_comm *comm, int value);
/* MPI_Iallreduce with MPI_SUM, in place, to compare against: the order of the sum is MPI's. */
void dp_comm_sum(dp_comm *comm, float *values, size_t count);
/* MPI_Allreduce, as it is, to be measured: its wait knows no deadline. */
void dp_comm_sum_blocking(dp_comm *comm, float *values, size_t count);

/* The status of the lowest rank that has failed, or DP_OK; only that rank keeps its message (the
 * others' is emptied), so that it is told once. A rank that is fine passes DP_OK. */
dp_status dp_comm_find_failure(dp_comm *comm, dp_status mine, dp_error *error) DP_CHECKED;
/* Makes that outcome everybody's. It is DP_OK only where `mine` is, which is written out so that
 * who reads a caller alone, as clang-tidy does, knows it, too. */
DP_CHECKED static inline dp_status dp_comm_agree(dp_comm *comm, dp_status mine, dp_error *error) {
    const dp_status agreed = dp_comm_find_failure(comm, mine, error);
    return agreed == DP_OK ? mine : agreed;
}
/* Collective, after such a failure: gives rank 0 the message, too, where it has something to do
 * with it before all leave. */
void dp_comm_tell_root(dp_comm *comm, dp_error *error);
/* The status of a call that rank 0 alone makes, agreed on; `error` is its own. */
#define DP_ON_ROOT(comm, call)                                                                     \
    dp_comm_agree((comm), dp_comm_rank(comm) == 0 ? (call) : DP_OK, error)

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
/* As dp_workspace_allocate, likewise. What is reserved may be each rank's own. */
void *dp_comm_allocate(dp_comm *comm, dp_workspace *room, dp_error *error) DP_CHECKED;

/* pointer = that block, or leave the function as DP_TRY does; `error` is its own. */
#define DP_TRY_NEW_ON_ALL(comm, pointer, count)                                                    \
    DP_TRY_BLOCK(pointer, dp_comm_zeroed((comm), (count), sizeof *(pointer), error))
#define DP_TRY_ALLOCATE_ON_ALL(comm, pointer, room)                                                \
    DP_TRY_BLOCK(pointer, dp_comm_allocate((comm), (room), error))

/* A board: 64-bit cells, zero at first, that any rank may read and change at any time, while the
 * others, and rank 0 that holds it, go on with their own work. Each change is seen by all as one.
 * Creation and destruction are collective; creation is agreed on. */
typedef struct dp_comm_board dp_comm_board;
dp_status dp_comm_board_create(dp_comm_board **board, dp_comm *comm, size_t cells,
                               dp_error *error) DP_CHECKED;
void dp_comm_board_destroy(dp_comm_board *board); /* NULL is allowed */
/* Each returns what the cell held before. */
int64_t dp_comm_board_read(dp_comm_board *board, size_t cell);
int64_t dp_comm_board_add(dp_comm_board *board, size_t cell, int64_t value);
int64_t dp_comm_board_write(dp_comm_board *board, size_t cell, int64_t value);

/* Returns when all ranks have come here, which may take as long as they like: a rank that waits
 * sleeps and leaves its processor to those that work. Calls `meanwhile`, unless NULL, a few times a
 * second. */
void dp_comm_rest(dp_comm *comm, void (*meanwhile)(void *context), void *context);

/* A rank that is in no group which was formed sleeps until rank 0 wakes it: returns the word of
 * that. Takes hardly any time of a processor; is woken within some milliseconds. It answers roll
 * calls, tells rank 0 of a signal where *signal is one (NULL: there is none), and misses rank 0
 * where that does not look after it for a deadline. */
uint64_t dp_comm_sleep(dp_comm *comm, const volatile sig_atomic_t *signal);
/* Matters on rank 0: the others than these are those who sleep now, or will presently. */
void dp_comm_expect_sleep(dp_comm *comm, const int *ranks, int count);
/* On rank 0: wakes one, or all of them. */
void dp_comm_wake(dp_comm *comm, int rank, uint64_t word);
void dp_comm_wake_all(dp_comm *comm, uint64_t word);
/* On rank 0: a signal that a rank has told of as it slept, or 0. */
int dp_comm_told_signal(const dp_comm *comm);
/* On the ranks of a group that was formed: looks after those who sleep, at most so often that it
 * costs nothing. dp_comm_set_place and waits do it, too; to be called where there is neither for
 * long. A rank that does not answer for a deadline is missing. */
void dp_comm_look(dp_comm *comm);

/* Ends the job on all ranks at once with this exit status. For signals that cannot wait. */
_Noreturn void dp_comm_abort(dp_comm *comm, int exit_status);

#endif
