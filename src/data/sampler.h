/* sampler: which example is row `row` of the batch of step `step`. Of a dataset without weights an
 * example is one of its rows; with weights, data/row_weights says which row it is.
 *
 * A pure function of (seed, step, row): no state, no communication. Rank and world size do not
 * enter, so a run may change its rank count or resume anywhere without changing its draws.
 */
#ifndef DP_DATA_SAMPLER_H
#define DP_DATA_SAMPLER_H

#include <stdint.h>

typedef enum dp_sampling {
    DP_SAMPLING_REPLACEMENT, /* each row uniform over all examples, independent of the others */
    DP_SAMPLING_EPOCH,       /* every example once an epoch, in an order of its own each epoch */
} dp_sampling;
#define DP_SAMPLING_NAMES "replacement", "epoch"

typedef struct dp_sampler {
    uint64_t seed;
    uint64_t batch_size;    /* rows a step, at least 1 */
    uint64_t example_count; /* at least 1 */
    dp_sampling sampling;
} dp_sampler;

/* The example, below example_count, of this row (below batch_size) of this step. */
uint64_t dp_sampler_draw(const dp_sampler *sampler, uint64_t step, uint64_t row);

/* The place of `position` in a permutation of [0, count) that is a pure function of (seed, epoch):
 * a four-round Feistel network over the next even number of bits (Luby and Rackoff 1988), walked
 * until it lands inside (cycle walking, Black and Rogaway 2002; under four rounds on average). */
uint64_t dp_sampler_permute(uint64_t seed, uint64_t epoch, uint64_t position, uint64_t count);

#endif
