#include "plots/embedding_figure.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "embedding_gp.h"
#include "plots/axis.h"
#include "plots/pca.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE 860.0        /* of the picture, in pixels */
#define FRAME_LOW 0.1     /* of the part inside the axes: left and lower edge, */
#define FRAME_HIGH 0.925  /* right and upper one, as fractions of the picture */
#define IN_DOTS_MAX 160   /* tokens, that are written into their dots */
#define LABELS_MAX 400    /* beside dots */
#define DOTS_MAX 4000     /* more are a cloud, and a file of megabytes */
#define WORDS_MAX 200     /* of words, which say nothing without a label */
#define LABEL_HEIGHT 15.0 /* pixels */
#define LABEL_WIDTH 7.5   /* of a code point */
#define LABEL_LENGTH_MAX 24

typedef struct token_place {
    uint32_t id;
    uint64_t frequency;
    double at[2];               /* coordinates in the embedding */
    double left, right, middle; /* of the label, in pixels; LABEL_HEIGHT high */
    size_t label;               /* its number, from 1; 0: none */
} token_place;

typedef struct scatter {
    const dp_vocabulary *vocabulary;
    size_t count; /* tokens that are shown; all, until choose_labels */
    size_t shown_max;
    token_place *places; /* [count], then frequent ones first */
    size_t label_count;
    bool in_dots; /* each label in its dot, rather than beside */
    dp_axis axes[2];
    double shares[DP_PCA_COMPONENTS];
} scatter;

/* --- places ----------------------------------------------------------------------------------- */

static dp_axis find_axis(const scatter *self, int k) {
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < self->count; i++) {
        low = fmin(low, self->places[i].at[k]);
        high = fmax(high, self->places[i].at[k]);
    }
    return dp_axis_linear(low, high, 0.05);
}

static dp_status find_places(scatter *self, const dp_checkpoint *checkpoint, const uint64_t *counts,
                             bool principal, dp_error *error) {
    const dp_tensor *tensor = &checkpoint->layout.tensors[DP_TENSOR_C];
    const size_t width = tensor->cols;
    DP_OWNED(dp_memory_release) float *table = NULL;
    DP_OWNED(dp_memory_release) double *scores = NULL;
    DP_TRY_NEW(table, dp_tensor_size(tensor));
    DP_TRY_NEW(scores, DP_PCA_COMPONENTS * self->count);
    dp_tensor_store(tensor, checkpoint->params, table);
    for (size_t id = 0; id < self->count; id++) {
        scores[2 * id] = (double)table[id * width];
        scores[2 * id + 1] = width > 1 ? (double)table[id * width + 1] : 0.0;
    }
    if (principal)
        DP_TRY(dp_pca(table, self->count, width, scores, self->shares, error));
    for (size_t id = 0; id < self->count; id++)
        self->places[id] = (token_place){.id = (uint32_t)id,
                                         .frequency = counts == NULL ? 0 : counts[id],
                                         .at = {scores[2 * id], scores[2 * id + 1]}};
    return DP_OK;
}

/* --- labels ----------------------------------------------------------------------------------- */

/* Appends what is shown of a token: its first code points and an ellipsis for others; blanks as
 * signs that can be seen, a backslash as the text given for it. Returns how many signs that are. */
static size_t append_label(dp_text *out, const char *token, const char *backslash) {
    const struct {
        const char *character, *sign;
    } signs[] = {{" ", "\xE2\x90\xA3"},        /* open box */
                 {"\xC2\xA0", "\xE2\x90\xA3"}, /* no-break space */
                 {"\t", "\xE2\x86\xB9"},       /* tab key */
                 {"\n", "\xE2\x86\xB5"},       /* return key */
                 {"\\", backslash}};
    uint32_t code_point = 0;
    char character[DP_UTF8_MAX_BYTES + 1];
    size_t shown = 0;
    for (size_t length = 0; shown < LABEL_LENGTH_MAX && *token != '\0'; shown++, token += length) {
        const char *sign = NULL;
        length = dp_utf8_next_shown(token, &code_point);
        for (size_t i = 0; i < sizeof signs / sizeof signs[0] && sign == NULL; i++) {
            if (strlen(signs[i].character) == length &&
                memcmp(token, signs[i].character, length) == 0)
                sign = signs[i].sign;
        }
        dp_utf8_encode(code_point, character);
        dp_text_append(out, sign != NULL ? sign : character);
    }
    dp_text_append(out, *token != '\0' ? "\xE2\x80\xA6" : "");
    return shown + (*token != '\0');
}

static size_t label_length(const scatter *self, uint32_t id) {
    DP_OWNED(dp_text_clear) dp_text label = {0};
    return append_label(&label, dp_vocabulary_token(self->vocabulary, id), "\\");
}

/* How many letters wide a label is at most: CJK and emoji, which take three bytes or more, are as
 * wide as two; so few others do that their labels may have the same room. */
static size_t label_columns(const scatter *self, uint32_t id) {
    DP_OWNED(dp_text_clear) dp_text label = {0};
    uint32_t code_point = 0;
    size_t columns = append_label(&label, dp_vocabulary_token(self->vocabulary, id), "\\");
    const char *text = dp_text_string(&label);
    for (size_t length = 0; (length = dp_utf8_next_shown(text, &code_point)) > 0; text += length)
        columns += length >= 3;
    return columns;
}

static double to_pixels(const dp_axis *axis, double value) {
    double part = (value - axis->low) / (axis->high - axis->low);
    return SIDE * (FRAME_LOW + part * (FRAME_HIGH - FRAME_LOW));
}

static void place_label(const scatter *self, token_place *place) {
    const double x = to_pixels(&self->axes[0], place->at[0]);
    place->left = x - 4.0;
    place->right = x + LABEL_WIDTH * (double)label_columns(self, place->id) + 10.0;
    place->middle = to_pixels(&self->axes[1], place->at[1]);
}

static bool overlap(const token_place *a, const token_place *b) {
    return a->left < b->right && b->left < a->right && fabs(a->middle - b->middle) < LABEL_HEIGHT;
}

/* Whether a label fits into the picture beside those of the places before it. */
static bool has_room(const scatter *self, const token_place *place) {
    bool free = place->right < SIDE;
    for (const token_place *other = self->places; other < place && free; other++)
        free = other->label == 0 || !overlap(other, place);
    return free;
}

/* The boundary before all others: it is always shown. */
static int frequent_first(const void *a, const void *b) {
    const token_place *x = a, *y = b;
    if (x->id == DP_BOUNDARY_ID || y->id == DP_BOUNDARY_ID)
        return x->id == DP_BOUNDARY_ID ? -1 : 1;
    if (x->frequency != y->frequency)
        return x->frequency < y->frequency ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

static bool fits_in_dots(const scatter *self) {
    bool fits = self->count <= IN_DOTS_MAX;
    for (uint32_t id = 0; id < self->count && fits; id++)
        fits = label_length(self, id) <= 1;
    return fits;
}

/* Chooses the tokens that are shown, and those that get a label: as many as find room, frequent
 * ones before others. */
static void choose_labels(scatter *self) {
    self->in_dots = fits_in_dots(self);
    qsort(self->places, self->count, sizeof *self->places, frequent_first);
    self->count = self->count < self->shown_max ? self->count : self->shown_max;
    for (int k = 0; k < 2; k++)
        self->axes[k] = find_axis(self, k);
    for (size_t i = 0; i < self->count && self->label_count < LABELS_MAX; i++) {
        place_label(self, &self->places[i]);
        if (self->in_dots || has_room(self, &self->places[i]))
            self->places[i].label = ++self->label_count;
    }
}

/* --- the figure ------------------------------------------------------------------------------- */

static void append_place(dp_text *data, const token_place *place, size_t number) {
    dp_text_append_format(data, "%.8g\t%.8g\t%zu\n", place->at[0], place->at[1], number);
}

/* x, y, id; in the last block the number of the label instead of the id. */
static void append_data(const scatter *self, dp_text *data) {
    for (int boundary = 0; boundary < 2; boundary++) {
        dp_text_append(data, boundary ? "# boundary\n" : "# tokens\n");
        for (size_t i = 0; i < self->count; i++) {
            if ((self->places[i].id == DP_BOUNDARY_ID) == boundary)
                append_place(data, &self->places[i], self->places[i].id);
        }
        dp_text_append(data, "\n\n");
    }
    dp_text_append(data, "# labels\n");
    for (size_t i = 0; i < self->count; i++) {
        if (self->places[i].label > 0)
            append_place(data, &self->places[i], self->places[i].label);
    }
}

/* An array of what is written at points, where a backslash is an escape even in a plain string. */
static void assign_labels(const scatter *self, dp_text *values) {
    DP_OWNED(dp_text_clear) dp_text label = {0};
    char variable[32];
    dp_text_append_format(values, "array label[%zu]\n",
                          self->label_count > 0 ? self->label_count : 1);
    for (const token_place *place = self->places; place < self->places + self->count; place++) {
        if (place->label == 0)
            continue;
        dp_text_cut(&label, 0);
        append_label(&label, dp_vocabulary_token(self->vocabulary, place->id), "\\\\");
        snprintf(variable, sizeof variable, "label[%zu]", place->label);
        dp_gnuplot_assign(values, variable, "%s", dp_text_string(&label));
    }
    dp_text_cut(&label, 0);
    append_label(&label, dp_vocabulary_token(self->vocabulary, DP_BOUNDARY_ID), "\\");
    dp_gnuplot_assign(values, "boundary", "boundary \"%s\"", dp_text_string(&label));
    values->failed |= label.failed;
}

static void assign_axis(const scatter *self, int k, bool principal, dp_text *values) {
    static const char *const names[] = {"x", "y"};
    char variable[] = "?_axis", label[] = "?_label";
    variable[0] = label[0] = names[k][0];
    dp_axis_assign(&self->axes[k], variable, names[k], DP_AXIS_NUMBERS, values);
    if (principal)
        dp_gnuplot_assign(values, label, "principal component %d, %.0f %% of the variance", k + 1,
                          100.0 * self->shares[k]);
    else
        dp_gnuplot_assign(values, label, "dimension %d", k);
}

static void assign_title(const scatter *self, const char *name, const dp_checkpoint *checkpoint,
                         dp_text *values) {
    const size_t all = checkpoint->facts.vocabulary.count;
    DP_OWNED(dp_text_clear) dp_text part = {0};
    if (self->count < all)
        dp_text_append_format(&part, ", %s of %s tokens", DP_COUNT_TEXT(self->count),
                              DP_COUNT_TEXT(all));
    dp_gnuplot_assign(values, "run_name", "%s", name);
    dp_gnuplot_assign(values, "result", ": embedding at step %s%s",
                      DP_COUNT_TEXT(checkpoint->facts.progress.step), dp_text_string(&part));
    values->failed |= part.failed;
}

dp_status dp_figure_embedding(const char *name, const dp_checkpoint *checkpoint,
                              const uint64_t *counts, bool principal, dp_gnuplot_figure *figure,
                              dp_error *error) {
    DP_OWNED(dp_memory_release) token_place *places = NULL;
    scatter self = {.vocabulary = &checkpoint->facts.vocabulary,
                    .count = checkpoint->facts.vocabulary.count,
                    .shown_max = checkpoint->facts.unit == DP_UNIT_WORD ? WORDS_MAX : DOTS_MAX};
    dp_text *values = &figure->values;
    *figure = (dp_gnuplot_figure){.name = principal ? "embedding_pca" : "embedding",
                                  .width = (unsigned)SIDE,
                                  .height = (unsigned)SIDE,
                                  .script = embedding_gp};
    DP_TRY_NEW(places, self.count);
    self.places = places;
    DP_TRY(find_places(&self, checkpoint, counts, principal, error));
    choose_labels(&self);
    append_data(&self, &figure->data);
    dp_text_append_format(values, "low = %g\nhigh = %g\ntokens = %zu\nin_dots = %d\n", FRAME_LOW,
                          FRAME_HIGH, self.count, self.in_dots);
    assign_title(&self, name, checkpoint, values);
    assign_axis(&self, 0, principal, values);
    assign_axis(&self, 1, principal, values);
    assign_labels(&self, values);
    return DP_OK;
}
