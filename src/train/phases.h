/* phases: what the profiles of all ranks say, for the end of a run and as a trace.
 *
 * Collective; rank 0 shows and writes.
 */
#ifndef DP_TRAIN_PHASES_H
#define DP_TRAIN_PHASES_H

#include "base/profile.h"
#include "train/report.h"

/* Starts the profiles of all ranks, as dp_profile_init, with one origin of time: the ranks of a
 * node have a clock in common, and the nodes begin together as closely as a collective call ends on
 * all. Agreed on. */
dp_status dp_phases_begin(dp_comm *comm, dp_profile *profile, size_t event_capacity,
                          dp_error *error) DP_CHECKED;

/* Adds to the report a line for each phase: its time a step as the mean over the ranks, its share,
 * and with several ranks the imbalance, how much longer than the mean the slowest takes; and where
 * the exchange takes most of it, what would be faster. Nothing where no step was profiled. Agreed
 * on. */
dp_status dp_phases_report(const dp_subject *subject, const dp_profile *profile, dp_report *report,
                           dp_error *error) DP_CHECKED;

/* Writes the events of all ranks to `path` as a Chrome trace (JSON, to be opened in
 * chrome://tracing or Perfetto): a row a rank, times in microseconds since dp_phases_begin.
 * Agreed on. */
dp_status dp_phases_write_trace(dp_comm *comm, const dp_profile *profile, const char *path,
                                dp_error *error) DP_CHECKED;

#endif
