#include "library/handle.h"

#include "base/digest.h"
#include "base/size.h"
#include "base/workspace.h"
#include "data/context.h"
#include "library/checkpoint_files.h"

#include <string.h>

#define ROWS_MAX ((size_t)64)
#define ROOM_MAX ((size_t)1 << 20) /* logits or ids, unless one row has more */

_Static_assert(DP_HASH_TEXT_SIZE == sizeof((dptrain_model *)NULL)->weights, "a hash as text");
_Static_assert(DPTRAIN_MESSAGE_SIZE >= DP_ERROR_MESSAGE_SIZE, "room for every message");

const char *dptrain_version(void) {
    return DP_VERSION;
}

dptrain_status dp_handle_report(dptrain_error *error, dp_status status, const dp_error *reason) {
    if (status != DP_OK && error != NULL) {
        error->status = (dptrain_status)status;
        memcpy(error->message, reason->message, sizeof reason->message);
    }
    return (dptrain_status)status;
}

static void list_ascii(dptrain_model *self) {
    for (unsigned char c = 0; c < 128; c++) {
        const char token = (char)c;
        if (!dp_vocabulary_find(&self->facts.vocabulary, &token, 1, &self->ascii[c]))
            self->ascii[c] = self->unknown;
    }
}

uint32_t dp_handle_id(const dptrain_model *model, const char *token, size_t length) {
    uint32_t id = 0;
    if (length == 1 && (unsigned char)*token < 128)
        return model->ascii[(unsigned char)*token];
    return dp_vocabulary_find(&model->facts.vocabulary, token, length, &id) ? id : model->unknown;
}

/* --- opening -------------------------------------------------------------------------------- */

dp_status dp_handle_make_room(dptrain_model *model, dp_error *error) {
    const dp_model_shape *shape = &model->layout.shape;
    dp_workspace room = {0};
    /* Behind the last row, as kernels read whole vectors. */
    DP_RESERVE(&room, model->logits, model->rows * shape->vocab + DP_KERNEL_LANES);
    DP_RESERVE(&room, model->maxima, model->rows);
    DP_RESERVE(&room, model->sums, model->rows);
    DP_RESERVE_ROWS(&room, model->contexts, model->rows + 1, shape->block_size);
    DP_RESERVE(&room, model->targets, model->rows);
    DP_RESERVE(&room, model->places, model->rows);
    DP_RESERVE(&room, model->cut, shape->vocab);
    DP_RESERVE(&room, model->order, shape->vocab);
    if (model->member_count > 0) {
        DP_RESERVE(&room, model->members, model->member_count);
        DP_RESERVE(&room, model->mean, shape->vocab);
        DP_RESERVE(&room, model->probabilities, shape->vocab);
    }
    return dp_workspace_allocate(&room, error) == NULL ? error->status : DP_OK;
}

static dp_status make_room(dptrain_model *self, dp_error *error) {
    const dp_model_shape *shape = &self->layout.shape;
    const size_t row = dp_size_max(shape->vocab, shape->block_size);
    self->rows = dp_size_max(1, dp_size_min(ROWS_MAX, ROOM_MAX / row));
    DP_TRY(dp_handle_make_room(self, error));
    return dp_forward_init(&self->forward, &self->layout, dp_cpu_level_detect(), error);
}

dp_status dp_handle_use_level(dptrain_model *model, dp_cpu_level level, dp_error *error) {
    for (size_t m = 0; m < model->member_count; m++)
        DP_TRY(dp_handle_use_level(model->members[m].model, level, error));
    if (model->member_count > 0)
        return DP_OK;
    dp_forward_clear(&model->forward);
    return dp_forward_init(&model->forward, &model->layout, level, error);
}

dp_status dp_handle_check_size(const dp_params_layout *layout, const float *params,
                               const char *path, dp_error *error) {
    return dp_params_are_bounded(layout, params)
               ? DP_OK
               : dp_fail(error, DP_ERR_INPUT,
                         "%s: its weights are so large that no probabilities come of them", path);
}

static dp_status open_model(dptrain_model *self, const char *path, dp_error *error) {
    dp_model_shape shape;
    DP_TRY(dp_checkpoint_files_find(path, self->path, error));
    DP_TRY(dp_model_file_open(&self->facts, self->path, error));
    DP_TRY(dp_model_file_shape(&self->facts, &shape, error));
    DP_TRY(dp_model_file_read_params(&self->facts, shape, &self->layout, &self->params, error));
    DP_TRY(dp_handle_check_size(&self->layout, self->params, self->path, error));
    dp_h5reader_close(&self->facts.reader);
    dp_hash_format(self->facts.weights_hash, self->weights);
    DP_TRY(dp_vocabulary_sort(&self->facts.vocabulary, error));
    if (self->facts.unit != DP_UNIT_WORD ||
        !dp_vocabulary_find(&self->facts.vocabulary, DP_UNKNOWN_WORD, strlen(DP_UNKNOWN_WORD),
                            &self->unknown))
        self->unknown = DPTRAIN_UNKNOWN;
    list_ascii(self);
    return make_room(self, error);
}

dptrain_status dptrain_open(dptrain_model **model, const char *path, dptrain_error *error) {
    dp_error reason = {0};
    *model = dp_memory_zeroed(1, sizeof **model, &reason);
    if (*model != NULL && open_model(*model, path, &reason) == DP_OK)
        return DPTRAIN_OK;
    dptrain_close(*model);
    *model = NULL;
    return dp_handle_report(error, reason.status, &reason);
}

void dptrain_close(dptrain_model *model) {
    if (model == NULL)
        return;
    if (model->member_count == 0)
        dp_model_file_close(&model->facts);
    dp_forward_clear(&model->forward);
    dp_text_clear(&model->text);
    dp_memory_free(model->logits);
    dp_memory_free(model->params);
    dp_memory_free(model);
}

/* --- describing ----------------------------------------------------------------------------- */

void dptrain_describe(const dptrain_model *model, dptrain_description *description, size_t size) {
    const dp_model_file *facts = &model->facts;
    const dp_model_shape *shape = &model->layout.shape;
    static const char *const forms[] = {DP_NORMAL_FORM_NAMES};
    const dp_preparation *preparation = &facts->preparation;
    const dptrain_description all = {.path = model->path,
                                     .unit = dp_unit_name(facts->unit),
                                     .stream = facts->stream,
                                     .vocab = shape->vocab,
                                     .block_size = shape->block_size,
                                     .embedding_dim = shape->embedding_dim,
                                     .hidden_dim = shape->hidden_dim,
                                     .direct = shape->direct,
                                     .parameters = model->layout.parameter_count,
                                     .weights = model->weights,
                                     .step = facts->progress.step,
                                     .best_step = facts->progress.best_step,
                                     .best_loss = facts->progress.best_loss,
                                     .without_better = facts->progress.evaluations_since_best,
                                     .dataset_sha256 = facts->dataset_sha256,
                                     .build = facts->build,
                                     .contract = facts->progress.contract,
                                     .config = dp_text_string(&facts->config),
                                     .packed_with = preparation->packed_with,
                                     .lowercase = preparation->folding.lowercase,
                                     .normalize = forms[preparation->folding.normalize],
                                     .members = model->member_count};
    memcpy(description, &all, dp_size_min(size, sizeof all));
}

int dptrain_get_tensor(const dptrain_model *model, size_t i, dptrain_tensor *tensor, size_t size) {
    for (int t = 0; t < DP_TENSOR_COUNT && model->member_count == 0; t++) {
        const dp_tensor *own = &model->layout.tensors[t];
        if (dp_tensor_size(own) == 0 || i-- > 0)
            continue;
        const dptrain_tensor view = {.name = own->name,
                                     .rank = own->rank,
                                     .rows = own->rows,
                                     .columns = own->cols,
                                     .values = model->params + own->offset,
                                     .row_stride = own->row_stride,
                                     .column_stride = own->col_stride};
        memcpy(tensor, &view, dp_size_min(size, sizeof view));
        return 1;
    }
    return 0;
}

/* --- texts --------------------------------------------------------------------------------- */

void dp_handle_fold(const dptrain_model *model, const char **text, size_t *length,
                    dp_text *folded) {
    if (!dp_folding_changes(model->facts.preparation.folding))
        return;
    dp_unicode_fold(model->facts.preparation.folding, *text, *length, folded);
    if (folded->failed)
        return;
    *text = dp_text_string(folded);
    *length = folded->length;
}

dp_status dp_handle_context(const dptrain_model *model, const char *text, size_t length,
                            uint32_t *context, dp_error *error) {
    return dp_context_parse(&model->facts.vocabulary, model->facts.unit, text, length, context,
                            model->layout.shape.block_size, error);
}

const char *dptrain_token(const dptrain_model *model, uint32_t id) {
    const dp_vocabulary *vocabulary = &model->facts.vocabulary;
    return id < vocabulary->count ? dp_vocabulary_token(vocabulary, id) : NULL;
}
