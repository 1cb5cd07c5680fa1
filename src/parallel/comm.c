/* The job: joining, leaving, its nodes and its groups. */
#include "parallel/comm_internal.h"

#include "base/text.h"
#include "base/timer.h"
#include "base/workspace.h"
#include "system/cpu.h"
#include "system/limits.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Until the config is known. */
#define DEADLINE_AT_START 300.0

/* What MPI_Init needs: address space, a file that it shares with its daemon, and files open at
 * once. Where it gets less it crashes, hangs or says what nobody understands. */
#define MPI_BYTES ((size_t)240 << 20)
#define MPI_DATA_BYTES ((size_t)32 << 20)
#define MPI_FILE_BYTES ((uint64_t)4 << 20)
#define MPI_FILES 32

/* Of a message; longer ones go in pieces, as MPI counts with an int. */
#define PIECE_BYTES ((size_t)1 << 30)

/* The ranks of `ranks` that share memory with this one. For tests, a machine can be taken for
 * several: DPTRAIN_RANKS_PER_NODE limits how many ranks count as one node. */
static void split_by_node(dp_comm *comm, MPI_Comm ranks, MPI_Comm *node) {
    MPI_Comm machine;
    uint64_t limit = 0;
    int rank = 0;
    const char *text = getenv("DPTRAIN_RANKS_PER_NODE");
    DP_MPI(comm, MPI_Comm_split_type(ranks, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine));
    if (text == NULL || !dp_text_parse_unsigned(text, &limit) || limit < 1 || limit > INT_MAX)
        limit = INT_MAX;
    DP_MPI(comm, MPI_Comm_rank(machine, &rank));
    DP_MPI(comm, MPI_Comm_split(machine, rank / (int)limit, 0, node));
    DP_MPI(comm, MPI_Comm_free(&machine));
}

static void find_own_number(dp_comm *comm) {
    DP_MPI(comm, MPI_Comm_rank(comm->world, &comm->rank));
    DP_MPI(comm, MPI_Comm_size(comm->world, &comm->size));
}

/* Renumbers the ranks node by node. */
static void order_by_node(dp_comm *comm) {
    MPI_Comm node;
    int first = 0;
    split_by_node(comm, MPI_COMM_WORLD, &node);
    /* The launcher's number of the node's first rank stands for the node; ties keep their order. */
    DP_MPI(comm, MPI_Comm_rank(MPI_COMM_WORLD, &first));
    DP_MPI(comm, MPI_Bcast(&first, 1, MPI_INT, 0, node));
    DP_MPI(comm, MPI_Comm_free(&node));
    DP_MPI(comm, MPI_Comm_split(MPI_COMM_WORLD, 0, first, &comm->world));
    find_own_number(comm);
    split_by_node(comm, comm->world, &comm->node);
}

/* Tells the others of this rank, and learns of them. */
static void look_around(dp_comm *comm) {
    dp_comm_peer *own = &comm->peers[comm->rank];
    int length = 0;
    char name[MPI_MAX_PROCESSOR_NAME] = "";
    DP_MPI(comm, MPI_Get_processor_name(name, &length));
    snprintf(comm->host, sizeof comm->host, "%.63s", name);
    snprintf(comm->name, sizeof comm->name, "rank %d on %s", comm->job_rank, comm->host);
    memcpy(own->name, comm->name, sizeof own->name);
    own->processors = comm->processors;
    DP_MPI(comm, MPI_Comm_rank(comm->node, &own->node_rank));
    DP_MPI(comm, MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, comm->peers, sizeof *own,
                               MPI_BYTE, comm->world));
    for (int rank = 0; rank < comm->size; rank++) {
        if (comm->peers[rank].node_rank == 0)
            comm->node_first[comm->node_count++] = rank;
        if (rank == comm->rank)
            comm->node_index = comm->node_count - 1;
    }
    comm->node_first[comm->node_count] = comm->size;
}

/* Of a node whose ranks are known. */
static int size_of_node(const dp_comm *comm) {
    return comm->node_first[comm->node_index + 1] - comm->node_first[comm->node_index];
}

/* The processors that the ranks of this node may use together. */
static int find_processors(dp_comm *comm) {
    unsigned char mask[DP_CPU_MASK_SIZE];
    int quota = dp_cpu_quota();
    dp_cpu_mask(mask);
    DP_MPI(comm,
           MPI_Allreduce(MPI_IN_PLACE, mask, DP_CPU_MASK_SIZE, MPI_BYTE, MPI_BOR, comm->node));
    DP_MPI(comm, MPI_Allreduce(MPI_IN_PLACE, &quota, 1, MPI_INT, MPI_MAX, comm->node));
    return quota < dp_cpu_mask_count(mask) ? quota : dp_cpu_mask_count(mask);
}

/* Makes *comm of what is known, with its tables. */
static dp_status build(dp_comm **comm, dp_comm known, dp_error *error) {
    dp_workspace room = {0};
    DP_RESERVE(&room, known.peers, (size_t)known.size);
    DP_RESERVE(&room, known.node_first, (size_t)known.size + 1);
    DP_TRY_BUILD(*comm, &room, known);
    return DP_OK;
}

static void free_communicators(dp_comm *self) {
    DP_MPI(self, MPI_Comm_free(&self->node));
    DP_MPI(self, MPI_Comm_free(&self->world));
}

/* For tests, messages can be cut into smaller pieces than MPI needs: DPTRAIN_PIECE_BYTES. */
static size_t choose_piece_bytes(void) {
    uint64_t bytes = 0;
    const char *text = getenv("DPTRAIN_PIECE_BYTES");
    if (text == NULL || !dp_text_parse_unsigned(text, &bytes) || bytes > PIECE_BYTES)
        return PIECE_BYTES;
    return bytes < sizeof(float) ? sizeof(float) : (size_t)bytes / sizeof(float) * sizeof(float);
}

static dp_status check_limits(dp_error *error) {
    dp_limits limits;
    dp_limits_look(&limits);
    if (limits.file_size < MPI_FILE_BYTES)
        return dp_fail(error, DP_ERR_IO,
                       "MPI needs files of 4 MiB, and a file's size is limited to %" PRIu64
                       " bytes (ulimit -f)",
                       limits.file_size);
    if (limits.files < MPI_FILES)
        return dp_fail(error, DP_ERR_IO,
                       "MPI needs %d open files, and there may be %" PRIu64 " (ulimit -n)",
                       MPI_FILES, limits.files);
    return dp_limits_check_memory(MPI_BYTES, MPI_DATA_BYTES, "MPI", error);
}

dp_status dp_comm_create(dp_comm **comm, dp_error *error) {
    dp_status status = DP_OK;
    dp_comm self = {.phase = "start", .piece_bytes = choose_piece_bytes()};
    (void)gethostname(self.host, sizeof self.host - 1);
    snprintf(self.name, sizeof self.name, "process %ld on %s", (long)getpid(), self.host);
    *comm = NULL;
    DP_TRY(check_limits(error));
    if (MPI_Init(NULL, NULL) != MPI_SUCCESS)
        return dp_fail(error, DP_ERR_LAUNCH, "MPI does not start");
    /* For communicators that come of it, too: MPI would end the job with a status of its own. */
    DP_MPI(&self, MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    order_by_node(&self);
    self.job_rank = self.rank;
    DP_OR_DONE(dp_comm_agree(&self, build(comm, self, error), error));
    (*comm)->processors = find_processors(*comm);
    look_around(*comm);
    (*comm)->oversubscribed = size_of_node(*comm) > (*comm)->processors;
    (*comm)->deadline = DEADLINE_AT_START;
    return DP_OK;
done:
    dp_memory_free(*comm);
    *comm = NULL;
    return status;
}

void dp_comm_leave(void) {
    int joined = 0, left = 0;
    MPI_Initialized(&joined);
    MPI_Finalized(&left);
    if (joined && !left)
        MPI_Finalize();
}

/* What a group has of the job. */
static dp_comm begin_group(const dp_comm *comm) {
    dp_comm self = {.is_group = true,
                    .phase = "start",
                    .job_rank = comm->job_rank,
                    .processors = comm->processors,
                    .piece_bytes = comm->piece_bytes};
    memcpy(self.name, comm->name, sizeof self.name);
    return self;
}

/* Others use the processors of the node too. */
static void share_processors(dp_comm *group, const dp_comm *comm) {
    int size = 0;
    DP_MPI(group, MPI_Comm_size(group->node, &size));
    const int share = comm->processors * size / size_of_node(comm);
    group->processors = share > 1 ? share : 1;
    group->oversubscribed = comm->oversubscribed;
}

/* The nodes of a group are those of the job, as far as it has ranks there. */
dp_status dp_comm_split(dp_comm **group, dp_comm *comm, int colour, dp_error *error) {
    dp_status status = DP_OK;
    dp_comm self = begin_group(comm);
    *group = NULL;
    dp_comm_begin_blocking(comm, comm->world, "MPI_Comm_split");
    DP_MPI(comm, MPI_Comm_split(comm->world, colour, comm->rank, &self.world));
    DP_MPI(comm, MPI_Comm_split(comm->node, colour, comm->rank, &self.node));
    dp_comm_end_blocking(comm);
    find_own_number(&self);
    share_processors(&self, comm);
    DP_OR_DONE(dp_comm_agree(comm, build(group, self, error), error));
    dp_comm_begin_blocking(comm, comm->world, "MPI_Allgather");
    look_around(*group);
    dp_comm_end_blocking(comm);
    return DP_OK;
done:
    free_communicators(&self);
    dp_memory_free(*group);
    *group = NULL;
    return status;
}

/* A communicator of some ranks of another, by their numbers there. */
static void form(dp_comm *comm, MPI_Comm ranks, const int *numbers, int count, MPI_Comm *formed) {
    MPI_Group all, some;
    DP_MPI(comm, MPI_Comm_group(ranks, &all));
    DP_MPI(comm, MPI_Group_incl(all, count, numbers, &some));
    dp_comm_begin_blocking(comm, MPI_COMM_NULL, "MPI_Comm_create_group");
    DP_MPI(comm, MPI_Comm_create_group(ranks, some, DP_COMM_TAG_FORM, formed));
    dp_comm_end_blocking(comm);
    DP_MPI(comm, MPI_Group_free(&some));
    DP_MPI(comm, MPI_Group_free(&all));
}

/* numbers[count]: of the ranks that are on this node, there. Returns how many. */
static int find_on_node(const dp_comm *comm, const int *ranks, int count, int *numbers) {
    const int first = comm->node_first[comm->node_index];
    int found = 0;
    for (int i = 0; i < count; i++) {
        if (ranks[i] >= first && ranks[i] < comm->node_first[comm->node_index + 1])
            numbers[found++] = comm->peers[ranks[i]].node_rank;
    }
    return found;
}

/* Fails, if it does, on all ranks that are to be in the group. */
dp_status dp_comm_form(dp_comm **group, dp_comm *comm, const int *ranks, int count,
                       dp_error *error) {
    dp_status status = DP_OK;
    dp_comm self = begin_group(comm);
    DP_OWNED(dp_memory_release) int *numbers = NULL;
    *group = NULL;
    self.deadline = comm->deadline;
    form(comm, comm->world, ranks, count, &self.world);
    find_own_number(&self);
    numbers = dp_memory_zeroed((size_t)count, sizeof *numbers, error);
    status = dp_comm_agree(&self, numbers == NULL ? error->status : DP_OK, error);
    if (status != DP_OK || numbers == NULL) {
        DP_MPI(&self, MPI_Comm_free(&self.world));
        return status;
    }
    const int on_node = find_on_node(comm, ranks, count, numbers);
    form(comm, comm->node, numbers, on_node, &self.node);
    self.oversubscribed = on_node > self.processors;
    DP_OR_DONE(dp_comm_agree(&self, build(group, self, error), error));
    look_around(*group);
    (*group)->parent = comm;
    comm->called = comm->looked = dp_timer_now();
    return DP_OK;
done:
    free_communicators(&self);
    dp_memory_free(*group);
    *group = NULL;
    return status;
}

void dp_comm_destroy(dp_comm *comm) {
    if (comm == NULL)
        return;
    comm->phase = "end";
    dp_comm_begin_blocking(comm, comm->world, comm->is_group ? "MPI_Comm_free" : "MPI_Finalize");
    free_communicators(comm);
    if (!comm->is_group)
        DP_MPI(comm, MPI_Finalize());
    dp_comm_end_blocking(comm);
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

int dp_comm_processors(const dp_comm *comm, int node) {
    return comm->peers[comm->node_first[node]].processors;
}

bool dp_comm_oversubscribed(const dp_comm *comm) {
    return comm->oversubscribed;
}

const char *dp_comm_host(const dp_comm *comm) {
    return comm->host;
}

uint64_t dp_comm_bytes_sent(const dp_comm *comm) {
    return comm->bytes_sent;
}
