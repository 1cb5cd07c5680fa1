#include "support/reference.h"

#include <math.h>
#include <stdlib.h>

/* y[out] = x[in] W[in, out] + b[out] */
static void linear(const dp_tensor *w, const dp_tensor *b, const double *params, const double *x,
                   double *y) {
    for (size_t j = 0; j < w->cols; j++) {
        y[j] = params[dp_tensor_index(b, j)];
        for (size_t i = 0; i < w->rows; i++)
            y[j] += x[i] * params[dp_tensor_index(w, i * w->cols + j)];
    }
}

static double row_loss(const dp_params_layout *layout, const double *params,
                       const uint32_t *context, uint32_t target, double *x, double *h,
                       double *logits) {
    const dp_model_shape *shape = &layout->shape;
    const dp_tensor *tensors = layout->tensors;
    const size_t dim = shape->embedding_dim, inputs = shape->block_size * dim;
    for (size_t i = 0; i < inputs; i++)
        x[i] = params[dp_tensor_index(&tensors[DP_TENSOR_C], context[i / dim] * dim + i % dim)];
    linear(&tensors[DP_TENSOR_W1], &tensors[DP_TENSOR_B1], params, x, h);
    for (size_t i = 0; i < shape->hidden_dim; i++)
        h[i] = tanh(h[i]);
    linear(&tensors[DP_TENSOR_W2], &tensors[DP_TENSOR_B2], params, h, logits);
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
