#include "train/replicas.h"

#include <inttypes.h>

#define FAULT "faulty memory, or hosts that compute differently"

static size_t votes_for(const uint64_t *hashes, size_t ranks, size_t rank) {
    size_t votes = 0;
    for (size_t i = 0; i < ranks; i++)
        votes += hashes[i] == hashes[rank];
    return votes;
}

/* The first rank whose hash more than half of them have, or `ranks`. */
static size_t find_majority(const uint64_t *hashes, size_t ranks) {
    size_t rank = 0;
    while (rank < ranks && 2 * votes_for(hashes, ranks, rank) <= ranks)
        rank++;
    return rank;
}

dp_status dp_replicas_judge(const uint64_t *hashes, size_t ranks, size_t rank, const char *host,
                            uint64_t step, dp_error *error) {
    const size_t most = find_majority(hashes, ranks);
    size_t other = 0;
    if (most < ranks && hashes[rank] == hashes[most])
        return DP_OK;
    if (most < ranks)
        return dp_fail(error, DP_ERR_REPLICA,
                       "rank %zu on %s holds other weights than most ranks at step %" PRIu64
                       " (%016" PRIx64 ", rank %zu has %016" PRIx64 "): " FAULT,
                       rank, host, step, hashes[rank], most, hashes[most]);
    while (hashes[other] == hashes[0])
        other++;
    return dp_fail(error, DP_ERR_REPLICA,
                   "ranks 0 and %zu hold different weights at step %" PRIu64 " (%016" PRIx64
                   ", %016" PRIx64 "), and no majority tells which is right: " FAULT,
                   other, step, hashes[0], hashes[other]);
}
