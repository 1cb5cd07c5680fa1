#include "data/sampler.h"

#include "base/random.h"

/* One pass of the network over 2 * half_bits bits. */
static uint64_t feistel(uint64_t seed, uint64_t epoch, uint64_t value, unsigned half_bits) {
    const uint64_t mask = ((uint64_t)1 << half_bits) - 1;
    uint64_t left = value >> half_bits;
    uint64_t right = value & mask;
    for (uint64_t round = 0; round < 4; round++) {
        uint32_t words[4];
        /* b has room for 56 bits: the round above, the half (at most 32 bits) below. */
        dp_random_words(seed, DP_STREAM_EPOCH, epoch, round << 32 | right, words);
        uint64_t mixed = left ^ (words[0] & mask);
        left = right;
        right = mixed;
    }
    return left << half_bits | right;
}

uint64_t dp_sampler_permute(uint64_t seed, uint64_t epoch, uint64_t position, uint64_t count) {
    unsigned half_bits = 1;
    while (half_bits < 32 && ((count - 1) >> (2 * half_bits)) != 0)
        half_bits++;
    do
        position = feistel(seed, epoch, position, half_bits);
    while (position >= count);
    return position;
}

uint64_t dp_sampler_draw(const dp_sampler *sampler, uint64_t step, uint64_t row) {
    if (sampler->sampling == DP_SAMPLING_REPLACEMENT)
        return dp_random_below(sampler->seed, DP_STREAM_BATCH, step, row, sampler->example_count);
    uint64_t drawn = step * sampler->batch_size + row; /* since the run began */
    return dp_sampler_permute(sampler->seed, drawn / sampler->example_count,
                              drawn % sampler->example_count, sampler->example_count);
}
