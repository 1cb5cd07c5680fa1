/* model: the network of Bengio et al. 2003 as in the makemore notebook,
 *
 *     x = C[contexts]                [rows, block_size * embedding_dim]
 *     h = tanh(x W1 + b1)            [rows, hidden_dim]
 *     p = softmax(h W2 + b2)         [rows, vocab]
 *     loss = -log p[target]          natural logarithm
 *
 * A model is a layout and a workspace for up to max_rows examples; parameters and gradients are slabs
 * of the caller, laid out by model/params. Contexts are [rows, block_size] ids, oldest first, targets
 * [rows]; all ids must be below vocab. Nothing is allocated after creation. A call with the same rows
 * and the same number of them gives the same bits (model/layers).
 */
#ifndef DP_MODEL_MODEL_H
#define DP_MODEL_MODEL_H

#include "model/params.h"

#include <stddef.h>
#include <stdint.h>

typedef struct dp_model dp_model;

/* `layout` is copied. On failure *model is NULL. */
dp_status dp_model_create(dp_model **model, const dp_params_layout *layout, size_t max_rows,
                          dp_error *error) DP_CHECKED;
void dp_model_destroy(dp_model *model); /* NULL is allowed */

/* The sum over rows of the loss. 1 <= rows <= max_rows. */
double dp_model_loss(dp_model *model, const float *params, size_t rows, const uint32_t *contexts,
                     const uint32_t *targets);

/* The same, and overwrites gradient [layout.length] with the gradient of scale times that sum. */
double dp_model_gradient(dp_model *model, const float *params, size_t rows,
                         const uint32_t *contexts, const uint32_t *targets, float scale,
                         float *gradient);

/* The logits [vocab] of one context, valid until the next call; for sampling. */
const float *dp_model_logits(dp_model *model, const float *params, const uint32_t *context);

#endif
