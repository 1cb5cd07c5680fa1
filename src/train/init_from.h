/* init_from: a run that begins with the weights of another (train.init_from). */
#ifndef DP_TRAIN_INIT_FROM_H
#define DP_TRAIN_INIT_FROM_H

#include "engine/engine.h"
#include "train/report.h"

/* On rank 0, once the subject's params are initialised: replaces them by those of the checkpoint
 * that the config names, a file or a run folder (its best). The rows of C and the columns of W2, b2
 * and Wd go with their tokens, whatever the ids are; with train.remap, tokens that the checkpoint
 * does not know keep what they were initialised with. Step, optimizer and rate are not taken over.
 * Errors: DP_ERR_MISMATCH where the shapes are others, or tokens are not known and train.remap is
 * not set; those of dp_checkpoint_load. */
dp_status dp_init_from(const dp_subject *subject, dp_report *report, dp_error *error) DP_CHECKED;

#endif
