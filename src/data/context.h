/* context: the tokens that the next one is predicted from, oldest first; at a beginning,
 * boundaries.
 *
 * As users type them: characters one after the other, words with blanks between.
 */
#ifndef DP_DATA_CONTEXT_H
#define DP_DATA_CONTEXT_H

#include "data/vocabulary.h"

#define DP_BLOCK_SIZE_MAX 64 /* tokens, at most */

/* Moves all of context [block_size] one place towards the oldest, which falls out, and puts `id` in
 * the place that becomes free. */
void dp_context_shift(uint32_t *context, size_t block_size, uint32_t id);

/* Moves *text to the token that comes next before `end`, and sets its *length: a word up to the
 * next blank, or one character; one byte where that is not UTF-8. False where there is none. */
bool dp_context_next_token(dp_unit unit, const char **text, const char *end, size_t *length);

/* Sets context [block_size] to the last tokens of text[0, length), behind boundaries where it has
 * fewer. A word that is not in the vocabulary is DP_UNKNOWN_WORD where that is; else DP_ERR_INPUT
 * names the token. */
dp_status dp_context_parse(const dp_vocabulary *vocabulary, dp_unit unit, const char *text,
                           size_t length, uint32_t *context, size_t block_size,
                           dp_error *error) DP_CHECKED;

/* The id of a token that stands alone. DP_ERR_INPUT as above. */
dp_status dp_context_find_token(const dp_vocabulary *vocabulary, const char *text, size_t length,
                                uint32_t *id, dp_error *error) DP_CHECKED;

#endif
