#include "train/sample_text.h"

#include "base/memory.h"
#include "base/random.h"
#include "base/utf8.h"
#include "model/generate.h"
#include "model/model.h"

#include <string.h>

struct dp_sample_text {
    const dp_checkpoint *checkpoint;
    dp_model *model;
    uint32_t *context; /* [block_size], oldest first */
};

dp_status dp_sample_text_create(dp_sample_text **sampler, const dp_checkpoint *checkpoint,
                                dp_error *error) {
    dp_status status = DP_OK;
    dp_sample_text *self = NULL;
    *sampler = NULL;
    DP_NEW_ARRAY(self, 1);
    self->checkpoint = checkpoint;
    DP_TRY(dp_model_create(&self->model, &checkpoint->layout, DP_CPU_GENERIC, 1, error));
    DP_NEW_ARRAY(self->context, checkpoint->block_size);
    *sampler = self;
    self = NULL;
done:
    dp_sample_text_destroy(self);
    return status;
}

void dp_sample_text_destroy(dp_sample_text *sampler) {
    if (sampler == NULL)
        return;
    dp_memory_free(sampler->context);
    dp_model_destroy(sampler->model);
    dp_memory_free(sampler);
}

static void shift_in(dp_sample_text *self, uint32_t id) {
    size_t block_size = self->checkpoint->block_size;
    memmove(self->context, self->context + 1, (block_size - 1) * sizeof *self->context);
    self->context[block_size - 1] = id;
}

/* Bytes of the token that text begins with: a word up to the next blank, or one character. */
static size_t token_length(dp_unit unit, const char *text) {
    uint32_t code_point = 0;
    if (unit == DP_UNIT_WORD)
        return strcspn(text, " ");
    return dp_utf8_decode((const unsigned char *)text, strlen(text), &code_point);
}

static dp_status shift_in_prompt(dp_sample_text *self, const char *prompt, dp_error *error) {
    const dp_checkpoint *checkpoint = self->checkpoint;
    for (const char *text = prompt; *text != '\0';) {
        uint32_t id = 0;
        size_t length = token_length(checkpoint->unit, text);
        if (length == 0 || !dp_vocabulary_find(&checkpoint->vocabulary, text, length, &id))
            return dp_fail(error, DP_ERR_INPUT, "--prompt: '%.*s' is not in the vocabulary",
                           (int)(length == 0 ? 1 : length), text);
        shift_in(self, id);
        text += length;
        text += checkpoint->unit == DP_UNIT_WORD ? strspn(text, " ") : 0;
    }
    return DP_OK;
}

dp_status dp_sample_text_draw(dp_sample_text *self, const dp_sample_request *request,
                              uint64_t index, dp_text *out, dp_error *error) {
    const dp_checkpoint *checkpoint = self->checkpoint;
    const dp_vocabulary *vocabulary = &checkpoint->vocabulary;
    const char *separator = checkpoint->unit == DP_UNIT_WORD ? " " : "";
    memset(self->context, 0, checkpoint->block_size * sizeof *self->context);
    dp_status status = shift_in_prompt(self, request->prompt, error);
    if (status != DP_OK)
        return status;
    dp_text_append(out, request->prompt);
    bool first = request->prompt[0] == '\0';
    for (uint64_t position = 0; position < DP_SAMPLE_TOKENS_MAX; position++) {
        const float *logits = dp_model_logits(self->model, checkpoint->params, self->context);
        double uniform = dp_random_uniform(request->seed, DP_STREAM_SAMPLE, index, position);
        uint32_t id = dp_generate_token(logits, vocabulary->count, request->temperature, uniform);
        if (id == DP_BOUNDARY_ID)
            break;
        dp_text_append(out, first ? "" : separator);
        dp_text_append(out, dp_vocabulary_token(vocabulary, id));
        first = false;
        shift_in(self, id);
    }
    return dp_text_check(out, error);
}
