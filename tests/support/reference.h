/* reference: the model of model/model.h in double and in plain loops, to compare the kernels with.
 */
#ifndef DP_TESTS_REFERENCE_H
#define DP_TESTS_REFERENCE_H

#include "model/params.h"

/* The summed loss over rows of a model whose parameters are the doubles params[layout->length],
 * laid out as the float slab is. contexts [rows, block_size], targets [rows]. */
double reference_loss(const dp_params_layout *layout, const double *params, size_t rows,
                      const uint32_t *contexts, const uint32_t *targets);

#endif
