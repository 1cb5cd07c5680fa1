/* Ranks that have nothing to do for a while: they sleep, and leave their processor to others. */
#include "parallel/comm_internal.h"

#include "base/timer.h"

#include <math.h>
#include <time.h>

#define REST_SECONDS 2e-3 /* sleep between two looks */
#define MEANWHILE_SECONDS 0.25

/* Sleep of a rank between two looks whether it is woken: longer and longer, as one that was put to
 * sleep just now is often needed again at once. */
#define SLEEP_SECONDS_MIN 0.5e-3
#define SLEEP_SECONDS_MAX 20e-3
#define SLEEP_GROWTH 1.05

/* Rank 0 asks those who sleep whether they are there so often in a deadline, within these seconds.
 */
#define CALLS_PER_DEADLINE 8.0
#define CALL_SECONDS_MIN 0.25
#define CALL_SECONDS_MAX 10.0

static void sleep_for(double seconds) {
    const struct timespec duration = {.tv_nsec = (long)(1e9 * seconds)};
    nanosleep(&duration, NULL);
}

/* --- until all are there ---------------------------------------------------------------------- */

void dp_comm_rest(dp_comm *comm, void (*meanwhile)(void *context), void *context) {
    double called = 0.0;
    int arrived = 0;
    MPI_Request request;
    DP_MPI(comm, MPI_Ibarrier(comm->world, &request));
    for (;;) {
        DP_MPI(comm, MPI_Test(&request, &arrived, MPI_STATUS_IGNORE));
        if (arrived)
            return;
        if (meanwhile != NULL && dp_timer_now() - called >= MEANWHILE_SECONDS) {
            meanwhile(context);
            called = dp_timer_now();
        }
        sleep_for(REST_SECONDS);
    }
}

/* --- until rank 0 says so --------------------------------------------------------------------- */

static double call_seconds(const dp_comm *comm) {
    return fmin(CALL_SECONDS_MAX, fmax(CALL_SECONDS_MIN, comm->deadline / CALLS_PER_DEADLINE));
}

static bool is_woken(dp_comm *comm, uint64_t *word) {
    int arrived = 0;
    DP_MPI(comm, MPI_Iprobe(0, DP_COMM_TAG_WAKE, comm->world, &arrived, MPI_STATUS_IGNORE));
    if (arrived)
        DP_MPI(comm, MPI_Recv(word, sizeof *word, MPI_BYTE, 0, DP_COMM_TAG_WAKE, comm->world,
                              MPI_STATUS_IGNORE));
    return arrived != 0;
}

static void send_word(dp_comm *comm, int peer, int tag, uint64_t word) {
    MPI_Request request;
    DP_MPI(comm, MPI_Isend(&word, sizeof word, MPI_BYTE, peer, tag, comm->world, &request));
    dp_comm_wait_for(comm, &request, peer);
}

/* Rank 0 is missing where it has not called for a deadline, or for longer, as it calls now and then
 * only. */
uint64_t dp_comm_sleep(dp_comm *comm, const volatile sig_atomic_t *signal) {
    double looked = dp_timer_now(), silent = 0.0, pause = SLEEP_SECONDS_MIN;
    bool has_told = false;
    uint64_t word = 0;
    comm->phase = "resting";
    while (!is_woken(comm, &word)) {
        const double now = dp_timer_now();
        silent += fmin(now - looked, DP_COMM_LOOK_SECONDS_MAX);
        looked = now;
        if (dp_comm_answer_roll_calls(comm, comm->rank) == 0)
            silent = 0.0;
        if (comm->deadline > 0.0 && silent > comm->deadline + call_seconds(comm))
            dp_comm_miss_deadline(comm, 0);
        if (!has_told && signal != NULL && *signal != 0) {
            send_word(comm, 0, DP_COMM_TAG_SIGNAL, (uint64_t)*signal);
            has_told = true;
        }
        sleep_for(pause);
        pause = fmin(SLEEP_SECONDS_MAX, pause * SLEEP_GROWTH);
    }
    (void)dp_comm_answer_roll_calls(comm, comm->rank); /* which came before */
    return word;
}

void dp_comm_expect_sleep(dp_comm *comm, const int *ranks, int count) {
    for (int rank = 0; rank < comm->size; rank++)
        comm->peers[rank].sleeps = true;
    for (int i = 0; i < count; i++)
        comm->peers[ranks[i]].sleeps = false;
}

void dp_comm_wake(dp_comm *comm, int rank, uint64_t word) {
    comm->peers[rank].sleeps = false;
    send_word(comm, rank, DP_COMM_TAG_WAKE, word);
}

int dp_comm_told_signal(const dp_comm *comm) {
    return comm->told_signal;
}

/* --- those who do not sleep ------------------------------------------------------------------- */

static void take_signals(dp_comm *comm) {
    MPI_Status message;
    int arrived = 0;
    uint64_t word = 0;
    DP_MPI(comm, MPI_Iprobe(MPI_ANY_SOURCE, DP_COMM_TAG_SIGNAL, comm->world, &arrived, &message));
    if (!arrived)
        return;
    DP_MPI(comm, MPI_Recv(&word, sizeof word, MPI_BYTE, message.MPI_SOURCE, DP_COMM_TAG_SIGNAL,
                          comm->world, MPI_STATUS_IGNORE));
    comm->told_signal = (int)word;
}

static void take_answers(dp_comm *comm) {
    for (int peer = dp_comm_take_nothing(comm, DP_COMM_TAG_ROLL_ANSWER); peer != DP_COMM_ANY_PEER;
         peer = dp_comm_take_nothing(comm, DP_COMM_TAG_ROLL_ANSWER))
        comm->peers[peer].asked = false;
}

/* Asks those who have answered; the others have been silent for `seconds` more. */
static void call_sleepers(dp_comm *comm, double seconds, bool asks) {
    for (int rank = 0; rank < comm->size; rank++) {
        dp_comm_peer *peer = &comm->peers[rank];
        if (!peer->asked)
            peer->silent = 0.0;
        else if ((peer->silent += seconds) > comm->deadline)
            dp_comm_miss_deadline(comm, rank);
        if (!asks || peer->asked || !peer->sleeps)
            continue;
        dp_comm_send_nothing(comm, rank, DP_COMM_TAG_ROLL_CALL);
        peer->asked = true;
    }
}

/* Between two looks lies a step, which may be long: some of a deadline counts, but not all of the
 * time for which a job was suspended. */
static void watch(dp_comm *comm, double seconds, double now) {
    const double most = fmax(DP_COMM_LOOK_SECONDS_MAX, comm->deadline / CALLS_PER_DEADLINE);
    const bool asks = now - comm->called >= call_seconds(comm);
    take_signals(comm);
    take_answers(comm);
    if (comm->deadline <= 0.0)
        return;
    call_sleepers(comm, fmin(seconds, most), asks);
    if (asks)
        comm->called = now;
}

void dp_comm_look(dp_comm *comm) {
    dp_comm *parent = comm->parent;
    if (parent == NULL)
        return;
    const double now = dp_timer_now(), seconds = now - parent->looked;
    if (seconds < DP_COMM_ROLL_LOOK_SECONDS)
        return;
    parent->looked = now;
    parent->phase = comm->phase;
    parent->step = comm->step;
    (void)dp_comm_answer_roll_calls(parent, parent->rank);
    if (parent->rank == 0)
        watch(parent, seconds, now);
}

void dp_comm_wake_all(dp_comm *comm, uint64_t word) {
    for (int rank = 0; rank < comm->size; rank++) {
        if (comm->peers[rank].sleeps)
            dp_comm_wake(comm, rank, word);
    }
}
