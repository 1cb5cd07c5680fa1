/* random: the counter-based generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011), and the distributions drawn from it.
 *
 * There is no state: a draw is a pure function of the seed and of three coordinates that say what
 * it is for. So any rank can make any draw, in any order, and all make the same one.
 */
#ifndef DP_BASE_RANDOM_H
#define DP_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* What a draw is for: draws of different streams are independent. The values are part of the
 * numerics contract; add new ones at the end. */
typedef enum dp_stream {
    DP_STREAM_BATCH = 1,          /* (step, row): which example */
    DP_STREAM_EPOCH = 2,          /* (epoch, round): keys of the epoch's permutation */
    DP_STREAM_INIT = 3,           /* (tensor, element): initial parameters */
    DP_STREAM_SAMPLE = 4,         /* (word, position): the next token when sampling text */
    DP_STREAM_DROP_EMBEDDING = 5, /* (step, row 2^24 + byte): eight features of dropout's mask */
    DP_STREAM_DROP_HIDDEN = 6,    /* of dropout's mask of hidden units, as above */
} dp_stream;

/* Philox4x32-10: counter and key to four independent uniform words. */
void dp_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* Four uniform words for (seed, stream, a, b). `a` may use 64 bits, `b` 56 bits. */
void dp_random_words(uint64_t seed, dp_stream stream, uint64_t a, uint64_t b, uint32_t out[4]);

/* Uniform over [0, bound), bound ≥ 1, without visible bias: the upper half of a 64 by 64 bit
 * product (Lemire 2019, without the rejection: the bias is below bound / 2^64). */
uint64_t dp_random_below(uint64_t seed, dp_stream stream, uint64_t a, uint64_t b, uint64_t bound);

/* Uniform over [0, 1), 53 bits. */
double dp_random_uniform(uint64_t seed, dp_stream stream, uint64_t a, uint64_t b);

/* Normal with mean 0 and deviation 1 (Box and Muller 1958, its cosine branch). */
double dp_random_normal(uint64_t seed, dp_stream stream, uint64_t a, uint64_t b);

#endif
