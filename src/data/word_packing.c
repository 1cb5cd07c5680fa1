/* The text is walked from end to end once to be checked, cut into lines and counted, and once split
 * by split to be turned into ids. Both walks hand batches of words to one of two consumers:
 * count_words and encode_words. */
#include "data/word_packing.h"

#include "base/memory.h"
#include "base/progress_line.h"
#include "data/dataset_writer.h"
#include "data/packing_steps.h"
#include "data/python_random.h"
#include "data/word_list.h"
#include "data/word_scanner.h"
#include "data/word_vocabulary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* One of the texts. */
typedef struct word_text {
    dp_file_map map;
    uint64_t words;
    uint64_t line_count; /* that have words */
    uint64_t empty_lines;
    uint64_t *lines; /* [line_count] owned; dp_word_long(offset, words). NULL of a stream */
    size_t line_capacity;
} word_text;

/* A split: tokens of a stream, or lines, [first, first + count) of a text. */
typedef struct part {
    int text;
    size_t first;
    size_t count;
} part;

typedef struct packer {
    const dp_packing_request *request;
    dp_termination *termination;
    dp_progress_line progress;
    dp_word_rules rules;
    dp_word_scanner scanner;
    dp_word_batch batch;
    size_t batch_at; /* words of the batch that have been consumed */
    word_text texts[DP_SPLIT_COUNT];
    int text_count;
    part parts[DP_SPLIT_COUNT];
    dp_word_table table;
    dp_vocabulary vocabulary;
    uint32_t unknown_id; /* DP_WORD_NONE: there is none */
    uint32_t end_id;     /* what the end of a line becomes */
    uint64_t ends;       /* of lines that were counted */
    dp_dataset_info info;
    uint64_t rows[DP_SPLIT_COUNT];
    uint64_t rows_total;
    uint64_t rows_done;
    dp_dataset_writer *writer;
} packer;

/* Takes words[0..count) of a split. */
typedef dp_status (*consumer)(packer *self, dp_split split, const dp_word *words, size_t count,
                              dp_error *error);

/* Whether ends of lines are tokens: always, but in a stream that is to have none. */
static bool has_ends(const packer *self) {
    return !self->request->words.stream || !self->request->words.no_eol;
}

/* Whether they are words of the vocabulary, rather than boundaries. */
static bool has_end_words(const packer *self) {
    return self->request->words.stream && !self->request->words.no_eol;
}

/* Tokens that the words and lines of a text make. */
static uint64_t token_count(const packer *self, const word_text *text) {
    return text->words + (has_ends(self) ? text->line_count : 0);
}

/* --- counting --------------------------------------------------------------------------------- */

/* Asks for the memory of all the words before the first is looked up: most of the time would go
 * with waiting for one after the other. */
static void prefetch(const dp_word_table *table, const dp_word *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        dp_word_table_prefetch_slot(table, words[i].hash);
    for (size_t i = 0; i < count; i++)
        dp_word_table_prefetch_entry(table, words[i].hash);
}

static dp_status count_words(packer *self, dp_split split, const dp_word *words, size_t count,
                             dp_error *error) {
    (void)split;
    dp_status status = DP_OK;
    dp_word_table *table = &self->table;
    const dp_word end = {.text = (const unsigned char *)DP_END_OF_LINE,
                         .length = sizeof DP_END_OF_LINE - 1,
                         .hash = dp_word_hash(DP_END_OF_LINE, sizeof DP_END_OF_LINE - 1)};
    prefetch(table, words, count);
    for (size_t i = 0; i < count && status == DP_OK; i++) {
        const dp_word *word = words[i].length > 0 ? &words[i] : &end;
        self->ends += words[i].length == 0;
        if (words[i].length > 0 || has_end_words(self))
            status = dp_word_table_add(table, word->text, word->length, word->hash, 1, error);
    }
    return status;
}

/* --- walking ---------------------------------------------------------------------------------- */

/* A stream's words up to `count` tokens, from where the scanner stands. */
static dp_status walk_tokens(packer *self, dp_split split, size_t count, consumer consume,
                             dp_error *error) {
    dp_status status = DP_OK;
    const bool ends = has_ends(self);
    dp_word_batch *batch = &self->batch;
    while (count > 0) {
        if (self->batch_at == batch->count) {
            DP_TRY(dp_word_scanner_read(&self->scanner, batch, error));
            self->batch_at = 0;
        }
        if (batch->count == 0)
            return dp_fail(error, DP_ERR_INPUT, "%s has changed while it was read",
                           self->scanner.path);
        const dp_word *words = batch->words + self->batch_at;
        size_t taken = 0;
        for (; count > 0 && self->batch_at + taken < batch->count; taken++)
            count -= words[taken].length > 0 || ends;
        self->batch_at += taken;
        DP_TRY(consume(self, split, words, taken, error));
    }
done:
    return status;
}

static dp_status walk_line(packer *self, dp_split split, const word_text *text, uint64_t line,
                           consumer consume, dp_error *error) {
    dp_status status = DP_OK;
    dp_word_scanner_select_line(&self->scanner, &text->map, dp_word_offset(line));
    DP_TRY(dp_word_scanner_read(&self->scanner, &self->batch, error));
    while (self->batch.count > 0) {
        DP_TRY(consume(self, split, self->batch.words, self->batch.count, error));
        DP_TRY(dp_word_scanner_read(&self->scanner, &self->batch, error));
    }
done:
    return status;
}

/* Splits of one text have to be walked in order. */
static dp_status walk_split(packer *self, dp_split split, consumer consume, dp_error *error) {
    dp_status status = DP_OK;
    const part *own = &self->parts[split];
    const word_text *text = &self->texts[own->text];
    if (!self->request->words.stream || own->first == 0) {
        dp_word_scanner_init(&self->scanner, &self->rules, self->request->inputs[own->text],
                             &text->map);
        self->batch.count = self->batch_at = 0;
    }
    if (self->request->words.stream)
        return walk_tokens(self, split, own->count, consume, error);
    for (size_t i = 0; i < own->count; i++)
        DP_TRY(walk_line(self, split, text, text->lines[own->first + i], consume, error));
done:
    return status;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Keeps the place of a line, and how many words it has, to be shuffled. */
static dp_status add_line(word_text *text, uint64_t line_first, uint64_t words, dp_error *error) {
    if (words >= DP_WORD_LENGTH_LIMIT || line_first >= DP_WORD_OFFSET_LIMIT)
        return dp_fail(error, DP_ERR_INPUT,
                       "a line of %" PRIu64 " words at byte %" PRIu64 ": too much; use --stream",
                       words, line_first);
    dp_status status = dp_memory_grow((void **)&text->lines, &text->line_capacity,
                                      text->line_count + 1, sizeof *text->lines, error);
    if (status == DP_OK)
        text->lines[text->line_count] = dp_word_long(line_first, words);
    return status;
}

/* *line_words counts those of the line so far. */
static dp_status note_words(packer *self, word_text *text, uint64_t *line_words, dp_error *error) {
    dp_status status = DP_OK;
    for (size_t i = 0; i < self->batch.count; i++) {
        const dp_word *word = &self->batch.words[i];
        if (word->length > 0) {
            ++*line_words;
            continue;
        }
        if (!self->request->words.stream)
            DP_TRY(add_line(text, word->line_first, *line_words, error));
        text->words += *line_words;
        text->line_count++;
        *line_words = 0;
    }
done:
    return status;
}

/* Checks and measures a text, and counts its words where all texts count. */
static dp_status survey(packer *self, int index, dp_error *error) {
    dp_status status = DP_OK;
    word_text *text = &self->texts[index];
    const char *path = self->request->inputs[index];
    const bool counts = self->request->words.vocab_from == DP_VOCAB_FROM_ALL;
    uint64_t line_words = 0;
    DP_TRY(dp_file_map_open(&text->map, path, error));
    if (text->map.size == 0)
        return dp_fail(error, DP_ERR_INPUT, "%s is empty; it must hold words", path);
    (void)posix_madvise((void *)(uintptr_t)text->map.data, text->map.size, POSIX_MADV_SEQUENTIAL);
    dp_word_scanner_init(&self->scanner, &self->rules, path, &text->map);
    do {
        DP_TRY(dp_word_scanner_read(&self->scanner, &self->batch, error));
        DP_TRY(note_words(self, text, &line_words, error));
        if (counts)
            DP_TRY(count_words(self, DP_SPLIT_TRAIN, self->batch.words, self->batch.count, error));
        dp_progress_line_show(&self->progress, self->scanner.at, text->map.size, "reading");
    } while (self->batch.count > 0);
    text->empty_lines = self->scanner.empty_lines;
    if (text->words == 0)
        status = dp_fail(error, DP_ERR_INPUT, "%s holds no words, only %" PRIu64 " empty lines",
                         path, text->empty_lines);
done:
    return status;
}

static dp_status survey_all(packer *self, dp_error *error) {
    dp_status status = DP_OK;
    self->text_count = self->request->ready_made ? DP_SPLIT_COUNT : 1;
    for (int i = 0; i < self->text_count; i++)
        DP_TRY(survey(self, i, error));
done:
    return status;
}

/* --- splits ----------------------------------------------------------------------------------- */

/* What is cut: a stream's tokens, or lines. */
static uint64_t cuttable(const packer *self, const word_text *text) {
    return self->request->words.stream ? token_count(self, text) : text->line_count;
}

static dp_status cut_by_numbers(const packer *self, uint64_t count, size_t cuts[2],
                                dp_error *error) {
    const uint64_t *sizes = self->request->words.split_tokens.values;
    if (sizes[0] >= count || sizes[1] >= count - sizes[0])
        return dp_fail(error, DP_ERR_INPUT,
                       "split_tokens %" PRIu64 ",%" PRIu64 " leaves nothing of the %" PRIu64
                       " tokens of %.200s for test",
                       sizes[0], sizes[1], count, self->request->inputs[0]);
    cuts[0] = sizes[0];
    cuts[1] = sizes[0] + sizes[1];
    return DP_OK;
}

static void shuffle_lines(word_text *text, uint64_t seed) {
    dp_python_random random;
    dp_python_random_init(&random, seed);
    dp_python_random_shuffle(&random, text->lines, text->line_count);
}

static dp_status divide(packer *self, dp_error *error) {
    dp_status status = DP_OK;
    const dp_packing_words *words = &self->request->words;
    const uint64_t count = cuttable(self, &self->texts[0]);
    size_t cuts[2] = {0, 0};
    if (self->request->ready_made) {
        for (int i = 0; i < DP_SPLIT_COUNT; i++)
            self->parts[i] = (part){i, 0, cuttable(self, &self->texts[i])};
        return DP_OK;
    }
    if (words->split_tokens.count > 0)
        DP_TRY(cut_by_numbers(self, count, cuts, error));
    else
        DP_TRY(
            dp_packing_cut(self->request, count, words->stream ? "tokens" : "lines", cuts, error));
    if (!words->stream)
        shuffle_lines(&self->texts[0], self->request->seed);
    self->parts[DP_SPLIT_TRAIN] = (part){0, 0, cuts[0]};
    self->parts[DP_SPLIT_DEV] = (part){0, cuts[0], cuts[1] - cuts[0]};
    self->parts[DP_SPLIT_TEST] = (part){0, cuts[1], count - cuts[1]};
done:
    return status;
}

static void count_rows(packer *self) {
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        const part *own = &self->parts[split];
        const uint64_t *lines = self->texts[own->text].lines;
        self->rows[split] = self->request->words.stream ? own->count : 0;
        for (size_t i = 0; i < own->count && !self->request->words.stream; i++)
            self->rows[split] += dp_word_length(lines[own->first + i]) + 1;
        self->rows_total += self->rows[split];
    }
}

/* --- the vocabulary --------------------------------------------------------------------------- */

static dp_status number_words(packer *self, dp_error *error) {
    dp_status status = DP_OK;
    const dp_packing_words *words = &self->request->words;
    const bool end_of_line = has_end_words(self);
    dp_word_choice choice = {.boundary = self->rules.boundary,
                             .boundary_count = words->stream ? 0 : self->ends,
                             .min_count = words->min_count,
                             .max_vocab = words->max_vocab,
                             .end_of_line = end_of_line,
                             .unknown = words->vocab_from == DP_VOCAB_FROM_TRAIN};
    DP_TRY(dp_word_vocabulary_make(&self->table, &choice, &self->vocabulary, &self->unknown_id,
                                   error));
    self->end_id = DP_BOUNDARY_ID;
    if (end_of_line && !dp_vocabulary_find(&self->vocabulary, DP_END_OF_LINE,
                                           strlen(DP_END_OF_LINE), &self->end_id))
        status = dp_fail(error, DP_ERR_INTERNAL, "no " DP_END_OF_LINE " in the vocabulary");
done:
    return status;
}

static dp_status find_vocabulary(packer *self, dp_error *error) {
    dp_status status = DP_OK;
    if (self->request->words.vocab_from == DP_VOCAB_FROM_TRAIN)
        DP_TRY(walk_split(self, DP_SPLIT_TRAIN, count_words, error));
    DP_TRY(number_words(self, error));
done:
    return status;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The id of a word, or DP_WORD_NONE. */
static uint32_t id_of(const packer *self, const dp_word *word) {
    uint32_t index = dp_word_table_find(&self->table, word->text, word->length, word->hash);
    return index == DP_WORD_NONE ? self->unknown_id : self->table.entries[index].id;
}

static dp_status encode_words(packer *self, dp_split split, const dp_word *words, size_t count,
                              dp_error *error) {
    dp_status status = dp_packing_check_termination(self->termination, error);
    uint32_t ids[DP_WORD_BATCH] = {0};
    size_t filled = 0;
    if (status != DP_OK)
        return status;
    prefetch(&self->table, words, count);
    for (size_t i = 0; i < count; i++) {
        ids[filled] = words[i].length > 0 ? id_of(self, &words[i]) : self->end_id;
        filled += words[i].length > 0 || has_ends(self);
    }
    for (size_t i = 0; i < filled; i++) {
        if (ids[i] == DP_WORD_NONE)
            return dp_fail(error, DP_ERR_INPUT, "%s has changed while it was read",
                           self->scanner.path);
    }
    self->rows_done += filled;
    dp_progress_line_show(&self->progress, self->rows_done, self->rows_total, "writing");
    return dp_dataset_writer_add(self->writer, split, ids, filled, error);
}

static dp_status describe(packer *self, dp_error *error) {
    const dp_file_map *texts[DP_SPLIT_COUNT];
    for (int i = 0; i < self->text_count; i++)
        texts[i] = &self->texts[i].map;
    self->info.unit = DP_UNIT_WORD;
    self->info.stream = self->request->words.stream;
    return dp_packing_describe(self->request, texts, self->text_count, &self->info, error);
}

static dp_status write_dataset(packer *self, dp_error *error) {
    dp_status status = DP_OK;
    if (self->termination != NULL)
        dp_termination_watch(self->termination);
    DP_TRY(dp_dataset_writer_create(&self->writer, self->request->output, &self->info,
                                    &self->vocabulary, self->rows, error));
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        DP_TRY(walk_split(self, (dp_split)split, encode_words, error));
    DP_TRY(dp_dataset_writer_commit(self->writer, error));
done:
    dp_dataset_writer_destroy(self->writer);
    self->writer = NULL;
    return status;
}

/* --- the whole -------------------------------------------------------------------------------- */

static dp_status prepare(packer *self, dp_error *error) {
    dp_status status = DP_OK;
    const dp_packing_request *request = self->request;
    dp_progress_line_open(&self->progress, stderr);
    if (strcmp(request->boundary, DP_UNKNOWN_WORD) == 0 ||
        strcmp(request->boundary, DP_END_OF_LINE) == 0)
        return dp_fail(error, DP_ERR_INPUT, "boundary = '%s': has another meaning",
                       request->boundary);
    DP_TRY(dp_word_rules_init(&self->rules, request->boundary, request->words.lowercase, error));
    DP_TRY(dp_word_table_init(&self->table, error));
done:
    return status;
}

static void summarize(const packer *self, dp_packing *packing) {
    *packing = (dp_packing){.vocab = self->vocabulary.count};
    memcpy(packing->rows, self->rows, sizeof packing->rows);
    if (self->unknown_id != DP_WORD_NONE)
        packing->unknown = self->vocabulary.counts[self->unknown_id];
    for (int i = 0; i < self->text_count; i++) {
        packing->text_bytes += self->texts[i].map.size;
        packing->words += self->texts[i].words;
        packing->lines += self->texts[i].line_count;
        packing->empty_lines += self->texts[i].empty_lines;
    }
}

static void release(packer *self) {
    dp_progress_line_close(&self->progress);
    for (int i = 0; i < DP_SPLIT_COUNT; i++) {
        dp_memory_free(self->texts[i].lines);
        dp_file_map_close(&self->texts[i].map);
    }
    dp_vocabulary_clear(&self->vocabulary);
    dp_word_table_clear(&self->table);
    dp_word_rules_clear(&self->rules);
}

dp_status dp_word_packing_run(dp_packing *packing, const dp_packing_request *request,
                              dp_termination *termination, dp_error *error) {
    dp_status status = DP_OK;
    packer *self = NULL;
    DP_NEW_ARRAY(self, 1); /* too large for the stack: the batch */
    self->request = request;
    self->termination = termination;
    DP_TRY(prepare(self, error));
    DP_TRY(survey_all(self, error));
    DP_TRY(divide(self, error));
    count_rows(self);
    DP_TRY(find_vocabulary(self, error));
    DP_TRY(describe(self, error));
    DP_TRY(write_dataset(self, error));
    summarize(self, packing);
done:
    if (self != NULL)
        release(self);
    dp_memory_free(self);
    return status;
}
