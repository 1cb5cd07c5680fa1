/* pairs: the distinct (position, token) pairs in the contexts of a batch.
 *
 * Layer 1 multiplies each row's concatenated features by W1, which is a sum over positions i of
 * C[token] W1_i. So work that depends on the pair alone is done once a pair and not once a row: a
 * batch of 1,024 rows of three letters has 3,072 (row, position)s but only some 80 pairs.
 *
 * Pairs are collected for each grain apart, as gradients must be. They are numbered position by
 * position, within it grain by grain, within that in order of their first row; so the pairs of a
 * position lie side by side, as does the part of each grain.
 */
#ifndef DP_MODEL_PAIRS_H
#define DP_MODEL_PAIRS_H

#include "base/workspace.h"

#include <stddef.h>
#include <stdint.h>

typedef struct dp_pairs_seen {
    uint64_t round;
    uint32_t pair;
} dp_pairs_seen;

typedef struct dp_pairs {
    size_t block_size;
    size_t count;      /* of pairs */
    size_t grains;     /* of the last call */
    uint32_t *tokens;  /* [count] */
    uint32_t *pair_of; /* [rows, block_size] */
    size_t *starts;    /* [block_size, grains + 1]: the first pair of each, the end of the last */
    uint32_t *row_starts; /* [count + 1] into listed */
    uint32_t *listed;     /* [rows * block_size]: the rows of each pair, ascending */
    dp_pairs_seen *seen;  /* [vocab] */
    uint64_t round;
} dp_pairs;

/* For grains_max grains of at most grain_rows rows each; the arrays come to lie in `room`. Memory
 * that is zeroed is all they need. */
dp_status dp_pairs_reserve(dp_pairs *pairs, size_t vocab, size_t block_size, size_t grains_max,
                           size_t grain_rows, dp_workspace *room, dp_error *error) DP_CHECKED;

/* The most pairs that so many grains can have. */
size_t dp_pairs_max(size_t vocab, size_t block_size, size_t grains_max, size_t grain_rows);

/* Collects the pairs of contexts [rows, block_size]; grain g has the rows [starts[g], starts[g +
 * 1]), starts[0] = 0. Fills all but row_starts and listed. */
void dp_pairs_collect(dp_pairs *pairs, size_t grains, const size_t *starts,
                      const uint32_t *contexts);
/* Fills row_starts and listed for what was collected last. */
void dp_pairs_list_rows(dp_pairs *pairs, size_t rows);

/* The first pair of a grain at a position; grain may be `grains`, the end of the position. */
size_t dp_pairs_first(const dp_pairs *pairs, size_t position, size_t grain);

#endif
