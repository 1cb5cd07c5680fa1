#include "model/model.h"

#include "base/memory.h"
#include "model/activation.h"
#include "model/layers.h"

#include <string.h>

struct dp_model {
    dp_params_layout layout;
    size_t inputs;  /* block_size * embedding_dim */
    float *x;       /* [max_rows, inputs] */
    float *h;       /* [max_rows, hidden_dim] */
    float *logits;  /* [max_rows, vocab]; becomes p, then the gradient at the logits */
    float *dh;      /* [max_rows, hidden_dim] */
    float *dx;      /* [max_rows, inputs] */
};

dp_status dp_model_create(dp_model **model, const dp_params_layout *layout, size_t max_rows,
                          dp_error *error) {
    dp_status status = DP_OK;
    const dp_model_shape *shape = &layout->shape;
    dp_model *self = NULL;
    *model = NULL;
    DP_NEW_ARRAY(self, 1);
    self->layout = *layout;
    self->inputs = shape->block_size * shape->embedding_dim;
    if (max_rows > SIZE_MAX / (self->inputs + shape->hidden_dim + shape->vocab)) {
        status = dp_fail(error, DP_ERR_MEMORY, "%zu rows at once are too many", max_rows);
        goto done;
    }
    DP_NEW_ARRAY(self->x, max_rows * self->inputs);
    DP_NEW_ARRAY(self->h, max_rows * shape->hidden_dim);
    DP_NEW_ARRAY(self->logits, max_rows * shape->vocab);
    DP_NEW_ARRAY(self->dh, max_rows * shape->hidden_dim);
    DP_NEW_ARRAY(self->dx, max_rows * self->inputs);
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
    dp_memory_free(model);
}

static const float *tensor(const dp_model *model, const float *slab, dp_tensor_id id) {
    return slab + model->layout.tensors[id].offset;
}

/* Fills x, h and logits. */
static void forward(dp_model *model, const float *params, size_t rows, const uint32_t *contexts) {
    const dp_model_shape *shape = &model->layout.shape;
    dp_embedding_forward(rows, shape->block_size, shape->embedding_dim, contexts,
                         tensor(model, params, DP_TENSOR_C), model->x);
    dp_linear_forward(rows, model->inputs, shape->hidden_dim, model->x,
                      tensor(model, params, DP_TENSOR_W1), tensor(model, params, DP_TENSOR_B1),
                      model->h);
    dp_activation_tanh(rows * shape->hidden_dim, model->h);
    dp_linear_forward(rows, shape->hidden_dim, shape->vocab, model->h,
                      tensor(model, params, DP_TENSOR_W2), tensor(model, params, DP_TENSOR_B2),
                      model->logits);
}

double dp_model_loss(dp_model *model, const float *params, size_t rows, const uint32_t *contexts,
                     const uint32_t *targets) {
    forward(model, params, rows, contexts);
    return dp_softmax_loss(rows, model->layout.shape.vocab, model->logits, targets);
}

double dp_model_gradient(dp_model *model, const float *params, size_t rows,
                         const uint32_t *contexts, const uint32_t *targets, float scale,
                         float *gradient) {
    const dp_model_shape *shape = &model->layout.shape;
    const dp_tensor *tensors = model->layout.tensors;
    double loss = dp_model_loss(model, params, rows, contexts, targets);
    float *dc = gradient + tensors[DP_TENSOR_C].offset;
    dp_softmax_backward(rows, shape->vocab, targets, scale, model->logits);
    dp_linear_backward(rows, shape->hidden_dim, shape->vocab, model->h,
                       tensor(model, params, DP_TENSOR_W2), model->logits,
                       gradient + tensors[DP_TENSOR_W2].offset,
                       gradient + tensors[DP_TENSOR_B2].offset, model->dh);
    dp_tanh_backward(rows * shape->hidden_dim, model->h, model->dh);
    dp_linear_backward(rows, model->inputs, shape->hidden_dim, model->x,
                       tensor(model, params, DP_TENSOR_W1), model->dh,
                       gradient + tensors[DP_TENSOR_W1].offset,
                       gradient + tensors[DP_TENSOR_B1].offset, model->dx);
    memset(dc, 0, dp_tensor_size(&tensors[DP_TENSOR_C]) * sizeof *dc);
    dp_embedding_backward(rows, shape->block_size, shape->embedding_dim, contexts, model->dx, dc);
    return loss;
}

const float *dp_model_logits(dp_model *model, const float *params, const uint32_t *context) {
    forward(model, params, 1, context);
    return model->logits;
}
