/* piece: a word or a line of a text in 8 bytes, so that shuffling moves little.
 *
 * A piece is one number. A word of up to 8 ASCII characters, or of 9 to 12 small letters of which
 * the first may be a capital, stands in it as it is, so that most words need no look at the text
 * again, where they would lie all over memory (or the disk) once shuffled. Others are given by
 * their place:
 *
 *     bits 63, 62 = 1, 0   short: bits 56-59 the length, 7 bits a character from bit 0 on
 *     bits 63, 62 = 1, 1   short: bit 60 a capital, 5 bits a letter from bit 0 on, none of them 0
 *     bit 63 = 0           long:  bits 24-62 the place, bits 0-23 the length
 *
 * Of a word the place is the offset of its first byte, and the length counts characters; of a line,
 * the place of its first word among all of them, and the length counts words.
 */
#ifndef DP_WORDS_PIECE_H
#define DP_WORDS_PIECE_H

#include "base/size.h"
#include "system/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DP_PIECE_ASCII_MAX 8                      /* characters of a short word, */
#define DP_PIECE_LETTERS_MAX 12                   /* and of one of letters */
#define DP_PIECE_LENGTH_LIMIT ((uint64_t)1 << 24) /* lengths are below */
#define DP_PIECE_PLACE_LIMIT ((uint64_t)1 << 39)  /* places are below */

static inline bool dp_piece_is_short(uint64_t piece) {
    return piece >> 63 != 0;
}

static inline bool dp_piece_is_letters(uint64_t piece) {
    return piece >> 62 == 3;
}

/* Without a branch, as nobody can foresee it. */
static inline size_t dp_piece_length(uint64_t piece) {
    /* The highest bit of the letters is one of the last. */
    const size_t letters = (size_t)(64 - __builtin_clzll(piece << 4 | 1)) / 5;
    const size_t others =
        (size_t)(dp_piece_is_short(piece) ? piece >> 56 & 15 : piece & (DP_PIECE_LENGTH_LIMIT - 1));
    return dp_piece_is_letters(piece) ? letters : others;
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

/* Bytes below 32, 5 bits of each. */
static inline uint64_t dp_piece_pack_fives(uint64_t bytes) {
    uint64_t c = bytes;
    c = (c & 0x001f001f001f001fu) | (c & 0x1f001f001f001f00u) >> 3; /* 5 + 5 bits in each 16 */
    c = (c & 0x000003ff000003ffu) | (c & 0x03ff000003ff0000u) >> 6;
    return (c & 0x00000000000fffffu) | (c & 0x000fffff00000000u) >> 12;
}

static inline uint64_t dp_piece_unpack_fives(uint64_t fives) {
    uint64_t c = (fives & 0x00000000000fffffu) | (fives & 0x000000fffff00000u) << 12;
    c = (c & 0x000003ff000003ffu) | (c & 0x000ffc00000ffc00u) << 6;
    return (c & 0x001f001f001f001fu) | (c & 0x03e003e003e003e0u) << 3;
}

/* The word of `length` (9 to 12) letters, the first 8 in `low`, the first lowest, and the others,
 * and zeros above, in `high`; 0 where these are no letters. Taken for letters are all of the 31
 * characters above '@', as a capital, and above '`'. */
static inline uint64_t dp_piece_letters(uint64_t low, uint64_t high, size_t length) {
    const uint64_t ones = UINT64_MAX / 255;
    const uint64_t used = ones >> 8 * (2 * sizeof low - length); /* a bit for each in `high` */
    const uint64_t capital = (low & 0xE0u) == 0x40u;
    low ^= 0x60u * ones ^ capital << 5;
    high ^= 0x60u * used;
    /* Below 32, and with 31 more above it. */
    const uint64_t more = (low + 0x1Fu * ones) & 0x20u * ones;
    const uint64_t more_high = (high + 0x1Fu * used) & 0x20u * ones;
    if (((low | high) & 0xE0u * ones) != 0 || more != 0x20u * ones || more_high != 0x20u * used)
        return 0;
    return (uint64_t)3 << 62 | capital << 60 | dp_piece_pack_fives(high) << 40 |
           dp_piece_pack_fives(low);
}

/* Sets bytes to those of a short word, the first lowest, and zeros above. */
static inline void dp_piece_bytes(uint64_t piece, uint64_t bytes[2]) {
    uint64_t c = piece & 0x00ffffffffffffffu;
    if (dp_piece_is_letters(piece)) {
        const size_t unused = 2 * sizeof c - dp_piece_length(piece);
        const uint64_t letters = 0x6060606060606060u;
        bytes[0] = dp_piece_unpack_fives(piece) + letters - (piece >> 60 & 1) * 0x20u;
        bytes[1] = dp_piece_unpack_fives(piece >> 40 & 0xfffffu) + (letters >> 8 * unused);
        return;
    }
    c = (c & 0x000000000fffffffu) | (c & 0x00fffffff0000000u) << 4;
    c = (c & 0x00003fff00003fffu) | (c & 0x0fffc0000fffc000u) << 2;
    bytes[0] = (c & 0x007f007f007f007fu) | (c & 0x3f803f803f803f80u) << 1;
    bytes[1] = 0;
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

/* Behind the newline that is the first from `at` on, so that a text can be cut there; or behind a
 * zero byte that comes before, at which reading ends: files may go on with zeros for terabytes. */
static inline size_t dp_piece_line_end(const dp_file_map *text, size_t at) {
    enum { STEP = 1 << 16 };
    for (; at < text->size; at += STEP) {
        size_t bytes = dp_size_min(STEP, text->size - at);
        const unsigned char *newline = memchr(text->data + at, '\n', bytes);
        bytes = newline == NULL ? bytes : (size_t)(newline - text->data) + 1 - at;
        const unsigned char *zero = memchr(text->data + at, 0, bytes);
        if (zero != NULL)
            return (size_t)(zero - text->data) + 1;
        if (newline != NULL)
            return at + bytes;
    }
    return text->size;
}

static inline bool dp_piece_is_ascii(uint64_t eight) {
    return (eight & 0x8080808080808080u) == 0;
}

#endif
