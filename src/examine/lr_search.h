/* lr_search: a learning rate for a model, by trying them all in one short run.
 *
 * Smith 2017, "Cyclical learning rates", and the notebook: from the initial parameters, step i is
 * taken with the rate 10**e_i, the exponents e_i evenly spaced. While rates are too small nothing
 * happens; then the loss falls; where they are too large it rises again or blows up.
 */
#ifndef DP_EXAMINE_LR_SEARCH_H
#define DP_EXAMINE_LR_SEARCH_H

#include "engine/config.h"
#include "parallel/comm.h"

#include <signal.h>

typedef struct dp_lr_point {
    double exponent;
    double lr;
    double loss;   /* of the batch of this step, before the update with this rate */
    double smooth; /* mean over the losses up to a sixteenth of all before and behind it */
} dp_lr_point;

/* The suggestion is half the rate at which the smoothed loss is lowest. There, progress and the
 * noise of too large a rate are in balance; half of it is the notebook's choice for the notebook's
 * model. (The steepest descent, which is also used, measures for this model how bad its first
 * parameters are, and comes out several times too small.) */
typedef struct dp_lr_search {
    dp_lr_point *points; /* [count] owned: the rates that were tried; losses are numbers */
    size_t count;
    bool blown_up;    /* it ended as the loss was several times its lowest, or no number */
    int signal;       /* that ended it, or 0 */
    size_t lowest;    /* point of the lowest smoothed loss */
    double suggested; /* rate; NaN where the loss has not fallen by more than chance */
} dp_lr_search;

/* The first three are options of the command line. */
typedef struct dp_lr_request {
    double from; /* exponent of the first rate */
    double to;   /* and of the last */
    uint64_t count;
    const volatile sig_atomic_t *signal; /* that asks to end, or NULL */
    /* Called on rank 0 with each point (smooth is not known yet), or NULL. */
    void (*watch)(void *context, const dp_lr_point *point);
    void *context;
} dp_lr_request;

/* Collective: searches with the config's model, data, batch and seed. The same on every rank, and
 * at any rank count. Errors are agreed on; release with dp_lr_search_clear. */
dp_status dp_lr_search_run(dp_comm *comm, const dp_config *config, const dp_lr_request *request,
                           dp_lr_search *search, dp_error *error) DP_CHECKED;
void dp_lr_search_clear(dp_lr_search *search);

/* What follows from points with their losses: smooth, lowest and suggested. */
void dp_lr_search_conclude(dp_lr_search *search);

/* Replaces the file: step, exponent, lr, loss, smooth; every digit. */
dp_status dp_lr_search_write(const dp_lr_search *search, const char *path,
                             dp_error *error) DP_CHECKED;

#endif
