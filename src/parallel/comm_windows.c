/* Memory that several ranks see: windows of a node, and boards of all. */
#include "parallel/comm_internal.h"

#include "base/memory.h"

#include <string.h>

/* --- shared memory -------------------------------------------------------------------------- */

struct dp_comm_window {
    dp_comm *comm;
    MPI_Win window;
    int node_size;
    void *segments[]; /* [node_size] */
};

/* MPI leaves the ranks of a node waiting for each other where there is not enough. */
static dp_status check_room(dp_comm *comm, size_t bytes, dp_error *error) {
    char folder[DP_PATH_SIZE];
    uint64_t all = bytes;
    DP_MPI(comm, MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_UINT64_T, MPI_SUM, comm->node));
    const uint64_t free = dp_comm_shared_free(folder);
    if (all <= free)
        return DP_OK;
    return dp_fail(error, DP_ERR_MEMORY,
                   "no shared memory of %.1f MB on %s: %.200s has %.1f MB free. Enlarge it (docker "
                   "run --shm-size), or set parallel.exchange=tree",
                   1e-6 * (double)all, dp_comm_host(comm), folder, 1e-6 * (double)free);
}

/* MPI may not have enough memory where a call of the system would. */
static dp_status allocate_window(dp_comm_window *self, size_t bytes, dp_error *error) {
    dp_comm *comm = self->comm;
    void *mine = NULL;
    MPI_Info info;
    dp_comm_begin_blocking(comm, comm->node, "MPI_Win_allocate_shared");
    DP_MPI(comm, MPI_Info_create(&info));
    /* Each segment on pages of its own, near the processor of the rank that fills it. */
    DP_MPI(comm, MPI_Info_set(info, "alloc_shared_noncontig", "true"));
    int result =
        MPI_Win_allocate_shared((MPI_Aint)bytes, 1, info, comm->node, (void *)&mine, &self->window);
    DP_MPI(comm, MPI_Info_free(&info));
    if (result == MPI_SUCCESS)
        memset(mine, 0, bytes);
    dp_comm_end_blocking(comm);
    if (result == MPI_SUCCESS)
        return DP_OK;
    return dp_fail(error, DP_ERR_MEMORY, "no shared memory of %zu bytes on %s", bytes,
                   dp_comm_host(comm));
}

static void find_segments(dp_comm_window *self) {
    for (int rank = 0; rank < self->node_size; rank++) {
        MPI_Aint size = 0;
        int unit = 0;
        DP_MPI(self->comm, MPI_Win_shared_query(self->window, rank, &size, &unit,
                                                (void *)&self->segments[rank]));
    }
}

dp_status dp_comm_window_create(dp_comm_window **window, dp_comm *comm, size_t bytes,
                                dp_error *error) {
    dp_status status = DP_OK;
    dp_comm_window *self = NULL;
    int node_size = 0;
    DP_MPI(comm, MPI_Comm_size(comm->node, &node_size));
    *window = NULL;
    DP_TRY_BLOCK(self,
                 dp_comm_zeroed(comm, 1, sizeof *self + (size_t)node_size * sizeof(void *), error));
    self->comm = comm;
    self->node_size = node_size;
    DP_OR_DONE(dp_comm_agree(comm, check_room(comm, bytes, error), error));
    /* All have zeroed their part when they have agreed. */
    DP_OR_DONE(dp_comm_agree(comm, allocate_window(self, bytes, error), error));
    DP_MPI(comm, MPI_Win_set_errhandler(self->window, MPI_ERRORS_RETURN));
    find_segments(self);
    *window = self;
    return DP_OK;
done:
    dp_memory_free(self); /* not all may have the window, and only all could free it */
    return status;
}

void dp_comm_window_destroy(dp_comm_window *window) {
    if (window == NULL)
        return;
    dp_comm_begin_blocking(window->comm, window->comm->node, "MPI_Win_free");
    DP_MPI(window->comm, MPI_Win_free(&window->window));
    dp_comm_end_blocking(window->comm);
    dp_memory_free(window);
}

void *dp_comm_window_segment(const dp_comm_window *window, int node_rank) {
    return window->segments[node_rank];
}

/* --- boards --------------------------------------------------------------------------------- */

/* Memory of rank 0 that the others reach by one-sided communication. It is open to all from the
 * creation to the end, and each access is complete when its call returns. */
struct dp_comm_board {
    dp_comm *comm;
    MPI_Win window;
};

static dp_status allocate_cells(dp_comm_board *self, size_t cells, dp_error *error) {
    dp_comm *comm = self->comm;
    int64_t *mine = NULL;
    const size_t bytes = comm->rank == 0 ? cells * sizeof *mine : 0;
    dp_comm_begin_blocking(comm, comm->world, "MPI_Win_allocate");
    int result = MPI_Win_allocate((MPI_Aint)bytes, sizeof *mine, MPI_INFO_NULL, comm->world,
                                  (void *)&mine, &self->window);
    if (result == MPI_SUCCESS && bytes > 0)
        memset(mine, 0, bytes);
    dp_comm_end_blocking(comm);
    if (result == MPI_SUCCESS)
        return DP_OK;
    return dp_fail(error, DP_ERR_MEMORY, "no memory for one-sided communication on %s",
                   dp_comm_host(comm));
}

dp_status dp_comm_board_create(dp_comm_board **board, dp_comm *comm, size_t cells,
                               dp_error *error) {
    dp_status status = DP_OK;
    dp_comm_board *self = NULL;
    *board = NULL;
    DP_TRY_NEW_ON_ALL(comm, self, 1);
    self->comm = comm;
    /* Rank 0 has zeroed the cells when all have agreed. */
    DP_OR_DONE(dp_comm_agree(comm, allocate_cells(self, cells, error), error));
    DP_MPI(comm, MPI_Win_set_errhandler(self->window, MPI_ERRORS_RETURN));
    DP_MPI(comm, MPI_Win_lock_all(MPI_MODE_NOCHECK, self->window));
    *board = self;
    return DP_OK;
done:
    dp_memory_free(self);
    return status;
}

void dp_comm_board_destroy(dp_comm_board *board) {
    if (board == NULL)
        return;
    dp_comm_begin_blocking(board->comm, board->comm->world, "MPI_Win_free");
    DP_MPI(board->comm, MPI_Win_unlock_all(board->window));
    DP_MPI(board->comm, MPI_Win_free(&board->window));
    dp_comm_end_blocking(board->comm);
    dp_memory_free(board);
}

static int64_t access_cell(dp_comm_board *board, size_t cell, int64_t value, MPI_Op operation) {
    int64_t before = 0;
    MPI_Request request;
    DP_MPI(board->comm,
           MPI_Rget_accumulate(&value, 1, MPI_INT64_T, &before, 1, MPI_INT64_T, 0, (MPI_Aint)cell,
                               1, MPI_INT64_T, operation, board->window, &request));
    dp_comm_wait_for(board->comm, &request, 0);
    return before;
}

int64_t dp_comm_board_read(dp_comm_board *board, size_t cell) {
    return access_cell(board, cell, 0, MPI_NO_OP);
}

int64_t dp_comm_board_add(dp_comm_board *board, size_t cell, int64_t value) {
    return access_cell(board, cell, value, MPI_SUM);
}

int64_t dp_comm_board_write(dp_comm_board *board, size_t cell, int64_t value) {
    return access_cell(board, cell, value, MPI_REPLACE);
}
