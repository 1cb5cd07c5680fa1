#include "words/word_scanner.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* Eight bytes are looked at as one number. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest");

/* What a byte means: bits, so that those of a word are gathered without a branch on each. */
enum {
    BYTE_BLANK = 1,
    BYTE_NEWLINE = 2,
    BYTE_HIGH = 8, /* of a character beyond ASCII */
    BYTE_ZERO = 16,
    BYTE_ENDS_WORD = BYTE_BLANK | BYTE_NEWLINE,
    BYTE_STOPS = BYTE_ENDS_WORD | BYTE_ZERO,
};

/* --- rules ------------------------------------------------------------------------------------ */

static void init_kinds(unsigned char kinds[256]) {
    memset(kinds, 0, 128);
    memset(kinds + 128, BYTE_HIGH, 128);
    kinds[0] = BYTE_ZERO;
    kinds['\n'] = BYTE_NEWLINE;
    for (const char *blank = " \t\v\f\r"; *blank != '\0'; blank++)
        kinds[(unsigned char)*blank] = BYTE_BLANK;
}

static bool could_be_word(const unsigned char kinds[256], const char *text, size_t size) {
    unsigned found = 0;
    for (size_t i = 0; i < size; i++)
        found |= kinds[(unsigned char)text[i]];
    return size > 0 && size <= DP_WORD_BYTES_MAX && (found & BYTE_ENDS_WORD) == 0 &&
           dp_utf8_valid_bytes(text, size) == size;
}

dp_status dp_word_rules_init(dp_word_rules *rules, const char *boundary, dp_error *error) {
    *rules = (dp_word_rules){.boundary = boundary, .boundary_bytes = strlen(boundary)};
    init_kinds(rules->kinds);
    if (!could_be_word(rules->kinds, boundary, rules->boundary_bytes))
        return dp_fail(error, DP_ERR_INPUT, "--boundary = '%.80s': must be one word", boundary);
    return DP_OK;
}

/* --- one word --------------------------------------------------------------------------------- */

static dp_status check_word(const dp_word_scanner *self, size_t first, size_t length,
                            unsigned kinds, dp_error *error) {
    if (length > DP_WORD_BYTES_MAX)
        return dp_fail(error, DP_ERR_INPUT, "a word of %zu bytes; at most %zu", length,
                       DP_WORD_BYTES_MAX);
    if ((kinds & BYTE_ZERO) != 0)
        return dp_fail(error, DP_ERR_INPUT, "a zero byte: is this a text file?");
    const unsigned char *word = self->text + first;
    const size_t valid = (kinds & BYTE_HIGH) != 0 ? dp_utf8_valid_bytes(word, length) : length;
    char offset[48] = "";
    if (valid == length)
        return DP_OK;
    if (!self->is_joined)
        snprintf(offset, sizeof offset, " at offset %zu", first + valid);
    return dp_fail(error, DP_ERR_INPUT,
                   "byte 0x%02x%s is not valid UTF-8; convert the text (iconv -t UTF-8)",
                   word[valid], offset);
}

static bool is_boundary(const dp_word_scanner *self, const dp_word *word) {
    return word->length == self->rules->boundary_bytes &&
           word->text[0] == (unsigned char)self->rules->boundary[0] &&
           memcmp(word->text, self->rules->boundary, word->length) == 0;
}

/* Where the plain bytes from `at` on end, or fewer than eight are left: eight at once, without a
 * branch on each. Plain are the printing characters of ASCII. */
static size_t skip_plain(const dp_word_scanner *self, size_t at) {
    const uint64_t ones = UINT64_MAX / 255, highs = 128 * ones;
    for (; self->end - at >= sizeof ones; at += sizeof ones) {
        uint64_t eight;
        memcpy(&eight, self->text + at, sizeof eight);
        /* The high bit stays where the other seven are at least '!'. */
        uint64_t others = (eight | ~((eight | highs) - '!' * ones)) & highs;
        if (others != 0)
            return at + (size_t)__builtin_ctzll(others) / 8;
    }
    return at;
}

/* dp_word_hash, of text[0..length) with `available` bytes that may be looked at. */
static uint64_t hash_word(const unsigned char *text, size_t length, size_t available) {
    uint64_t bytes;
    if (length == 0 || length > DP_WORD_SHORT_BYTES || available < sizeof bytes)
        return dp_word_hash(text, length);
    memcpy(&bytes, text, sizeof bytes);
    return dp_word_hash_short(bytes & UINT64_MAX >> 8 * (sizeof bytes - length));
}

/* Takes the word that begins here. */
static dp_status take_word(dp_word_scanner *self, dp_word_batch *batch, dp_error *error) {
    const unsigned char *kinds = self->rules->kinds;
    const size_t first = self->at;
    unsigned found = 0;
    size_t at = skip_plain(self, first);
    for (; at < self->end && (kinds[self->text[at]] & BYTE_STOPS) == 0; at++)
        found |= kinds[self->text[at]];
    if (at < self->end)
        found |= kinds[self->text[at]] & BYTE_ZERO;
    dp_word *word = &batch->words[batch->count]; /* field by field: a copy would wait for them */
    word->text = self->text + first;
    word->length = (uint32_t)(at - first);
    DP_TRY(check_word(self, first, at - first, found, error));
    if (is_boundary(self, word))
        return dp_fail(error, DP_ERR_INPUT,
                       "the boundary '%.80s' is a word of the text; choose one that does not "
                       "occur with --boundary",
                       self->rules->boundary);
    word->hash = hash_word(word->text, word->length, self->end - first);
    batch->count++;
    self->line_has_words = true;
    self->at = at;
    return DP_OK;
}

/* --- the text --------------------------------------------------------------------------------- */

/* Takes a newline, or the end of the text. */
static void end_line(dp_word_scanner *self, dp_word_batch *batch) {
    if (self->line_has_words)
        batch->words[batch->count++] = (dp_word){.text = self->text + self->line_first};
    else
        self->empty_lines++;
    self->at += self->at < self->end;
    self->line++;
    self->line_first = self->at;
    self->line_has_words = false;
}

void dp_word_scanner_init(dp_word_scanner *scanner, const dp_word_rules *rules,
                          const dp_file_map *text) {
    const size_t first = dp_utf8_mark_bytes(text->data, text->size);
    *scanner = (dp_word_scanner){.rules = rules,
                                 .text = text->data,
                                 .end = text->size,
                                 .at = first,
                                 .line = 1,
                                 .line_first = first};
}

dp_status dp_word_scanner_read(dp_word_scanner *self, dp_word_batch *batch, dp_error *error) {
    batch->count = 0;
    while (self->at < self->end && batch->count < DP_WORD_BATCH) {
        unsigned char kind = self->rules->kinds[self->text[self->at]];
        if (kind == BYTE_BLANK)
            self->at++;
        else if (kind == BYTE_NEWLINE)
            end_line(self, batch);
        else if (take_word(self, batch, error) != DP_OK)
            return error->status;
    }
    bool at_end = self->at == self->end && batch->count < DP_WORD_BATCH;
    if (at_end && (self->line_has_words || self->line_first < self->end))
        end_line(self, batch);
    return DP_OK;
}
