/* unicode: what Unicode says of characters, by utf8proc. */
#ifndef DP_DATA_UNICODE_H
#define DP_DATA_UNICODE_H

#include "base/text.h"

/* How many columns of a terminal a 0-terminated text takes: 2 for a wide character (CJK, emoji), 0
 * for one that joins the one before it. What is not UTF-8 takes one a byte. */
int dp_unicode_columns(const char *text);

typedef enum dp_normal_form { DP_NORMAL_NONE, DP_NORMAL_NFC, DP_NORMAL_NFKC } dp_normal_form;
#define DP_NORMAL_FORM_NAMES "none", "nfc", "nfkc"

/* What is done to a text before it is cut into tokens: each character becomes the one that Unicode
 * gives as its lower case, without rules that look at its neighbours; the text takes a normal form.
 * With both, the lower case is that of the normal form, and normal again. Start with {0}: nothing.
 */
typedef struct dp_folding {
    bool lowercase;
    dp_normal_form normalize;
} dp_folding;

static inline bool dp_folding_changes(dp_folding folding) {
    return folding.lowercase || folding.normalize != DP_NORMAL_NONE;
}

/* Appends text[0, length), folded. What is not UTF-8 stays as it is. A text may be folded in parts
 * that each begin with an ASCII character. */
void dp_unicode_fold(dp_folding folding, const char *text, size_t length, dp_text *folded);

/* The length of the part that text[0, length) begins with and that can be folded by itself: a
 * character of ASCII, or none, and the others up to the next. */
size_t dp_unicode_part(const char *text, size_t length);

/* Whether a character joins the one before it: an accent. */
bool dp_unicode_joins(uint32_t code_point);
/* Whether two characters that follow each other are another way to write a single one. */
bool dp_unicode_compose(uint32_t first, uint32_t second);
/* Whether a character has another form as several (NFD). */
bool dp_unicode_is_composed(uint32_t code_point);

#endif
