#define _DEFAULT_SOURCE /* madvise */
#include "data/dataset.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/size.h"
#include "data/dataset_seal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ids and checksums are little-endian");

const char *dp_split_name(dp_split split) {
    static const char *const names[] = {DP_SPLIT_NAMES};
    return names[split];
}

uint64_t dp_dataset_rows(const dp_dataset *dataset, dp_split split) {
    return dataset->tensors[DP_TARGETS(split)].rows;
}

size_t dp_dataset_id_bytes(uint64_t vocab) {
    return vocab <= 256 ? 1 : vocab <= 65536 ? 2 : 4;
}

static uint32_t load_id(const unsigned char *bytes, size_t id_bytes) {
    uint32_t id = bytes[0];
    if (id_bytes > 1)
        id |= (uint32_t)bytes[1] << 8;
    if (id_bytes > 2)
        id |= (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    return id;
}

void dp_dataset_prefetch_row(const dp_dataset *dataset, dp_split split, uint64_t row) {
    const dp_id_tensor *contexts = &dataset->tensors[DP_CONTEXTS(split)];
    __builtin_prefetch(contexts->data + row * contexts->columns * dataset->id_bytes);
    __builtin_prefetch(dataset->tensors[DP_TARGETS(split)].data + row * dataset->id_bytes);
}

static uint32_t bounded(uint32_t id, size_t vocab, uint64_t *bad) {
    *bad += id >= vocab;
    return id < vocab ? id : 0;
}

void dp_dataset_read_row(const dp_dataset *dataset, dp_split split, uint64_t row, uint32_t *context,
                         uint32_t *target) {
    const size_t id_bytes = dataset->id_bytes, vocab = dataset->vocabulary.count;
    const dp_id_tensor *contexts = &dataset->tensors[DP_CONTEXTS(split)];
    const unsigned char *source = contexts->data + row * contexts->columns * id_bytes;
    uint64_t bad = 0;
    for (uint64_t i = 0; i < contexts->columns; i++)
        context[i] = bounded(load_id(source + i * id_bytes, id_bytes), vocab, &bad);
    source = dataset->tensors[DP_TARGETS(split)].data + row * id_bytes;
    *target = bounded(load_id(source, id_bytes), vocab, &bad);
    if (bad > 0)
        *dataset->bad_ids += bad;
}

void dp_dataset_count_targets(const dp_dataset *dataset, dp_split split, uint64_t limit,
                              uint64_t *counts) {
    const dp_id_tensor *targets = &dataset->tensors[DP_TARGETS(split)];
    const dp_row_weights *weights = &dataset->weights[split];
    memset(counts, 0, dataset->vocabulary.count * sizeof *counts);
    for (uint64_t i = 0; i < dp_row_weights_lines(weights); i++) {
        const dp_weighted_line line = dp_row_weights_line(weights, i);
        for (uint64_t row = line.first; row < line.end && row < limit; row++) {
            const uint32_t id = load_id(targets->data + row * dataset->id_bytes, dataset->id_bytes);
            if (id < dataset->vocabulary.count)
                counts[id] += line.weight;
        }
    }
}

void dp_line_ends_name(dp_split split, char name[DP_LINE_ENDS_NAME_SIZE]) {
    snprintf(name, DP_LINE_ENDS_NAME_SIZE, "/%s/line_ends", dp_split_name(split));
}

void dp_warning_name(size_t index, char name[DP_WARNING_NAME_SIZE]) {
    snprintf(name, DP_WARNING_NAME_SIZE, "warning_%zu", index + 1);
}

/* --- which file it is ----------------------------------------------------------------------- */

static int64_t nanoseconds(struct timespec time) {
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_nsec;
}

dp_file_state dp_file_state_of(const char *path) {
    struct stat information;
    if (stat(path, &information) != 0)
        return (dp_file_state){0};
    return (dp_file_state){.size = (uint64_t)information.st_size,
                           .inode = (uint64_t)information.st_ino,
                           .modified = nanoseconds(information.st_mtim),
                           .changed = nanoseconds(information.st_ctim)};
}

bool dp_file_state_equal(const dp_file_state *a, const dp_file_state *b) {
    return a->size != 0 && a->size == b->size && a->inode == b->inode &&
           a->modified == b->modified && a->changed == b->changed;
}

/* --- the overlap of the splits --------------------------------------------------------------- */

void dp_overlap_list(dp_overlap *overlap, dp_overlap_field fields[DP_OVERLAP_FIELDS]) {
    size_t count = 0;
    fields[count++] = (dp_overlap_field){"different", &overlap->different};
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        const char *name = dp_split_name((dp_split)split);
        snprintf(fields[count].name, sizeof fields[count].name, "%s_sequences", name);
        fields[count++].value = &overlap->sequences[split];
        snprintf(fields[count].name, sizeof fields[count].name, "%s_repeated", name);
        fields[count++].value = &overlap->repeated[split];
    }
}

void dp_dataset_tell_overlap(const dp_dataset_info *info, dp_text *out) {
    const dp_overlap *overlap = &info->overlap;
    const uint64_t *sequences = overlap->sequences;
    if (info->stream)
        return;
    if (!overlap->known) {
        dp_text_append(out, "not known, as it was packed before this was counted: pack it again");
        return;
    }
    for (int split = DP_SPLIT_DEV; split < DP_SPLIT_COUNT; split++)
        dp_text_append_format(out, "%s of %s%s of %s%s", DP_COUNT_TEXT(overlap->repeated[split]),
                              DP_COUNT_TEXT(sequences[split]),
                              split > DP_SPLIT_DEV         ? ""
                              : info->unit == DP_UNIT_WORD ? " lines"
                                                           : " words",
                              dp_split_name((dp_split)split), split == DP_SPLIT_DEV ? " and " : "");
    dp_text_append_format(out, " stand in train, too; %s of %s differ",
                          DP_COUNT_TEXT(overlap->different),
                          DP_COUNT_TEXT(sequences[DP_SPLIT_TRAIN] + sequences[DP_SPLIT_DEV] +
                                        sequences[DP_SPLIT_TEST]));
}

/* --- opening -------------------------------------------------------------------------------- */

static dp_status read_warnings(dp_dataset_info *info, const dp_h5reader *file, dp_error *error) {
    char name[DP_WARNING_NAME_SIZE];
    for (size_t i = 0; i < DP_WARNINGS_MAX; i++) {
        dp_warning_name(i, name);
        if (!dp_h5image_has_attribute(&file->image, name))
            break;
        DP_TRY(dp_h5reader_text_attribute(file, name, info->warnings[i], DP_WARNING_SIZE, error));
        info->warning_count++;
    }
    return DP_OK;
}

static dp_status read_overlap(dp_overlap *overlap, const dp_h5reader *file, dp_error *error) {
    dp_overlap_field fields[DP_OVERLAP_FIELDS];
    dp_overlap_list(overlap, fields);
    overlap->known = dp_h5image_has_attribute(&file->image, fields[0].name);
    for (size_t i = 0; i < DP_OVERLAP_FIELDS && overlap->known; i++)
        DP_TRY(dp_h5reader_unsigned_attribute(file, fields[i].name, fields[i].value, error));
    return DP_OK;
}

static dp_status read_info(dp_dataset *dataset, const dp_h5reader *file, bool is_sealed,
                           dp_error *error) {
    dp_dataset_info *info = &dataset->info;
    uint64_t version = 0;
    char format[64] = "";
    if (dp_h5image_has_attribute(&file->image, "format"))
        DP_TRY(dp_h5reader_text_attribute(file, "format", format, sizeof format, error));
    if (strcmp(format, DP_DATASET_FORMAT) != 0)
        return dp_fail(error, DP_ERR_INPUT, "%s is not a dptrain dataset (make one: pack_dataset)",
                       dataset->path);
    DP_TRY(dp_h5reader_unsigned_attribute(file, "version", &version, error));
    if (version < DP_DATASET_VERSION_UNSEALED || version > DP_DATASET_VERSION_WEIGHTED)
        return dp_fail(error, DP_ERR_INPUT,
                       "%s is a dataset of format version %" PRIu64 "; this program reads %d to %d",
                       dataset->path, version, DP_DATASET_VERSION_UNSEALED,
                       DP_DATASET_VERSION_WEIGHTED);
    info->weighted = version == DP_DATASET_VERSION_WEIGHTED;
    if (!is_sealed && version != DP_DATASET_VERSION_UNSEALED)
        return dp_fail(error, DP_ERR_INPUT, "%s is damaged: its end is missing; pack it again",
                       dataset->path);
    DP_TRY(dp_unit_read(file, &info->unit, &info->stream, error));
    DP_TRY(dp_preparation_read(file, &info->preparation, error));
    DP_TRY(dp_h5reader_unsigned_attribute(file, "block_size", &info->block_size, error));
    DP_TRY(dp_h5reader_unsigned_attribute(file, "seed", &info->seed, error));
    DP_TRY(dp_h5reader_text_attribute(file, "source", info->source, sizeof info->source, error));
    DP_TRY(dp_h5reader_text_attribute(file, "source_sha256", info->source_sha256,
                                      sizeof info->source_sha256, error));
    DP_TRY(dp_h5reader_text_attribute(file, "sha256", info->sha256, sizeof info->sha256, error));
    DP_TRY(dp_h5reader_text_attribute(file, "made_by", info->made_by, sizeof info->made_by, error));
    DP_TRY(read_warnings(info, file, error));
    DP_TRY(read_overlap(&info->overlap, file, error));
    if (info->block_size < 1 || info->block_size > DP_BLOCK_SIZE_MAX)
        return dp_fail(error, DP_ERR_INPUT, "%s: block_size %" PRIu64 " is not from 1 to %d",
                       dataset->path, info->block_size, DP_BLOCK_SIZE_MAX);
    return DP_OK;
}

dp_id_tensor dp_id_tensor_describe(int index, uint64_t rows, uint64_t block_size, size_t id_bytes) {
    const bool contexts = index % 2 == 0;
    dp_id_tensor tensor = {
        .rank = contexts ? 2 : 1, .rows = rows, .columns = contexts ? block_size : 1};
    snprintf(tensor.name, sizeof tensor.name, "/%s/%s", dp_split_name((dp_split)(index / 2)),
             contexts ? "contexts" : "targets");
    tensor.bytes = rows * tensor.columns * id_bytes;
    tensor.blocks = (tensor.bytes + DP_DATASET_BLOCK - 1) / DP_DATASET_BLOCK;
    return tensor;
}

/* Finds one tensor of ids and its checksums in the mapped file. */
static dp_status locate_tensor(dp_dataset *dataset, const dp_h5reader *file, int index,
                               dp_error *error) {
    dp_h5location ids, checksums;
    char checksums_name[64];
    const uint64_t block_size = dataset->info.block_size;
    dp_id_tensor tensor = dp_id_tensor_describe(index, 0, block_size, dataset->id_bytes);
    snprintf(checksums_name, sizeof checksums_name, "%s_checksums", tensor.name);
    DP_TRY(dp_h5reader_locate_integers(file, tensor.name, tensor.rank, &ids, error));
    DP_TRY(dp_h5reader_locate_integers(file, checksums_name, 1, &checksums, error));
    tensor = dp_id_tensor_describe(index, ids.shape.size[0], block_size, dataset->id_bytes);
    if (ids.bytes != dataset->id_bytes || (tensor.rank == 2 && ids.shape.size[1] != block_size) ||
        checksums.bytes != 8 || checksums.shape.size[0] != tensor.blocks)
        return dp_fail(error, DP_ERR_INPUT, "%s: %s has the wrong shape or type", dataset->path,
                       tensor.name);
    if (tensor.rank == 1 && tensor.rows != dataset->tensors[index - 1].rows)
        return dp_fail(error, DP_ERR_INPUT, "%s: contexts and targets of %s differ in length",
                       dataset->path, dp_split_name((dp_split)(index / 2)));
    tensor.data = dataset->map.data + ids.offset;
    tensor.checksums = dataset->map.data + checksums.offset;
    dataset->tensors[index] = tensor;
    return DP_OK;
}

/* The weights of a split, whose tensors are found. */
static dp_status locate_weights(dp_dataset *dataset, const dp_h5reader *file, dp_split split,
                                dp_error *error) {
    dp_row_weights *weights = &dataset->weights[split];
    dp_h5location ends;
    char name[DP_LINE_ENDS_NAME_SIZE];
    weights->rows = weights->examples = dp_dataset_rows(dataset, split);
    if (!dataset->info.weighted)
        return DP_OK;
    dp_line_ends_name(split, name);
    DP_TRY(dp_h5reader_locate_integers(file, name, 2, &ends, error));
    weights->lines = ends.shape.size[0];
    weights->ends = dataset->map.data + ends.offset;
    if (ends.bytes != 8 || ends.shape.size[1] != 2 || !dp_row_weights_take(weights))
        return dp_fail(error, DP_ERR_INPUT, "%s: %s are no weights of the lines of %s",
                       dataset->path, name, dp_split_name(split));
    return DP_OK;
}

static dp_status open_file(dp_dataset *dataset, const char *path, dp_error *error) {
    bool is_sealed = false;
    struct timespec now;
    DP_TRY(dp_path_format(dataset->path, error, "%s", path));
    clock_gettime(CLOCK_REALTIME, &now);
    dataset->opened = nanoseconds(now);
    dataset->state = dp_file_state_of(path);
    DP_TRY(dp_file_map_open(&dataset->map, path, error));
    DP_TRY(dp_dataset_seal_check(&dataset->map, path, &is_sealed, error));
    dp_h5reader file = {.map = dataset->map};
    DP_TRY(dp_h5image_open(&file.image, file.map.data, file.map.size, path, error));
    DP_TRY(read_info(dataset, &file, is_sealed, error));
    DP_TRY(dp_vocabulary_read(&dataset->vocabulary, &file, error));
    dataset->id_bytes = dp_dataset_id_bytes(dataset->vocabulary.count);
    for (int i = 0; i < DP_DATASET_TENSORS; i++)
        DP_TRY(locate_tensor(dataset, &file, i, error));
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        DP_TRY(locate_weights(dataset, &file, (dp_split)split, error));
    DP_TRY_NEW(dataset->bad_ids, 1);
    const dp_file_state after = dp_file_state_of(path);
    if (!dp_file_state_equal(&dataset->state, &after)) /* is it the file that we have mapped? */
        dataset->state = (dp_file_state){0};
    return DP_OK;
}

/* What to do where there is none yet, or another file was meant. */
static dp_status explain(const char *path, dp_error *error) {
    const dp_error why = *error;
    if (why.status == DP_ERR_IO && !dp_file_exists(path))
        return dp_fail(error, DP_ERR_IO, "%s; 'pack_dataset TEXT -o %s' makes it", why.message,
                       path);
    if (why.status != DP_ERR_INPUT || dp_file_kind_expect(path, DP_FILE_DATASET, error) == DP_OK)
        *error = why;
    return error->status;
}

dp_status dp_dataset_open(dp_dataset *dataset, const char *path, dp_error *error) {
    memset(dataset, 0, sizeof *dataset);
    const dp_status status = open_file(dataset, path, error);
    if (status == DP_OK)
        return DP_OK;
    dp_dataset_close(dataset);
    return explain(path, error);
}

void dp_dataset_close(dp_dataset *dataset) {
    dp_file_map_close(&dataset->map);
    dp_vocabulary_clear(&dataset->vocabulary);
    dp_memory_free(dataset->bad_ids);
    dataset->bad_ids = NULL;
}

/* --- checking ------------------------------------------------------------------------------- */

/* A check runs at the speed of memory: each block is read from there once, by vectors of ids, and
 * is still in the cache when its checksum is computed.
 *
 * The system is told that we read from front to back (it reads ahead further, and waits for less
 * where the file is on a disk) and, block by block, that we are done: otherwise the whole file
 * would count as our resident memory, on every rank. Blocks stay in the system's cache all the
 * same. Nothing is said for the training that follows: "random" would make every first touch of a
 * page a read of its own from the disk, 8 times slower in sum than what the system does unasked. */

/* Gives advice for what overlaps these bytes of the mapped file. It may not be taken. */
static void advise(const unsigned char *bytes, size_t count, int advice) {
    size_t before = (size_t)((uintptr_t)bytes % (uintptr_t)sysconf(_SC_PAGESIZE));
    (void)madvise((void *)(uintptr_t)(bytes - before), before + count, advice);
}

static uint64_t load_checksum(const dp_id_tensor *tensor, uint64_t block) {
    uint64_t checksum = 0;
    memcpy(&checksum, tensor->checksums + 8 * block, sizeof checksum);
    return checksum;
}

/* Whether one of `count` ids at `bytes` is above `limit`. One loop for each width, without a way
 * out of it, so that compilers make vectors of it; bytes may lie anywhere, so they are copied. */
#define DEFINE_ANY_ABOVE(name, type)                                                               \
    static bool name(const unsigned char *bytes, uint64_t count, type limit) {                     \
        type above = 0, id;                                                                        \
        for (uint64_t i = 0; i < count; i++) {                                                     \
            memcpy(&id, bytes + i * sizeof id, sizeof id);                                         \
            above = (type)(above | (id > limit));                                                  \
        }                                                                                          \
        return above != 0;                                                                         \
    }
DEFINE_ANY_ABOVE(any_above_8, uint8_t)
DEFINE_ANY_ABOVE(any_above_16, uint16_t)
DEFINE_ANY_ABOVE(any_above_32, uint32_t)

/* Whether it is worth looking for an id that is not below V. */
static bool may_hold_bad_id(const dp_dataset *dataset, const unsigned char *bytes, uint64_t count) {
    const uint64_t limit = dataset->vocabulary.count - 1;
    if (limit == UINT64_MAX >> (64 - 8 * dataset->id_bytes)) /* every number is an id */
        return false;
    switch (dataset->id_bytes) {
    case 1:
        return any_above_8(bytes, count, (uint8_t)limit);
    case 2:
        return any_above_16(bytes, count, (uint16_t)limit);
    default:
        return any_above_32(bytes, count, (uint32_t)limit);
    }
}

/* The first of `count` ids at `bytes` that is not below V; count where all are. */
static uint64_t first_bad_id(const dp_dataset *dataset, const unsigned char *bytes,
                             uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        if (load_id(bytes + i * dataset->id_bytes, dataset->id_bytes) >= dataset->vocabulary.count)
            return i;
    }
    return count;
}

static dp_status check_block(const dp_dataset *dataset, const dp_id_tensor *tensor, uint64_t block,
                             dp_error *error) {
    const uint64_t first = block * DP_DATASET_BLOCK;
    const uint64_t size = dp_size_min(tensor->bytes - first, DP_DATASET_BLOCK);
    const uint64_t count = size / dataset->id_bytes;
    const unsigned char *data = tensor->data + first;
    uint64_t bad =
        may_hold_bad_id(dataset, data, count) ? first_bad_id(dataset, data, count) : count;
    if (bad < count)
        return dp_fail(
            error, DP_ERR_INPUT,
            "%s: %s, row %" PRIu64 ": id %" PRIu32 " is not below the vocabulary's %zu",
            dataset->path, tensor->name, (first / dataset->id_bytes + bad) / tensor->columns,
            load_id(data + bad * dataset->id_bytes, dataset->id_bytes), dataset->vocabulary.count);
    if (dp_xxh3_of(data, size) != load_checksum(tensor, block))
        return dp_fail(error, DP_ERR_INPUT,
                       "%s: %s is damaged between bytes %" PRIu64 " and %" PRIu64
                       " (checksum); pack it again",
                       dataset->path, tensor->name, first, first + size);
    advise(data, size, MADV_DONTNEED);
    return DP_OK;
}

/* That vocabulary, block_size, checksums and weights are those that the file is named by. */
static dp_status check_identity(const dp_dataset *dataset, dp_error *error) {
    char sha256[DP_SHA256_TEXT_SIZE];
    DP_TRY(dp_dataset_identity(dataset->info.block_size, &dataset->vocabulary, dataset->tensors,
                               dataset->weights, sha256, error));
    if (strcmp(sha256, dataset->info.sha256) != 0)
        return dp_fail(error, DP_ERR_INPUT,
                       "%s is damaged: vocabulary, block_size, rows and checksums do not give "
                       "its sha256; pack it again",
                       dataset->path);
    return DP_OK;
}

/* A part of a tensor is one stretch of blocks, for the sake of reading ahead. */
dp_status dp_dataset_check(const dp_dataset *dataset, uint64_t part, uint64_t parts,
                           dp_error *error) {
    dp_status status = DP_OK;
    advise(dataset->map.data, dataset->map.size, MADV_SEQUENTIAL);
    for (int i = 0; i < DP_DATASET_TENSORS; i++) {
        const dp_id_tensor *tensor = &dataset->tensors[i];
        const uint64_t end = tensor->blocks * (part + 1) / parts;
        for (uint64_t block = tensor->blocks * part / parts; block < end; block++)
            DP_OR_DONE(check_block(dataset, tensor, block, error));
    }
    if (part == 0)
        status = check_identity(dataset, error);
done:
    advise(dataset->map.data, dataset->map.size, MADV_NORMAL);
    return status;
}

dp_status dp_dataset_identity(uint64_t block_size, const dp_vocabulary *vocabulary,
                              const dp_id_tensor tensors[DP_DATASET_TENSORS],
                              const dp_row_weights weights[DP_SPLIT_COUNT],
                              char sha256[DP_SHA256_TEXT_SIZE], dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text text = {0};
    dp_text_append_format(&text, "block_size %" PRIu64 "\n", block_size);
    for (uint32_t id = 0; id < vocabulary->count; id++) { /* there may be very many */
        dp_text_append(&text, "token ");
        dp_text_append(&text, dp_vocabulary_token(vocabulary, id));
        dp_text_append(&text, "\n");
    }
    for (int i = 0; i < DP_DATASET_TENSORS; i++) {
        dp_text_append_format(&text, "%s %" PRIu64 "\n", dp_split_name((dp_split)(i / 2)),
                              tensors[i].rows);
        for (uint64_t block = 0; block < tensors[i].blocks; block++)
            dp_text_append_format(&text, "%016" PRIx64 "\n", load_checksum(&tensors[i], block));
    }
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        if (weights[split].lines > 0)
            dp_text_append_format(
                &text, "weights of %s %" PRIu64 "\n%016" PRIx64 "\n",
                dp_split_name((dp_split)split), weights[split].lines,
                dp_xxh3_of(weights[split].ends, 16 * (size_t)weights[split].lines));
    }
    DP_TRY(dp_text_check(&text, error));
    dp_sha256_of(text.data, text.length, sha256);
    return DP_OK;
}
