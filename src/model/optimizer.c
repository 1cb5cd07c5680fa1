#include "model/optimizer.h"

void dp_optimizer_sgd(size_t count, float lr, const float *restrict gradient,
                      float *restrict params) {
    for (size_t i = 0; i < count; i++)
        params[i] -= lr * gradient[i];
}
