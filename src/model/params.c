#include "model/params.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/real.h"
#include "base/size.h"
#include "kernels/kernels.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

size_t dp_shape_inputs(const dp_model_shape *shape) {
    return shape->block_size * shape->embedding_dim;
}

size_t dp_output_block_offset(const dp_params_layout *layout, size_t block) {
    return layout->output_offset + block * layout->output_stride;
}

size_t dp_output_tokens(const dp_params_layout *layout, size_t block) {
    return dp_size_min(layout->shape.vocab - block * DP_OUTPUT_BLOCK, DP_OUTPUT_BLOCK);
}

size_t dp_tensor_size(const dp_tensor *tensor) {
    return tensor->rows * tensor->cols;
}

size_t dp_params_largest_tensor(const dp_params_layout *layout) {
    size_t largest = 0;
    for (int t = 0; t < DP_TENSOR_COUNT; t++)
        largest = dp_size_max(largest, dp_tensor_size(&layout->tensors[t]));
    return largest;
}

static size_t index_of(const dp_tensor *tensor, size_t row, size_t col) {
    return tensor->offset + row * tensor->row_stride +
           col / tensor->block_cols * tensor->block_stride +
           col % tensor->block_cols * tensor->col_stride;
}

size_t dp_tensor_index(const dp_tensor *tensor, size_t i) {
    return index_of(tensor, i / tensor->cols, i % tensor->cols);
}

size_t dp_tensor_ld(const dp_tensor *tensor) {
    return tensor->row_stride > tensor->col_stride ? tensor->row_stride : tensor->col_stride;
}

/* How many of the columns [col, col + most) lie in one block. */
static size_t columns_together(const dp_tensor *tensor, size_t col, size_t most) {
    return dp_size_min(tensor->block_cols - col % tensor->block_cols, most);
}

void dp_tensor_load(const dp_tensor *tensor, float *slab, const float *natural) {
    for (size_t row = 0; row < tensor->rows; row++) {
        for (size_t col = 0, count = 0; col < tensor->cols; col += count) {
            float *at = slab + index_of(tensor, row, col);
            count = columns_together(tensor, col, tensor->cols - col);
            for (size_t i = 0; i < count; i++)
                at[i * tensor->col_stride] = *natural++;
        }
    }
}

/* Columns [first, first + count) of a row. */
static void store_part(const dp_tensor *tensor, const float *slab, size_t row, size_t first,
                       size_t count, float *values) {
    for (size_t done = 0, some = 0; done < count; done += some) {
        const float *at = slab + index_of(tensor, row, first + done);
        some = columns_together(tensor, first + done, count - done);
        for (size_t i = 0; i < some; i++)
            values[done + i] = at[i * tensor->col_stride];
    }
}

void dp_tensor_store(const dp_tensor *tensor, const float *slab, float *natural) {
    for (size_t row = 0; row < tensor->rows; row++)
        store_part(tensor, slab, row, 0, tensor->cols, natural + row * tensor->cols);
}

/* --- the layout ----------------------------------------------------------------------------- */

/* Adds rows * cols floats to the slab. */
static bool extend(dp_params_layout *layout, size_t rows, size_t cols) {
    size_t size = 0;
    return !__builtin_mul_overflow(rows, cols, &size) &&
           !__builtin_add_overflow(layout->length, size, &layout->length) &&
           layout->length <= SIZE_MAX / 64 / sizeof(float);
}

static dp_status fail_too_large(const dp_tensor *tensor, dp_error *error) {
    return dp_fail(error, DP_ERR_INPUT, "tensor %s of %zu by %zu is too large", tensor->name,
                   tensor->rows, tensor->cols);
}

/* Places the tensor behind the ones before it, its rows (or, transposed, its columns) padded. */
static dp_status place(dp_params_layout *layout, dp_tensor *tensor, bool transposed,
                       dp_error *error) {
    const size_t ld = dp_kernels_padded(transposed ? tensor->rows : tensor->cols);
    tensor->offset = layout->length;
    if (!extend(layout, transposed ? tensor->cols : tensor->rows, ld))
        return fail_too_large(tensor, error);
    tensor->row_stride = transposed ? 1 : ld;
    tensor->col_stride = transposed ? ld : 1;
    tensor->block_cols = tensor->cols;
    return DP_OK;
}

/* Places the tensors of a split output layer: rows of blocks, in the order of `ids`. */
static dp_status place_split(dp_params_layout *layout, dp_error *error) {
    static const dp_tensor_id ids[] = {DP_TENSOR_W2, DP_TENSOR_WD, DP_TENSOR_B2};
    size_t rows = 0;
    layout->output_offset = layout->length;
    layout->output_blocks = (layout->shape.vocab + DP_OUTPUT_BLOCK - 1) / DP_OUTPUT_BLOCK;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        dp_tensor *tensor = &layout->tensors[ids[i]];
        tensor->offset = layout->output_offset + rows * DP_OUTPUT_BLOCK;
        tensor->row_stride = DP_OUTPUT_BLOCK;
        tensor->col_stride = 1;
        tensor->block_cols = DP_OUTPUT_BLOCK;
        rows += tensor->rows;
    }
    layout->output_stride = rows * DP_OUTPUT_BLOCK;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        layout->tensors[ids[i]].block_stride = layout->output_stride;
    if (!extend(layout, layout->output_blocks, layout->output_stride))
        return fail_too_large(&layout->tensors[DP_TENSOR_W2], error);
    return DP_OK;
}

static bool is_of_output(int tensor) {
    return tensor == DP_TENSOR_W2 || tensor == DP_TENSOR_B2 || tensor == DP_TENSOR_WD;
}

static dp_status place_all(dp_params_layout *layout, dp_error *error) {
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        dp_tensor *tensor = &layout->tensors[t];
        layout->parameter_count += dp_tensor_size(tensor);
        if (!layout->shape.split || !is_of_output(t))
            DP_TRY(place(layout, tensor, tensor->rank == 2 && is_of_output(t), error));
    }
    if (layout->shape.split)
        DP_TRY(place_split(layout, error));
    return DP_OK;
}

/* BLAS counts by int, whoever computes with it. */
static dp_status check_dimension(size_t dimension, const char *what, dp_error *error) {
    return dimension <= INT_MAX ? DP_OK
                                : dp_fail(error, DP_ERR_INPUT, "%s of %zu is too large: at most %d",
                                          what, dimension, INT_MAX);
}

static dp_status check_shape(const dp_model_shape *shape, dp_error *error) {
    size_t inputs = 0;
    if (shape->vocab < 2 || shape->block_size < 1 || shape->embedding_dim < 1)
        return dp_fail(error, DP_ERR_INPUT,
                       "a model needs at least 2 tokens and dimensions of at least 1");
    if (shape->hidden_dim < 1 && !shape->direct)
        return dp_fail(error, DP_ERR_INPUT,
                       "model.hidden_dim = 0 leaves nothing to train: set it to at least 1, or "
                       "model.direct=yes");
    if (__builtin_mul_overflow(shape->block_size, shape->embedding_dim, &inputs))
        return dp_fail(error, DP_ERR_INPUT, "embedding_dim of %zu is too large",
                       shape->embedding_dim);
    DP_TRY(check_dimension(shape->vocab, "a vocabulary", error));
    DP_TRY(check_dimension(inputs, "block_size * embedding_dim", error));
    return check_dimension(shape->hidden_dim, "hidden_dim", error);
}

dp_status dp_params_layout_init(dp_params_layout *layout, dp_model_shape shape, dp_error *error) {
    memset(layout, 0, sizeof *layout);
    layout->shape = shape;
    DP_TRY(check_shape(&shape, error));
    const size_t vocab = shape.vocab, hidden = shape.hidden_dim, inputs = dp_shape_inputs(&shape);
    const size_t some = hidden > 0 ? 1 : 0, direct = shape.direct ? inputs : 0;
    const dp_tensor table[DP_TENSOR_COUNT] = {
        [DP_TENSOR_C] = {.name = "C", .rank = 2, .rows = vocab, .cols = shape.embedding_dim},
        [DP_TENSOR_W1] = {.name = "W1", .rank = 2, .rows = some * inputs, .cols = hidden},
        [DP_TENSOR_B1] = {.name = "b1", .rank = 1, .rows = some, .cols = hidden},
        [DP_TENSOR_W2] = {.name = "W2", .rank = 2, .rows = hidden, .cols = vocab},
        [DP_TENSOR_B2] = {.name = "b2", .rank = 1, .rows = 1, .cols = vocab},
        [DP_TENSOR_WD] = {.name = "Wd", .rank = 2, .rows = direct, .cols = vocab},
    };
    memcpy(layout->tensors, table, sizeof table);
    return place_all(layout, error);
}

/* Inputs of the layer that a weight or bias belongs to. */
static double fan_in(const dp_params_layout *layout, dp_tensor_id tensor) {
    const bool is_hidden_layers = tensor == DP_TENSOR_W2 || tensor == DP_TENSOR_B2;
    const size_t hidden = layout->shape.hidden_dim;
    return (double)(is_hidden_layers && hidden > 0 ? hidden : dp_shape_inputs(&layout->shape));
}

/* The deviation that a tensor's initial elements are drawn with. */
static double deviation(const dp_params_layout *layout, dp_init init, dp_tensor_id tensor) {
    const bool is_bias = layout->tensors[tensor].rank == 1;
    switch (init) {
    case DP_INIT_NORMAL:
        return 1.0;
    case DP_INIT_SMALL:
        return is_bias ? 0.0 : 0.05;
    case DP_INIT_TORCH:
        return tensor == DP_TENSOR_C ? 1.0 : 1.0 / sqrt(3.0 * fan_in(layout, tensor));
    case DP_INIT_SCALED:
        break;
    }
    const double gain = tensor == DP_TENSOR_W1 ? 5.0 / 3.0 : 1.0;
    if (is_bias)
        return 0.0;
    return tensor == DP_TENSOR_C ? 1.0 : gain / sqrt(fan_in(layout, tensor));
}

/* A draw of deviation 1. */
static double draw(dp_init init, uint64_t seed, size_t element, dp_tensor_id tensor) {
    if (init == DP_INIT_TORCH && tensor != DP_TENSOR_C)
        return sqrt(3.0) *
               (2.0 * dp_random_uniform(seed, DP_STREAM_INIT, element, (uint64_t)tensor) - 1.0);
    return dp_random_normal(seed, DP_STREAM_INIT, element, (uint64_t)tensor);
}

void dp_params_init(const dp_params_layout *layout, dp_init init, uint64_t seed, float *params) {
    memset(params, 0, layout->length * sizeof *params);
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const double scale = deviation(layout, init, (dp_tensor_id)t);
        const size_t size = scale == 0.0 ? 0 : dp_tensor_size(&layout->tensors[t]);
        for (size_t i = 0; i < size; i++)
            params[dp_tensor_index(&layout->tensors[t], i)] =
                (float)(scale * draw(init, seed, i, (dp_tensor_id)t));
    }
}

void dp_params_set_output_bias(const dp_params_layout *layout, const uint64_t *counts,
                               float *params) {
    const dp_tensor *b2 = &layout->tensors[DP_TENSOR_B2];
    const size_t vocab = layout->shape.vocab;
    uint64_t total = vocab;
    for (size_t i = 0; i < vocab; i++)
        total += counts[i];
    for (size_t i = 0; i < vocab; i++)
        params[dp_tensor_index(b2, i)] =
            (float)dp_real_log((double)(counts[i] + 1) / (double)total);
}

static uint64_t tensor_hash(const dp_tensor *tensor, const float *slab) {
    enum { PART = 256 };
    float values[PART];
    dp_xxh3 hash;
    dp_xxh3_init(&hash);
    for (size_t row = 0; row < tensor->rows; row++) {
        for (size_t first = 0; first < tensor->cols; first += PART) {
            size_t count = dp_size_min(tensor->cols - first, PART);
            store_part(tensor, slab, row, first, count, values);
            dp_xxh3_update(&hash, values, count * sizeof *values);
        }
    }
    return dp_xxh3_digest(&hash);
}

uint64_t dp_params_hash(const dp_params_layout *layout, const float *params) {
    uint64_t hashes[DP_TENSOR_COUNT];
    size_t count = 0;
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        if (dp_tensor_size(&layout->tensors[t]) > 0)
            hashes[count++] = tensor_hash(&layout->tensors[t], params);
    }
    return dp_xxh3_of(hashes, count * sizeof hashes[0]);
}

bool dp_params_are_finite(const dp_params_layout *layout, const float *params) {
    bool finite = true;
    for (size_t i = 0; i < layout->length; i++)
        finite = finite && isfinite(params[i]);
    return finite;
}

/* A hidden unit is at most 1, and sums in floats are off by less than a factor of 2. */
bool dp_params_are_bounded(const dp_params_layout *layout, const float *params) {
    const double inputs = (double)dp_shape_inputs(&layout->shape);
    const double hidden = (double)layout->shape.hidden_dim;
    float largest = 0.0f;
    for (size_t i = 0; i < layout->length; i++)
        largest = fabsf(params[i]) > largest ? fabsf(params[i]) : largest;
    const double size = (double)largest;
    return size * (1.0 + hidden) + inputs * size * size < (double)FLT_MAX / 4.0;
}
