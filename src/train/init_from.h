/* init_from: a run that begins with the weights of another (train.init_from), or with embeddings
 * from elsewhere (train.init_embeddings), or with both, the embeddings last. */
#ifndef DP_TRAIN_INIT_FROM_H
#define DP_TRAIN_INIT_FROM_H

#include "engine/engine.h"
#include "train/report.h"

/* Collective: the parameters that a new run begins with, on rank 0: those of dp_engine_initialise,
 * and over them those of dp_init_from. They are yet to be published. Agreed on. */
dp_status dp_init_run(dp_engine *engine, dp_report *report, dp_error *error) DP_CHECKED;

/* Its last part. On rank 0, once the subject's params are initialised: where the config names a
 * checkpoint, a file or a run folder (its best), replaces them by its own. The rows of C and the
 * columns of W2, b2 and Wd go with their tokens, whatever the ids are; with train.remap, tokens
 * that the checkpoint does not know keep what they were initialised with. Step, optimizer and rate
 * are not taken over. Where the config names a file of embeddings (formats/embedding_text), then
 * replaces the rows of C whose tokens it has. Errors: DP_ERR_MISMATCH where the shapes are others,
 * tokens are not known and train.remap is not set, or no token is in the file of embeddings;
 * DP_ERR_INPUT of a bad one; those of dp_checkpoint_load. What the subject holds after an error is
 * for nobody to use. */
dp_status dp_init_from(const dp_subject *subject, dp_report *report, dp_error *error) DP_CHECKED;

#endif
