/* wide_model: the network where the vocabulary is large and the output layer is nearly all of the
 * work (Bengio et al. 2003, section 3.2, who split it over processors in this way).
 *
 *     x = C[contexts]                       [rows, inputs]
 *     h = tanh(x W1 + b1)                   [rows, hidden_dim]
 *     p = softmax(a [W2; Wd] + b2)          [rows, vocab],  a = [h, x] or h: what the output sees
 *
 * Each step works on the whole batch. What is below the output is computed row by row; the output
 * layer block by block of the vocabulary (model/params, split): the logits of a block for all rows,
 * their maximum and sum, and later the gradients of the block's parameters and its part of the
 * gradient at `a`. Kernels keep rows apart and blocks have one shape, so a result has the same bits
 * wherever it is computed and with whatever else: rows and blocks may be divided among ranks in any
 * way, as long as sums over blocks are taken in one order. No logits but those of a block and no
 * gradient but that of a block need be held for the model's sake.
 *
 * Pure numerics: arrays are the caller's (engine/split_memory, who shares them between ranks).
 * `rows` are those of a call and `params` the slab. Rows of x, h and a are padded to whole cache
 * lines: dp_wide_dims. Their padding must be 0 at the start.
 */
#ifndef DP_MODEL_WIDE_MODEL_H
#define DP_MODEL_WIDE_MODEL_H

#include "model/model.h"

typedef struct dp_wide_model dp_wide_model;

/* `layout` is split and borrowed. options->grain_rows: the most rows of a call below the output,
 * and of dp_wide_model_losses. */
dp_status dp_wide_model_create(dp_wide_model **model, const dp_params_layout *layout,
                               const dp_model_options *options, dp_error *error) DP_CHECKED;
void dp_wide_model_destroy(dp_wide_model *model); /* NULL is allowed */

/* Lengths of rows, and where they are padded to. */
typedef struct dp_wide_dims {
    size_t inputs, ldx;
    size_t hidden, ldh;
    size_t seen, lda; /* a: hidden, and inputs where they are connected to the output */
    size_t lde;       /* of embedding_dim */
} dp_wide_dims;
dp_wide_dims dp_wide_dims_of(const dp_params_layout *layout);

/* Some rows of the batch of a step: contexts [rows, block_size]. */
typedef struct dp_wide_rows {
    size_t count;
    const uint32_t *contexts;
    uint64_t step; /* for dropout, with the number of the first row in the batch */
    uint64_t first_row;
    float *x; /* [count, ldx] */
    float *h; /* [count, ldh] */
    float *a; /* [count, lda] */
} dp_wide_rows;

/* Fills x, h and a. With dropout, masks are kept for dp_wide_model_below. */
void dp_wide_model_hidden(dp_wide_model *model, const float *params, const dp_wide_rows *rows,
                          dp_profile *profile);

/* A block of the output, for some rows of the batch. */
typedef struct dp_wide_block {
    size_t number;
    size_t rows;
    const float *a;          /* [rows, lda] */
    const uint32_t *targets; /* [rows] */
    /* Once the softmax is known: */
    const float *e;       /* [rows, DP_OUTPUT_BLOCK] */
    const float *maxima;  /* [rows], of this block */
    const float *maximum; /* [rows], of all of them */
    const float *total;   /* [rows] */
    float scale;          /* of the loss summed over rows */
} dp_wide_block;

/* What becomes of its logits: e = exp(logits - maxima), 0 behind the block's tokens; maxima and
 * sums as dp_kernels.exponentials. target_logits[r] is set where targets[r] is in the block. */
typedef struct dp_wide_exponentials {
    float *e;             /* [rows, DP_OUTPUT_BLOCK] */
    float *stats;         /* maxima [rows], sums [rows] */
    float *target_logits; /* [rows] */
} dp_wide_exponentials;
void dp_wide_model_exponentials(const dp_wide_model *model, const float *params,
                                const dp_wide_block *block, const dp_wide_exponentials *out,
                                dp_profile *profile);

/* The softmax over all blocks, from stats[b] of each. Sets maximum[r] and total[r] = sum over all
 * tokens of exp(logit - maximum[r]), and losses[r] = -log p[target]. */
void dp_wide_model_normalise(const dp_wide_model *model, size_t rows, const float *const *stats,
                             const float *target_logits, float *maximum, float *total,
                             double *losses);

/* da [rows, lda] becomes the block's part of the gradient at a, and gradient [output_stride] that
 * of the block's parameters. The gradient at the logits, p - 1 at the target and p elsewhere, is
 * not written down: exponentials are multiplied as they are, and what makes them probabilities
 * scales the shorter rows of a and da. */
void dp_wide_model_output_gradient(const dp_wide_model *model, const float *params,
                                   const dp_wide_block *block, float *da, float *gradient,
                                   dp_profile *profile);

/* da becomes what dp_wide_model_output_gradient makes of it, and the block's parameters become
 * params - lr * gradient, subtracted once: the same bits as with dp_kernels.descend afterwards.
 * Where no row has its target in the block, the gradient is not written down; room [output_stride]
 * is for it or a part. */
void dp_wide_model_output_descend(const dp_wide_model *model, float *params,
                                  const dp_wide_block *block, float lr, float *da, float *room,
                                  dp_profile *profile);

/* From da [count, lda] of these rows, the same as of the last dp_wide_model_hidden: dh [count, ldh]
 * before tanh, and dx [count, block_size, lde], at the features. */
void dp_wide_model_below(dp_wide_model *model, const float *params, const dp_wide_rows *rows,
                         const float *da, float *dh, float *dx);

/* to [block_size, lde] += from [block_size, embedding_dim]: gradients at the features of a row. */
void dp_wide_add_features(const dp_model_shape *shape, size_t lde, const float *from, float *to);

/* The gradient of the rows [first, first + count) of W1 over all rows of the batch, [count, ldh],
 * and, where first is 0, that of b1 [ldh]: x [rows, ldx], dh [rows, ldh] */
void dp_wide_model_layer1_gradient(const dp_wide_model *model, size_t rows, const float *x,
                                   const float *dh, size_t first, size_t count, float *dw,
                                   float *db);

/* losses[r] = -log p[target] for up to grain_rows rows, without dropout. */
void dp_wide_model_losses(dp_wide_model *model, const float *params, size_t rows,
                          const uint32_t *contexts, const uint32_t *targets, double *losses);

#endif
