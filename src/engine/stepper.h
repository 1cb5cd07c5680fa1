/* stepper: everything that one synchronized step needs, and the step.
 *
 * Draws the rows of this rank's grains, computes their gradients, lets the exchange sum them and
 * applies the optimizer; or, where the output layer is split, hands the batch to engine/split_step.
 * Knows no files but the dataset and keeps no count of steps: what a step does is a function of its
 * number, of the parameters and of the optimizer's state.
 */
#ifndef DP_ENGINE_STEPPER_H
#define DP_ENGINE_STEPPER_H

#include "base/profile.h"
#include "data/dataset.h"
#include "engine/build_info.h"
#include "engine/config.h"
#include "engine/split_step.h"
#include "kernels/kernels.h"
#include "model/model.h"

#include <signal.h>

typedef struct dp_stepper {
    dp_comm *comm;
    const dp_config *config;
    const volatile sig_atomic_t *signal; /* NULL: none is looked for */
    dp_build_info build;
    dp_dataset dataset;
    dp_params_layout layout;
    const dp_kernels *kernels;
    dp_model *model;                      /* NULL where the output layer is split */
    dp_exchange *exchange;                /* NULL likewise */
    dp_split_step *split;                 /* NULL otherwise */
    float *params;                        /* of the exchange or the split step */
    float *state[DP_OPTIMIZER_SLABS_MAX]; /* likewise, as many as the optimizer has */
    dp_sampler sampler;
    dp_schedule schedule;
    dp_optimizer optimizer;
    uint64_t *examples;  /* [rows at once] */
    uint32_t *contexts;  /* [rows at once, block_size] */
    uint32_t *targets;   /* [rows at once] */
    dp_profile *profile; /* of the current step, or NULL */
    bool out_of_time;    /* may be set between steps, on any rank: asks all to stop */

    /* Of the last step, the same on every rank. */
    uint64_t step;
    double lr;
    double clip;    /* factor of the gradient */
    double norm;    /* of the gradient before that; NaN without clipping */
    double loss;    /* mean over the batch, before the update */
    bool must_stop; /* some rank has seen a signal or is out of time */
} dp_stepper;

/* Collective: opens the dataset and builds model and exchange. config and signal are borrowed.
 * Agreed on; on failure dp_stepper_close may be called, and must be after success. */
dp_status dp_stepper_open(dp_stepper *stepper, dp_comm *comm, const dp_config *config,
                          const volatile sig_atomic_t *signal, dp_error *error) DP_CHECKED;
void dp_stepper_close(dp_stepper *stepper);

/* Collective: makes rank 0's params those that training begins with. Agreed on. */
dp_status dp_stepper_initialise(dp_stepper *stepper, dp_error *error) DP_CHECKED;

/* Collective: rank 0's params and state become everyone's. */
void dp_stepper_publish(dp_stepper *stepper);
/* Collective: params become current on all ranks and state on rank 0, wherever they were updated.
 * To be called after steps and before either is looked at. */
void dp_stepper_collect(dp_stepper *stepper);

/* Collective: takes step number `step`, counted from 0. Where `profile` is not NULL its time is
 * recorded there. */
void dp_stepper_step(dp_stepper *stepper, uint64_t step, dp_profile *profile);

#endif
