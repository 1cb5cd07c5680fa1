/* repeats: pieces (words/piece) that stand in the texts more than once.
 *
 * Pieces are told apart by 62 bits of a hash. So two that differ could be taken for one another,
 * with a chance of about n^2 / 2^63 among n.
 */
#ifndef DP_PACK_REPEATS_H
#define DP_PACK_REPEATS_H

#include "pack/packing_job.h"

/* Leaves of the pieces of the one text the first of each, in their order; sets job->dropped. */
dp_status dp_repeats_drop(dp_packing_job *job, dp_error *error) DP_CHECKED;

/* The keys of the pieces of all splits. */
typedef struct dp_repeats dp_repeats;

/* For at most `count` pieces that `hands` threads note, in at most `runs` runs. On failure *repeats
 * is NULL. */
dp_status dp_repeats_create(dp_repeats **repeats, size_t hands, size_t count, size_t runs,
                            dp_error *error) DP_CHECKED;
void dp_repeats_destroy(dp_repeats *repeats); /* NULL is allowed */

/* Takes the keys [count], up to DP_PACKING_NOTED, of pieces of a split, by as many as can be. They
 * stay where the pieces [count] stand, which nobody may need any longer. A run ends with fewer.
 * Hands do so at once. DP_ERR_INTERNAL where there are more than announced. */
dp_status dp_repeats_note(dp_repeats *repeats, size_t hand, dp_split split, const uint64_t *keys,
                          uint64_t *pieces, size_t count, dp_error *error) DP_CHECKED;

/* Adds to `overlap`, when all are noted, what of it are no sequences, by up to `threads` threads.
 */
dp_status dp_repeats_count(const dp_repeats *repeats, size_t threads, dp_overlap *overlap,
                           dp_error *error) DP_CHECKED;

#endif
