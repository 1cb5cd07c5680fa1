/* evaluate: the loss of a split, by all ranks together, with the same bits at any rank count.
 *
 * A split is cut into chunks of DP_EVALUATE_ROWS rows, shared among the ranks; a chunk's loss is a
 * sum in row order, and chunks are summed in the tree of `parallel/tree`.
 */
#ifndef DP_TRAIN_EVALUATE_H
#define DP_TRAIN_EVALUATE_H

#include "data/dataset.h"
#include "model/model.h"
#include "parallel/comm.h"

#define DP_EVALUATE_ROWS 512

/* A set of splits has the bit 1 << split for each. */
#define DP_SPLITS_ALL ((1u << DP_SPLIT_COUNT) - 1u)

typedef struct dp_evaluation {
    double loss;       /* mean over rows, nats a token */
    double perplexity; /* exp(loss) */
    uint64_t count;    /* rows */
} dp_evaluation;

/* Collective; every rank has the result. Each rank passes the same parameters. Agreed on. */
dp_status dp_evaluate(dp_comm *comm, const dp_dataset *dataset, dp_split split,
                      const dp_params_layout *layout, const float *params,
                      dp_evaluation *evaluation, dp_error *error) DP_CHECKED;

#endif
