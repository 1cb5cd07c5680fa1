/* dataset_seal: the line at the end of a dataset, behind what HDF5 reads, by which damage is known
 * before anything else of the file is believed.
 *
 * It says where the tensors of ids lie and what is the XXH3 of all other bytes, its own among them.
 * Those of the tensors have checksums of their own (data/dataset), for a check of a large file may
 * be put off, or be shared by ranks. So opening a dataset reads little, and together nothing is
 * left out.
 */
#ifndef DP_DATA_DATASET_SEAL_H
#define DP_DATA_DATASET_SEAL_H

#include "formats/file_kind.h"

#include <stdint.h>

#define DP_DATASET_SEAL_TENSORS 6

typedef struct dp_byte_range {
    uint64_t first, count;
} dp_byte_range;

/* The seal of a mapped file that has none yet, where the tensors lie at `tensors`, in any order.
 * `path` is for the message. */
dp_status dp_dataset_seal_make(const dp_file_map *map, const char *path,
                               const dp_byte_range tensors[DP_DATASET_SEAL_TENSORS],
                               char seal[DP_DATASET_SEAL_SIZE + 1], dp_error *error) DP_CHECKED;

/* Of a mapped file. *is_sealed is false where it does not end with a seal. DP_ERR_INPUT where it
 * has another one than it should. `path` is for the message. */
dp_status dp_dataset_seal_check(const dp_file_map *map, const char *path, bool *is_sealed,
                                dp_error *error) DP_CHECKED;

#endif
