/* model: the network of Bengio et al. 2003 as in the makemore notebook,
 *
 *     x = C[contexts]                [rows, block_size * embedding_dim]
 *     h = tanh(x W1 + b1)            [rows, hidden_dim]
 *     p = softmax(h W2 + b2)         [rows, vocab]
 *     loss = -log p[target]          natural logarithm
 *
 * A model is a layout and a workspace for the examples of some grains; parameters and gradients are
 * slabs of the caller, laid out by model/params. Contexts are [rows, block_size] ids, oldest first,
 * targets [rows]; all ids must be below vocab. Nothing is allocated after creation.
 *
 * Gradients are computed in one of two ways, chosen by the shape alone: where the weights stay in a
 * core's caches by the kernels of model/kernels, which take several grains at once, else by BLAS,
 * grain by grain. Either way a grain's gradient has the same bits whatever it is computed with.
 */
#ifndef DP_MODEL_MODEL_H
#define DP_MODEL_MODEL_H

#include "base/cpu.h"
#include "base/profile.h"
#include "model/kernels.h"
#include "model/params.h"

#include <stddef.h>
#include <stdint.h>

typedef struct dp_model dp_model;

/* `layout` is copied; `level` is the instruction set level of the kernels; a grain has at most
 * grain_rows rows. On failure *model is NULL. */
dp_status dp_model_create(dp_model **model, const dp_params_layout *layout, dp_cpu_level level,
                          size_t grain_rows, dp_error *error) DP_CHECKED;
void dp_model_destroy(dp_model *model); /* NULL is allowed */

/* The sum over rows of the loss. 1 <= rows <= grain_rows. A call with the same rows and the same
 * number of them gives the same bits. */
double dp_model_loss(dp_model *model, const float *params, size_t rows, const uint32_t *contexts,
                     const uint32_t *targets);

/* Grains that dp_model_gradient takes at most in one call: a power of two up to
 * DP_MODEL_GRAINS_MAX. */
#define DP_MODEL_GRAINS_MAX DP_KERNEL_GRAINS_MAX
size_t dp_model_grains_at_once(const dp_model *model);

/* Overwrites gradient [layout.length], all but its padding, which must be 0 and stays so, with the
 * gradient of scale times the loss summed over all rows, and losses [grains] with that of each
 * grain, unscaled. Grain g has the rows [starts[g], starts[g + 1]), starts[0] = 0; grains is a
 * power of two and their gradients are summed as a balanced tree. */
void dp_model_gradient(dp_model *model, const float *params, size_t grains, const size_t *starts,
                       const uint32_t *contexts, const uint32_t *targets, float scale,
                       float *gradient, double *losses, dp_profile *profile);

/* The logits [vocab] of one context, valid until the next call; for sampling. */
const float *dp_model_logits(dp_model *model, const float *params, const uint32_t *context);

#endif
