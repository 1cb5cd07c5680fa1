/* optimizer: the update of parameters from their gradient. Elementwise, so that any slice of the
 * slab may be updated on its own. */
#ifndef DP_MODEL_OPTIMIZER_H
#define DP_MODEL_OPTIMIZER_H

#include "model/kernels.h"

#include <stddef.h>

/* Plain gradient descent: params[i] -= lr * gradient[i] for i in [0, count). */
void dp_optimizer_sgd(const dp_kernels *kernels, size_t count, float lr, const float *gradient,
                      float *params);

#endif
