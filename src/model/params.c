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

size_t dp_tensor_index(const dp_tensor *tensor, size_t i) {
    return tensor->offset + i / tensor->cols * tensor->row_stride +
           i % tensor->cols * tensor->col_stride;
}

size_t dp_tensor_ld(const dp_tensor *tensor) {
    return tensor->row_stride > tensor->col_stride ? tensor->row_stride : tensor->col_stride;
}

void dp_tensor_load(const dp_tensor *tensor, float *slab, const float *natural) {
    for (size_t row = 0; row < tensor->rows; row++) {
        float *at = slab + tensor->offset + row * tensor->row_stride;
        for (size_t col = 0; col < tensor->cols; col++)
            at[col * tensor->col_stride] = *natural++;
    }
}

/* Columns [first, first + count) of a row. */
static void store_part(const dp_tensor *tensor, const float *slab, size_t row, size_t first,
                       size_t count, float *values) {
    const float *at = slab + tensor->offset + row * tensor->row_stride + first * tensor->col_stride;
    for (size_t col = 0; col < count; col++)
        values[col] = at[col * tensor->col_stride];
}

void dp_tensor_store(const dp_tensor *tensor, const float *slab, float *natural) {
    for (size_t row = 0; row < tensor->rows; row++)
        store_part(tensor, slab, row, 0, tensor->cols, natural + row * tensor->cols);
}

/* --- the layout ----------------------------------------------------------------------------- */

static bool padded(size_t floats, size_t *result) {
    bool overflow = __builtin_add_overflow(floats, FLOATS_PER_LINE - 1, result);
    *result = *result / FLOATS_PER_LINE * FLOATS_PER_LINE;
    return !overflow;
}

/* Places the tensor behind the ones before it, its rows (or, transposed, its columns) padded. */
static dp_status place(dp_params_layout *layout, dp_tensor *tensor, bool transposed,
                       dp_error *error) {
    size_t ld = 0, size = 0, end = 0;
    bool fits = padded(transposed ? tensor->rows : tensor->cols, &ld) &&
                !__builtin_mul_overflow(transposed ? tensor->cols : tensor->rows, ld, &size) &&
                !__builtin_add_overflow(layout->length, size, &end) &&
                end <= SIZE_MAX / 64 / sizeof(float);
    if (!fits)
        return dp_fail(error, DP_ERR_INPUT, "tensor %s of %zu by %zu is too large", tensor->name,
                       tensor->rows, tensor->cols);
    tensor->offset = layout->length;
    tensor->row_stride = transposed ? 1 : ld;
    tensor->col_stride = transposed ? ld : 1;
    layout->length = end;
    layout->parameter_count += dp_tensor_size(tensor);
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
        DP_TRY(place(layout, &layout->tensors[t], t == DP_TENSOR_W2, error));
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
        for (size_t i = 0; i < size; i++)
            params[dp_tensor_index(&layout->tensors[t], i)] =
                (float)(scale * dp_random_normal(seed, DP_STREAM_INIT, i, (uint64_t)t));
    }
}

static uint64_t tensor_hash(const dp_tensor *tensor, const float *slab) {
    enum { PART = 256 };
    float values[PART];
    dp_xxh3 hash;
    dp_xxh3_init(&hash);
    for (size_t row = 0; row < tensor->rows; row++) {
        for (size_t first = 0; first < tensor->cols; first += PART) {
            size_t count = tensor->cols - first < PART ? tensor->cols - first : PART;
            store_part(tensor, slab, row, first, count, values);
            dp_xxh3_update(&hash, values, count * sizeof *values);
        }
    }
    return dp_xxh3_digest(&hash);
}

uint64_t dp_params_hash(const dp_params_layout *layout, const float *params) {
    uint64_t hashes[DP_TENSOR_COUNT];
    for (int t = 0; t < DP_TENSOR_COUNT; t++)
        hashes[t] = tensor_hash(&layout->tensors[t], params);
    return dp_xxh3_of(hashes, sizeof hashes);
}
