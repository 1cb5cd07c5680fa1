/* sweep_table: the results of a sweep, sorted by the loss on dev.
 *
 * The test split is there to be looked at once: test losses are shown of the best trial alone,
 * unless sweep.show_test says otherwise. Times are not in the tables, so that they are the same,
 * byte for byte, however many ranks there were and however often the sweep was interrupted.
 * Of a trial with repeats the table has the median over those that are done, and below it the least
 * and the greatest; it is ranked by its median. results.csv has every run. A second table has what
 * the best runs reach together.
 * Not collective; rank 0 writes.
 */
#ifndef DP_SWEEP_SWEEP_TABLE_H
#define DP_SWEEP_SWEEP_TABLE_H

#include "sweep/sweep_ensemble.h"

/* Writes results.csv (every digit, the keys' full names) and results.md into the sweep's folder,
 * and appends the tables for a terminal to `out`. outcomes[plan->count]; trials that have not ended
 * are left out, failed ones come last; why they failed stands in the files. */
dp_status dp_sweep_table_write(const dp_sweep_plan *plan, const dp_sweep_outcome *outcomes,
                               const dp_sweep_ensemble *ensemble, dp_text *out,
                               dp_error *error) DP_CHECKED;

/* Creates the folder of the tables, and looks whether they can be written there. */
dp_status dp_sweep_table_check(const dp_sweep_plan *plan, dp_error *error) DP_CHECKED;

#endif
