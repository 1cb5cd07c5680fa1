#include "library/handle.h"

#include "base/real.h"
#include "base/size.h"
#include "data/context.h"

#include <math.h>
#include <string.h>

/* --- how likely a token is ---------------------------------------------------------------------
 */

/* Of larger vocabularies exponentials are taken and summed in float32 in parts of so many tokens,
 * the sums of parts added in double: five times as fast, and an error of less than 1e-6, as that of
 * the logits. */
#define PART ((size_t)1024)

static double sum_parts(const dp_kernels *kernels, size_t vocab, const float *logits,
                        float *maximum) {
    float terms[PART], largest = -INFINITY, own = 0.0f;
    double sum = 0.0;
    for (size_t first = 0; first < vocab; first += PART) {
        float part = 0.0f;
        kernels->exponentials(1, dp_size_min(vocab - first, PART), PART, logits + first, terms,
                              &own, &part);
        if (own > largest) {
            sum *= dp_real_exp((double)largest - (double)own);
            largest = own;
        }
        sum += (double)part * dp_real_exp((double)own - (double)largest);
    }
    *maximum = largest;
    return sum;
}

void dp_handle_weigh(dptrain_model *model, size_t rows) {
    const dptrain_model *one = model;
    const size_t vocab = model->layout.shape.vocab;
    while (one->member_count > 0)
        one = one->members[0].model;
    const dp_kernels *kernels = one->forward.kernels;
    if (vocab <= PART)
        kernels->real_sums(rows, vocab, vocab, model->logits, model->maxima, model->sums);
    for (size_t r = 0; r < rows && vocab > PART; r++)
        model->sums[r] = sum_parts(kernels, vocab, model->logits + r * vocab, &model->maxima[r]);
}

double dp_handle_log_probability(const dptrain_model *model, size_t row, uint32_t id) {
    const float *logits = model->logits + row * model->layout.shape.vocab;
    return (double)logits[id] - (double)model->maxima[row] - dp_real_log(model->sums[row]);
}

void dp_handle_add(const dptrain_model *model, dptrain_text_score *score, uint32_t id,
                   double log_probability) {
    const bool is_unknown = id == model->unknown;
    score->log_probability += log_probability;
    score->known_log_probability += is_unknown ? 0.0 : log_probability;
    score->tokens++;
    score->unknown += is_unknown;
}

/* --- texts through a model ---------------------------------------------------------------------
 */

/* Texts on their way through a model: rows wait until there are enough of them, of one text or of
 * several, and what becomes of each is taken by whoever asks. */
typedef struct scoring {
    dptrain_model *model;
    size_t waiting;
    void (*take)(void *asker, size_t place, const float *logits, uint32_t id,
                 double log_probability);
    void *asker;
} scoring;

static uint32_t *waiting_context(const scoring *self) {
    return self->model->contexts + self->waiting * self->model->layout.shape.block_size;
}

static void begin_text(const scoring *self) {
    memset(waiting_context(self), 0,
           self->model->layout.shape.block_size * sizeof *self->model->contexts);
}

static void flush(scoring *self) {
    dptrain_model *model = self->model;
    const size_t vocab = model->layout.shape.vocab, block = model->layout.shape.block_size;
    dp_handle_logits(model, self->waiting, model->contexts);
    dp_handle_weigh(model, self->waiting);
    for (size_t r = 0; r < self->waiting; r++) {
        const uint32_t id = model->targets[r];
        self->take(self->asker, model->places[r], model->logits + r * vocab, id,
                   dp_handle_log_probability(model, r, id));
    }
    memmove(model->contexts, waiting_context(self), block * sizeof *model->contexts);
    self->waiting = 0;
}

/* The last context is that of this token, which then becomes a part of the next one; a boundary in
 * the place of one that is unknown, which has no row. */
static void add(scoring *self, size_t place, uint32_t id) {
    dptrain_model *model = self->model;
    const size_t block = model->layout.shape.block_size;
    uint32_t *context = waiting_context(self);
    if (id == DPTRAIN_UNKNOWN) {
        dp_context_shift(context, block, DP_BOUNDARY_ID);
        return;
    }
    model->targets[self->waiting] = id;
    model->places[self->waiting++] = place;
    memcpy(context + block, context, block * sizeof *context);
    dp_context_shift(context + block, block, id);
    if (self->waiting == model->rows)
        flush(self);
}

/* --- texts ---------------------------------------------------------------------------------- */

typedef struct text_asker {
    const dptrain_model *model;
    char *scores; /* [texts] of `size` bytes, each that of a dptrain_text_score or its beginning */
    size_t size;
} text_asker;

static void add_to_score(const text_asker *self, size_t place, uint32_t id,
                         double log_probability) {
    dptrain_text_score score = {0};
    char *own = self->scores + place * self->size;
    const size_t size = dp_size_min(self->size, sizeof score);
    memcpy(&score, own, size);
    dp_handle_add(self->model, &score, id, log_probability);
    memcpy(own, &score, size);
}

static void take_text(void *asker, size_t place, const float *logits, uint32_t id,
                      double log_probability) {
    (void)logits;
    add_to_score(asker, place, id, log_probability);
}

static void add_text(scoring *self, const text_asker *asker, size_t place, const char *text,
                     size_t length) {
    const dptrain_model *model = self->model;
    DP_OWNED(dp_text_clear) dp_text folded = {0};
    dp_handle_fold(model, &text, &length, &folded);
    const char *end = text + length;
    memset(asker->scores + place * asker->size, 0, asker->size);
    begin_text(self);
    for (size_t bytes = 0; dp_context_next_token(model->facts.unit, &text, end, &bytes);
         text += bytes) {
        const uint32_t id = dp_handle_id(model, text, bytes);
        if (id == DPTRAIN_UNKNOWN)
            add_to_score(asker, place, id, -INFINITY);
        add(self, place, id);
    }
    if (!model->facts.stream)
        add(self, place, DP_BOUNDARY_ID);
}

dptrain_status dptrain_score_texts(dptrain_model *model, const char *const *texts,
                                   const size_t *lengths, size_t count, dptrain_text_score *scores,
                                   size_t size, dptrain_error *error) {
    (void)error; /* nothing can fail yet */
    text_asker asker = {.model = model, .scores = (char *)scores, .size = size};
    scoring self = {.model = model, .take = take_text, .asker = &asker};
    for (size_t i = 0; i < count; i++)
        add_text(&self, &asker, i, texts[i], lengths[i]);
    flush(&self);
    return DPTRAIN_OK;
}

dptrain_status dptrain_score(dptrain_model *model, const char *text, size_t length,
                             dptrain_text_score *score, size_t size, dptrain_error *error) {
    return dptrain_score_texts(model, &text, &length, 1, score, size, error);
}

/* --- tokens --------------------------------------------------------------------------------- */

typedef struct token_asker {
    const dptrain_model *model;
    char *scores; /* [capacity] of `size` bytes */
    size_t capacity, size;
} token_asker;

static void store_token(const token_asker *self, size_t place, const dptrain_token_score *score) {
    if (place < self->capacity)
        memcpy(self->scores + place * self->size, score, dp_size_min(self->size, sizeof *score));
}

static void take_token(void *asker, size_t place, const float *logits, uint32_t id,
                       double log_probability) {
    const token_asker *self = asker;
    const size_t vocab = self->model->layout.shape.vocab;
    dptrain_token_score score = {.rank = 1};
    if (place >= self->capacity)
        return;
    memcpy(&score, self->scores + place * self->size, dp_size_min(self->size, sizeof score));
    score.log_probability = log_probability;
    for (size_t i = 0; i < vocab; i++)
        score.rank += logits[i] > logits[id];
    store_token(self, place, &score);
}

/* Of a text that is folded, the next part that can be by itself; else all of it. */
static bool next_part(const dptrain_model *model, const char **text, const char *end,
                      size_t *length) {
    *length = (size_t)(end - *text);
    if (!dp_folding_changes(model->facts.preparation.folding))
        return *length > 0;
    if (model->facts.unit == DP_UNIT_WORD)
        return dp_context_next_token(DP_UNIT_WORD, text, end, length);
    *length = dp_unicode_part(*text, *length);
    return *length > 0;
}

/* Adds the tokens of text[0, length), a part of a text that begins `before` bytes further on than
 * it; of a part that is folded, each token has all of it. */
static void add_part(scoring *self, const token_asker *asker, const char *text, size_t length,
                     size_t before, size_t *place) {
    const dptrain_model *model = self->model;
    DP_OWNED(dp_text_clear) dp_text folded = {0};
    const char *part = text;
    const size_t part_length = length;
    dp_handle_fold(model, &text, &length, &folded);
    const char *begin = text, *end = text + length;
    for (size_t bytes = 0; dp_context_next_token(model->facts.unit, &text, end, &bytes);
         text += bytes) {
        const uint32_t id = dp_handle_id(model, text, bytes);
        const bool is_part = begin != part;
        const dptrain_token_score score = {.log_probability = -INFINITY,
                                           .rank = id == DPTRAIN_UNKNOWN ? 0 : 1,
                                           .id = id,
                                           .begin = before + (is_part ? 0 : (size_t)(text - begin)),
                                           .length = is_part ? part_length : bytes};
        store_token(asker, *place, &score);
        add(self, (*place)++, id);
    }
}

dptrain_status dptrain_score_tokens(dptrain_model *model, const char *text, size_t length,
                                    dptrain_token_score *tokens, size_t capacity, size_t size,
                                    size_t *count, dptrain_error *error) {
    (void)error; /* nothing can fail yet */
    const char *begin = text, *end = text + length;
    token_asker asker = {
        .model = model, .scores = (char *)tokens, .capacity = capacity, .size = size};
    scoring self = {.model = model, .take = take_token, .asker = &asker};
    size_t bytes = 0, place = 0;
    begin_text(&self);
    for (; next_part(model, &text, end, &bytes); text += bytes)
        add_part(&self, &asker, text, bytes, (size_t)(text - begin), &place);
    if (!model->facts.stream) {
        const dptrain_token_score score = {
            .log_probability = -INFINITY, .rank = 1, .id = DP_BOUNDARY_ID, .begin = length};
        store_token(&asker, place, &score);
        add(&self, place++, DP_BOUNDARY_ID);
    }
    flush(&self);
    *count = place;
    return DPTRAIN_OK;
}
