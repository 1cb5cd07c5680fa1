#include "model/kernel_model.h"

#include "base/workspace.h"
#include "model/distinct.h"
#include "model/dropout_mask.h"
#include "model/pairs.h"

#include <string.h>

/* Kernels are used where the weights take at most this much. With larger ones BLAS, which blocks
 * its loops for every cache, comes to win where grains have many rows. */
#define WEIGHT_BYTES_MAX ((size_t)7 * 1024 * 1024)

/* Rows of all grains that are computed at once: their activations should stay in a second-level
 * cache. */
#define ROWS_MAX 256

/* Sharing between examples costs work of its own, which fewer rows a grain do not repay. */
#define SHARING_ROWS_MIN 16

/* One block: this, the masks, then the arrays by rows and those by pairs. */
struct dp_kernel_model {
    const dp_params_layout *layout;
    const dp_kernels *kernels;
    size_t at_once;            /* grains a gradient */
    size_t inputs;             /* block_size * embedding_dim */
    size_t lde, ldh, ldv, ldx; /* embedding_dim, hidden_dim, vocab and inputs, padded */
    bool by_pairs;             /* gradients of layer 1 */
    bool by_context;           /* one row for examples of one context */
    dp_pairs pairs;
    dp_distinct distinct; /* if by_context */
    float *x;             /* [rows, ldx] and more, as whole vectors are written */
    float *h;             /* [rows, ldh] */
    float *logits;        /* [rows, ldv]; becomes p, then the gradient at the logits */
    float *dh;            /* [rows, ldh] */
    float *dx;            /* [rows, block_size, lde], or [pairs, lde] */
    float *pair_x;        /* [pairs, lde] */
    float *pair_h;        /* [pairs, ldh]: C[token] W1_i, then the sums of dh */
    uint32_t *numbers;    /* [rows + 1]: 0, 1, 2, ... */
    uint32_t *row_starts; /* [rows + 1]: 0, block_size, 2 block_size, ... */
    float *dc_stack;      /* [log2 of DP_MODEL_GRAINS_MAX][vocab, lde] */

    dp_dropout_masks drop;
    float *kept_h; /* [rows, ldh]: h after dropout; NULL without dropout there */
};

bool dp_kernel_model_suits(const dp_params_layout *layout) {
    const dp_model_shape *shape = &layout->shape;
    const size_t rows = shape->block_size * shape->embedding_dim + shape->vocab;
    if (shape->direct)
        return false;
    return rows * dp_kernels_padded(shape->hidden_dim) * sizeof(float) <= WEIGHT_BYTES_MAX;
}

/* --- creation ------------------------------------------------------------------------------- */

/* As many grains as have their rows within ROWS_MAX. */
static size_t choose_grains(size_t grain_rows) {
    size_t grains = 1;
    while (grains < DP_MODEL_GRAINS_MAX && 2 * grains * grain_rows <= ROWS_MAX)
        grains *= 2;
    return grains;
}

static void choose_ways(dp_kernel_model *model, size_t grain_rows) {
    model->by_pairs = grain_rows >= SHARING_ROWS_MIN &&
                      model->layout->shape.vocab <= 4 * grain_rows &&
                      !dp_dropout_mask_is_on(&model->drop.features);
    model->by_context = model->by_pairs && !dp_dropout_mask_is_on(&model->drop.hidden);
}

static void reserve_rows(dp_kernel_model *model, size_t rows, dp_workspace *room) {
    DP_RESERVE_ROWS(room, model->x, rows + 1, model->ldx);
    DP_RESERVE_ROWS(room, model->h, rows, model->ldh);
    DP_RESERVE_ROWS(room, model->logits, rows, model->ldv);
    DP_RESERVE_ROWS(room, model->dh, rows, model->ldh);
    DP_RESERVE(room, model->numbers, rows + 1);
    DP_RESERVE(room, model->row_starts, rows + 1);
    if (dp_dropout_mask_is_on(&model->drop.hidden))
        DP_RESERVE_ROWS(room, model->kept_h, rows, model->ldh);
}

static dp_status reserve_pairs(dp_kernel_model *model, size_t grain_rows, dp_workspace *room,
                               dp_error *error) {
    const dp_model_shape *shape = &model->layout->shape;
    const size_t vocab = shape->vocab, block = shape->block_size, at_once = model->at_once;
    const size_t pairs = dp_pairs_max(vocab, block, at_once, grain_rows);
    DP_TRY(dp_pairs_reserve(&model->pairs, vocab, block, at_once, grain_rows, room, error));
    if (model->by_context)
        DP_TRY(dp_distinct_reserve(&model->distinct, block, at_once, grain_rows, room, error));
    DP_RESERVE_ROWS(room, model->pair_x, pairs, model->lde);
    DP_RESERVE_ROWS(room, model->pair_h, pairs, model->ldh);
    DP_RESERVE_ROWS(room, model->dx, model->by_pairs ? pairs : at_once * grain_rows * block,
                    model->lde);
    DP_RESERVE_ROWS(room, model->dc_stack, 3 * vocab, model->lde);
    return DP_OK;
}

static void number_rows(dp_kernel_model *model, size_t rows) {
    for (size_t r = 0; r <= rows; r++) {
        model->numbers[r] = (uint32_t)r;
        model->row_starts[r] = (uint32_t)(r * model->layout->shape.block_size);
    }
}

dp_status dp_kernel_model_create(dp_kernel_model **model, const dp_params_layout *layout,
                                 const dp_model_options *options, dp_error *error) {
    const dp_model_shape *shape = &layout->shape;
    const size_t inputs = shape->block_size * shape->embedding_dim;
    dp_workspace room = {0};
    dp_kernel_model self = {.layout = layout,
                            .kernels = dp_kernels_of(options->level),
                            .at_once = choose_grains(options->grain_rows),
                            .inputs = inputs,
                            .lde = dp_kernels_padded(shape->embedding_dim),
                            .ldh = dp_kernels_padded(shape->hidden_dim),
                            .ldv = dp_kernels_padded(shape->vocab),
                            .ldx = dp_kernels_padded(inputs)};
    const size_t rows = self.at_once * options->grain_rows;
    *model = NULL;
    dp_dropout_masks_reserve(&self.drop, self.kernels, &options->dropout, shape, rows, &room);
    choose_ways(&self, options->grain_rows);
    reserve_rows(&self, rows, &room);
    DP_TRY(reserve_pairs(&self, options->grain_rows, &room, error));
    DP_TRY_BUILD(*model, &room, self);
    number_rows(*model, rows);
    return DP_OK;
}

void dp_kernel_model_destroy(dp_kernel_model *model) {
    dp_memory_free(model);
}

size_t dp_kernel_model_grains_at_once(const dp_kernel_model *model) {
    return model->at_once;
}

static size_t offset_of(const dp_kernel_model *model, dp_tensor_id id) {
    return model->layout->tensors[id].offset;
}

/* Where the rows of W1 for one position lie in a slab. */
static size_t position_offset(const dp_kernel_model *model, size_t position) {
    return offset_of(model, DP_TENSOR_W1) +
           position * model->layout->shape.embedding_dim * model->ldh;
}

/* --- forward -------------------------------------------------------------------------------- */

static void gather_features(dp_kernel_model *model, const float *params, size_t rows,
                            const uint32_t *contexts) {
    const dp_model_shape *shape = &model->layout->shape;
    model->kernels->gather(rows, shape->block_size, shape->embedding_dim, contexts,
                           (dp_rows){params + offset_of(model, DP_TENSOR_C), model->lde},
                           model->drop.features.bits, model->drop.features.scale,
                           (dp_out_rows){model->x, model->ldx});
}

/* h before tanh: C[token] W1_i once a pair, then a sum over positions for each row. */
static void layer1_forward_by_pairs(dp_kernel_model *model, const float *params, size_t rows,
                                    const uint32_t *contexts) {
    const dp_model_shape *shape = &model->layout->shape;
    const dp_kernels *kernels = model->kernels;
    const size_t everything[2] = {0, rows}, lde = model->lde, ldh = model->ldh;
    dp_pairs *pairs = &model->pairs;
    dp_pairs_collect(pairs, 1, everything, contexts);
    kernels->gather(pairs->count, 1, shape->embedding_dim, pairs->tokens,
                    (dp_rows){params + offset_of(model, DP_TENSOR_C), lde}, NULL, 1.0f,
                    (dp_out_rows){model->pair_x, lde});
    for (size_t i = 0; i < shape->block_size; i++) {
        const size_t first = dp_pairs_first(pairs, i, 0);
        kernels->multiply(dp_pairs_first(pairs, i, 1) - first, shape->embedding_dim,
                          shape->hidden_dim, (dp_rows){model->pair_x + first * lde, lde},
                          (dp_rows){params + position_offset(model, i), ldh}, NULL, NULL,
                          (dp_out_rows){model->pair_h + first * ldh, ldh});
    }
    kernels->sum_rows(rows, model->row_starts, pairs->pair_of, shape->hidden_dim, model->pair_h,
                      ldh, params + offset_of(model, DP_TENSOR_B1), model->h);
}

static void layer1_forward(dp_kernel_model *model, const float *params, const dp_batch *batch,
                           size_t rows) {
    const dp_model_shape *shape = &model->layout->shape;
    if (!dp_dropout_mask_is_on(&model->drop.features)) {
        layer1_forward_by_pairs(model, params, rows, batch->contexts);
        return;
    }
    dp_dropout_mask_draw(&model->drop.features, rows, batch->step, batch->first_row);
    gather_features(model, params, rows, batch->contexts);
    model->kernels->multiply(
        rows, model->inputs, shape->hidden_dim, (dp_rows){model->x, model->ldx},
        (dp_rows){params + offset_of(model, DP_TENSOR_W1), model->ldh},
        params + offset_of(model, DP_TENSOR_B1), NULL, (dp_out_rows){model->h, model->ldh});
}

/* Fills logits; returns what layer 2 has seen of h. */
static const float *forward(dp_kernel_model *model, const float *params, const dp_batch *batch,
                            size_t rows, dp_profile *profile) {
    const dp_model_shape *shape = &model->layout->shape;
    layer1_forward(model, params, batch, rows);
    dp_profile_mark(profile, DP_PHASE_LAYER1);
    model->kernels->tanh(rows, shape->hidden_dim, model->ldh, model->h);
    dp_dropout_mask_draw(&model->drop.hidden, rows, batch->step, batch->first_row);
    const float *h =
        dp_dropout_mask_keep(&model->drop.hidden, rows, model->ldh, model->h, model->kept_h);
    dp_profile_mark(profile, DP_PHASE_TANH);
    model->kernels->dot(rows, shape->vocab, shape->hidden_dim, (dp_rows){h, model->ldh},
                        (dp_rows){params + offset_of(model, DP_TENSOR_W2), model->ldh},
                        params + offset_of(model, DP_TENSOR_B2),
                        (dp_out_rows){model->logits, model->ldv});
    dp_profile_mark(profile, DP_PHASE_LAYER2);
    return h;
}

/* --- backward ------------------------------------------------------------------------------- */

/* The gradient at the features, once a pair of a grain, and that of W1 from the same pairs. */
static void layer1_backward_by_pairs(dp_kernel_model *model, const float *params,
                                     const dp_batch *rows, float *gradient) {
    const dp_model_shape *shape = &model->layout->shape;
    const dp_kernels *kernels = model->kernels;
    const size_t grains = rows->grains, lde = model->lde, ldh = model->ldh;
    const size_t dim = shape->embedding_dim, hidden = shape->hidden_dim;
    dp_pairs *pairs = &model->pairs;
    dp_pairs_collect(pairs, grains, rows->starts, rows->contexts);
    dp_pairs_list_rows(pairs, rows->starts[grains]);
    kernels->gather(pairs->count, 1, dim, pairs->tokens,
                    (dp_rows){params + offset_of(model, DP_TENSOR_C), lde}, NULL, 1.0f,
                    (dp_out_rows){model->pair_x, lde});
    kernels->sum_rows(pairs->count, pairs->row_starts, pairs->listed, hidden, model->dh, ldh, NULL,
                      model->pair_h);
    /* Every row has one pair at each position, so those of the first make the sum over rows. */
    kernels->row_sum(grains, pairs->starts, hidden, model->pair_h, ldh,
                     gradient + offset_of(model, DP_TENSOR_B1));
    for (size_t i = 0; i < shape->block_size; i++) {
        const size_t *of_grains = pairs->starts + i * (grains + 1);
        const size_t first = of_grains[0], offset = position_offset(model, i);
        kernels->weight_gradient(grains, of_grains, dim, hidden, (dp_rows){model->pair_x, lde},
                                 (dp_rows){model->pair_h, ldh},
                                 (dp_out_rows){gradient + offset, ldh});
        kernels->dot(of_grains[grains] - first, dim, hidden,
                     (dp_rows){model->pair_h + first * ldh, ldh}, (dp_rows){params + offset, ldh},
                     NULL, (dp_out_rows){model->dx + first * lde, lde});
    }
}

/* The gradients of layer 1 and at the features, row by row. */
static void layer1_backward_by_rows(dp_kernel_model *model, const float *params,
                                    const dp_batch *batch, float *gradient) {
    const dp_model_shape *shape = &model->layout->shape;
    const dp_kernels *kernels = model->kernels;
    const size_t *starts = batch->starts, rows = starts[batch->grains];
    const size_t block = shape->block_size, dim = shape->embedding_dim;
    const size_t hidden = shape->hidden_dim, lde = model->lde, ldh = model->ldh;
    if (!dp_dropout_mask_is_on(&model->drop.features)) /* else they are there */
        gather_features(model, params, rows, batch->contexts);
    kernels->weight_gradient(batch->grains, starts, model->inputs, hidden,
                             (dp_rows){model->x, model->ldx}, (dp_rows){model->dh, ldh},
                             (dp_out_rows){gradient + offset_of(model, DP_TENSOR_W1), ldh});
    kernels->row_sum(batch->grains, starts, hidden, model->dh, ldh,
                     gradient + offset_of(model, DP_TENSOR_B1));
    for (size_t i = 0; i < block; i++)
        kernels->dot(rows, dim, hidden, (dp_rows){model->dh, ldh},
                     (dp_rows){params + position_offset(model, i), ldh}, NULL,
                     (dp_out_rows){model->dx + i * lde, block * lde});
    dp_dropout_mask_apply(&model->drop.features, rows, lde, model->dx);
}

/* dC of one grain. */
static void embedding_gradient(dp_kernel_model *model, size_t grain, const dp_batch *rows,
                               float *dc) {
    const size_t block = model->layout->shape.block_size, lde = model->lde;
    const size_t first = rows->starts[grain], end = rows->starts[grain + 1];
    memset(dc, 0, model->layout->shape.vocab * lde * sizeof *dc);
    if (!model->by_pairs) {
        model->kernels->scatter_add((end - first) * block, rows->contexts + first * block, lde,
                                    model->dx + first * block * lde, dc);
        return;
    }
    for (size_t i = 0; i < block; i++) {
        const size_t pair = dp_pairs_first(&model->pairs, i, grain);
        model->kernels->scatter_add(dp_pairs_first(&model->pairs, i, grain + 1) - pair,
                                    model->pairs.tokens + pair, lde, model->dx + pair * lde, dc);
    }
}

/* dC summed over a power of two of grains, as a balanced tree; `stack` has a dC for each level. */
static void embedding_gradients(dp_kernel_model *model, size_t first, size_t grains,
                                const dp_batch *rows, float *dc, float *stack) {
    const size_t size = model->layout->shape.vocab * model->lde;
    if (grains == 1) {
        embedding_gradient(model, first, rows, dc);
        return;
    }
    embedding_gradients(model, first, grains / 2, rows, dc, stack + size);
    embedding_gradients(model, first + grains / 2, grains / 2, rows, stack, stack + size);
    for (size_t i = 0; i < size; i++)
        dc[i] += stack[i];
}

static void layer2_backward(dp_kernel_model *model, const float *params, const dp_batch *rows,
                            const float *h, float *gradient) {
    const dp_model_shape *shape = &model->layout->shape;
    const dp_kernels *kernels = model->kernels;
    const size_t count = rows->starts[rows->grains], ldh = model->ldh, ldv = model->ldv;
    kernels->multiply(count, shape->vocab, shape->hidden_dim, (dp_rows){model->logits, ldv},
                      (dp_rows){params + offset_of(model, DP_TENSOR_W2), ldh}, NULL, model->h,
                      (dp_out_rows){model->dh, ldh});
    dp_dropout_mask_apply(&model->drop.hidden, count, ldh, model->dh);
    kernels->weight_gradient(rows->grains, rows->starts, shape->vocab, shape->hidden_dim,
                             (dp_rows){model->logits, ldv}, (dp_rows){h, ldh},
                             (dp_out_rows){gradient + offset_of(model, DP_TENSOR_W2), ldh});
    kernels->row_sum(rows->grains, rows->starts, shape->vocab, model->logits, ldv,
                     gradient + offset_of(model, DP_TENSOR_B2));
}

/* The batch with one row for the examples of a context, if so chosen; row r then has the targets
 * [target_starts[r], target_starts[r + 1]). */
static dp_batch share_rows(dp_kernel_model *model, const dp_batch *batch,
                           const uint32_t **target_starts) {
    dp_distinct *distinct = &model->distinct;
    dp_batch rows = *batch;
    *target_starts = model->numbers;
    if (!model->by_context)
        return rows;
    dp_distinct_collect(distinct, batch->grains, batch->starts, batch->contexts, batch->targets);
    rows.starts = distinct->starts;
    rows.contexts = distinct->contexts;
    rows.targets = distinct->targets;
    *target_starts = distinct->target_starts;
    return rows;
}

void dp_kernel_model_gradient(dp_kernel_model *model, const float *params, const dp_batch *batch,
                              float scale, float *gradient, double *losses, dp_profile *profile) {
    const uint32_t *target_starts = NULL;
    const dp_batch rows = share_rows(model, batch, &target_starts);
    const size_t *starts = rows.starts;
    const float *h = forward(model, params, &rows, starts[rows.grains], profile);
    for (size_t g = 0; g < rows.grains; g++)
        losses[g] = model->kernels->softmax_gradient(
            starts[g + 1] - starts[g], model->layout->shape.vocab, model->ldv,
            target_starts + starts[g], rows.targets, scale, model->logits + starts[g] * model->ldv);
    dp_profile_mark(profile, DP_PHASE_SOFTMAX);
    layer2_backward(model, params, &rows, h, gradient);
    if (model->by_pairs)
        layer1_backward_by_pairs(model, params, &rows, gradient);
    else
        layer1_backward_by_rows(model, params, &rows, gradient);
    embedding_gradients(model, 0, rows.grains, &rows, gradient + offset_of(model, DP_TENSOR_C),
                        model->dc_stack);
    dp_profile_mark(profile, DP_PHASE_BACKWARD);
}
