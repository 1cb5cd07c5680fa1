/* piece: a word or a line of a text in 8 bytes, so that shuffling moves little.
 *
 * A piece is one number. A word of up to 8 ASCII characters stands in it as it is, so that most
 * words need no look at the text again, where they would lie all over memory (or the disk) once
 * shuffled. Others are given by their place:
 *
 *     bit 63 = 1   short: bits 56-59 the length, 7 bits a character from bit 0 on, unused ones 0
 *     bit 63 = 0   long:  bits 24-62 the place, bits 0-23 the length
 *
 * Of a word the place is the offset of its first byte, and the length counts characters; of a line,
 * the place of its first word among all of them, and the length counts words.
 */
#ifndef DP_PACK_PIECE_H
#define DP_PACK_PIECE_H

#include "system/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DP_PIECE_SHORT_MAX 8                      /* characters of a short word */
#define DP_PIECE_LENGTH_LIMIT ((uint64_t)1 << 24) /* lengths are below */
#define DP_PIECE_PLACE_LIMIT ((uint64_t)1 << 39)  /* places are below */

static inline bool dp_piece_is_short(uint64_t piece) {
    return piece >> 63 != 0;
}

static inline size_t dp_piece_length(uint64_t piece) {
    return (size_t)(dp_piece_is_short(piece) ? piece >> 56 & 15
                                             : piece & (DP_PIECE_LENGTH_LIMIT - 1));
}

/* Of a long piece. */
static inline size_t dp_piece_place(uint64_t piece) {
    return (size_t)(piece >> 24);
}

static inline uint64_t dp_piece_long(size_t place, size_t length) {
    return (uint64_t)place << 24 | length;
}

/* The word of `length` (1 to 8) ASCII characters, the first lowest in `bytes`, and zeros above. */
static inline uint64_t dp_piece_short(uint64_t bytes, size_t length) {
    uint64_t c = bytes;
    c = (c & 0x007f007f007f007fu) | (c & 0x7f007f007f007f00u) >> 1; /* 7 + 7 bits in each 16 */
    c = (c & 0x00003fff00003fffu) | (c & 0x3fff00003fff0000u) >> 2; /* 14 + 14 in each 32 */
    c = (c & 0x000000000fffffffu) | (c & 0x0fffffff00000000u) >> 4;
    return (uint64_t)1 << 63 | (uint64_t)length << 56 | c;
}

/* The bytes of a short word, the first lowest, and zeros above. */
static inline uint64_t dp_piece_bytes(uint64_t piece) {
    uint64_t c = piece & 0x00ffffffffffffffu;
    c = (c & 0x000000000fffffffu) | (c & 0x00fffffff0000000u) << 4;
    c = (c & 0x00003fff00003fffu) | (c & 0x0fffc0000fffc000u) << 2;
    return (c & 0x007f007f007f007fu) | (c & 0x3f803f803f803f80u) << 1;
}

/* The 8 bytes at `offset` of a text, the first lowest; zeros behind its end. */
static inline uint64_t dp_piece_load_eight(const dp_file_map *text, size_t offset) {
    uint64_t eight = 0;
    if (text->size - offset >= sizeof eight)
        memcpy(&eight, text->data + offset, sizeof eight);
    else
        memcpy(&eight, text->data + offset, text->size - offset);
    return eight;
}

static inline bool dp_piece_is_ascii(uint64_t eight) {
    return (eight & 0x8080808080808080u) == 0;
}

#endif
