/* phases: what the profiles of all ranks say, for the end of a run and as a trace.
 *
 * Collective; rank 0 shows and writes.
 */
#ifndef DP_TRAIN_PHASES_H
#define DP_TRAIN_PHASES_H

#include "base/profile.h"
#include "parallel/comm.h"
#include "train/report.h"

/* Adds to the report a line for each phase: its time a step as the mean over the ranks, its share,
 * and the imbalance, how much longer than the mean the slowest rank takes. Nothing where no step
 * was profiled. Agreed on. */
dp_status dp_phases_report(dp_comm *comm, const dp_profile *profile, dp_report *report,
                           dp_error *error) DP_CHECKED;

/* Writes the events of all ranks to `path` as a Chrome trace (JSON, to be opened in
 * chrome://tracing or Perfetto): a row a rank, times in microseconds since each rank's profile
 * began. Agreed on. */
dp_status dp_phases_write_trace(dp_comm *comm, const dp_profile *profile, const char *path,
                                dp_error *error) DP_CHECKED;

#endif
