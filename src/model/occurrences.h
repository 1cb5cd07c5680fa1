/* occurrences: where each token stands in the contexts of a batch.
 *
 * The gradient of an embedding is a sum over the places where its token occurs. With a large
 * vocabulary only few tokens do, so they are listed, and the sum of each is taken on its own, in
 * the order of the places, in runs of DP_TREE_RUN: the same bits whoever takes it.
 */
#ifndef DP_MODEL_OCCURRENCES_H
#define DP_MODEL_OCCURRENCES_H

#include "base/workspace.h"

#include <stddef.h>
#include <stdint.h>

typedef struct dp_occurrences {
    uint32_t *tokens; /* [count]: those that occur, each once, in a fixed order */
    size_t count;
    uint32_t *first; /* [vocab]: 1 + the first place of a token; 0: it does not occur */
    uint32_t *next;  /* [places]: 1 + the next place of the same token; 0: none */
    size_t ld;       /* floats that are summed of a place */
    float *run;      /* [ld]: room for dp_occurrences_sum */
} dp_occurrences;

/* For tokens below `vocab` at up to `places` places, below 2^32, of `ld` floats each; the arrays
 * come to lie in `room`. Memory that is zeroed is all they need. */
dp_status dp_occurrences_reserve(dp_occurrences *self, size_t vocab, size_t places, size_t ld,
                                 dp_workspace *room, dp_error *error) DP_CHECKED;

/* Lists the tokens at `count` places. */
void dp_occurrences_collect(dp_occurrences *self, size_t count, const uint32_t *tokens);

/* sum [ld] = the sum of values[place, ld] over the places of a token, in order; 0 where it has
 * none. */
void dp_occurrences_sum(const dp_occurrences *self, uint32_t token, const float *values,
                        float *sum);

#endif
