/* resume: going on from the newest good checkpoint of a run folder.
 *
 * Collective. Rank 0 reads; its progress is then everyone's, its parameters and optimizer
 * state are the caller's to share. A damaged checkpoint is named and the one before it is taken;
 * where none is good the run stops and says so.
 */
#ifndef DP_TRAIN_RESUME_H
#define DP_TRAIN_RESUME_H

#include "engine/engine.h"
#include "run/checkpoint.h"
#include "train/report.h"

/* Sets *progress, and on rank 0 the subject's params and state, from the newest good checkpoint;
 * leaves all of them alone where the folder has none, which *found tells. Errors, agreed
 * on: DP_ERR_MISMATCH where a checkpoint does not go with config or dataset, is beyond the end
 * that the config sets, or is to go on and was computed by another numerics contract; DP_ERR_INPUT
 * where none is whole and can be read. */
dp_status dp_resume(const dp_subject *subject, dp_report *report, dp_progress *progress,
                    bool *found, dp_error *error) DP_CHECKED;

#endif
