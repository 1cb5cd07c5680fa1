/* trainer: a training run from its config to its summary.
 *
 * Collective over the job. Draws minibatches, computes grains, lets the exchange sum and update,
 * logs, evaluates and checkpoints when due; resumes where the run folder has a checkpoint. Rank 0
 * alone writes files and reports.
 */
#ifndef DP_TRAIN_TRAINER_H
#define DP_TRAIN_TRAINER_H

#include "engine/config.h"
#include "parallel/comm.h"
#include "run/metrics.h"

#include <signal.h>

/* The first seven are options of the command line. */
typedef struct dp_train_request {
    bool fresh;       /* start over: what the run folder holds of an earlier run is removed */
    uint64_t stop_at; /* end early, with a checkpoint, at this step, */
    bool stops;       /* where that is given; 0 is before the first step */
    double max_time;  /* seconds, after which the run must have ended, with a checkpoint; 0: any */
    char trace[DP_PATH_SIZE]; /* file for a Chrome trace of the first steps; "": none */
    bool quiet;               /* reports to log.txt alone */
    bool verbose;             /* reports every setting at the start */
    /* A signal that asks to end with a checkpoint, or 0; looked at once a step. NULL: none. */
    const volatile sig_atomic_t *signal;
    /* Called on rank 0 with each row of the metrics, or NULL. */
    void (*watch)(void *context, const dp_metrics_row *row);
    void *context;
} dp_train_request;

typedef struct dp_train_outcome {
    /* What ended the run before its last step, the same on all ranks. */
    int signal; /* or 0 */
    bool out_of_time;
} dp_train_outcome;

/* The config, resolved, is the same on every rank. Errors are agreed on. */
dp_status dp_trainer_run(dp_comm *comm, const dp_config *config, const dp_train_request *request,
                         dp_train_outcome *outcome, dp_error *error) DP_CHECKED;

#endif
