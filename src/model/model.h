/* model: the network of Bengio et al. 2003 as in the makemore notebook,
 *
 *     x = C[contexts]                [rows, block_size * embedding_dim]
 *     h = tanh(x W1 + b1)            [rows, hidden_dim]
 *     p = softmax(h W2 + b2)         [rows, vocab];  h W2 + x Wd + b2 with direct connections
 *     loss = -log p[target]          natural logarithm
 *
 * A model is a layout and a workspace for the examples of some grains; parameters and gradients are
 * slabs of the caller, laid out by model/params. Contexts are [rows, block_size] ids, oldest first,
 * targets [rows]; all ids must be below vocab. Nothing is allocated after creation.
 *
 * All goes by kernels/kernels, in which a row's result does not depend on its company: several
 * grains are taken at once, and their weight gradients are summed in registers, in the order of the
 * tree. What is the same for several rows may be computed once, as model/ways chooses:
 *   - forward, C[token] W1_i once for each (position, token) pair of a call (model/pairs), and the
 *     gradients of layer 1 too;
 *   - examples of a grain with the same context as one row (model/distinct).
 * Dropout, which differs by example, forbids that: on features all of it, on hidden units the
 * second; and so do direct connections.
 * A model with a split output layer has no gradients here: model/wide_model computes them
 * otherwise.
 */
#ifndef DP_MODEL_MODEL_H
#define DP_MODEL_MODEL_H

#include "base/profile.h"
#include "kernels/dropout.h"
#include "kernels/kernels.h"
#include "model/params.h"
#include "model/ways.h"
#include "system/cpu.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dp_model dp_model;

typedef struct dp_model_options {
    dp_cpu_level level; /* of the kernels */
    size_t grain_rows;  /* the most rows of a grain, or of losses alone */
    bool forward_only;  /* gradients will not be asked for */
    dp_dropout dropout; /* for gradients */
    dp_layer1 layer1; /* how much it shares, up to what it can; where nothing is said, as model/ways
                         chooses for losses, or for the gradient of one grain */
} dp_model_options;

/* `layout` is copied. On failure *model is NULL. */
dp_status dp_model_create(dp_model **model, const dp_params_layout *layout,
                          const dp_model_options *options, dp_error *error) DP_CHECKED;
void dp_model_destroy(dp_model *model); /* NULL is allowed */

/* The loss of each row, whatever the others are: losses [rows]. 1 <= rows <= grain_rows. */
void dp_model_row_losses(dp_model *model, const float *params, size_t rows,
                         const uint32_t *contexts, const uint32_t *targets, double *losses);

/* Grains that dp_model_gradient takes at most in one call: a power of two up to
 * DP_MODEL_GRAINS_MAX. */
#define DP_MODEL_GRAINS_MAX DP_KERNEL_GRAINS_MAX
size_t dp_model_grains_at_once(const dp_model *model);

/* The rows of some grains of a step's batch. */
typedef struct dp_batch {
    size_t grains;        /* a power of two up to dp_model_grains_at_once */
    const size_t *starts; /* [grains + 1]: grain g has rows [starts[g], starts[g + 1]); from 0 */
    const uint32_t *contexts; /* [rows, block_size] */
    const uint32_t *targets;  /* [rows] */
    uint64_t step;            /* for dropout: the step, and which row of its batch row 0 is */
    uint64_t first_row;
} dp_batch;

/* Not of a split layer. Overwrites gradient [layout.length], all but its padding, which must be 0
 * and stays so, with the gradient of scale times the loss summed over all rows, and losses [grains]
 * with that of each grain, unscaled. Gradients of grains are summed as a balanced tree. */
void dp_model_gradient(dp_model *model, const float *params, const dp_batch *batch, float scale,
                       float *gradient, double *losses, dp_profile *profile);

/* params -= lr times that gradient, which is not written down: the same bits as
 * dp_kernels.descend makes of it. The batch is all there is of the step's. */
void dp_model_descend(dp_model *model, float *params, const dp_batch *batch, float scale, float lr,
                      double *losses, dp_profile *profile);

#endif
