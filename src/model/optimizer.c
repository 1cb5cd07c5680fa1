#include "model/optimizer.h"

#include "base/real.h"
#include "base/size.h"

#include <math.h>
#include <stdbool.h>

static const struct {
    size_t slabs;
    const char *slab_names[DP_OPTIMIZER_SLABS_MAX];
} kinds[] = {
    [DP_OPTIMIZER_SGD] = {.slabs = 0},
    [DP_OPTIMIZER_MOMENTUM] = {.slabs = 1, .slab_names = {"momentum_buffer"}},
    [DP_OPTIMIZER_NESTEROV] = {.slabs = 1, .slab_names = {"momentum_buffer"}},
    [DP_OPTIMIZER_ADAMW] = {.slabs = 2, .slab_names = {"exp_avg", "exp_avg_sq"}},
};

const char *dp_optimizer_name(dp_optimizer_kind kind) {
    static const char *const names[] = {DP_OPTIMIZER_NAMES};
    return names[kind];
}

size_t dp_optimizer_slabs(dp_optimizer_kind kind) {
    return kinds[kind].slabs;
}

const char *dp_optimizer_slab_name(dp_optimizer_kind kind, size_t slab) {
    return kinds[kind].slab_names[slab];
}

double dp_optimizer_clip(const dp_optimizer *optimizer, double squares) {
    double factor = optimizer->clip_norm / (sqrt(squares) + 1e-6);
    return factor < 1.0 || isnan(factor) ? factor : 1.0;
}

bool dp_optimizer_is_plain(const dp_optimizer *optimizer) {
    return optimizer->kind == DP_OPTIMIZER_SGD && !(optimizer->clip_norm > 0.0) &&
           !(optimizer->weight_decay > 0.0);
}

/* --- the formulas, over elements that have everything in common ------------------------------- */

/* Compiled for wider vectors too, which give the same bits; the loader picks by the processor, at a
 * time when the thread sanitizer is not ready for it. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_THREAD__)
#define FOR_EACH_VECTOR_WIDTH __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_VECTOR_WIDTH
#endif

/* The numbers of a step, rounded once. */
typedef struct coefficients {
    float clip, lr, decay;
    float momentum;
    float keep1, take1, keep2, take2; /* beta and 1 - beta */
    float shrink;                     /* of parameters by the decay of adamw */
    float rate;                       /* lr / (1 - beta1^t) */
    float scale;                      /* 1 / sqrt(1 - beta2^t) */
    float epsilon;
} coefficients;

FOR_EACH_VECTOR_WIDTH
static void update_sgd(const coefficients *c, size_t count, const float *restrict gradient,
                       float *restrict params) {
    const float clip = c->clip, lr = c->lr, decay = c->decay;
    for (size_t i = 0; i < count; i++)
        params[i] -= lr * (clip * gradient[i] + decay * params[i]);
}

FOR_EACH_VECTOR_WIDTH
static void update_momentum(const coefficients *c, size_t count, const float *restrict gradient,
                            float *restrict params, float *restrict velocity) {
    const float clip = c->clip, lr = c->lr, decay = c->decay, momentum = c->momentum;
    for (size_t i = 0; i < count; i++) {
        velocity[i] = momentum * velocity[i] + (clip * gradient[i] + decay * params[i]);
        params[i] -= lr * velocity[i];
    }
}

FOR_EACH_VECTOR_WIDTH
static void update_nesterov(const coefficients *c, size_t count, const float *restrict gradient,
                            float *restrict params, float *restrict velocity) {
    const float clip = c->clip, lr = c->lr, decay = c->decay, momentum = c->momentum;
    for (size_t i = 0; i < count; i++) {
        float g = clip * gradient[i] + decay * params[i];
        velocity[i] = momentum * velocity[i] + g;
        params[i] -= lr * (g + momentum * velocity[i]);
    }
}

FOR_EACH_VECTOR_WIDTH
static void update_adamw(const coefficients *c, size_t count, const float *restrict gradient,
                         float *restrict params, float *restrict mean, float *restrict square) {
    const float clip = c->clip, keep1 = c->keep1, take1 = c->take1, keep2 = c->keep2,
                take2 = c->take2, shrink = c->shrink, rate = c->rate, scale = c->scale,
                epsilon = c->epsilon;
    for (size_t i = 0; i < count; i++) {
        float g = clip * gradient[i];
        mean[i] = keep1 * mean[i] + take1 * g;
        square[i] = keep2 * square[i] + take2 * (g * g);
        params[i] = shrink * params[i] - rate * mean[i] / (scale * sqrtf(square[i]) + epsilon);
    }
}

/* --- a step --------------------------------------------------------------------------------- */

static coefficients coefficients_of(const dp_optimizer *self, const dp_optimizer_step *step,
                                    bool decays) {
    const double decay = decays ? self->weight_decay : 0.0;
    coefficients c = {.clip = (float)step->clip,
                      .lr = (float)step->lr,
                      .decay = (float)decay,
                      .momentum = (float)self->momentum};
    if (self->kind != DP_OPTIMIZER_ADAMW)
        return c;
    const uint64_t t = step->number + 1;
    c.keep1 = (float)self->beta1;
    c.take1 = (float)(1.0 - self->beta1);
    c.keep2 = (float)self->beta2;
    c.take2 = (float)(1.0 - self->beta2);
    c.shrink = (float)(1.0 - step->lr * decay);
    c.rate = (float)(step->lr / (1.0 - dp_real_power(self->beta1, t)));
    c.scale = (float)(1.0 / sqrt(1.0 - dp_real_power(self->beta2, t)));
    c.epsilon = (float)self->epsilon;
    return c;
}

void dp_optimizer_update_part(const dp_optimizer *optimizer, const dp_kernels *kernels,
                              const dp_optimizer_step *step, bool decays,
                              const dp_optimizer_slice *slice) {
    const coefficients numbers = coefficients_of(optimizer, step, decays), *c = &numbers;
    const size_t count = slice->count;
    const float *gradient = slice->gradient;
    float *params = slice->params, *const *state = slice->state;
    switch (optimizer->kind) {
    case DP_OPTIMIZER_SGD:
        if (dp_optimizer_is_plain(optimizer))
            kernels->descend(count, c->lr, gradient, params);
        else
            update_sgd(c, count, gradient, params);
        break;
    case DP_OPTIMIZER_MOMENTUM:
        update_momentum(c, count, gradient, params, state[0]);
        break;
    case DP_OPTIMIZER_NESTEROV:
        update_nesterov(c, count, gradient, params, state[0]);
        break;
    case DP_OPTIMIZER_ADAMW:
        update_adamw(c, count, gradient, params, state[0], state[1]);
        break;
    }
}

/* The elements [at, end) of a slice. */
static dp_optimizer_slice part_of(const dp_optimizer_slice *slice, size_t at, size_t end) {
    dp_optimizer_slice part = {
        .count = end - at, .gradient = slice->gradient + at, .params = slice->params + at};
    for (size_t i = 0; i < DP_OPTIMIZER_SLABS_MAX; i++)
        part.state[i] = slice->state[i] == NULL ? NULL : slice->state[i] + at;
    return part;
}

/* A tensor and the padding behind it, which stays zero either way, decay alike. */
void dp_optimizer_update(const dp_optimizer *optimizer, const dp_kernels *kernels,
                         const dp_params_layout *layout, const dp_optimizer_step *step,
                         size_t first, const dp_optimizer_slice *slice) {
    const size_t end = first + slice->count;
    size_t at = first;
    if (!(optimizer->weight_decay > 0.0)) { /* all of them do */
        dp_optimizer_update_part(optimizer, kernels, step, false, slice);
        return;
    }
    for (int t = 0; t < DP_TENSOR_COUNT && at < end; t++) {
        size_t next = t + 1 < DP_TENSOR_COUNT ? layout->tensors[t + 1].offset : layout->length;
        if (next <= at)
            continue;
        const dp_optimizer_slice part = part_of(slice, at - first, dp_size_min(next, end) - first);
        dp_optimizer_update_part(optimizer, kernels, step, layout->tensors[t].rank == 2, &part);
        at += part.count;
    }
}
