/* Lines of printing ASCII alone, which most are, are taken many at once. */
#include "pack/char_scanner.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "pack/piece.h"

#include <inttypes.h>
#include <string.h>

/* Eight bytes are looked at as one number. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest");

#define BLOCK_BYTES 512 /* that the fast path takes at once; a block has to have a whole line */

/* What a byte means to the scanner. Everything but PLAIN leaves the fast path. */
typedef enum byte_kind {
    BYTE_PLAIN,   /* an ASCII character of a word */
    BYTE_NEWLINE, /* ends the line */
    BYTE_BLANK,   /* belongs to the word unless only blanks follow */
    BYTE_OTHER,   /* not ASCII, zero, or the boundary */
} byte_kind;

typedef struct scanner {
    dp_packing_text *found;
    const unsigned char *text; /* of `found`, and its size */
    size_t size;
    size_t at;     /* the next byte */
    uint64_t line; /* that it stands on, from 1 */
    dp_alphabet *alphabet;
    unsigned char kinds[256];
} scanner;

static void init_kinds(scanner *self) {
    memset(self->kinds, BYTE_PLAIN, 128);
    memset(self->kinds + 128, BYTE_OTHER, 128);
    self->kinds[0] = BYTE_OTHER;
    self->kinds['\n'] = BYTE_NEWLINE;
    self->kinds[' '] = self->kinds['\t'] = self->kinds['\r'] = BYTE_BLANK;
    if (self->alphabet->boundary < 128 && self->kinds[self->alphabet->boundary] == BYTE_PLAIN)
        self->kinds[self->alphabet->boundary] = BYTE_OTHER;
}

/* --- one line --------------------------------------------------------------------------------- */

static dp_status fail_character(const scanner *self, uint32_t code_point, dp_error *error) {
    char boundary[DP_UTF8_MAX_BYTES + 1];
    if (code_point == 0)
        return dp_fail(error, DP_ERR_INPUT, "%s:%" PRIu64 ": a zero byte: is this a text file?",
                       self->found->path, self->line);
    dp_utf8_encode(code_point, boundary);
    return dp_fail(error, DP_ERR_INPUT,
                   "%s:%" PRIu64 ": the boundary '%s' stands inside a word; choose a character "
                   "that does not occur with --boundary",
                   self->found->path, self->line, boundary);
}

/* Takes one character of a word, of any kind. */
static dp_status take_character(scanner *self, dp_error *error) {
    uint32_t code_point = 0;
    size_t bytes = dp_utf8_decode(self->text + self->at, self->size - self->at, &code_point);
    if (bytes == 0)
        return dp_fail(error, DP_ERR_INPUT,
                       "%s:%" PRIu64 ": byte 0x%02x is not valid UTF-8; convert the text (iconv -t "
                       "UTF-8)",
                       self->found->path, self->line, self->text[self->at]);
    if (code_point == 0 || code_point == self->alphabet->boundary)
        return fail_character(self, code_point, error);
    self->alphabet->ids[code_point] = 1;
    if (code_point >= self->alphabet->end)
        self->alphabet->end = code_point + 1;
    self->at += bytes;
    return DP_OK;
}

/* Takes plain characters as far as they go; returns how many. */
static size_t take_plain(scanner *self) {
    const unsigned char *text = self->text;
    uint32_t *ids = self->alphabet->ids;
    const size_t size = self->size;
    const size_t first = self->at;
    size_t at = first;
    while (at < size && self->kinds[text[at]] == BYTE_PLAIN)
        ids[text[at++]] = 1;
    self->at = at;
    return at - first;
}

static byte_kind next_kind(const scanner *self) {
    return self->at == self->size ? BYTE_NEWLINE : (byte_kind)self->kinds[self->text[self->at]];
}

/* Takes the blanks from here on: into the word where it goes on behind them. */
static dp_status take_blanks(scanner *self, size_t *length, dp_error *error) {
    const size_t first = self->at;
    while (next_kind(self) == BYTE_BLANK)
        self->at++;
    const size_t end = self->at;
    if (next_kind(self) == BYTE_NEWLINE)
        return DP_OK;
    for (self->at = first; self->at < end;)
        DP_TRY(take_character(self, error));
    *length += end - first;
    return DP_OK;
}

/* Takes one line with its end; *length is its word's length in characters, 0 for none. */
static dp_status take_line(scanner *self, size_t *length, dp_error *error) {
    const size_t first = self->at;
    *length = take_plain(self);
    for (byte_kind kind; (kind = next_kind(self)) != BYTE_NEWLINE;) {
        if (kind == BYTE_BLANK) {
            DP_TRY(take_blanks(self, length, error));
        } else {
            if (kind == BYTE_OTHER) {
                DP_TRY(take_character(self, error));
                ++*length;
            }
            *length += take_plain(self);
        }
    }
    if (self->at - first > DP_LINE_BYTES_MAX && *length > 0)
        return dp_fail(error, DP_ERR_INPUT,
                       "%s:%" PRIu64 ": a word of %zu bytes; at most %zu (one word a line)",
                       self->found->path, self->line, self->at - first, DP_LINE_BYTES_MAX);
    self->at += self->at < self->size;
    self->line++;
    return DP_OK;
}

/* --- the whole text --------------------------------------------------------------------------- */

/* At most how many lines the text has. Sums of few bytes are kept in bytes, which vectorises. */
static size_t count_lines(const dp_file_map *text) {
    enum { STEP = 128 };
    size_t lines = 1;
    for (size_t at = 0; at < text->size; at += STEP) {
        size_t end = text->size - at < STEP ? text->size : at + STEP;
        unsigned char newlines = 0;
        for (size_t i = at; i < end; i++)
            newlines = (unsigned char)(newlines + (text->data[i] == '\n'));
        lines += newlines;
    }
    return lines;
}

static bool starts_with_mark(const dp_file_map *text) {
    return text->size >= 3 && memcmp(text->data, "\xEF\xBB\xBF", 3) == 0;
}

/* Adds a line whose word, where it has one, begins at `offset`. No branch where lines are short. */
static void add_line(dp_packing_text *text, size_t offset, size_t length) {
    uint64_t word = dp_piece_long(offset, length);
    if (length - 1 < DP_PIECE_SHORT_MAX) {
        uint64_t eight = dp_piece_load_eight(&text->map, offset);
        uint64_t own = eight & ~(uint64_t)0 >> 8 * (DP_PIECE_SHORT_MAX - length);
        word = dp_piece_is_ascii(own) ? dp_piece_short(own, length) : word;
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

/* Takes the lines that end in the next BLOCK_BYTES, all plain: as take_line would, but without a
 * branch on any byte. Returns how many lines. */
static size_t take_plain_lines(scanner *self) {
    const unsigned char *bytes = self->text + self->at;
    uint32_t *ids = self->alphabet->ids;
    uint16_t ends[BLOCK_BYTES];
    size_t count = 0;
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        ids[bytes[i]] = 1;
        ends[count] = (uint16_t)i;
        count += bytes[i] == '\n';
    }
    size_t first = 0;
    for (size_t i = 0; i < count; i++) {
        add_line(self->found, self->at + first, ends[i] - first);
        first = (size_t)ends[i] + 1;
    }
    self->at += first;
    self->line += count;
    return count;
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

static dp_status find_words(scanner *self, dp_progress_line *progress, dp_error *error) {
    enum { REPORT_BYTES = 1 << 24 };
    size_t report_at = self->at;
    while (self->at < self->size) {
        DP_TRY(take_lines(self, error));
        if (self->at >= report_at) {
            dp_progress_line_show(progress, self->at, self->size, "reading");
            report_at = self->at + REPORT_BYTES;
        }
    }
    self->alphabet->ids['\n'] = 0; /* take_plain_lines marks it */
    return DP_OK;
}

dp_status dp_char_scanner_read(dp_packing_text *text, dp_alphabet *alphabet,
                               dp_progress_line *progress, dp_error *error) {
    const dp_file_map *map = &text->map;
    scanner self = {.found = text,
                    .text = map->data,
                    .size = map->size,
                    .at = starts_with_mark(map) ? 3 : 0,
                    .line = 1,
                    .alphabet = alphabet};
    if (map->size > DP_PIECE_PLACE_LIMIT)
        return dp_fail(error, DP_ERR_INPUT, "%s has %zu bytes; texts may have %" PRIu64, text->path,
                       map->size, DP_PIECE_PLACE_LIMIT);
    text->capacity = count_lines(map);
    DP_TRY_NEW(text->pieces, text->capacity);
    init_kinds(&self);
    DP_TRY(find_words(&self, progress, error));
    text->words = text->lines = text->count;
    text->empty_lines = self.line - 1 - text->count;
    return DP_OK;
}
