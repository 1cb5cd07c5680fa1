/* dataset_writer: writes the file that `data/dataset` reads, from a stream of token ids.
 *
 * Decides the windows. Every token of the stream is the target of one row, and the boundary ends
 * its sequence: the context of a row are the block_size tokens before it in its own sequence, with
 * boundaries in front where there are not as many. With block_size 3, the ids of "emma." give
 *
 *     ... -> e    ..e -> m    .em -> m    emm -> a    mma -> .
 *
 * So a sequence of n tokens takes n + 1 ids and gives n + 1 rows. It may be cut between two calls
 * anywhere, and one call may hold many sequences.
 *
 * Rows are written by sections of the splits, which threads may do side by side, each in a buffer
 * of about block_size MiB, which bounds the memory whatever the number of rows. The file appears
 * under its name only when it is complete (system/file). Not collective; no MPI.
 */
#ifndef DP_PACK_DATASET_WRITER_H
#define DP_PACK_DATASET_WRITER_H

#include "data/dataset.h"

typedef struct dp_dataset_writer dp_dataset_writer;

/* Starts a dataset at `path`. rows[split], not all 0, is how many rows each split will get,
 * exactly: the file is laid out by it. info->sha256 and info->made_by are ignored; the writer fills
 * them in, and info->overlap is looked at when it commits. Info and vocabulary are the caller's and
 * must outlive the writer. DP_ERR_IO where the
 * file cannot be made; on failure *writer is NULL and no file is left. */
dp_status dp_dataset_writer_create(dp_dataset_writer **writer, const char *path,
                                   const dp_dataset_info *info, const dp_vocabulary *vocabulary,
                                   const uint64_t rows[DP_SPLIT_COUNT], dp_error *error) DP_CHECKED;

/* Rows of a section: rows [i n, (i + 1) n) of a split, where n is dp_dataset_writer_section, or
 * what there is of them. A buffer is used by one thread at a time. */
typedef struct dp_row_buffer dp_row_buffer;

/* Rows of a section, at most 2^20. */
size_t dp_dataset_writer_section(const dp_dataset_writer *writer);
dp_status dp_row_buffer_create(dp_row_buffer **rows, const dp_dataset_writer *writer,
                               dp_error *error) DP_CHECKED;
void dp_row_buffer_destroy(dp_row_buffer *rows); /* NULL is allowed */
/* Empties it; a sequence begins. */
void dp_row_buffer_begin(dp_row_buffer *rows);
/* Appends a row for each id. DP_ERR_INTERNAL for an id that is not below V, or too many rows. */
dp_status dp_row_buffer_add(dp_row_buffer *rows, const uint32_t *ids, size_t count,
                            dp_error *error) DP_CHECKED;
/* Ids of one byte, in small vectors: `count` of them, 1 to 8 and the first lowest, and zeros above;
 * or 8 that are none of boundaries, and a boundary, where count is 9. */
typedef struct dp_id_eight {
    uint64_t ids;
    uint64_t count;
} dp_id_eight;
/* Whether the ids are of one byte, and contexts short enough for these. */
bool dp_row_buffer_takes_eights(const dp_row_buffer *rows);
/* Appends the rows of these, `total` ids, as dp_row_buffer_add. Fewer than 8 end with a boundary.
 */
dp_status dp_row_buffer_add_eights(dp_row_buffer *rows, const dp_id_eight *eights, size_t count,
                                   size_t total, dp_error *error) DP_CHECKED;
/* Empties it; what comes next goes on with the sequence. */
void dp_row_buffer_drop(dp_row_buffer *rows);
/* Writes the rows [first, ...) of a split, a section, and empties the buffer as
 * dp_row_buffer_drop does. Threads may do so at once. DP_ERR_IO where the disk is full or fails.
 */
dp_status dp_dataset_writer_put(dp_dataset_writer *writer, dp_row_buffer *rows, dp_split split,
                                uint64_t first, dp_error *error) DP_CHECKED;

/* Of info->weighted: lines and ends of each split, which must outlive the writer. Before commit. */
void dp_dataset_writer_weigh(dp_dataset_writer *writer,
                             const dp_row_weights weights[DP_SPLIT_COUNT]);

/* Writes what is buffered, the checksums and the identity, syncs the file and puts it in its place.
 * DP_ERR_INTERNAL where a split did not get the rows that were announced. Call it once; destroy the
 * writer afterwards. */
dp_status dp_dataset_writer_commit(dp_dataset_writer *writer, dp_error *error) DP_CHECKED;

/* Releases the writer, or NULL; without a successful commit, the unfinished file is removed. */
void dp_dataset_writer_destroy(dp_dataset_writer *writer);

#endif
