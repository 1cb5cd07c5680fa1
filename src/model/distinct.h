/* distinct: the examples of a grain that have the same context, as one row.
 *
 * The network sees contexts only; the target enters with the loss. So examples that share a context
 * share all that is computed from it: a row with n targets t has the gradient n p - sum of
 * onehot(t) at its logits, p the softmax. Among 128 examples of three letters of names a quarter
 * repeat the context of another.
 *
 * Rows are collected for each grain apart, as gradients must be, and numbered in order of their
 * first example.
 */
#ifndef DP_MODEL_DISTINCT_H
#define DP_MODEL_DISTINCT_H

#include "base/workspace.h"

#include <stddef.h>
#include <stdint.h>

typedef struct dp_distinct_place {
    uint64_t round; /* in which it was filled */
    uint32_t row;
} dp_distinct_place;

typedef struct dp_distinct {
    size_t block_size;
    size_t *starts;            /* [grains + 1]: the first row of each grain, and the end */
    uint32_t *contexts;        /* [rows, block_size] */
    uint32_t *target_starts;   /* [rows + 1]: row r has targets [target_starts[r], ..[r + 1]) */
    uint32_t *targets;         /* [examples] */
    uint32_t *row_of;          /* [examples] */
    dp_distinct_place *places; /* a hash table with open addressing, [place_mask + 1] */
    size_t place_mask;
    uint64_t round;
} dp_distinct;

/* For grains_max grains of at most grain_rows examples each; the arrays come to lie in `room`.
 * Memory that is zeroed is all they need. */
dp_status dp_distinct_reserve(dp_distinct *distinct, size_t block_size, size_t grains_max,
                              size_t grain_rows, dp_workspace *room, dp_error *error) DP_CHECKED;

/* Collects the rows of examples with these contexts [examples, block_size] and targets; grain g has
 * the examples [starts[g], starts[g + 1]), starts[0] = 0. */
void dp_distinct_collect(dp_distinct *distinct, size_t grains, const size_t *starts,
                         const uint32_t *contexts, const uint32_t *targets);

#endif
