#include "model/model.h"

#include "base/real.h"
#include "base/size.h"
#include "base/tree.h"
#include "base/workspace.h"
#include "model/distinct.h"
#include "model/dropout_mask.h"
#include "model/pairs.h"
#include "model/wide_model.h"

#include <string.h>

/* One block: this, the masks, then the arrays by rows and those by pairs. */
struct dp_model {
    dp_params_layout layout;
    dp_wide_model *wide; /* of a split output layer, and then nothing else */
    const dp_kernels *kernels;
    size_t at_once;            /* grains a gradient */
    size_t inputs;             /* block_size * embedding_dim */
    size_t lde, ldh, ldv, ldx; /* embedding_dim, hidden_dim, vocab and inputs, padded */
    dp_layer1 layer1;
    dp_pairs pairs;
    dp_distinct distinct; /* if by_context */
    float *row_values;    /* [maxima, sums][grain_rows] */
    float *x;             /* [rows, ldx] and more, as whole vectors are written */
    float *h;             /* [rows, ldh] */
    float *logits;        /* [rows, ldv]; becomes p, then the gradient at the logits */
    float *dh;            /* [rows, ldh] */
    float *dx;            /* [rows, block_size, lde], or [pairs, lde] */
    float *direct_dx;     /* [rows, ldx], with direct connections */
    float *pair_x;        /* [pairs, lde] */
    float *pair_h;        /* [pairs, ldh]: C[token] W1_i, then the sums of dh */
    uint32_t *numbers;    /* [rows + 1]: 0, 1, 2, ... */
    uint32_t *row_starts; /* [rows + 1]: 0, block_size, 2 block_size, ... */
    float *dc_stack;      /* [1 + halvings_of(rows)][vocab, lde] */

    dp_dropout_masks drop;
    float *kept_h; /* [rows, ldh]: h after dropout; NULL without dropout there */
};

/* --- creation ------------------------------------------------------------------------------- */

static dp_layer1 choose_layer1(const dp_model *model, const dp_model_options *options) {
    const dp_ways_work work = {.shape = model->layout.shape,
                               .rows = options->grain_rows,
                               .grains = 1,
                               .drops_features = dp_dropout_mask_is_on(&model->drop.features),
                               .drops_hidden = dp_dropout_mask_is_on(&model->drop.hidden),
                               .forward_only = options->forward_only};
    const dp_layer1 most = dp_ways_most_shared(&work);
    if (options->layer1 == DP_LAYER1_CHOSEN)
        return dp_ways_choose(&work).layer1;
    return options->layer1 < most ? options->layer1 : most;
}

/* Whether layer 1 shares so much. */
static bool shares(const dp_model *model, dp_layer1 layer1) {
    return model->layer1 >= layer1;
}

static void reserve_rows(dp_model *model, size_t rows, dp_workspace *room) {
    DP_RESERVE_ROWS(room, model->x, rows + 1, model->ldx);
    DP_RESERVE_ROWS(room, model->h, rows, model->ldh);
    DP_RESERVE_ROWS(room, model->logits, rows, model->ldv);
    DP_RESERVE(room, model->numbers, rows + 1);
    DP_RESERVE(room, model->row_starts, rows + 1);
}

static dp_status reserve_pairs(dp_model *model, size_t grain_rows, dp_workspace *room,
                               dp_error *error) {
    const dp_model_shape *shape = &model->layout.shape;
    const size_t vocab = shape->vocab, block = shape->block_size, at_once = model->at_once;
    const size_t pairs = dp_pairs_max(vocab, block, at_once, grain_rows);
    DP_TRY(dp_pairs_reserve(&model->pairs, vocab, block, at_once, grain_rows, room, error));
    DP_RESERVE_ROWS(room, model->pair_x, pairs, model->lde);
    DP_RESERVE_ROWS(room, model->pair_h, pairs, model->ldh);
    return DP_OK;
}

/* How often so many rows are halved until they are single grains or runs, at most. */
static size_t halvings_of(size_t rows) {
    size_t halvings = 3; /* of DP_MODEL_GRAINS_MAX */
    for (; rows > DP_TREE_RUN; rows = (rows + 1) / 2)
        halvings++;
    return halvings;
}

static dp_status reserve_for_gradients(dp_model *model, size_t grain_rows, dp_workspace *room,
                                       dp_error *error) {
    const dp_model_shape *shape = &model->layout.shape;
    const size_t block = shape->block_size, rows = model->at_once * grain_rows;
    if (shares(model, DP_LAYER1_BY_CONTEXTS))
        DP_TRY(
            dp_distinct_reserve(&model->distinct, block, model->at_once, grain_rows, room, error));
    DP_RESERVE_ROWS(room, model->dh, rows, model->ldh);
    DP_RESERVE_ROWS(room, model->dx,
                    shares(model, DP_LAYER1_BY_PAIRS)
                        ? dp_pairs_max(shape->vocab, block, model->at_once, grain_rows)
                        : rows * block,
                    model->lde);
    if (shape->direct)
        DP_RESERVE_ROWS(room, model->direct_dx, rows, model->ldx);
    DP_RESERVE_ROWS(room, model->dc_stack,
                    (1 + halvings_of(model->at_once * grain_rows)) * shape->vocab, model->lde);
    if (dp_dropout_mask_is_on(&model->drop.hidden))
        DP_RESERVE_ROWS(room, model->kept_h, rows, model->ldh);
    return DP_OK;
}

static dp_status reserve(dp_model *model, const dp_model_options *options, dp_workspace *room,
                         dp_error *error) {
    const size_t rows = model->at_once * options->grain_rows;
    if (model->layout.shape.split)
        return DP_OK;
    if (!options->forward_only)
        dp_dropout_masks_reserve(&model->drop, model->kernels, &options->dropout,
                                 &model->layout.shape, rows, room);
    model->layer1 = choose_layer1(model, options);
    reserve_rows(model, rows, room);
    DP_RESERVE_ROWS(room, model->row_values, options->grain_rows, 2);
    if (shares(model, DP_LAYER1_FORWARD_BY_PAIRS))
        DP_TRY(reserve_pairs(model, options->grain_rows, room, error));
    return options->forward_only ? DP_OK
                                 : reserve_for_gradients(model, options->grain_rows, room, error);
}

static void number_rows(dp_model *model, size_t rows) {
    for (size_t r = 0; r <= rows; r++) {
        model->numbers[r] = (uint32_t)r;
        model->row_starts[r] = (uint32_t)(r * model->layout.shape.block_size);
    }
}

dp_status dp_model_create(dp_model **model, const dp_params_layout *layout,
                          const dp_model_options *options, dp_error *error) {
    const dp_model_shape *shape = &layout->shape;
    dp_workspace room = {0};
    dp_model self = {.layout = *layout,
                     .kernels = dp_kernels_of(options->level),
                     .at_once =
                         options->forward_only ? 1 : dp_ways_grains_at_once(options->grain_rows),
                     .inputs = dp_shape_inputs(shape),
                     .lde = dp_kernels_padded(shape->embedding_dim),
                     .ldh = dp_kernels_padded(shape->hidden_dim),
                     .ldv = dp_kernels_padded(shape->vocab),
                     .ldx = dp_kernels_padded(dp_shape_inputs(shape))};
    *model = NULL;
    DP_TRY(reserve(&self, options, &room, error));
    DP_TRY_BUILD(*model, &room, self);
    if (!shape->split) {
        number_rows(*model, self.at_once * options->grain_rows);
        return DP_OK;
    }
    dp_status status = dp_wide_model_create(&(*model)->wide, &(*model)->layout, options, error);
    if (status != DP_OK) {
        dp_model_destroy(*model);
        *model = NULL;
    }
    return status;
}

void dp_model_destroy(dp_model *model) {
    if (model == NULL)
        return;
    dp_wide_model_destroy(model->wide);
    dp_memory_free(model);
}

size_t dp_model_grains_at_once(const dp_model *model) {
    return model->at_once;
}

static size_t offset_of(const dp_model *model, dp_tensor_id id) {
    return model->layout.tensors[id].offset;
}

/* A matrix of the slab as it is stored: [in, out] for W1, [out, in] for W2 and Wd. */
static dp_rows matrix(const dp_model *model, const float *params, dp_tensor_id id) {
    const dp_tensor *tensor = &model->layout.tensors[id];
    return (dp_rows){params + tensor->offset, dp_tensor_ld(tensor)};
}

/* The rows of W1 for one position. */
static dp_rows w1_of(const dp_model *model, const float *params, size_t position) {
    const dp_rows w1 = matrix(model, params, DP_TENSOR_W1);
    return (dp_rows){w1.at + position * model->layout.shape.embedding_dim * w1.ld, w1.ld};
}

/* --- forward -------------------------------------------------------------------------------- */

static void gather_features(dp_model *model, const float *params, size_t rows,
                            const uint32_t *contexts) {
    const dp_model_shape *shape = &model->layout.shape;
    const dp_dropout_mask *mask = &model->drop.features;
    model->kernels->gather(rows, shape->block_size, shape->embedding_dim, contexts,
                           matrix(model, params, DP_TENSOR_C), mask->bits, mask->scale,
                           (dp_out_rows){model->x, model->ldx});
}

/* The features of the pairs collected last. */
static void gather_pairs(dp_model *model, const float *params) {
    model->kernels->gather(model->pairs.count, 1, model->layout.shape.embedding_dim,
                           model->pairs.tokens, matrix(model, params, DP_TENSOR_C), NULL, 1.0f,
                           (dp_out_rows){model->pair_x, model->lde});
}

/* h before tanh: C[token] W1_i once a pair, then a sum over positions for each row. */
static void layer1_forward_by_pairs(dp_model *model, const float *params, size_t rows,
                                    const uint32_t *contexts) {
    const dp_model_shape *shape = &model->layout.shape;
    const dp_kernels *kernels = model->kernels;
    const size_t everything[2] = {0, rows}, lde = model->lde, ldh = model->ldh;
    dp_pairs *pairs = &model->pairs;
    dp_pairs_collect(pairs, 1, everything, contexts);
    gather_pairs(model, params);
    for (size_t i = 0; i < shape->block_size; i++) {
        const size_t first = dp_pairs_first(pairs, i, 0);
        kernels->multiply(dp_pairs_first(pairs, i, 1) - first, shape->embedding_dim,
                          shape->hidden_dim, (dp_rows){model->pair_x + first * lde, lde},
                          w1_of(model, params, i), NULL, NULL,
                          (dp_out_rows){model->pair_h + first * ldh, ldh});
    }
    kernels->sum_rows(rows, model->row_starts, pairs->pair_of, shape->hidden_dim, model->pair_h,
                      ldh, params + offset_of(model, DP_TENSOR_B1), model->h);
}

static void layer1_forward(dp_model *model, const float *params, const dp_batch *batch,
                           size_t rows) {
    if (shares(model, DP_LAYER1_FORWARD_BY_PAIRS)) {
        layer1_forward_by_pairs(model, params, rows, batch->contexts);
        return;
    }
    dp_dropout_mask_draw(&model->drop.features, rows, batch->step, batch->first_row);
    gather_features(model, params, rows, batch->contexts);
    model->kernels->multiply(rows, model->inputs, model->layout.shape.hidden_dim,
                             (dp_rows){model->x, model->ldx}, matrix(model, params, DP_TENSOR_W1),
                             params + offset_of(model, DP_TENSOR_B1), NULL,
                             (dp_out_rows){model->h, model->ldh});
}

/* From what layer 2 sees of h, and the features where they are connected. */
static void output_forward(dp_model *model, const float *params, size_t rows, const float *h) {
    const dp_model_shape *shape = &model->layout.shape;
    const dp_out_rows logits = {model->logits, model->ldv};
    model->kernels->dot(rows, shape->vocab, shape->hidden_dim, (dp_rows){h, model->ldh},
                        matrix(model, params, DP_TENSOR_W2),
                        params + offset_of(model, DP_TENSOR_B2), false, logits);
    if (shape->direct)
        model->kernels->dot(rows, shape->vocab, model->inputs, (dp_rows){model->x, model->ldx},
                            matrix(model, params, DP_TENSOR_WD), NULL, true, logits);
}

/* Fills logits; returns what layer 2 has seen of h. */
static const float *forward(dp_model *model, const float *params, const dp_batch *batch,
                            size_t rows, dp_profile *profile) {
    layer1_forward(model, params, batch, rows);
    dp_profile_mark(profile, DP_PHASE_LAYER1);
    model->kernels->tanh(rows, model->layout.shape.hidden_dim, model->ldh, model->h);
    dp_dropout_mask_draw(&model->drop.hidden, rows, batch->step, batch->first_row);
    const float *h =
        dp_dropout_mask_keep(&model->drop.hidden, rows, model->ldh, model->h, model->kept_h);
    dp_profile_mark(profile, DP_PHASE_TANH);
    output_forward(model, params, rows, h);
    dp_profile_mark(profile, DP_PHASE_LAYER2);
    return h;
}

/* --- losses alone --------------------------------------------------------------------------- */

void dp_model_row_losses(dp_model *model, const float *params, size_t rows,
                         const uint32_t *contexts, const uint32_t *targets, double *losses) {
    float *maxima = model->row_values, *sums = maxima + rows;
    if (model->wide != NULL) {
        dp_wide_model_losses(model->wide, params, rows, contexts, targets, losses);
        return;
    }
    forward(model, params, &(dp_batch){.contexts = contexts}, rows, NULL);
    for (size_t r = 0; r < rows; r++)
        losses[r] = -(double)model->logits[r * model->ldv + targets[r]];
    model->kernels->exponentials(rows, model->layout.shape.vocab, model->ldv, model->logits,
                                 model->logits, maxima, sums);
    for (size_t r = 0; r < rows; r++)
        losses[r] = dp_real_log((double)sums[r]) + ((double)maxima[r] + losses[r]);
}

/* --- backward ------------------------------------------------------------------------------- */

/* What becomes of the gradient: it is written to a slab, or the slab, the parameters, descends
 * along it. */
typedef struct gradient_use {
    float *slab;
    bool descends;
    float lr;
} gradient_use;

/* The gradient of a matrix as it is stored, or of some of its rows, that lie at `offset`. */
static void weight_gradient(const dp_model *model, const gradient_use *use, size_t offset,
                            const dp_gradient *products) {
    dp_gradient of = *products;
    of.to.at = use->slab + offset;
    of.descends = use->descends;
    of.lr = use->lr;
    model->kernels->weight_gradient(&of);
}

/* Biases see 1 of every row; and what they see of a frequent target is nearly the same each time,
 * so that errors add up: they have shorter runs. */
#define BIAS_RUN ((size_t)32)

static void bias_gradient(const dp_model *model, const gradient_use *use, dp_tensor_id id,
                          const dp_gradient *products) {
    static const float one = 1.0f;
    dp_gradient of = *products;
    of.run = BIAS_RUN;
    of.in = 1;
    of.x = (dp_rows){&one, 0};
    weight_gradient(model, use, offset_of(model, id), &of);
}

/* The gradient at the features, once a pair of a grain, and that of W1 from the same pairs. */
static void layer1_backward_by_pairs(dp_model *model, const float *params, const dp_batch *rows,
                                     const gradient_use *use) {
    const dp_model_shape *shape = &model->layout.shape;
    const dp_kernels *kernels = model->kernels;
    const size_t grains = rows->grains, lde = model->lde, ldh = model->ldh;
    const size_t dim = shape->embedding_dim, hidden = shape->hidden_dim;
    dp_pairs *pairs = &model->pairs;
    dp_pairs_collect(pairs, grains, rows->starts, rows->contexts);
    dp_pairs_list_rows(pairs, rows->starts[grains]);
    gather_pairs(model, params);
    kernels->sum_rows(pairs->count, pairs->row_starts, pairs->listed, hidden, model->dh, ldh, NULL,
                      model->pair_h);
    dp_gradient of = {.grains = grains,
                      .starts = pairs->starts,
                      .run = DP_TREE_RUN,
                      .in = dim,
                      .out = hidden,
                      .x = {model->pair_x, lde},
                      .dy = {model->pair_h, ldh},
                      .to = {.ld = ldh}};
    /* Every row has one pair at each position, so those of the first make the sum over rows. */
    bias_gradient(model, use, DP_TENSOR_B1, &of);
    for (size_t i = 0; i < shape->block_size; i++, of.starts += grains + 1) {
        const size_t first = of.starts[0];
        const dp_rows w1 = w1_of(model, params, i);
        kernels->dot(of.starts[grains] - first, dim, hidden,
                     (dp_rows){model->pair_h + first * ldh, ldh}, w1, NULL, false,
                     (dp_out_rows){model->dx + first * lde, lde});
        weight_gradient(model, use, (size_t)(w1.at - params), &of);
    }
}

/* dx by way of the direct connections. */
static void add_direct_dx(dp_model *model, const float *params, size_t rows) {
    const dp_model_shape *shape = &model->layout.shape;
    const size_t width = shape->block_size * model->lde;
    if (!shape->direct)
        return;
    if (shape->hidden_dim == 0)
        memset(model->dx, 0, rows * width * sizeof *model->dx);
    model->kernels->multiply(rows, shape->vocab, model->inputs,
                             (dp_rows){model->logits, model->ldv},
                             matrix(model, params, DP_TENSOR_WD), NULL, NULL,
                             (dp_out_rows){model->direct_dx, model->ldx});
    for (size_t r = 0; r < rows; r++)
        dp_wide_add_features(shape, model->lde, model->direct_dx + r * model->ldx,
                             model->dx + r * width);
}

/* The gradients of layer 1 and at the features, row by row. */
static void layer1_backward_by_rows(dp_model *model, const float *params, const dp_batch *batch,
                                    const gradient_use *use) {
    const dp_model_shape *shape = &model->layout.shape;
    const size_t rows = batch->starts[batch->grains], lde = model->lde;
    const size_t block = shape->block_size, hidden = shape->hidden_dim;
    const dp_rows dh = {model->dh, model->ldh};
    const dp_gradient of = {.grains = batch->grains,
                            .starts = batch->starts,
                            .run = DP_TREE_RUN,
                            .in = model->inputs,
                            .out = hidden,
                            .x = {model->x, model->ldx},
                            .dy = dh,
                            .to = {.ld = model->ldh}};
    if (shares(model, DP_LAYER1_FORWARD_BY_PAIRS)) /* else they are there */
        gather_features(model, params, rows, batch->contexts);
    for (size_t i = 0; i < block && hidden > 0; i++)
        model->kernels->dot(rows, shape->embedding_dim, hidden, dh, w1_of(model, params, i), NULL,
                            false, (dp_out_rows){model->dx + i * lde, block * lde});
    add_direct_dx(model, params, rows);
    dp_dropout_mask_apply(&model->drop.features, rows, lde, model->dx);
    if (hidden == 0)
        return;
    weight_gradient(model, use, offset_of(model, DP_TENSOR_W1), &of);
    bias_gradient(model, use, DP_TENSOR_B1, &of);
}

/* dC of a part of the batch, added to that of another. Of a large vocabulary most rows are 0. */
static void merge_embedding_gradients(const dp_model *model, size_t count, const uint32_t *tokens,
                                      float *from, float *to) {
    const size_t size = model->layout.shape.vocab * model->lde;
    if (count < model->layout.shape.vocab) {
        model->kernels->move_rows(count, tokens, model->lde, from, to);
        return;
    }
    for (size_t i = 0; i < size; i++)
        to[i] += from[i];
    memset(from, 0, size * sizeof *from);
}

/* dC of the rows [first, end), halved until they are a run, added to dc, which is 0. `stack` has a
 * dC of zeros for each halving, and is left so. */
static void embedding_gradient_of_rows(dp_model *model, const uint32_t *contexts, size_t first,
                                       size_t end, float *dc, float *stack) {
    const size_t block = model->layout.shape.block_size, lde = model->lde;
    const size_t size = model->layout.shape.vocab * lde, half = first + (end - first) / 2;
    if (end - first > DP_TREE_RUN) {
        embedding_gradient_of_rows(model, contexts, first, half, dc, stack);
        embedding_gradient_of_rows(model, contexts, half, end, stack, stack + size);
        merge_embedding_gradients(model, (end - half) * block, contexts + half * block, stack, dc);
        return;
    }
    model->kernels->scatter_add((end - first) * block, contexts + first * block, lde,
                                model->dx + first * block * lde, dc);
}

/* dC of one grain by pairs, of which each is there once at a position; dc is 0. */
static void embedding_gradient_of_pairs(dp_model *model, size_t grain, float *dc) {
    for (size_t i = 0; i < model->layout.shape.block_size; i++) {
        const size_t pair = dp_pairs_first(&model->pairs, i, grain);
        model->kernels->scatter_add(dp_pairs_first(&model->pairs, i, grain + 1) - pair,
                                    model->pairs.tokens + pair, model->lde,
                                    model->dx + pair * model->lde, dc);
    }
}

/* dC summed over a power of two of grains, as a balanced tree, added to dc, which is 0; `stack` as
 * above, for each level. */
static void sum_embedding_gradients(dp_model *model, size_t first, size_t grains,
                                    const dp_batch *rows, float *dc, float *stack) {
    const size_t block = model->layout.shape.block_size, middle = first + grains / 2;
    const size_t size = model->layout.shape.vocab * model->lde, end = first + grains;
    if (grains == 1 && shares(model, DP_LAYER1_BY_PAIRS)) {
        embedding_gradient_of_pairs(model, first, dc);
        return;
    }
    if (grains == 1) {
        embedding_gradient_of_rows(model, rows->contexts, rows->starts[first], rows->starts[end],
                                   dc, stack);
        return;
    }
    sum_embedding_gradients(model, first, grains / 2, rows, dc, stack);
    sum_embedding_gradients(model, middle, grains / 2, rows, stack, stack + size);
    merge_embedding_gradients(model, (rows->starts[end] - rows->starts[middle]) * block,
                              rows->contexts + rows->starts[middle] * block, stack, dc);
}

static void embedding_gradients(dp_model *model, const dp_batch *rows, const gradient_use *use) {
    const size_t size = model->layout.shape.vocab * model->lde;
    float *c = use->slab + offset_of(model, DP_TENSOR_C);
    float *dc = use->descends ? model->dc_stack : c, *stack = model->dc_stack + size;
    if (!use->descends)
        memset(c, 0, size * sizeof *c);
    sum_embedding_gradients(model, 0, rows->grains, rows, dc, stack);
    if (!use->descends)
        return;
    model->kernels->descend(size, use->lr, dc, c);
    memset(dc, 0, size * sizeof *dc);
}

static void output_backward(dp_model *model, const float *params, const dp_batch *rows,
                            const float *h, const gradient_use *use) {
    const dp_model_shape *shape = &model->layout.shape;
    const size_t count = rows->starts[rows->grains];
    const dp_rows logits = {model->logits, model->ldv};
    dp_gradient of = {.grains = rows->grains,
                      .starts = rows->starts,
                      .run = DP_TREE_RUN,
                      .in = shape->vocab,
                      .out = shape->hidden_dim,
                      .x = logits,
                      .dy = {h, model->ldh},
                      .to = {.ld = model->ldh}};
    model->kernels->multiply(count, shape->vocab, shape->hidden_dim, logits,
                             matrix(model, params, DP_TENSOR_W2), NULL, model->h,
                             (dp_out_rows){model->dh, model->ldh});
    dp_dropout_mask_apply(&model->drop.hidden, count, model->ldh, model->dh);
    weight_gradient(model, use, offset_of(model, DP_TENSOR_W2), &of);
    of.out = shape->vocab;
    of.dy = logits;
    bias_gradient(model, use, DP_TENSOR_B2, &of);
}

/* Behind everything that needs Wd as it was. */
static void direct_gradient(dp_model *model, const dp_batch *rows, const gradient_use *use) {
    const dp_gradient of = {.grains = rows->grains,
                            .starts = rows->starts,
                            .run = DP_TREE_RUN,
                            .in = model->layout.shape.vocab,
                            .out = model->inputs,
                            .x = {model->logits, model->ldv},
                            .dy = {model->x, model->ldx},
                            .to = {.ld = model->ldx}};
    if (model->layout.shape.direct)
        weight_gradient(model, use, offset_of(model, DP_TENSOR_WD), &of);
}

/* --- a step --------------------------------------------------------------------------------- */

/* The batch with one row for the examples of a context, if so chosen; row r then has the targets
 * [target_starts[r], target_starts[r + 1]). */
static dp_batch share_rows(dp_model *model, const dp_batch *batch, const uint32_t **target_starts) {
    dp_distinct *distinct = &model->distinct;
    dp_batch rows = *batch;
    *target_starts = model->numbers;
    if (!shares(model, DP_LAYER1_BY_CONTEXTS))
        return rows;
    dp_distinct_collect(distinct, batch->grains, batch->starts, batch->contexts, batch->targets);
    rows.starts = distinct->starts;
    rows.contexts = distinct->contexts;
    rows.targets = distinct->targets;
    *target_starts = distinct->target_starts;
    return rows;
}

static void compute_gradient(dp_model *model, const float *params, const dp_batch *batch,
                             float scale, const gradient_use *use, double *losses,
                             dp_profile *profile) {
    const uint32_t *target_starts = NULL;
    const dp_batch rows = share_rows(model, batch, &target_starts);
    const size_t *starts = rows.starts;
    const float *h = forward(model, params, &rows, starts[rows.grains], profile);
    for (size_t g = 0; g < rows.grains; g++)
        losses[g] = model->kernels->softmax_gradient(
            starts[g + 1] - starts[g], model->layout.shape.vocab, model->ldv,
            target_starts + starts[g], rows.targets, scale, model->logits + starts[g] * model->ldv);
    dp_profile_mark(profile, DP_PHASE_SOFTMAX);
    output_backward(model, params, &rows, h, use);
    if (shares(model, DP_LAYER1_BY_PAIRS))
        layer1_backward_by_pairs(model, params, &rows, use);
    else
        layer1_backward_by_rows(model, params, &rows, use);
    direct_gradient(model, &rows, use);
    embedding_gradients(model, &rows, use);
    dp_profile_mark(profile, DP_PHASE_BACKWARD);
}

void dp_model_gradient(dp_model *model, const float *params, const dp_batch *batch, float scale,
                       float *gradient, double *losses, dp_profile *profile) {
    const gradient_use use = {.slab = gradient};
    compute_gradient(model, params, batch, scale, &use, losses, profile);
}

void dp_model_descend(dp_model *model, float *params, const dp_batch *batch, float scale, float lr,
                      double *losses, dp_profile *profile) {
    const gradient_use use = {.slab = params, .descends = true, .lr = lr};
    compute_gradient(model, params, batch, scale, &use, losses, profile);
}
