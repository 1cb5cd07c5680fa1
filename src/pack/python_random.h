/* python_random: Python's `random.seed(seed); random.shuffle(x)`, for the same splits as the
 * notebook.
 *
 * MT19937 (Matsumoto and Nishimura 1998) seeded by init_by_array with the 32-bit digits of the
 * seed, least significant first; for i from n - 1 down to 1, j is drawn below i + 1 as the top bits
 * of one or two outputs, again where it is too large, and elements i and j are swapped (CPython's
 * Modules/_randommodule.c and Lib/random.py, unchanged since Python 3.2).
 */
#ifndef DP_PACK_PYTHON_RANDOM_H
#define DP_PACK_PYTHON_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define DP_PYTHON_RANDOM_STATE 624

typedef struct dp_python_random {
    uint32_t state[DP_PYTHON_RANDOM_STATE];
    uint32_t words[DP_PYTHON_RANDOM_STATE]; /* what it gives */
    size_t next; /* the word that comes next; DP_PYTHON_RANDOM_STATE: refill first */
} dp_python_random;

/* random.seed(seed) for a non-negative seed below 2^64. */
void dp_python_random_init(dp_python_random *random, uint64_t seed);

/* random.getrandbits(bits), bits 1 to 64. */
uint64_t dp_python_random_bits(dp_python_random *random, unsigned bits);

/* random.randrange(bound), bound at least 1. */
uint64_t dp_python_random_below(dp_python_random *random, uint64_t bound);

/* random.shuffle(values), in place; `count` values. */
void dp_python_random_shuffle(dp_python_random *random, uint64_t *values, size_t count);

#endif
