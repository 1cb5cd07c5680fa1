/* word_list: the words of a text, 8 bytes each, so that shuffling moves little.
 *
 * A word is one number. Up to 8 ASCII characters stand in it as they are, so that most words need
 * no look at the text again, where they would lie all over memory (or the disk) once shuffled.
 * Others are given by their place:
 *
 *     bit 63 = 1   short: bits 56-59 the length, 7 bits a character from bit 0 on, unused ones 0
 *     bit 63 = 0   long:  bits 24-62 the offset of the first byte, bits 0-23 the length
 *
 * Lengths are in characters. The list of a large text is touched all over while it is shuffled, so
 * it asks for huge pages.
 */
#ifndef DP_PACK_WORD_LIST_H
#define DP_PACK_WORD_LIST_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_WORD_SHORT_MAX 8                      /* characters of a short word */
#define DP_WORD_LENGTH_LIMIT ((uint64_t)1 << 24) /* lengths are below */
#define DP_WORD_OFFSET_LIMIT ((uint64_t)1 << 39) /* offsets are below */

typedef struct dp_word_list {
    uint64_t *words; /* [capacity] owned; the first `count` are in use */
    size_t count;
    size_t capacity;
} dp_word_list;

/* An empty list with room for `capacity` words, at least 1; memory is taken up as it fills. Start
 * with {0}. */
dp_status dp_word_list_init(dp_word_list *list, size_t capacity, dp_error *error) DP_CHECKED;
void dp_word_list_clear(dp_word_list *list);

static inline bool dp_word_is_short(uint64_t word) {
    return word >> 63 != 0;
}

static inline size_t dp_word_length(uint64_t word) {
    return (size_t)(dp_word_is_short(word) ? word >> 56 & 15 : word & (DP_WORD_LENGTH_LIMIT - 1));
}

/* Of a long word. */
static inline size_t dp_word_offset(uint64_t word) {
    return (size_t)(word >> 24);
}

static inline uint64_t dp_word_long(size_t offset, size_t length) {
    return (uint64_t)offset << 24 | length;
}

/* The word of `length` (1 to 8) ASCII characters, the first lowest in `bytes`, and zeros above. */
static inline uint64_t dp_word_short(uint64_t bytes, size_t length) {
    uint64_t c = bytes;
    c = (c & 0x007f007f007f007fu) | (c & 0x7f007f007f007f00u) >> 1; /* 7 + 7 bits in each 16 */
    c = (c & 0x00003fff00003fffu) | (c & 0x3fff00003fff0000u) >> 2; /* 14 + 14 in each 32 */
    c = (c & 0x000000000fffffffu) | (c & 0x0fffffff00000000u) >> 4;
    return (uint64_t)1 << 63 | (uint64_t)length << 56 | c;
}

/* The bytes of a short word, the first lowest, and zeros above. */
static inline uint64_t dp_word_bytes(uint64_t word) {
    uint64_t c = word & 0x00ffffffffffffffu;
    c = (c & 0x000000000fffffffu) | (c & 0x00fffffff0000000u) << 4;
    c = (c & 0x00003fff00003fffu) | (c & 0x0fffc0000fffc000u) << 2;
    return (c & 0x007f007f007f007fu) | (c & 0x3f803f803f803f80u) << 1;
}

#endif
