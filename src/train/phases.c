#include "train/phases.h"

#include "base/memory.h"
#include "base/timer.h"
#include "system/file.h"

#include <math.h>
#include <stdio.h>

dp_status dp_phases_begin(dp_comm *comm, dp_profile *profile, size_t event_capacity,
                          dp_error *error) {
    DP_OWNED(dp_memory_release) double *origins = NULL;
    DP_TRY(dp_comm_agree(comm, dp_profile_init(profile, event_capacity, error), error));
    DP_TRY_NEW_ON_ALL(comm, origins, (size_t)dp_comm_size(comm));
    profile->origin = dp_timer_now();
    dp_comm_gather_all(comm, &profile->origin, sizeof profile->origin, origins);
    profile->origin = origins[dp_comm_node_first(comm, dp_comm_node(comm))];
    return DP_OK;
}

/* The seconds of all ranks in the phases of a step, [ranks][DP_PHASE_COUNT]. */
typedef struct times {
    const double *all;
    size_t ranks;
    double total;
} times;

static double seconds_in(const times *self, dp_phase phase, double *slowest) {
    double sum = 0.0;
    *slowest = 0.0;
    for (size_t rank = 0; rank < self->ranks; rank++) {
        const double seconds = self->all[rank * DP_PHASE_COUNT + (size_t)phase];
        sum += seconds;
        *slowest = fmax(*slowest, seconds);
    }
    return sum;
}

/* Of one rank there is none that is the slowest. */
static void report_phase(dp_report *report, dp_phase phase, const times *self) {
    char imbalance[32] = "";
    double slowest, mean = seconds_in(self, phase, &slowest) / (double)self->ranks;
    if (self->ranks > 1)
        snprintf(imbalance, sizeof imbalance, " %12.0f%%",
                 mean > 0.0 ? 100.0 * (slowest / mean - 1.0) : 0.0);
    dp_report_line(report, "%11s %9.2f %9.1f%%%s", dp_phase_name(phase), 1e6 * mean,
                   100.0 * mean * (double)self->ranks / self->total, imbalance);
}

/* Where most of the time is none of computing: that, and what would be faster. */
static void report_exchange(dp_report *report, const dp_subject *subject, const times *self) {
    double slowest;
    const double share = seconds_in(self, DP_PHASE_EXCHANGE, &slowest) / self->total;
    if (self->ranks == 1 || share <= 0.5)
        return;
    dp_report_line(report, "the exchange takes %.0f%% of a step; faster would be:", 100.0 * share);
    if (subject->work->wished != DP_WORK_AUTO)
        dp_report_line(report, "  parallel.work=auto: only as many ranks at work as are fastest");
    if (subject->config->exchange == DP_EXCHANGE_TREE &&
        dp_comm_node_count(subject->comm) < (int)self->ranks)
        dp_report_line(report, "  parallel.exchange=shared, as ranks share a host");
    dp_report_line(report, "  in another run, more work a step: a larger train.batch_size");
}

dp_status dp_phases_report(const dp_subject *subject, const dp_profile *profile, dp_report *report,
                           dp_error *error) {
    dp_comm *comm = subject->comm;
    times self = {.ranks = (size_t)dp_comm_size(comm)};
    double step[DP_PHASE_COUNT] = {0.0}; /* of this rank, in those that it has taken */
    DP_OWNED(dp_memory_release) double *all = NULL;
    DP_TRY_NEW_ON_ALL(comm, all, self.ranks * DP_PHASE_COUNT);
    for (int phase = 0; phase < DP_PHASE_COUNT && profile->steps > 0; phase++)
        step[phase] = profile->seconds[phase] / (double)profile->steps;
    dp_comm_gather_all(comm, step, sizeof step, all);
    self.all = all;
    for (size_t i = 0; i < self.ranks * DP_PHASE_COUNT; i++)
        self.total += all[i];
    if (self.total <= 0.0)
        return DP_OK;
    dp_report_line(report, "%11s %9s %10s%s", "phase", "us/step", "share",
                   self.ranks > 1 ? "     imbalance" : "");
    for (int phase = 0; phase < DP_PHASE_COUNT; phase++)
        report_phase(report, (dp_phase)phase, &self);
    report_exchange(report, subject, &self);
    return DP_OK;
}

/* --- the trace ------------------------------------------------------------------------------ */

/* A complete event ("X"): start and duration. */
static void append_event(dp_text *json, size_t rank, const dp_profile_event *event) {
    dp_text_append_format(
        json, "{\"name\":\"%s\",\"ph\":\"X\",\"ts\":%s,\"dur\":%s,\"pid\":0,\"tid\":%zu}",
        dp_phase_name(event->phase), DP_REAL_TEXT(1e6 * event->start),
        DP_REAL_TEXT(1e6 * (event->end - event->start)), rank);
}

static dp_status write_events(const dp_profile_event *all, size_t ranks, size_t capacity,
                              const uint64_t *counts, const char *path, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text json = {0};
    const char *separator = "";
    dp_text_append(&json, "{\"traceEvents\":[");
    for (size_t rank = 0; rank < ranks; rank++) {
        for (size_t i = 0; i < counts[rank]; i++) {
            dp_text_append(&json, separator);
            separator = ",";
            append_event(&json, rank, &all[rank * capacity + i]);
        }
    }
    dp_text_append(&json, "]}");
    return dp_file_write_text(path, &json, error);
}

dp_status dp_phases_write_trace(dp_comm *comm, const dp_profile *profile, const char *path,
                                dp_error *error) {
    const size_t ranks = (size_t)dp_comm_size(comm), capacity = profile->event_capacity;
    const uint64_t count = profile->event_count;
    dp_profile_event *all = NULL;
    uint64_t *counts = NULL;
    DP_OWNED(dp_memory_release) void *memory = NULL;
    dp_workspace room = {0};
    DP_RESERVE_ROWS(&room, all, ranks, capacity);
    DP_RESERVE(&room, counts, ranks);
    DP_TRY_ALLOCATE_ON_ALL(comm, memory, &room);
    dp_comm_gather_all(comm, &count, sizeof count, counts);
    dp_comm_gather_all(comm, profile->events, capacity * sizeof *all, all);
    return DP_ON_ROOT(comm, write_events(all, ranks, capacity, counts, path, error));
}
