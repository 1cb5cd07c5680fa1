/* sweep_ensemble: what the best runs of a sweep reach together on dev, as one model whose
 * probabilities are the mean of theirs. */
#ifndef DP_SWEEP_SWEEP_ENSEMBLE_H
#define DP_SWEEP_SWEEP_ENSEMBLE_H

#include "baseline/mixture.h"
#include "sweep/sweep.h"

typedef struct dp_sweep_ensemble {
    size_t count;                     /* of runs; 0: nothing was tried */
    size_t members[DP_NETWORKS_MAX];  /* of the plan's trials, the best on dev first */
    double together[DP_NETWORKS_MAX]; /* [k]: loss on dev of the first k + 1, with equal shares */
} dp_sweep_ensemble;

/* Collective: evaluates the best checkpoints of the runs that are best on dev, as many as
 * sweep.ensemble says, of those that are done and have the dataset of the best one, or another
 * block size of the sweep's text; none where there are fewer than two. The same bits at any rank
 * count. Agreed on. */
dp_status dp_sweep_ensemble_try(dp_comm *comm, const dp_sweep_plan *plan,
                                const dp_sweep_outcome *outcomes, dp_sweep_ensemble *ensemble,
                                dp_error *error) DP_CHECKED;

#endif
