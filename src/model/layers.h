/* layers: the pieces of the network, forward and backward, on whole matrices.
 *
 * All matrices are row-major float32; a row is an example. Gradients are overwritten, not added to,
 * unless said otherwise. The products go through `kernels/linalg`; the result for a row may depend
 * on how many rows a call has, so a caller that wants the same bits uses the same number of rows.
 * Pointers must not overlap.
 */
#ifndef DP_MODEL_LAYERS_H
#define DP_MODEL_LAYERS_H

#include "kernels/linalg.h"

#include <stddef.h>
#include <stdint.h>

/* x[r, i * dim .. (i+1) * dim) = C[ids[r, i]]:  ids [rows, block], C [V, dim] with rows ldc floats
 * apart, x [rows, block * dim] */
void dp_embedding_forward(size_t rows, size_t block, size_t dim, const uint32_t *ids,
                          const float *c, size_t ldc, float *x);
/* Adds dx [rows, block * dim] to the rows of dC it came from. dC must hold what to add to. */
void dp_embedding_backward(size_t rows, size_t block, size_t dim, const uint32_t *ids,
                           const float *dx, float *dc, size_t ldc);

/* Weights [in, out], as a slab stores them, and what multiplies by them. */
typedef struct dp_weights {
    size_t in, out; /* `in` may be 0 */
    dp_linalg_operand values;
    const dp_linalg *linalg;
} dp_weights;

/* y = x W + b:  x [rows, in], b [out], y [rows, out] */
void dp_linear_forward(size_t rows, const float *x, dp_weights w, const float *b, float *y);
/* dW = x^T dy, stored as W is, db = sum over rows of dy, dx = dy W^T */
void dp_linear_backward(size_t rows, const float *x, dp_weights w, const float *dy, float *dw,
                        float *db, float *dx);
/* Of a layer that shares its output and input with others: y += x W; dW = x^T dy, dx += dy W^T */
void dp_linear_add_forward(size_t rows, const float *x, dp_weights w, float *y);
void dp_linear_add_backward(size_t rows, const float *x, dp_weights w, const float *dy, float *dw,
                            float *dx);

/* Softmax and cross-entropy, natural logarithm: replaces logits [rows, V] by the probabilities and
 * returns the sum over rows of -log p[target]. The maximum is subtracted first. */
double dp_softmax_loss(size_t rows, size_t vocab, float *logits, const uint32_t *targets);
/* probabilities become the gradient of scale * (summed loss) at the logits: (p - onehot) * scale */
void dp_softmax_backward(size_t rows, size_t vocab, const uint32_t *targets, float scale,
                         float *probabilities);

#endif
