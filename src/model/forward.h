/* forward: the logits of contexts, by kernels, for a model of any shape whose output layer lies
 * whole (model/params).
 *
 *     x = C[contexts]                  [rows, inputs]
 *     h = tanh(x W1 + b1)              [rows, hidden_dim]
 *     logits = h W2 + x Wd + b2        [rows, vocab]
 *
 * For those who ask a trained model something. Kernels keep rows apart: the logits of a context
 * have the same bits whatever it is asked with, and on every processor.
 */
#ifndef DP_MODEL_FORWARD_H
#define DP_MODEL_FORWARD_H

#include "kernels/kernels.h"
#include "model/params.h"

/* Room to compute in, for one thread. */
typedef struct dp_forward {
    const dp_params_layout *layout;
    const dp_kernels *kernels;
    size_t rows;     /* that are taken at once */
    size_t ldx, ldh; /* inputs and hidden_dim, padded */
    float *x;        /* owned: [rows, ldx], behind it h */
    float *h;        /* [rows, ldh] */
} dp_forward;

/* `layout`, which is not split, is borrowed. Release with dp_forward_clear, also after a failure.
 */
dp_status dp_forward_init(dp_forward *forward, const dp_params_layout *layout, dp_cpu_level level,
                          dp_error *error) DP_CHECKED;
void dp_forward_clear(dp_forward *forward);

/* logits [rows, vocab] of contexts [rows, block_size], ids below vocab; any number of rows. */
void dp_forward_logits(dp_forward *forward, const float *params, size_t rows,
                       const uint32_t *contexts, float *logits);

#endif
