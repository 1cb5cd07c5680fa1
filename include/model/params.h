/* params: the named tensors of a model in one slab of floats.
 *
 * The table of tensors drives allocation, initialisation, the update, checkpoints, the weight hash,
 * gradient checks and printing. Gradients have the same layout.
 *
 *   C   [vocab, embedding_dim]                      embedding, one row a token
 *   W1  [block_size * embedding_dim, hidden_dim]    hidden layer
 *   b1  [hidden_dim]
 *   W2  [hidden_dim, vocab]                         output layer
 *   b2  [vocab]
 *
 * These are their natural shapes, row-major float32, as files and the hash have them. In the slab
 * the features of a token and the hidden units lie side by side, as kernels want them: W2 is stored
 * transposed. Rows are padded to whole cache lines; the floats in between are zero and stay zero,
 * as their gradient is.
 */
#ifndef DP_MODEL_PARAMS_H
#define DP_MODEL_PARAMS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct dp_model_shape {
    size_t vocab;      /* V, at least 2 */
    size_t block_size; /* tokens of context */
    size_t embedding_dim;
    size_t hidden_dim;
} dp_model_shape;

typedef enum dp_tensor_id {
    DP_TENSOR_C,
    DP_TENSOR_W1,
    DP_TENSOR_B1,
    DP_TENSOR_W2,
    DP_TENSOR_B2,
    DP_TENSOR_COUNT
} dp_tensor_id;

typedef struct dp_tensor {
    const char *name; /* "W1" */
    int rank;         /* 1 or 2 */
    size_t rows;      /* 1 where rank is 1 */
    size_t cols;
    size_t offset;     /* of element (0, 0) in the slab */
    size_t row_stride; /* floats from element (i, j) to (i + 1, j) */
    size_t col_stride; /* and to (i, j + 1): one of the two is 1 */
} dp_tensor;

typedef struct dp_params_layout {
    dp_model_shape shape;
    dp_tensor tensors[DP_TENSOR_COUNT];
    size_t parameter_count; /* trained numbers */
    size_t length;          /* floats of the slab, padding included */
} dp_params_layout;

/* DP_ERR_INPUT where a dimension is 0, or sizes overflow or exceed what BLAS can hold. */
dp_status dp_params_layout_init(dp_params_layout *layout, dp_model_shape shape,
                                dp_error *error) DP_CHECKED;

/* Elements of a tensor. */
size_t dp_tensor_size(const dp_tensor *tensor);
/* Where element `i` in natural order lies in the slab. */
size_t dp_tensor_index(const dp_tensor *tensor, size_t i);
/* Floats from one stored row to the next: the larger stride. */
size_t dp_tensor_ld(const dp_tensor *tensor);
/* Copies a whole tensor between a slab and an array in natural order, [rows, cols]. */
void dp_tensor_load(const dp_tensor *tensor, float *slab, const float *natural);
void dp_tensor_store(const dp_tensor *tensor, const float *slab, float *natural);

typedef enum dp_init {
    DP_INIT_NORMAL, /* every parameter from N(0, 1), biases too (the notebook) */
    DP_INIT_SCALED, /* C from N(0, 1); W1 from N(0, 1) * 5/3 / sqrt(fan in), the gain of tanh;
                       W2 from N(0, 1) / sqrt(fan in); biases 0 (He et al. 2015) */
} dp_init;

/* Fills the slab. Element i of tensor t is a function of (seed, t, i) alone. */
void dp_params_init(const dp_params_layout *layout, dp_init init, uint64_t seed, float *params);

/* XXH3 over the tensors' elements, in natural order and without the padding: equal exactly where
 * all weights have the same bits. It is the XXH3 of the XXH3 of each tensor, in table order. */
uint64_t dp_params_hash(const dp_params_layout *layout, const float *params);

#endif
