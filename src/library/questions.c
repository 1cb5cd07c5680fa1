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
    dp_error reason = {0};
    return dp_handle_report(
        error, dp_context_find_token(&model->facts.vocabulary, text, length, id, &reason), &reason);
}

static uint32_t id_of(const dptrain_model *model, const char *token, size_t length) {
    uint32_t id = 0;
    return dp_vocabulary_find(&model->facts.vocabulary, token, length, &id) ? id : model->unknown;
}

size_t dptrain_encode(const dptrain_model *model, const char *text, size_t length, uint32_t *ids,
                      size_t capacity, size_t *unknown) {
    const char *end = text + length;
    size_t count = 0, lacking = 0, bytes = 0;
    for (; dp_context_next_token(model->facts.unit, &text, end, &bytes); text += bytes, count++) {
        const uint32_t id = id_of(model, text, bytes);
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
    dp_error reason = {0};
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

/* --- the probability of a text -------------------------------------------------------------- */

/* A text on its way through the model: rows wait until there are enough of them. */
typedef struct scoring {
    dptrain_model *model;
    size_t waiting;
    dptrain_text_score sum;
} scoring;

static void flush(scoring *self) {
    dptrain_model *model = self->model;
    const size_t vocab = model->layout.shape.vocab, block = model->layout.shape.block_size;
    dp_forward_logits(&model->forward, model->params, self->waiting, model->contexts,
                      model->logits);
    for (size_t r = 0; r < self->waiting; r++) {
        const double value =
            dp_generate_log_probability(model->logits + r * vocab, vocab, model->targets[r]);
        self->sum.log_probability += value;
        if (model->targets[r] != model->unknown)
            self->sum.known_log_probability += value;
    }
    memcpy(model->contexts, model->contexts + self->waiting * block,
           block * sizeof *model->contexts);
    self->waiting = 0;
}

/* The last context is that of this token, which then becomes a part of the next one. */
static void add(scoring *self, uint32_t id) {
    dptrain_model *model = self->model;
    const size_t block = model->layout.shape.block_size;
    uint32_t *context = model->contexts + self->waiting * block;
    self->sum.tokens++;
    self->sum.unknown += id == model->unknown;
    if (id == DPTRAIN_UNKNOWN) {
        self->sum.log_probability = -INFINITY;
        dp_context_shift(context, block, DP_BOUNDARY_ID);
        return;
    }
    model->targets[self->waiting++] = id;
    memcpy(context + block, context, block * sizeof *context);
    dp_context_shift(context + block, block, id);
    if (self->waiting == model->rows)
        flush(self);
}

dptrain_status dptrain_score(dptrain_model *model, const char *text, size_t length,
                             dptrain_text_score *score, size_t size, dptrain_error *error) {
    (void)error; /* nothing can fail yet */
    const char *end = text + length;
    scoring self = {.model = model};
    memset(model->contexts, 0, model->layout.shape.block_size * sizeof *model->contexts);
    for (size_t bytes = 0; dp_context_next_token(model->facts.unit, &text, end, &bytes);
         text += bytes)
        add(&self, id_of(model, text, bytes));
    if (!model->facts.stream)
        add(&self, DP_BOUNDARY_ID);
    flush(&self);
    memcpy(score, &self.sum, dp_size_min(size, sizeof self.sum));
    return DPTRAIN_OK;
}

/* --- texts that it makes up ----------------------------------------------------------------- */

static const dptrain_sampling default_sampling = {
    .size = sizeof default_sampling, .seed = 42, .temperature = 1.0, .prompt = ""};

void dptrain_sampling_init(dptrain_sampling *sampling, size_t size) {
    memset(sampling, 0, size);
    memcpy(sampling, &default_sampling, dp_size_min(size, sizeof default_sampling));
    sampling->size = size;
}

static dp_status draw(dptrain_model *model, const dptrain_sampling *how, uint64_t index,
                      dp_error *error) {
    const dp_model_shape *shape = &model->layout.shape;
    const char *separator = model->facts.unit == DP_UNIT_WORD ? " " : "";
    const uint64_t most = model->facts.stream ? TOKENS_MAX_STREAM : TOKENS_MAX;
    const uint64_t length = how->length > 0 ? how->length : most;
    DP_TRY(parse_context(model, how->prompt, strlen(how->prompt), model->contexts, error));
    dp_text_clear(&model->text);
    dp_text_append(&model->text, how->prompt);
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
