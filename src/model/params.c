#include "model/params.h"

#include "adapters/linalg.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/random.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define FLOATS_PER_LINE (DP_ALIGNMENT / sizeof(float))

size_t dp_tensor_size(const dp_tensor *tensor) {
    return tensor->rows * tensor->cols;
}

/* Places the tensor behind the ones before it. */
static dp_status place(dp_params_layout *layout, dp_tensor *tensor, dp_error *error) {
    size_t size = 0, end = 0;
    bool overflow = __builtin_mul_overflow(tensor->rows, tensor->cols, &size) ||
                    __builtin_add_overflow(layout->length, size, &end) ||
                    end > SIZE_MAX / 64 / sizeof(float);
    if (overflow)
        return dp_fail(error, DP_ERR_INPUT, "tensor %s of %zu by %zu is too large", tensor->name,
                       tensor->rows, tensor->cols);
    tensor->offset = layout->length;
    layout->length = (end + FLOATS_PER_LINE - 1) / FLOATS_PER_LINE * FLOATS_PER_LINE;
    layout->parameter_count += size;
    return DP_OK;
}

dp_status dp_params_layout_init(dp_params_layout *layout, dp_model_shape shape, dp_error *error) {
    dp_status status = DP_OK;
    size_t inputs = 0;
    memset(layout, 0, sizeof *layout);
    layout->shape = shape;
    if (shape.vocab < 2 || shape.block_size < 1 || shape.embedding_dim < 1 || shape.hidden_dim < 1)
        return dp_fail(error, DP_ERR_INPUT,
                       "a model needs at least 2 tokens and dimensions of at least 1");
    if (__builtin_mul_overflow(shape.block_size, shape.embedding_dim, &inputs))
        return dp_fail(error, DP_ERR_INPUT, "embedding_dim of %zu is too large",
                       shape.embedding_dim);
    DP_TRY(dp_linalg_check_dimension(shape.vocab, "a vocabulary", error));
    DP_TRY(dp_linalg_check_dimension(inputs, "block_size * embedding_dim", error));
    DP_TRY(dp_linalg_check_dimension(shape.hidden_dim, "hidden_dim", error));
    const dp_tensor table[DP_TENSOR_COUNT] = {
        [DP_TENSOR_C] = {.name = "C", .rank = 2, .rows = shape.vocab, .cols = shape.embedding_dim},
        [DP_TENSOR_W1] = {.name = "W1", .rank = 2, .rows = inputs, .cols = shape.hidden_dim},
        [DP_TENSOR_B1] = {.name = "b1", .rank = 1, .rows = 1, .cols = shape.hidden_dim},
        [DP_TENSOR_W2] = {.name = "W2", .rank = 2, .rows = shape.hidden_dim, .cols = shape.vocab},
        [DP_TENSOR_B2] = {.name = "b2", .rank = 1, .rows = 1, .cols = shape.vocab},
    };
    memcpy(layout->tensors, table, sizeof table);
    for (int t = 0; t < DP_TENSOR_COUNT; t++)
        DP_TRY(place(layout, &layout->tensors[t], error));
done:
    return status;
}

/* The deviation that a tensor's initial elements are drawn with. */
static double deviation(const dp_params_layout *layout, dp_init init, dp_tensor_id tensor) {
    if (init == DP_INIT_NORMAL || tensor == DP_TENSOR_C)
        return 1.0;
    if (layout->tensors[tensor].rank == 1)
        return 0.0;
    double gain = tensor == DP_TENSOR_W1 ? 5.0 / 3.0 : 1.0;
    return gain / sqrt((double)layout->tensors[tensor].rows);
}

void dp_params_init(const dp_params_layout *layout, dp_init init, uint64_t seed, float *params) {
    memset(params, 0, layout->length * sizeof *params);
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        double scale = deviation(layout, init, (dp_tensor_id)t);
        size_t size = scale == 0.0 ? 0 : dp_tensor_size(&layout->tensors[t]);
        float *values = params + layout->tensors[t].offset;
        for (size_t i = 0; i < size; i++)
            values[i] = (float)(scale * dp_random_normal(seed, DP_STREAM_INIT, i, (uint64_t)t));
    }
}

uint64_t dp_params_hash(const dp_params_layout *layout, const float *params) {
    uint64_t hashes[DP_TENSOR_COUNT];
    for (int t = 0; t < DP_TENSOR_COUNT; t++)
        hashes[t] = dp_xxh3_of(params + layout->tensors[t].offset,
                               dp_tensor_size(&layout->tensors[t]) * sizeof *params);
    return dp_xxh3_of(hashes, sizeof hashes);
}
