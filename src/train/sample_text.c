#include "train/sample_text.h"

#include "base/memory.h"
#include "base/random.h"
#include "data/context.h"
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
    DP_NEW_OR_DONE(self, 1);
    self->checkpoint = checkpoint;
    const dp_model_options one_row = {
        .level = dp_cpu_level_detect(), .grain_rows = 1, .forward_only = true};
    DP_OR_DONE(dp_model_create(&self->model, &checkpoint->layout, &one_row, error));
    DP_NEW_OR_DONE(self->context, checkpoint->block_size);
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

static uint64_t tokens_max(const dp_checkpoint *checkpoint, const dp_sample_request *request) {
    if (request->length > 0)
        return request->length;
    return checkpoint->stream ? DP_SAMPLE_TOKENS_STREAM : DP_SAMPLE_TOKENS_MAX;
}

dp_status dp_sample_text_draw(dp_sample_text *self, const dp_sample_request *request,
                              uint64_t index, dp_text *out, dp_error *error) {
    const dp_checkpoint *checkpoint = self->checkpoint;
    const dp_vocabulary *vocabulary = &checkpoint->vocabulary;
    const char *separator = checkpoint->unit == DP_UNIT_WORD ? " " : "";
    dp_status status =
        dp_context_parse(vocabulary, checkpoint->unit, request->prompt, strlen(request->prompt),
                         self->context, checkpoint->block_size, error);
    if (status != DP_OK)
        return dp_fail_prefix(error, "--prompt");
    dp_text_append(out, request->prompt);
    bool first = request->prompt[0] == '\0';
    const uint64_t length = tokens_max(checkpoint, request);
    for (uint64_t position = 0; position < length; position++) {
        const float *logits = dp_model_logits(self->model, checkpoint->params, self->context);
        double uniform = dp_random_uniform(request->seed, DP_STREAM_SAMPLE, index, position);
        uint32_t id = dp_generate_token(logits, vocabulary->count, request->temperature, uniform);
        if (id == DP_BOUNDARY_ID)
            break;
        dp_text_append(out, first ? "" : separator);
        dp_text_append_shown(out, dp_vocabulary_token(vocabulary, id));
        first = false;
        dp_context_shift(self->context, checkpoint->block_size, id);
    }
    return dp_text_check(out, error);
}
