#include "train/init_from.h"

#include "base/memory.h"
#include "formats/embedding_text.h"
#include "formats/file_kind.h"
#include "run/checkpoint.h"
#include "run/run_folder.h"

#include <inttypes.h>
#include <string.h>

#define UNKNOWN UINT32_MAX

static dp_status check_size(const char *path, const char *key, uint64_t there, uint64_t here,
                            dp_error *error) {
    if (there == here)
        return DP_OK;
    return dp_fail(error, DP_ERR_MISMATCH,
                   "train.init_from: %s has %s %" PRIu64 ", not %" PRIu64 " as is wanted here",
                   path, key, there, here);
}

static dp_status check_shape(const dp_checkpoint *from, const char *path, const dp_subject *subject,
                             dp_error *error) {
    const dp_model_shape *there = &from->layout.shape, *here = &subject->layout->shape;
    if (from->facts.unit != subject->dataset->info.unit)
        return dp_fail(error, DP_ERR_MISMATCH, "train.init_from: %s is of %ss, and %s of %ss", path,
                       dp_unit_name(from->facts.unit), subject->dataset->path,
                       dp_unit_name(subject->dataset->info.unit));
    DP_TRY(check_size(path, "block_size", there->block_size, here->block_size, error));
    DP_TRY(
        check_size(path, "model.embedding_dim", there->embedding_dim, here->embedding_dim, error));
    DP_TRY(check_size(path, "model.hidden_dim", there->hidden_dim, here->hidden_dim, error));
    return check_size(path, "model.direct", there->direct, here->direct, error);
}

/* ids[i]: the id there of our token i, or UNKNOWN. Returns how many are unknown. */
static size_t map_tokens(const dp_vocabulary *there, const dp_vocabulary *here, uint32_t *ids) {
    size_t unknown = 0;
    for (uint32_t id = 0; id < here->count; id++) {
        const char *token = dp_vocabulary_token(here, id);
        /* Boundaries are the same token, whatever they are called. */
        if (id == DP_BOUNDARY_ID)
            ids[id] = DP_BOUNDARY_ID;
        else if (!dp_vocabulary_find(there, token, strlen(token), &ids[id])) {
            ids[id] = UNKNOWN;
            unknown++;
        }
    }
    return unknown;
}

static dp_status fail_unknown(const dp_vocabulary *there, const char *path,
                              const dp_dataset *dataset, size_t unknown, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text difference = {0};
    DP_TRY(dp_vocabulary_difference(there, "the checkpoint", &dataset->vocabulary, "the dataset",
                                    &difference, error));
    return dp_fail(error, DP_ERR_MISMATCH,
                   "train.init_from: %s does not know %zu token%s of %s: %s; train.remap=yes "
                   "initialises what only the dataset has",
                   path, unknown, unknown == 1 ? "" : "s", dataset->path,
                   dp_text_string(&difference));
}

/* Whether one axis of the tensor is the vocabulary, and whether that is its rows. */
static bool is_by_token(int tensor) {
    return tensor != DP_TENSOR_W1 && tensor != DP_TENSOR_B1;
}
static bool has_token_rows(int tensor) {
    return tensor == DP_TENSOR_C;
}

/* Both in natural order; what our tokens are called there is in `ids`. */
static void move(int t, const dp_tensor *from, const float *there, const dp_tensor *to,
                 const uint32_t *ids, float *here) {
    if (!is_by_token(t)) {
        memcpy(here, there, to->rows * to->cols * sizeof *here);
        return;
    }
    for (size_t row = 0; row < to->rows; row++) {
        for (size_t col = 0; col < to->cols; col++) {
            const uint32_t id = ids[has_token_rows(t) ? row : col];
            if (id == UNKNOWN)
                continue;
            here[row * to->cols + col] =
                has_token_rows(t) ? there[id * from->cols + col] : there[row * from->cols + id];
        }
    }
}

static dp_status take_params(const dp_checkpoint *from, const dp_subject *subject,
                             const uint32_t *ids, dp_error *error) {
    DP_OWNED(dp_memory_release) float *there = NULL;
    DP_OWNED(dp_memory_release) float *here = NULL;
    DP_TRY_NEW(there, dp_params_largest_tensor(&from->layout));
    DP_TRY_NEW(here, dp_params_largest_tensor(subject->layout));
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *to = &subject->layout->tensors[t];
        if (dp_tensor_size(to) == 0)
            continue;
        dp_tensor_store(&from->layout.tensors[t], from->params, there);
        dp_tensor_store(to, subject->params, here);
        move(t, &from->layout.tensors[t], there, to, ids, here);
        dp_tensor_load(to, subject->params, here);
    }
    return DP_OK;
}

static dp_status init_params(const dp_subject *subject, dp_report *report, dp_error *error) {
    DP_OWNED(dp_checkpoint_clear) dp_checkpoint from = {0};
    DP_OWNED(dp_memory_release) uint32_t *ids = NULL;
    char path[DP_PATH_SIZE];
    const dp_vocabulary *here = &subject->dataset->vocabulary;
    if (dp_run_folder_find(subject->config->init_from, path, error) != DP_OK ||
        dp_checkpoint_load(&from, path, false, error) != DP_OK)
        return dp_fail_prefix(error, "train.init_from");
    DP_TRY(check_shape(&from, path, subject, error));
    DP_TRY(dp_vocabulary_sort(&from.facts.vocabulary, error));
    DP_TRY_NEW(ids, here->count);
    const size_t unknown = map_tokens(&from.facts.vocabulary, here, ids);
    if (unknown > 0 && subject->config->remap == 0)
        return fail_unknown(&from.facts.vocabulary, path, subject->dataset, unknown, error);
    DP_TRY(take_params(&from, subject, ids, error));
    dp_report_line(report, "  begins     from %s, step %s: %s of %s tokens", path,
                   DP_COUNT_TEXT(from.facts.progress.step), DP_COUNT_TEXT(here->count - unknown),
                   DP_COUNT_TEXT(here->count));
    return DP_OK;
}

/* --- embeddings alone ------------------------------------------------------------------------ */

/* The rows of C, as they are read. */
typedef struct embeddings {
    const char *path;
    const dp_dataset *dataset;
    dp_vocabulary tokens; /* a view of the dataset's */
    dp_embedding_text file;
    size_t features;
    float *row;      /* [features] of the token that was read */
    float *rows;     /* [tokens.count, features] */
    bool *are_taken; /* [tokens.count] */
    size_t count;    /* of those that are */
    char *spelling;  /* [spelling_size] a token with its blanks */
    size_t spelling_size;
} embeddings;

static void clear_embeddings(embeddings *self) {
    dp_vocabulary_end_view(&self->tokens);
    dp_embedding_text_close(&self->file);
    dp_memory_free(self->row);
    dp_memory_free(self->rows);
    dp_memory_free(self->are_taken);
    dp_memory_free(self->spelling);
}

static dp_status check_features(const embeddings *self, dp_error *error) {
    if (self->file.features == self->features)
        return DP_OK;
    return dp_fail(error, DP_ERR_MISMATCH,
                   "%s has %" PRIu64
                   " features a token, and model.embedding_dim is %zu: model.embedding_dim=%" PRIu64
                   " takes them",
                   self->path, self->file.features, self->features, self->file.features);
}

/* Whether the dataset has this token, spelled so or with blanks that are written as others. */
static dp_status find_token(embeddings *self, const char *token, size_t length, uint32_t *id,
                            bool *found, dp_error *error) {
    *found = dp_vocabulary_find(&self->tokens, token, length, id);
    if (*found)
        return DP_OK;
    DP_TRY_GROW(self->spelling, &self->spelling_size, length + 1);
    const size_t spelled = dp_embedding_text_blanks(token, length, self->spelling);
    *found = spelled < length && dp_vocabulary_find(&self->tokens, self->spelling, spelled, id);
    return DP_OK;
}

static dp_status take_row(embeddings *self, const char *token, size_t length, dp_error *error) {
    uint32_t id = 0;
    bool found = false;
    DP_TRY(find_token(self, token, length, &id, &found, error));
    if (!found)
        return DP_OK;
    if (self->are_taken[id])
        return dp_fail(error, DP_ERR_INPUT, "%s:%" PRIu64 ": '%s' is there a second time",
                       self->file.reader.name, self->file.taken + 1,
                       dp_vocabulary_token(&self->tokens, id));
    self->are_taken[id] = true;
    self->count++;
    memcpy(self->rows + id * self->features, self->row, self->features * sizeof *self->row);
    return DP_OK;
}

static dp_status take_rows(embeddings *self, dp_error *error) {
    const char *token = NULL;
    size_t length = 0;
    do {
        DP_TRY(dp_embedding_text_next(&self->file, &token, &length, self->row, error));
        if (token != NULL)
            DP_TRY(take_row(self, token, length, error));
    } while (token != NULL);
    if (self->count > 0)
        return DP_OK;
    return dp_fail(error, DP_ERR_MISMATCH, "%s has none of the %zu tokens of %s", self->path,
                   self->tokens.count, self->dataset->path);
}

static dp_status init_embeddings(const dp_subject *subject, dp_report *report, dp_error *error) {
    const dp_tensor *c = &subject->layout->tensors[DP_TENSOR_C];
    DP_OWNED(clear_embeddings)
    embeddings self = {.path = subject->config->init_embeddings,
                       .dataset = subject->dataset,
                       .file.reader.descriptor = -1,
                       .features = c->cols};
    DP_TRY(dp_file_kind_expect(self.path, DP_FILE_EMBEDDINGS, error));
    DP_TRY(dp_embedding_text_open(&self.file, self.path, error));
    DP_TRY(check_features(&self, error));
    DP_TRY(dp_vocabulary_view(&subject->dataset->vocabulary, &self.tokens, error));
    DP_TRY_NEW(self.row, self.features);
    DP_TRY_NEW(self.rows, dp_tensor_size(c));
    DP_TRY_NEW(self.are_taken, self.tokens.count);
    dp_tensor_store(c, subject->params, self.rows);
    DP_TRY(take_rows(&self, error));
    dp_tensor_load(c, subject->params, self.rows);
    dp_report_line(report, "  embeddings from %s: %s of %s tokens", self.path,
                   DP_COUNT_TEXT(self.count), DP_COUNT_TEXT(self.tokens.count));
    return DP_OK;
}

dp_status dp_init_from(const dp_subject *subject, dp_report *report, dp_error *error) {
    if (subject->config->init_from[0] != '\0')
        DP_TRY(init_params(subject, report, error));
    if (subject->config->init_embeddings[0] != '\0' &&
        init_embeddings(subject, report, error) != DP_OK)
        return dp_fail_prefix(error, "train.init_embeddings");
    return DP_OK;
}

dp_status dp_init_run(dp_engine *engine, dp_report *report, dp_error *error) {
    const dp_subject *subject = dp_engine_subject(engine);
    DP_TRY(dp_engine_initialise(engine, error));
    return DP_ON_ROOT(subject->comm, dp_init_from(subject, report, error));
}
