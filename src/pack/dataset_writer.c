/* Rows gather in a buffer that is written when full, a section of a split. It holds
 * DP_DATASET_BLOCK bytes of targets, hence block_size times as much of contexts: whole checksum
 * blocks of both, so that each block is hashed while it is in the cache and never again, and that
 * sections need not know of each other. It is smaller where no split has so many rows.
 *
 * A large file is also sent to the disk while it is written, and dropped from the page cache: the
 * disk works while rows are made, a full disk shows early, the last sync is short, and the memory
 * of the machine stays with those who use it. */
#include "pack/dataset_writer.h"

#include "base/digest.h"
#include "base/size.h"
#include "base/workspace.h"
#include "data/dataset_seal.h"
#include "data/vocabulary_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Rows are put together in registers and stored whole, as the file has them. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the rows are little-endian");

#define ROWS_MAX ((uint64_t)1 << 48)      /* byte counts stay far from overflow */
#define LARGE_BYTES ((uint64_t)256 << 20) /* a smaller file may stay in the page cache */
#define UNSYNCED_BYTES ((size_t)64 << 20) /* of a large file, at most, on their way to the disk */
#define SPILL                                                                                      \
    80 /* bytes that stores may reach past the end of a row: 8, of an eight 9 rows and 8 */

struct dp_row_buffer {
    const dp_dataset_writer *writer;
    unsigned char *contexts; /* [capacity, block_size], one row more before the first */
    unsigned char *targets;  /* [capacity] */
    size_t filled;
    uint64_t window; /* the next row's context, oldest token lowest, where that fits 8 bytes */
    uint32_t last;   /* the token before the next row's target */
};

struct dp_dataset_writer {
    dp_file_replacement replacement;
    dp_h5writer *file;
    int descriptor;  /* of the same file where it is large, else -1 */
    size_t unsynced; /* bytes written through `file` since the last sync */
    const dp_dataset_info *info;
    const dp_vocabulary *vocabulary;
    size_t id_bytes;
    size_t row_bytes;                         /* block_size ids */
    dp_id_tensor tensors[DP_DATASET_TENSORS]; /* as they will be */
    dp_row_weights weights[DP_SPLIT_COUNT];   /* borrowed, or none */
    uint64_t *checksums[DP_DATASET_TENSORS];  /* [blocks] of what is written */
    uint64_t written[DP_SPLIT_COUNT];         /* rows in the file */
    size_t capacity;                          /* rows of a section */
    pthread_mutex_t file_is_used;             /* held by who writes */
};

/* --- starting a file -------------------------------------------------------------------------- */

static dp_status write_description(dp_dataset_writer *writer, dp_error *error) {
    dp_h5writer *file = writer->file;
    const dp_dataset_info *info = writer->info;
    char warning[DP_WARNING_NAME_SIZE];
    DP_TRY(dp_h5writer_text_attribute(file, "format", DP_DATASET_FORMAT, error));
    DP_TRY(dp_h5writer_unsigned_attribute(
        file, "version", info->weighted ? DP_DATASET_VERSION_WEIGHTED : DP_DATASET_VERSION, error));
    DP_TRY(dp_unit_write(file, info->unit, info->stream, error));
    DP_TRY(dp_preparation_write(file, &info->preparation, error));
    for (size_t i = 0; i < info->warning_count; i++) {
        dp_warning_name(i, warning);
        DP_TRY(dp_h5writer_text_attribute(file, warning, info->warnings[i], error));
    }
    DP_TRY(dp_h5writer_unsigned_attribute(file, "block_size", info->block_size, error));
    DP_TRY(dp_h5writer_unsigned_attribute(file, "seed", info->seed, error));
    DP_TRY(dp_h5writer_text_attribute(file, "source", info->source, error));
    DP_TRY(dp_h5writer_text_attribute(file, "source_sha256", info->source_sha256, error));
    DP_TRY(dp_h5writer_text_attribute(file, "made_by", "dptrain " DP_VERSION, error));
    return dp_vocabulary_write(writer->vocabulary, file, error);
}

/* The writer and its arrays, in one block, for what is asked of the one in `self`. */
static dp_status allocate(dp_dataset_writer **writer, dp_dataset_writer self,
                          const uint64_t rows[DP_SPLIT_COUNT], dp_error *error) {
    dp_workspace room = {0};
    uint64_t most_rows = 0;
    for (int i = 0; i < DP_DATASET_TENSORS; i++) {
        self.tensors[i] =
            dp_id_tensor_describe(i, rows[i / 2], self.info->block_size, self.id_bytes);
        DP_RESERVE(&room, self.checksums[i], self.tensors[i].blocks);
        most_rows = dp_size_max(most_rows, rows[i / 2]);
    }
    self.capacity = dp_size_min(DP_DATASET_BLOCK / self.id_bytes, most_rows);
    DP_TRY_BUILD(*writer, &room, self);
    return DP_OK;
}

static dp_status create_tensor(dp_dataset_writer *writer, int index, dp_error *error) {
    dp_id_tensor *ids = &writer->tensors[index];
    const dp_h5shape shape = {.rank = ids->rank, .size = {ids->rows, ids->columns}};
    ids->checksums = (const unsigned char *)writer->checksums[index];
    return dp_h5writer_create_integers(writer->file, ids->name, shape, writer->id_bytes, error);
}

static dp_status open_descriptor(dp_dataset_writer *writer, dp_error *error) {
    uint64_t bytes = 0;
    for (int i = 0; i < DP_DATASET_TENSORS; i++)
        bytes += writer->tensors[i].bytes;
    if (bytes < LARGE_BYTES)
        return DP_OK;
    writer->descriptor = open(writer->replacement.temporary, O_WRONLY | O_CLOEXEC);
    if (writer->descriptor < 0)
        return dp_fail_errno(error, errno, "cannot write %s", writer->replacement.path);
    return DP_OK;
}

static dp_status check_request(const dp_dataset_info *info, const dp_vocabulary *vocabulary,
                               const uint64_t rows[DP_SPLIT_COUNT], dp_error *error) {
    bool valid = info->block_size >= 1 && info->block_size <= DP_BLOCK_SIZE_MAX &&
                 vocabulary->count >= 1 && vocabulary->count <= UINT32_MAX;
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        valid = valid && rows[split] <= ROWS_MAX;
    valid = valid && rows[0] + rows[1] + rows[2] > 0;
    if (!valid)
        return dp_fail(error, DP_ERR_INTERNAL,
                       "dataset writer: block_size %" PRIu64 ", %zu tokens, %" PRIu64 ", %" PRIu64
                       ", %" PRIu64 " rows",
                       info->block_size, vocabulary->count, rows[0], rows[1], rows[2]);
    return DP_OK;
}

static void release(dp_dataset_writer *const *writer) {
    dp_dataset_writer_destroy(*writer);
}

dp_status dp_dataset_writer_create(dp_dataset_writer **writer_out, const char *path,
                                   const dp_dataset_info *info, const dp_vocabulary *vocabulary,
                                   const uint64_t rows[DP_SPLIT_COUNT], dp_error *error) {
    DP_OWNED(release) dp_dataset_writer *writer = *writer_out = NULL;
    DP_TRY(check_request(info, vocabulary, rows, error));
    const size_t id_bytes = dp_dataset_id_bytes(vocabulary->count);
    const dp_dataset_writer self = {.info = info,
                                    .vocabulary = vocabulary,
                                    .descriptor = -1,
                                    .id_bytes = id_bytes,
                                    .row_bytes = info->block_size * id_bytes,
                                    .file_is_used = PTHREAD_MUTEX_INITIALIZER};
    DP_TRY(allocate(&writer, self, rows, error));
    DP_TRY(dp_file_replace_begin(&writer->replacement, path, error));
    DP_TRY(dp_h5writer_create(&writer->file, writer->replacement.temporary, error));
    DP_TRY(write_description(writer, error));
    for (int i = 0; i < DP_DATASET_TENSORS; i++)
        DP_TRY(create_tensor(writer, i, error));
    DP_TRY(open_descriptor(writer, error));
    *writer_out = writer;
    writer = NULL;
    return DP_OK;
}

void dp_dataset_writer_destroy(dp_dataset_writer *writer) {
    if (writer == NULL)
        return;
    (void)dp_h5writer_close(writer->file, &(dp_error){0});
    if (writer->descriptor >= 0)
        close(writer->descriptor);
    dp_file_replace_abort(&writer->replacement);
    dp_memory_free(writer);
}

/* --- rows ------------------------------------------------------------------------------------- */

dp_status dp_row_buffer_create(dp_row_buffer **rows, const dp_dataset_writer *writer,
                               dp_error *error) {
    dp_workspace room = {0};
    dp_row_buffer self = {.writer = writer};
    DP_RESERVE(&room, self.contexts, (writer->capacity + 1) * writer->row_bytes + SPILL);
    DP_RESERVE(&room, self.targets, writer->capacity * writer->id_bytes + SPILL);
    DP_TRY_BUILD(*rows, &room, self);
    (*rows)->contexts += writer->row_bytes;
    dp_row_buffer_begin(*rows);
    return DP_OK;
}

void dp_row_buffer_destroy(dp_row_buffer *rows) {
    dp_memory_free(rows);
}

void dp_row_buffer_begin(dp_row_buffer *rows) {
    rows->filled = 0;
    rows->window = 0;
    rows->last = DP_BOUNDARY_ID;
}

/* Rows of up to 8 bytes: the context is kept in a register, and stored with whatever stands above
 * it, which the next row's store covers. No branch depends on the ids. */
static void append_short_rows(dp_row_buffer *rows, const uint32_t *ids, size_t count) {
    const size_t id_bytes = rows->writer->id_bytes;
    const size_t row_bytes = rows->writer->row_bytes;
    const unsigned newest = (unsigned)(8 * (row_bytes - id_bytes)); /* its place in the window */
    const unsigned oldest = (unsigned)(8 * id_bytes);               /* what falls out */
    unsigned char *context = rows->contexts + rows->filled * row_bytes;
    unsigned char *target = rows->targets + rows->filled * id_bytes;
    uint64_t window = rows->window;
    for (size_t i = 0; i < count; i++) {
        uint64_t goes_on = ids[i] == DP_BOUNDARY_ID ? 0 : ~(uint64_t)0;
        memcpy(context + i * row_bytes, &window, sizeof window);
        memcpy(target + i * id_bytes, &ids[i], sizeof ids[i]);
        window = (window >> oldest & goes_on) | (uint64_t)ids[i] << newest;
    }
    rows->window = window;
}

/* Longer rows: each is the row before it without its oldest token, and the newest one behind. */
static void append_long_rows(dp_row_buffer *rows, const uint32_t *ids, size_t count) {
    const size_t id_bytes = rows->writer->id_bytes;
    const size_t row_bytes = rows->writer->row_bytes;
    const size_t kept = row_bytes - id_bytes;
    unsigned char *context = rows->contexts + rows->filled * row_bytes;
    unsigned char *target = rows->targets + rows->filled * id_bytes;
    for (size_t i = 0; i < count; i++) {
        if (rows->last == DP_BOUNDARY_ID) {
            memset(context, 0, row_bytes);
        } else {
            memcpy(context, context - kept, kept);
            memcpy(context + kept, &rows->last, id_bytes);
        }
        memcpy(target, &ids[i], sizeof ids[i]);
        rows->last = ids[i];
        context += row_bytes;
        target += id_bytes;
    }
}

dp_status dp_row_buffer_add(dp_row_buffer *rows, const uint32_t *ids, size_t count,
                            dp_error *error) {
    const dp_dataset_writer *writer = rows->writer;
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = ids[i] > largest ? ids[i] : largest;
    if (count > writer->capacity - rows->filled || largest >= writer->vocabulary->count)
        return dp_fail(error, DP_ERR_INTERNAL,
                       "dataset writer: %zu ids up to %" PRIu32 " behind %zu rows", count, largest,
                       rows->filled);
    if (writer->row_bytes <= sizeof rows->window)
        append_short_rows(rows, ids, count);
    else
        append_long_rows(rows, ids, count);
    rows->filled += count;
    return DP_OK;
}

bool dp_row_buffer_takes_eights(const dp_row_buffer *rows) {
    return rows->writer->id_bytes == 1 && rows->writer->row_bytes < sizeof rows->window;
}

/* The rows of an eight are its ids behind those before it, at nine places: all nine are stored, and
 * what is too much is covered by the next ones. No branch depends on the ids. */
static void append_eights(dp_row_buffer *rows, const dp_id_eight *eights, size_t count) {
    const size_t row_bytes = rows->writer->row_bytes;
    const unsigned own = (unsigned)(8 * row_bytes); /* place of the first id of an eight */
    unsigned char *context = rows->contexts + rows->filled * row_bytes;
    unsigned char *target = rows->targets + rows->filled;
    uint64_t window = rows->window;
    for (size_t i = 0; i < count; i++) {
        const uint64_t ids = eights[i].ids, rows_added = eights[i].count;
        const uint64_t low = window | ids << own, high = ids >> (64 - own);
        memcpy(context, &low, sizeof low);
        for (unsigned row = 1; row < 8; row++) {
            const uint64_t here = low >> 8 * row | high << (64 - 8 * row);
            memcpy(context + row * row_bytes, &here, sizeof here);
        }
        memcpy(context + 8 * row_bytes, &high, sizeof high);
        memcpy(target, &ids, sizeof ids);
        target[8] = DP_BOUNDARY_ID;
        const uint64_t goes_on = 0 - (uint64_t)((rows_added == 8) & (ids >> 56 != DP_BOUNDARY_ID));
        window = high & goes_on;
        context += rows_added * row_bytes;
        target += rows_added;
    }
    rows->window = window;
}

dp_status dp_row_buffer_add_eights(dp_row_buffer *rows, const dp_id_eight *eights, size_t count,
                                   size_t total, dp_error *error) {
    const dp_dataset_writer *writer = rows->writer;
    unsigned char largest = 0;
    if (total > writer->capacity - rows->filled)
        return dp_fail(error, DP_ERR_INTERNAL, "dataset writer: %zu ids behind %zu rows", total,
                       rows->filled);
    append_eights(rows, eights, count);
    for (size_t i = rows->filled; i < rows->filled + total; i++)
        largest = rows->targets[i] > largest ? rows->targets[i] : largest;
    rows->filled += total;
    if (largest >= writer->vocabulary->count)
        return dp_fail(error, DP_ERR_INTERNAL, "dataset writer: ids up to %d", largest);
    return DP_OK;
}

/* The row before the first, for append_long_rows, is the last one. */
void dp_row_buffer_drop(dp_row_buffer *rows) {
    const size_t row_bytes = rows->writer->row_bytes;
    if (rows->filled > 0)
        memcpy(rows->contexts - row_bytes, rows->contexts + (rows->filled - 1) * row_bytes,
               row_bytes);
    rows->filled = 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Of whole blocks, or the last ones of a tensor. */
static void sum_blocks(dp_dataset_writer *writer, int index, uint64_t first_row, size_t rows,
                       const unsigned char *ids) {
    const size_t row_bytes = writer->tensors[index].columns * writer->id_bytes;
    const size_t bytes = rows * row_bytes;
    uint64_t *checksum = writer->checksums[index] + first_row * row_bytes / DP_DATASET_BLOCK;
    for (size_t at = 0; at < bytes; at += DP_DATASET_BLOCK)
        *checksum++ = dp_xxh3_of(ids + at, dp_size_min(bytes - at, DP_DATASET_BLOCK));
}

/* Starts the disk on what was written and drops what it has, which Linux does on this advice. */
static dp_status write_behind(dp_dataset_writer *writer, size_t bytes, dp_error *error) {
    if (writer->descriptor < 0)
        return DP_OK;
    writer->unsynced += bytes;
    if (writer->unsynced >= UNSYNCED_BYTES) {
        bool syncs = false;
        const int failed = dp_file_sync(writer->descriptor, &syncs);
        if (failed != 0)
            return dp_fail_errno(error, failed, "cannot sync");
        writer->unsynced = 0;
    }
    (void)posix_fadvise(writer->descriptor, 0, 0, POSIX_FADV_DONTNEED);
    return DP_OK;
}

static dp_status write_rows(dp_dataset_writer *writer, const dp_row_buffer *rows, dp_split split,
                            uint64_t first, dp_error *error) {
    const dp_id_tensor *contexts = &writer->tensors[DP_CONTEXTS((int)split)];
    const dp_id_tensor *targets = &writer->tensors[DP_TARGETS((int)split)];
    DP_TRY(
        dp_h5writer_rows(writer->file, contexts->name, first, rows->filled, rows->contexts, error));
    DP_TRY(
        dp_h5writer_rows(writer->file, targets->name, first, rows->filled, rows->targets, error));
    DP_TRY(write_behind(writer, rows->filled * (writer->row_bytes + writer->id_bytes), error));
    writer->written[split] += rows->filled;
    return DP_OK;
}

dp_status dp_dataset_writer_put(dp_dataset_writer *writer, dp_row_buffer *rows, dp_split split,
                                uint64_t first, dp_error *error) {
    const size_t filled = rows->filled;
    const uint64_t announced = writer->tensors[DP_TARGETS((int)split)].rows;
    if (filled == 0)
        return DP_OK;
    if (first % writer->capacity != 0 || first > announced || filled > announced - first)
        return dp_fail(error, DP_ERR_INTERNAL,
                       "dataset writer: %zu rows at row %" PRIu64 " of %s, which has %" PRIu64,
                       filled, first, dp_split_name(split), announced);
    sum_blocks(writer, DP_CONTEXTS((int)split), first, filled, rows->contexts);
    sum_blocks(writer, DP_TARGETS((int)split), first, filled, rows->targets);
    pthread_mutex_lock(&writer->file_is_used);
    const dp_status status = write_rows(writer, rows, split, first, error);
    pthread_mutex_unlock(&writer->file_is_used);
    if (status != DP_OK)
        return dp_fail_prefix(error, "cannot write %s", writer->replacement.path);
    dp_row_buffer_drop(rows);
    return DP_OK;
}

size_t dp_dataset_writer_section(const dp_dataset_writer *writer) {
    return writer->capacity;
}

/* --- ending a file -------------------------------------------------------------------------- */

static dp_status write_checksums(dp_dataset_writer *writer, int index, dp_error *error) {
    const dp_id_tensor *tensor = &writer->tensors[index];
    const dp_h5shape shape = {.rank = 1, .size = {tensor->blocks}};
    char object[64];
    snprintf(object, sizeof object, "%s_checksums", tensor->name);
    DP_TRY(dp_h5writer_create_integers(writer->file, object, shape, 8, error));
    return tensor->blocks == 0 ? DP_OK
                               : dp_h5writer_rows(writer->file, object, 0, tensor->blocks,
                                                  tensor->checksums, error);
}

static dp_status write_weights(dp_dataset_writer *writer, dp_split split, dp_error *error) {
    const dp_row_weights *weights = &writer->weights[split];
    const dp_h5shape shape = {.rank = 2, .size = {weights->lines, 2}};
    char object[DP_LINE_ENDS_NAME_SIZE];
    if (!writer->info->weighted)
        return DP_OK;
    dp_line_ends_name(split, object);
    DP_TRY(dp_h5writer_create_integers(writer->file, object, shape, 8, error));
    return weights->lines == 0
               ? DP_OK
               : dp_h5writer_rows(writer->file, object, 0, weights->lines, weights->ends, error);
}

/* It is known when all rows are. */
static dp_status write_overlap(dp_dataset_writer *writer, dp_error *error) {
    dp_overlap overlap = writer->info->overlap;
    dp_overlap_field fields[DP_OVERLAP_FIELDS];
    dp_overlap_list(&overlap, fields);
    for (size_t i = 0; i < DP_OVERLAP_FIELDS && overlap.known; i++)
        DP_TRY(
            dp_h5writer_unsigned_attribute(writer->file, fields[i].name, *fields[i].value, error));
    return DP_OK;
}

static dp_status write_identity(dp_dataset_writer *writer, dp_error *error) {
    char sha256[DP_SHA256_TEXT_SIZE];
    DP_TRY(dp_dataset_identity(writer->info->block_size, writer->vocabulary, writer->tensors,
                               writer->weights, sha256, error));
    return dp_h5writer_text_attribute(writer->file, "sha256", sha256, error);
}

/* Of the file as it is read, that is when it has been closed. */
static dp_status add_seal(dp_dataset_writer *writer, dp_error *error) {
    DP_OWNED(dp_h5reader_close) dp_h5reader file = {0};
    dp_byte_range ranges[DP_DATASET_TENSORS];
    char seal[DP_DATASET_SEAL_SIZE + 1];
    DP_TRY(dp_h5reader_open(&file, writer->replacement.temporary, error));
    for (int i = 0; i < DP_DATASET_TENSORS; i++) {
        const dp_id_tensor *ids = &writer->tensors[i];
        dp_h5location location;
        DP_TRY(dp_h5reader_locate_integers(&file, ids->name, ids->rank, &location, error));
        ranges[i] = (dp_byte_range){.first = location.offset, .count = ids->bytes};
    }
    DP_TRY(dp_dataset_seal_make(&file.map, file.image.name, ranges, seal, error));
    return dp_file_replace_append(&writer->replacement, seal, DP_DATASET_SEAL_SIZE, error);
}

void dp_dataset_writer_weigh(dp_dataset_writer *writer,
                             const dp_row_weights weights[DP_SPLIT_COUNT]) {
    memcpy(writer->weights, weights, sizeof writer->weights);
}

static dp_status check_rows(const dp_dataset_writer *writer, dp_error *error) {
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        const uint64_t announced = writer->tensors[DP_TARGETS(split)].rows;
        if (writer->written[split] != announced)
            return dp_fail(error, DP_ERR_INTERNAL,
                           "dataset writer: %" PRIu64 " rows of %s, %" PRIu64 " announced",
                           writer->written[split], dp_split_name((dp_split)split), announced);
    }
    return DP_OK;
}

dp_status dp_dataset_writer_commit(dp_dataset_writer *writer, dp_error *error) {
    DP_TRY(check_rows(writer, error));
    for (int i = 0; i < DP_DATASET_TENSORS; i++)
        DP_TRY(write_checksums(writer, i, error));
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        DP_TRY(write_weights(writer, (dp_split)split, error));
    DP_TRY(write_overlap(writer, error));
    DP_TRY(write_identity(writer, error));
    dp_h5writer *file = writer->file;
    writer->file = NULL; /* gone even where closing fails */
    DP_TRY(dp_h5writer_close(file, error));
    DP_TRY(add_seal(writer, error));
    return dp_file_replace_commit(&writer->replacement, error);
}
