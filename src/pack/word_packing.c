/* Packs a text whose tokens are its words (words/word_scanner), numbered by words/word_vocabulary.
 * Words are counted in the whole text, or in the training split, where first appearances are those
 * in that split.
 *
 * As a stream the text is one sequence: contexts run over the ends of lines, each of which is a
 * token DP_END_OF_LINE unless `no_eol`. It is cut in order, after `split_tokens` tokens or by
 * shares. Each split begins with boundaries as its context, and no boundary is ever a target; it is
 * counted 0 times. Otherwise each line with a word is a sequence that the boundary ends, and lines
 * are shuffled and cut as words are of a text of one word a line.
 *
 * A text is walked from end to end once (and read once more for its SHA-256): checked, cut into
 * lines, and each word given a number, by first appearance. The numbers are kept in a spool
 * (words/word_spool). Once words are counted and the vocabulary is known, they become ids, section
 * by section. Memory is bounded by the different words, the longest line and the buffers of
 * threads; lines that are shuffled take 8 bytes each. */
#include "pack/packing_job.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/utf8.h"
#include "pack/text_findings.h"
#include "pack/text_source.h"
#include "words/piece.h"
#include "words/word_spool.h"
#include "words/word_vocabulary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINES_AHEAD ((size_t)16) /* whose numbers are asked for */
typedef struct packer {
    dp_packing_job *job;
    const dp_packing_words *asked;
    bool has_end_words; /* ends of lines are words of a stream; of others they are boundaries */
    bool counts_all;    /* the words of all splits, */
    bool counts_early;  /* and of all pieces, so that they are counted as they are read */
    dp_word_rules rules;
    dp_word_table table; /* it gives the numbers */
    dp_word_spool spool; /* of all texts, one behind the other */
    uint64_t times;      /* how often the words count of the line that is walked */
    uint32_t boundary; /* the number of the ends of lines that are boundaries: behind all others */
    uint32_t *ids;     /* [boundary + 1] by number, owned */
    uint32_t seen_count; /* different words of the training split */
} packer;

/* Takes numbers[0..count) of a split. */
typedef dp_status (*consumer)(packer *self, dp_split split, const uint32_t *numbers, size_t count,
                              dp_error *error);

/* --- reading ---------------------------------------------------------------------------------- */

static dp_status begin(void *state, dp_packing_job *job, dp_error *error) {
    packer *self = state;
    const dp_packing_request *request = job->request;
    const dp_packing_words *words = &request->words;
    self->job = job;
    self->asked = words;
    self->has_end_words = request->stream && !words->no_eol;
    self->counts_all = words->vocab_from == DP_VOCAB_FROM_ALL;
    self->counts_early = self->counts_all && !request->unique && request->vocab_of[0] == '\0' &&
                         request->weight_column == NULL;
    self->times = 1;
    if (strcmp(request->boundary, DP_UNKNOWN_WORD) == 0 ||
        strcmp(request->boundary, DP_END_OF_LINE) == 0)
        return dp_fail(error, DP_ERR_INPUT, "--boundary = '%s': has another meaning",
                       request->boundary);
    DP_TRY(dp_word_rules_init(&self->rules, request->boundary, error));
    DP_TRY(dp_word_table_init(&self->table, error));
    dp_packing_watch(job);
    return dp_word_spool_create(&self->spool, request->output, error);
}

typedef struct reader {
    dp_packing_job *job;
    const dp_packing_text *text;
} reader;

static dp_status check(void *context, size_t at, dp_error *error) {
    const reader *self = context;
    dp_progress_line_show(&self->job->progress, at, self->text->map.size, "reading");
    return dp_packing_check(self->job, error);
}

static dp_status read(void *state, dp_packing_text *text, dp_error *error) {
    packer *self = state;
    dp_word_reading found = {0};
    reader context = {self->job, text};
    const dp_word_text asked = {.rules = &self->rules,
                                .map = &text->map,
                                .is_joined = text->joined.data != NULL,
                                .end_word = self->has_end_words ? DP_END_OF_LINE : NULL,
                                .has_pieces = !self->job->request->stream,
                                .counts = self->counts_early,
                                .threads = self->job->threads,
                                .check = check,
                                .context = &context};
    text->spooled_at = self->spool.count;
    const dp_status status = dp_word_spool_read(&self->spool, &self->table, &asked, &found, error);
    text->pieces = found.pieces;
    if (status != DP_OK)
        return found.failed_line > 0 ? dp_text_source_prefix(text, found.failed_line, error)
                                     : status;
    text->words = found.words;
    text->lines = found.lines;
    text->empty_lines = found.empty_lines;
    text->count = self->job->request->stream ? self->spool.count - text->spooled_at : found.count;
    return DP_OK;
}

static dp_status keys(void *state, const dp_packing_text *text, const uint64_t *lines, size_t count,
                      uint64_t *keys, dp_error *error) {
    dp_word_spool *spool = &((packer *)state)->spool;
    (void)text;
    DP_TRY(dp_word_spool_finish(spool, error));
    for (size_t i = 0; i < count; i++) {
        if (i + LINES_AHEAD < count)
            __builtin_prefetch(spool->numbers + dp_piece_place(lines[i + LINES_AHEAD]));
        keys[i] = dp_xxh3_of(spool->numbers + dp_piece_place(lines[i]),
                             dp_piece_length(lines[i]) * sizeof *spool->numbers);
    }
    return DP_OK;
}

/* Of the different words. */
static dp_text_suspects suspects(const void *state) {
    const dp_word_table *table = &((const packer *)state)->table;
    const unsigned char *bytes = (const unsigned char *)table->texts;
    dp_text_suspects found = {0};
    uint32_t code_point = 0;
    for (size_t at = 0, size = 1; at < table->text_bytes; at += size) {
        size = dp_size_max(1, dp_utf8_decode(bytes + at, table->text_bytes - at, &code_point));
        if (code_point != 0) /* between words */
            dp_text_suspects_add(&found, code_point);
    }
    return found;
}

/* --- walking ---------------------------------------------------------------------------------- */

static dp_status walk_lines(packer *self, dp_split split, consumer consume, dp_error *error) {
    const dp_packing_part *part = &self->job->parts[split];
    const uint64_t *lines = part->text->pieces + part->first;
    const uint32_t *numbers = self->spool.numbers;
    for (size_t i = 0; i < part->count; i++) {
        if (i + LINES_AHEAD < part->count)
            __builtin_prefetch(numbers + dp_piece_place(lines[i + LINES_AHEAD]));
        self->times = dp_packing_weight(part->text, part->first + i);
        DP_TRY(consume(self, split, numbers + dp_piece_place(lines[i]), dp_piece_length(lines[i]),
                       error));
        DP_TRY(consume(self, split, &self->boundary, 1, error));
    }
    return DP_OK;
}

static dp_status walk_split(packer *self, dp_split split, consumer consume, dp_error *error) {
    const dp_packing_part *part = &self->job->parts[split];
    if (!self->job->request->stream)
        return walk_lines(self, split, consume, error);
    return consume(self, split, self->spool.numbers + part->text->spooled_at + part->first,
                   part->count, error);
}

/* --- the vocabulary --------------------------------------------------------------------------- */

static dp_status count_numbers(packer *self, dp_split split, const uint32_t *numbers, size_t count,
                               dp_error *error) {
    (void)split;
    (void)error;
    dp_word_entry *entries = self->table.entries;
    const uint32_t boundary = self->boundary;
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == boundary)
            continue;
        if (entries[numbers[i]].count == 0)
            self->ids[numbers[i]] = self->seen_count++;
        entries[numbers[i]].count += self->times;
    }
    return DP_OK;
}

/* How many splits count, from the first on. */
static int counted_splits(const packer *self) {
    return self->counts_all ? DP_SPLIT_COUNT : DP_SPLIT_TRAIN + 1;
}

/* Counts the words of the splits that count, and sets `ids` to the order of their first appearance
 * there. Ends of lines have a place in it in any case. */
static dp_status count_words(packer *self, dp_error *error) {
    const dp_word end = dp_word_of(DP_END_OF_LINE);
    for (uint32_t number = 0; number < self->boundary; number++)
        self->ids[number] = DP_WORD_NONE;
    for (int split = 0; split < counted_splits(self); split++)
        DP_TRY(walk_split(self, (dp_split)split, count_numbers, error));
    if (self->has_end_words) {
        uint32_t *first = &self->ids[dp_word_table_find(&self->table, &end)];
        *first = *first == DP_WORD_NONE ? self->seen_count : *first;
    }
    return DP_OK;
}

/* How many ends of lines count. */
static uint64_t counted_lines(const packer *self) {
    uint64_t lines = 0;
    for (int split = 0; split < counted_splits(self); split++) {
        const dp_packing_part *part = &self->job->parts[split];
        for (size_t i = 0; i < part->count; i++)
            lines += dp_packing_weight(part->text, part->first + i);
    }
    return lines;
}

/* --- a vocabulary that is given -----------------------------------------------------------------
 */

static dp_status match(void *state, bool *unknown, dp_error *error) {
    packer *self = state;
    const dp_vocabulary *vocabulary = &self->job->vocabulary;
    uint32_t unknown_id = DP_WORD_NONE;
    DP_TRY(dp_word_spool_finish(&self->spool, error));
    self->boundary = (uint32_t)self->table.count;
    DP_TRY_NEW(self->ids, (size_t)self->boundary + 1);
    if (!dp_vocabulary_find(vocabulary, DP_UNKNOWN_WORD, strlen(DP_UNKNOWN_WORD), &unknown_id))
        unknown_id = DP_WORD_NONE;
    for (uint32_t number = 0; number < self->boundary; number++) {
        const char *word = dp_word_table_text(&self->table, number);
        if (dp_vocabulary_find(vocabulary, word, strlen(word), &self->ids[number]))
            continue;
        self->ids[number] = unknown_id;
        dp_packing_note_unknown(self->job, word);
        *unknown = unknown_id == DP_WORD_NONE;
    }
    self->ids[self->boundary] = DP_BOUNDARY_ID;
    return DP_OK;
}

static bool is_known(const void *state, const dp_packing_text *text, uint64_t line) {
    const packer *self = state;
    const uint32_t *numbers = self->spool.numbers + dp_piece_place(line);
    bool known = true;
    (void)text;
    for (size_t i = 0; i < dp_piece_length(line) && known; i++)
        known = self->ids[numbers[i]] != DP_WORD_NONE;
    return known;
}

static dp_status count_ids(packer *self, dp_split split, const uint32_t *numbers, size_t count,
                           dp_error *error) {
    (void)split;
    (void)error;
    for (size_t i = 0; i < count; i++)
        self->job->vocabulary.counts[self->ids[numbers[i]]] += self->times;
    return DP_OK;
}

/* How often each token stands in these texts. */
static dp_status count_given(packer *self, dp_error *error) {
    dp_vocabulary *vocabulary = &self->job->vocabulary;
    uint32_t unknown = 0;
    DP_TRY_NEW(vocabulary->counts, vocabulary->count);
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        DP_TRY(walk_split(self, (dp_split)split, count_ids, error));
    if (dp_vocabulary_find(vocabulary, DP_UNKNOWN_WORD, strlen(DP_UNKNOWN_WORD), &unknown))
        self->job->unknown = vocabulary->counts[unknown];
    return DP_OK;
}

/* --- a vocabulary of its own --------------------------------------------------------------------
 */

static dp_status number(void *state, dp_error *error) {
    packer *self = state;
    dp_vocabulary *vocabulary = &self->job->vocabulary;
    uint32_t unknown_id = DP_WORD_NONE;
    if (vocabulary->count > 0)
        return count_given(self, error);
    DP_TRY(dp_word_spool_finish(&self->spool, error));
    self->boundary = (uint32_t)self->table.count;
    DP_TRY_NEW(self->ids, (size_t)self->boundary + 1);
    if (!self->counts_early)
        DP_TRY(count_words(self, error));
    const dp_word_choice choice = {.boundary = self->rules.boundary,
                                   .boundary_count =
                                       self->job->request->stream ? 0 : counted_lines(self),
                                   .min_count = self->asked->min_count,
                                   .max_vocab = self->asked->max_vocab,
                                   .end_of_line = self->has_end_words,
                                   .unknown = !self->counts_all,
                                   .order = self->counts_all ? NULL : self->ids};
    DP_TRY(dp_word_vocabulary_make(&self->table, &choice, vocabulary, &unknown_id, error));
    for (uint32_t number = 0; number < self->boundary; number++)
        self->ids[number] = self->table.entries[number].id;
    self->ids[self->boundary] = DP_BOUNDARY_ID;
    dp_word_table_clear(&self->table);
    if (unknown_id != DP_WORD_NONE)
        self->job->unknown = vocabulary->counts[unknown_id];
    return DP_OK;
}

/* --- writing ---------------------------------------------------------------------------------- */

static uint64_t skip(const void *state, const dp_packing_text *text, uint64_t place,
                     uint64_t tokens) {
    (void)state;
    (void)text;
    return place + tokens;
}

static uint64_t encode_tokens(const void *state, const dp_packing_text *text, uint64_t place,
                              size_t tokens, uint32_t *ids) {
    const packer *self = state;
    const uint32_t *numbers = self->spool.numbers + text->spooled_at + place;
    for (size_t i = 0; i < tokens; i++)
        ids[i] = self->ids[numbers[i]];
    return place + tokens;
}

/* Lines lie anywhere, so the memory is asked for all of them before the first is needed. */
static size_t encode(const void *state, const dp_packing_text *text, const uint64_t *lines,
                     size_t count, uint32_t *ids) {
    const packer *self = state;
    size_t filled = 0;
    (void)text;
    for (size_t i = 0; i < count; i++) {
        const uint32_t *numbers = self->spool.numbers + dp_piece_place(lines[i]);
        __builtin_prefetch(numbers);
        __builtin_prefetch(numbers + dp_piece_length(lines[i]) / 2);
        __builtin_prefetch(numbers + dp_piece_length(lines[i]) - 1);
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t *numbers = self->spool.numbers + dp_piece_place(lines[i]);
        const size_t length = dp_piece_length(lines[i]);
        for (size_t k = 0; k < length; k++)
            ids[filled + k] = self->ids[numbers[k]];
        ids[filled + length] = DP_BOUNDARY_ID;
        filled += length + 1;
    }
    return filled;
}

static void end(void *state) {
    packer *self = state;
    dp_memory_free(self->ids);
    dp_word_spool_clear(&self->spool);
    dp_word_table_clear(&self->table);
}

const dp_packing_kind dp_word_packing = {.size = sizeof(packer),
                                         .begin = begin,
                                         .read = read,
                                         .keys = keys,
                                         .suspects = suspects,
                                         .match = match,
                                         .is_known = is_known,
                                         .number = number,
                                         .encode = encode,
                                         .skip = skip,
                                         .encode_tokens = encode_tokens,
                                         .end = end};
