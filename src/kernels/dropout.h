/* dropout: which features and hidden units are left out, for each example (Srivastava et al. 2014).
 *
 * While training, each element is set to 0 with probability `rate`, else multiplied by 1 / (1 -
 * rate); evaluation uses all of them as they are. Whether an element is kept is a pure function of
 * (seed, layer, step, row of the batch, element), from the counter-based generator, so it has the
 * same bits at any rank count. Rates are rounded to 1/65536.
 *
 * A mask has a bit an element, 1 where it is kept, and whole bytes: byte q of a row holds the
 * elements 8 q .. 8 q + 7, lowest bit first, from the four words of one call of the generator, the
 * lower half of each before the upper. Features are numbered position by position with each
 * position beginning a byte; hidden units as they are.
 */
#ifndef DP_KERNELS_DROPOUT_H
#define DP_KERNELS_DROPOUT_H

#include "base/random.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* Probabilities in [0, 1). */
typedef struct dp_dropout {
    double embedding;
    double hidden;
    uint64_t seed;
} dp_dropout;

/* Elements whose 16 random bits are below this are left out; 0 where the rate is 0. */
static inline uint32_t dp_dropout_threshold(double rate) {
    return (uint32_t)lround(rate * 65536.0);
}

/* What kept elements are multiplied by. */
static inline float dp_dropout_scale(uint32_t threshold) {
    return (float)(65536.0 / (65536.0 - (double)threshold));
}

/* Bytes of a row of `n` elements. */
static inline size_t dp_dropout_bytes(size_t n) {
    return (n + 7) / 8;
}

/* Which masks: row r of a call is row first_row + r of the batch of this step. */
typedef struct dp_dropout_draw {
    uint64_t seed;
    dp_stream stream; /* DP_STREAM_DROP_EMBEDDING or DP_STREAM_DROP_HIDDEN */
    uint64_t step;
    uint64_t first_row; /* rows are below 2^32 */
    uint32_t threshold;
} dp_dropout_draw;

#endif
