#include "words/word_vocabulary.h"

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
    size_t listed;        /* entries of the table, without special words that it gets here */
    uint32_t end_of_line; /* index in the table, or DP_WORD_NONE */
    uint32_t unknown;
    /* Those that are kept, and behind them those that are merged; without the special words, which
     * then follow what is kept. There is room for them. */
    kept_word *words;
    size_t count; /* of all */
    size_t kept;
} numbering;

static int frequent_first(const void *a, const void *b) {
    const kept_word *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return (x->first > y->first) - (x->first < y->first);
}

static kept_word word_at(const numbering *self, uint32_t index) {
    const uint32_t *order = self->choice->order;
    const bool is_ordered = order != NULL && index < self->listed;
    return (kept_word){self->table->entries[index].count, is_ordered ? order[index] : index, index};
}

/* Keeps the words that are frequent, the most frequent first. */
static void keep_frequent(numbering *self) {
    size_t rare = 0;
    self->count =
        self->table->count - (self->end_of_line != DP_WORD_NONE) - (self->unknown != DP_WORD_NONE);
    for (uint32_t index = 0; index < self->table->count; index++) {
        const kept_word word = word_at(self, index);
        if (index == self->end_of_line || index == self->unknown)
            continue;
        if (word.count >= self->choice->min_count)
            self->words[self->kept++] = word;
        else
            self->words[self->count - ++rare] = word;
    }
    qsort(self->words, self->kept, sizeof *self->words, frequent_first);
}

/* Keeps no more than there is room for; returns whether there is to be an unknown word. */
static bool cut_to_limit(numbering *self) {
    const dp_word_choice *choice = self->choice;
    const size_t specials = 1 + (size_t)choice->end_of_line; /* with the boundary */
    const bool unknown =
        choice->unknown || self->unknown != DP_WORD_NONE || self->kept < self->count;
    if (choice->max_vocab == 0 || specials + unknown + self->kept <= choice->max_vocab)
        return unknown;
    self->kept = choice->max_vocab - specials - 1;
    return true;
}

/* Keeps the unknown word, in the place of all that are not kept. */
static dp_status keep_unknown(numbering *self, dp_error *error) {
    const dp_word word = dp_word_of(DP_UNKNOWN_WORD);
    DP_TRY(dp_word_table_add(self->table, &word, 0, &self->unknown, error));
    kept_word unknown = word_at(self, self->unknown);
    for (size_t i = self->kept; i < self->count; i++) {
        unknown.count += self->words[i].count;
        unknown.first = (uint32_t)dp_size_min(unknown.first, self->words[i].first);
    }
    self->words[self->kept++] = unknown;
    return DP_OK;
}

static void assign_ids(const numbering *self, uint32_t *unknown_id) {
    dp_word_entry *entries = self->table->entries;
    for (size_t i = 0; i < self->kept; i++)
        entries[self->words[i].index].id = (uint32_t)(DP_BOUNDARY_ID + 1 + i);
    *unknown_id = self->unknown == DP_WORD_NONE ? DP_WORD_NONE : entries[self->unknown].id;
    for (size_t index = 0; index < self->table->count; index++)
        entries[index].id = entries[index].id == 0 ? *unknown_id : entries[index].id;
}

static dp_status check_size(const char *const *tokens, size_t count, dp_error *error) {
    size_t longest = 0;
    for (size_t i = 0; i < count; i++)
        longest = dp_size_max(longest, strlen(tokens[i]));
    if (count <= DP_VOCABULARY_BYTES_MAX / (longest + 1))
        return DP_OK;
    return dp_fail(
        error, DP_ERR_INPUT,
        "a vocabulary of %zu words of up to %zu bytes is too large: raise --min-count or "
        "set --max-vocab",
        count, longest);
}

static dp_status make_vocabulary(const numbering *self, dp_vocabulary *vocabulary,
                                 dp_error *error) {
    DP_OWNED(dp_memory_release) const char **tokens = NULL;
    const size_t count = self->kept + 1;
    DP_TRY_NEW(tokens, count);
    tokens[DP_BOUNDARY_ID] = self->choice->boundary;
    for (size_t i = 0; i < self->kept; i++)
        tokens[1 + i] = dp_word_table_text(self->table, self->words[i].index);
    DP_TRY(check_size(tokens, count, error));
    DP_TRY(dp_vocabulary_init(vocabulary, tokens, count, error));
    DP_TRY_NEW(vocabulary->counts, count);
    vocabulary->counts[DP_BOUNDARY_ID] = self->choice->boundary_count;
    for (size_t i = 0; i < self->kept; i++)
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
        DP_TRY(keep_unknown(&self, error));
    if (choice->end_of_line)
        self.words[self.kept++] = word_at(&self, self.end_of_line);
    qsort(self.words, self.kept, sizeof *self.words, frequent_first);
    assign_ids(&self, unknown_id);
    return make_vocabulary(&self, vocabulary, error);
}
