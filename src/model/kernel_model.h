/* kernel_model: gradients by the kernels of kernels/kernels, for models whose weights stay near a
 * core. It takes several grains at once, as a row's result does not depend on its company, and sums
 * their weight gradients in registers, in the order of the tree.
 *
 * What is the same for several rows is computed once:
 *   - forward, C[token] W1_i once for each (position, token) pair of a call (model/pairs);
 *   - where grains have many rows, examples with the same context are one row (model/distinct), and
 *     the gradients of layer 1 too go by pairs. Dropout, which differs by example, forbids that: on
 *     features all of it, on hidden units the first.
 */
#ifndef DP_MODEL_KERNEL_MODEL_H
#define DP_MODEL_KERNEL_MODEL_H

#include "kernels/kernels.h"
#include "model/model.h"

typedef struct dp_kernel_model dp_kernel_model;

/* Whether kernels suit this shape better than BLAS. */
bool dp_kernel_model_suits(const dp_params_layout *layout);

/* As dp_model_create. `layout` is borrowed. */
dp_status dp_kernel_model_create(dp_kernel_model **model, const dp_params_layout *layout,
                                 const dp_model_options *options, dp_error *error) DP_CHECKED;
void dp_kernel_model_destroy(dp_kernel_model *model); /* NULL is allowed */

size_t dp_kernel_model_grains_at_once(const dp_kernel_model *model);

/* As dp_model_gradient. */
void dp_kernel_model_gradient(dp_kernel_model *model, const float *params, const dp_batch *batch,
                              float scale, float *gradient, double *losses, dp_profile *profile);

#endif
