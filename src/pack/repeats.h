/* repeats: pieces (pack/piece) that stand in the texts more than once.
 *
 * Pieces are told apart by a key of 64 bits: a short word is its key, of others it is a hash. So
 * two that differ could be taken for one another, with a chance of about n^2 / 2^65 among n.
 */
#ifndef DP_PACK_REPEATS_H
#define DP_PACK_REPEATS_H

#include "pack/packing_job.h"

/* Leaves of the pieces of the one text the first of each, in their order; sets job->dropped. */
dp_status dp_repeats_drop(dp_packing_job *job, dp_error *error) DP_CHECKED;

/* Sets job->info.overlap, when the splits are known. Not for a stream, whose pieces are tokens. */
dp_status dp_repeats_count(dp_packing_job *job, dp_error *error) DP_CHECKED;

#endif
