#include "parallel/comm.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/timer.h"
#include "system/cpu.h"
#include "system/filesystem.h"

#include <inttypes.h>
#include <limits.h>
#include <mpi.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOST_SIZE 64
#define ANY_PEER (-1)

enum { TAG_DATA, TAG_ROLL_CALL, TAG_ROLL_ANSWER };
#define ROLL_CALL_SECONDS 2.0  /* for the answers; a waiting rank gives its own much sooner */
#define ROLL_LOOK_SECONDS 0.05 /* between two looks of a waiting rank for calls */
#define NAMED_MAX 8            /* missing ranks that a message lists */

/* Polls before the processor is yielded between polls, when every rank has one of its own. Long
 * enough for an exchange between cores, short against a scheduler's time slice. */
#define SPINS_BEFORE_YIELD 20000
#define POLLS_PER_CLOCK_LOOK 256 /* of the fast ones */
#define YIELDS_PER_CLOCK_LOOK 16

/* What passes between two looks at the clock counts for so much at most. More has passed only where
 * this rank was not running itself: a job that was suspended as a whole has missed nothing. */
#define LOOK_SECONDS_MAX 1.0

/* Until the config is known. */
#define DEADLINE_AT_START 300.0

/* A rank that MPI does not let go, when it wants to end the job, ends alone. */
#define ABORT_SECONDS 10

/* Of a message; longer ones go in pieces, as MPI counts with an int. */
#define PIECE_BYTES ((size_t)1 << 30)

/* MPI may need the processor of the rank that holds a board for what others do with it. */
#define PLACES_PER_PROGRESS 64

#define REST_SECONDS 2e-3 /* sleep between two looks */
#define MEANWHILE_SECONDS 0.25

struct dp_comm {
    MPI_Comm world; /* all ranks of the job or the group, numbered node by node */
    MPI_Comm node;  /* those of this node, in the same order */
    bool is_group;
    bool is_known;   /* the number and host of this rank are in the tables */
    unsigned places; /* that a group was told of */
    int rank;
    int size;
    int node_index;
    int node_count;
    int *node_first; /* [node_count + 1] */
    bool oversubscribed;
    size_t piece_bytes; /* a multiple of a float's */
    double deadline;
    const char *phase;
    uint64_t step;
    uint64_t bytes_sent;
    char (*hosts)[HOST_SIZE]; /* [size] */
    int *job_ranks;           /* [size] the number of each rank in the job, for messages */
    dp_status *statuses;      /* [size], for dp_comm_agree */
    bool *present;            /* [size], for the roll call */
};

/* --- an alarm for calls of MPI that only return when they are done ---------------------------- */

/* What the alarm says, and the status that it ends with: a handler has no other way to know. */
static struct {
    char text[256];
    size_t length;
    int status;
} alarm_message;

static void end_at_alarm(int signal) {
    (void)signal;
    if (write(STDERR_FILENO, alarm_message.text, alarm_message.length) < 0)
        _exit(alarm_message.status);
    _exit(alarm_message.status);
}

/* Ends this rank with a status in so many seconds, unless the alarm is taken back: alarm(0). */
static void set_alarm(double seconds, int status) {
    struct sigaction action = {.sa_handler = end_at_alarm};
    sigemptyset(&action.sa_mask);
    alarm_message.status = status;
    sigaction(SIGALRM, &action, NULL);
    alarm(seconds < 1e6 ? (unsigned)seconds + 1 : 1000000);
}

/* --- failing -------------------------------------------------------------------------------- */

void dp_comm_abort(dp_comm *comm, int exit_status) {
    fflush(NULL);
    (void)comm;
    alarm_message.length = 0;
    set_alarm(ABORT_SECONDS, exit_status);
    MPI_Abort(MPI_COMM_WORLD, exit_status);
    abort();
}

/* "rank 2 on a"; before ranks know their numbers, "process 4711 on a". */
static void name_self(const dp_comm *comm, char *name, size_t size) {
    char host[HOST_SIZE] = "this host";
    if (comm != NULL && comm->is_known) {
        snprintf(name, size, "rank %d on %s", comm->job_ranks[comm->rank], dp_comm_host(comm));
        return;
    }
    (void)gethostname(host, sizeof host - 1);
    snprintf(name, size, "process %ld on %s", (long)getpid(), host);
}

/* A call of MPI has to succeed: there is no way on from one that failed, and nobody to agree with.
 * `comm` may be NULL or half made, as it is at the start. */
static void demand(dp_comm *comm, int result, const char *call) {
    if (result == MPI_SUCCESS)
        return;
    char message[MPI_MAX_ERROR_STRING] = "", name[2 * HOST_SIZE];
    int length = 0, finalized = 0;
    name_self(comm, name, sizeof name);
    MPI_Finalized(&finalized);
    if (!finalized)
        MPI_Error_string(result, message, &length);
    fprintf(stderr, "dptrain: %s: %s failed at step %" PRIu64 " (%s): %s\n", name, call,
            comm == NULL ? 0 : comm->step,
            comm == NULL || comm->phase == NULL ? "start" : comm->phase, message);
    fflush(NULL);
    if (finalized) /* MPI can end nothing any more; the launcher sees our status */
        _exit(DP_ERR_LAUNCH);
    dp_comm_abort(comm, DP_ERR_LAUNCH);
}

/* --- a missed deadline ---------------------------------------------------------------------- */

/* The rank that we wait for may itself be waiting for the one that is to blame, so whoever misses
 * the deadline calls the roll: every rank that waits answers, and those that do not are missing. */

static void send_nothing(dp_comm *comm, int peer, int tag) {
    MPI_Request request;
    demand(comm, MPI_Isend(NULL, 0, MPI_BYTE, peer, tag, comm->world, &request), "MPI_Isend");
    demand(comm, MPI_Request_free(&request), "MPI_Request_free");
}

/* Takes one empty message with this tag, if there is one: its sender, or ANY_PEER. */
static int take_nothing(dp_comm *comm, int tag) {
    MPI_Status message;
    int arrived = 0;
    demand(comm, MPI_Iprobe(MPI_ANY_SOURCE, tag, comm->world, &arrived, &message), "MPI_Iprobe");
    if (!arrived)
        return ANY_PEER;
    demand(comm,
           MPI_Recv(NULL, 0, MPI_BYTE, message.MPI_SOURCE, tag, comm->world, MPI_STATUS_IGNORE),
           "MPI_Recv");
    return message.MPI_SOURCE;
}

/* Returns the lowest rank that called, or `lowest` where that is lower. */
static int answer_roll_calls(dp_comm *comm, int lowest) {
    for (int caller = take_nothing(comm, TAG_ROLL_CALL); caller != ANY_PEER;
         caller = take_nothing(comm, TAG_ROLL_CALL)) {
        send_nothing(comm, caller, TAG_ROLL_ANSWER);
        lowest = caller < lowest ? caller : lowest;
    }
    return lowest;
}

/* Answers and collects answers for this long; returns as answer_roll_calls. */
static int collect_answers(dp_comm *comm, double seconds, int lowest) {
    for (double end = dp_timer_now() + seconds; dp_timer_now() < end; sched_yield()) {
        lowest = answer_roll_calls(comm, lowest);
        int answered = take_nothing(comm, TAG_ROLL_ANSWER);
        if (answered != ANY_PEER)
            comm->present[answered] = true;
    }
    return lowest;
}

/* "rank 1 on a, rank 2 on b and 3 more" are not present; where all are, a message is missing. */
static void append_missing(const dp_comm *comm, int peer, dp_text *out) {
    int missing = 0;
    for (int rank = 0; rank < comm->size; rank++) {
        if (comm->present[rank] || missing++ >= NAMED_MAX)
            continue;
        dp_text_append_format(out, "%srank %d on %s", missing == 1 ? "" : ", ",
                              comm->job_ranks[rank], comm->hosts[rank]);
    }
    if (missing > NAMED_MAX)
        dp_text_append_format(out, " and %d more", missing - NAMED_MAX);
    if (missing == 0 && peer == ANY_PEER)
        dp_text_append(out, "a message");
    else if (missing == 0)
        dp_text_append_format(out, "a message of rank %d on %s", comm->job_ranks[peer],
                              comm->hosts[peer]);
}

static _Noreturn void miss_deadline(dp_comm *comm, int peer) {
    dp_text missing = {0};
    memset(comm->present, 0, (size_t)comm->size * sizeof *comm->present);
    comm->present[comm->rank] = true;
    for (int rank = 0; rank < comm->size; rank++) {
        if (rank != comm->rank)
            send_nothing(comm, rank, TAG_ROLL_CALL);
    }
    /* Of several that call, the lowest speaks; its end of the job is also ours. */
    if (collect_answers(comm, ROLL_CALL_SECONDS, comm->rank) < comm->rank)
        (void)collect_answers(comm, 5.0 * ROLL_CALL_SECONDS, comm->rank);
    append_missing(comm, peer, &missing);
    fprintf(stderr,
            "dptrain: %s did not arrive within %g s at step %" PRIu64
            " (%s); rank %d on %s ends the job (parallel.deadline)\n",
            dp_text_string(&missing), comm->deadline, comm->step, comm->phase,
            comm->job_ranks[comm->rank], dp_comm_host(comm));
    dp_comm_abort(comm, DP_ERR_DEADLINE);
}

/* --- waiting -------------------------------------------------------------------------------- */

/* A wait for one thing. Start with {0}. */
typedef struct waiting {
    uint64_t polls;
    double looked;   /* at the clock, last; 0: not yet */
    double listened; /* for roll calls, last */
    double waited;   /* seconds */
} waiting;

static double smaller(double a, double b) {
    return a < b ? a : b;
}

/* To be called each time that what we wait for is not there yet: lets others have the processor,
 * answers roll calls, and does not return when the deadline has passed. */
static void go_on_waiting(dp_comm *comm, waiting *self, int peer) {
    self->polls++;
    const bool yields = comm->oversubscribed || self->polls >= SPINS_BEFORE_YIELD;
    if (yields)
        sched_yield();
    if (self->polls % (yields ? YIELDS_PER_CLOCK_LOOK : POLLS_PER_CLOCK_LOOK) != 0 ||
        comm->deadline <= 0.0)
        return;
    const double now = dp_timer_now();
    if (self->looked == 0.0)
        self->listened = now; /* nobody calls a roll who has not waited for long */
    else
        self->waited += smaller(now - self->looked, LOOK_SECONDS_MAX);
    self->looked = now;
    if (self->waited > comm->deadline)
        miss_deadline(comm, peer);
    if (now - self->listened < ROLL_LOOK_SECONDS)
        return;
    self->listened = now;
    (void)answer_roll_calls(comm, comm->rank);
}

static void wait_for(dp_comm *comm, MPI_Request *request, int peer) {
    waiting wait = {0};
    for (;; go_on_waiting(comm, &wait, peer)) {
        int arrived = 0;
        demand(comm, MPI_Test(request, &arrived, MPI_STATUS_IGNORE), "MPI_Test");
        if (arrived)
            return;
    }
}

void dp_comm_wait_for_flag(dp_comm *comm, const _Atomic uint64_t *flag, uint64_t value, int peer) {
    waiting wait = {0};
    while (atomic_load_explicit(flag, memory_order_acquire) < value)
        go_on_waiting(comm, &wait, peer);
}

/* --- calls that block ------------------------------------------------------------------------- */

/* Some collective calls of MPI have no form that can be polled. The ranks meet before each of them,
 * so that one that is missing is named; and one that goes missing within the call itself is noticed
 * by the alarm, which can name the call only. */
static void begin_blocking(dp_comm *comm, MPI_Comm ranks, const char *call) {
    MPI_Request request;
    demand(comm, MPI_Ibarrier(ranks, &request), "MPI_Ibarrier");
    wait_for(comm, &request, ANY_PEER);
    if (comm->deadline <= 0.0)
        return;
    int length = snprintf(alarm_message.text, sizeof alarm_message.text,
                          "dptrain: %s did not end within %g s at step %" PRIu64
                          " (%s); rank %d on %s ends the job (parallel.deadline)\n",
                          call, comm->deadline, comm->step, comm->phase,
                          comm->job_ranks[comm->rank], dp_comm_host(comm));
    alarm_message.length = strnlen(alarm_message.text, length < 0 ? 0 : sizeof alarm_message.text);
    /* The lowest rank speaks: the job ends before the others would. */
    set_alarm(comm->deadline + (comm->rank == 0 ? 0.0 : 3.0), DP_ERR_DEADLINE);
}

static void end_blocking(dp_comm *comm) {
    if (comm->deadline > 0.0)
        alarm(0);
}

/* The one place where sizes become MPI's int. */
static int narrow(dp_comm *comm, size_t count) {
    if (count > INT_MAX) {
        fprintf(stderr, "dptrain: a message of %zu elements is more than MPI can count\n", count);
        dp_comm_abort(comm, DP_ERR_INTERNAL);
    }
    return (int)count;
}

/* --- the job -------------------------------------------------------------------------------- */

/* Processors that the ranks of this node may use together. */
static int node_cpu_count(dp_comm *comm) {
    unsigned char mask[DP_CPU_MASK_SIZE];
    dp_cpu_mask(mask);
    demand(comm, MPI_Allreduce(MPI_IN_PLACE, mask, DP_CPU_MASK_SIZE, MPI_BYTE, MPI_BOR, comm->node),
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
    demand(comm, MPI_Comm_split_type(ranks, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine),
           "MPI_Comm_split_type");
    if (text == NULL || !dp_text_parse_unsigned(text, &limit) || limit < 1 || limit > INT_MAX)
        limit = INT_MAX;
    demand(comm, MPI_Comm_rank(machine, &rank), "MPI_Comm_rank");
    demand(comm, MPI_Comm_split(machine, rank / (int)limit, 0, node), "MPI_Comm_split");
    demand(comm, MPI_Comm_free(&machine), "MPI_Comm_free");
}

static void find_own_number(dp_comm *comm) {
    demand(comm, MPI_Comm_rank(comm->world, &comm->rank), "MPI_Comm_rank");
    demand(comm, MPI_Comm_size(comm->world, &comm->size), "MPI_Comm_size");
}

/* Renumbers the ranks node by node. */
static void order_by_node(dp_comm *comm) {
    MPI_Comm node;
    int first = 0;
    split_by_node(comm, MPI_COMM_WORLD, &node);
    /* The launcher's number of the node's first rank stands for the node; ties keep their order. */
    demand(comm, MPI_Comm_rank(MPI_COMM_WORLD, &first), "MPI_Comm_rank");
    demand(comm, MPI_Bcast(&first, 1, MPI_INT, 0, node), "MPI_Bcast");
    demand(comm, MPI_Comm_free(&node), "MPI_Comm_free");
    demand(comm, MPI_Comm_split(MPI_COMM_WORLD, 0, first, &comm->world), "MPI_Comm_split");
    find_own_number(comm);
    split_by_node(comm, comm->world, &comm->node);
}

/* What messages say of this rank. */
static void know_self(dp_comm *comm, int job_rank) {
    int length = 0;
    char name[MPI_MAX_PROCESSOR_NAME] = "";
    demand(comm, MPI_Get_processor_name(name, &length), "MPI_Get_processor_name");
    snprintf(comm->hosts[comm->rank], HOST_SIZE, "%.63s", name);
    comm->job_ranks[comm->rank] = job_rank;
    comm->is_known = true;
}

/* Fills the table of nodes. node_first has room for a node a rank. */
static void number_nodes(dp_comm *comm) {
    int node_rank = 0;
    demand(comm, MPI_Comm_rank(comm->node, &node_rank), "MPI_Comm_rank");
    demand(comm, MPI_Allgather(&node_rank, 1, MPI_INT, comm->node_first, 1, MPI_INT, comm->world),
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
    demand(comm,
           MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, comm->hosts, HOST_SIZE, MPI_CHAR,
                         comm->world),
           "MPI_Allgather");
    demand(
        comm,
        MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, comm->job_ranks, 1, MPI_INT, comm->world),
        "MPI_Allgather");
}

static bool is_oversubscribed(dp_comm *comm) {
    int node_size = 0;
    demand(comm, MPI_Comm_size(comm->node, &node_size), "MPI_Comm_size");
    return node_size > node_cpu_count(comm);
}

/* Whether all ranks have what they need to begin, when there is no dp_comm to agree by yet; where
 * not, *error is that of the lowest that has not. */
static dp_status agree_at_start(bool failed, dp_error *error) {
    int rank = 0, speaker = 0;
    demand(NULL, MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
    const int mine = failed ? rank : INT_MAX;
    demand(NULL, MPI_Allreduce(&mine, &speaker, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD),
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
    demand(self, MPI_Comm_free(&self->node), "MPI_Comm_free");
    demand(self, MPI_Comm_free(&self->world), "MPI_Comm_free");
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
    demand(NULL, MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN),
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
    demand(NULL, MPI_Finalize(), "MPI_Finalize");
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
    begin_blocking(comm, comm->world, "MPI_Comm_split");
    demand(comm, MPI_Comm_split(comm->world, colour, comm->rank, &self->world), "MPI_Comm_split");
    demand(comm, MPI_Comm_split(comm->node, colour, comm->rank, &self->node), "MPI_Comm_split");
    end_blocking(comm);
    find_own_number(self);
    DP_OR_DONE(dp_comm_agree(comm, allocate_tables(self, error), error));
    begin_blocking(comm, comm->world, "MPI_Allgather");
    look_around(self, comm->job_ranks[comm->rank]);
    end_blocking(comm);
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
    begin_blocking(comm, comm->world, comm->is_group ? "MPI_Comm_free" : "MPI_Finalize");
    free_communicators(comm);
    if (!comm->is_group)
        demand(comm, MPI_Finalize(), "MPI_Finalize");
    end_blocking(comm);
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

void dp_comm_set_deadline(dp_comm *comm, double seconds) {
    comm->deadline = seconds;
}

void dp_comm_set_place(dp_comm *comm, const char *phase, uint64_t step) {
    comm->phase = phase;
    comm->step = step;
    if (comm->is_group && comm->places++ % PLACES_PER_PROGRESS == 0) {
        int arrived = 0;
        demand(comm,
               MPI_Iprobe(MPI_ANY_SOURCE, TAG_ROLL_CALL, comm->world, &arrived, MPI_STATUS_IGNORE),
               "MPI_Iprobe");
    }
}

uint64_t dp_comm_bytes_sent(const dp_comm *comm) {
    return comm->bytes_sent;
}

/* --- messages ------------------------------------------------------------------------------- */

/* Bytes of the piece that begins at `from`, of a message of `count`. */
static int piece_at(const dp_comm *comm, size_t from, size_t count) {
    return (int)(count - from < comm->piece_bytes ? count - from : comm->piece_bytes);
}

static void send_bytes(dp_comm *comm, int peer, const void *bytes, size_t count) {
    comm->bytes_sent += count;
    for (size_t at = 0; at < count; at += comm->piece_bytes) {
        MPI_Request request;
        demand(comm,
               MPI_Isend((const char *)bytes + at, piece_at(comm, at, count), MPI_BYTE, peer,
                         TAG_DATA, comm->world, &request),
               "MPI_Isend");
        wait_for(comm, &request, peer);
    }
}

static void receive_bytes(dp_comm *comm, int peer, void *bytes, size_t count) {
    for (size_t at = 0; at < count; at += comm->piece_bytes) {
        MPI_Request request;
        demand(comm,
               MPI_Irecv((char *)bytes + at, piece_at(comm, at, count), MPI_BYTE, peer, TAG_DATA,
                         comm->world, &request),
               "MPI_Irecv");
        wait_for(comm, &request, peer);
    }
}

void dp_comm_send(dp_comm *comm, int peer, const float *values, size_t count) {
    send_bytes(comm, peer, values, count * sizeof *values);
}

void dp_comm_receive(dp_comm *comm, int peer, float *values, size_t count) {
    receive_bytes(comm, peer, values, count * sizeof *values);
}

/* Rank r receives from r without its lowest bit, and passes on to r + bit for the bits below that.
 */
void dp_comm_broadcast(dp_comm *comm, void *bytes, size_t count) {
    int bit = 1;
    while (bit < comm->size && (comm->rank & bit) == 0)
        bit *= 2;
    if (comm->rank != 0)
        receive_bytes(comm, comm->rank - bit, bytes, count);
    for (bit /= 2; bit > 0; bit /= 2) {
        if (comm->rank + bit < comm->size)
            send_bytes(comm, comm->rank + bit, bytes, count);
    }
}

void dp_comm_gather_all(dp_comm *comm, const void *mine, size_t count, void *everyones) {
    MPI_Request request;
    int bytes = narrow(comm, count);
    comm->bytes_sent += count * (size_t)(comm->size - 1);
    demand(comm,
           MPI_Iallgather(mine, bytes, MPI_BYTE, everyones, bytes, MPI_BYTE, comm->world, &request),
           "MPI_Iallgather");
    wait_for(comm, &request, ANY_PEER);
}

int dp_comm_max(dp_comm *comm, int value) {
    MPI_Request request;
    int maximum = value;
    demand(comm, MPI_Iallreduce(&value, &maximum, 1, MPI_INT, MPI_MAX, comm->world, &request),
           "MPI_Iallreduce");
    wait_for(comm, &request, ANY_PEER);
    return maximum;
}

void dp_comm_sum(dp_comm *comm, float *values, size_t count) {
    const size_t bytes = count * sizeof *values, ranks = (size_t)comm->size;
    comm->bytes_sent += 2 * (ranks - 1) * bytes / ranks;
    for (size_t at = 0; at < bytes; at += comm->piece_bytes) {
        MPI_Request request;
        const int floats = piece_at(comm, at, bytes) / (int)sizeof *values;
        demand(comm,
               MPI_Iallreduce(MPI_IN_PLACE, values + at / sizeof *values, floats, MPI_FLOAT,
                              MPI_SUM, comm->world, &request),
               "MPI_Iallreduce");
        wait_for(comm, &request, ANY_PEER);
    }
}

void dp_comm_sum_blocking(dp_comm *comm, float *values, size_t count) {
    demand(
        comm,
        MPI_Allreduce(MPI_IN_PLACE, values, narrow(comm, count), MPI_FLOAT, MPI_SUM, comm->world),
        "MPI_Allreduce");
}

dp_status dp_comm_agree(dp_comm *comm, dp_status mine, dp_error *error) {
    dp_comm_gather_all(comm, &mine, sizeof mine, comm->statuses);
    for (int rank = 0; rank < comm->size; rank++) {
        dp_status theirs = comm->statuses[rank];
        if (theirs == DP_OK)
            continue;
        if (rank != comm->rank)
            dp_fail(error, theirs, "%s", "");
        return theirs;
    }
    return DP_OK;
}

void *dp_comm_zeroed(dp_comm *comm, size_t count, size_t size, dp_error *error) {
    void *block = dp_memory_zeroed(count, size, error);
    if (dp_comm_agree(comm, block == NULL ? error->status : DP_OK, error) != DP_OK) {
        dp_memory_free(block);
        return NULL;
    }
    return block;
}

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
    demand(comm, MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_UINT64_T, MPI_SUM, comm->node),
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
    demand(comm, MPI_Info_create(&info), "MPI_Info_create");
    /* Each segment on pages of its own, near the processor of the rank that fills it. */
    demand(comm, MPI_Info_set(info, "alloc_shared_noncontig", "true"), "MPI_Info_set");
    int result =
        MPI_Win_allocate_shared((MPI_Aint)bytes, 1, info, comm->node, (void *)&mine, &self->window);
    demand(comm, MPI_Info_free(&info), "MPI_Info_free");
    if (result != MPI_SUCCESS)
        return false;
    memset(mine, 0, bytes);
    return true;
}

static void find_segments(dp_comm_window *self) {
    for (int rank = 0; rank < self->node_size; rank++) {
        MPI_Aint size = 0;
        int unit = 0;
        demand(
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
    demand(comm, MPI_Comm_size(comm->node, &self->node_size), "MPI_Comm_size");
    DP_NEW_ON_ALL_OR_DONE(comm, self->segments, (size_t)self->node_size);
    DP_OR_DONE(dp_comm_agree(comm, check_room(comm, bytes, error), error));
    begin_blocking(comm, comm->node, "MPI_Win_allocate_shared");
    const bool allocated = allocate_window(self, bytes);
    end_blocking(comm);
    if (!allocated)
        status = dp_fail(error, DP_ERR_MEMORY, "no shared memory of %zu bytes on %s", bytes,
                         dp_comm_host(comm));
    DP_OR_DONE(dp_comm_agree(comm, status, error)); /* and all have zeroed their part */
    demand(comm, MPI_Win_set_errhandler(self->window, MPI_ERRORS_RETURN), "MPI_Win_set_errhandler");
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
        begin_blocking(window->comm, window->comm->node, "MPI_Win_free");
        demand(window->comm, MPI_Win_free(&window->window), "MPI_Win_free");
        end_blocking(window->comm);
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
    begin_blocking(comm, comm->world, "MPI_Win_allocate");
    const bool allocated = allocate_cells(self, cells) == MPI_SUCCESS;
    end_blocking(comm);
    if (!allocated)
        status = dp_fail(error, DP_ERR_MEMORY, "no memory for one-sided communication on %s",
                         dp_comm_host(comm));
    DP_OR_DONE(dp_comm_agree(comm, status, error)); /* and rank 0 has zeroed the cells */
    demand(comm, MPI_Win_set_errhandler(self->window, MPI_ERRORS_RETURN), "MPI_Win_set_errhandler");
    demand(comm, MPI_Win_lock_all(MPI_MODE_NOCHECK, self->window), "MPI_Win_lock_all");
    *board = self;
    return DP_OK;
done:
    dp_memory_free(self);
    return status;
}

void dp_comm_board_destroy(dp_comm_board *board) {
    if (board == NULL)
        return;
    begin_blocking(board->comm, board->comm->world, "MPI_Win_free");
    demand(board->comm, MPI_Win_unlock_all(board->window), "MPI_Win_unlock_all");
    demand(board->comm, MPI_Win_free(&board->window), "MPI_Win_free");
    end_blocking(board->comm);
    dp_memory_free(board);
}

static int64_t access_cell(dp_comm_board *board, size_t cell, int64_t value, MPI_Op operation) {
    int64_t before = 0;
    MPI_Request request;
    demand(board->comm,
           MPI_Rget_accumulate(&value, 1, MPI_INT64_T, &before, 1, MPI_INT64_T, 0, (MPI_Aint)cell,
                               1, MPI_INT64_T, operation, board->window, &request),
           "MPI_Rget_accumulate");
    wait_for(board->comm, &request, 0);
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

/* --- resting -------------------------------------------------------------------------------- */

void dp_comm_rest(dp_comm *comm, void (*meanwhile)(void *context), void *context) {
    const struct timespec sleep = {.tv_nsec = (long)(1e9 * REST_SECONDS)};
    double called = 0.0;
    int arrived = 0;
    MPI_Request request;
    demand(comm, MPI_Ibarrier(comm->world, &request), "MPI_Ibarrier");
    for (;;) {
        demand(comm, MPI_Test(&request, &arrived, MPI_STATUS_IGNORE), "MPI_Test");
        if (arrived)
            return;
        if (meanwhile != NULL && dp_timer_now() - called >= MEANWHILE_SECONDS) {
            meanwhile(context);
            called = dp_timer_now();
        }
        nanosleep(&sleep, NULL);
    }
}
