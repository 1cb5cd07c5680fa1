#include "library/handle.h"

#include "base/random.h"
#include "base/size.h"
#include "data/context.h"
#include "library/generate.h"
#include "library/similarity.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Tokens of a sample at most, unless it is told otherwise. */
#define TOKENS_MAX 1000
#define TOKENS_MAX_STREAM 40

static dptrain_status check_id(const dptrain_model *model, uint32_t id, dptrain_error *error) {
    dp_error reason = {0};
    if (id < model->layout.shape.vocab)
        return DPTRAIN_OK;
    dp_fail(&reason, DP_ERR_INPUT, "id %" PRIu32 " is not below the vocabulary's %zu", id,
            model->layout.shape.vocab);
    return dp_handle_report(error, DP_ERR_INPUT, &reason);
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

static dp_status parse_context(const dptrain_model *model, const char *text, size_t length,
                               uint32_t *context, dp_error *error) {
    return dp_context_parse(&model->facts.vocabulary, model->facts.unit, text, length, context,
                            model->layout.shape.block_size, error);
}

dptrain_status dptrain_context(const dptrain_model *model, const char *text, size_t length,
                               uint32_t *context, dptrain_error *error) {
    DP_OWNED(dp_text_clear) dp_text folded = {0};
    dp_error reason = {0};
    dp_handle_fold(model, &text, &length, &folded);
    return dp_handle_report(error, parse_context(model, text, length, context, &reason), &reason);
}

dptrain_status dptrain_next(dptrain_model *model, const uint32_t *context, double *probabilities,
                            dptrain_error *error) {
    const dp_model_shape *shape = &model->layout.shape;
    for (size_t i = 0; i < shape->block_size; i++) {
        const dptrain_status status = check_id(model, context[i], error);
        if (status != DPTRAIN_OK)
            return status;
    }
    dp_forward_logits(&model->forward, model->params, 1, context, model->logits);
    dp_generate_probabilities(model->logits, shape->vocab, probabilities);
    return DPTRAIN_OK;
}

dptrain_status dptrain_similarity(const dptrain_model *model, uint32_t id, double *cosines,
                                  dptrain_error *error) {
    const dptrain_status status = check_id(model, id, error);
    if (status == DPTRAIN_OK)
        dp_similarity_cosines(&model->layout, model->params, id, cosines);
    return status;
}

/* --- texts that it makes up ----------------------------------------------------------------- */

static const dptrain_sampling default_sampling = {
    .size = sizeof default_sampling, .seed = 42, .temperature = 1.0, .prompt = ""};

void dptrain_sampling_init(dptrain_sampling *sampling, size_t size) {
    memset(sampling, 0, size);
    memcpy(sampling, &default_sampling, dp_size_min(size, sizeof default_sampling));
    sampling->size = size;
}

/* A boundary in a prompt begins anew: what is shown of it begins behind the last. */
static void append_prompt(dptrain_model *model, const char *text, size_t length) {
    const char *shown = text, *at = text, *end = text + length;
    for (size_t bytes = 0; dp_context_next_token(model->facts.unit, &at, end, &bytes);) {
        const bool ends = dp_handle_id(model, at, bytes) == DP_BOUNDARY_ID;
        at += bytes;
        shown = ends ? at : shown;
    }
    if (shown != text && model->facts.unit == DP_UNIT_WORD)
        dp_context_next_token(DP_UNIT_WORD, &shown, end, &length); /* without the blanks before */
    dp_text_append_bytes(&model->text, shown, (size_t)(end - shown));
}

static dp_status draw(dptrain_model *model, const dptrain_sampling *how, uint64_t index,
                      dp_error *error) {
    const dp_model_shape *shape = &model->layout.shape;
    const char *separator = model->facts.unit == DP_UNIT_WORD ? " " : "";
    const uint64_t most = model->facts.stream ? TOKENS_MAX_STREAM : TOKENS_MAX;
    const uint64_t length = how->length > 0 ? how->length : most;
    DP_OWNED(dp_text_clear) dp_text folded = {0};
    const char *prompt = how->prompt;
    size_t prompt_length = strlen(prompt);
    dp_handle_fold(model, &prompt, &prompt_length, &folded);
    DP_TRY(parse_context(model, prompt, prompt_length, model->contexts, error));
    dp_text_clear(&model->text);
    append_prompt(model, prompt, prompt_length);
    for (uint64_t position = 0; position < length && !model->text.failed; position++) {
        dp_forward_logits(&model->forward, model->params, 1, model->contexts, model->logits);
        const double uniform = dp_random_uniform(how->seed, DP_STREAM_SAMPLE, index, position);
        const uint32_t id =
            dp_generate_token(model->logits, shape->vocab, how->temperature, uniform);
        if (id == DP_BOUNDARY_ID)
            break;
        dp_text_append(&model->text, model->text.length == 0 ? "" : separator);
        dp_text_append(&model->text, dp_vocabulary_token(&model->facts.vocabulary, id));
        dp_context_shift(model->contexts, shape->block_size, id);
    }
    return dp_text_check(&model->text, error);
}

dptrain_status dptrain_sample(dptrain_model *model, const dptrain_sampling *sampling,
                              uint64_t index, const char **text, dptrain_error *error) {
    dp_error reason = {0};
    dptrain_sampling how = default_sampling;
    memcpy(&how, sampling, dp_size_min(sampling->size, sizeof how));
    const dp_status status = draw(model, &how, index, &reason);
    *text = status == DP_OK ? dp_text_string(&model->text) : NULL;
    return dp_handle_report(error, status, &reason);
}
