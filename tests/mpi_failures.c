/* mpi_failures: uses all of parallel/comm once, while one call of MPI fails on one rank. Started by
 * e2e/mpi_failures.sh on three ranks, with
 *
 *   DPTRAIN_FAIL_RANK  the launcher's number of the rank, and
 *   DPTRAIN_FAIL_CALL  how many calls it makes until one fails, from 0; or the name of a function,
 *                      of which the first call fails that is made once the job has been joined.
 *
 * Without these nothing fails, and rank 0 prints the calls that it has made, in order, with a line
 * "joined" behind those that join the job. Polls are not among them: how many there are is a matter
 * of time.
 *
 * A call that fails has been made, but says MPI_ERR_OTHER: the other ranks cannot know.
 */
#include "parallel/comm.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CALLS_MAX = 1000 };

static struct {
    bool has_joined;
    bool has_failed;
    const char *calls[CALLS_MAX];
    int call_count;
} history;

static bool is_failing_rank(void) {
    const char *wanted = getenv("DPTRAIN_FAIL_RANK"), *own = getenv("OMPI_COMM_WORLD_RANK");
    return wanted != NULL && own != NULL && strcmp(wanted, own) == 0;
}

static bool is_failing_call(const char *name, bool is_poll) {
    const char *wanted = getenv("DPTRAIN_FAIL_CALL");
    if (wanted == NULL || history.has_failed)
        return false;
    if (wanted[0] == 'M')
        return history.has_joined && strcmp(name, wanted) == 0;
    return !is_poll && atoi(wanted) == history.call_count;
}

static void note(const char *name) {
    if (history.call_count < CALLS_MAX)
        history.calls[history.call_count++] = name;
}

/* What the call is to say, having said `result`. */
static int outcome(const char *name, bool is_poll, int result) {
    const bool fails = is_failing_rank() && is_failing_call(name, is_poll);
    history.has_failed = history.has_failed || fails;
    if (!is_poll)
        note(name);
    return fails ? MPI_ERR_OTHER : result;
}

/* The functions that comm calls, but those that it ends the job with, and MPI_T. */
#define SHIM(name, parameters, arguments)                                                          \
    int MPI_##name parameters {                                                                    \
        return outcome("MPI_" #name, false, PMPI_##name arguments);                                \
    }
#define SHIM_POLL(name, parameters, arguments)                                                     \
    int MPI_##name parameters {                                                                    \
        return outcome("MPI_" #name, true, PMPI_##name arguments);                                 \
    }

SHIM(Init, (int *a, char ***b), (a, b))
SHIM(Finalize, (void), ())
SHIM(Comm_set_errhandler, (MPI_Comm a, MPI_Errhandler b), (a, b))
SHIM(Comm_rank, (MPI_Comm a, int *b), (a, b))
SHIM(Comm_size, (MPI_Comm a, int *b), (a, b))
SHIM(Comm_split, (MPI_Comm a, int b, int c, MPI_Comm *d), (a, b, c, d))
SHIM(Comm_split_type, (MPI_Comm a, int b, int c, MPI_Info d, MPI_Comm *e), (a, b, c, d, e))
SHIM(Comm_free, (MPI_Comm * a), (a))
SHIM(Comm_group, (MPI_Comm a, MPI_Group *b), (a, b))
SHIM(Group_incl, (MPI_Group a, int b, const int *c, MPI_Group *d), (a, b, c, d))
SHIM(Comm_create_group, (MPI_Comm a, MPI_Group b, int c, MPI_Comm *d), (a, b, c, d))
SHIM(Group_free, (MPI_Group * a), (a))
SHIM(Get_processor_name, (char *a, int *b), (a, b))
SHIM(Bcast, (void *a, int b, MPI_Datatype c, int d, MPI_Comm e), (a, b, c, d, e))
SHIM(Allreduce, (const void *a, void *b, int c, MPI_Datatype d, MPI_Op e, MPI_Comm f),
     (a, b, c, d, e, f))
SHIM(Allgather, (const void *a, int b, MPI_Datatype c, void *d, int e, MPI_Datatype f, MPI_Comm g),
     (a, b, c, d, e, f, g))
SHIM(Iallgather,
     (const void *a, int b, MPI_Datatype c, void *d, int e, MPI_Datatype f, MPI_Comm g,
      MPI_Request *h),
     (a, b, c, d, e, f, g, h))
SHIM(Iallreduce,
     (const void *a, void *b, int c, MPI_Datatype d, MPI_Op e, MPI_Comm f, MPI_Request *g),
     (a, b, c, d, e, f, g))
SHIM(Ibarrier, (MPI_Comm a, MPI_Request *b), (a, b))
SHIM(Isend, (const void *a, int b, MPI_Datatype c, int d, int e, MPI_Comm f, MPI_Request *g),
     (a, b, c, d, e, f, g))
SHIM(Irecv, (void *a, int b, MPI_Datatype c, int d, int e, MPI_Comm f, MPI_Request *g),
     (a, b, c, d, e, f, g))
SHIM(Recv, (void *a, int b, MPI_Datatype c, int d, int e, MPI_Comm f, MPI_Status *g),
     (a, b, c, d, e, f, g))
SHIM(Request_free, (MPI_Request * a), (a))
SHIM(Info_create, (MPI_Info * a), (a))
SHIM(Info_set, (MPI_Info a, const char *b, const char *c), (a, b, c))
SHIM(Info_free, (MPI_Info * a), (a))
SHIM(Win_allocate, (MPI_Aint a, int b, MPI_Info c, MPI_Comm d, void *e, MPI_Win *f),
     (a, b, c, d, e, f))
SHIM(Win_allocate_shared, (MPI_Aint a, int b, MPI_Info c, MPI_Comm d, void *e, MPI_Win *f),
     (a, b, c, d, e, f))
SHIM(Win_shared_query, (MPI_Win a, int b, MPI_Aint *c, int *d, void *e), (a, b, c, d, e))
SHIM(Win_set_errhandler, (MPI_Win a, MPI_Errhandler b), (a, b))
SHIM(Win_lock_all, (int a, MPI_Win b), (a, b))
SHIM(Win_unlock_all, (MPI_Win a), (a))
SHIM(Win_free, (MPI_Win * a), (a))
SHIM(Rget_accumulate,
     (const void *a, int b, MPI_Datatype c, void *d, int e, MPI_Datatype f, int g, MPI_Aint h,
      int i, MPI_Datatype j, MPI_Op k, MPI_Win l, MPI_Request *m),
     (a, b, c, d, e, f, g, h, i, j, k, l, m))
SHIM_POLL(Test, (MPI_Request * a, int *b, MPI_Status *c), (a, b, c))
SHIM_POLL(Iprobe, (int a, int b, MPI_Comm c, int *d, MPI_Status *e), (a, b, c, d, e))

/* --- what the ranks do ------------------------------------------------------------------------ */

static void exchange(dp_comm *comm) {
    float value = 1.0f;
    int numbers[16] = {0}, own = dp_comm_rank(comm);
    const int last = dp_comm_size(comm) - 1;
    if (own == 0 && last > 0)
        dp_comm_receive(comm, last, &value, sizeof value);
    if (own == last && last > 0)
        dp_comm_send(comm, 0, &value, sizeof value);
    dp_comm_broadcast(comm, &value, sizeof value);
    dp_comm_gather_all(comm, &own, sizeof own, numbers);
    (void)dp_comm_max(comm, own);
    dp_comm_sum(comm, &value, 1);
    dp_comm_sum_blocking(comm, &value, 1);
}

/* Rank 1 comes so late that the others call the roll. */
static void be_late(dp_comm *comm) {
    dp_comm_set_deadline(comm, 1.0);
    if (dp_comm_rank(comm) == 1)
        sleep(20);
    (void)dp_comm_max(comm, 0);
}

/* All ranks but the last form a group, while that sleeps. */
static dp_status work(dp_comm *comm, dp_error *error) {
    const int last = dp_comm_size(comm) - 1;
    const int ranks[] = {0, 1, 2};
    dp_comm *group = NULL;
    if (dp_comm_rank(comm) == last) {
        (void)dp_comm_sleep(comm, NULL);
        return DP_OK;
    }
    DP_TRY(dp_comm_form(&group, comm, ranks, last, error));
    exchange(group);
    dp_comm_expect_sleep(comm, ranks, last);
    if (dp_comm_rank(comm) == 0)
        dp_comm_wake_all(comm, 0);
    dp_comm_destroy(group);
    return DP_OK;
}

static dp_status use_all(dp_comm *comm, dp_error *error) {
    dp_status status = DP_OK;
    dp_comm_window *window = NULL;
    dp_comm_board *board = NULL;
    dp_comm *group = NULL;
    exchange(comm);
    DP_OR_DONE(dp_comm_window_create(&window, comm, 4096, error));
    DP_OR_DONE(dp_comm_board_create(&board, comm, 4, error));
    (void)dp_comm_board_add(board, 1, 5);
    DP_OR_DONE(dp_comm_split(&group, comm, dp_comm_rank(comm) % 2, error));
    dp_comm_set_place(group, "in a group", 1);
    exchange(group);
    dp_comm_rest(comm, NULL, NULL);
    DP_OR_DONE(work(comm, error));
    if (getenv("DPTRAIN_LATE") != NULL)
        be_late(comm);
done:
    dp_comm_destroy(group);
    dp_comm_board_destroy(board);
    dp_comm_window_destroy(window);
    return status;
}

static void print_history(void) {
    for (int i = 0; i < history.call_count; i++)
        puts(history.calls[i]);
}

int main(void) {
    dp_comm *comm = NULL;
    dp_error error = {0};
    bool prints = false;
    dp_status status = dp_comm_create(&comm, &error);
    if (status == DP_OK) {
        prints = dp_comm_rank(comm) == 0 && getenv("DPTRAIN_FAIL_RANK") == NULL;
        note("joined");
        history.has_joined = true;
        dp_comm_set_deadline(comm, 20.0);
        status = use_all(comm, &error);
    }
    /* Before anybody leaves: the launcher ends the others when the first one is gone. */
    if (status != DP_OK && error.message[0] != '\0')
        fprintf(stderr, "dptrain: %s\n", error.message);
    dp_comm_destroy(comm);
    if (prints)
        print_history();
    return (int)status;
}
