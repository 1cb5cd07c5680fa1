/* run_check: whether each file of a run is whole, and whether they tell of one run.
 *
 * Reads all of them: the config, every checkpoint and best.h5 with the optimizer's state, the rows
 * of metrics against the checkpoints' hashes, the losses against those rows, the summary, and the
 * dataset with its checksums. Changes nothing; of a run that goes on meanwhile a file may be said
 * to be missing that has just been replaced. Not collective.
 */
#ifndef DP_RUN_RUN_CHECK_H
#define DP_RUN_RUN_CHECK_H

#include "formats/findings.h"

/* Adds what is found in the run folder `dir`, a line a file; of the dataset, which takes as long as
 * it is large, only where that is asked for. */
void dp_run_check(const char *dir, bool with_dataset, dp_findings *findings);

#endif
