#include "train/init_from.h"

#include "base/memory.h"
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

dp_status dp_init_from(const dp_subject *subject, dp_report *report, dp_error *error) {
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
