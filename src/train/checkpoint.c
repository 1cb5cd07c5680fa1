#include "train/checkpoint.h"

#include "adapters/h5file.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FORMAT "dptrain-checkpoint"
#define VERSION 1
#define CONFIG_BYTES_MAX 65536
#define OPTIMIZER_NAME "sgd"

static dp_h5shape tensor_shape(const dp_tensor *tensor) {
    if (tensor->rank == 1)
        return (dp_h5shape){.rank = 1, .size = {tensor->cols}};
    return (dp_h5shape){.rank = 2, .size = {tensor->rows, tensor->cols}};
}

static void tensor_object(const dp_tensor *tensor, char object[32]) {
    snprintf(object, 32, "/params/%s", tensor->name);
}

/* The checksum goes over every value that reading takes from the file. */
static dp_status compute_checksum(const dp_checkpoint *checkpoint, const char *config_text,
                                  uint64_t *checksum, dp_error *error) {
    const dp_progress *progress = &checkpoint->progress;
    const dp_vocabulary *vocabulary = &checkpoint->vocabulary;
    const uint64_t numbers[] = {progress->step, progress->loss_count, progress->best_step,
                                checkpoint->block_size, checkpoint->weights_hash,
                                (uint64_t)checkpoint->unit};
    const double reals[] = {progress->loss_sum, progress->best_loss};
    dp_xxh3 *state = dp_xxh3_create(error);
    if (state == NULL)
        return error->status;
    dp_xxh3_update_field(state, numbers, sizeof numbers);
    dp_xxh3_update_field(state, reals, sizeof reals);
    dp_xxh3_update_field(state, checkpoint->dataset_sha256, strlen(checkpoint->dataset_sha256));
    dp_xxh3_update_field(state, checkpoint->build, strlen(checkpoint->build));
    dp_xxh3_update_field(state, config_text, strlen(config_text));
    dp_xxh3_update_field(state, vocabulary->table, vocabulary->count * vocabulary->width);
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &checkpoint->layout.tensors[t];
        dp_xxh3_update_field(state, checkpoint->params + tensor->offset,
                             dp_tensor_size(tensor) * sizeof(float));
    }
    *checksum = dp_xxh3_digest(state);
    dp_xxh3_destroy(state);
    return DP_OK;
}

/* --- saving --------------------------------------------------------------------------------- */

static dp_status write_attributes(const dp_checkpoint *checkpoint, dp_h5file *file,
                                  uint64_t checksum, dp_error *error) {
    dp_status status = DP_OK;
    const dp_progress *progress = &checkpoint->progress;
    char hash[DP_HASH_TEXT_SIZE];
    DP_TRY(dp_h5file_write_text_attribute(file, "format", FORMAT, error));
    DP_TRY(dp_h5file_write_unsigned_attribute(file, "version", VERSION, error));
    DP_TRY(dp_h5file_write_unsigned_attribute(file, "step", progress->step, error));
    dp_hash_format(checkpoint->weights_hash, hash);
    DP_TRY(dp_h5file_write_text_attribute(file, "weights", hash, error));
    DP_TRY(dp_h5file_write_text_attribute(file, "dataset_sha256", checkpoint->dataset_sha256,
                                          error));
    DP_TRY(dp_h5file_write_text_attribute(file, "unit", dp_unit_name(checkpoint->unit), error));
    DP_TRY(dp_h5file_write_unsigned_attribute(file, "block_size", checkpoint->block_size, error));
    DP_TRY(dp_h5file_write_text_attribute(file, "build", checkpoint->build, error));
    DP_TRY(dp_h5file_write_real_attribute(file, "loss_sum", progress->loss_sum, error));
    DP_TRY(dp_h5file_write_unsigned_attribute(file, "loss_count", progress->loss_count, error));
    DP_TRY(dp_h5file_write_real_attribute(file, "best_loss", progress->best_loss, error));
    DP_TRY(dp_h5file_write_unsigned_attribute(file, "best_step", progress->best_step, error));
    dp_hash_format(checksum, hash);
    DP_TRY(dp_h5file_write_text_attribute(file, "checksum", hash, error));
done:
    return status;
}

static dp_status write_content(const dp_checkpoint *checkpoint, dp_h5file *file,
                               dp_error *error) {
    dp_status status = DP_OK;
    uint64_t checksum = 0;
    dp_text config = {0};
    dp_config_write(&checkpoint->config, &config);
    DP_TRY(dp_text_check(&config, error));
    DP_TRY(compute_checksum(checkpoint, dp_text_string(&config), &checksum, error));
    DP_TRY(write_attributes(checkpoint, file, checksum, error));
    DP_TRY(dp_h5file_write_text(file, "/config", dp_text_string(&config), error));
    DP_TRY(dp_vocabulary_write(&checkpoint->vocabulary, file, error));
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &checkpoint->layout.tensors[t];
        char object[32];
        tensor_object(tensor, object);
        DP_TRY(dp_h5file_write_floats(file, object, tensor_shape(tensor),
                                      checkpoint->params + tensor->offset, error));
    }
    DP_TRY(dp_h5file_write_text(file, "/optimizer/name", OPTIMIZER_NAME, error));
done:
    dp_text_clear(&config);
    return status;
}

dp_status dp_checkpoint_save(const dp_checkpoint *checkpoint, const char *path, dp_error *error) {
    dp_file_replacement replacement;
    dp_h5file *file = NULL;
    dp_error later; /* of the close, when something failed before it */
    dp_status status = dp_file_replace_begin(&replacement, path, error);
    if (status != DP_OK)
        return status;
    DP_TRY(dp_h5file_create(&file, replacement.temporary, error));
    DP_TRY(write_content(checkpoint, file, error));
done:
    if (dp_h5file_close(file, status == DP_OK ? error : &later) != DP_OK && status == DP_OK)
        status = error->status;
    if (status == DP_OK)
        status = dp_file_replace_commit(&replacement, error);
    dp_file_replace_abort(&replacement);
    return status;
}

/* --- loading -------------------------------------------------------------------------------- */

static dp_status read_hash(dp_h5file *file, const char *path, const char *name, uint64_t *hash,
                           dp_error *error) {
    char text[DP_HASH_TEXT_SIZE];
    dp_status status = dp_h5file_read_text_attribute(file, name, text, sizeof text, error);
    if (status == DP_OK && !dp_hash_parse(text, hash))
        status = dp_fail(error, DP_ERR_INPUT, "%s: %s is not a hash", path, name);
    return status;
}

static dp_status read_attributes(dp_checkpoint *checkpoint, dp_h5file *file, const char *path,
                                 uint64_t *checksum, dp_error *error) {
    dp_status status = DP_OK;
    dp_progress *progress = &checkpoint->progress;
    uint64_t version = 0;
    char format[64], unit[16];
    if (dp_h5file_read_text_attribute(file, "format", format, sizeof format, error) != DP_OK ||
        strcmp(format, FORMAT) != 0)
        return dp_fail(error, DP_ERR_INPUT, "%s is not a dptrain checkpoint", path);
    DP_TRY(dp_h5file_read_unsigned_attribute(file, "version", &version, error));
    if (version != VERSION)
        return dp_fail(error, DP_ERR_INPUT,
                       "%s is a checkpoint of format version %" PRIu64 "; this program reads %d",
                       path, version, VERSION);
    DP_TRY(dp_h5file_read_unsigned_attribute(file, "step", &progress->step, error));
    DP_TRY(read_hash(file, path, "weights", &checkpoint->weights_hash, error));
    DP_TRY(dp_h5file_read_text_attribute(file, "dataset_sha256", checkpoint->dataset_sha256,
                                         sizeof checkpoint->dataset_sha256, error));
    DP_TRY(dp_h5file_read_text_attribute(file, "unit", unit, sizeof unit, error));
    checkpoint->unit = dp_unit_parse(unit);
    DP_TRY(dp_h5file_read_unsigned_attribute(file, "block_size", &checkpoint->block_size, error));
    DP_TRY(dp_h5file_read_text_attribute(file, "build", checkpoint->build,
                                         sizeof checkpoint->build, error));
    DP_TRY(dp_h5file_read_real_attribute(file, "loss_sum", &progress->loss_sum, error));
    DP_TRY(dp_h5file_read_unsigned_attribute(file, "loss_count", &progress->loss_count, error));
    DP_TRY(dp_h5file_read_real_attribute(file, "best_loss", &progress->best_loss, error));
    DP_TRY(dp_h5file_read_unsigned_attribute(file, "best_step", &progress->best_step, error));
    DP_TRY(read_hash(file, path, "checksum", checksum, error));
done:
    return status;
}

/* Lays the model out as config, vocabulary and block_size say, and reads its tensors. */
static dp_status read_params(dp_checkpoint *checkpoint, dp_h5file *file, dp_error *error) {
    dp_status status = DP_OK;
    dp_model_shape shape = {.vocab = checkpoint->vocabulary.count,
                            .block_size = checkpoint->block_size,
                            .embedding_dim = checkpoint->config.embedding_dim,
                            .hidden_dim = checkpoint->config.hidden_dim};
    char object[32];
    DP_TRY(dp_params_layout_init(&checkpoint->layout, shape, error));
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        /* All shapes are seen before memory is taken on the word of any. */
        tensor_object(&checkpoint->layout.tensors[t], object);
        DP_TRY(dp_h5file_check_floats(file, object, tensor_shape(&checkpoint->layout.tensors[t]),
                                      error));
    }
    DP_NEW_ARRAY(checkpoint->params, checkpoint->layout.length);
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &checkpoint->layout.tensors[t];
        tensor_object(tensor, object);
        DP_TRY(dp_h5file_read_floats(file, object, tensor_shape(tensor),
                                     checkpoint->params + tensor->offset, error));
    }
done:
    return status;
}

static dp_status read_content(dp_checkpoint *checkpoint, dp_h5file *file, const char *path,
                              dp_error *error) {
    dp_status status = DP_OK;
    uint64_t stored = 0, computed = 0;
    dp_text config = {0}, optimizer = {0};
    DP_TRY(read_attributes(checkpoint, file, path, &stored, error));
    DP_TRY(dp_h5file_read_text(file, "/config", CONFIG_BYTES_MAX, &config, error));
    DP_TRY(dp_config_parse(&checkpoint->config, dp_text_string(&config), config.length, path,
                           error));
    DP_TRY(dp_vocabulary_read(&checkpoint->vocabulary, file, path, error));
    DP_TRY(read_params(checkpoint, file, error));
    DP_TRY(dp_h5file_read_text(file, "/optimizer/name", 64, &optimizer, error));
    DP_TRY(compute_checksum(checkpoint, dp_text_string(&config), &computed, error));
    if (computed != stored || strcmp(dp_text_string(&optimizer), OPTIMIZER_NAME) != 0 ||
        dp_params_hash(&checkpoint->layout, checkpoint->params) != checkpoint->weights_hash)
        status = dp_fail(error, DP_ERR_INPUT, "%s is damaged: its content has another checksum",
                         path);
done:
    dp_text_clear(&config);
    dp_text_clear(&optimizer);
    return status;
}

dp_status dp_checkpoint_load(dp_checkpoint *checkpoint, const char *path, dp_error *error) {
    dp_status status = DP_OK;
    dp_h5file *file = NULL;
    dp_error later;
    memset(checkpoint, 0, sizeof *checkpoint);
    DP_TRY(dp_h5file_open(&file, path, error));
    DP_TRY(read_content(checkpoint, file, path, error));
done:
    (void)dp_h5file_close(file, &later); /* only read from */
    if (status != DP_OK)
        dp_checkpoint_clear(checkpoint);
    return status;
}

void dp_checkpoint_clear(dp_checkpoint *checkpoint) {
    dp_vocabulary_clear(&checkpoint->vocabulary);
    dp_memory_free(checkpoint->params);
    checkpoint->params = NULL;
}
