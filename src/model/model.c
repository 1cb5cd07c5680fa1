#include "model/model.h"

#include "base/memory.h"
#include "model/activation.h"
#include "model/kernels.h"
#include "model/layers.h"

#include <string.h>

/* Kernels are used where the padded weights, plain and transposed, take at most this much: half of
 * a usual second-level cache. */
#define KERNEL_WEIGHT_BYTES_MAX ((size_t)512 * 1024)

/* Rows of all grains that are computed at once: their activations should stay in that cache too. */
#define KERNEL_ROWS_MAX 256

struct dp_model {
    dp_params_layout layout;
    const dp_kernels *kernels; /* NULL: BLAS */
    size_t at_once;            /* grains a gradient */
    size_t inputs;             /* block_size * embedding_dim */
    size_t ldh, ldv, ldx;      /* hidden_dim, vocab and inputs padded for the kernels */
    float *x;                  /* [max_rows, inputs] */
    float *h;                  /* [max_rows, ldh] */
    float *logits;             /* [max_rows, ldv]; becomes p, then the gradient at the logits */
    float *dh;                 /* [max_rows, ldh] */
    float *dx;                 /* [max_rows, ldx] */
    /* Made anew from the parameters for each gradient by kernels. */
    float *w1_transposed; /* [hidden_dim, ldx] */
    float *w2_transposed; /* [vocab, ldh] */
    float *dc_stack;      /* [log2 of DP_MODEL_GRAINS_MAX][size of C] */
};

static size_t weight_bytes(const dp_model *model) {
    const dp_model_shape *shape = &model->layout.shape;
    size_t floats = model->inputs * model->ldh + shape->hidden_dim * (model->ldv + model->ldx) +
                    shape->vocab * (model->ldh + shape->embedding_dim);
    return floats * sizeof(float);
}

static dp_status allocate_for_kernels(dp_model *model, dp_error *error) {
    dp_status status = DP_OK;
    const dp_model_shape *shape = &model->layout.shape;
    DP_NEW_ARRAY(model->w1_transposed, shape->hidden_dim * model->ldx);
    DP_NEW_ARRAY(model->w2_transposed, shape->vocab * model->ldh);
    DP_NEW_ARRAY(model->dc_stack, 3 * shape->vocab * shape->embedding_dim);
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
    self->ldh = dp_kernels_padded(shape->hidden_dim);
    self->ldv = dp_kernels_padded(shape->vocab);
    self->ldx = dp_kernels_padded(self->inputs);
    if (weight_bytes(self) <= KERNEL_WEIGHT_BYTES_MAX)
        self->kernels = dp_kernels_of(level);
    while (self->kernels != NULL && self->at_once < DP_MODEL_GRAINS_MAX &&
           2 * self->at_once * grain_rows <= KERNEL_ROWS_MAX)
        self->at_once *= 2;
    if (grain_rows > SIZE_MAX / 64 / (self->ldx + self->ldh + self->ldv)) {
        status = dp_fail(error, DP_ERR_MEMORY, "%zu rows at once are too many", grain_rows);
        goto done;
    }
    const size_t max_rows = self->at_once * grain_rows;
    DP_NEW_ARRAY(self->x, max_rows * self->inputs + DP_KERNEL_LANES);
    DP_NEW_ARRAY(self->h, max_rows * self->ldh);
    DP_NEW_ARRAY(self->logits, max_rows * self->ldv);
    DP_NEW_ARRAY(self->dh, max_rows * self->ldh);
    DP_NEW_ARRAY(self->dx, max_rows * self->ldx);
    if (self->kernels != NULL)
        DP_TRY(allocate_for_kernels(self, error));
    *model = self;
done:
    if (status != DP_OK)
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
    dp_memory_free(model->w1_transposed);
    dp_memory_free(model->w2_transposed);
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

/* Fills x, h and logits, unpadded. */
static void forward(dp_model *model, const float *params, size_t rows, const uint32_t *contexts,
                    dp_profile *profile) {
    const dp_model_shape *shape = &model->layout.shape;
    dp_embedding_forward(rows, shape->block_size, shape->embedding_dim, contexts,
                         tensor(model, params, DP_TENSOR_C), model->x);
    dp_linear_forward(rows, model->inputs, shape->hidden_dim, model->x,
                      tensor(model, params, DP_TENSOR_W1), tensor(model, params, DP_TENSOR_B1),
                      model->h);
    dp_profile_mark(profile, DP_PHASE_LAYER1);
    dp_activation_tanh(rows * shape->hidden_dim, model->h);
    dp_profile_mark(profile, DP_PHASE_TANH);
    dp_linear_forward(rows, shape->hidden_dim, shape->vocab, model->h,
                      tensor(model, params, DP_TENSOR_W2), tensor(model, params, DP_TENSOR_B2),
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
                       tensor(model, params, DP_TENSOR_W2), model->logits,
                       tensor_of(model, gradient, DP_TENSOR_W2),
                       tensor_of(model, gradient, DP_TENSOR_B2), model->dh);
    dp_tanh_backward(rows * shape->hidden_dim, model->h, model->dh);
    dp_linear_backward(rows, model->inputs, shape->hidden_dim, model->x,
                       tensor(model, params, DP_TENSOR_W1), model->dh,
                       tensor_of(model, gradient, DP_TENSOR_W1),
                       tensor_of(model, gradient, DP_TENSOR_B1), model->dx);
    memset(dc, 0, dp_tensor_size(&model->layout.tensors[DP_TENSOR_C]) * sizeof *dc);
    dp_embedding_backward(rows, shape->block_size, shape->embedding_dim, contexts, model->dx,
                          model->inputs, dc);
    dp_profile_mark(profile, DP_PHASE_BACKWARD);
    return loss;
}

/* --- by kernels ----------------------------------------------------------------------------- */

/* dC of one grain from its rows of dx. */
static void embedding_gradient(dp_model *model, const size_t *starts, const uint32_t *contexts,
                               float *dc) {
    const dp_model_shape *shape = &model->layout.shape;
    memset(dc, 0, shape->vocab * shape->embedding_dim * sizeof *dc);
    model->kernels->scatter_add(starts[1] - starts[0], shape->block_size, shape->embedding_dim,
                                contexts + starts[0] * shape->block_size,
                                model->dx + starts[0] * model->ldx, model->ldx, dc);
}

/* dC summed over a power of two of grains, as a balanced tree; `stack` has a dC for each level. */
static void embedding_gradients(dp_model *model, size_t grains, const size_t *starts,
                                const uint32_t *contexts, float *dc, float *stack) {
    const size_t size = model->layout.shape.vocab * model->layout.shape.embedding_dim;
    if (grains == 1) {
        embedding_gradient(model, starts, contexts, dc);
        return;
    }
    embedding_gradients(model, grains / 2, starts, contexts, dc, stack + size);
    embedding_gradients(model, grains / 2, starts + grains / 2, contexts, stack, stack + size);
    for (size_t i = 0; i < size; i++)
        dc[i] += stack[i];
}

static void gradient_by_kernels(dp_model *model, const float *params, size_t grains,
                                const size_t *starts, const uint32_t *contexts,
                                const uint32_t *targets, float scale, float *gradient,
                                double *losses, dp_profile *profile) {
    const dp_model_shape *shape = &model->layout.shape;
    const dp_kernels *kernels = model->kernels;
    const size_t rows = starts[grains], ldh = model->ldh, ldv = model->ldv, ldx = model->ldx;
    const size_t inputs = model->inputs, hidden = shape->hidden_dim, vocab = shape->vocab;
    const float *w1 = tensor(model, params, DP_TENSOR_W1);
    const float *w2 = tensor(model, params, DP_TENSOR_W2);

    kernels->gather(rows * shape->block_size, shape->embedding_dim, contexts,
                    tensor(model, params, DP_TENSOR_C), model->x);
    kernels->forward(rows, inputs, model->x, inputs, w1, hidden,
                     tensor(model, params, DP_TENSOR_B1), NULL, model->h, ldh);
    dp_profile_mark(profile, DP_PHASE_LAYER1);
    kernels->tanh(rows * ldh, model->h);
    dp_profile_mark(profile, DP_PHASE_TANH);
    kernels->forward(rows, hidden, model->h, ldh, w2, vocab, tensor(model, params, DP_TENSOR_B2),
                     NULL, model->logits, ldv);
    dp_profile_mark(profile, DP_PHASE_LAYER2);
    for (size_t g = 0; g < grains; g++)
        losses[g] =
            kernels->softmax_gradient(starts[g + 1] - starts[g], vocab, ldv, targets + starts[g],
                                      scale, model->logits + starts[g] * ldv);
    dp_profile_mark(profile, DP_PHASE_SOFTMAX);

    kernels->pad_transposed(hidden, vocab, w2, ldh, model->w2_transposed);
    kernels->forward(rows, vocab, model->logits, ldv, model->w2_transposed, ldh, NULL, model->h,
                     model->dh, ldh);
    kernels->pad_transposed(inputs, hidden, w1, ldx, model->w1_transposed);
    kernels->forward(rows, hidden, model->dh, ldh, model->w1_transposed, ldx, NULL, NULL, model->dx,
                     ldx);
    kernels->weight_gradient(grains, starts, hidden, vocab, model->h, ldh, model->logits, ldv,
                             tensor_of(model, gradient, DP_TENSOR_W2));
    kernels->row_sum(grains, starts, vocab, model->logits, ldv,
                     tensor_of(model, gradient, DP_TENSOR_B2));
    kernels->weight_gradient(grains, starts, inputs, hidden, model->x, inputs, model->dh, ldh,
                             tensor_of(model, gradient, DP_TENSOR_W1));
    kernels->row_sum(grains, starts, hidden, model->dh, ldh,
                     tensor_of(model, gradient, DP_TENSOR_B1));
    embedding_gradients(model, grains, starts, contexts, tensor_of(model, gradient, DP_TENSOR_C),
                        model->dc_stack);
    dp_profile_mark(profile, DP_PHASE_BACKWARD);
}

size_t dp_model_grains_at_once(const dp_model *model) {
    return model->at_once;
}

void dp_model_gradient(dp_model *model, const float *params, size_t grains, const size_t *starts,
                       const uint32_t *contexts, const uint32_t *targets, float scale,
                       float *gradient, double *losses, dp_profile *profile) {
    if (model->kernels == NULL)
        losses[0] =
            gradient_by_blas(model, params, starts[1], contexts, targets, scale, gradient, profile);
    else
        gradient_by_kernels(model, params, grains, starts, contexts, targets, scale, gradient,
                            losses, profile);
}

const float *dp_model_logits(dp_model *model, const float *params, const uint32_t *context) {
    forward(model, params, 1, context, NULL);
    return model->logits;
}
