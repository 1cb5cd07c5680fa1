/* replicas: whether the ranks hold the same weights, and whose are the odd ones. */
#ifndef DP_TRAIN_REPLICAS_H
#define DP_TRAIN_REPLICAS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* What `rank`, on `host`, has to say of the hashes [ranks] at this step: nothing where all are
 * equal, or where it is among more than half that are. DP_ERR_REPLICA names itself where most hold
 * others, and where no hash has a majority two that differ, as nobody can tell which is right. */
dp_status dp_replicas_judge(const uint64_t *hashes, size_t ranks, size_t rank, const char *host,
                            uint64_t step, dp_error *error) DP_CHECKED;

#endif
