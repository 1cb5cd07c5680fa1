#include "library/model_file.h"

#include "base/digest.h"
#include "base/memory.h"
#include "data/context.h"
#include "library/checkpoint_files.h"
#include "system/filesystem.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CONFIG_BYTES_MAX 65536
#define FEATURES_MAX ((size_t)1 << 32) /* more is an error of the layout, without overflow */

/* --- the seal ------------------------------------------------------------------------------- */

/* A word, the hash of all bytes before it, a newline. */
static void format_seal(uint64_t hash, char seal[DP_MODEL_FILE_SEAL_SIZE + 1]) {
    snprintf(seal, DP_MODEL_FILE_SEAL_SIZE + 1, DP_MODEL_FILE_SEAL_WORD "%s\n", DP_HASH_TEXT(hash));
}

static void close_stream(FILE **stream) {
    if (*stream != NULL)
        fclose(*stream);
}

/* Opens a regular file; *size is that of its content. */
static dp_status open_content(const char *path, FILE **stream, size_t *size, dp_error *error) {
    dp_file_map map;
    DP_TRY(dp_file_map_open(&map, path, error)); /* says best why it cannot be opened */
    *size = map.size;
    dp_file_map_close(&map);
    *stream = fopen(path, "rb");
    return *stream != NULL ? DP_OK : dp_fail_errno(error, errno, "cannot read %s", path);
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

/* Looks, and goes back to the beginning. */
static bool ends_in_seal(FILE *stream) {
    char found[DP_MODEL_FILE_SEAL_SIZE + 1] = "";
    const bool is_read = fseek(stream, -(long)DP_MODEL_FILE_SEAL_SIZE, SEEK_END) == 0 &&
                         fread(found, DP_MODEL_FILE_SEAL_SIZE, 1, stream) == 1;
    rewind(stream);
    return is_read && strncmp(found, DP_MODEL_FILE_SEAL_WORD, strlen(DP_MODEL_FILE_SEAL_WORD)) == 0;
}

/* What the file ends with, and the seal that it should end with; *found is "" where it is none:
 * then the rest, which may be of any size, is not read. */
static dp_status read_seal(const char *path, char found[DP_MODEL_FILE_SEAL_SIZE + 1],
                           char expected[DP_MODEL_FILE_SEAL_SIZE + 1], dp_error *error) {
    DP_OWNED(close_stream) FILE *stream = NULL;
    size_t size = 0;
    uint64_t hash = 0;
    memset(found, 0, DP_MODEL_FILE_SEAL_SIZE + 1);
    DP_TRY(open_content(path, &stream, &size, error));
    if (size < DP_MODEL_FILE_SEAL_SIZE || !ends_in_seal(stream))
        return DP_OK;
    if (!hash_next(stream, size - DP_MODEL_FILE_SEAL_SIZE, &hash) ||
        fread(found, DP_MODEL_FILE_SEAL_SIZE, 1, stream) != 1)
        return ferror(stream) != 0
                   ? dp_fail_errno(error, errno, "cannot read %s", path)
                   : dp_fail(error, DP_ERR_INPUT, "%s was cut short while it was read", path);
    format_seal(hash, expected);
    return DP_OK;
}

dp_status dp_model_file_check_seal(const char *path, dp_error *error) {
    char found[DP_MODEL_FILE_SEAL_SIZE + 1], expected[DP_MODEL_FILE_SEAL_SIZE + 1];
    DP_TRY(dp_file_kind_expect(path, DP_FILE_CHECKPOINT, error));
    DP_TRY(read_seal(path, found, expected, error));
    if (found[0] == '\0')
        return dp_fail(error, DP_ERR_INPUT, "%s is not a dptrain checkpoint, or is cut short",
                       path);
    if (memcmp(found, expected, DP_MODEL_FILE_SEAL_SIZE) != 0)
        return dp_fail(error, DP_ERR_INPUT, "%s is damaged: its content has another checksum",
                       path);
    return DP_OK;
}

/* Looks first, as a disk that runs full in the midst of it is nobody's friend. What a file system
 * does not tell, it will say when it is written to. */
static dp_status check_room(const char *path, size_t size, dp_error *error) {
    char folder[DP_PATH_SIZE];
    uint64_t free_bytes = 0;
    DP_TRY(dp_path_folder(path, folder, error));
    if (dp_filesystem_free_bytes(folder, &free_bytes, error) != DP_OK || free_bytes >= size)
        return DP_OK;
    return dp_fail(error, DP_ERR_IO,
                   "cannot write %s: No space left, it takes %zu bytes and %" PRIu64 " are free",
                   path, size, free_bytes);
}

dp_status dp_model_file_write(const char *path, const void *image, size_t size, dp_error *error) {
    DP_OWNED(dp_file_replace_abort) dp_file_replacement replacement = {0};
    char seal[DP_MODEL_FILE_SEAL_SIZE + 1];
    format_seal(dp_xxh3_of(image, size), seal);
    DP_TRY(check_room(path, size + DP_MODEL_FILE_SEAL_SIZE, error));
    DP_TRY(dp_file_replace_begin(&replacement, path, error));
    DP_TRY(dp_file_replace_append(&replacement, image, size, error));
    DP_TRY(dp_file_replace_append(&replacement, seal, DP_MODEL_FILE_SEAL_SIZE, error));
    return dp_file_replace_commit(&replacement, error);
}

/* --- all but the tensors -------------------------------------------------------------------- */

dp_status dp_model_file_read_hash(const dp_h5reader *reader, const char *name, uint64_t *hash,
                                  dp_error *error) {
    char text[DP_HASH_TEXT_SIZE];
    DP_TRY(dp_h5reader_text_attribute(reader, name, text, sizeof text, error));
    return dp_hash_parse(text, hash)
               ? DP_OK
               : dp_fail(error, DP_ERR_INPUT, "%s: %s is not a hash", reader->image.name, name);
}

static dp_status read_version(dp_model_file *file, dp_error *error) {
    const char *path = file->reader.image.name;
    char format[64];
    if (dp_h5reader_text_attribute(&file->reader, "format", format, sizeof format, error) !=
            DP_OK ||
        strcmp(format, DP_MODEL_FILE_FORMAT) != 0)
        return dp_fail(error, DP_ERR_INPUT, "%s is not a dptrain checkpoint", path);
    DP_TRY(dp_h5reader_unsigned_attribute(&file->reader, "version", &file->version, error));
    if (file->version >= DP_MODEL_FILE_VERSION_WITHOUT_STATE &&
        file->version <= DP_MODEL_FILE_VERSION)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%s is a checkpoint of format version %" PRIu64 "; this program reads %d and %d",
                   path, file->version, DP_MODEL_FILE_VERSION_WITHOUT_STATE, DP_MODEL_FILE_VERSION);
}

static dp_status read_finite(const dp_h5reader *reader, const char *name, double *value,
                             dp_error *error) {
    DP_TRY(dp_h5reader_real_attribute(reader, name, value, error));
    return isfinite(*value) ? DP_OK
                            : dp_fail(error, DP_ERR_INPUT, "%s: %s is not a finite number",
                                      reader->image.name, name);
}

static dp_status read_progress(dp_model_file *file, dp_error *error) {
    const dp_h5reader *reader = &file->reader;
    dp_progress *progress = &file->progress;
    DP_TRY(dp_h5reader_unsigned_attribute(reader, "step", &progress->step, error));
    progress->contract = DP_MODEL_FILE_CONTRACT_UNSAID;
    if (dp_h5image_has_attribute(&reader->image, "contract"))
        DP_TRY(dp_h5reader_unsigned_attribute(reader, "contract", &progress->contract, error));
    DP_TRY(read_finite(reader, "loss_sum", &progress->loss_sum, error));
    DP_TRY(dp_h5reader_unsigned_attribute(reader, "loss_count", &progress->loss_count, error));
    DP_TRY(read_finite(reader, "best_loss", &progress->best_loss, error));
    DP_TRY(dp_h5reader_unsigned_attribute(reader, "best_step", &progress->best_step, error));
    if (file->version == DP_MODEL_FILE_VERSION_WITHOUT_STATE)
        return DP_OK;
    return dp_h5reader_unsigned_attribute(reader, "evaluations_since_best",
                                          &progress->evaluations_since_best, error);
}

/* A copy under another step's name would be the newest for ever. */
static dp_status check_name(const dp_model_file *file, const char *path, dp_error *error) {
    uint64_t named = file->progress.step;
    if (!dp_checkpoint_files_step(dp_path_base(path), &named) || named == file->progress.step)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%s holds step %" PRIu64 ", another than its name says: rename it", path,
                   file->progress.step);
}

static dp_status read_facts(dp_model_file *file, dp_error *error) {
    const dp_h5reader *reader = &file->reader;
    const char *path = reader->image.name;
    DP_TRY(read_version(file, error));
    DP_TRY(read_progress(file, error));
    DP_TRY(check_name(file, path, error));
    DP_TRY(dp_model_file_read_hash(reader, "weights", &file->weights_hash, error));
    DP_TRY(dp_h5reader_text_attribute(reader, "dataset_sha256", file->dataset_sha256,
                                      sizeof file->dataset_sha256, error));
    DP_TRY(dp_unit_read(reader, &file->unit, &file->stream, error));
    DP_TRY(dp_preparation_read(reader, &file->preparation, error));
    DP_TRY(dp_h5reader_unsigned_attribute(reader, "block_size", &file->block_size, error));
    if (file->block_size < 1 || file->block_size > DP_BLOCK_SIZE_MAX)
        return dp_fail(error, DP_ERR_INPUT, "%s: block size %" PRIu64 " is not from 1 to %d", path,
                       file->block_size, DP_BLOCK_SIZE_MAX);
    DP_TRY(dp_h5reader_text_attribute(reader, "build", file->build, sizeof file->build, error));
    DP_TRY(dp_h5reader_text(reader, "/config", CONFIG_BYTES_MAX, &file->config, error));
    return dp_vocabulary_read(&file->vocabulary, reader, error);
}

dp_status dp_model_file_open(dp_model_file *file, const char *path, dp_error *error) {
    DP_TRY(dp_model_file_check_seal(path, error));
    DP_TRY(dp_h5reader_open(&file->reader, path, error));
    return read_facts(file, error);
}

dp_status dp_model_file_open_image(dp_model_file *file, const void *image, size_t size,
                                   const char *path, dp_error *error) {
    DP_TRY(dp_h5image_open(&file->reader.image, image, size, path, error));
    return read_facts(file, error);
}

void dp_model_file_close(dp_model_file *file) {
    dp_h5reader_close(&file->reader);
    dp_text_clear(&file->config);
    dp_vocabulary_clear(&file->vocabulary);
}

/* --- tensors -------------------------------------------------------------------------------- */

dp_h5shape dp_model_file_tensor_shape(const dp_tensor *tensor) {
    if (tensor->rank == 1)
        return (dp_h5shape){.rank = 1, .size = {tensor->cols}};
    return (dp_h5shape){.rank = 2, .size = {tensor->rows, tensor->cols}};
}

void dp_model_file_tensor_object(const char *group, const dp_tensor *tensor,
                                 char object[DP_OBJECT_SIZE]) {
    snprintf(object, DP_OBJECT_SIZE, "%s/%s", group, tensor->name);
}

/* The number of columns of a tensor; 0 where it is not there. */
static size_t columns_of(const dp_model_file *file, const char *object) {
    dp_h5value value;
    dp_error missing;
    if (dp_h5image_find(&file->reader.image, object, &value, &missing) != DP_OK ||
        value.shape.rank == 0)
        return 0;
    const uint64_t columns = value.shape.size[value.shape.rank - 1];
    return columns < FEATURES_MAX ? (size_t)columns : FEATURES_MAX;
}

dp_status dp_model_file_shape(const dp_model_file *file, dp_model_shape *shape, dp_error *error) {
    *shape = (dp_model_shape){.vocab = file->vocabulary.count,
                              .block_size = (size_t)file->block_size,
                              .embedding_dim = columns_of(file, "/params/C"),
                              .hidden_dim = columns_of(file, "/params/b1"),
                              .direct = columns_of(file, "/params/Wd") > 0};
    if (shape->embedding_dim > 0 && (shape->hidden_dim > 0 || shape->direct))
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT, "%s: has no readable /params/%s", file->reader.image.name,
                   shape->embedding_dim == 0 ? "C" : "b1");
}

/* Reads one into the slab; or where that is NULL, only checks its shape. */
static dp_status read_tensor(const dp_model_file *file, const char *group, const dp_tensor *tensor,
                             float *natural, float *slab, dp_error *error) {
    char object[DP_OBJECT_SIZE];
    if (dp_tensor_size(tensor) == 0)
        return DP_OK;
    dp_model_file_tensor_object(group, tensor, object);
    DP_TRY(dp_h5reader_floats(&file->reader, object, dp_model_file_tensor_shape(tensor), natural,
                              error));
    if (slab != NULL)
        dp_tensor_load(tensor, slab, natural);
    return DP_OK;
}

dp_status dp_model_file_read_slab(const dp_model_file *file, const dp_params_layout *layout,
                                  const char *group, float **slab, dp_error *error) {
    DP_OWNED(dp_memory_release) float *natural = NULL;
    for (int t = 0; t < DP_TENSOR_COUNT; t++)
        DP_TRY(read_tensor(file, group, &layout->tensors[t], NULL, NULL, error));
    DP_TRY_NEW(*slab, layout->length);
    DP_TRY_NEW(natural, dp_params_largest_tensor(layout));
    for (int t = 0; t < DP_TENSOR_COUNT; t++)
        DP_TRY(read_tensor(file, group, &layout->tensors[t], natural, *slab, error));
    return DP_OK;
}

dp_status dp_model_file_read_params(const dp_model_file *file, dp_model_shape shape,
                                    dp_params_layout *layout, float **params, dp_error *error) {
    if (dp_params_layout_init(layout, shape, error) != DP_OK)
        return dp_fail_prefix(error, "%s", file->reader.image.name);
    DP_TRY(dp_model_file_read_slab(file, layout, "/params", params, error));
    if (dp_params_hash(layout, *params) != file->weights_hash)
        return dp_fail(error, DP_ERR_INPUT, "%s is damaged: its weights have another hash",
                       file->reader.image.name);
    if (dp_params_are_finite(layout, *params))
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT, "%s: its weights are not all finite numbers",
                   file->reader.image.name);
}

/* --- the optimizer's state ------------------------------------------------------------------ */

void dp_model_file_slab_group(dp_optimizer_kind kind, size_t slab, char group[DP_OBJECT_SIZE]) {
    snprintf(group, DP_OBJECT_SIZE, "/optimizer/%s", dp_optimizer_slab_name(kind, slab));
}

uint64_t dp_model_file_hash_state(const dp_params_layout *layout, const float *const *state,
                                  size_t count) {
    uint64_t hashes[DP_OPTIMIZER_SLABS_MAX] = {0};
    for (size_t slab = 0; slab < count; slab++)
        hashes[slab] = dp_params_hash(layout, state[slab]);
    return dp_xxh3_of(hashes, count * sizeof hashes[0]);
}

dp_status dp_model_file_read_state(const dp_model_file *file, const dp_params_layout *layout,
                                   dp_optimizer_kind kind, float *state[DP_OPTIMIZER_SLABS_MAX],
                                   dp_error *error) {
    const size_t count = dp_optimizer_slabs(kind);
    char group[DP_OBJECT_SIZE];
    uint64_t hash = 0;
    for (size_t slab = 0; slab < count; slab++) {
        dp_model_file_slab_group(kind, slab, group);
        DP_TRY(dp_model_file_read_slab(file, layout, group, &state[slab], error));
    }
    DP_TRY(dp_model_file_read_hash(&file->reader, "state", &hash, error));
    if (dp_model_file_hash_state(layout, (const float *const *)state, count) == hash)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT, "%s is damaged: the optimizer's state has another hash",
                   file->reader.image.name);
}
