#include "model/model.h"

#include "base/memory.h"
#include "model/activation.h"
#include "model/distinct.h"
#include "model/kernels.h"
#include "model/layers.h"
#include "model/pairs.h"

#include <stdbool.h>
#include <string.h>

/* Kernels are used where the weights take at most this much: half of a usual second-level cache. */
#define KERNEL_WEIGHT_BYTES_MAX ((size_t)512 * 1024)

/* Rows of all grains that are computed at once: their activations should stay in that cache too. */
#define KERNEL_ROWS_MAX 256

/* Forward layer 1 is always a table of pairs: there are never more pairs than (row, position)s.
 * To share gradients too, by pairs and by context, costs work of its own, which few rows a grain do
 * not repay. */
#define SHARING_ROWS_MIN 16

struct dp_model {
    dp_params_layout layout;
    size_t inputs;             /* block_size * embedding_dim */
    const dp_kernels *kernels; /* NULL: BLAS, and rows are not padded */
    size_t at_once;            /* grains a gradient */
    size_t lde, ldh, ldv, ldx; /* embedding_dim, hidden_dim, vocab and inputs, padded */
    float *x;                  /* [max_rows, ldx] */
    float *h;                  /* [max_rows, ldh] */
    float *logits;             /* [max_rows, ldv]; becomes p, then the gradient at the logits */
    float *dh;                 /* [max_rows, ldh] */
    float *dx;                 /* BLAS: [max_rows, inputs]; kernels: [rows * block or pairs, lde] */
    /* For kernels only. */
    bool sharing;         /* rows of a grain with one context are one, as are their pairs */
    dp_distinct distinct; /* if sharing */
    dp_pairs pairs;
    float *pair_x;        /* [pairs, lde] */
    float *pair_h;        /* [pairs, ldh] */
    uint32_t *numbers;    /* [max_rows + 1]: 0, 1, 2, ... */
    uint32_t *row_starts; /* [max_rows + 1]: multiples of block_size */
    float *dc_stack;      /* [log2 of DP_MODEL_GRAINS_MAX][vocab, lde] */
};

static size_t weight_bytes(const dp_model *model) {
    const dp_model_shape *shape = &model->layout.shape;
    return (model->inputs + shape->vocab) * model->ldh * sizeof(float);
}

static dp_status allocate_for_kernels(dp_model *model, size_t grain_rows, dp_error *error) {
    dp_status status = DP_OK;
    const dp_model_shape *shape = &model->layout.shape;
    const size_t rows = model->at_once * grain_rows;
    const size_t pairs = dp_pairs_max(shape->vocab, shape->block_size, model->at_once, grain_rows);
    model->sharing = grain_rows >= SHARING_ROWS_MIN && shape->vocab <= 4 * grain_rows;
    if (model->sharing)
        DP_TRY(dp_distinct_init(&model->distinct, shape->block_size, model->at_once, grain_rows,
                                error));
    DP_TRY(dp_pairs_init(&model->pairs, shape->vocab, shape->block_size, model->at_once, grain_rows,
                         error));
    DP_NEW_ARRAY(model->pair_x, pairs * model->lde);
    DP_NEW_ARRAY(model->pair_h, pairs * model->ldh);
    DP_NEW_ARRAY(model->numbers, rows + 1);
    DP_NEW_ARRAY(model->row_starts, rows + 1);
    for (size_t r = 0; r <= rows; r++) {
        model->numbers[r] = (uint32_t)r;
        model->row_starts[r] = (uint32_t)(r * shape->block_size);
    }
    DP_NEW_ARRAY(model->dx, (model->sharing ? pairs : rows * shape->block_size) * model->lde);
    DP_NEW_ARRAY(model->dc_stack, 3 * shape->vocab * model->lde);
done:
    return status;
}

static dp_status allocate(dp_model *model, size_t grain_rows, dp_error *error) {
    dp_status status = DP_OK;
    if (grain_rows > SIZE_MAX / 64 / (model->ldx + model->ldh + model->ldv))
        return dp_fail(error, DP_ERR_MEMORY, "%zu rows at once are too many", grain_rows);
    const size_t max_rows = model->at_once * grain_rows;
    DP_NEW_ARRAY(model->x, max_rows * model->ldx + DP_KERNEL_LANES);
    DP_NEW_ARRAY(model->h, max_rows * model->ldh);
    DP_NEW_ARRAY(model->logits, max_rows * model->ldv);
    DP_NEW_ARRAY(model->dh, max_rows * model->ldh);
    if (model->kernels == NULL)
        DP_NEW_ARRAY(model->dx, max_rows * model->inputs);
    else
        DP_TRY(allocate_for_kernels(model, grain_rows, error));
done:
    return status;
}

dp_status dp_model_create(dp_model **model, const dp_params_layout *layout, dp_cpu_level level,
                          size_t grain_rows, dp_error *error) {
    dp_status status = DP_OK;
    const dp_model_shape *shape = &layout->shape;
    dp_model *self = NULL;
    *model = NULL;
    DP_NEW_ARRAY(self, 1);
    self->layout = *layout;
    self->at_once = 1;
    self->inputs = shape->block_size * shape->embedding_dim;
    self->lde = dp_kernels_padded(shape->embedding_dim);
    self->ldh = dp_kernels_padded(shape->hidden_dim);
    self->ldv = dp_kernels_padded(shape->vocab);
    self->ldx = dp_kernels_padded(self->inputs);
    if (weight_bytes(self) <= KERNEL_WEIGHT_BYTES_MAX)
        self->kernels = dp_kernels_of(level);
    while (self->kernels != NULL && self->at_once < DP_MODEL_GRAINS_MAX &&
           2 * self->at_once * grain_rows <= KERNEL_ROWS_MAX)
        self->at_once *= 2;
    DP_TRY(allocate(self, grain_rows, error));
    *model = self;
    self = NULL;
done:
    dp_model_destroy(self);
    return status;
}

void dp_model_destroy(dp_model *model) {
    if (model == NULL)
        return;
    dp_memory_free(model->x);
    dp_memory_free(model->h);
    dp_memory_free(model->logits);
    dp_memory_free(model->dh);
    dp_memory_free(model->dx);
    dp_distinct_clear(&model->distinct);
    dp_pairs_clear(&model->pairs);
    dp_memory_free(model->pair_x);
    dp_memory_free(model->pair_h);
    dp_memory_free(model->numbers);
    dp_memory_free(model->row_starts);
    dp_memory_free(model->dc_stack);
    dp_memory_free(model);
}

static const float *tensor(const dp_model *model, const float *slab, dp_tensor_id id) {
    return slab + model->layout.tensors[id].offset;
}

static float *tensor_of(const dp_model *model, float *slab, dp_tensor_id id) {
    return slab + model->layout.tensors[id].offset;
}

/* --- by BLAS -------------------------------------------------------------------------------- */

static dp_weights weights(const dp_model *model, const float *params, dp_tensor_id id) {
    const dp_tensor *tensor = &model->layout.tensors[id];
    return (dp_weights){.values = params + tensor->offset,
                        .ld = dp_tensor_ld(tensor),
                        .transposed = id == DP_TENSOR_W2};
}

/* Fills x, h and logits, unpadded. */
static void forward(dp_model *model, const float *params, size_t rows, const uint32_t *contexts,
                    dp_profile *profile) {
    const dp_model_shape *shape = &model->layout.shape;
    dp_embedding_forward(rows, shape->block_size, shape->embedding_dim, contexts,
                         tensor(model, params, DP_TENSOR_C), model->lde, model->x);
    dp_linear_forward(rows, model->inputs, shape->hidden_dim, model->x,
                      weights(model, params, DP_TENSOR_W1), tensor(model, params, DP_TENSOR_B1),
                      model->h);
    dp_profile_mark(profile, DP_PHASE_LAYER1);
    dp_activation_tanh(rows * shape->hidden_dim, model->h);
    dp_profile_mark(profile, DP_PHASE_TANH);
    dp_linear_forward(rows, shape->hidden_dim, shape->vocab, model->h,
                      weights(model, params, DP_TENSOR_W2), tensor(model, params, DP_TENSOR_B2),
                      model->logits);
    dp_profile_mark(profile, DP_PHASE_LAYER2);
}

double dp_model_loss(dp_model *model, const float *params, size_t rows, const uint32_t *contexts,
                     const uint32_t *targets) {
    forward(model, params, rows, contexts, NULL);
    return dp_softmax_loss(rows, model->layout.shape.vocab, model->logits, targets);
}

static double gradient_by_blas(dp_model *model, const float *params, size_t rows,
                               const uint32_t *contexts, const uint32_t *targets, float scale,
                               float *gradient, dp_profile *profile) {
    const dp_model_shape *shape = &model->layout.shape;
    forward(model, params, rows, contexts, profile);
    double loss = dp_softmax_loss(rows, shape->vocab, model->logits, targets);
    float *dc = tensor_of(model, gradient, DP_TENSOR_C);
    dp_softmax_backward(rows, shape->vocab, targets, scale, model->logits);
    dp_profile_mark(profile, DP_PHASE_SOFTMAX);
    dp_linear_backward(rows, shape->hidden_dim, shape->vocab, model->h,
                       weights(model, params, DP_TENSOR_W2), model->logits,
                       tensor_of(model, gradient, DP_TENSOR_W2),
                       tensor_of(model, gradient, DP_TENSOR_B2), model->dh);
    dp_tanh_backward(rows * shape->hidden_dim, model->h, model->dh);
    dp_linear_backward(rows, model->inputs, shape->hidden_dim, model->x,
                       weights(model, params, DP_TENSOR_W1), model->dh,
                       tensor_of(model, gradient, DP_TENSOR_W1),
                       tensor_of(model, gradient, DP_TENSOR_B1), model->dx);
    memset(dc, 0, shape->vocab * model->lde * sizeof *dc);
    dp_embedding_backward(rows, shape->block_size, shape->embedding_dim, contexts, model->dx, dc,
                          model->lde);
    dp_profile_mark(profile, DP_PHASE_BACKWARD);
    return loss;
}

/* --- by kernels ----------------------------------------------------------------------------- */

/* The rows of W1 for one position, or of its gradient. */
static size_t position_offset(const dp_model *model, size_t position) {
    return model->layout.tensors[DP_TENSOR_W1].offset +
           position * model->layout.shape.embedding_dim * model->ldh;
}

/* h before tanh: C[token] W1_i once a pair, then a sum over positions for each row. */
static void layer1_forward(dp_model *model, const float *params, size_t rows,
                           const uint32_t *contexts) {
    const dp_model_shape *shape = &model->layout.shape;
    const dp_kernels *kernels = model->kernels;
    const size_t everything[2] = {0, rows}, lde = model->lde, ldh = model->ldh;
    dp_pairs *pairs = &model->pairs;
    dp_pairs_collect(pairs, 1, everything, contexts);
    kernels->gather(pairs->count, 1, shape->embedding_dim, pairs->tokens,
                    tensor(model, params, DP_TENSOR_C), lde, model->pair_x, lde);
    for (size_t i = 0; i < shape->block_size; i++) {
        const size_t first = dp_pairs_first(pairs, i, 0);
        kernels->multiply(dp_pairs_first(pairs, i, 1) - first, shape->embedding_dim,
                          shape->hidden_dim, model->pair_x + first * lde, lde,
                          params + position_offset(model, i), ldh, NULL,
                          model->pair_h + first * ldh, ldh);
    }
    kernels->sum_rows(rows, model->row_starts, pairs->pair_of, shape->hidden_dim, model->pair_h,
                      ldh, tensor(model, params, DP_TENSOR_B1), model->h);
}

/* The gradient at the features, once a pair of a grain, and that of W1 from the same pairs. */
static void layer1_backward_by_pairs(dp_model *model, const float *params, size_t grains,
                                     const size_t *starts, const uint32_t *contexts,
                                     float *gradient) {
    const dp_model_shape *shape = &model->layout.shape;
    const dp_kernels *kernels = model->kernels;
    const size_t dim = shape->embedding_dim, hidden = shape->hidden_dim;
    const size_t lde = model->lde, ldh = model->ldh;
    dp_pairs *pairs = &model->pairs;
    dp_pairs_collect(pairs, grains, starts, contexts);
    dp_pairs_list_rows(pairs, starts[grains]);
    kernels->gather(pairs->count, 1, dim, pairs->tokens, tensor(model, params, DP_TENSOR_C), lde,
                    model->pair_x, lde);
    kernels->sum_rows(pairs->count, pairs->row_starts, pairs->listed, hidden, model->dh, ldh, NULL,
                      model->pair_h);
    /* Every row has one pair at each position, so those of the first make the sum over rows. */
    kernels->row_sum(grains, pairs->starts, hidden, model->pair_h, ldh,
                     tensor_of(model, gradient, DP_TENSOR_B1));
    for (size_t i = 0; i < shape->block_size; i++) {
        const size_t *of_grains = pairs->starts + i * (grains + 1);
        const size_t first = of_grains[0], offset = position_offset(model, i);
        kernels->weight_gradient(grains, of_grains, dim, hidden, model->pair_x, lde, model->pair_h,
                                 ldh, gradient + offset, ldh);
        kernels->dot(of_grains[grains] - first, dim, hidden, model->pair_h + first * ldh, ldh,
                     params + offset, ldh, NULL, model->dx + first * lde, lde);
    }
}

/* The same row by row. */
static void layer1_backward_by_rows(dp_model *model, const float *params, size_t grains,
                                    const size_t *starts, const uint32_t *contexts,
                                    float *gradient) {
    const dp_model_shape *shape = &model->layout.shape;
    const dp_kernels *kernels = model->kernels;
    const size_t rows = starts[grains], block = shape->block_size, dim = shape->embedding_dim;
    const size_t hidden = shape->hidden_dim, lde = model->lde, ldh = model->ldh;
    kernels->gather(rows, block, dim, contexts, tensor(model, params, DP_TENSOR_C), lde, model->x,
                    model->ldx);
    kernels->weight_gradient(grains, starts, model->inputs, hidden, model->x, model->ldx, model->dh,
                             ldh, tensor_of(model, gradient, DP_TENSOR_W1), ldh);
    kernels->row_sum(grains, starts, hidden, model->dh, ldh,
                     tensor_of(model, gradient, DP_TENSOR_B1));
    for (size_t i = 0; i < block; i++)
        kernels->dot(rows, dim, hidden, model->dh, ldh, params + position_offset(model, i), ldh,
                     NULL, model->dx + i * lde, block * lde);
}

/* dC of one grain. */
static void embedding_gradient(dp_model *model, size_t grain, const size_t *starts,
                               const uint32_t *contexts, float *dc) {
    const size_t block = model->layout.shape.block_size, lde = model->lde;
    memset(dc, 0, model->layout.shape.vocab * lde * sizeof *dc);
    if (!model->sharing) {
        model->kernels->scatter_add((starts[grain + 1] - starts[grain]) * block,
                                    contexts + starts[grain] * block, lde,
                                    model->dx + starts[grain] * block * lde, dc);
        return;
    }
    for (size_t i = 0; i < block; i++) {
        const size_t first = dp_pairs_first(&model->pairs, i, grain);
        model->kernels->scatter_add(dp_pairs_first(&model->pairs, i, grain + 1) - first,
                                    model->pairs.tokens + first, lde, model->dx + first * lde, dc);
    }
}

/* dC summed over a power of two of grains, as a balanced tree; `stack` has a dC for each level. */
static void embedding_gradients(dp_model *model, size_t first, size_t grains, const size_t *starts,
                                const uint32_t *contexts, float *dc, float *stack) {
    const size_t size = model->layout.shape.vocab * model->lde;
    if (grains == 1) {
        embedding_gradient(model, first, starts, contexts, dc);
        return;
    }
    embedding_gradients(model, first, grains / 2, starts, contexts, dc, stack + size);
    embedding_gradients(model, first + grains / 2, grains / 2, starts, contexts, stack,
                        stack + size);
    for (size_t i = 0; i < size; i++)
        dc[i] += stack[i];
}

static void forward_by_kernels(dp_model *model, const float *params, size_t rows,
                               const uint32_t *contexts, dp_profile *profile) {
    const dp_model_shape *shape = &model->layout.shape;
    const size_t ldh = model->ldh;
    layer1_forward(model, params, rows, contexts);
    dp_profile_mark(profile, DP_PHASE_LAYER1);
    model->kernels->tanh(rows, shape->hidden_dim, ldh, model->h);
    dp_profile_mark(profile, DP_PHASE_TANH);
    model->kernels->dot(rows, shape->vocab, shape->hidden_dim, model->h, ldh,
                        tensor(model, params, DP_TENSOR_W2), ldh,
                        tensor(model, params, DP_TENSOR_B2), model->logits, model->ldv);
    dp_profile_mark(profile, DP_PHASE_LAYER2);
}

/* What a gradient is computed from: rows, each with its targets. */
typedef struct row_set {
    size_t grains;
    const size_t *starts; /* [grains + 1] of rows */
    const uint32_t *contexts;
    const uint32_t *target_starts, *targets;
} row_set;

static row_set rows_of(dp_model *model, size_t grains, const size_t *starts,
                       const uint32_t *contexts, const uint32_t *targets) {
    dp_distinct *distinct = &model->distinct;
    if (!model->sharing)
        return (row_set){.grains = grains,
                         .starts = starts,
                         .contexts = contexts,
                         .target_starts = model->numbers,
                         .targets = targets};
    dp_distinct_collect(distinct, grains, starts, contexts, targets);
    return (row_set){.grains = grains,
                     .starts = distinct->starts,
                     .contexts = distinct->contexts,
                     .target_starts = distinct->target_starts,
                     .targets = distinct->targets};
}

static void gradient_by_kernels(dp_model *model, const float *params, const row_set *set,
                                float scale, float *gradient, double *losses, dp_profile *profile) {
    const dp_model_shape *shape = &model->layout.shape;
    const dp_kernels *kernels = model->kernels;
    const size_t grains = set->grains, *starts = set->starts;
    const size_t rows = starts[grains], ldh = model->ldh, ldv = model->ldv;
    const size_t hidden = shape->hidden_dim, vocab = shape->vocab;

    forward_by_kernels(model, params, rows, set->contexts, profile);
    for (size_t g = 0; g < grains; g++)
        losses[g] = kernels->softmax_gradient(starts[g + 1] - starts[g], vocab, ldv,
                                              set->target_starts + starts[g], set->targets, scale,
                                              model->logits + starts[g] * ldv);
    dp_profile_mark(profile, DP_PHASE_SOFTMAX);

    kernels->multiply(rows, vocab, hidden, model->logits, ldv, tensor(model, params, DP_TENSOR_W2),
                      ldh, model->h, model->dh, ldh);
    kernels->weight_gradient(grains, starts, vocab, hidden, model->logits, ldv, model->h, ldh,
                             tensor_of(model, gradient, DP_TENSOR_W2), ldh);
    kernels->row_sum(grains, starts, vocab, model->logits, ldv,
                     tensor_of(model, gradient, DP_TENSOR_B2));
    if (model->sharing)
        layer1_backward_by_pairs(model, params, grains, starts, set->contexts, gradient);
    else
        layer1_backward_by_rows(model, params, grains, starts, set->contexts, gradient);
    embedding_gradients(model, 0, grains, starts, set->contexts,
                        tensor_of(model, gradient, DP_TENSOR_C), model->dc_stack);
    dp_profile_mark(profile, DP_PHASE_BACKWARD);
}

size_t dp_model_grains_at_once(const dp_model *model) {
    return model->at_once;
}

void dp_model_gradient(dp_model *model, const float *params, size_t grains, const size_t *starts,
                       const uint32_t *contexts, const uint32_t *targets, float scale,
                       float *gradient, double *losses, dp_profile *profile) {
    if (model->kernels == NULL) {
        losses[0] =
            gradient_by_blas(model, params, starts[1], contexts, targets, scale, gradient, profile);
        return;
    }
    const row_set set = rows_of(model, grains, starts, contexts, targets);
    gradient_by_kernels(model, params, &set, scale, gradient, losses, profile);
}

const float *dp_model_logits(dp_model *model, const float *params, const uint32_t *context) {
    forward(model, params, 1, context, NULL);
    return model->logits;
}
