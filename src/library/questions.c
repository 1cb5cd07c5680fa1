#include "library/handle.h"

#include "data/context.h"
#include "library/generate.h"
#include "library/similarity.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

dp_status dp_handle_check_ids(const dptrain_model *model, const uint32_t *ids, size_t count,
                              dp_error *error) {
    for (size_t i = 0; i < count; i++) {
        if (ids[i] >= model->layout.shape.vocab)
            return dp_fail(error, DP_ERR_INPUT, "id %" PRIu32 " is not below the vocabulary's %zu",
                           ids[i], model->layout.shape.vocab);
    }
    return DP_OK;
}

dptrain_status dptrain_find(const dptrain_model *model, const char *text, size_t length,
                            uint32_t *id, dptrain_error *error) {
    DP_OWNED(dp_text_clear) dp_text folded = {0};
    dp_error reason = {0};
    dp_handle_fold(model, &text, &length, &folded);
    return dp_handle_report(
        error, dp_context_find_token(&model->facts.vocabulary, text, length, id, &reason), &reason);
}

size_t dptrain_encode(const dptrain_model *model, const char *text, size_t length, uint32_t *ids,
                      size_t capacity, size_t *unknown) {
    DP_OWNED(dp_text_clear) dp_text folded = {0};
    dp_handle_fold(model, &text, &length, &folded);
    const char *end = text + length;
    size_t count = 0, lacking = 0, bytes = 0;
    for (; dp_context_next_token(model->facts.unit, &text, end, &bytes); text += bytes, count++) {
        const uint32_t id = dp_handle_id(model, text, bytes);
        lacking += id == model->unknown;
        if (count < capacity)
            ids[count] = id;
    }
    if (unknown != NULL)
        *unknown = lacking;
    return count;
}

dptrain_status dptrain_context(const dptrain_model *model, const char *text, size_t length,
                               uint32_t *context, dptrain_error *error) {
    DP_OWNED(dp_text_clear) dp_text folded = {0};
    dp_error reason = {0};
    dp_handle_fold(model, &text, &length, &folded);
    const dp_status status = dp_handle_context(model, text, length, context, &reason);
    return dp_handle_report(error, status, &reason);
}

dptrain_status dptrain_next(dptrain_model *model, const uint32_t *context, double *probabilities,
                            dptrain_error *error) {
    const dp_model_shape *shape = &model->layout.shape;
    dp_error reason = {0};
    const dp_status status = dp_handle_check_ids(model, context, shape->block_size, &reason);
    if (status != DP_OK)
        return dp_handle_report(error, status, &reason);
    dp_handle_logits(model, 1, context);
    dp_generate_probabilities(model->logits, shape->vocab, probabilities);
    return DPTRAIN_OK;
}

dptrain_status dptrain_similarity(const dptrain_model *model, uint32_t id, double *cosines,
                                  dptrain_error *error) {
    dp_error reason = {0};
    const dp_status status =
        model->member_count > 0
            ? dp_fail(&reason, DP_ERR_INPUT,
                      "an ensemble has no features of its own: ask one of its models")
            : dp_handle_check_ids(model, &id, 1, &reason);
    if (status == DP_OK)
        dp_similarity_cosines(&model->layout, model->params, id, cosines);
    return dp_handle_report(error, status, &reason);
}
