/* dataset_writer: writes the file that `data/dataset` reads, sequence by sequence.
 *
 * Decides the windows: a sequence of n tokens gives n + 1 rows. The context starts as block_size
 * boundaries and slides by one token; the targets are the tokens and then the boundary. With
 * block_size 3 and the boundary '.', "emma" gives
 *
 *     ... -> e    ..e -> m    .em -> m    emm -> a    mma -> .
 *
 * Memory is bounded by a few buffers, whatever the number of rows. The file appears under its name
 * only when it is complete (base/file).
 */
#ifndef DP_DATA_DATASET_WRITER_H
#define DP_DATA_DATASET_WRITER_H

#include "data/dataset.h"

typedef struct dp_dataset_writer dp_dataset_writer;

/* Starts a dataset at `path`. `rows` is how many rows each split will get, exactly: the file is laid
 * out by it. info->sha256 and info->made_by are ignored and filled in by the writer. Info and
 * vocabulary must outlive the writer. On failure *writer is NULL and no file is left. */
dp_status dp_dataset_writer_create(dp_dataset_writer **writer, const char *path,
                                   const dp_dataset_info *info, const dp_vocabulary *vocabulary,
                                   const uint64_t rows[DP_SPLIT_COUNT], dp_error *error) DP_CHECKED;

/* Appends the length + 1 rows of one sequence; every id must be below V. */
dp_status dp_dataset_writer_add(dp_dataset_writer *writer, dp_split split, const uint32_t *ids,
                                size_t length, dp_error *error) DP_CHECKED;

/* Writes what is buffered, the checksums and the identity, and puts the file in its place.
 * DP_ERR_INTERNAL where a split did not get the rows that were announced. */
dp_status dp_dataset_writer_commit(dp_dataset_writer *writer, dp_error *error) DP_CHECKED;

/* Releases the writer; without a commit before, the unfinished file is removed. NULL is allowed. */
void dp_dataset_writer_destroy(dp_dataset_writer *writer);

#endif
