/* word_vocabulary: which words of a table get an id of their own, and which one.
 *
 * Id 0 is the boundary; then come words by descending count, those of equal count in the order of
 * their first appearance. What is seen too rarely, and the rarest where there would be too many
 * tokens, is merged into DP_UNKNOWN_WORD, which stands where the sum of the counts (its own among
 * them, where the text has it) and the first of the appearances put it.
 */
#ifndef DP_WORDS_WORD_VOCABULARY_H
#define DP_WORDS_WORD_VOCABULARY_H

#include "data/vocabulary.h"
#include "words/word_table.h"

#include <stdbool.h>

#define DP_END_OF_LINE "<eol>"  /* of a stream; literal ones in the text are merged with it */
#define DP_MAX_VOCAB_MINIMUM 4u /* boundary, both of these and a word */

typedef struct dp_word_choice {
    const char *boundary;
    uint64_t boundary_count; /* how often it is a target */
    uint64_t min_count;      /* words that are seen fewer times are merged */
    uint64_t max_vocab;      /* V at most, from DP_MAX_VOCAB_MINIMUM; 0: no limit */
    bool end_of_line;        /* DP_END_OF_LINE is a token, however rare */
    bool unknown;            /* DP_UNKNOWN_WORD is one, even where nothing is merged */
    /* [table->count] the order of first appearance, DP_WORD_NONE for words that were not counted;
     * NULL: that of the table. */
    const uint32_t *order;
} dp_word_choice;

/* Gives each entry of the table its id and makes the vocabulary, with counts, which the caller
 * clears, also after a failure. *unknown_id is DP_WORD_NONE where there is no DP_UNKNOWN_WORD.
 * Special words may be added to the table. DP_ERR_INPUT where the vocabulary would be larger than a
 * reader takes. */
dp_status dp_word_vocabulary_make(dp_word_table *table, const dp_word_choice *choice,
                                  dp_vocabulary *vocabulary, uint32_t *unknown_id,
                                  dp_error *error) DP_CHECKED;

#endif
