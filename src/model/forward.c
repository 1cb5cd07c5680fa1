#include "model/forward.h"

#include "base/memory.h"
#include "base/size.h"

#define ROWS_AT_ONCE ((size_t)64)

dp_status dp_forward_init(dp_forward *forward, const dp_params_layout *layout, dp_cpu_level level,
                          dp_error *error) {
    const size_t hidden = layout->shape.hidden_dim, inputs = dp_shape_inputs(&layout->shape);
    *forward = (dp_forward){.layout = layout, .kernels = dp_kernels_of(level)};
    /* Gathering writes whole vectors beginning at the last feature. */
    forward->ldx = dp_kernels_padded(inputs + DP_KERNEL_LANES - 1);
    forward->ldh = dp_kernels_padded(hidden);
    const size_t row = forward->ldx + forward->ldh;
    /* No more room than the parameters take, whatever a file's shapes are. */
    forward->rows = dp_size_max(1, dp_size_min(ROWS_AT_ONCE, layout->length / row));
    DP_TRY_NEW(forward->x, forward->rows * row);
    forward->h = forward->x + forward->rows * forward->ldx;
    return DP_OK;
}

void dp_forward_clear(dp_forward *forward) {
    dp_memory_free(forward->x);
    *forward = (dp_forward){0};
}

static dp_rows matrix(const dp_forward *self, const float *params, dp_tensor_id id) {
    const dp_tensor *tensor = &self->layout->tensors[id];
    return (dp_rows){params + tensor->offset, dp_tensor_ld(tensor)};
}

static void compute(dp_forward *self, const float *params, size_t rows, const uint32_t *contexts,
                    float *logits) {
    const dp_model_shape *shape = &self->layout->shape;
    const dp_kernels *kernels = self->kernels;
    const size_t hidden = shape->hidden_dim, inputs = dp_shape_inputs(shape);
    const float *b1 = matrix(self, params, DP_TENSOR_B1).at;
    const float *b2 = matrix(self, params, DP_TENSOR_B2).at;
    const dp_rows x = {self->x, self->ldx}, h = {self->h, self->ldh};
    const dp_out_rows y = {logits, shape->vocab};
    kernels->gather(rows, shape->block_size, shape->embedding_dim, contexts,
                    matrix(self, params, DP_TENSOR_C), NULL, 1.0f,
                    (dp_out_rows){self->x, self->ldx});
    if (hidden == 0) {
        kernels->dot(rows, shape->vocab, inputs, x, matrix(self, params, DP_TENSOR_WD), b2, false,
                     y);
        return;
    }
    kernels->multiply(rows, inputs, hidden, x, matrix(self, params, DP_TENSOR_W1), b1, NULL,
                      (dp_out_rows){self->h, self->ldh});
    kernels->tanh(rows, hidden, self->ldh, self->h);
    kernels->dot(rows, shape->vocab, hidden, h, matrix(self, params, DP_TENSOR_W2), b2, false, y);
    if (shape->direct)
        kernels->dot(rows, shape->vocab, inputs, x, matrix(self, params, DP_TENSOR_WD), NULL, true,
                     y);
}

void dp_forward_logits(dp_forward *forward, const float *params, size_t rows,
                       const uint32_t *contexts, float *logits) {
    const dp_model_shape *shape = &forward->layout->shape;
    for (size_t first = 0, count = 0; first < rows; first += count) {
        count = dp_size_min(rows - first, forward->rows);
        compute(forward, params, count, contexts + first * shape->block_size,
                logits + first * shape->vocab);
    }
}
