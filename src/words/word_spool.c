/* Reading goes in rounds of some parts a thread. A thread numbers the words of its parts by a table
 * of its own. Between rounds the words that were new to these tables come to the one that counts,
 * part by part: a word that is new there first appears in the first part that has it as new. Then
 * the numbers are changed to those, and written. One thread alone uses the one table at once. */
#include "words/word_spool.h"

#include "base/memory.h"
#include "base/size.h"
#include "system/cpu.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#define PARTS_A_THREAD ((size_t)4) /* of a round, so that a slow one has less to do */
#define PART_MIN ((size_t)1 << 12) /* bytes */
#define PART_MAX ((size_t)1 << 20)

/* --- the file --------------------------------------------------------------------------------- */

static dp_status fail_spool(const dp_word_spool *spool, int failed, dp_error *error) {
    return dp_fail_errno(error, failed, "cannot write %s", spool->file.path);
}

dp_status dp_word_spool_create(dp_word_spool *spool, const char *path, dp_error *error) {
    spool->descriptor = -1;
    DP_TRY(dp_file_replace_begin(&spool->file, path, error));
    spool->descriptor = dp_file_open(spool->file.temporary, O_WRONLY | O_NOFOLLOW);
    return spool->descriptor < 0 ? fail_spool(spool, errno, error) : DP_OK;
}

static dp_status write_numbers(const dp_word_spool *spool, uint64_t place, const uint32_t *numbers,
                               size_t count, dp_error *error) {
    size_t done = 0;
    const int failed = dp_file_write_at(spool->descriptor, numbers, count * sizeof *numbers,
                                        place * sizeof *numbers, &done);
    return failed == 0 ? DP_OK : fail_spool(spool, failed, error);
}

dp_status dp_word_spool_finish(dp_word_spool *spool, dp_error *error) {
    const int descriptor = spool->descriptor;
    if (descriptor < 0)
        return DP_OK;
    spool->descriptor = -1; /* gone even where closing fails */
    if (close(descriptor) != 0)
        return fail_spool(spool, errno, error);
    DP_TRY(dp_file_map_open(&spool->map, spool->file.temporary, error));
    spool->numbers = (const uint32_t *)(const void *)spool->map.data;
    dp_file_replace_abort(&spool->file);
    return DP_OK;
}

void dp_word_spool_clear(dp_word_spool *spool) {
    if (spool->file.path[0] != '\0' && spool->descriptor >= 0)
        close(spool->descriptor);
    dp_file_map_close(&spool->map);
    dp_file_replace_abort(&spool->file);
}

/* --- a part ----------------------------------------------------------------------------------- */

typedef struct word_part {
    size_t first, end; /* bytes */
    uint32_t *numbers; /* [count] owned */
    size_t count, capacity;
    uint64_t *lines; /* [line_count] owned pieces, with places in `numbers` */
    size_t line_count, line_capacity;
    uint64_t words, empty_lines, line_words; /* of the line so far */
    uint64_t ends;                           /* of lines, taken */
    uint64_t lines_with_words;
    bool failed;               /* by what stands there */
    uint64_t place;            /* in the spool */
    size_t hand;               /* that has read it, */
    uint32_t new_from, new_to; /* and which words of its table are new there */
} word_part;

/* What a thread has for itself. */
typedef struct word_hand {
    dp_word_table *table; /* own, or that of all */
    dp_word_table own;
    uint32_t *numbers; /* [..] owned, in the table of all, by those in its own */
    size_t capacity;
    dp_word_batch batch;
} word_hand;

typedef struct word_round {
    const dp_word_text *text;
    dp_word_spool *spool;
    dp_word_table *table;
    dp_word_reading *reading;
    word_hand *hands; /* [threads] owned */
    word_part *parts; /* [most_parts] owned */
    size_t threads, most_parts, part_count;
    dp_word end_word;
} word_round;

/* Numbers the batch's words, and ends of lines that are words. */
static dp_status number_words(const word_round *self, word_part *part, word_hand *hand,
                              dp_error *error) {
    const dp_word_batch *batch = &hand->batch;
    const bool has_end_words = self->text->end_word != NULL;
    DP_TRY_GROW(part->numbers, &part->capacity, part->count + batch->count);
    dp_word_table_prefetch(hand->table, batch->words, batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        const dp_word *word = &batch->words[i];
        if (word->length == 0 && !has_end_words)
            continue;
        DP_TRY(dp_word_table_add(hand->table, word->length == 0 ? &self->end_word : word,
                                 self->text->counts, &part->numbers[part->count], error));
        part->count++;
    }
    return DP_OK;
}

/* Keeps the place of a line, and how many words it has. */
static dp_status add_line(const word_round *self, word_part *part, const dp_word *end,
                          dp_error *error) {
    if (part->line_words >= DP_PIECE_LENGTH_LIMIT)
        return dp_fail(error, DP_ERR_INPUT,
                       "a line of %" PRIu64 " words at byte %td: too much; use --stream",
                       part->line_words, end->text - self->text->map->data);
    DP_TRY_GROW(part->lines, &part->line_capacity, part->line_count + 1);
    part->lines[part->line_count++] = dp_piece_long(part->words, part->line_words);
    return DP_OK;
}

static dp_status note_lines(const word_round *self, word_part *part, const dp_word_batch *batch,
                            dp_error *error) {
    for (size_t i = 0; i < batch->count; i++) {
        const dp_word *word = &batch->words[i];
        if (word->length > 0) {
            part->line_words++;
            continue;
        }
        if (self->text->has_pieces)
            DP_TRY(add_line(self, part, word, error));
        part->words += part->line_words;
        part->lines_with_words++;
        part->line_words = 0;
    }
    return DP_OK;
}

static dp_status read_part(void *context, size_t item, size_t worker, dp_error *error) {
    const word_round *self = context;
    word_part *part = &self->parts[item];
    word_hand *hand = &self->hands[worker];
    dp_word_scanner scanner;
    dp_word_scanner_init(&scanner, self->text->rules, self->text->map);
    scanner.is_joined = self->text->is_joined;
    scanner.at = scanner.line_first = dp_size_max(part->first, scanner.at);
    scanner.end = part->end;
    part->hand = worker;
    part->new_from = (uint32_t)hand->table->count;
    do {
        part->failed = dp_word_scanner_read(&scanner, &hand->batch, error) != DP_OK;
        part->ends = scanner.line - 1;
        if (part->failed)
            return error->status;
        DP_TRY(note_lines(self, part, &hand->batch, error));
        DP_TRY(number_words(self, part, hand, error));
    } while (hand->batch.count > 0);
    part->new_to = (uint32_t)hand->table->count;
    part->empty_lines = scanner.empty_lines;
    return DP_OK;
}

/* Changes numbers to those in the table of all, and writes them. */
static dp_status store_part(void *context, size_t item, size_t worker, dp_error *error) {
    const word_round *self = context;
    const word_part *part = &self->parts[item];
    const uint32_t *own_numbers = self->hands[part->hand].numbers;
    (void)worker;
    for (size_t i = 0; i < part->count && own_numbers != NULL; i++)
        part->numbers[i] = own_numbers[part->numbers[i]];
    return write_numbers(self->spool, part->place, part->numbers, part->count, error);
}

/* --- a round ---------------------------------------------------------------------------------- */

static void clear_round(word_round *self) {
    for (size_t i = 0; i < self->most_parts && self->parts != NULL; i++) {
        dp_memory_free(self->parts[i].numbers);
        dp_memory_free(self->parts[i].lines);
    }
    for (size_t i = 0; i < self->threads && self->hands != NULL; i++) {
        dp_word_table_clear(&self->hands[i].own);
        dp_memory_free(self->hands[i].numbers);
    }
    dp_memory_free(self->parts);
    dp_memory_free(self->hands);
}

/* Parts from byte `at` on; the next round begins at *next. */
static void divide(word_round *self, size_t at, size_t *next) {
    const dp_file_map *map = self->text->map;
    const size_t share = map->size / self->most_parts;
    const size_t bytes = dp_size_min(dp_size_max(share, PART_MIN), PART_MAX);
    for (self->part_count = 0; at < map->size && self->part_count < self->most_parts;) {
        word_part *part = &self->parts[self->part_count++];
        const size_t near_end = at + dp_size_min(bytes, map->size - at) - 1;
        *part = (word_part){.first = at,
                            .end = dp_piece_line_end(map, near_end),
                            .numbers = part->numbers,
                            .capacity = part->capacity,
                            .lines = part->lines,
                            .line_capacity = part->line_capacity};
        at = part->end;
    }
    *next = at;
}

/* Gives the words that are new to a hand in this part their numbers in the table of all. */
static dp_status add_new_words(const word_round *self, const word_part *part, dp_error *error) {
    word_hand *hand = &self->hands[part->hand];
    if (hand->table == self->table)
        return DP_OK;
    DP_TRY_GROW(hand->numbers, &hand->capacity, part->new_to);
    for (uint32_t i = part->new_from; i < part->new_to; i++) {
        const dp_word_entry *entry = &hand->own.entries[i];
        const dp_word word = {.text = (const unsigned char *)hand->own.texts + entry->text,
                              .length = entry->length,
                              .hash = entry->hash};
        DP_TRY(dp_word_table_add(self->table, &word, 0, &hand->numbers[i], error));
    }
    return DP_OK;
}

static dp_status add_part(const word_round *self, word_part *part, dp_error *error) {
    dp_word_reading *reading = self->reading;
    part->place = self->spool->count;
    self->spool->count += part->count;
    if (self->text->has_pieces && self->spool->count >= DP_PIECE_PLACE_LIMIT)
        return dp_fail(error, DP_ERR_INPUT, "more than %" PRIu64 " words: too much; use --stream",
                       DP_PIECE_PLACE_LIMIT);
    DP_TRY(add_new_words(self, part, error));
    DP_TRY_GROW(reading->pieces, &reading->capacity, reading->count + part->line_count);
    for (size_t i = 0; i < part->line_count; i++)
        reading->pieces[reading->count++] = part->lines[i] + dp_piece_long(part->place, 0);
    reading->words += part->words;
    reading->lines += part->lines_with_words;
    reading->empty_lines += part->empty_lines;
    return DP_OK;
}

/* The line of the failure, in the first part that has one: `before` were read in other rounds. */
static uint64_t failed_line(const word_round *self, uint64_t before) {
    for (size_t i = 0; i < self->part_count; i++) {
        before += self->parts[i].ends;
        if (self->parts[i].failed)
            return before + 1;
    }
    return 0;
}

/* Words are counted where they are numbered. */
static void add_counts(const word_round *self) {
    for (size_t i = 0; i < self->threads; i++) {
        const word_hand *hand = &self->hands[i];
        for (size_t k = 0; k < hand->own.count; k++)
            self->table->entries[hand->numbers[k]].count += hand->own.entries[k].count;
    }
}

static dp_status read_round(word_round *self, uint64_t *lines, dp_error *error) {
    self->reading->failed_line = 0;
    if (dp_cpu_run(self->threads, self->part_count, read_part, self, error) != DP_OK) {
        self->reading->failed_line = failed_line(self, *lines);
        return error->status;
    }
    for (size_t i = 0; i < self->part_count; i++) {
        DP_TRY(add_part(self, &self->parts[i], error));
        *lines += self->parts[i].ends;
    }
    return dp_cpu_run(self->threads, self->part_count, store_part, self, error);
}

dp_status dp_word_spool_read(dp_word_spool *spool, dp_word_table *table, const dp_word_text *text,
                             dp_word_reading *reading, dp_error *error) {
    DP_OWNED(clear_round)
    word_round self = {.text = text,
                       .spool = spool,
                       .table = table,
                       .reading = reading,
                       .threads = text->threads,
                       .most_parts = text->threads > 1 ? PARTS_A_THREAD * text->threads : 1};
    uint64_t lines = 0;
    if (text->end_word != NULL)
        self.end_word = dp_word_of(text->end_word);
    DP_TRY_NEW(self.hands, self.threads);
    DP_TRY_NEW(self.parts, self.most_parts);
    for (size_t i = 0; i < self.threads; i++) {
        self.hands[i].table = self.threads > 1 ? &self.hands[i].own : table;
        if (self.threads > 1)
            DP_TRY(dp_word_table_init(&self.hands[i].own, error));
    }
    for (size_t at = 0; at < text->map->size;) {
        divide(&self, at, &at);
        DP_TRY(read_round(&self, &lines, error));
        DP_TRY(text->check(text->context, at, error));
    }
    add_counts(&self);
    return DP_OK;
}
