/* Lines of printing ASCII alone, which most are, are taken many at once. */
#include "pack/char_scanner.h"

#include "base/memory.h"
#include "base/size.h"
#include "base/utf8.h"
#include "pack/text_source.h"
#include "system/cpu.h"
#include "words/piece.h"

#include <inttypes.h>
#include <string.h>

/* Eight bytes are looked at as one number. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest");

#define BLOCK_BYTES 512 /* that the fast path takes at once; a block has to have a whole line */
#define PAIRS ((size_t)1 << 15) /* of characters of ASCII */

typedef struct scanner {
    const unsigned char *text; /* up to `size`, where a line ends */
    size_t size;
    size_t at;     /* the next byte */
    uint64_t line; /* that it stands on, from 1 */
    const dp_file_map *map;
    uint64_t *pieces; /* of words, where the next ones go */
    uint64_t count;   /* of words, or of the tokens of a running text, */
    uint64_t lines;   /* and of its lines */
    dp_alphabet *alphabet;
    unsigned char *pairs; /* [PAIRS] 1: the fast path has seen these two, the first lowest */
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

/* Where the line from `first` on ends; *newlines: 1 where a newline stands there. */
static size_t find_end(const scanner *self, size_t first, size_t *newlines) {
    const size_t close = dp_size_min(dp_piece_line_end(self->map, first), self->size);
    *newlines = self->text[close - 1] == '\n';
    return close - *newlines;
}

/* Takes one line with its end; *length is its word's length in characters, 0 for none. */
static dp_status take_line(scanner *self, size_t *length, dp_error *error) {
    const size_t first = self->at;
    size_t newlines = 0;
    const size_t end = find_end(self, first, &newlines);
    size_t word_end = end;
    while (word_end > first && is_blank(self->text[word_end - 1]))
        word_end--;
    DP_TRY(take_word(self, word_end, length, error));
    if (end - first > DP_LINE_BYTES_MAX && *length > 0)
        return dp_fail(error, DP_ERR_INPUT, "a word of %zu bytes; at most %zu (one word a line)",
                       end - first, DP_LINE_BYTES_MAX);
    self->at = end + newlines;
    self->line++;
    return DP_OK;
}

/* --- many lines ------------------------------------------------------------------------------- */

/* At most how many words stand in [*at, *end), and how much of it is to be looked at: up to a zero
 * byte, at which reading ends. Sums of few bytes are kept in bytes, which vectorises. */
static size_t count_lines(const unsigned char *text, size_t first, size_t *end) {
    enum { STEP = 128 };
    size_t lines = *end > first && text[*end - 1] != '\n', at = first;
    unsigned char zeros = 0;
    for (; at < *end && zeros == 0; at += STEP) {
        const size_t step_end = *end - at < STEP ? *end : at + STEP;
        unsigned char newlines = 0;
        for (size_t i = at; i < step_end; i++) {
            newlines = (unsigned char)(newlines + (text[i] == '\n'));
            zeros |= (unsigned char)(text[i] == 0);
        }
        lines += newlines;
    }
    *end = dp_size_min(at, *end);
    return lines + (zeros != 0);
}

/* The `count` (1 to 8) bytes at `offset`, the first lowest, and zeros above. */
static uint64_t first_bytes(const dp_file_map *text, size_t offset, size_t count) {
    return dp_piece_load_eight(text, offset) & UINT64_MAX >> 8 * (sizeof(uint64_t) - count);
}

/* Adds a line whose word, where it has one, begins at `offset`. No branch where lines are short. */
static void add_line(scanner *self, size_t offset, size_t length) {
    uint64_t word = dp_piece_long(offset, length);
    if (length - 1 < DP_PIECE_ASCII_MAX) {
        const uint64_t own = first_bytes(self->map, offset, length);
        word = dp_piece_is_ascii(own) ? dp_piece_short(own, length) : word;
    } else if (length - 1 < DP_PIECE_LETTERS_MAX) {
        const uint64_t letters =
            dp_piece_letters(dp_piece_load_eight(self->map, offset),
                             first_bytes(self->map, offset + 8, length - 8), length);
        word = letters != 0 ? letters : word;
    }
    self->pieces[self->count] = word; /* there is room for each line */
    self->count += length > 0;
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
            add_line(self, self->at + first, end - first);
            first = end + 1;
            self->line++;
        }
    }
    self->at += first;
    return (size_t)(self->line - before);
}

static dp_status take_lines(scanner *self, dp_error *error) {
    if (is_plain_block(self) && take_plain_lines(self) > 0)
        return DP_OK;
    const size_t end = self->size - self->at < BLOCK_BYTES ? self->size : self->at + BLOCK_BYTES;
    while (self->at < end) {
        const size_t offset = self->at;
        size_t length = 0;
        DP_TRY(take_line(self, &length, error));
        add_line(self, offset, length);
    }
    return DP_OK;
}

/* Of a running text: one line with its end, which is a token. */
static dp_status take_running_line(scanner *self, dp_error *error) {
    const size_t first = self->at;
    size_t ends = 0;
    const size_t end = find_end(self, first, &ends);
    const bool returns = ends == 1 && end > first && self->text[end - 1] == '\r';
    size_t length = 0;
    DP_TRY(take_word(self, end - (returns ? 1 : 0), &length, error));
    self->alphabet->ids['\n'] |= (uint32_t)ends;
    self->count += length + ends;
    self->lines++;
    self->line += ends;
    self->at = end + ends;
    return DP_OK;
}

/* --- the whole text --------------------------------------------------------------------------- */

#define PARTS_A_THREAD ((size_t)4) /* so that a slow one has less to do */
#define PARTS_MAX (PARTS_A_THREAD * DP_CPU_THREADS_MAX)

/* A text is read by parts that end with a line. */
typedef struct dp_text_part {
    size_t first, end;
    size_t place; /* in the pieces, of its first word, and how many there may be */
    size_t most;
    uint64_t count, lines; /* as of a scanner */
    uint64_t ends;         /* of lines, that it has taken */
    bool failed;
} dp_text_part;

/* What a thread has for itself. */
typedef struct dp_scanner_hand {
    dp_alphabet *alphabet; /* of the first the caller's */
    dp_alphabet own;
    unsigned char pairs[PAIRS];
} dp_scanner_hand;

typedef struct reading {
    dp_packing_text *text;
    dp_status (*take)(scanner *self, dp_error *error);
    dp_progress_line *progress;
    dp_text_part parts[PARTS_MAX];
    size_t part_count;
    dp_scanner_hand *hands; /* [hand_count] owned */
    size_t hand_count;
} reading;

static void clear_reading(reading *self) {
    for (size_t i = 0; i < self->hand_count; i++)
        dp_memory_free(self->hands[i].own.ids);
    dp_memory_free(self->hands);
}

static void divide(reading *self, size_t count) {
    const dp_file_map *map = &self->text->map;
    size_t first = dp_utf8_mark_bytes(map->data, map->size);
    for (size_t i = 0; i < count && first < map->size; i++) {
        const size_t close = dp_size_max(first, map->size / count * (i + 1));
        const size_t end = i + 1 == count ? map->size : dp_piece_line_end(map, close);
        self->parts[self->part_count++] = (dp_text_part){.first = first, .end = end};
        first = end;
    }
}

/* Where memory is short, fewer hands will do. */
static dp_status prepare(reading *self, dp_alphabet *alphabet, size_t threads, dp_error *error) {
    DP_TRY_NEW(self->hands, threads);
    for (; self->hand_count < threads; self->hand_count++) {
        dp_scanner_hand *hand = &self->hands[self->hand_count];
        hand->alphabet = self->hand_count == 0 ? alphabet : &hand->own;
        hand->own = (dp_alphabet){.boundary = alphabet->boundary, .end = 128};
        if (self->hand_count > 0)
            hand->own.ids = dp_memory_zeroed(DP_UTF8_LIMIT, sizeof *hand->own.ids, error);
        if (hand->alphabet->ids == NULL)
            break;
    }
    return DP_OK;
}

static dp_status count_part(void *context, size_t item, size_t worker, dp_error *error) {
    reading *self = context;
    dp_text_part *part = &self->parts[item];
    (void)worker;
    (void)error;
    part->most = count_lines(self->text->map.data, part->first, &part->end);
    return DP_OK;
}

/* Takes a part, some of it at a time. */
static dp_status read_part(void *context, size_t item, size_t worker, dp_error *error) {
    enum { REPORT_BYTES = 1 << 24 };
    reading *self = context;
    const dp_file_map *map = &self->text->map;
    dp_text_part *part = &self->parts[item];
    dp_scanner_hand *hand = &self->hands[worker];
    uint64_t *pieces = self->text->pieces; /* NULL: of a running text */
    scanner from = {.text = map->data,
                    .size = part->end,
                    .at = part->first,
                    .line = 1,
                    .map = map,
                    .pieces = pieces == NULL ? NULL : pieces + part->place,
                    .alphabet = hand->alphabet,
                    .pairs = hand->pairs};
    size_t report_at = part->first;
    while (from.at < from.size && !part->failed) {
        part->failed = self->take(&from, error) != DP_OK;
        if (from.at >= report_at && worker == 0) {
            dp_progress_line_show(self->progress, from.at, map->size, "reading");
            report_at = from.at + REPORT_BYTES;
        }
    }
    part->count = from.count;
    part->lines = from.lines;
    part->ends = from.line - 1;
    return part->failed ? error->status : DP_OK;
}

/* Puts together what the parts and the hands have found. */
static void join(reading *self, dp_alphabet *alphabet, uint64_t *ends) {
    dp_packing_text *text = self->text;
    for (size_t i = 0; i < self->part_count; i++) {
        const dp_text_part *part = &self->parts[i];
        if (text->pieces != NULL && text->count != part->place)
            memmove(text->pieces + text->count, text->pieces + part->place,
                    part->count * sizeof *text->pieces);
        text->count += part->count;
        text->lines += part->lines;
        *ends += part->ends;
    }
    for (size_t i = 0; i < self->hand_count; i++) {
        const dp_scanner_hand *hand = &self->hands[i];
        for (uint32_t c = 0; c < hand->own.end && i > 0; c++)
            alphabet->ids[c] |= hand->own.ids[c];
        for (size_t pair = 0; pair < PAIRS; pair++) {
            alphabet->ids[pair & 0xFFu] |= hand->pairs[pair];
            alphabet->ids[pair >> 8] |= hand->pairs[pair];
        }
        alphabet->end = hand->own.end > alphabet->end ? hand->own.end : alphabet->end;
    }
}

/* The lines before the failure are those of the parts before it, which were all taken. */
static dp_status fail(const reading *self, dp_error *error) {
    uint64_t line = 1;
    for (const dp_text_part *part = self->parts;; part++) {
        line += part->ends;
        if (part->failed)
            return dp_text_source_prefix(self->text, line, error);
    }
}

/* *ends: of lines. */
static dp_status read_text(reading *self, dp_alphabet *alphabet, size_t threads, bool has_pieces,
                           uint64_t *ends, dp_error *error) {
    DP_TRY(prepare(self, alphabet, threads, error));
    divide(self, self->hand_count > 1 ? self->hand_count * PARTS_A_THREAD : 1);
    if (has_pieces) {
        dp_packing_text *text = self->text;
        DP_TRY(dp_cpu_run(self->hand_count, self->part_count, count_part, self, error));
        for (size_t i = 0; i < self->part_count; i++) {
            self->parts[i].place = text->capacity;
            text->capacity += self->parts[i].most;
        }
        DP_TRY_BLOCK(text->pieces, dp_memory_unset(text->capacity, sizeof *text->pieces, error));
    }
    if (dp_cpu_run(self->hand_count, self->part_count, read_part, self, error) != DP_OK)
        return fail(self, error);
    join(self, alphabet, ends);
    return DP_OK;
}

dp_status dp_char_scanner_read(dp_packing_text *text, dp_alphabet *alphabet, size_t threads,
                               dp_progress_line *progress, dp_error *error) {
    DP_OWNED(clear_reading)
    reading self = {.text = text, .take = take_lines, .progress = progress};
    uint64_t ends = 0;
    if (text->map.size > DP_PIECE_PLACE_LIMIT)
        return dp_fail(error, DP_ERR_INPUT, "%s has %zu bytes; texts may have %" PRIu64,
                       text->names[0], text->map.size, DP_PIECE_PLACE_LIMIT);
    DP_TRY(read_text(&self, alphabet, threads, true, &ends, error));
    alphabet->ids['\n'] = 0; /* the fast path marks it */
    text->words = text->lines = text->count;
    text->empty_lines = ends - text->count;
    return DP_OK;
}

dp_status dp_char_scanner_read_stream(dp_packing_text *text, dp_alphabet *alphabet, size_t threads,
                                      dp_progress_line *progress, dp_error *error) {
    DP_OWNED(clear_reading)
    reading self = {.text = text, .take = take_running_line, .progress = progress};
    uint64_t ends = 0;
    DP_TRY(read_text(&self, alphabet, threads, false, &ends, error));
    text->words = text->count;
    return DP_OK;
}
