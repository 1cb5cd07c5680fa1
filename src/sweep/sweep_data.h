/* sweep_data: the datasets of a sweep whose trials name them by block size. */
#ifndef DP_SWEEP_SWEEP_DATA_H
#define DP_SWEEP_SWEEP_DATA_H

#include "sweep/sweep_plan.h"

/* Packs sweep.text, as pack_dataset does by default, for each block size of the trials whose file
 * is not there yet. A file that was packed from another text is an error that names it. Says
 * so unless `quiet`. Not collective; rank 0 calls it. */
dp_status dp_sweep_data_prepare(const dp_sweep_plan *plan, bool quiet, dp_error *error) DP_CHECKED;

#endif
