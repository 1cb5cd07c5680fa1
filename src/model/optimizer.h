/* optimizer: the update of parameters from their gradient, as PyTorch's optimizers of these names
 * do it. With g the gradient times the factor of clipping, p the parameter, t = 1, 2, ... the step:
 *
 *   sgd        g += decay p;  p -= lr g
 *   momentum   g += decay p;  v = momentum v + g;  p -= lr v
 *   nesterov   the same, but  p -= lr (g + momentum v)
 *   adamw      p -= lr decay p;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
 *              p -= lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
 *              (Loshchilov and Hutter 2019: the decay does not pass through the moments)
 *
 * Tensors of rank 2 (C, W1, W2, Wd) decay, biases never do. m and v are the optimizer's state:
 * slabs laid out as the parameters are, zero at the start.
 *
 * Elementwise, so that any slice of the slab may be updated on its own. Only additions, products,
 * quotients and square roots, which IEEE 754 rounds correctly, without contraction (but for plain
 * sgd, which is a kernel): the same bits on any machine, at any vector width.
 */
#ifndef DP_MODEL_OPTIMIZER_H
#define DP_MODEL_OPTIMIZER_H

#include "kernels/kernels.h"
#include "model/params.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum dp_optimizer_kind {
    DP_OPTIMIZER_SGD,
    DP_OPTIMIZER_MOMENTUM,
    DP_OPTIMIZER_NESTEROV,
    DP_OPTIMIZER_ADAMW
} dp_optimizer_kind;
#define DP_OPTIMIZER_NAMES "sgd", "momentum", "nesterov", "adamw"

#define DP_OPTIMIZER_SLABS_MAX 2

const char *dp_optimizer_name(dp_optimizer_kind kind);
/* Slabs of state: 0, 1 or 2; and what PyTorch calls each: "momentum_buffer", or "exp_avg" (m) and
 * "exp_avg_sq" (v). slab < dp_optimizer_slabs(kind). */
size_t dp_optimizer_slabs(dp_optimizer_kind kind);
const char *dp_optimizer_slab_name(dp_optimizer_kind kind, size_t slab);

typedef struct dp_optimizer {
    dp_optimizer_kind kind;
    double momentum;     /* in [0, 1) */
    double beta1, beta2; /* in [0, 1) */
    double epsilon;      /* above 0: what has no gradient stays as it is */
    double weight_decay; /* 0: none */
    double clip_norm;    /* longest gradient; 0: any */
} dp_optimizer;

/* The factor that makes a gradient of this sum of squares at most clip_norm long:
 * min(1, clip_norm / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_. */
double dp_optimizer_clip(const dp_optimizer *optimizer, double squares);

/* Whether an update is nothing but p -= lr g, with the gradient as it is. */
bool dp_optimizer_is_plain(const dp_optimizer *optimizer);

/* What all elements of a step have in common. */
typedef struct dp_optimizer_step {
    uint64_t number; /* counted from 0 */
    double lr;
    double clip; /* factor of the gradient; 1: none */
} dp_optimizer_step;

/* Some elements of the slabs, [count] each. */
typedef struct dp_optimizer_slice {
    size_t count;
    const float *gradient;
    float *params;
    float *state[DP_OPTIMIZER_SLABS_MAX]; /* as many as the optimizer has; else NULL */
} dp_optimizer_slice;

/* Updates params and state, which are those of the floats from `first` on of the layout. */
void dp_optimizer_update(const dp_optimizer *optimizer, const dp_kernels *kernels,
                         const dp_params_layout *layout, const dp_optimizer_step *step,
                         size_t first, const dp_optimizer_slice *slice);

/* Updates them where all decay, or none does. */
void dp_optimizer_update_part(const dp_optimizer *optimizer, const dp_kernels *kernels,
                              const dp_optimizer_step *step, bool decays,
                              const dp_optimizer_slice *slice);

#endif
