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
 *   Wd  [block_size * embedding_dim, vocab]         direct connections from the features to the
 *                                                   output, where the shape has them
 *
 * These are their natural shapes, row-major float32, as files and the hash have them. A tensor that
 * a shape does not have (Wd; W1, b1 and W2 without hidden units) is empty, and neither files nor
 * the hash know it. In the slab rows are padded to whole cache lines; the floats in between are
 * zero and stay zero, as their gradient is. What belongs to the output layer lies in one of two
 * ways:
 *
 *   whole  The features of a token and the hidden units lie side by side, as kernels want them for
 *          small models: W2 and Wd are stored transposed.
 *   split  The vocabulary is cut into blocks of DP_OUTPUT_BLOCK tokens. A block is one piece of
 *          memory, [hidden_dim + inputs + 1, DP_OUTPUT_BLOCK]: its columns of W2, of Wd and of b2.
 *          So a rank can own whole blocks (model/wide_model).
 */
#ifndef DP_MODEL_PARAMS_H
#define DP_MODEL_PARAMS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dp_model_shape {
    size_t vocab;      /* V, at least 2 */
    size_t block_size; /* tokens of context */
    size_t embedding_dim;
    size_t hidden_dim; /* 0 only with direct */
    bool direct;       /* features are connected to the output */
    bool split;        /* how the output layer lies, see above */
} dp_model_shape;

/* Tokens of a block of the output layer. Rows of a block are an odd number of cache lines, which
 * spreads a column of them over the sets of a cache. */
#define DP_OUTPUT_BLOCK ((size_t)240)

typedef enum dp_tensor_id {
    DP_TENSOR_C,
    DP_TENSOR_W1,
    DP_TENSOR_B1,
    DP_TENSOR_W2,
    DP_TENSOR_B2,
    DP_TENSOR_WD,
    DP_TENSOR_COUNT
} dp_tensor_id;

typedef struct dp_tensor {
    const char *name; /* "W1" */
    int rank;         /* 1 or 2 */
    size_t rows;      /* 1 where rank is 1 */
    size_t cols;
    size_t offset;       /* of element (0, 0) in the slab */
    size_t row_stride;   /* floats from element (i, j) to (i + 1, j) */
    size_t col_stride;   /* and to (i, j + 1) within a block: one of the two is 1 */
    size_t block_cols;   /* columns of a block; cols where there is but one */
    size_t block_stride; /* floats from a block to the next */
} dp_tensor;

typedef struct dp_params_layout {
    dp_model_shape shape;
    dp_tensor tensors[DP_TENSOR_COUNT];
    size_t parameter_count; /* trained numbers */
    size_t length;          /* floats of the slab, padding included */

    /* Where the output layer is split: block b has the floats [output_offset + b * output_stride,
     * + output_stride), and the tokens [b * DP_OUTPUT_BLOCK, + dp_output_tokens). It is the last
     * part of the slab. Else 0. */
    size_t output_offset;
    size_t output_stride;
    size_t output_blocks;
} dp_params_layout;

/* DP_ERR_INPUT where a dimension is 0, or sizes overflow or exceed INT_MAX. */
dp_status dp_params_layout_init(dp_params_layout *layout, dp_model_shape shape,
                                dp_error *error) DP_CHECKED;

/* Features of a context: block_size * embedding_dim. */
size_t dp_shape_inputs(const dp_model_shape *shape);
/* Tokens of a block of a split output layer: the last may have fewer than the others. */
size_t dp_output_tokens(const dp_params_layout *layout, size_t block);
/* Where the floats of a block begin. */
size_t dp_output_block_offset(const dp_params_layout *layout, size_t block);

/* Elements of a tensor: 0 where the shape has none. */
size_t dp_tensor_size(const dp_tensor *tensor);
/* Elements of the largest one. */
size_t dp_params_largest_tensor(const dp_params_layout *layout);
/* Where element `i` in natural order lies in the slab. */
size_t dp_tensor_index(const dp_tensor *tensor, size_t i);
/* Floats from one stored row to the next: the larger stride within a block. */
size_t dp_tensor_ld(const dp_tensor *tensor);
/* Copies a whole tensor between a slab and an array in natural order, [rows, cols]. */
void dp_tensor_load(const dp_tensor *tensor, float *slab, const float *natural);
void dp_tensor_store(const dp_tensor *tensor, const float *slab, float *natural);

typedef enum dp_init {
    DP_INIT_NORMAL, /* every parameter from N(0, 1), biases too (the notebook) */
    DP_INIT_SCALED, /* C from N(0, 1); W1 from N(0, 1) * 5/3 / sqrt(fan in), the gain of tanh;
                       W2 and Wd from N(0, 1) / sqrt(fan in); biases 0 (He et al. 2015) */
    DP_INIT_SMALL,  /* weights from N(0, 1) * 0.05, biases 0 */
    DP_INIT_TORCH,  /* as torch.nn.Embedding and Linear begin: C from N(0, 1), the rest, biases too,
                       uniform within 1 / sqrt(fan in) of 0 */
} dp_init;
#define DP_INIT_NAMES "normal", "scaled", "small", "torch"

/* Fills the slab. Element i of tensor t is a function of (seed, t, i) alone. */
void dp_params_init(const dp_params_layout *layout, dp_init init, uint64_t seed, float *params);

/* What b2 begins with. */
typedef enum dp_output_bias {
    DP_OUTPUT_BIAS_INIT,      /* what dp_init says */
    DP_OUTPUT_BIAS_FREQUENCY, /* the log of how often each token is a target, so that the first
                                 steps need not learn that */
} dp_output_bias;
#define DP_OUTPUT_BIAS_NAMES "init", "frequency"

/* Sets b2 by how often each of the V tokens is a target: ln((counts[i] + 1) / (sum + V)). */
void dp_params_set_output_bias(const dp_params_layout *layout, const uint64_t *counts,
                               float *params);

/* XXH3 over the tensors' elements, in natural order and without the padding: equal exactly where
 * all weights have the same bits. It is the XXH3 of the XXH3 of each tensor, in table order. */
uint64_t dp_params_hash(const dp_params_layout *layout, const float *params);

/* Whether no element is infinite or not a number. */
bool dp_params_are_finite(const dp_params_layout *layout, const float *params);

/* Whether they are so small, all of them, that no sum of a forward pass can become infinite, as
 * those of a trained model are by far: then a logit is a number, whatever the context. */
bool dp_params_are_bounded(const dp_params_layout *layout, const float *params);

#endif
