#include "model/wide_model.h"

#include "base/real.h"
#include "base/size.h"
#include "base/tree.h"
#include "base/workspace.h"
#include "kernels/activation.h"
#include "model/dropout_mask.h"

#include <string.h>

/* Rows that are taken at once where rows are independent: their logits stay near the core from one
 * operation to the next, and what else they need is on the stack. */
#define ROWS_AT_ONCE ((size_t)64)

/* One block: this, the room for some rows, and the masks or the arrays for losses alone. */
struct dp_wide_model {
    const dp_params_layout *layout;
    const dp_kernels *kernels;
    dp_wide_dims dims;
    size_t rows;

    float *logits; /* [ROWS_AT_ONCE, DP_OUTPUT_BLOCK] */

    /* For steps. */
    dp_dropout_masks drop; /* off for losses alone */
    float *scaled;         /* [ROWS_AT_ONCE, lds]: a, and 1 behind it, times factors of rows */
    float *run;            /* [output_stride]: the gradient of a block by some of the rows */

    /* For losses alone. */
    float *x, *h, *a;       /* [rows, ldx], [rows, ldh], [rows, lda] */
    float *e;               /* [rows, DP_OUTPUT_BLOCK] */
    float *stats;           /* [blocks][maxima and sums][rows] */
    const float **of_block; /* [blocks], in stats */
    float *row_values;      /* [target logits, maximum, total][rows] */
};

/* --- creation ------------------------------------------------------------------------------- */

dp_wide_dims dp_wide_dims_of(const dp_params_layout *layout) {
    dp_wide_dims dims = {.inputs = dp_shape_inputs(&layout->shape),
                         .hidden = layout->shape.hidden_dim,
                         .lde = dp_tensor_ld(&layout->tensors[DP_TENSOR_C])};
    dims.seen = dims.hidden + (layout->shape.direct ? dims.inputs : 0);
    /* Gathering writes whole vectors beginning at the last feature, which must not reach into
     * another row. */
    dims.ldx = dp_kernels_padded(dims.inputs + DP_KERNEL_LANES - 1);
    dims.ldh = dp_kernels_padded(dims.hidden);
    dims.lda = dp_kernels_padded(dims.seen);
    return dims;
}

/* Where rows of `scaled` are padded to. */
static size_t lds(const dp_wide_model *model) {
    return dp_kernels_padded(model->dims.seen + 1);
}

static void reserve_for_steps(dp_wide_model *model, const dp_dropout *dropout, dp_workspace *room) {
    DP_RESERVE_ROWS(room, model->scaled, ROWS_AT_ONCE, lds(model));
    DP_RESERVE(room, model->run, model->layout->output_stride);
    dp_dropout_masks_reserve(&model->drop, model->kernels, dropout, &model->layout->shape,
                             model->rows, room);
}

static void reserve_for_losses(dp_wide_model *model, dp_workspace *room) {
    const size_t rows = model->rows, blocks = model->layout->output_blocks;
    DP_RESERVE_ROWS(room, model->x, rows, model->dims.ldx);
    DP_RESERVE_ROWS(room, model->h, rows, model->dims.ldh);
    DP_RESERVE_ROWS(room, model->a, rows, model->dims.lda);
    DP_RESERVE_ROWS(room, model->e, rows, DP_OUTPUT_BLOCK);
    DP_RESERVE_ROWS(room, model->stats, rows, 2 * blocks);
    DP_RESERVE(room, model->of_block, blocks);
    DP_RESERVE_ROWS(room, model->row_values, rows, 3);
}

dp_status dp_wide_model_create(dp_wide_model **model, const dp_params_layout *layout,
                               const dp_model_options *options, dp_error *error) {
    dp_workspace room = {0};
    dp_wide_model self = {.layout = layout,
                          .kernels = dp_kernels_of(options->level),
                          .dims = dp_wide_dims_of(layout),
                          .rows = options->grain_rows};
    *model = NULL;
    DP_RESERVE_ROWS(&room, self.logits, ROWS_AT_ONCE, DP_OUTPUT_BLOCK);
    if (options->forward_only)
        reserve_for_losses(&self, &room);
    else
        reserve_for_steps(&self, &options->dropout, &room);
    DP_TRY_BUILD(*model, &room, self);
    for (size_t b = 0; options->forward_only && b < layout->output_blocks; b++)
        (*model)->of_block[b] = (*model)->stats + 2 * b * self.rows;
    return DP_OK;
}

void dp_wide_model_destroy(dp_wide_model *model) {
    dp_memory_free(model);
}

static size_t offset_of(const dp_wide_model *model, dp_tensor_id id) {
    return model->layout->tensors[id].offset;
}

/* --- below the output, forward -------------------------------------------------------------- */

static void gather_features(dp_wide_model *model, const float *params, const dp_wide_rows *rows) {
    const dp_model_shape *shape = &model->layout->shape;
    dp_dropout_mask *mask = &model->drop.features;
    dp_dropout_mask_draw(mask, rows->count, rows->step, rows->first_row);
    model->kernels->gather(rows->count, shape->block_size, shape->embedding_dim, rows->contexts,
                           (dp_rows){params + offset_of(model, DP_TENSOR_C), model->dims.lde},
                           mask->bits, mask->scale, (dp_out_rows){rows->x, model->dims.ldx});
}

/* What the output sees: copies of h, or of what dropout leaves of it, and of x. */
static void fill_seen(dp_wide_model *model, const dp_wide_rows *rows) {
    const dp_wide_dims *dims = &model->dims;
    for (size_t r = 0; r < rows->count; r++)
        memcpy(rows->a + r * dims->lda, rows->h + r * dims->ldh, dims->hidden * sizeof(float));
    dp_dropout_mask_draw(&model->drop.hidden, rows->count, rows->step, rows->first_row);
    dp_dropout_mask_apply(&model->drop.hidden, rows->count, dims->lda, rows->a);
    if (!model->layout->shape.direct)
        return;
    for (size_t r = 0; r < rows->count; r++)
        memcpy(rows->a + r * dims->lda + dims->hidden, rows->x + r * dims->ldx,
               dims->inputs * sizeof(float));
}

void dp_wide_model_hidden(dp_wide_model *model, const float *params, const dp_wide_rows *rows,
                          dp_profile *profile) {
    const dp_wide_dims *dims = &model->dims;
    gather_features(model, params, rows);
    if (dims->hidden > 0)
        model->kernels->multiply(
            rows->count, dims->inputs, dims->hidden, (dp_rows){rows->x, dims->ldx},
            (dp_rows){params + offset_of(model, DP_TENSOR_W1), dims->ldh},
            params + offset_of(model, DP_TENSOR_B1), NULL, (dp_out_rows){rows->h, dims->ldh});
    dp_profile_mark(profile, DP_PHASE_LAYER1);
    model->kernels->tanh(rows->count, dims->hidden, dims->ldh, rows->h);
    fill_seen(model, rows);
    dp_profile_mark(profile, DP_PHASE_TANH);
}

/* --- the output ----------------------------------------------------------------------------- */

/* The parameters of a block: [seen, DP_OUTPUT_BLOCK], and the biases behind them. */
static const float *weights_of(const dp_wide_model *model, const float *params, size_t block) {
    return params + dp_output_block_offset(model->layout, block);
}

static void logits_of_block(const dp_wide_model *model, const float *params, size_t block,
                            size_t rows, const float *a, float *logits) {
    const float *weights = weights_of(model, params, block);
    model->kernels->multiply(rows, model->dims.seen, dp_output_tokens(model->layout, block),
                             (dp_rows){a, model->dims.lda}, (dp_rows){weights, DP_OUTPUT_BLOCK},
                             weights + model->dims.seen * DP_OUTPUT_BLOCK, NULL,
                             (dp_out_rows){logits, DP_OUTPUT_BLOCK});
}

/* The number of a token in a block; not below the block's tokens where it is in another. */
static size_t token_in_block(uint32_t token, size_t block) {
    return token - block * DP_OUTPUT_BLOCK; /* wraps for blocks behind it */
}

/* Of the rows [first, first + n), n <= ROWS_AT_ONCE. */
static void exponentials_of_rows(const dp_wide_model *model, const float *params,
                                 const dp_wide_block *block, size_t first, size_t n,
                                 const dp_wide_exponentials *out, dp_profile *profile) {
    const size_t tokens = dp_output_tokens(model->layout, block->number);
    logits_of_block(model, params, block->number, n, block->a + first * model->dims.lda,
                    model->logits);
    dp_profile_mark(profile, DP_PHASE_LAYER2);
    for (size_t r = 0; r < n; r++) {
        const size_t token = token_in_block(block->targets[first + r], block->number);
        if (token < tokens)
            out->target_logits[first + r] = model->logits[r * DP_OUTPUT_BLOCK + token];
    }
    model->kernels->exponentials(n, tokens, DP_OUTPUT_BLOCK, model->logits,
                                 out->e + first * DP_OUTPUT_BLOCK, out->stats + first,
                                 out->stats + block->rows + first);
    dp_profile_mark(profile, DP_PHASE_SOFTMAX);
}

void dp_wide_model_exponentials(const dp_wide_model *model, const float *params,
                                const dp_wide_block *block, const dp_wide_exponentials *out,
                                dp_profile *profile) {
    for (size_t r = 0; r < block->rows; r += ROWS_AT_ONCE)
        exponentials_of_rows(model, params, block, r, dp_size_min(block->rows - r, ROWS_AT_ONCE),
                             out, profile);
}

/* y[i] = exp(x[i] - shift[i]), n <= ROWS_AT_ONCE */
static void exp_of_differences(size_t n, const float *x, const float *shift, float *y) {
    float differences[ROWS_AT_ONCE];
    for (size_t i = 0; i < n; i++)
        differences[i] = x[i] - shift[i];
    dp_activation_exp(n, differences, y);
}

/* maximum and total of the rows [first, first + n) of `rows`, n <= ROWS_AT_ONCE. */
static void combine_blocks(size_t blocks, size_t rows, size_t first, size_t n,
                           const float *const *stats, float *maximum, float *total) {
    float factors[ROWS_AT_ONCE];
    double all[ROWS_AT_ONCE] = {0.0};
    memcpy(maximum, stats[0] + first, n * sizeof *maximum);
    for (size_t b = 1; b < blocks; b++) {
        for (size_t i = 0; i < n; i++)
            maximum[i] = stats[b][first + i] > maximum[i] ? stats[b][first + i] : maximum[i];
    }
    for (size_t b = 0; b < blocks; b++) {
        exp_of_differences(n, stats[b] + first, maximum, factors);
        for (size_t i = 0; i < n; i++)
            all[i] += (double)stats[b][rows + first + i] * (double)factors[i];
    }
    for (size_t i = 0; i < n; i++)
        total[i] = (float)all[i];
}

void dp_wide_model_normalise(const dp_wide_model *model, size_t rows, const float *const *stats,
                             const float *target_logits, float *maximum, float *total,
                             double *losses) {
    for (size_t first = 0; first < rows; first += ROWS_AT_ONCE)
        combine_blocks(model->layout->output_blocks, rows, first,
                       dp_size_min(rows - first, ROWS_AT_ONCE), stats, maximum + first,
                       total + first);
    for (size_t r = 0; r < rows; r++)
        losses[r] = dp_real_log((double)total[r]) + ((double)maximum[r] - (double)target_logits[r]);
}

/* factors[i] makes the exponentials of row `first` + i probabilities, times the scale of the loss:
 * of n <= ROWS_AT_ONCE rows. */
static void find_factors(const dp_wide_block *block, size_t first, size_t n, float *factors) {
    exp_of_differences(n, block->maxima + first, block->maximum + first, factors);
    for (size_t i = 0; i < n; i++)
        factors[i] *= block->scale / block->total[first + i];
}

/* da of n rows from `first` on. */
static void seen_gradient(const dp_wide_model *model, const float *weights,
                          const dp_wide_block *block, size_t first, size_t n, const float *factors,
                          float *da) {
    const size_t seen = model->dims.seen, lda = model->dims.lda;
    const size_t tokens = dp_output_tokens(model->layout, block->number);
    model->kernels->dot(n, seen, tokens,
                        (dp_rows){block->e + first * DP_OUTPUT_BLOCK, DP_OUTPUT_BLOCK},
                        (dp_rows){weights, DP_OUTPUT_BLOCK}, NULL, false, (dp_out_rows){da, lda});
    model->kernels->scale_rows(n, seen, factors, (dp_rows){da, lda}, (dp_out_rows){da, lda});
    for (size_t i = 0; i < n; i++) { /* the -1 of a row at its target */
        const size_t token = token_in_block(block->targets[first + i], block->number);
        for (size_t k = 0; token < tokens && k < seen; k++)
            da[i * lda + k] -= block->scale * weights[k * DP_OUTPUT_BLOCK + token];
    }
}

/* Where the gradient of a block's parameters goes, [output_stride]: into `gradient`, which is
 * added to from the second rows on, or where `descends` is not NULL, from there to the parameters
 * with the last rows. */
typedef struct gradient_use {
    float *gradient;
    float *descends;
    float lr;
} gradient_use;

/* What n rows from `first` on add to it, but for the -1 at their targets. */
static void weight_gradient(const dp_wide_model *model, const dp_wide_block *block, size_t first,
                            size_t n, const float *factors, const gradient_use *use) {
    const dp_kernels *kernels = model->kernels;
    const size_t seen = model->dims.seen, lda = model->dims.lda, ld = lds(model);
    const size_t whole[2] = {0, n}, tokens = dp_output_tokens(model->layout, block->number);
    const bool is_first = first % DP_TREE_RUN == 0;
    const bool descends = use->descends != NULL && first + n == block->rows;
    const dp_gradient of = {.grains = 1,
                            .starts = whole,
                            .run = DP_TREE_RUN,
                            .in = seen + 1,
                            .out = tokens,
                            .x = {model->scaled, ld},
                            .dy = {block->e + first * DP_OUTPUT_BLOCK, DP_OUTPUT_BLOCK},
                            .before = is_first ? NULL : use->gradient,
                            .descends = descends,
                            .lr = use->lr,
                            .to = {descends ? use->descends : use->gradient, DP_OUTPUT_BLOCK}};
    kernels->scale_rows(n, seen, factors, (dp_rows){block->a + first * lda, lda},
                        (dp_out_rows){model->scaled, ld});
    for (size_t i = 0; i < n; i++)
        model->scaled[i * ld + seen] = factors[i]; /* the biases see 1 */
    kernels->weight_gradient(&of);
}

/* x [seen + 1, DP_OUTPUT_BLOCK] -= what comes of the -1 of the rows [first, end) at their targets.
 */
static void subtract_targets(const dp_wide_model *model, const dp_wide_block *block, size_t first,
                             size_t end, float *x) {
    const size_t seen = model->dims.seen, tokens = dp_output_tokens(model->layout, block->number);
    for (size_t r = first; r < end; r++) {
        const size_t token = token_in_block(block->targets[r], block->number);
        const float *a = block->a + r * model->dims.lda;
        if (token >= tokens)
            continue;
        for (size_t k = 0; k < seen; k++)
            x[k * DP_OUTPUT_BLOCK + token] -= block->scale * a[k];
        x[seen * DP_OUTPUT_BLOCK + token] -= block->scale;
    }
}

static bool has_targets(const dp_wide_model *model, const dp_wide_block *block) {
    const size_t tokens = dp_output_tokens(model->layout, block->number);
    for (size_t r = 0; r < block->rows; r++) {
        if (token_in_block(block->targets[r], block->number) < tokens)
            return true;
    }
    return false;
}

/* da of the rows [first, end), and what they add to the gradient of the parameters. */
static void backward_of_rows(const dp_wide_model *model, const float *weights,
                             const dp_wide_block *block, size_t first, size_t end, float *da,
                             const gradient_use *use) {
    for (size_t r = first; r < end; r += ROWS_AT_ONCE) {
        const size_t n = dp_size_min(end - r, ROWS_AT_ONCE);
        float factors[ROWS_AT_ONCE];
        find_factors(block, r, n, factors);
        seen_gradient(model, weights, block, r, n, factors, da + r * model->dims.lda);
        weight_gradient(model, block, r, n, factors, use);
    }
}

/* The gradient is summed in runs of rows, each with its targets. */
static void gradient_of_block(const dp_wide_model *model, const float *weights,
                              const dp_wide_block *block, float *da, float *gradient) {
    const size_t stride = model->layout->output_stride;
    if (dp_output_tokens(model->layout, block->number) < DP_OUTPUT_BLOCK) /* the padding, too */
        memset(gradient, 0, stride * sizeof *gradient);
    for (size_t first = 0; first < block->rows; first += DP_TREE_RUN) {
        const size_t end = dp_size_min(first + DP_TREE_RUN, block->rows);
        const gradient_use use = {.gradient = first == 0 ? gradient : model->run};
        backward_of_rows(model, weights, block, first, end, da, &use);
        subtract_targets(model, block, first, end, use.gradient);
        for (size_t i = 0; first > 0 && i < stride; i++)
            gradient[i] += model->run[i];
    }
}

void dp_wide_model_output_gradient(const dp_wide_model *model, const float *params,
                                   const dp_wide_block *block, float *da, float *gradient,
                                   dp_profile *profile) {
    gradient_of_block(model, weights_of(model, params, block->number), block, da, gradient);
    dp_profile_mark(profile, DP_PHASE_BACKWARD);
}

void dp_wide_model_output_descend(const dp_wide_model *model, float *params,
                                  const dp_wide_block *block, float lr, float *da, float *room,
                                  dp_profile *profile) {
    float *weights = params + dp_output_block_offset(model->layout, block->number);
    const gradient_use use = {.gradient = room, .descends = weights, .lr = lr};
    if (block->rows <= DP_TREE_RUN && !has_targets(model, block)) {
        backward_of_rows(model, weights, block, 0, block->rows, da, &use);
    } else {
        gradient_of_block(model, weights, block, da, room);
        model->kernels->descend((model->dims.seen + 1) * DP_OUTPUT_BLOCK, lr, room, weights);
    }
    dp_profile_mark(profile, DP_PHASE_BACKWARD);
}

/* --- below the output, backward ------------------------------------------------------------- */

static void hidden_gradient(dp_wide_model *model, const dp_wide_rows *rows, const float *da,
                            float *dh) {
    const dp_wide_dims *dims = &model->dims;
    for (size_t r = 0; r < rows->count; r++)
        memcpy(dh + r * dims->ldh, da + r * dims->lda, dims->hidden * sizeof *dh);
    dp_dropout_mask_apply(&model->drop.hidden, rows->count, dims->ldh, dh);
    dp_activation_tanh_backward(rows->count * dims->ldh, rows->h, dh);
}

void dp_wide_add_features(const dp_model_shape *shape, size_t lde, const float *from, float *to) {
    for (size_t i = 0; i < shape->block_size; i++, from += shape->embedding_dim, to += lde) {
        for (size_t k = 0; k < shape->embedding_dim; k++)
            to[k] += from[k];
    }
}

void dp_wide_model_below(dp_wide_model *model, const float *params, const dp_wide_rows *rows,
                         const float *da, float *dh, float *dx) {
    const dp_model_shape *shape = &model->layout->shape;
    const dp_wide_dims *dims = &model->dims;
    const size_t ld = dims->lde, width = shape->block_size * ld, dim = shape->embedding_dim;
    const float *w1 = params + offset_of(model, DP_TENSOR_W1);
    hidden_gradient(model, rows, da, dh);
    if (dims->hidden == 0)
        memset(dx, 0, rows->count * width * sizeof *dx);
    for (size_t i = 0; i < shape->block_size && dims->hidden > 0; i++)
        model->kernels->dot(rows->count, dim, dims->hidden, (dp_rows){dh, dims->ldh},
                            (dp_rows){w1 + i * dim * dims->ldh, dims->ldh}, NULL, false,
                            (dp_out_rows){dx + i * ld, width});
    for (size_t r = 0; r < rows->count && shape->direct; r++)
        dp_wide_add_features(shape, ld, da + r * dims->lda + dims->hidden, dx + r * width);
    dp_dropout_mask_apply(&model->drop.features, rows->count, ld, dx);
}

void dp_wide_model_layer1_gradient(const dp_wide_model *model, size_t rows, const float *x,
                                   const float *dh, size_t first, size_t count, float *dw,
                                   float *db) {
    static const float one = 1.0f; /* what the biases see of each row */
    const dp_wide_dims *dims = &model->dims;
    const size_t whole[2] = {0, rows};
    dp_gradient of = {.grains = 1,
                      .starts = whole,
                      .run = DP_TREE_RUN,
                      .in = count,
                      .out = dims->hidden,
                      .x = {x + first, dims->ldx},
                      .dy = {dh, dims->ldh},
                      .to = {dw, dims->ldh}};
    model->kernels->weight_gradient(&of);
    if (first > 0)
        return;
    of.in = 1;
    of.x = (dp_rows){&one, 0};
    of.to.at = db;
    model->kernels->weight_gradient(&of);
}

/* --- losses alone --------------------------------------------------------------------------- */

void dp_wide_model_losses(dp_wide_model *model, const float *params, size_t rows,
                          const uint32_t *contexts, const uint32_t *targets, double *losses) {
    float *target_logits = model->row_values, *maximum = target_logits + model->rows;
    const dp_wide_rows own = {
        .count = rows, .contexts = contexts, .x = model->x, .h = model->h, .a = model->a};
    dp_wide_model_hidden(model, params, &own, NULL);
    for (size_t b = 0; b < model->layout->output_blocks; b++) {
        const dp_wide_block block = {.number = b, .rows = rows, .a = model->a, .targets = targets};
        const dp_wide_exponentials out = {.e = model->e,
                                          .stats = model->stats + 2 * b * model->rows,
                                          .target_logits = target_logits};
        dp_wide_model_exponentials(model, params, &block, &out, NULL);
    }
    dp_wide_model_normalise(model, rows, model->of_block, target_logits, maximum,
                            maximum + model->rows, losses);
}
