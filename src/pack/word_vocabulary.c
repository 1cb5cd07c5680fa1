#include "pack/word_vocabulary.h"

#include "base/memory.h"
#include "base/size.h"

#include <stdlib.h>
#include <string.h>

/* A word that gets an id. */
typedef struct kept_word {
    uint64_t count;
    uint32_t first; /* its place in the order of first appearance */
    uint32_t index; /* in the table */
} kept_word;

typedef struct numbering {
    dp_word_table *table;
    const dp_word_choice *choice;
    kept_word *words; /* [count] with room for all entries and the special words */
    size_t count;
    bool merges;          /* some words are too rare to be kept */
    size_t listed;        /* entries of the table, without special words that it gets here */
    uint32_t end_of_line; /* index in the table, or DP_WORD_NONE */
    uint32_t unknown;
} numbering;

static int frequent_first(const void *a, const void *b) {
    const kept_word *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return (x->first > y->first) - (x->first < y->first);
}

/* When the word of this index was first seen. */
static uint32_t first_of(const numbering *self, uint32_t index) {
    return self->choice->order != NULL && index < self->listed ? self->choice->order[index] : index;
}

static void keep_frequent(numbering *self) {
    for (uint32_t index = 0; index < self->table->count; index++) {
        const uint64_t count = self->table->entries[index].count;
        if (index == self->end_of_line || index == self->unknown)
            continue;
        if (count >= self->choice->min_count)
            self->words[self->count++] = (kept_word){count, first_of(self, index), index};
        else
            self->merges = true;
    }
    qsort(self->words, self->count, sizeof *self->words, frequent_first);
}

/* Drops the rarest words that have no room; returns whether there is to be an unknown word. */
static bool cut_to_limit(numbering *self) {
    const dp_word_choice *choice = self->choice;
    const size_t specials = 1 + (size_t)choice->end_of_line; /* with the boundary */
    const bool unknown = choice->unknown || self->unknown != DP_WORD_NONE || self->merges;
    if (choice->max_vocab == 0 || specials + unknown + self->count <= choice->max_vocab)
        return unknown;
    self->count = choice->max_vocab - specials - 1;
    return true;
}

/* Adds the unknown word, in the place of all that are not kept. */
static dp_status add_unknown(numbering *self, dp_error *error) {
    dp_word_table *table = self->table;
    const dp_word word = dp_word_of(DP_UNKNOWN_WORD);
    DP_TRY(dp_word_table_add(table, &word, 0, &self->unknown, error));
    kept_word unknown = {.first = DP_WORD_NONE, .index = self->unknown};
    for (size_t i = 0; i < self->count; i++)
        table->entries[self->words[i].index].id = 1; /* kept */
    for (uint32_t index = 0; index < table->count; index++) {
        if (table->entries[index].id != 0 || index == self->end_of_line)
            continue;
        unknown.count += table->entries[index].count;
        unknown.first = (uint32_t)dp_size_min(unknown.first, first_of(self, index));
    }
    self->words[self->count++] = unknown;
    return DP_OK;
}

static void assign_ids(numbering *self, uint32_t *unknown_id) {
    dp_word_entry *entries = self->table->entries;
    *unknown_id = DP_WORD_NONE;
    for (size_t i = 0; i < self->count; i++) {
        if (self->words[i].index == self->unknown)
            *unknown_id = (uint32_t)(DP_BOUNDARY_ID + 1 + i);
    }
    for (size_t index = 0; index < self->table->count; index++)
        entries[index].id = *unknown_id;
    for (size_t i = 0; i < self->count; i++)
        entries[self->words[i].index].id = (uint32_t)(DP_BOUNDARY_ID + 1 + i);
}

static dp_status check_size(const char *const *tokens, size_t count, dp_error *error) {
    size_t longest = 0;
    for (size_t i = 0; i < count; i++)
        longest = dp_size_max(longest, strlen(tokens[i]));
    if (count <= DP_VOCABULARY_BYTES_MAX / (longest + 1))
        return DP_OK;
    return dp_fail(
        error, DP_ERR_INPUT,
        "a vocabulary of %zu words of up to %zu bytes is too large: raise --min_count or "
        "set --max_vocab",
        count, longest);
}

static dp_status make_vocabulary(const numbering *self, dp_vocabulary *vocabulary,
                                 dp_error *error) {
    DP_OWNED(dp_memory_release) const char **tokens = NULL;
    const size_t count = self->count + 1;
    DP_TRY_NEW(tokens, count);
    tokens[DP_BOUNDARY_ID] = self->choice->boundary;
    for (size_t i = 0; i < self->count; i++)
        tokens[1 + i] = dp_word_table_text(self->table, self->words[i].index);
    DP_TRY(check_size(tokens, count, error));
    DP_TRY(dp_vocabulary_init(vocabulary, tokens, count, error));
    DP_TRY_NEW(vocabulary->counts, count);
    vocabulary->counts[DP_BOUNDARY_ID] = self->choice->boundary_count;
    for (size_t i = 0; i < self->count; i++)
        vocabulary->counts[1 + i] = self->words[i].count;
    return DP_OK;
}

dp_status dp_word_vocabulary_make(dp_word_table *table, const dp_word_choice *choice,
                                  dp_vocabulary *vocabulary, uint32_t *unknown_id,
                                  dp_error *error) {
    const dp_word end = dp_word_of(DP_END_OF_LINE), unknown = dp_word_of(DP_UNKNOWN_WORD);
    numbering self = {.table = table,
                      .choice = choice,
                      .listed = table->count,
                      .end_of_line = DP_WORD_NONE,
                      .unknown = dp_word_table_find(table, &unknown)};
    DP_OWNED(dp_memory_release) kept_word *words = NULL;
    *vocabulary = (dp_vocabulary){0};
    if (choice->end_of_line)
        DP_TRY(dp_word_table_add(table, &end, 0, &self.end_of_line, error));
    DP_TRY_NEW(words, table->count + 2);
    self.words = words;
    keep_frequent(&self);
    if (cut_to_limit(&self))
        DP_TRY(add_unknown(&self, error));
    if (choice->end_of_line)
        self.words[self.count++] = (kept_word){.count = table->entries[self.end_of_line].count,
                                               .first = first_of(&self, self.end_of_line),
                                               .index = self.end_of_line};
    qsort(self.words, self.count, sizeof *self.words, frequent_first);
    assign_ids(&self, unknown_id);
    return make_vocabulary(&self, vocabulary, error);
}
