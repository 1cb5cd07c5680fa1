/* A text is read twice: once from end to end, to find words and characters, and once word by word
 * in shuffled order. Both have a fast path for ASCII. */
#include "pack/corpus.h"

#include "base/utf8.h"
#include "pack/python_random.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

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
    const char *path;
    const unsigned char *text;
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
                       self->path, self->line);
    dp_utf8_encode(code_point, boundary);
    return dp_fail(error, DP_ERR_INPUT,
                   "%s:%" PRIu64 ": the boundary '%s' stands inside a word; choose a character "
                   "that does not occur with --boundary",
                   self->path, self->line, boundary);
}

/* Takes one character of a word, of any kind. */
static dp_status take_character(scanner *self, dp_error *error) {
    uint32_t code_point = 0;
    size_t bytes = dp_utf8_decode(self->text + self->at, self->size - self->at, &code_point);
    if (bytes == 0)
        return dp_fail(error, DP_ERR_INPUT,
                       "%s:%" PRIu64 ": byte 0x%02x is not valid UTF-8; convert the text (iconv -t "
                       "UTF-8)",
                       self->path, self->line, self->text[self->at]);
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
                       self->path, self->line, self->at - first, DP_LINE_BYTES_MAX);
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

/* How the text will be read; only speed depends on it. */
static void advise(const dp_file_map *text, int advice) {
    (void)posix_madvise((void *)(uintptr_t)text->data, text->size, advice);
}

static bool starts_with_mark(const dp_file_map *text) {
    return text->size >= 3 && memcmp(text->data, "\xEF\xBB\xBF", 3) == 0;
}

/* The 8 bytes at `offset`, the first lowest; zeros behind the end of the text. */
static uint64_t load_eight(const dp_file_map *text, size_t offset) {
    uint64_t eight = 0;
    if (text->size - offset >= sizeof eight)
        memcpy(&eight, text->data + offset, sizeof eight);
    else
        memcpy(&eight, text->data + offset, text->size - offset);
    return eight;
}

static bool is_ascii(uint64_t eight) {
    return (eight & 0x8080808080808080u) == 0;
}

/* Adds a line whose word, where it has one, begins at `offset`. No branch where lines are short. */
static void add_line(dp_corpus *corpus, size_t offset, size_t length) {
    dp_word_list *list = &corpus->words;
    uint64_t word = dp_word_long(offset, length);
    if (length - 1 < DP_WORD_SHORT_MAX) {
        uint64_t eight = load_eight(&corpus->text, offset);
        uint64_t own = eight & ~(uint64_t)0 >> 8 * (DP_WORD_SHORT_MAX - length);
        word = is_ascii(own) ? dp_word_short(own, length) : word;
    }
    list->words[list->count] = word;
    list->count += length > 0;
    corpus->empty_lines += length == 0;
    corpus->longest = length > corpus->longest ? length : corpus->longest;
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
static size_t take_plain_lines(scanner *self, dp_corpus *corpus) {
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
        add_line(corpus, self->at + first, ends[i] - first);
        first = (size_t)ends[i] + 1;
    }
    self->at += first;
    self->line += count;
    return count;
}

static dp_status take_lines(scanner *self, dp_corpus *corpus, dp_error *error) {
    if (is_plain_block(self) && take_plain_lines(self, corpus) > 0)
        return DP_OK;
    const size_t end = self->size - self->at < BLOCK_BYTES ? self->size : self->at + BLOCK_BYTES;
    while (self->at < end) {
        const size_t offset = self->at;
        size_t length = 0;
        DP_TRY(take_line(self, &length, error));
        add_line(corpus, offset, length);
    }
    return DP_OK;
}

static dp_status find_words(dp_corpus *corpus, scanner *self, dp_progress_line *progress,
                            dp_error *error) {
    enum { REPORT_BYTES = 1 << 24 };
    size_t report_at = self->at;
    while (self->at < self->size) {
        DP_TRY(take_lines(self, corpus, error));
        if (self->at >= report_at) {
            dp_progress_line_show(progress, self->at, self->size, "reading");
            report_at = self->at + REPORT_BYTES;
        }
    }
    self->alphabet->ids['\n'] = 0; /* take_plain_lines marks it */
    return DP_OK;
}

static dp_status check_size(const dp_corpus *corpus, dp_error *error) {
    if (corpus->text.size == 0)
        return dp_fail(error, DP_ERR_INPUT, "%s is empty; it must hold one word a line",
                       corpus->path);
    if (corpus->text.size > DP_WORD_OFFSET_LIMIT)
        return dp_fail(error, DP_ERR_INPUT, "%s has %zu bytes; texts may have %" PRIu64,
                       corpus->path, corpus->text.size, DP_WORD_OFFSET_LIMIT);
    return DP_OK;
}

dp_status dp_corpus_open(dp_corpus *corpus, const char *path, dp_alphabet *alphabet,
                         dp_progress_line *progress, dp_error *error) {
    dp_status status = DP_OK;
    *corpus = (dp_corpus){0};
    DP_OR_DONE(dp_path_format(corpus->path, error, "%s", path));
    DP_OR_DONE(dp_file_map_open(&corpus->text, path, error));
    DP_OR_DONE(check_size(corpus, error));
    advise(&corpus->text, POSIX_MADV_SEQUENTIAL);
    DP_OR_DONE(dp_word_list_init(&corpus->words, count_lines(&corpus->text), error));
    scanner self = {.path = corpus->path,
                    .text = corpus->text.data,
                    .size = corpus->text.size,
                    .at = starts_with_mark(&corpus->text) ? 3 : 0,
                    .line = 1,
                    .alphabet = alphabet};
    init_kinds(&self);
    DP_OR_DONE(find_words(corpus, &self, progress, error));
    if (corpus->words.count == 0)
        status = dp_fail(error, DP_ERR_INPUT, "%s holds no words, only %" PRIu64 " empty lines",
                         path, corpus->empty_lines);
done:
    if (status != DP_OK)
        dp_corpus_close(corpus);
    return status;
}

void dp_corpus_close(dp_corpus *corpus) {
    dp_word_list_clear(&corpus->words);
    dp_file_map_close(&corpus->text);
    *corpus = (dp_corpus){0};
}

void dp_corpus_shuffle(dp_corpus *corpus, uint64_t seed) {
    dp_python_random random;
    dp_python_random_init(&random, seed);
    dp_python_random_shuffle(&random, corpus->words.words, corpus->words.count);
    advise(&corpus->text, POSIX_MADV_RANDOM);
}

uint64_t dp_corpus_rows(const dp_corpus *corpus, size_t first, size_t count) {
    uint64_t rows = 0;
    for (size_t i = 0; i < count; i++)
        rows += dp_word_length(corpus->words.words[first + i]) + 1;
    return rows;
}

/* --- words to ids ----------------------------------------------------------------------------- */

/* The code point at text[*at], which take_character has found valid; moves *at behind it. */
static uint32_t next_code_point(const unsigned char *text, size_t *at) {
    const unsigned char *b = text + *at;
    if (b[0] < 0x80u) {
        *at += 1;
        return b[0];
    }
    if (b[0] < 0xE0u) {
        *at += 2;
        return (b[0] & 0x1Fu) << 6 | (b[1] & 0x3Fu);
    }
    if (b[0] < 0xF0u) {
        *at += 3;
        return (b[0] & 0x0Fu) << 12 | (b[1] & 0x3Fu) << 6 | (b[2] & 0x3Fu);
    }
    *at += 4;
    return (b[0] & 0x07u) << 18 | (b[1] & 0x3Fu) << 12 | (b[2] & 0x3Fu) << 6 | (b[3] & 0x3Fu);
}

static void encode_eight(const dp_alphabet *alphabet, uint64_t eight, uint32_t ids[8]) {
    for (int i = 0; i < 8; i++)
        ids[i] = alphabet->ids[eight >> 8 * i & 0xFFu];
}

static void encode_long(const dp_corpus *corpus, const dp_alphabet *alphabet, uint64_t word,
                        uint32_t *ids) {
    const unsigned char *text = corpus->text.data;
    const size_t length = dp_word_length(word);
    size_t at = dp_word_offset(word);
    for (size_t i = 0; i < length;) {
        uint64_t eight = load_eight(&corpus->text, at);
        if (is_ascii(eight)) { /* also where fewer are left: the rest is overwritten */
            encode_eight(alphabet, eight, ids + i);
            i += 8;
            at += 8;
        } else {
            ids[i++] = alphabet->ids[next_code_point(text, &at)];
        }
    }
}

size_t dp_corpus_encode(const dp_corpus *corpus, const dp_alphabet *alphabet, uint64_t word,
                        uint32_t *ids) {
    const size_t length = dp_word_length(word);
    if (dp_word_is_short(word))
        encode_eight(alphabet, dp_word_bytes(word), ids);
    else
        encode_long(corpus, alphabet, word, ids);
    ids[length] = DP_BOUNDARY_ID;
    return length + 1;
}

/* The long words are listed first and asked for in one go: each costs a walk through the page
 * tables, and those of neighbouring instructions run side by side. */
void dp_corpus_prefetch(const dp_corpus *corpus, const uint64_t *words, size_t count) {
    size_t offsets[DP_CORPUS_PREFETCH_MAX];
    size_t listed = 0;
    for (size_t i = 0; i < count; i++) {
        offsets[listed] = dp_word_offset(words[i]);
        listed += !dp_word_is_short(words[i]);
    }
    for (size_t i = 0; i < listed; i++)
        __builtin_prefetch(corpus->text.data + offsets[i]);
}
