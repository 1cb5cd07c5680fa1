#include "support/reference.h"

#include <math.h>
#include <stdlib.h>

/* y[out] = x[in] W[in, out] + b[out] */
static void linear(size_t in, size_t out, const double *x, const double *w, const double *b,
                   double *y) {
    for (size_t j = 0; j < out; j++) {
        y[j] = b[j];
        for (size_t i = 0; i < in; i++)
            y[j] += x[i] * w[i * out + j];
    }
}

static double row_loss(const dp_params_layout *layout, const double *params,
                       const uint32_t *context, uint32_t target, double *x, double *h,
                       double *logits) {
    const dp_model_shape *shape = &layout->shape;
    const dp_tensor *tensors = layout->tensors;
    const size_t dim = shape->embedding_dim, inputs = shape->block_size * dim;
    for (size_t i = 0; i < inputs; i++)
        x[i] = params[tensors[DP_TENSOR_C].offset + context[i / dim] * dim + i % dim];
    linear(inputs, shape->hidden_dim, x, params + tensors[DP_TENSOR_W1].offset,
           params + tensors[DP_TENSOR_B1].offset, h);
    for (size_t i = 0; i < shape->hidden_dim; i++)
        h[i] = tanh(h[i]);
    linear(shape->hidden_dim, shape->vocab, h, params + tensors[DP_TENSOR_W2].offset,
           params + tensors[DP_TENSOR_B2].offset, logits);
    double total = 0.0;
    for (size_t i = 0; i < shape->vocab; i++)
        total += exp(logits[i]);
    return log(total) - logits[target];
}

double reference_loss(const dp_params_layout *layout, const double *params, size_t rows,
                      const uint32_t *contexts, const uint32_t *targets) {
    const dp_model_shape *shape = &layout->shape;
    size_t inputs = shape->block_size * shape->embedding_dim;
    double *work = calloc(inputs + shape->hidden_dim + shape->vocab, sizeof *work);
    double loss = 0.0;
    for (size_t r = 0; work != NULL && r < rows; r++)
        loss += row_loss(layout, params, contexts + r * shape->block_size, targets[r], work,
                         work + inputs, work + inputs + shape->hidden_dim);
    if (work == NULL)
        loss = NAN;
    free(work);
    return loss;
}
