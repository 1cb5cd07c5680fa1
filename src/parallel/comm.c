/* The job: joining, leaving, its nodes and its groups. */
#include "parallel/comm_internal.h"

#include "base/memory.h"
#include "base/text.h"
#include "system/cpu.h"
#include "system/filesystem.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Until the config is known. */
#define DEADLINE_AT_START 300.0

/* Of a message; longer ones go in pieces, as MPI counts with an int. */
#define PIECE_BYTES ((size_t)1 << 30)
/* Processors that the ranks of this node may use together. */
static int node_cpu_count(dp_comm *comm) {
    unsigned char mask[DP_CPU_MASK_SIZE];
    dp_cpu_mask(mask);
    dp_comm_demand(
        comm, MPI_Allreduce(MPI_IN_PLACE, mask, DP_CPU_MASK_SIZE, MPI_BYTE, MPI_BOR, comm->node),
        "MPI_Allreduce");
    return dp_cpu_mask_count(mask);
}

/* The ranks of `ranks` that share memory with this one. For tests, a machine can be taken for
 * several: DPTRAIN_RANKS_PER_NODE limits how many ranks count as one node. */
static void split_by_node(dp_comm *comm, MPI_Comm ranks, MPI_Comm *node) {
    MPI_Comm machine;
    uint64_t limit = 0;
    int rank = 0;
    const char *text = getenv("DPTRAIN_RANKS_PER_NODE");
    dp_comm_demand(comm,
                   MPI_Comm_split_type(ranks, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine),
                   "MPI_Comm_split_type");
    if (text == NULL || !dp_text_parse_unsigned(text, &limit) || limit < 1 || limit > INT_MAX)
        limit = INT_MAX;
    dp_comm_demand(comm, MPI_Comm_rank(machine, &rank), "MPI_Comm_rank");
    dp_comm_demand(comm, MPI_Comm_split(machine, rank / (int)limit, 0, node), "MPI_Comm_split");
    dp_comm_demand(comm, MPI_Comm_free(&machine), "MPI_Comm_free");
}

static void find_own_number(dp_comm *comm) {
    dp_comm_demand(comm, MPI_Comm_rank(comm->world, &comm->rank), "MPI_Comm_rank");
    dp_comm_demand(comm, MPI_Comm_size(comm->world, &comm->size), "MPI_Comm_size");
}

/* Renumbers the ranks node by node. */
static void order_by_node(dp_comm *comm) {
    MPI_Comm node;
    int first = 0;
    split_by_node(comm, MPI_COMM_WORLD, &node);
    /* The launcher's number of the node's first rank stands for the node; ties keep their order. */
    dp_comm_demand(comm, MPI_Comm_rank(MPI_COMM_WORLD, &first), "MPI_Comm_rank");
    dp_comm_demand(comm, MPI_Bcast(&first, 1, MPI_INT, 0, node), "MPI_Bcast");
    dp_comm_demand(comm, MPI_Comm_free(&node), "MPI_Comm_free");
    dp_comm_demand(comm, MPI_Comm_split(MPI_COMM_WORLD, 0, first, &comm->world), "MPI_Comm_split");
    find_own_number(comm);
    split_by_node(comm, comm->world, &comm->node);
}

/* What messages say of this rank. */
static void know_self(dp_comm *comm, int job_rank) {
    int length = 0;
    char name[MPI_MAX_PROCESSOR_NAME] = "";
    dp_comm_demand(comm, MPI_Get_processor_name(name, &length), "MPI_Get_processor_name");
    snprintf(comm->hosts[comm->rank], DP_COMM_HOST_SIZE, "%.63s", name);
    comm->job_ranks[comm->rank] = job_rank;
    comm->is_known = true;
}

/* Fills the table of nodes. node_first has room for a node a rank. */
static void number_nodes(dp_comm *comm) {
    int node_rank = 0;
    dp_comm_demand(comm, MPI_Comm_rank(comm->node, &node_rank), "MPI_Comm_rank");
    dp_comm_demand(comm,
                   MPI_Allgather(&node_rank, 1, MPI_INT, comm->node_first, 1, MPI_INT, comm->world),
                   "MPI_Allgather");
    for (int rank = 0; rank < comm->size; rank++) {
        if (comm->node_first[rank] == 0)
            comm->node_first[comm->node_count++] = rank;
        if (rank == comm->rank)
            comm->node_index = comm->node_count - 1;
    }
    comm->node_first[comm->node_count] = comm->size;
}

/* What the ranks know of each other. `job_rank` is the number of this one in the job. */
static void look_around(dp_comm *comm, int job_rank) {
    know_self(comm, job_rank);
    number_nodes(comm);
    dp_comm_demand(comm,
                   MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, comm->hosts, DP_COMM_HOST_SIZE,
                                 MPI_CHAR, comm->world),
                   "MPI_Allgather");
    dp_comm_demand(
        comm,
        MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, comm->job_ranks, 1, MPI_INT, comm->world),
        "MPI_Allgather");
}

static bool is_oversubscribed(dp_comm *comm) {
    int node_size = 0;
    dp_comm_demand(comm, MPI_Comm_size(comm->node, &node_size), "MPI_Comm_size");
    return node_size > node_cpu_count(comm);
}

/* Whether all ranks have what they need to begin, when there is no dp_comm to agree by yet; where
 * not, *error is that of the lowest that has not. */
static dp_status agree_at_start(bool failed, dp_error *error) {
    int rank = 0, speaker = 0;
    dp_comm_demand(NULL, MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
    const int mine = failed ? rank : INT_MAX;
    dp_comm_demand(NULL, MPI_Allreduce(&mine, &speaker, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD),
                   "MPI_Allreduce");
    if (speaker == INT_MAX)
        return DP_OK;
    if (speaker != rank)
        return dp_fail(error, DP_ERR_MEMORY, "%s", "");
    return error->status;
}

static dp_status allocate_tables(dp_comm *self, dp_error *error) {
    const size_t size = (size_t)self->size;
    DP_TRY_NEW(self->node_first, size + 1);
    DP_TRY_NEW(self->hosts, size);
    DP_TRY_NEW(self->job_ranks, size);
    DP_TRY_NEW(self->statuses, size);
    DP_TRY_NEW(self->present, size);
    return DP_OK;
}

static void free_tables(dp_comm *self) {
    dp_memory_free(self->node_first);
    dp_memory_free(self->hosts);
    dp_memory_free(self->job_ranks);
    dp_memory_free(self->statuses);
    dp_memory_free(self->present);
}

static void free_communicators(dp_comm *self) {
    dp_comm_demand(self, MPI_Comm_free(&self->node), "MPI_Comm_free");
    dp_comm_demand(self, MPI_Comm_free(&self->world), "MPI_Comm_free");
}

/* For tests, messages can be cut into smaller pieces than MPI needs: DPTRAIN_PIECE_BYTES. */
static size_t choose_piece_bytes(void) {
    uint64_t bytes = 0;
    const char *text = getenv("DPTRAIN_PIECE_BYTES");
    if (text == NULL || !dp_text_parse_unsigned(text, &bytes) || bytes > PIECE_BYTES)
        return PIECE_BYTES;
    return bytes < sizeof(float) ? sizeof(float) : (size_t)bytes / sizeof(float) * sizeof(float);
}

dp_status dp_comm_create(dp_comm **comm, dp_error *error) {
    dp_status status = DP_OK;
    *comm = NULL;
    if (MPI_Init(NULL, NULL) != MPI_SUCCESS)
        return dp_fail(error, DP_ERR_LAUNCH, "MPI does not start");
    /* For communicators that come of it, too: MPI would end the job with a status of its own. */
    dp_comm_demand(NULL, MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN),
                   "MPI_Comm_set_errhandler");
    dp_comm *self = dp_memory_zeroed(1, sizeof *self, error);
    DP_OR_DONE(agree_at_start(self == NULL, error));
    order_by_node(self);
    self->phase = "start";
    self->deadline = DEADLINE_AT_START;
    self->piece_bytes = choose_piece_bytes();
    DP_OR_DONE(agree_at_start(allocate_tables(self, error) != DP_OK, error));
    look_around(self, self->rank);
    self->oversubscribed = is_oversubscribed(self);
    *comm = self;
    return DP_OK;
done:
    if (self != NULL)
        free_tables(self);
    dp_memory_free(self);
    dp_comm_demand(NULL, MPI_Finalize(), "MPI_Finalize");
    return status;
}

/* The nodes of a group are those of the job, as far as it has ranks there. */
dp_status dp_comm_split(dp_comm **group, dp_comm *comm, int colour, dp_error *error) {
    dp_status status = DP_OK;
    dp_comm *self = NULL;
    *group = NULL;
    DP_NEW_ON_ALL_OR_DONE(comm, self, 1);
    self->is_group = true;
    self->phase = "start";
    self->oversubscribed = comm->oversubscribed; /* the other groups use the processors too */
    self->piece_bytes = comm->piece_bytes;
    dp_comm_begin_blocking(comm, comm->world, "MPI_Comm_split");
    dp_comm_demand(comm, MPI_Comm_split(comm->world, colour, comm->rank, &self->world),
                   "MPI_Comm_split");
    dp_comm_demand(comm, MPI_Comm_split(comm->node, colour, comm->rank, &self->node),
                   "MPI_Comm_split");
    dp_comm_end_blocking(comm);
    find_own_number(self);
    DP_OR_DONE(dp_comm_agree(comm, allocate_tables(self, error), error));
    dp_comm_begin_blocking(comm, comm->world, "MPI_Allgather");
    look_around(self, comm->job_ranks[comm->rank]);
    dp_comm_end_blocking(comm);
    *group = self;
    return DP_OK;
done:
    if (self != NULL) {
        free_communicators(self);
        free_tables(self);
    }
    dp_memory_free(self);
    return status;
}

void dp_comm_destroy(dp_comm *comm) {
    if (comm == NULL)
        return;
    comm->phase = "end";
    dp_comm_begin_blocking(comm, comm->world, comm->is_group ? "MPI_Comm_free" : "MPI_Finalize");
    free_communicators(comm);
    if (!comm->is_group)
        dp_comm_demand(comm, MPI_Finalize(), "MPI_Finalize");
    dp_comm_end_blocking(comm);
    free_tables(comm);
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

int dp_comm_node(const dp_comm *comm) {
    return comm->node_index;
}

int dp_comm_node_first(const dp_comm *comm, int node) {
    return comm->node_first[node];
}

bool dp_comm_oversubscribed(const dp_comm *comm) {
    return comm->oversubscribed;
}

const char *dp_comm_host(const dp_comm *comm) {
    return comm->hosts[comm->rank];
}

/* Reads a parameter of Open MPI, as the launcher, a file or the environment has set it, of at most
 * so many elements of its type. False where there is none. */
static bool read_parameter(const char *name, int elements, void *value) {
    int provided = 0, index = 0, count = 0;
    bool found = false;
    MPI_T_cvar_handle handle;
    if (MPI_T_init_thread(MPI_THREAD_SINGLE, &provided) != MPI_SUCCESS)
        return false;
    if (MPI_T_cvar_get_index(name, &index) == MPI_SUCCESS &&
        MPI_T_cvar_handle_alloc(index, NULL, &handle, &count) == MPI_SUCCESS) {
        found = count <= elements && MPI_T_cvar_read(handle, value) == MPI_SUCCESS;
        MPI_T_cvar_handle_free(&handle);
    }
    MPI_T_finalize();
    return found;
}

int dp_comm_mpi_yields(void) {
    int yields = 0;
    return read_parameter("mpi_yield_when_idle", 1, &yields) ? yields != 0 : -1;
}

uint64_t dp_comm_shared_free(char folder[DP_PATH_SIZE]) {
    uint64_t bytes = 0;
    dp_error ignored;
    memset(folder, 0, DP_PATH_SIZE);
    if (!read_parameter("osc_sm_backing_directory", DP_PATH_SIZE - 1, folder))
        snprintf(folder, DP_PATH_SIZE, "/dev/shm");
    return dp_filesystem_free_bytes(folder, &bytes, &ignored) == DP_OK ? bytes : UINT64_MAX;
}

uint64_t dp_comm_bytes_sent(const dp_comm *comm) {
    return comm->bytes_sent;
}
