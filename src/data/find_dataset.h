/* find_dataset: the dataset that a checkpoint was trained on, where its path alone does not lead to
 * it: a relative one is bound to the folder where training was started.
 *
 * Not collective.
 */
#ifndef DP_DATA_FIND_DATASET_H
#define DP_DATA_FIND_DATASET_H

#include "data/dataset.h"

/* Where it is: at `path`, or else at that path seen from the folder of the checkpoint or from one
 * above it, of which the folder where training was started usually is one. A file counts whose
 * identity is `sha256`; where there is none, `found` is `path` as it is, and opening it will tell.
 */
dp_status dp_dataset_find(const char *path, const char *checkpoint, const char *sha256,
                          char found[DP_PATH_SIZE], dp_error *error) DP_CHECKED;

#endif
