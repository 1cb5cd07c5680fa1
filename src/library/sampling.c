#include "base/random.h"
#include "base/size.h"
#include "data/context.h"
#include "library/generate.h"
#include "library/handle.h"
#include "library/texts.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Tokens of a sample at most, unless it is told otherwise. */
#define TOKENS_MAX 1000
#define TOKENS_MAX_STREAM 40

static const dptrain_sampling default_sampling = {
    .size = sizeof default_sampling, .seed = 42, .temperature = 1.0, .prompt = "", .top_p = 1.0};

void dptrain_sampling_init(dptrain_sampling *sampling, size_t size) {
    memset(sampling, 0, size);
    memcpy(sampling, &default_sampling, dp_size_min(size, sizeof default_sampling));
    sampling->size = size;
}

/* A text on its way. */
typedef struct drawing {
    dptrain_model *model;
    const dptrain_sampling *how;
    bool is_judged;     /* dptrain_draw: what `how` refuses need not be drawn to its end */
    uint64_t shown;     /* tokens of the text, those of its prompt among them */
    dptrain_drawn what; /* but for the text, that is the model's */
    bool has_ended;     /* at a boundary */
} drawing;

/* What the program has asked for, as far as its header knows of it. */
static dp_status read_sampling(const dptrain_model *model, const dptrain_sampling *sampling,
                               dptrain_sampling *how, dp_error *error) {
    *how = default_sampling;
    memcpy(how, sampling, dp_size_min(sampling->size, sizeof *how));
    if (!isfinite(how->temperature) || how->temperature < 0.0)
        return dp_fail(error, DP_ERR_INPUT, "temperature %g is not 0 or above", how->temperature);
    if (!(how->top_p >= 0.0 && how->top_p <= 1.0))
        return dp_fail(error, DP_ERR_INPUT, "top_p %g is not from 0 to 1", how->top_p);
    if (model->facts.stream && (how->min_length > 0 || how->max_length > 0))
        return dp_fail(error, DP_ERR_INPUT,
                       "min_length and max_length are of texts with an end, and the model is of "
                       "running text: length says how long that is");
    if (how->max_length > 0 && how->min_length > how->max_length)
        return dp_fail(error, DP_ERR_INPUT,
                       "no text has at least %" PRIu64 " and at most %" PRIu64 " tokens",
                       how->min_length, how->max_length);
    if (how->unique != 0 && how->unlike == NULL)
        return dp_fail(error, DP_ERR_INPUT, "unique needs a set of texts, unlike");
    return DP_OK;
}

/* A boundary in a prompt begins anew: what is shown of it begins behind the last. */
static void append_prompt(drawing *self, const char *text, size_t length) {
    dptrain_model *model = self->model;
    const char *shown = text, *at = text, *end = text + length;
    for (size_t bytes = 0; dp_context_next_token(model->facts.unit, &at, end, &bytes);) {
        const bool ends = dp_handle_id(model, at, bytes) == DP_BOUNDARY_ID;
        at += bytes;
        shown = ends ? at : shown;
        self->shown = ends ? 0 : self->shown + 1;
    }
    if (shown != text && model->facts.unit == DP_UNIT_WORD)
        dp_context_next_token(DP_UNIT_WORD, &shown, end, &length); /* without the blanks before */
    dp_text_append_bytes(&model->text, shown, (size_t)(end - shown));
}

static dp_status begin(drawing *self, dp_error *error) {
    dptrain_model *model = self->model;
    DP_OWNED(dp_text_clear) dp_text folded = {0};
    const char *prompt = self->how->prompt;
    size_t length = strlen(prompt);
    dp_handle_fold(model, &prompt, &length, &folded);
    DP_TRY(dp_handle_context(model, prompt, length, model->contexts, error));
    dp_text_clear(&model->text);
    append_prompt(self, prompt, length);
    return DP_OK;
}

static uint32_t draw_token(drawing *self, uint64_t position) {
    dptrain_model *model = self->model;
    const dptrain_sampling *how = self->how;
    const dp_generate_choice choice = {how->temperature, how->top_k, how->top_p};
    const size_t vocab = model->layout.shape.vocab;
    const double uniform =
        dp_random_uniform(how->seed, DP_STREAM_SAMPLE, self->what.index, position);
    const float *logits = model->logits;
    dp_handle_logits(model, 1, model->contexts);
    if (how->temperature > 0.0 && (how->top_k > 0 || how->top_p < 1.0)) {
        dp_generate_cut(model->logits, vocab, &choice, model->cut, model->order);
        logits = model->cut;
    }
    return dp_generate_token(logits, vocab, how->temperature, uniform);
}

static void append_token(drawing *self, uint32_t id) {
    dptrain_model *model = self->model;
    const char *separator = model->facts.unit == DP_UNIT_WORD ? " " : "";
    self->shown++;
    dp_text_append(&model->text, model->text.length == 0 ? "" : separator);
    dp_text_append(&model->text, dp_vocabulary_token(&model->facts.vocabulary, id));
    dp_context_shift(model->contexts, model->layout.shape.block_size, id);
}

static bool is_too_long(const drawing *self) {
    return self->is_judged && self->how->max_length > 0 && self->shown > self->how->max_length;
}

static dp_status draw(drawing *self, dp_error *error) {
    dptrain_model *model = self->model;
    const uint64_t most = model->facts.stream ? TOKENS_MAX_STREAM : TOKENS_MAX;
    const uint64_t length = self->how->length > 0 ? self->how->length : most;
    DP_TRY(begin(self, error));
    for (uint64_t position = 0;
         position < length && !self->has_ended && !is_too_long(self) && !model->text.failed;
         position++) {
        const uint32_t id = draw_token(self, position);
        if (self->is_judged) {
            dp_handle_weigh(model, 1);
            self->what.log_probability += dp_handle_log_probability(model, 0, id);
        }
        self->what.tokens++;
        self->has_ended = id == DP_BOUNDARY_ID;
        if (!self->has_ended)
            append_token(self, id);
    }
    return dp_text_check(&model->text, error);
}

/* Whether `how` takes the text; its set then knows it. */
static dp_status judge(const drawing *self, bool *is_taken, dp_error *error) {
    const dptrain_sampling *how = self->how;
    const char *text = dp_text_string(&self->model->text);
    const size_t length = self->model->text.length;
    *is_taken = (how->min_length == 0 && how->max_length == 0) ||
                (self->has_ended && self->shown >= how->min_length && !is_too_long(self));
    if (!*is_taken || how->unlike == NULL)
        return DP_OK;
    if (how->unique != 0)
        return dp_texts_add(how->unlike, text, length, is_taken, error);
    *is_taken = !dp_texts_have(how->unlike, text, length);
    return DP_OK;
}

static dp_status draw_taken(drawing *self, uint64_t index, dp_error *error) {
    const drawing fresh = *self;
    bool is_taken = false;
    for (uint64_t i = 0; i < DPTRAIN_DRAWS_MAX && !is_taken; i++) {
        *self = fresh;
        self->what.index = index + i;
        DP_TRY(draw(self, error));
        DP_TRY(judge(self, &is_taken, error));
    }
    return is_taken ? DP_OK
                    : dp_fail(error, DP_ERR_INPUT,
                              "of %s texts drawn one after the other none was new enough, or as "
                              "long as is wanted",
                              DP_COUNT_TEXT(DPTRAIN_DRAWS_MAX));
}

dptrain_status dptrain_sample(dptrain_model *model, const dptrain_sampling *sampling,
                              uint64_t index, const char **text, dptrain_error *error) {
    dp_error reason = {0};
    dptrain_sampling how;
    drawing self = {.model = model, .how = &how, .what.index = index};
    dp_status status = read_sampling(model, sampling, &how, &reason);
    if (status == DP_OK)
        status = draw(&self, &reason);
    *text = status == DP_OK ? dp_text_string(&model->text) : NULL;
    return dp_handle_report(error, status, &reason);
}

dptrain_status dptrain_draw(dptrain_model *model, const dptrain_sampling *sampling, uint64_t index,
                            dptrain_drawn *drawn, size_t size, dptrain_error *error) {
    dp_error reason = {0};
    dptrain_sampling how;
    drawing self = {.model = model, .how = &how, .is_judged = true};
    dp_status status = read_sampling(model, sampling, &how, &reason);
    if (status == DP_OK)
        status = draw_taken(&self, index, &reason);
    self.what.text = status == DP_OK ? dp_text_string(&model->text) : NULL;
    memcpy(drawn, &self.what, dp_size_min(size, sizeof self.what));
    return dp_handle_report(error, status, &reason);
}
