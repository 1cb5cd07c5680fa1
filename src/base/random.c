#include "base/random.h"

#include "base/real.h"

#include <math.h>

void dp_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t product0 = (uint64_t)0xD2511F53u * c0;
        uint64_t product1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(product1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)product1;
        c2 = (uint32_t)(product0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)product0;
        k0 += 0x9E3779B9u; /* the golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void dp_random_words(uint64_t seed, dp_stream stream, uint64_t a, uint64_t b, uint32_t out[4]) {
    const uint32_t counter[4] = {(uint32_t)a, (uint32_t)(a >> 32), (uint32_t)b,
                                 (uint32_t)(b >> 32) | (uint32_t)stream << 24};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    dp_philox(counter, key, out);
}

__extension__ typedef unsigned __int128 uint128;

/* The 64-bit word at words[0..1]. */
static uint64_t word64(const uint32_t *words) {
    return (uint64_t)words[1] << 32 | words[0];
}

uint64_t dp_random_below(uint64_t seed, dp_stream stream, uint64_t a, uint64_t b, uint64_t bound) {
    uint32_t words[4];
    dp_random_words(seed, stream, a, b, words);
    return (uint64_t)((uint128)word64(words) * bound >> 64);
}

static double unit_interval(uint64_t word) {
    return (double)(word >> 11) * 0x1p-53;
}

double dp_random_uniform(uint64_t seed, dp_stream stream, uint64_t a, uint64_t b) {
    uint32_t words[4];
    dp_random_words(seed, stream, a, b, words);
    return unit_interval(word64(words));
}

double dp_random_normal(uint64_t seed, dp_stream stream, uint64_t a, uint64_t b) {
    uint32_t words[4];
    dp_random_words(seed, stream, a, b, words);
    /* 1 - u is exact, and never 0. */
    const double radius = sqrt(-2.0 * dp_real_log(1.0 - unit_interval(word64(words))));
    return radius * dp_real_cos_turns(unit_interval(word64(words + 2)));
}
