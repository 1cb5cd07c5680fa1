#include "library/similarity.h"

#include <math.h>

static double product(const float *a, const float *b, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

void dp_similarity_cosines(const dp_params_layout *layout, const float *params, uint32_t id,
                           double *cosines) {
    const size_t width = layout->shape.embedding_dim;
    const float *rows = params + layout->tensors[DP_TENSOR_C].offset;
    const size_t ld = dp_tensor_ld(&layout->tensors[DP_TENSOR_C]);
    const float *self = rows + id * ld;
    for (size_t i = 0; i < layout->shape.vocab; i++) {
        const float *other = rows + i * ld;
        double lengths = sqrt(product(self, self, width)) * sqrt(product(other, other, width));
        cosines[i] = lengths > 0.0 ? product(self, other, width) / lengths : 0.0;
    }
}
