/* The generator is that of the paper, with the constants and the initialisation of its authors'
 * 2002 revision, which CPython kept. Everything is 32-bit arithmetic modulo 2^32. */
#include "pack/python_random.h"

#define STATE_SIZE DP_PYTHON_RANDOM_STATE
#define STATE_MIDDLE 397

/* --- seeding ---------------------------------------------------------------------------------- */

static uint32_t mix(uint32_t before, uint32_t factor) {
    return (before ^ before >> 30) * factor;
}

/* The place behind `at`; behind the last one comes the second, as the first has a copy of it. */
static uint32_t next_place(uint32_t state[STATE_SIZE], uint32_t at) {
    if (at + 1 < STATE_SIZE)
        return at + 1;
    state[0] = state[STATE_SIZE - 1];
    return 1;
}

/* init_by_array; the key is as long as the seed's digits are, 1 or 2. */
void dp_python_random_init(dp_python_random *random, uint64_t seed) {
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t *state = random->state, at = 1, digit = 0;
    state[0] = 19650218u;
    for (uint32_t i = 1; i < STATE_SIZE; i++)
        state[i] = mix(state[i - 1], 1812433253u) + i;
    for (uint32_t i = 0; i < STATE_SIZE; i++, at = next_place(state, at)) {
        state[at] = (state[at] ^ mix(state[at - 1], 1664525u)) + key[digit] + digit;
        digit = key[1] != 0 && digit == 0 ? 1 : 0;
    }
    for (uint32_t i = 0; i < STATE_SIZE - 1; i++, at = next_place(state, at))
        state[at] = (state[at] ^ mix(state[at - 1], 1566083941u)) - at;
    state[0] = 0x80000000u; /* the state is never all zero */
    random->next = STATE_SIZE;
}

/* --- drawing ---------------------------------------------------------------------------------- */

static uint32_t twist(uint32_t upper, uint32_t lower, uint32_t far) {
    uint32_t joined = (upper & 0x80000000u) | (lower & 0x7fffffffu);
    return far ^ joined >> 1 ^ ((joined & 1u) != 0 ? 0x9908b0dfu : 0u);
}

static uint32_t temper(uint32_t word) {
    word ^= word >> 11;
    word ^= word << 7 & 0x9d2c5680u;
    word ^= word << 15 & 0xefc60000u;
    return word ^ word >> 18;
}

/* Replaces the whole state by its successors, in place: each needs its two elements and the one
 * STATE_MIDDLE ahead, which is a successor already where that wraps around. In loops that compilers
 * turn into vectors. */
static void refill(dp_python_random *random) {
    uint32_t *state = random->state;
    size_t i = 0;
    for (; i < STATE_SIZE - STATE_MIDDLE; i++)
        state[i] = twist(state[i], state[i + 1], state[i + STATE_MIDDLE]);
    for (; i < STATE_SIZE - 1; i++)
        state[i] = twist(state[i], state[i + 1], state[i + STATE_MIDDLE - STATE_SIZE]);
    state[i] = twist(state[i], state[0], state[STATE_MIDDLE - 1]);
    for (i = 0; i < STATE_SIZE; i++)
        random->words[i] = temper(state[i]);
    random->next = 0;
}

static uint32_t draw_word(dp_python_random *random) {
    if (random->next == STATE_SIZE)
        refill(random);
    return random->words[random->next++];
}

uint64_t dp_python_random_bits(dp_python_random *random, unsigned bits) {
    if (bits <= 32)
        return draw_word(random) >> (32 - bits);
    uint64_t low = draw_word(random);
    uint64_t high = draw_word(random) >> (64 - bits);
    return high << 32 | low;
}

static unsigned bit_length(uint64_t value) {
    return 64u - (unsigned)__builtin_clzll(value); /* value is at least 1 */
}

uint64_t dp_python_random_below(dp_python_random *random, uint64_t bound) {
    const unsigned bits = bit_length(bound);
    uint64_t value = dp_python_random_bits(random, bits);
    while (value >= bound)
        value = dp_python_random_bits(random, bits);
    return value;
}

/* --- shuffling -------------------------------------------------------------------------------- */

#define BATCH 256

/* Draws below bound, bound - 1, ... into draws[0..count). As long as these bounds have the same
 * number of bits (at most 32), a word that is too large for its bound is one for the next try: it
 * is stored all the same and overwritten, so that no branch depends on the words. */
static void draw_descending(dp_python_random *random, uint64_t bound, size_t count,
                            size_t draws[BATCH]) {
    const unsigned shift = 32 - bit_length(bound);
    for (size_t done = 0; done < count;) {
        uint32_t word = draw_word(random) >> shift;
        draws[done] = word;
        done += word < bound - done;
    }
}

/* Draws a batch of partners for the elements left - 1, left - 2, ...; returns how many. */
static size_t draw_partners(dp_python_random *random, size_t left, size_t partners[BATCH]) {
    const unsigned bits = bit_length(left);
    const size_t same_bits = left - ((size_t)1 << (bits - 1)) + 1;
    if (bits > 32) {
        partners[0] = (size_t)dp_python_random_below(random, left);
        return 1;
    }
    size_t count = same_bits < BATCH ? same_bits : BATCH;
    draw_descending(random, left, count, partners);
    return count;
}

/* The draws do not depend on the values, so they are made a batch ahead: the processor then fetches
 * the partners from memory all at once instead of waiting for each in turn. */
void dp_python_random_shuffle(dp_python_random *random, uint64_t *values, size_t count) {
    size_t partners[BATCH];
    for (size_t left = count; left > 1;) { /* down to two: one bit less ends the last batch there */
        size_t batch = draw_partners(random, left, partners);
        for (size_t i = 0; i < batch; i++)
            __builtin_prefetch(&values[partners[i]], 1, 1);
        for (size_t i = 0; i < batch; i++) {
            uint64_t *last = &values[left - i - 1];
            uint64_t kept = *last;
            *last = values[partners[i]];
            values[partners[i]] = kept;
        }
        left -= batch;
    }
}
