/* The checkpoint of the model is copied, and what changes is overwritten where it lies: no value
 * takes more room than the one before it, so the structure of the file stays as it is. */
#include "base/digest.h"
#include "base/memory.h"
#include "library/checkpoint_files.h"
#include "library/handle.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* An import on its way. */
typedef struct import {
    dp_model_file from;
    dp_params_layout layout;
    float *params; /* [layout.length] */
    dp_optimizer_kind kind;
    char *image; /* of the new file, as long as that of `from` */
} import;

static void clear(import *self) {
    dp_model_file_close(&self->from);
    dp_memory_free(self->params);
    dp_memory_free(self->image);
}

static dp_status check_values(const dp_params_layout *layout, const float *const *values,
                              size_t count, dp_error *error) {
    size_t i = 0;
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const size_t size = dp_tensor_size(&layout->tensors[t]);
        if (size == 0 || i++ >= count)
            continue;
        for (size_t k = 0; k < size; k++)
            if (!isfinite(values[i - 1][k]))
                return dp_fail(error, DP_ERR_INPUT, "%s has values that are not finite",
                               layout->tensors[t].name);
    }
    return i == count
               ? DP_OK
               : dp_fail(error, DP_ERR_INPUT, "%zu tensors for a model that has %zu", count, i);
}

/* A file of this name is only read where it holds that step. */
static dp_status check_name(const char *path, dp_error *error) {
    uint64_t step = 0;
    if (!dp_checkpoint_files_step(dp_path_base(path), &step) || step == 0)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%s: the name says step %" PRIu64 ", and imported weights stand at step 0: give "
                   "it another",
                   path, step);
}

/* --- overwriting ---------------------------------------------------------------------------- */

static void put(const import *self, const dp_h5value *place, const void *bytes, size_t count) {
    char *there = self->image + (place->data - self->from.reader.image.bytes);
    memset(there, 0, place->bytes);
    if (count > 0)
        memcpy(there, bytes, count);
}

static dp_status put_text(const import *self, const char *attribute, const char *text,
                          dp_error *error) {
    const dp_h5image *image = &self->from.reader.image;
    dp_h5value place;
    if (!dp_h5image_has_attribute(image, attribute)) /* in a file of an older version */
        return DP_OK;
    DP_TRY(dp_h5image_find_attribute(image, attribute, &place, error));
    if (place.kind != DP_H5_STRING || strlen(text) > place.bytes)
        return dp_fail(error, DP_ERR_INPUT, "%s: %s has no room for '%s'", image->name, attribute,
                       text);
    put(self, &place, text, strlen(text));
    return DP_OK;
}

/* Where a run stands, at its beginning: all 0. */
static dp_status put_progress(const import *self, dp_error *error) {
    static const char *const attributes[] = {"step",      "loss_sum",  "loss_count",
                                             "best_loss", "best_step", "evaluations_since_best"};
    const dp_h5image *image = &self->from.reader.image;
    dp_h5value place;
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        if (!dp_h5image_has_attribute(image, attributes[i]))
            continue;
        DP_TRY(dp_h5image_find_attribute(image, attributes[i], &place, error));
        put(self, &place, NULL, 0);
    }
    return DP_OK;
}

static dp_status put_params(const import *self, const float *const *values, dp_error *error) {
    char object[DP_OBJECT_SIZE];
    dp_h5value place;
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &self->layout.tensors[t];
        if (dp_tensor_size(tensor) == 0)
            continue;
        dp_model_file_tensor_object("/params", tensor, object);
        DP_TRY(dp_h5image_find(&self->from.reader.image, object, &place, error));
        put(self, &place, *values, place.bytes);
        dp_tensor_load(tensor, self->params, *values++);
    }
    return put_text(self, "weights", DP_HASH_TEXT(dp_params_hash(&self->layout, self->params)),
                    error);
}

/* Sets a slab of the optimizer's state to 0. */
static dp_status put_slab(const import *self, const char *group, dp_error *error) {
    char object[DP_OBJECT_SIZE];
    dp_h5value place;
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &self->layout.tensors[t];
        if (dp_tensor_size(tensor) == 0)
            continue;
        dp_model_file_tensor_object(group, tensor, object);
        DP_TRY(dp_h5reader_floats(&self->from.reader, object, dp_model_file_tensor_shape(tensor),
                                  NULL, error));
        DP_TRY(dp_h5image_find(&self->from.reader.image, object, &place, error));
        put(self, &place, NULL, 0);
    }
    return DP_OK;
}

static dp_status put_state(import *self, dp_error *error) {
    DP_OWNED(dp_memory_release) float *none = NULL;
    DP_OWNED(dp_text_clear) dp_text name = {0};
    char group[DP_OBJECT_SIZE];
    DP_TRY(dp_h5reader_text(&self->from.reader, "/optimizer/name", 64, &name, error));
    while (self->kind < DP_OPTIMIZER_ADAMW &&
           strcmp(dp_optimizer_name(self->kind), dp_text_string(&name)) != 0)
        self->kind++;
    const size_t count = dp_optimizer_slabs(self->kind);
    for (size_t slab = 0; slab < count; slab++) {
        dp_model_file_slab_group(self->kind, slab, group);
        DP_TRY(put_slab(self, group, error));
    }
    DP_TRY_NEW(none, self->layout.length);
    const float *const state[DP_OPTIMIZER_SLABS_MAX] = {none, none};
    return put_text(self, "state",
                    DP_HASH_TEXT(dp_model_file_hash_state(&self->layout, state, count)), error);
}

/* --- reading what will be written ----------------------------------------------------------- */

/* All that it holds, from bytes that are not yet a file. */
typedef struct proof {
    dp_model_file file;
    float *params, *state[DP_OPTIMIZER_SLABS_MAX];
} proof;

static void clear_proof(proof *self) {
    dp_model_file_close(&self->file);
    dp_memory_free(self->params);
    for (size_t slab = 0; slab < DP_OPTIMIZER_SLABS_MAX; slab++)
        dp_memory_free(self->state[slab]);
}

/* Values of a file that was made up may lie over each other, or over what leads to them. */
static dp_status check_image(const import *self, const char *path, dp_error *error) {
    DP_OWNED(clear_proof) proof made = {0};
    dp_params_layout layout;
    DP_TRY(dp_model_file_open_image(&made.file, self->image, self->from.reader.image.size, path,
                                    error));
    DP_TRY(dp_model_file_read_params(&made.file, self->layout.shape, &layout, &made.params, error));
    return made.file.version == DP_MODEL_FILE_VERSION_WITHOUT_STATE
               ? DP_OK
               : dp_model_file_read_state(&made.file, &layout, self->kind, made.state, error);
}

/* --- the file ------------------------------------------------------------------------------- */

/* The model's checkpoint, once more. */
static dp_status read_again(import *self, const dptrain_model *model, dp_error *error) {
    DP_TRY(dp_model_file_open(&self->from, model->path, error));
    if (self->from.weights_hash != model->facts.weights_hash)
        return dp_fail(error, DP_ERR_INPUT, "%s is another file than when it was opened",
                       model->path);
    DP_TRY(dp_model_file_read_params(&self->from, model->layout.shape, &self->layout, &self->params,
                                     error));
    const dp_h5image *image = &self->from.reader.image;
    DP_TRY_NEW(self->image, image->size);
    memcpy(self->image, image->bytes, image->size);
    return DP_OK;
}

static dp_status write_import(const dptrain_model *model, const float *const *values, size_t count,
                              const char *path, dp_error *error) {
    DP_OWNED(clear) import self = {0};
    if (model->member_count > 0)
        return dp_fail(error, DP_ERR_INPUT, "an ensemble has no tensors");
    DP_TRY(check_values(&model->layout, values, count, error));
    DP_TRY(check_name(path, error));
    DP_TRY(dp_file_kind_check_output(path, DP_FILE_CHECKPOINT, error));
    DP_TRY(read_again(&self, model, error));
    DP_TRY(put_params(&self, values, error));
    DP_TRY(dp_handle_check_size(&self.layout, self.params, path, error));
    DP_TRY(put_state(&self, error));
    DP_TRY(put_progress(&self, error));
    DP_TRY(put_text(&self, "build", "imported by dptrain " DP_VERSION, error));
    if (check_image(&self, path, error) != DP_OK)
        return dp_fail_prefix(error, "%s: its values lie over each other", model->path);
    return dp_model_file_write(path, self.image, self.from.reader.image.size, error);
}

dptrain_status dptrain_import(const dptrain_model *model, const float *const *values, size_t count,
                              const char *path, dptrain_error *error) {
    dp_error reason = {0};
    return dp_handle_report(error, write_import(model, values, count, path, &reason), &reason);
}
