/* Memory that several ranks see: windows of a node, and boards of all. */
#include "parallel/comm_internal.h"

#include "base/memory.h"

#include <string.h>

/* --- shared memory -------------------------------------------------------------------------- */

struct dp_comm_window {
    dp_comm *comm;
    MPI_Win window;
    int node_size;
    void **segments; /* [node_size] */
};

/* MPI leaves the ranks of a node waiting for each other where there is not enough. */
static dp_status check_room(dp_comm *comm, size_t bytes, dp_error *error) {
    char folder[DP_PATH_SIZE];
    uint64_t all = bytes;
    dp_comm_demand(comm, MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_UINT64_T, MPI_SUM, comm->node),
                   "MPI_Allreduce");
    const uint64_t free = dp_comm_shared_free(folder);
    if (all <= free)
        return DP_OK;
    return dp_fail(error, DP_ERR_MEMORY,
                   "no shared memory of %.1f MB on %s: %.200s has %.1f MB free. Enlarge it (docker "
                   "run --shm-size), or set parallel.exchange=tree",
                   1e-6 * (double)all, dp_comm_host(comm), folder, 1e-6 * (double)free);
}

/* Whether there is memory for it; MPI may not have enough where a call of the system would. */
static bool allocate_window(dp_comm_window *self, size_t bytes) {
    dp_comm *comm = self->comm;
    void *mine = NULL;
    MPI_Info info;
    dp_comm_demand(comm, MPI_Info_create(&info), "MPI_Info_create");
    /* Each segment on pages of its own, near the processor of the rank that fills it. */
    dp_comm_demand(comm, MPI_Info_set(info, "alloc_shared_noncontig", "true"), "MPI_Info_set");
    int result =
        MPI_Win_allocate_shared((MPI_Aint)bytes, 1, info, comm->node, (void *)&mine, &self->window);
    dp_comm_demand(comm, MPI_Info_free(&info), "MPI_Info_free");
    if (result != MPI_SUCCESS)
        return false;
    memset(mine, 0, bytes);
    return true;
}

static void find_segments(dp_comm_window *self) {
    for (int rank = 0; rank < self->node_size; rank++) {
        MPI_Aint size = 0;
        int unit = 0;
        dp_comm_demand(
            self->comm,
            MPI_Win_shared_query(self->window, rank, &size, &unit, (void *)&self->segments[rank]),
            "MPI_Win_shared_query");
    }
}

dp_status dp_comm_window_create(dp_comm_window **window, dp_comm *comm, size_t bytes,
                                dp_error *error) {
    dp_status status = DP_OK;
    dp_comm_window *self = NULL;
    *window = NULL;
    DP_NEW_ON_ALL_OR_DONE(comm, self, 1);
    *self = (dp_comm_window){.comm = comm, .window = MPI_WIN_NULL};
    dp_comm_demand(comm, MPI_Comm_size(comm->node, &self->node_size), "MPI_Comm_size");
    DP_NEW_ON_ALL_OR_DONE(comm, self->segments, (size_t)self->node_size);
    DP_OR_DONE(dp_comm_agree(comm, check_room(comm, bytes, error), error));
    dp_comm_begin_blocking(comm, comm->node, "MPI_Win_allocate_shared");
    const bool allocated = allocate_window(self, bytes);
    dp_comm_end_blocking(comm);
    if (!allocated)
        status = dp_fail(error, DP_ERR_MEMORY, "no shared memory of %zu bytes on %s", bytes,
                         dp_comm_host(comm));
    DP_OR_DONE(dp_comm_agree(comm, status, error)); /* and all have zeroed their part */
    dp_comm_demand(comm, MPI_Win_set_errhandler(self->window, MPI_ERRORS_RETURN),
                   "MPI_Win_set_errhandler");
    find_segments(self);
    *window = self;
    return DP_OK;
done:
    if (self != NULL)
        self->window = MPI_WIN_NULL; /* not all may have it, and only all could free it */
    dp_comm_window_destroy(self);
    return status;
}

void dp_comm_window_destroy(dp_comm_window *window) {
    if (window == NULL)
        return;
    if (window->window != MPI_WIN_NULL) {
        dp_comm_begin_blocking(window->comm, window->comm->node, "MPI_Win_free");
        dp_comm_demand(window->comm, MPI_Win_free(&window->window), "MPI_Win_free");
        dp_comm_end_blocking(window->comm);
    }
    dp_memory_free(window->segments);
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

static int allocate_cells(dp_comm_board *self, size_t cells) {
    int64_t *mine = NULL;
    size_t bytes = self->comm->rank == 0 ? cells * sizeof *mine : 0;
    int result = MPI_Win_allocate((MPI_Aint)bytes, sizeof *mine, MPI_INFO_NULL, self->comm->world,
                                  (void *)&mine, &self->window);
    if (result == MPI_SUCCESS && bytes > 0)
        memset(mine, 0, bytes);
    return result;
}

dp_status dp_comm_board_create(dp_comm_board **board, dp_comm *comm, size_t cells,
                               dp_error *error) {
    dp_status status = DP_OK;
    dp_comm_board *self = NULL;
    *board = NULL;
    DP_NEW_ON_ALL_OR_DONE(comm, self, 1);
    *self = (dp_comm_board){.comm = comm, .window = MPI_WIN_NULL};
    dp_comm_begin_blocking(comm, comm->world, "MPI_Win_allocate");
    const bool allocated = allocate_cells(self, cells) == MPI_SUCCESS;
    dp_comm_end_blocking(comm);
    if (!allocated)
        status = dp_fail(error, DP_ERR_MEMORY, "no memory for one-sided communication on %s",
                         dp_comm_host(comm));
    DP_OR_DONE(dp_comm_agree(comm, status, error)); /* and rank 0 has zeroed the cells */
    dp_comm_demand(comm, MPI_Win_set_errhandler(self->window, MPI_ERRORS_RETURN),
                   "MPI_Win_set_errhandler");
    dp_comm_demand(comm, MPI_Win_lock_all(MPI_MODE_NOCHECK, self->window), "MPI_Win_lock_all");
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
    dp_comm_demand(board->comm, MPI_Win_unlock_all(board->window), "MPI_Win_unlock_all");
    dp_comm_demand(board->comm, MPI_Win_free(&board->window), "MPI_Win_free");
    dp_comm_end_blocking(board->comm);
    dp_memory_free(board);
}

static int64_t access_cell(dp_comm_board *board, size_t cell, int64_t value, MPI_Op operation) {
    int64_t before = 0;
    MPI_Request request;
    dp_comm_demand(board->comm,
                   MPI_Rget_accumulate(&value, 1, MPI_INT64_T, &before, 1, MPI_INT64_T, 0,
                                       (MPI_Aint)cell, 1, MPI_INT64_T, operation, board->window,
                                       &request),
                   "MPI_Rget_accumulate");
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
