#include "model/model.h"

#include "base/workspace.h"
#include "kernels/activation.h"
#include "model/dropout_mask.h"
#include "model/kernel_model.h"
#include "model/layers.h"
#include "model/wide_model.h"

#include <string.h>

/* One block: this and the arrays; and one for the part that computes the gradients. */
struct dp_model {
    dp_params_layout layout;
    dp_kernel_model *by_kernels; /* NULL: gradients are by BLAS too */
    dp_wide_model *wide;         /* of a split output layer; else NULL */
    const dp_kernels *kernels;
    dp_linalg linalg; /* not of a split output layer */
    size_t inputs;    /* block_size * embedding_dim */
    double *losses;   /* [grain_rows] */
    /* But of a split output layer: */
    float *x;      /* [grain_rows, inputs] */
    float *h;      /* [grain_rows, hidden_dim] */
    float *logits; /* [grain_rows, vocab]; becomes p, then the gradient at the logits */
    /* For gradients by BLAS only. */
    float *dh; /* [grain_rows, hidden_dim] */
    float *dx; /* [grain_rows, inputs] */

    dp_dropout_masks drop;
    float *kept_h; /* [grain_rows, hidden_dim]; NULL without dropout there */
};

static void reserve(dp_model *model, const dp_model_options *options, bool by_blas,
                    dp_workspace *room) {
    const size_t rows = options->grain_rows;
    const dp_model_shape *shape = &model->layout.shape;
    DP_RESERVE(room, model->losses, rows);
    if (shape->split)
        return;
    DP_RESERVE_ROWS(room, model->logits, rows, shape->vocab);
    DP_RESERVE_ROWS(room, model->x, rows, model->inputs);
    DP_RESERVE_ROWS(room, model->h, rows, shape->hidden_dim);
    if (!by_blas)
        return;
    DP_RESERVE_ROWS(room, model->dh, rows, shape->hidden_dim);
    DP_RESERVE_ROWS(room, model->dx, rows, model->inputs);
    dp_dropout_masks_reserve(&model->drop, model->kernels, &options->dropout, shape, rows, room);
    if (dp_dropout_mask_is_on(&model->drop.hidden))
        DP_RESERVE_ROWS(room, model->kept_h, rows, shape->hidden_dim);
}

/* What computes the gradients, where it is not this. */
static dp_status create_part(dp_model *model, const dp_model_options *options, bool by_kernels,
                             dp_error *error) {
    if (model->layout.shape.split)
        return dp_wide_model_create(&model->wide, &model->layout, options, error);
    if (by_kernels)
        return dp_kernel_model_create(&model->by_kernels, &model->layout, options, error);
    return DP_OK;
}

dp_status dp_model_create(dp_model **model, const dp_params_layout *layout,
                          const dp_model_options *options, dp_error *error) {
    const bool by_kernels = !options->forward_only && dp_kernel_model_suits(layout);
    dp_workspace room = {0};
    dp_model self = {.layout = *layout,
                     .kernels = dp_kernels_of(options->level),
                     .inputs = dp_shape_inputs(&layout->shape)};
    *model = NULL;
    if (!layout->shape.split)
        DP_TRY(dp_linalg_open(&self.linalg, error));
    reserve(&self, options, !options->forward_only && !by_kernels, &room);
    DP_TRY_BUILD(*model, &room, self);
    dp_status status = create_part(*model, options, by_kernels, error);
    if (status != DP_OK) {
        dp_model_destroy(*model);
        *model = NULL;
    }
    return status;
}

void dp_model_destroy(dp_model *model) {
    if (model == NULL)
        return;
    dp_kernel_model_destroy(model->by_kernels);
    dp_wide_model_destroy(model->wide);
    dp_memory_free(model);
}

/* --- forward -------------------------------------------------------------------------------- */

static size_t offset_of(const dp_model *model, dp_tensor_id id) {
    return model->layout.tensors[id].offset;
}

static dp_weights weights(const dp_model *model, const float *params, dp_tensor_id id) {
    const dp_tensor *tensor = &model->layout.tensors[id];
    return (dp_weights){.in = tensor->rows,
                        .out = tensor->cols,
                        .values = {.stored = params + tensor->offset,
                                   .ld = dp_tensor_ld(tensor),
                                   .transposed = tensor->col_stride != 1},
                        .linalg = &model->linalg};
}

static size_t ldc(const dp_model *model) {
    return dp_tensor_ld(&model->layout.tensors[DP_TENSOR_C]);
}

/* Fills x; the two layers fill h, and logits from what layer 2 sees of it. */
static void look_up(dp_model *model, const float *params, size_t rows, const uint32_t *contexts) {
    const dp_model_shape *shape = &model->layout.shape;
    dp_embedding_forward(rows, shape->block_size, shape->embedding_dim, contexts,
                         params + offset_of(model, DP_TENSOR_C), ldc(model), model->x);
}

static void layer1_forward(dp_model *model, const float *params, size_t rows, dp_profile *profile) {
    const size_t hidden = model->layout.shape.hidden_dim;
    if (hidden > 0)
        dp_linear_forward(rows, model->x, weights(model, params, DP_TENSOR_W1),
                          params + offset_of(model, DP_TENSOR_B1), model->h);
    dp_profile_mark(profile, DP_PHASE_LAYER1);
    dp_activation_tanh(rows * hidden, model->h);
}

static void layer2_forward(dp_model *model, const float *params, size_t rows, const float *h) {
    dp_linear_forward(rows, h, weights(model, params, DP_TENSOR_W2),
                      params + offset_of(model, DP_TENSOR_B2), model->logits);
    if (model->layout.shape.direct)
        dp_linear_add_forward(rows, model->x, weights(model, params, DP_TENSOR_WD), model->logits);
}

void dp_model_row_losses(dp_model *model, const float *params, size_t rows,
                         const uint32_t *contexts, const uint32_t *targets, double *losses) {
    const size_t vocab = model->layout.shape.vocab;
    if (model->wide != NULL) {
        dp_wide_model_losses(model->wide, params, rows, contexts, targets, losses);
        return;
    }
    look_up(model, params, rows, contexts);
    layer1_forward(model, params, rows, NULL);
    layer2_forward(model, params, rows, model->h);
    for (size_t r = 0; r < rows; r++)
        losses[r] = dp_softmax_loss(1, vocab, model->logits + r * vocab, &targets[r]);
}

double dp_model_loss(dp_model *model, const float *params, size_t rows, const uint32_t *contexts,
                     const uint32_t *targets) {
    double loss = 0.0;
    dp_model_row_losses(model, params, rows, contexts, targets, model->losses);
    for (size_t r = 0; r < rows; r++)
        loss += model->losses[r];
    return loss;
}

/* --- gradients by BLAS ---------------------------------------------------------------------- */

static void layer2_backward(dp_model *model, const float *params, size_t rows, const float *h,
                            float *gradient) {
    const dp_model_shape *shape = &model->layout.shape;
    dp_linear_backward(rows, h, weights(model, params, DP_TENSOR_W2), model->logits,
                       gradient + offset_of(model, DP_TENSOR_W2),
                       gradient + offset_of(model, DP_TENSOR_B2), model->dh);
    dp_dropout_mask_apply(&model->drop.hidden, rows, shape->hidden_dim, model->dh);
    dp_activation_tanh_backward(rows * shape->hidden_dim, model->h, model->dh);
}

/* Beside layers 1 and 2, from the features to the logits. */
static void direct_backward(dp_model *model, const float *params, size_t rows, float *gradient) {
    const dp_model_shape *shape = &model->layout.shape;
    if (!shape->direct)
        return;
    if (shape->hidden_dim == 0)
        memset(model->dx, 0, rows * model->inputs * sizeof *model->dx);
    dp_linear_add_backward(rows, model->x, weights(model, params, DP_TENSOR_WD), model->logits,
                           gradient + offset_of(model, DP_TENSOR_WD), model->dx);
}

static void layer1_backward(dp_model *model, const float *params, size_t rows,
                            const uint32_t *contexts, float *gradient) {
    const dp_model_shape *shape = &model->layout.shape;
    float *dc = gradient + offset_of(model, DP_TENSOR_C);
    if (shape->hidden_dim > 0)
        dp_linear_backward(rows, model->x, weights(model, params, DP_TENSOR_W1), model->dh,
                           gradient + offset_of(model, DP_TENSOR_W1),
                           gradient + offset_of(model, DP_TENSOR_B1), model->dx);
    direct_backward(model, params, rows, gradient);
    dp_dropout_mask_apply(&model->drop.features, rows, shape->embedding_dim, model->dx);
    memset(dc, 0, shape->vocab * ldc(model) * sizeof *dc);
    dp_embedding_backward(rows, shape->block_size, shape->embedding_dim, contexts, model->dx, dc,
                          ldc(model));
}

static double gradient_by_blas(dp_model *model, const float *params, const dp_batch *batch,
                               float scale, float *gradient, dp_profile *profile) {
    const dp_model_shape *shape = &model->layout.shape;
    const size_t rows = batch->starts[1], vocab = shape->vocab;
    dp_dropout_mask_draw(&model->drop.features, rows, batch->step, batch->first_row);
    dp_dropout_mask_draw(&model->drop.hidden, rows, batch->step, batch->first_row);
    look_up(model, params, rows, batch->contexts);
    dp_dropout_mask_apply(&model->drop.features, rows, shape->embedding_dim, model->x);
    layer1_forward(model, params, rows, profile);
    const float *h =
        dp_dropout_mask_keep(&model->drop.hidden, rows, shape->hidden_dim, model->h, model->kept_h);
    dp_profile_mark(profile, DP_PHASE_TANH);
    layer2_forward(model, params, rows, h);
    dp_profile_mark(profile, DP_PHASE_LAYER2);
    double loss = dp_softmax_loss(rows, vocab, model->logits, batch->targets);
    dp_softmax_backward(rows, vocab, batch->targets, scale, model->logits);
    dp_profile_mark(profile, DP_PHASE_SOFTMAX);
    layer2_backward(model, params, rows, h, gradient);
    layer1_backward(model, params, rows, batch->contexts, gradient);
    dp_profile_mark(profile, DP_PHASE_BACKWARD);
    return loss;
}

/* --- either way ----------------------------------------------------------------------------- */

size_t dp_model_grains_at_once(const dp_model *model) {
    return model->by_kernels == NULL ? 1 : dp_kernel_model_grains_at_once(model->by_kernels);
}

void dp_model_gradient(dp_model *model, const float *params, const dp_batch *batch, float scale,
                       float *gradient, double *losses, dp_profile *profile) {
    if (model->by_kernels == NULL)
        losses[0] = gradient_by_blas(model, params, batch, scale, gradient, profile);
    else
        dp_kernel_model_gradient(model->by_kernels, params, batch, scale, gradient, losses,
                                 profile);
}
