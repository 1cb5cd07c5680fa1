/* checkpoint_argument: the checkpoint that a command's user means. */
#ifndef DP_CLI_CHECKPOINT_ARGUMENT_H
#define DP_CLI_CHECKPOINT_ARGUMENT_H

#include "data/dataset.h"
#include "dptrain/dptrain.h"
#include "parallel/comm.h"
#include "run/checkpoint.h"

/* The options --ckpt and --weights. */
typedef struct dp_checkpoint_choice {
    dp_option_path_list paths;
    const char *weights;
} dp_checkpoint_choice;

/* These, for the table of a command whose options are a `holder` with a dp_checkpoint_choice
 * `ckpt`. */
#define DP_CHECKPOINT_OPTIONS(holder)                                                              \
    DP_PATH_LIST(holder, ckpt.paths, "ckpt", "", "PATH",                                           \
                 "checkpoint, or run folder (its best); none: the newest run; given more than "    \
                 "once: an ensemble, the mean of their probabilities"),                            \
        DP_TEXT(holder, ckpt.weights, "weights", "", "LIST",                                       \
                "shares of an ensemble, as 0.5,0.3,0.2; none: equal")

/* The paths are those of --ckpt or else the one positional argument; both are an error, as is more
 * than one of these. A path may name a checkpoint, a run folder (its best) or be left out (the
 * newest run). */

/* What is asked: one model, or an ensemble of several. Start with {0}; release with
 * dp_checkpoint_argument_close. */
typedef struct dp_asked {
    dptrain_model *model; /* to be asked */
    size_t count;
    dptrain_model *members[DP_OPTION_LIST_MAX];
    const dptrain_model *leader; /* the first with the longest context: it names the dataset */
} dp_asked;

dp_status dp_checkpoint_argument_open(const dp_checkpoint_choice *choice, int count,
                                      char *const *positionals, dp_asked *asked,
                                      dp_error *error) DP_CHECKED;
void dp_checkpoint_argument_close(dp_asked *asked);

/* For DP_OWNED: closes the model that the variable points to. */
void dp_checkpoint_argument_release(dptrain_model **model);

/* The shares [count] of --weights, which sum up to 1. */
dp_status dp_checkpoint_argument_shares(const dp_checkpoint_choice *choice, size_t count,
                                        double *shares, dp_error *error) DP_CHECKED;

/* Opens and checks the dataset that the leader was trained on, or that of the option --data
 * where it is not "". DP_ERR_MISMATCH where another one is at its place. Release with
 * dp_dataset_close. */
dp_status dp_checkpoint_argument_dataset(const dp_asked *asked, const char *data,
                                         dp_dataset *dataset, dp_error *error) DP_CHECKED;

/* Where that dataset is: `data`, or where it is "" what the leader was trained on. */
dp_status dp_checkpoint_argument_find_dataset(const dp_asked *asked, const char *data,
                                              char path[DP_PATH_SIZE], dp_error *error) DP_CHECKED;

/* Whether a checkpoint can be asked about the rows of a dataset, of which it may see less of the
 * context: DP_ERR_MISMATCH where it sees more, or they have another vocabulary. */
dp_status dp_checkpoint_argument_check_fit(const char *path, dp_model_file *facts,
                                           dp_dataset *dataset, dp_error *error) DP_CHECKED;

/* Collective: number `which` of the paths, loaded by rank 0, for every rank, and agreed on; `path`
 * gets the file. To be released with dp_checkpoint_clear in any case. */
dp_status dp_checkpoint_argument_load(dp_comm *comm, const dp_checkpoint_choice *choice,
                                      size_t which, int count, char *const *positionals,
                                      dp_checkpoint *checkpoint, char path[DP_PATH_SIZE],
                                      dp_error *error) DP_CHECKED;

/* What the library has said, as a command says it. */
dp_status dp_checkpoint_argument_status(dptrain_status status, const dptrain_error *said,
                                        dp_error *error);

#endif
