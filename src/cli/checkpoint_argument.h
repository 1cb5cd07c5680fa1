/* checkpoint_argument: the checkpoint that a command's user means. */
#ifndef DP_CLI_CHECKPOINT_ARGUMENT_H
#define DP_CLI_CHECKPOINT_ARGUMENT_H

#include "data/dataset.h"
#include "dptrain/dptrain.h"
#include "parallel/comm.h"
#include "run/checkpoint.h"

/* The option --ckpt, for the table of a command whose options are a `holder` with char
 * ckpt[DP_PATH_SIZE]. */
#define DP_CHECKPOINT_OPTION(holder)                                                               \
    DP_PATH(holder, ckpt, "ckpt", "", "PATH",                                                      \
            "checkpoint, or run folder (its best); none: the newest run")

/* The path is that of --ckpt (or "") or else the one positional argument; both are an error, as is
 * more than one. It may name a checkpoint, a run folder (its best) or be left out (the newest run).
 */

/* As a model of the library: release with dptrain_close, or DP_OWNED(dp_checkpoint_argument_close).
 */
dp_status dp_checkpoint_argument_open(const char *option, int count, char *const *positionals,
                                      dptrain_model **model, dp_error *error) DP_CHECKED;

void dp_checkpoint_argument_close(dptrain_model **model);

/* Opens and checks the dataset that a model was trained on, or that of the option --data where it
 * is not "". DP_ERR_MISMATCH where another one is at its place. Release with dp_dataset_close. */
dp_status dp_checkpoint_argument_dataset(const dptrain_description *is, const char *data,
                                         dp_dataset *dataset, dp_error *error) DP_CHECKED;

/* Collective: loaded by rank 0, for every rank, and agreed on; `path` gets the file. To be released
 * with dp_checkpoint_clear in any case. */
dp_status dp_checkpoint_argument_load(dp_comm *comm, const char *option, int count,
                                      char *const *positionals, dp_checkpoint *checkpoint,
                                      char path[DP_PATH_SIZE], dp_error *error) DP_CHECKED;

/* What the library has said, as a command says it. */
dp_status dp_checkpoint_argument_status(dptrain_status status, const dptrain_error *said,
                                        dp_error *error);

#endif
