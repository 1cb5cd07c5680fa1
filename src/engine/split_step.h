/* split_step: a synchronized step where the output layer is split over the ranks.
 *
 * Every rank owns whole blocks of the vocabulary and updates them; nobody else needs their
 * gradient, so that none is exchanged. Within a node, which holds them all, who has none left
 * computes those of slower ranks (parallel/stealing). What crosses between ranks is narrow: what
 * the output sees of each row, the maximum and the sum of each row's softmax over each block, and
 * the gradient at what the output has seen.
 *
 *   1. The ranks of a node share the rows of the batch: features, hidden layer.
 *   2. Each rank computes the exponentials of its blocks, for all rows; all gather maxima and sums.
 *   3. Each rank computes the gradients of its blocks, updates them, and sums its blocks' parts of
 *      the gradient at `a`; parallel/exchange adds those of all ranks, in one tree over the blocks.
 *   4. The ranks of a node share the rows again: the gradient goes down to the features.
 *   5. They share what is below the output, W1 by its rows and C by its tokens, sum over the whole
 *      batch and update in place.
 *
 * So the same bits at any rank count, without grains: rows and blocks are computed by themselves,
 * every sum over rows is taken in their order and every sum over blocks in the tree. What lies
 * below the output is the same on all nodes, each computes it for the whole batch, and nothing of
 * it crosses between them. A node holds the slab of parameters once, of which other nodes' blocks
 * are current only after dp_split_step_collect; and of the optimizer's state what lies below the
 * output and its own blocks, but rank 0's, which has room for all, for checkpoints.
 *
 * Of C only the tokens of the batch have a gradient, and where the update is plain (or
 * train.embedding_update = lazy) only those are touched.
 */
#ifndef DP_ENGINE_SPLIT_STEP_H
#define DP_ENGINE_SPLIT_STEP_H

#include "base/profile.h"
#include "engine/config.h"
#include "kernels/kernels.h"
#include "model/optimizer.h"
#include "model/params.h"

typedef struct dp_split_step dp_split_step;

/* Collective and agreed on. `config`, `layout` (split) and comm are borrowed. More ranks than
 * blocks are DP_ERR_INPUT. */
dp_status dp_split_step_create(dp_split_step **split, dp_comm *comm, const dp_config *config,
                               const dp_params_layout *layout, dp_cpu_level level,
                               dp_error *error) DP_CHECKED;
void dp_split_step_destroy(dp_split_step *split); /* NULL is allowed */

/* The slab of parameters of the node, and those of the optimizer's state, which are NULL on other
 * nodes than rank 0's: as dp_exchange_parameters and dp_exchange_slab. */
float *dp_split_step_parameters(dp_split_step *split);
float *dp_split_step_slab(dp_split_step *split, size_t slab);
/* Collective: the parameters of rank 0 become everyone's, and its slabs those of whose they are. */
void dp_split_step_publish(dp_split_step *split);
/* Collective: all blocks of the output layer become current, on all nodes those of the parameters
 * and on rank 0's those of the slabs. */
void dp_split_step_collect(dp_split_step *split);

/* The whole batch of a step, the same on all ranks. */
typedef struct dp_split_batch {
    uint64_t step;
    const uint32_t *contexts; /* [batch_size, block_size] */
    const uint32_t *targets;  /* [batch_size] */
    double lr;
    bool signalled; /* of this rank */
    dp_profile *profile;
} dp_split_batch;

/* The same on all ranks. */
typedef struct dp_split_result {
    double loss; /* mean over the batch, before the update */
    double clip; /* factor of the gradient */
    double norm; /* of the gradient before that; NaN without clipping */
    bool signalled;
} dp_split_result;

/* Collective: one step. */
dp_split_result dp_split_step_run(dp_split_step *split, const dp_split_batch *batch);

#endif
