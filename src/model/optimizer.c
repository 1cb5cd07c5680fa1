#include "model/optimizer.h"

void dp_optimizer_sgd(const dp_kernels *kernels, size_t count, float lr, const float *gradient,
                      float *params) {
    kernels->descend(count, lr, gradient, params);
}
