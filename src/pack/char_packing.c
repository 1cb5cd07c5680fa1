/* Packs a text of one word a line (pack/char_scanner) whose tokens are the characters of its words,
 * Unicode code points. The boundary, id 0, ends each word; the others follow in the order of their
 * code points, so that ids do not depend on the order of the words.
 *
 * As a stream all characters of the text are tokens, ends of lines among them, and it is cut in
 * order. Each split begins with boundaries as its context, and no boundary is ever a target. */
#include "pack/packing_job.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/utf8.h"
#include "pack/char_scanner.h"
#include "pack/text_findings.h"
#include "words/piece.h"
#include "words/word_table.h"

#include <string.h>

#define PAIRS ((size_t)1 << 14)
#define WORDS_AHEAD DP_PACKING_NOTED /* that are asked for at once */

typedef struct packer {
    dp_packing_job *job;
    dp_alphabet alphabet;
    uint16_t *pairs; /* [PAIRS] ids of two characters of ASCII, of a byte each, owned; 0: 0 */
} packer;

static dp_status begin(void *state, dp_packing_job *job, dp_error *error) {
    packer *self = state;
    dp_alphabet *alphabet = &self->alphabet;
    const char *boundary = job->request->boundary;
    const size_t size = strlen(boundary);
    const size_t bytes = dp_utf8_decode((const unsigned char *)boundary, size, &alphabet->boundary);
    self->job = job;
    if (bytes == 0 || bytes != size || alphabet->boundary == '\n')
        return dp_fail(error, DP_ERR_INPUT, "--boundary = '%.80s': must be exactly one character",
                       boundary);
    alphabet->end = 128;
    DP_TRY_NEW(alphabet->ids, DP_UTF8_LIMIT);
    return DP_OK;
}

static dp_status read(void *state, dp_packing_text *text, dp_error *error) {
    packer *self = state;
    return dp_char_scanner_read(text, &self->alphabet, self->job->threads, &self->job->progress,
                                error);
}

static dp_status read_stream(void *state, dp_packing_text *text, dp_error *error) {
    packer *self = state;
    return dp_char_scanner_read_stream(text, &self->alphabet, self->job->threads,
                                       &self->job->progress, error);
}

static dp_text_suspects suspects(const void *state) {
    const dp_alphabet *alphabet = &((const packer *)state)->alphabet;
    dp_text_suspects found = {0};
    for (uint32_t c = 0; c < alphabet->end; c++) {
        if (alphabet->ids[c] != 0)
            dp_text_suspects_add(&found, c);
    }
    return found;
}

static dp_status match(void *state, bool *unknown, dp_error *error) {
    packer *self = state;
    dp_alphabet *alphabet = &self->alphabet;
    char token[DP_UTF8_MAX_BYTES + 1];
    (void)error;
    for (uint32_t c = 0; c < alphabet->end; c++) {
        uint32_t id = 0;
        if (alphabet->ids[c] == 0)
            continue;
        if (!dp_vocabulary_find(&self->job->vocabulary, token, dp_utf8_encode(c, token), &id)) {
            dp_packing_note_unknown(self->job, token);
            *unknown = true;
            id = 0;
        }
        alphabet->ids[c] = id;
    }
    return DP_OK;
}

/* The characters that occur become their ids, and the vocabulary. */
static dp_status make_vocabulary(packer *self, dp_error *error) {
    const dp_alphabet *alphabet = &self->alphabet;
    typedef char token_text[DP_UTF8_MAX_BYTES + 1];
    DP_OWNED(dp_memory_release) token_text *texts = NULL;
    DP_OWNED(dp_memory_release) const char **tokens = NULL;
    size_t count = DP_BOUNDARY_ID + 1;
    for (uint32_t c = 0; c < alphabet->end; c++) {
        if (alphabet->ids[c] != 0)
            alphabet->ids[c] = (uint32_t)count++;
    }
    DP_TRY_NEW(texts, count);
    DP_TRY_NEW(tokens, count);
    dp_utf8_encode(alphabet->boundary, texts[DP_BOUNDARY_ID]);
    for (uint32_t c = 0; c < alphabet->end; c++) {
        if (alphabet->ids[c] != 0)
            dp_utf8_encode(c, texts[alphabet->ids[c]]);
    }
    for (size_t i = 0; i < count; i++)
        tokens[i] = texts[i];
    return dp_vocabulary_init(&self->job->vocabulary, tokens, count, error);
}

static dp_status number(void *state, dp_error *error) {
    packer *self = state;
    const uint32_t *ids = self->alphabet.ids;
    if (self->job->vocabulary.count == 0) /* else it was given */
        DP_TRY(make_vocabulary(self, error));
    DP_TRY_NEW(self->pairs, PAIRS);
    for (size_t i = 0; i < PAIRS; i++)
        self->pairs[i] = (uint16_t)(ids[i & 0x7Fu] | ids[i >> 7] << 8);
    return DP_OK;
}

/* --- what tells words apart ------------------------------------------------------------------- */

/* The character at bytes[0], of a text that was checked; *size is how many bytes it takes. */
static inline uint32_t decode_checked(const unsigned char *bytes, size_t *size) {
    const uint32_t lead = bytes[0];
    *size = lead < 0x80u ? 1 : lead < 0xE0u ? 2 : lead < 0xF0u ? 3 : 4;
    uint32_t value = lead < 0x80u ? lead : lead & (0x7Fu >> *size);
    for (size_t i = 1; i < *size; i++)
        value = value << 6 | (bytes[i] & 0x3Fu);
    return value;
}

/* How many bytes a long word takes. */
static size_t long_bytes(const dp_file_map *text, uint64_t word) {
    const size_t first = dp_piece_place(word);
    size_t at = first, size = 0;
    for (size_t left = dp_piece_length(word); left > 0; at += size) {
        const bool is_ascii = dp_piece_is_ascii(dp_piece_load_eight(text, at));
        if (is_ascii)
            size = dp_size_min(left, sizeof(uint64_t));
        else
            (void)decode_checked(text->data + at, &size);
        left -= is_ascii ? size : 1;
    }
    return at - first;
}

/* Shuffled words lie anywhere in the text, so the memory is asked for all of words[0..count), at
 * most WORDS_AHEAD, before their turn: its latency passes once. The long words are listed first and
 * asked for in one go: each costs a walk through the page tables, and those of neighbouring
 * instructions run side by side. Always inline, as gcc drops calls of what has no effect. */
__attribute__((always_inline)) static inline void ask_for(const dp_file_map *text,
                                                          const uint64_t *words, size_t count) {
    size_t places[WORDS_AHEAD];
    size_t listed = 0;
    for (size_t i = 0; i < count; i++) {
        places[listed] = dp_piece_place(words[i]);
        listed += !dp_piece_is_short(words[i]);
    }
    for (size_t i = 0; i < listed; i++)
        __builtin_prefetch(text->data + places[i]);
}

static dp_status keys(void *state, const dp_packing_text *text, const uint64_t *words, size_t count,
                      uint64_t *keys, dp_error *error) {
    (void)state;
    (void)error;
    const dp_file_map *map = &text->map;
    for (size_t i = 0; i < count; i++)
        keys[i] = dp_piece_is_short(words[i])
                      ? dp_word_hash_short(words[i])
                      : dp_xxh3_of(map->data + dp_piece_place(words[i]), long_bytes(map, words[i]));
    return DP_OK;
}

/* --- words to ids ----------------------------------------------------------------------------- */

static void encode_eight(const dp_alphabet *alphabet, uint64_t eight, uint32_t ids[8]) {
    for (int i = 0; i < 8; i++)
        ids[i] = alphabet->ids[eight >> 8 * i & 0xFFu];
}

static void encode_long(const dp_alphabet *alphabet, const dp_file_map *text, uint64_t word,
                        uint32_t *ids) {
    const size_t length = dp_piece_length(word);
    size_t at = dp_piece_place(word), size = 0;
    for (size_t i = 0; i < length;) {
        uint64_t eight = dp_piece_load_eight(text, at);
        if (dp_piece_is_ascii(eight)) { /* also where fewer are left: the rest is overwritten */
            encode_eight(alphabet, eight, ids + i);
            i += 8;
            at += 8;
        } else {
            ids[i++] = alphabet->ids[decode_checked(text->data + at, &size)];
            at += size;
        }
    }
}

/* Sets ids to those of one word and its boundary; returns how many. */
static size_t encode_word(const dp_alphabet *alphabet, const dp_file_map *text, uint64_t word,
                          uint32_t *ids) {
    const size_t length = dp_piece_length(word);
    uint64_t bytes[2];
    if (dp_piece_is_short(word)) {
        dp_piece_bytes(word, bytes);
        encode_eight(alphabet, bytes[0], ids);
        if (length > 8)
            encode_eight(alphabet, bytes[1], ids + 8);
    } else {
        encode_long(alphabet, text, word, ids);
    }
    ids[length] = DP_BOUNDARY_ID;
    return length + 1;
}

static size_t encode(const void *state, const dp_packing_text *text, const uint64_t *words,
                     size_t count, uint32_t *ids) {
    const packer *self = state;
    size_t filled = 0;
    ask_for(&text->map, words, count);
    for (size_t i = 0; i < count; i++)
        filled += encode_word(&self->alphabet, &text->map, words[i], ids + filled);
    return filled;
}

/* Of eight characters of ASCII, or fewer and zeros. */
static uint64_t eight_of(const packer *self, uint64_t bytes) {
    uint64_t ids = 0;
    for (unsigned i = 0; i < 64; i += 16)
        ids |= (uint64_t)self->pairs[(bytes >> i & 0x7Fu) | (bytes >> (i + 1) & 0x3F80u)] << i;
    return ids;
}

/* Adds the ids of a word that does not stand in its piece. */
static size_t eights_of_long(const packer *self, const dp_file_map *text, uint64_t word,
                             dp_id_eight *eights) {
    uint32_t ids[DP_PACKING_IDS + DP_PACKING_SPILL];
    const size_t count = encode_word(&self->alphabet, text, word, ids);
    size_t filled = 0;
    for (size_t at = 0; at < count; filled++) {
        dp_id_eight *eight = &eights[filled];
        *eight = (dp_id_eight){.count = dp_size_min(count - at, 8)};
        for (unsigned i = 0; i < eight->count; i++, at++) /* all `count` are set */
            eight->ids |= /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
                (uint64_t)ids[at] << 8 * i;
    }
    return filled;
}

static size_t encode_eights(const void *state, const dp_packing_text *text, const uint64_t *words,
                            size_t count, dp_id_eight *eights) {
    const packer *self = state;
    size_t filled = 0;
    ask_for(&text->map, words, count);
    for (size_t i = 0; i < count; i++) {
        const size_t length = dp_piece_length(words[i]);
        uint64_t bytes[2];
        if (!dp_piece_is_short(words[i])) {
            filled += eights_of_long(self, &text->map, words[i], eights + filled);
            continue;
        }
        dp_piece_bytes(words[i], bytes);
        eights[filled++] = (dp_id_eight){eight_of(self, bytes[0]), length > 8 ? 8 : length + 1};
        if (length > 8)
            eights[filled++] = (dp_id_eight){eight_of(self, bytes[1]), length - 8 + 1};
    }
    return filled;
}

static bool is_known(const void *state, const dp_packing_text *text, uint64_t word) {
    const dp_alphabet *alphabet = &((const packer *)state)->alphabet;
    uint64_t own[2];
    const unsigned char *bytes = dp_piece_is_short(word) ? (const unsigned char *)own
                                                         : text->map.data + dp_piece_place(word);
    size_t size = 0;
    dp_piece_bytes(word, own);
    bool known = true;
    for (size_t i = 0; i < dp_piece_length(word) && known; i++, bytes += size)
        known = alphabet->ids[decode_checked(bytes, &size)] != 0;
    return known;
}

/* --- a stream --------------------------------------------------------------------------------- */

/* CR before LF is no token. */
static bool is_return(const dp_file_map *text, size_t at) {
    return text->data[at] == '\r' && at + 1 < text->size && text->data[at + 1] == '\n';
}

/* How many characters begin in 64 bytes; more where one may be no token. */
static size_t count_beginnings(const unsigned char *bytes) {
    unsigned char beginnings = 0, returns = 0;
    for (size_t i = 0; i < 64; i++) {
        beginnings = (unsigned char)(beginnings + ((bytes[i] & 0xC0u) != 0x80u));
        returns |= (unsigned char)(bytes[i] == '\r');
    }
    return returns != 0 ? SIZE_MAX : beginnings;
}

static uint64_t skip(const void *state, const dp_packing_text *text, uint64_t place,
                     uint64_t tokens) {
    const dp_file_map *map = &text->map;
    size_t at = place == 0 ? dp_utf8_mark_bytes(map->data, map->size) : (size_t)place;
    (void)state;
    while (tokens > 0) {
        const size_t many = map->size - at < 64 ? SIZE_MAX : count_beginnings(map->data + at);
        const bool begins = (map->data[at] & 0xC0u) != 0x80u && !is_return(map, at);
        const bool at_once = many <= tokens;
        tokens -= at_once ? many : begins;
        at += at_once ? 64 : 1;
    }
    while (at < map->size && (map->data[at] & 0xC0u) == 0x80u)
        at++;
    return at;
}

static uint64_t encode_tokens(const void *state, const dp_packing_text *text, uint64_t place,
                              size_t tokens, uint32_t *ids) {
    const uint64_t ones = UINT64_MAX / 255;
    const dp_alphabet *alphabet = &((const packer *)state)->alphabet;
    const dp_file_map *map = &text->map;
    size_t at = place == 0 ? dp_utf8_mark_bytes(map->data, map->size) : (size_t)place;
    for (size_t i = 0, size = 0; i < tokens; at += size) {
        const uint64_t eight = dp_piece_load_eight(map, at), others = eight ^ '\r' * ones;
        /* Without a byte that is a carriage return: all others keep a bit where 127 are added. */
        if (dp_piece_is_ascii(eight) && (~(others + 0x7Fu * ones) & 0x80u * ones) == 0) {
            encode_eight(alphabet, eight, ids + i);
            size = dp_size_min(tokens - i, sizeof eight);
            i += size;
        } else {
            at += is_return(map, at);
            ids[i++] = alphabet->ids[decode_checked(map->data + at, &size)];
        }
    }
    return at;
}

static void end(void *state) {
    packer *self = state;
    dp_memory_free(self->alphabet.ids);
    dp_memory_free(self->pairs);
}

const dp_packing_kind dp_char_packing = {.size = sizeof(packer),
                                         .begin = begin,
                                         .read = read,
                                         .keys = keys,
                                         .suspects = suspects,
                                         .match = match,
                                         .is_known = is_known,
                                         .number = number,
                                         .encode = encode,
                                         .encode_eights = encode_eights,
                                         .end = end};

const dp_packing_kind dp_char_stream_packing = {.size = sizeof(packer),
                                                .begin = begin,
                                                .read = read_stream,
                                                .suspects = suspects,
                                                .match = match,
                                                .number = number,
                                                .skip = skip,
                                                .encode_tokens = encode_tokens,
                                                .end = end};
