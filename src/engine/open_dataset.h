/* open_dataset: one dataset on all ranks, checked once.
 *
 * Each rank maps the file. Where the stamp of an earlier check is believed (data/check_stamp), that
 * is all. Otherwise the ranks that see the same file share its check, one part each, and the lowest
 * of them leaves a stamp. Usually all ranks see one file; where nodes have copies of their own at
 * the same path, each copy has its ranks, its check and its stamp.
 */
#ifndef DP_ENGINE_OPEN_DATASET_H
#define DP_ENGINE_OPEN_DATASET_H

#include "data/dataset.h"
#include "parallel/comm.h"

typedef enum dp_check_policy {
    DP_CHECK_ONCE,   /* unless a stamp says that it was done */
    DP_CHECK_ALWAYS, /* whatever a stamp says */
} dp_check_policy;

/* Collective: opens the dataset at `path` on every rank, for use. Afterwards every id is known to
 * be below V. Agreed on; on failure no rank holds anything. DP_ERR_IO, DP_ERR_INPUT: the file
 * cannot be read, is no dataset, or is damaged (its stamp is then removed); DP_ERR_MISMATCH: ranks
 * see datasets of different identities. The message names the host where there are several. That no
 * stamp can be written is not an error. */
dp_status dp_open_dataset(dp_comm *comm, const char *path, dp_check_policy policy,
                          dp_dataset *dataset, dp_error *error) DP_CHECKED;

/* Collective: whether the dataset that was opened is still what it was, after a time of use. Where
 * the system tells of a change to the file, or ids were read that cannot be, each node checks all
 * of it again: one that was only touched goes on. DP_ERR_INPUT, agreed on: its content has changed,
 * so what was computed since the last look is not to be believed; its stamp is removed. A file that
 * was replaced by another of its name is still there for us, and no change. */
dp_status dp_recheck_dataset(dp_comm *comm, dp_dataset *dataset, dp_error *error) DP_CHECKED;

#endif
