/* Lines of printing ASCII alone, which most are, are taken many at once. */
#include "pack/char_scanner.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "pack/piece.h"
#include "pack/text_source.h"

#include <inttypes.h>
#include <string.h>

/* Eight bytes are looked at as one number. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest");

#define BLOCK_BYTES 512 /* that the fast path takes at once; a block has to have a whole line */
#define PAIRS ((size_t)1 << 15) /* of characters of ASCII */

typedef struct scanner {
    dp_packing_text *found;
    const unsigned char *text; /* of `found`, and its size */
    size_t size;
    size_t at;     /* the next byte */
    uint64_t line; /* that it stands on, from 1 */
    dp_alphabet *alphabet;
    unsigned char
        pairs[PAIRS]; /* 1: the fast path has seen one behind the other, the first lowest */
} scanner;

/* --- one line --------------------------------------------------------------------------------- */

static dp_status fail_character(const scanner *self, size_t bytes, uint32_t code_point,
                                dp_error *error) {
    char boundary[DP_UTF8_MAX_BYTES + 1];
    if (bytes == 0)
        return dp_fail(error, DP_ERR_INPUT,
                       "byte 0x%02x is not valid UTF-8; convert the text (iconv -t UTF-8)",
                       self->text[self->at]);
    if (code_point == 0)
        return dp_fail(error, DP_ERR_INPUT, "a zero byte: is this a text file?");
    dp_utf8_encode(code_point, boundary);
    return dp_fail(error, DP_ERR_INPUT,
                   "the boundary '%s' stands in the text; choose a character that does not "
                   "occur with --boundary",
                   boundary);
}

/* Takes the characters from here to `end`. */
static dp_status take_word(scanner *self, size_t end, size_t *length, dp_error *error) {
    dp_alphabet *alphabet = self->alphabet;
    for (*length = 0; self->at < end; ++*length) {
        uint32_t code_point = self->text[self->at];
        const size_t bytes =
            code_point < 0x80u ? 1
                               : dp_utf8_decode(self->text + self->at, end - self->at, &code_point);
        if (bytes == 0 || code_point == 0 || code_point == alphabet->boundary)
            return fail_character(self, bytes, code_point, error);
        alphabet->ids[code_point] = 1;
        if (code_point >= alphabet->end)
            alphabet->end = code_point + 1;
        self->at += bytes;
    }
    return DP_OK;
}

static bool is_blank(unsigned char byte) {
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Takes one line with its end; *length is its word's length in characters, 0 for none. */
static dp_status take_line(scanner *self, size_t *length, dp_error *error) {
    const size_t first = self->at;
    const unsigned char *newline = memchr(self->text + first, '\n', self->size - first);
    const size_t end = newline == NULL ? self->size : (size_t)(newline - self->text);
    size_t word_end = end;
    while (word_end > first && is_blank(self->text[word_end - 1]))
        word_end--;
    DP_TRY(take_word(self, word_end, length, error));
    if (end - first > DP_LINE_BYTES_MAX && *length > 0)
        return dp_fail(error, DP_ERR_INPUT, "a word of %zu bytes; at most %zu (one word a line)",
                       end - first, DP_LINE_BYTES_MAX);
    self->at = end + (end < self->size);
    self->line++;
    return DP_OK;
}

/* --- the whole text --------------------------------------------------------------------------- */

/* At most how many lines the text has, and how much of it is to be looked at: up to a zero byte, at
 * which reading ends. Sums of few bytes are kept in bytes, which vectorises. */
static size_t count_lines(const dp_file_map *text, size_t *size) {
    enum { STEP = 128 };
    size_t lines = 1, at = 0;
    unsigned char zeros = 0;
    for (; at < text->size && zeros == 0; at += STEP) {
        size_t end = text->size - at < STEP ? text->size : at + STEP;
        unsigned char newlines = 0;
        for (size_t i = at; i < end; i++) {
            newlines = (unsigned char)(newlines + (text->data[i] == '\n'));
            zeros |= (unsigned char)(text->data[i] == 0);
        }
        lines += newlines;
    }
    *size = at < text->size ? at : text->size;
    return lines;
}

/* The `count` (1 to 8) bytes at `offset`, the first lowest, and zeros above. */
static uint64_t first_bytes(const dp_file_map *text, size_t offset, size_t count) {
    return dp_piece_load_eight(text, offset) & UINT64_MAX >> 8 * (sizeof(uint64_t) - count);
}

/* Adds a line whose word, where it has one, begins at `offset`. No branch where lines are short. */
static void add_line(dp_packing_text *text, size_t offset, size_t length) {
    uint64_t word = dp_piece_long(offset, length);
    if (length - 1 < DP_PIECE_ASCII_MAX) {
        const uint64_t own = first_bytes(&text->map, offset, length);
        word = dp_piece_is_ascii(own) ? dp_piece_short(own, length) : word;
    } else if (length - 1 < DP_PIECE_LETTERS_MAX) {
        const uint64_t letters =
            dp_piece_letters(dp_piece_load_eight(&text->map, offset),
                             first_bytes(&text->map, offset + 8, length - 8), length);
        word = letters != 0 ? letters : word;
    }
    text->pieces[text->count] = word;
    text->count += length > 0;
}

/* Whether the next BLOCK_BYTES are there, and all plain characters and newlines. */
static bool is_plain_block(const scanner *self) {
    if (self->size - self->at < BLOCK_BYTES)
        return false;
    const unsigned char *bytes = self->text + self->at;
    const unsigned char boundary =
        self->alphabet->boundary < 128 ? (unsigned char)self->alphabet->boundary : 0;
    unsigned char other = 0;
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        unsigned char c = bytes[i];
        other |= (unsigned char)(c >> 7 | (c == 0) | (c == ' ') | (c == '\t') | (c == '\r') |
                                 (c == boundary));
    }
    return other == 0;
}

/* Bit i: whether bytes[i], of 64 that are ASCII, is a newline. */
static uint64_t find_newlines(const unsigned char *bytes) {
    const uint64_t ones = UINT64_MAX / 255;
    uint64_t found = 0, eight;
    for (unsigned i = 0; i < 64; i += 8) {
        memcpy(&eight, bytes + i, sizeof eight);
        const uint64_t others = (eight ^ '\n' * ones) + 0x7Fu * ones; /* in their high bits */
        /* The lowest bit of each byte, one beside the other. */
        found |= ((~others >> 7 & ones) * 0x0102040810204080u >> 56) << i;
    }
    return found;
}

/* Takes the lines that end in the next BLOCK_BYTES, all plain: as take_line would, but without a
 * branch on any byte. Returns how many lines. */
static size_t take_plain_lines(scanner *self) {
    const unsigned char *bytes = self->text + self->at;
    const uint64_t before = self->line;
    size_t first = 0;
    for (size_t i = 0; i < BLOCK_BYTES; i += 2) {
        uint16_t pair;
        memcpy(&pair, bytes + i, sizeof pair);
        self->pairs[pair] = 1;
    }
    for (size_t at = 0; at < BLOCK_BYTES; at += 64) {
        for (uint64_t ends = find_newlines(bytes + at); ends != 0; ends &= ends - 1) {
            const size_t end = at + (size_t)__builtin_ctzll(ends);
            add_line(self->found, self->at + first, end - first);
            first = end + 1;
            self->line++;
        }
    }
    self->at += first;
    return (size_t)(self->line - before);
}

static void mark_pairs(const scanner *self) {
    for (size_t i = 0; i < PAIRS; i++) {
        self->alphabet->ids[i & 0xFFu] |= self->pairs[i];
        self->alphabet->ids[i >> 8] |= self->pairs[i];
    }
    self->alphabet->ids['\n'] = 0;
}

static dp_status take_lines(scanner *self, dp_error *error) {
    if (is_plain_block(self) && take_plain_lines(self) > 0)
        return DP_OK;
    const size_t end = self->size - self->at < BLOCK_BYTES ? self->size : self->at + BLOCK_BYTES;
    while (self->at < end) {
        const size_t offset = self->at;
        size_t length = 0;
        DP_TRY(take_line(self, &length, error));
        add_line(self->found, offset, length);
    }
    return DP_OK;
}

/* Of a running text: one line with its end, which is a token. */
static dp_status take_running_line(scanner *self, dp_error *error) {
    const size_t first = self->at;
    const unsigned char *newline = memchr(self->text + first, '\n', self->size - first);
    const size_t ends = newline != NULL ? 1 : 0;
    const size_t end = newline == NULL ? self->size : (size_t)(newline - self->text);
    const bool returns = newline != NULL && end > first && self->text[end - 1] == '\r';
    size_t length = 0;
    DP_TRY(take_word(self, end - (returns ? 1 : 0), &length, error));
    self->alphabet->ids['\n'] |= (uint32_t)ends;
    self->found->count += length + ends;
    self->found->lines++;
    self->line += ends;
    self->at = end + ends;
    return DP_OK;
}

/* Takes the text, some of it at a time. */
static dp_status take_all(scanner *self, dp_status (*take)(scanner *self, dp_error *error),
                          dp_progress_line *progress, dp_error *error) {
    enum { REPORT_BYTES = 1 << 24 };
    size_t report_at = self->at;
    while (self->at < self->size) {
        if (take(self, error) != DP_OK)
            return dp_text_source_prefix(self->found, self->line, error);
        if (self->at >= report_at) {
            dp_progress_line_show(progress, self->at, self->size, "reading");
            report_at = self->at + REPORT_BYTES;
        }
    }
    return DP_OK;
}

static scanner begin_at_text(dp_packing_text *text, dp_alphabet *alphabet) {
    const dp_file_map *map = &text->map;
    return (scanner){.found = text,
                     .text = map->data,
                     .size = map->size,
                     .at = dp_utf8_mark_bytes(map->data, map->size),
                     .line = 1,
                     .alphabet = alphabet};
}

dp_status dp_char_scanner_read(dp_packing_text *text, dp_alphabet *alphabet,
                               dp_progress_line *progress, dp_error *error) {
    const dp_file_map *map = &text->map;
    scanner self = begin_at_text(text, alphabet);
    if (map->size > DP_PIECE_PLACE_LIMIT)
        return dp_fail(error, DP_ERR_INPUT, "%s has %zu bytes; texts may have %" PRIu64,
                       text->names[0], map->size, DP_PIECE_PLACE_LIMIT);
    text->capacity = count_lines(map, &self.size);
    DP_TRY_NEW(text->pieces, text->capacity);
    DP_TRY(take_all(&self, take_lines, progress, error));
    mark_pairs(&self);
    text->words = text->lines = text->count;
    text->empty_lines = self.line - 1 - text->count;
    return DP_OK;
}

dp_status dp_char_scanner_read_stream(dp_packing_text *text, dp_alphabet *alphabet,
                                      dp_progress_line *progress, dp_error *error) {
    scanner self = begin_at_text(text, alphabet);
    DP_TRY(take_all(&self, take_running_line, progress, error));
    text->words = text->count;
    return DP_OK;
}
