/* alphabet: the characters of the texts being packed, and the id of each.
 *
 * A character is one Unicode code point. The boundary has id 0; the others follow in the order of
 * their code points from id 1, so that ids do not depend on the order of the words.
 */
#ifndef DP_PACK_ALPHABET_H
#define DP_PACK_ALPHABET_H

#include "data/vocabulary.h"

#include <stdint.h>

typedef struct dp_alphabet {
    uint32_t boundary; /* its code point */
    /* [DP_UTF8_LIMIT] by code point, owned. While texts are read: not 0 where the character
     * occurs. After dp_alphabet_number: its id. */
    uint32_t *ids;
    uint32_t end; /* no character from here on occurs, so that nobody looks for them */
} dp_alphabet;

/* `boundary` is the user's text; DP_ERR_INPUT unless it is exactly one character. Release with
 * dp_alphabet_clear, which a zeroed struct may also be given to. */
dp_status dp_alphabet_init(dp_alphabet *alphabet, const char *boundary, dp_error *error) DP_CHECKED;
void dp_alphabet_clear(dp_alphabet *alphabet);

/* Numbers the characters that occur and makes their vocabulary, which the caller clears. Call it
 * once, when all texts have been read. */
dp_status dp_alphabet_number(dp_alphabet *alphabet, dp_vocabulary *vocabulary,
                             dp_error *error) DP_CHECKED;

#endif
