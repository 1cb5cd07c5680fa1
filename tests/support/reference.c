#include "support/reference.h"

#include <math.h>
#include <stdlib.h>

/* y[out] += x[in] W[in, out] */
static void add_product(const dp_tensor *w, const double *params, const double *x, double *y) {
    for (size_t j = 0; j < w->cols; j++) {
        for (size_t i = 0; i < w->rows; i++)
            y[j] += x[i] * params[dp_tensor_index(w, i * w->cols + j)];
    }
}

/* y[out] = x[in] W[in, out] + b[out] */
static void linear(const dp_tensor *w, const dp_tensor *b, const double *params, const double *x,
                   double *y) {
    for (size_t j = 0; j < w->cols; j++)
        y[j] = params[dp_tensor_index(b, j)];
    add_product(w, params, x, y);
}

bool reference_keeps(const dp_dropout_draw *draw, uint64_t row, size_t i) {
    uint32_t words[4];
    dp_random_words(draw->seed, draw->stream, draw->step, row << 24 | i / 8, words);
    return (words[i % 8 / 2] >> (i % 2 == 0 ? 0 : 16) & 0xFFFFu) >= draw->threshold;
}

static double dropped(double value, const dp_dropout_draw *draw, uint64_t row, size_t i) {
    return reference_keeps(draw, row, i) ? value * 65536.0 / (65536.0 - draw->threshold) : 0.0;
}

typedef struct row {
    const uint32_t *context;
    uint32_t target;
    uint64_t number; /* in the batch */
    dp_dropout_draw features, units;
} row;

static double row_loss(const dp_params_layout *layout, const double *params, const row *self,
                       double *x, double *h, double *logits) {
    const dp_model_shape *shape = &layout->shape;
    const dp_tensor *tensors = layout->tensors;
    const size_t dim = shape->embedding_dim, inputs = shape->block_size * dim;
    const size_t padded = dp_dropout_bytes(dim) * 8;
    for (size_t i = 0; i < inputs; i++)
        x[i] = dropped(
            params[dp_tensor_index(&tensors[DP_TENSOR_C], self->context[i / dim] * dim + i % dim)],
            &self->features, self->number, i / dim * padded + i % dim);
    linear(&tensors[DP_TENSOR_W1], &tensors[DP_TENSOR_B1], params, x, h);
    for (size_t i = 0; i < shape->hidden_dim; i++)
        h[i] = dropped(tanh(h[i]), &self->units, self->number, i);
    linear(&tensors[DP_TENSOR_W2], &tensors[DP_TENSOR_B2], params, h, logits);
    if (shape->direct)
        add_product(&tensors[DP_TENSOR_WD], params, x, logits);
    double total = 0.0;
    for (size_t i = 0; i < shape->vocab; i++)
        total += exp(logits[i]);
    return log(total) - logits[self->target];
}

double reference_loss_with_dropout(const dp_params_layout *layout, const double *params,
                                   size_t rows, const uint32_t *contexts, const uint32_t *targets,
                                   const dp_dropout *dropout, uint64_t step, uint64_t first_row) {
    const dp_model_shape *shape = &layout->shape;
    size_t inputs = shape->block_size * shape->embedding_dim;
    double *work = calloc(inputs + shape->hidden_dim + shape->vocab, sizeof *work);
    double loss = 0.0;
    for (size_t r = 0; work != NULL && r < rows; r++) {
        const row current = {.context = contexts + r * shape->block_size,
                             .target = targets[r],
                             .number = first_row + r,
                             .features = {.seed = dropout->seed,
                                          .stream = DP_STREAM_DROP_EMBEDDING,
                                          .step = step,
                                          .threshold = dp_dropout_threshold(dropout->embedding)},
                             .units = {.seed = dropout->seed,
                                       .stream = DP_STREAM_DROP_HIDDEN,
                                       .step = step,
                                       .threshold = dp_dropout_threshold(dropout->hidden)}};
        loss += row_loss(layout, params, &current, work, work + inputs,
                         work + inputs + shape->hidden_dim);
    }
    if (work == NULL)
        loss = NAN;
    free(work);
    return loss;
}

double reference_loss(const dp_params_layout *layout, const double *params, size_t rows,
                      const uint32_t *contexts, const uint32_t *targets) {
    const dp_dropout none = {0};
    return reference_loss_with_dropout(layout, params, rows, contexts, targets, &none, 0, 0);
}
