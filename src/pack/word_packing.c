/* A text is walked from end to end once: checked, cut into lines, and each word given a number, by
 * first appearance (word_table). The numbers are kept (word_spool). Once words are counted and the
 * vocabulary is known, they become ids, split by split. */
#include "pack/word_packing.h"

#include "base/memory.h"
#include "base/size.h"
#include "pack/dataset_writer.h"
#include "pack/packing_steps.h"
#include "pack/python_random.h"
#include "pack/word_list.h"
#include "pack/word_scanner.h"
#include "pack/word_spool.h"
#include "pack/word_vocabulary.h"
#include "system/progress_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define IDS_AT_ONCE ((size_t)4096)
#define LINES_AHEAD ((size_t)16) /* whose numbers are asked for */

/* One of the texts. */
typedef struct word_text {
    dp_file_map map;
    uint64_t first; /* of its numbers in the spool */
    uint64_t words;
    uint64_t line_count; /* that have words */
    uint64_t empty_lines;
    uint64_t
        *lines; /* [line_count] owned; dp_word_long(place in the spool, words). NULL of a stream */
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
    word_text texts[DP_SPLIT_COUNT];
    int text_count;
    part parts[DP_SPLIT_COUNT];
    dp_word_table table; /* of all words: it gives the numbers */
    dp_word_table train; /* of those of the training split, where only that counts */
    dp_word_spool spool;
    uint32_t boundary; /* the number of the ends of lines that are boundaries: behind all others */
    uint32_t *ids;     /* [boundary + 1] by number, owned; at first the words' places in `train` */
    dp_vocabulary vocabulary;
    uint32_t unknown_id; /* DP_WORD_NONE: there is none */
    dp_dataset_info info;
    uint64_t rows[DP_SPLIT_COUNT];
    uint64_t rows_total;
    uint64_t rows_done;
    dp_dataset_writer *writer;
    uint32_t row_ids[IDS_AT_ONCE]; /* on their way to the writer */
    size_t row_count;
} packer;

/* Takes numbers[0..count) of a split. */
typedef dp_status (*consumer)(packer *self, dp_split split, const uint32_t *numbers, size_t count,
                              dp_error *error);

/* Whether ends of lines are tokens: always, but in a stream that is to have none. */
static bool has_ends(const packer *self) {
    return !self->request->words.stream || !self->request->words.no_eol;
}

/* Whether they are words of the vocabulary, rather than boundaries. */
static bool has_end_words(const packer *self) {
    return self->request->words.stream && !self->request->words.no_eol;
}

static bool counts_all(const packer *self) {
    return self->request->words.vocab_from == DP_VOCAB_FROM_ALL;
}

/* Tokens that the words and lines of a text make. */
static uint64_t token_count(const packer *self, const word_text *text) {
    return text->words + (has_ends(self) ? text->line_count : 0);
}

static dp_word end_of_line(void) {
    const size_t length = sizeof DP_END_OF_LINE - 1;
    return (dp_word){.text = (const unsigned char *)DP_END_OF_LINE,
                     .length = (uint32_t)length,
                     .hash = dp_word_hash(DP_END_OF_LINE, length)};
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Asks for the memory of all the words before the first is looked up: most of the time would go
 * with waiting for one after the other. */
static void prefetch(const dp_word_table *table, const dp_word_batch *batch) {
    for (size_t i = 0; i < batch->count; i++)
        dp_word_table_prefetch_slot(table, batch->words[i].hash);
    for (size_t i = 0; i < batch->count; i++)
        dp_word_table_prefetch_entry(table, batch->words[i].hash);
}

/* Numbers the words of the batch, and the ends of lines where they are words, and counts them where
 * all count. */
static dp_status number_words(packer *self, dp_error *error) {
    uint32_t numbers[DP_WORD_BATCH];
    size_t count = 0;
    const dp_word end = end_of_line();
    const uint64_t times = counts_all(self) ? 1 : 0;
    prefetch(&self->table, &self->batch);
    for (size_t i = 0; i < self->batch.count; i++) {
        const dp_word *word = &self->batch.words[i];
        if (word->length == 0 && !has_end_words(self))
            continue;
        if (word->length == 0)
            word = &end;
        DP_TRY(dp_word_table_add(&self->table, word->text, word->length, word->hash, times,
                                 &numbers[count], error));
        count++;
    }
    return dp_word_spool_add(&self->spool, numbers, count, error);
}

/* Keeps the place of a line, and how many words it has, to be shuffled. */
static dp_status add_line(word_text *text, uint64_t words, uint64_t byte, dp_error *error) {
    const uint64_t place = text->first + text->words;
    if (words >= DP_WORD_LENGTH_LIMIT || place >= DP_WORD_OFFSET_LIMIT)
        return dp_fail(error, DP_ERR_INPUT,
                       "a line of %" PRIu64 " words at byte %" PRIu64 ": too much; use --stream",
                       words, byte);
    dp_status status = dp_memory_grow((void **)&text->lines, &text->line_capacity,
                                      text->line_count + 1, sizeof *text->lines, error);
    if (status == DP_OK)
        text->lines[text->line_count] = dp_word_long(place, words);
    return status;
}

/* *line_words counts those of the line so far. */
static dp_status note_lines(packer *self, word_text *text, uint64_t *line_words, dp_error *error) {
    for (size_t i = 0; i < self->batch.count; i++) {
        const dp_word *word = &self->batch.words[i];
        if (word->length > 0) {
            ++*line_words;
            continue;
        }
        if (!self->request->words.stream)
            DP_TRY(add_line(text, *line_words, word->line_first, error));
        text->words += *line_words;
        text->line_count++;
        *line_words = 0;
    }
    return DP_OK;
}

static dp_status read_text(packer *self, int index, dp_error *error) {
    dp_status status = DP_OK;
    word_text *text = &self->texts[index];
    const char *path = self->request->inputs[index];
    uint64_t line_words = 0;
    DP_TRY(dp_file_map_open(&text->map, path, error));
    if (text->map.size == 0)
        return dp_fail(error, DP_ERR_INPUT, "%s is empty; it must hold words", path);
    (void)posix_madvise((void *)(uintptr_t)text->map.data, text->map.size, POSIX_MADV_SEQUENTIAL);
    dp_word_scanner_init(&self->scanner, &self->rules, path, &text->map);
    do {
        DP_TRY(dp_packing_check_termination(self->termination, error));
        DP_TRY(dp_word_scanner_read(&self->scanner, &self->batch, error));
        DP_TRY(note_lines(self, text, &line_words, error));
        DP_TRY(number_words(self, error));
        dp_progress_line_show(&self->progress, self->scanner.at, text->map.size, "reading");
    } while (self->batch.count > 0);
    text->empty_lines = self->scanner.empty_lines;
    if (text->words == 0)
        status = dp_fail(error, DP_ERR_INPUT, "%s holds no words, only %" PRIu64 " empty lines",
                         path, text->empty_lines);
    return status;
}

static dp_status read_texts(packer *self, dp_error *error) {
    uint64_t first = 0;
    DP_TRY(dp_word_spool_create(&self->spool, self->request->output, error));
    self->text_count = self->request->ready_made ? DP_SPLIT_COUNT : 1;
    for (int i = 0; i < self->text_count; i++) {
        self->texts[i].first = first;
        DP_TRY(read_text(self, i, error));
        first += self->texts[i].words + (has_end_words(self) ? self->texts[i].line_count : 0);
    }
    DP_TRY(dp_word_spool_finish(&self->spool, error));
    self->boundary = (uint32_t)self->table.count;
    return DP_OK;
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
    return DP_OK;
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

/* --- walking ---------------------------------------------------------------------------------- */

static dp_status walk_lines(packer *self, dp_split split, consumer consume, dp_error *error) {
    const part *own = &self->parts[split];
    const uint64_t *lines = self->texts[own->text].lines + own->first;
    const uint32_t *numbers = self->spool.numbers;
    for (size_t i = 0; i < own->count; i++) {
        if (i + LINES_AHEAD < own->count)
            __builtin_prefetch(numbers + dp_word_offset(lines[i + LINES_AHEAD]));
        DP_TRY(consume(self, split, numbers + dp_word_offset(lines[i]), dp_word_length(lines[i]),
                       error));
        DP_TRY(consume(self, split, &self->boundary, 1, error));
    }
    return DP_OK;
}

static dp_status walk_split(packer *self, dp_split split, consumer consume, dp_error *error) {
    const part *own = &self->parts[split];
    if (!self->request->words.stream)
        return walk_lines(self, split, consume, error);
    return consume(self, split, self->spool.numbers + self->texts[own->text].first + own->first,
                   own->count, error);
}

/* --- the vocabulary --------------------------------------------------------------------------- */

static dp_status count_numbers(packer *self, dp_split split, const uint32_t *numbers, size_t count,
                               dp_error *error) {
    (void)split;
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == self->boundary)
            continue;
        uint32_t *place = &self->ids[numbers[i]];
        if (*place == DP_WORD_NONE) {
            const dp_word_entry *entry = &self->table.entries[numbers[i]];
            DP_TRY(dp_word_table_add(&self->train, dp_word_table_text(&self->table, numbers[i]),
                                     entry->length, entry->hash, 0, place, error));
        }
        self->train.entries[*place].count++;
    }
    return DP_OK;
}

/* Counts the words of the training split; the ends of lines get a place in any case. */
static dp_status count_train(packer *self, dp_error *error) {
    const dp_word end = end_of_line();
    DP_TRY(dp_word_table_init(&self->train, error));
    for (uint32_t number = 0; number < self->boundary; number++)
        self->ids[number] = DP_WORD_NONE;
    DP_TRY(walk_split(self, DP_SPLIT_TRAIN, count_numbers, error));
    if (has_end_words(self)) {
        const uint32_t number = dp_word_table_find(&self->table, end.text, end.length, end.hash);
        DP_TRY(dp_word_table_add(&self->train, end.text, end.length, end.hash, 0,
                                 &self->ids[number], error));
    }
    return DP_OK;
}

/* How many ends of lines count. */
static uint64_t counted_lines(const packer *self) {
    uint64_t lines = 0;
    if (!counts_all(self))
        return self->parts[DP_SPLIT_TRAIN].count;
    for (int i = 0; i < self->text_count; i++)
        lines += self->texts[i].line_count;
    return lines;
}

/* Of the words that were counted, and from it the id of each number. */
static dp_status make_vocabulary(packer *self, dp_word_table *counted, dp_error *error) {
    const dp_packing_words *words = &self->request->words;
    dp_word_choice choice = {.boundary = self->rules.boundary,
                             .boundary_count = words->stream ? 0 : counted_lines(self),
                             .min_count = words->min_count,
                             .max_vocab = words->max_vocab,
                             .end_of_line = has_end_words(self),
                             .unknown = !counts_all(self)};
    DP_TRY(dp_word_vocabulary_make(counted, &choice, &self->vocabulary, &self->unknown_id, error));
    for (uint32_t number = 0; number < self->boundary; number++) {
        const uint32_t place = counts_all(self) ? number : self->ids[number];
        self->ids[number] = place == DP_WORD_NONE ? self->unknown_id : counted->entries[place].id;
    }
    self->ids[self->boundary] = DP_BOUNDARY_ID;
    return DP_OK;
}

static dp_status find_vocabulary(packer *self, dp_error *error) {
    dp_status status = DP_OK;
    DP_NEW_OR_DONE(self->ids, (size_t)self->boundary + 1);
    if (!counts_all(self))
        DP_OR_DONE(count_train(self, error));
    DP_OR_DONE(make_vocabulary(self, counts_all(self) ? &self->table : &self->train, error));
done:
    dp_word_table_clear(&self->table);
    dp_word_table_clear(&self->train);
    return status;
}

/* --- writing ---------------------------------------------------------------------------------- */

static dp_status flush(packer *self, dp_split split, dp_error *error) {
    dp_status status = dp_packing_check_termination(self->termination, error);
    if (status != DP_OK)
        return status;
    status = dp_dataset_writer_add(self->writer, split, self->row_ids, self->row_count, error);
    self->rows_done += self->row_count;
    self->row_count = 0;
    dp_progress_line_show(&self->progress, self->rows_done, self->rows_total, "writing");
    return status;
}

static dp_status write_numbers(packer *self, dp_split split, const uint32_t *numbers, size_t count,
                               dp_error *error) {
    while (count > 0) {
        const size_t now = dp_size_min(count, IDS_AT_ONCE - self->row_count);
        for (size_t i = 0; i < now; i++)
            self->row_ids[self->row_count + i] = self->ids[numbers[i]];
        self->row_count += now;
        numbers += now;
        count -= now;
        if (self->row_count == IDS_AT_ONCE)
            DP_TRY(flush(self, split, error));
    }
    return DP_OK;
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
    DP_OR_DONE(dp_dataset_writer_create(&self->writer, self->request->output, &self->info,
                                        &self->vocabulary, self->rows, error));
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        DP_OR_DONE(walk_split(self, (dp_split)split, write_numbers, error));
        DP_OR_DONE(flush(self, (dp_split)split, error));
    }
    DP_OR_DONE(dp_dataset_writer_commit(self->writer, error));
done:
    dp_dataset_writer_destroy(self->writer);
    self->writer = NULL;
    return status;
}

/* --- the whole -------------------------------------------------------------------------------- */

static dp_status prepare(packer *self, dp_error *error) {
    const dp_packing_request *request = self->request;
    dp_progress_line_open(&self->progress, stderr);
    if (self->termination != NULL)
        dp_termination_watch(self->termination);
    if (strcmp(request->boundary, DP_UNKNOWN_WORD) == 0 ||
        strcmp(request->boundary, DP_END_OF_LINE) == 0)
        return dp_fail(error, DP_ERR_INPUT, "boundary = '%s': has another meaning",
                       request->boundary);
    DP_TRY(dp_word_rules_init(&self->rules, request->boundary, request->words.lowercase, error));
    return dp_word_table_init(&self->table, error);
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
    dp_memory_free(self->ids);
    dp_word_spool_clear(&self->spool);
    dp_word_table_clear(&self->train);
    dp_word_table_clear(&self->table);
    dp_word_rules_clear(&self->rules);
}

dp_status dp_word_packing_run(dp_packing *packing, const dp_packing_request *request,
                              dp_termination *termination, dp_error *error) {
    dp_status status = DP_OK;
    packer *self = NULL;
    DP_NEW_OR_DONE(self, 1); /* too large for the stack: the batch */
    self->request = request;
    self->termination = termination;
    DP_OR_DONE(prepare(self, error));
    DP_OR_DONE(read_texts(self, error));
    DP_OR_DONE(divide(self, error));
    count_rows(self);
    DP_OR_DONE(find_vocabulary(self, error));
    DP_OR_DONE(describe(self, error));
    DP_OR_DONE(write_dataset(self, error));
    summarize(self, packing);
done:
    if (self != NULL)
        release(self);
    dp_memory_free(self);
    return status;
}
