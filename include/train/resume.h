/* resume: going on from the newest good checkpoint of a run folder.
 *
 * Collective. Rank 0 reads; its progress is then everyone's, its parameters are the caller's to
 * share. A damaged checkpoint is named and the one before it is taken; where none is good the run
 * stops and says so.
 */
#ifndef DP_TRAIN_RESUME_H
#define DP_TRAIN_RESUME_H

#include "data/dataset.h"
#include "parallel/comm.h"
#include "train/checkpoint.h"
#include "train/report.h"

/* Sets *progress, and on rank 0 params [layout->length], from the newest good checkpoint and
 * returns with *resumed true, or leaves both alone with *resumed false where the folder has no
 * checkpoint. Errors, agreed on: DP_ERR_MISMATCH where a checkpoint does not go with config or
 * dataset or is beyond train.steps; DP_ERR_INPUT where all are damaged. `build` is that of this
 * program. */
dp_status dp_resume(dp_comm *comm, const dp_config *config, const dp_dataset *dataset,
                    const dp_params_layout *layout, const char *build, dp_report *report,
                    dp_progress *progress, float *params, bool *resumed,
                    dp_error *error) DP_CHECKED;

#endif
