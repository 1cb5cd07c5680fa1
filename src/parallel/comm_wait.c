/* How ranks wait, and how a wait or a call of MPI ends that cannot succeed. */
#include "parallel/comm_internal.h"

#include "base/text.h"
#include "base/timer.h"

#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROLL_CALL_SECONDS 2.0 /* for the answers; a waiting rank gives its own much sooner */
#define END_SECONDS 10.0      /* within which a rank that says so has ended the job */
#define NAMED_MAX 8           /* missing ranks that a message lists */

/* Polls before the processor is yielded between polls, when every rank has one of its own. Long
 * enough for an exchange between cores, short against a scheduler's time slice. */
#define SPINS_BEFORE_YIELD 20000
#define POLLS_PER_CLOCK_LOOK 256 /* of the fast ones */
#define YIELDS_PER_CLOCK_LOOK 16

/* A rank that MPI does not let go, when it wants to end the job, ends alone. */
#define ABORT_SECONDS 10

/* MPI may need the processor of the rank that holds a board for what others do with it. */
#define PLACES_PER_PROGRESS 64

/* --- an alarm for calls of MPI that only return when they are done ---------------------------- */

/* What the alarm says, and the status that it ends with: a handler has no other way to know. */
static struct {
    char text[256];
    size_t length;
    int status;
} alarm_message;

static void end_at_alarm(int signal) {
    (void)signal;
    const ssize_t written = write(STDERR_FILENO, alarm_message.text, alarm_message.length);
    (void)written; /* nobody is left to hear of a failure */
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

void dp_comm_demand(dp_comm *comm, int result, const char *call) {
    if (result == MPI_SUCCESS)
        return;
    char message[MPI_MAX_ERROR_STRING] = "";
    int length = 0, finalized = 0;
    MPI_Finalized(&finalized);
    if (!finalized)
        MPI_Error_string(result, message, &length);
    fprintf(stderr, "dptrain: %s: %.*s failed at step %" PRIu64 " (%s): %s\n", comm->name,
            (int)strcspn(call, "("), call, comm->step, comm->phase, message);
    fflush(NULL);
    if (finalized) /* MPI can end nothing any more; the launcher sees our status */
        _exit(DP_ERR_LAUNCH);
    dp_comm_abort(comm, DP_ERR_LAUNCH);
}

/* --- a missed deadline ---------------------------------------------------------------------- */

/* The rank that we wait for may itself be waiting for the one that is to blame, so whoever misses
 * the deadline calls the roll: every rank that waits answers, and those that do not are missing. */

void dp_comm_send_nothing(dp_comm *comm, int peer, int tag) {
    MPI_Request request;
    DP_MPI(comm, MPI_Isend(NULL, 0, MPI_BYTE, peer, tag, comm->world, &request));
    DP_MPI(comm, MPI_Request_free(&request));
}

int dp_comm_take_nothing(dp_comm *comm, int tag) {
    MPI_Status message;
    int arrived = 0;
    DP_MPI(comm, MPI_Iprobe(MPI_ANY_SOURCE, tag, comm->world, &arrived, &message));
    if (!arrived)
        return DP_COMM_ANY_PEER;
    DP_MPI(comm,
           MPI_Recv(NULL, 0, MPI_BYTE, message.MPI_SOURCE, tag, comm->world, MPI_STATUS_IGNORE));
    return message.MPI_SOURCE;
}

int dp_comm_answer_roll_calls(dp_comm *comm, int lowest) {
    for (int caller = dp_comm_take_nothing(comm, DP_COMM_TAG_ROLL_CALL); caller != DP_COMM_ANY_PEER;
         caller = dp_comm_take_nothing(comm, DP_COMM_TAG_ROLL_CALL)) {
        dp_comm_send_nothing(comm, caller, DP_COMM_TAG_ROLL_ANSWER);
        lowest = caller < lowest ? caller : lowest;
    }
    return lowest;
}

/* Answers and collects answers for this long; returns as dp_comm_answer_roll_calls. */
static int collect_answers(dp_comm *comm, double seconds, int lowest) {
    for (double end = dp_timer_now() + seconds; dp_timer_now() < end; sched_yield()) {
        lowest = dp_comm_answer_roll_calls(comm, lowest);
        int answered = dp_comm_take_nothing(comm, DP_COMM_TAG_ROLL_ANSWER);
        if (answered != DP_COMM_ANY_PEER)
            comm->peers[answered].answers = true;
    }
    return lowest;
}

/* "rank 1 on a, rank 2 on b and 3 more" do not answer; where all do, a message is missing. */
static void append_missing(const dp_comm *comm, int peer, dp_text *out) {
    int missing = 0;
    for (int rank = 0; rank < comm->size; rank++) {
        if (!comm->peers[rank].answers && missing++ < NAMED_MAX)
            dp_text_append_format(out, "%s%s", missing == 1 ? "" : ", ", comm->peers[rank].name);
    }
    if (missing > NAMED_MAX)
        dp_text_append_format(out, " and %d more", missing - NAMED_MAX);
    if (missing == 0)
        dp_text_append(out, "a message");
    if (missing == 0 && peer != DP_COMM_ANY_PEER)
        dp_text_append_format(out, " of %s", comm->peers[peer].name);
}

static void tell_all(dp_comm *comm, int tag) {
    for (int rank = 0; rank < comm->size; rank++) {
        if (rank != comm->rank)
            dp_comm_send_nothing(comm, rank, tag);
    }
}

_Noreturn void dp_comm_miss_deadline(dp_comm *comm, int peer) {
    dp_text missing = {0};
    for (int rank = 0; rank < comm->size; rank++)
        comm->peers[rank].answers = rank == comm->rank;
    tell_all(comm, DP_COMM_TAG_ROLL_CALL);
    /* Of several that call at once, the lowest speaks; else who has called first. Its end of the
     * job, which may take the launcher a while, is also ours. */
    if (collect_answers(comm, ROLL_CALL_SECONDS, comm->rank) < comm->rank ||
        dp_comm_take_nothing(comm, DP_COMM_TAG_END) != DP_COMM_ANY_PEER)
        (void)collect_answers(comm, END_SECONDS, comm->rank);
    tell_all(comm, DP_COMM_TAG_END);
    append_missing(comm, peer, &missing);
    fprintf(stderr,
            "dptrain: %s did not arrive within %g s at step %" PRIu64
            " (%s); %s ends the job (parallel.deadline)\n",
            dp_text_string(&missing), comm->deadline, comm->step, comm->phase, comm->name);
    dp_comm_abort(comm, DP_ERR_DEADLINE);
}

/* --- waiting -------------------------------------------------------------------------------- */

void dp_comm_set_deadline(dp_comm *comm, double seconds) {
    comm->deadline = seconds;
}

void dp_comm_set_place(dp_comm *comm, const char *phase, uint64_t step) {
    comm->phase = phase;
    comm->step = step;
    dp_comm_look(comm);
    if (comm->is_group && comm->places++ % PLACES_PER_PROGRESS == 0) {
        int arrived = 0;
        DP_MPI(comm, MPI_Iprobe(MPI_ANY_SOURCE, DP_COMM_TAG_ROLL_CALL, comm->world, &arrived,
                                MPI_STATUS_IGNORE));
    }
}

/* A wait for one thing. Start with {0}. */
typedef struct waiting {
    uint64_t polls;
    double looked;   /* at the clock, last; 0: not yet */
    double listened; /* for roll calls, last */
    double waited;   /* seconds */
    bool is_called;  /* by a rank that misses the deadline */
} waiting;

/* To be called each time that what we wait for is not there yet: lets others have the processor,
 * answers roll calls, and does not return when the deadline has passed. */
static void go_on_waiting(dp_comm *comm, waiting *self, int peer) {
    self->polls++;
    const bool yields = comm->oversubscribed || self->polls >= SPINS_BEFORE_YIELD;
    if (yields)
        sched_yield();
    if (self->polls % (yields ? YIELDS_PER_CLOCK_LOOK : POLLS_PER_CLOCK_LOOK) != 0)
        return;
    dp_comm_look(comm);
    if (comm->deadline <= 0.0)
        return;
    const double now = dp_timer_now();
    if (self->looked == 0.0)
        self->listened = now; /* nobody calls a roll who has not waited for long */
    else
        self->waited += fmin(now - self->looked, DP_COMM_LOOK_SECONDS_MAX);
    self->looked = now;
    if (self->waited > comm->deadline) {
        if (self->is_called) /* who has called ends the job, and may need a while to do so */
            (void)collect_answers(comm, END_SECONDS, comm->rank);
        dp_comm_miss_deadline(comm, peer);
    }
    if (now - self->listened < DP_COMM_ROLL_LOOK_SECONDS)
        return;
    self->listened = now;
    self->is_called |= dp_comm_answer_roll_calls(comm, comm->size) < comm->size;
}

void dp_comm_wait_for(dp_comm *comm, MPI_Request *request, int peer) {
    waiting wait = {0};
    for (;; go_on_waiting(comm, &wait, peer)) {
        int arrived = 0;
        DP_MPI(comm, MPI_Test(request, &arrived, MPI_STATUS_IGNORE));
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

void dp_comm_begin_blocking(dp_comm *comm, MPI_Comm ranks, const char *call) {
    MPI_Request request;
    if (ranks != MPI_COMM_NULL) {
        DP_MPI(comm, MPI_Ibarrier(ranks, &request));
        dp_comm_wait_for(comm, &request, DP_COMM_ANY_PEER);
    }
    if (comm->deadline <= 0.0)
        return;
    int length = snprintf(alarm_message.text, sizeof alarm_message.text,
                          "dptrain: %s did not end within %g s at step %" PRIu64
                          " (%s); %s ends the job (parallel.deadline)\n",
                          call, comm->deadline, comm->step, comm->phase, comm->name);
    alarm_message.length = strnlen(alarm_message.text, length < 0 ? 0 : sizeof alarm_message.text);
    /* The lowest rank speaks: the job ends before the others would. */
    set_alarm(comm->deadline + (comm->rank == 0 ? 0.0 : 3.0), DP_ERR_DEADLINE);
}

void dp_comm_end_blocking(dp_comm *comm) {
    if (comm->deadline > 0.0)
        alarm(0);
}
