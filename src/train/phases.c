#include "train/phases.h"

#include "base/memory.h"
#include "base/timer.h"
#include "system/file.h"

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

static void report_phase(dp_report *report, dp_phase phase, const double *all, size_t ranks,
                         double steps, double total) {
    double sum = 0.0, slowest = 0.0;
    for (size_t rank = 0; rank < ranks; rank++) {
        double seconds = all[rank * DP_PHASE_COUNT + (size_t)phase];
        sum += seconds;
        slowest = seconds > slowest ? seconds : slowest;
    }
    double mean = sum / (double)ranks;
    dp_report_line(report, "%11s %9.2f %9.1f%% %12.0f%%", dp_phase_name(phase), 1e6 * mean / steps,
                   100.0 * sum / total, mean > 0.0 ? 100.0 * (slowest / mean - 1.0) : 0.0);
}

dp_status dp_phases_report(dp_comm *comm, const dp_profile *profile, dp_report *report,
                           dp_error *error) {
    const size_t ranks = (size_t)dp_comm_size(comm);
    DP_OWNED(dp_memory_release) double *all = NULL;
    double total = 0.0;
    DP_TRY_NEW_ON_ALL(comm, all, ranks * DP_PHASE_COUNT);
    dp_comm_gather_all(comm, profile->seconds, sizeof profile->seconds, all);
    for (size_t i = 0; i < ranks * DP_PHASE_COUNT; i++)
        total += all[i];
    if (profile->steps == 0 || total <= 0.0)
        return DP_OK;
    dp_report_line(report, "%11s %9s %10s %13s", "phase", "us/step", "share", "imbalance");
    for (int phase = 0; phase < DP_PHASE_COUNT; phase++)
        report_phase(report, (dp_phase)phase, all, ranks, (double)profile->steps, total);
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
