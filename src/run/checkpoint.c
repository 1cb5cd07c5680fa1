#include "run/checkpoint.h"

#include "base/memory.h"
#include "base/size.h"
#include "data/vocabulary_writer.h"
#include "system/filesystem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FORMAT "dptrain-checkpoint"
#define VERSION 2
#define VERSION_WITHOUT_STATE 1 /* the oldest that is read */
#define CONFIG_BYTES_MAX 65536
#define OBJECT_SIZE 64

bool dp_progress_is_stopped_early(const dp_progress *progress, const dp_config *config) {
    return config->eval_patience != 0 && progress->evaluations_since_best >= config->eval_patience;
}

static dp_h5shape tensor_shape(const dp_tensor *tensor) {
    if (tensor->rank == 1)
        return (dp_h5shape){.rank = 1, .size = {tensor->cols}};
    return (dp_h5shape){.rank = 2, .size = {tensor->rows, tensor->cols}};
}

/* "/params/W1". */
static void tensor_object(const char *group, const dp_tensor *tensor, char object[OBJECT_SIZE]) {
    snprintf(object, OBJECT_SIZE, "%s/%s", group, tensor->name);
}

static size_t slab_count(const dp_checkpoint *checkpoint) {
    return dp_optimizer_slabs(checkpoint->config.optimizer);
}

/* "/optimizer/exp_avg". */
static void slab_group(const dp_checkpoint *checkpoint, size_t slab, char group[OBJECT_SIZE]) {
    snprintf(group, OBJECT_SIZE, "/optimizer/%s",
             dp_optimizer_slab_name(checkpoint->config.optimizer, slab));
}

/* Of the optimizer's state: the XXH3 of the hashes of its slabs. */
static uint64_t hash_state(const dp_checkpoint *checkpoint) {
    uint64_t hashes[DP_OPTIMIZER_SLABS_MAX] = {0};
    const size_t count = slab_count(checkpoint);
    for (size_t slab = 0; slab < count; slab++)
        hashes[slab] = dp_params_hash(&checkpoint->layout, checkpoint->state[slab]);
    return dp_xxh3_of(hashes, count * sizeof hashes[0]);
}

/* --- the seal ------------------------------------------------------------------------------- */

/* HDF5 1.10 may read outside its memory where a file's structure is damaged, so a file is looked at
 * as bytes first. HDF5 does not mind what follows its own part of a file. */

#define SEAL_WORD "dptrain-seal "
#define SEAL_SIZE 35 /* the word, the hash of all bytes before it, a newline */

static void format_seal(uint64_t hash, char seal[SEAL_SIZE + 1]) {
    char text[DP_HASH_TEXT_SIZE];
    snprintf(seal, SEAL_SIZE + 1, SEAL_WORD "%s\n", dp_hash_format(hash, text));
}

/* Opens a regular file; *size is that of its content. */
static dp_status open_content(const char *path, FILE **stream, size_t *size, dp_error *error) {
    dp_status status = DP_OK;
    dp_file_map map;
    *stream = NULL;
    DP_TRY(dp_file_map_open(&map, path, error)); /* says best why it cannot be opened */
    *size = map.size;
    dp_file_map_close(&map);
    *stream = fopen(path, "rb");
    if (*stream == NULL)
        status = dp_fail_errno(error, errno, "cannot read %s", path);
    return status;
}

/* The XXH3 of the next `count` bytes. They are read and not mapped: what a disk no longer gives is
 * then an error, and no signal. */
static bool hash_next(FILE *stream, size_t count, uint64_t *hash) {
    unsigned char bytes[16384];
    dp_xxh3 state;
    dp_xxh3_init(&state);
    while (count > 0) {
        size_t part = fread(bytes, 1, count < sizeof bytes ? count : sizeof bytes, stream);
        if (part == 0)
            return false;
        dp_xxh3_update(&state, bytes, part);
        count -= part;
    }
    *hash = dp_xxh3_digest(&state);
    return true;
}

/* What the file ends with, and the seal that it should end with; *found is "" where there is no
 * room for one. */
static dp_status read_seal(const char *path, char found[SEAL_SIZE + 1],
                           char expected[SEAL_SIZE + 1], dp_error *error) {
    dp_status status = DP_OK;
    FILE *stream = NULL;
    size_t size = 0;
    uint64_t hash = 0;
    memset(found, 0, SEAL_SIZE + 1);
    DP_OR_DONE(open_content(path, &stream, &size, error));
    if (size < SEAL_SIZE)
        goto done;
    if (!hash_next(stream, size - SEAL_SIZE, &hash) || fread(found, SEAL_SIZE, 1, stream) != 1)
        status = ferror(stream) != 0
                     ? dp_fail_errno(error, errno, "cannot read %s", path)
                     : dp_fail(error, DP_ERR_INPUT, "%s was cut short while it was read", path);
    format_seal(hash, expected);
done:
    if (stream != NULL)
        fclose(stream);
    return status;
}

static bool is_seal(const char *text) {
    return strncmp(text, SEAL_WORD, strlen(SEAL_WORD)) == 0;
}

dp_status dp_checkpoint_check_seal(const char *path, dp_error *error) {
    char found[SEAL_SIZE + 1], expected[SEAL_SIZE + 1];
    dp_status status = read_seal(path, found, expected, error);
    if (status == DP_OK && !is_seal(found))
        status =
            dp_fail(error, DP_ERR_INPUT, "%s is not a dptrain checkpoint, or is cut short", path);
    else if (status == DP_OK && memcmp(found, expected, SEAL_SIZE) != 0)
        status =
            dp_fail(error, DP_ERR_INPUT, "%s is damaged: its content has another checksum", path);
    return status;
}

bool dp_checkpoint_has_seal(const char *path) {
    char found[SEAL_SIZE + 1], expected[SEAL_SIZE + 1];
    dp_error ignored;
    return read_seal(path, found, expected, &ignored) == DP_OK && is_seal(found);
}

/* --- saving --------------------------------------------------------------------------------- */

static dp_status write_attributes(const dp_checkpoint *checkpoint, dp_h5writer *file,
                                  dp_error *error) {
    const dp_progress *progress = &checkpoint->progress;
    char hash[DP_HASH_TEXT_SIZE];
    DP_TRY(dp_h5writer_text_attribute(file, "format", FORMAT, error));
    DP_TRY(dp_h5writer_unsigned_attribute(file, "version", VERSION, error));
    DP_TRY(dp_h5writer_unsigned_attribute(file, "step", progress->step, error));
    dp_hash_format(checkpoint->weights_hash, hash);
    DP_TRY(dp_h5writer_text_attribute(file, "weights", hash, error));
    dp_hash_format(hash_state(checkpoint), hash);
    DP_TRY(dp_h5writer_text_attribute(file, "state", hash, error));
    DP_TRY(dp_h5writer_text_attribute(file, "dataset_sha256", checkpoint->dataset_sha256, error));
    DP_TRY(dp_unit_write(file, checkpoint->unit, checkpoint->stream, error));
    DP_TRY(dp_h5writer_unsigned_attribute(file, "block_size", checkpoint->block_size, error));
    DP_TRY(dp_h5writer_text_attribute(file, "build", checkpoint->build, error));
    DP_TRY(dp_h5writer_real_attribute(file, "loss_sum", progress->loss_sum, error));
    DP_TRY(dp_h5writer_unsigned_attribute(file, "loss_count", progress->loss_count, error));
    DP_TRY(dp_h5writer_real_attribute(file, "best_loss", progress->best_loss, error));
    DP_TRY(dp_h5writer_unsigned_attribute(file, "best_step", progress->best_step, error));
    return dp_h5writer_unsigned_attribute(file, "evaluations_since_best",
                                          progress->evaluations_since_best, error);
}

static size_t largest_tensor(const dp_params_layout *layout) {
    size_t largest = 0;
    for (int t = 0; t < DP_TENSOR_COUNT; t++)
        largest = dp_size_max(largest, dp_tensor_size(&layout->tensors[t]));
    return largest;
}

/* The tensors of a slab that is laid out as the parameters are. */
static dp_status write_slab(const dp_checkpoint *checkpoint, dp_h5writer *file, const char *group,
                            const float *slab, dp_error *error) {
    dp_status status = DP_OK;
    float *natural = NULL;
    char object[OBJECT_SIZE];
    DP_NEW_OR_DONE(natural, largest_tensor(&checkpoint->layout));
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &checkpoint->layout.tensors[t];
        if (dp_tensor_size(tensor) == 0)
            continue;
        tensor_object(group, tensor, object);
        dp_tensor_store(tensor, slab, natural);
        DP_OR_DONE(dp_h5writer_floats(file, object, tensor_shape(tensor), natural, error));
    }
done:
    dp_memory_free(natural);
    return status;
}

static dp_status write_optimizer(const dp_checkpoint *checkpoint, dp_h5writer *file,
                                 dp_error *error) {
    char group[OBJECT_SIZE];
    DP_TRY(dp_h5writer_text(file, "/optimizer/name",
                            dp_optimizer_name(checkpoint->config.optimizer), error));
    for (size_t slab = 0; slab < slab_count(checkpoint); slab++) {
        slab_group(checkpoint, slab, group);
        DP_TRY(write_slab(checkpoint, file, group, checkpoint->state[slab], error));
    }
    return DP_OK;
}

static dp_status write_content(const dp_checkpoint *checkpoint, dp_h5writer *file,
                               dp_error *error) {
    dp_status status = DP_OK;
    dp_text config = {0};
    dp_config_write(&checkpoint->config, &config);
    DP_OR_DONE(dp_text_check(&config, error));
    DP_OR_DONE(write_attributes(checkpoint, file, error));
    DP_OR_DONE(dp_h5writer_text(file, "/config", dp_text_string(&config), error));
    DP_OR_DONE(dp_vocabulary_write(&checkpoint->vocabulary, file, error));
    DP_OR_DONE(write_slab(checkpoint, file, "/params", checkpoint->params, error));
    DP_OR_DONE(write_optimizer(checkpoint, file, error));
done:
    dp_text_clear(&config);
    return status;
}

/* Looks first, as a disk that runs full in the midst of it is nobody's friend. What a file system
 * does not tell, it will say when it is written to. */
static dp_status check_room(const char *path, size_t size, dp_error *error) {
    char folder[DP_PATH_SIZE];
    uint64_t free_bytes = 0;
    const size_t length = (size_t)(dp_path_base(path) - path);
    dp_status status = dp_path_format(folder, error, "%.*s.", (int)length, path); /* "a/." or "." */
    if (status == DP_OK && dp_filesystem_free_bytes(folder, &free_bytes, error) == DP_OK &&
        free_bytes < size)
        status =
            dp_fail(error, DP_ERR_IO,
                    "cannot write %s: No space left, it takes %zu bytes and %" PRIu64 " are free",
                    path, size, free_bytes);
    return status;
}

static dp_status write_file(const char *path, const void *image, size_t size, dp_error *error) {
    dp_status status = DP_OK;
    dp_file_replacement replacement = {0};
    char seal[SEAL_SIZE + 1];
    format_seal(dp_xxh3_of(image, size), seal);
    DP_OR_DONE(check_room(path, size + SEAL_SIZE, error));
    DP_OR_DONE(dp_file_replace_begin(&replacement, path, error));
    DP_OR_DONE(dp_file_replace_append(&replacement, image, size, error));
    DP_OR_DONE(dp_file_replace_append(&replacement, seal, SEAL_SIZE, error));
    DP_OR_DONE(dp_file_replace_commit(&replacement, error));
done:
    dp_file_replace_abort(&replacement);
    return status;
}

static dp_status make_image(const dp_checkpoint *checkpoint, const char *path, char **image,
                            size_t *size, dp_error *error) {
    dp_status status = DP_OK;
    dp_h5writer *file = NULL;
    dp_error later; /* of the close, when something failed before it */
    DP_OR_DONE(dp_h5writer_create_in_memory(&file, path, error));
    DP_OR_DONE(write_content(checkpoint, file, error));
    DP_OR_DONE(dp_h5writer_image(file, image, size, error));
done:
    if (dp_h5writer_close(file, status == DP_OK ? error : &later) != DP_OK && status == DP_OK)
        status = error->status;
    return status;
}

dp_status dp_checkpoint_save(const dp_checkpoint *checkpoint, const char *path, dp_error *error) {
    char *image = NULL;
    size_t size = 0;
    dp_status status = make_image(checkpoint, path, &image, &size, error);
    if (status == DP_OK)
        status = write_file(path, image, size, error);
    dp_memory_free(image);
    return status;
}

/* --- loading -------------------------------------------------------------------------------- */

static dp_status read_hash(const dp_h5reader *file, const char *path, const char *name,
                           uint64_t *hash, dp_error *error) {
    char text[DP_HASH_TEXT_SIZE];
    dp_status status = dp_h5reader_text_attribute(file, name, text, sizeof text, error);
    if (status == DP_OK && !dp_hash_parse(text, hash))
        status = dp_fail(error, DP_ERR_INPUT, "%s: %s is not a hash", path, name);
    return status;
}

static dp_status read_version(const dp_h5reader *file, const char *path, uint64_t *version,
                              dp_error *error) {
    dp_status status = DP_OK;
    char format[64];
    if (dp_h5reader_text_attribute(file, "format", format, sizeof format, error) != DP_OK ||
        strcmp(format, FORMAT) != 0)
        return dp_fail(error, DP_ERR_INPUT, "%s is not a dptrain checkpoint", path);
    DP_TRY(dp_h5reader_unsigned_attribute(file, "version", version, error));
    if (*version < VERSION_WITHOUT_STATE || *version > VERSION)
        status = dp_fail(error, DP_ERR_INPUT,
                         "%s is a checkpoint of format version %" PRIu64
                         "; this program reads %d and %d",
                         path, *version, VERSION_WITHOUT_STATE, VERSION);
    return status;
}

static dp_status read_attributes(dp_checkpoint *checkpoint, const dp_h5reader *file,
                                 const char *path, uint64_t version, dp_error *error) {
    dp_progress *progress = &checkpoint->progress;
    DP_TRY(dp_h5reader_unsigned_attribute(file, "step", &progress->step, error));
    DP_TRY(read_hash(file, path, "weights", &checkpoint->weights_hash, error));
    DP_TRY(dp_h5reader_text_attribute(file, "dataset_sha256", checkpoint->dataset_sha256,
                                      sizeof checkpoint->dataset_sha256, error));
    DP_TRY(dp_unit_read(file, &checkpoint->unit, &checkpoint->stream, error));
    DP_TRY(dp_h5reader_unsigned_attribute(file, "block_size", &checkpoint->block_size, error));
    DP_TRY(dp_h5reader_text_attribute(file, "build", checkpoint->build, sizeof checkpoint->build,
                                      error));
    DP_TRY(dp_h5reader_real_attribute(file, "loss_sum", &progress->loss_sum, error));
    DP_TRY(dp_h5reader_unsigned_attribute(file, "loss_count", &progress->loss_count, error));
    DP_TRY(dp_h5reader_real_attribute(file, "best_loss", &progress->best_loss, error));
    DP_TRY(dp_h5reader_unsigned_attribute(file, "best_step", &progress->best_step, error));
    if (version > VERSION_WITHOUT_STATE)
        DP_TRY(dp_h5reader_unsigned_attribute(file, "evaluations_since_best",
                                              &progress->evaluations_since_best, error));
    return DP_OK;
}

/* All shapes are seen before memory is taken on the word of any. */
static dp_status check_slab(const dp_checkpoint *checkpoint, const dp_h5reader *file,
                            const char *group, dp_error *error) {
    char object[OBJECT_SIZE];
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &checkpoint->layout.tensors[t];
        if (dp_tensor_size(tensor) == 0)
            continue;
        tensor_object(group, tensor, object);
        DP_TRY(dp_h5reader_floats(file, object, tensor_shape(tensor), NULL, error));
    }
    return DP_OK;
}

/* *slab is the checkpoint's own, whether this succeeds or not. */
static dp_status read_slab(const dp_checkpoint *checkpoint, const dp_h5reader *file,
                           const char *group, float **slab, dp_error *error) {
    dp_status status = DP_OK;
    float *natural = NULL;
    char object[OBJECT_SIZE];
    DP_OR_DONE(check_slab(checkpoint, file, group, error));
    DP_NEW_OR_DONE(*slab, checkpoint->layout.length);
    DP_NEW_OR_DONE(natural, largest_tensor(&checkpoint->layout));
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &checkpoint->layout.tensors[t];
        if (dp_tensor_size(tensor) == 0)
            continue;
        tensor_object(group, tensor, object);
        DP_OR_DONE(dp_h5reader_floats(file, object, tensor_shape(tensor), natural, error));
        dp_tensor_load(tensor, *slab, natural);
    }
done:
    dp_memory_free(natural);
    return status;
}

/* Lays the model out as config, vocabulary and block_size say, and reads its tensors. */
static dp_status read_params(dp_checkpoint *checkpoint, const dp_h5reader *file, const char *path,
                             dp_error *error) {
    dp_status status = DP_OK;
    const dp_model_shape shape =
        dp_config_shape(&checkpoint->config, checkpoint->vocabulary.count, checkpoint->block_size);
    if (dp_params_layout_init(&checkpoint->layout, shape, error) != DP_OK)
        return dp_fail_prefix(error, "%s", path);
    DP_TRY(read_slab(checkpoint, file, "/params", &checkpoint->params, error));
    if (dp_params_hash(&checkpoint->layout, checkpoint->params) != checkpoint->weights_hash)
        status = dp_fail(error, DP_ERR_INPUT, "%s is damaged: its weights have another hash", path);
    return status;
}

static dp_status read_state(dp_checkpoint *checkpoint, const dp_h5reader *file, const char *path,
                            dp_error *error) {
    dp_status status = DP_OK;
    char group[OBJECT_SIZE];
    uint64_t hash = 0;
    for (size_t slab = 0; slab < slab_count(checkpoint); slab++) {
        slab_group(checkpoint, slab, group);
        DP_TRY(read_slab(checkpoint, file, group, &checkpoint->state[slab], error));
    }
    DP_TRY(read_hash(file, path, "state", &hash, error));
    if (hash_state(checkpoint) != hash)
        status = dp_fail(error, DP_ERR_INPUT,
                         "%s is damaged: the optimizer's state has another hash", path);
    return status;
}

static dp_status read_optimizer(dp_checkpoint *checkpoint, const dp_h5reader *file,
                                const char *path, uint64_t version, dp_error *error) {
    dp_status status = DP_OK;
    dp_text name = {0};
    const char *configured = dp_optimizer_name(checkpoint->config.optimizer);
    DP_OR_DONE(dp_h5reader_text(file, "/optimizer/name", 64, &name, error));
    if (strcmp(dp_text_string(&name), configured) != 0)
        status = dp_fail(error, DP_ERR_INPUT, "%s: optimizer '%s', but '%s' in its config", path,
                         dp_text_string(&name), configured);
    else if (version > VERSION_WITHOUT_STATE)
        status = read_state(checkpoint, file, path, error);
    else if (slab_count(checkpoint) > 0)
        status = dp_fail(error, DP_ERR_INPUT, "%s: version %" PRIu64 " has no state for %s", path,
                         version, configured);
done:
    dp_text_clear(&name);
    return status;
}

static dp_status read_content(dp_checkpoint *checkpoint, const dp_h5reader *file, const char *path,
                              bool with_state, dp_error *error) {
    dp_status status = DP_OK;
    dp_text config = {0};
    uint64_t version = 0;
    DP_OR_DONE(read_version(file, path, &version, error));
    DP_OR_DONE(read_attributes(checkpoint, file, path, version, error));
    DP_OR_DONE(dp_h5reader_text(file, "/config", CONFIG_BYTES_MAX, &config, error));
    DP_OR_DONE(
        dp_config_parse(&checkpoint->config, dp_text_string(&config), config.length, path, error));
    DP_OR_DONE(dp_vocabulary_read(&checkpoint->vocabulary, file, error));
    DP_OR_DONE(read_params(checkpoint, file, path, error));
    if (with_state)
        DP_OR_DONE(read_optimizer(checkpoint, file, path, version, error));
done:
    dp_text_clear(&config);
    return status;
}

static dp_status load(dp_checkpoint *checkpoint, const char *path, bool with_state,
                      dp_error *error) {
    dp_status status = DP_OK;
    dp_h5reader file = {0};
    memset(checkpoint, 0, sizeof *checkpoint);
    DP_OR_DONE(dp_checkpoint_check_seal(path, error));
    DP_OR_DONE(dp_h5reader_open(&file, path, error));
    DP_OR_DONE(read_content(checkpoint, &file, path, with_state, error));
done:
    dp_h5reader_close(&file);
    if (status != DP_OK)
        dp_checkpoint_clear(checkpoint);
    return status;
}

dp_status dp_checkpoint_load(dp_checkpoint *checkpoint, const char *path, dp_error *error) {
    return load(checkpoint, path, true, error);
}

dp_status dp_checkpoint_load_model(dp_checkpoint *checkpoint, const char *path, dp_error *error) {
    return load(checkpoint, path, false, error);
}

void dp_checkpoint_clear(dp_checkpoint *checkpoint) {
    dp_vocabulary_clear(&checkpoint->vocabulary);
    dp_memory_free(checkpoint->params);
    checkpoint->params = NULL;
    for (size_t slab = 0; slab < DP_OPTIMIZER_SLABS_MAX; slab++) {
        dp_memory_free(checkpoint->state[slab]);
        checkpoint->state[slab] = NULL;
    }
}
