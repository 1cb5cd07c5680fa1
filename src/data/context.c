#include "data/context.h"

#include "base/utf8.h"

#include <string.h>

#define TOKENS_NAMED 32 /* of a vocabulary, by a message */
#define BLANKS " \t\n\v\f\r"

void dp_context_shift(uint32_t *context, size_t block_size, uint32_t id) {
    memmove(context, context + 1, (block_size - 1) * sizeof *context);
    context[block_size - 1] = id;
}

static dp_status fail_unknown(const dp_vocabulary *vocabulary, const char *text, size_t length,
                              const char *what, dp_error *error) {
    dp_text tokens = {0};
    for (uint32_t id = 0; id < vocabulary->count && id < TOKENS_NAMED; id++)
        dp_text_append_format(&tokens, " %s", dp_vocabulary_token(vocabulary, id));
    dp_status status =
        dp_fail(error, DP_ERR_INPUT, "%s: '%.*s' is not in the vocabulary:%s%s", what,
                (int)(length > 80 ? 80 : length), text, dp_text_string(&tokens),
                vocabulary->count > TOKENS_NAMED ? " ..." : "");
    dp_text_clear(&tokens);
    return status;
}

dp_status dp_context_find_token(const dp_vocabulary *vocabulary, const char *text, size_t length,
                                const char *what, uint32_t *id, dp_error *error) {
    if (length > 0 && dp_vocabulary_find(vocabulary, text, length, id))
        return DP_OK;
    return fail_unknown(vocabulary, text, length, what, error);
}

/* Bytes of the token that text begins with: a word up to the next blank, or one character; one byte
 * where that is not UTF-8. */
static size_t token_length(dp_unit unit, const char *text) {
    uint32_t code_point = 0;
    if (unit == DP_UNIT_WORD)
        return strcspn(text, BLANKS);
    size_t length = dp_utf8_decode((const unsigned char *)text, strlen(text), &code_point);
    return length == 0 ? 1 : length;
}

static size_t blanks(dp_unit unit, const char *text) {
    return unit == DP_UNIT_WORD ? strspn(text, BLANKS) : 0;
}

/* The id of a token in a context: of a word that the vocabulary does not have, the one that stood
 * for such words in training. */
static dp_status find_in_context(const dp_vocabulary *vocabulary, dp_unit unit, const char *text,
                                 size_t length, const char *what, uint32_t *id, dp_error *error) {
    if (unit == DP_UNIT_WORD && !dp_vocabulary_find(vocabulary, text, length, id) &&
        dp_vocabulary_find(vocabulary, DP_UNKNOWN_WORD, strlen(DP_UNKNOWN_WORD), id))
        return DP_OK;
    return dp_context_find_token(vocabulary, text, length, what, id, error);
}

dp_status dp_context_parse(const dp_vocabulary *vocabulary, dp_unit unit, const char *text,
                           const char *what, uint32_t *context, size_t block_size,
                           dp_error *error) {
    memset(context, 0, block_size * sizeof *context); /* boundaries */
    for (text += blanks(unit, text); *text != '\0'; text += blanks(unit, text)) {
        uint32_t id = DP_BOUNDARY_ID;
        size_t length = token_length(unit, text);
        dp_status status = find_in_context(vocabulary, unit, text, length, what, &id, error);
        if (status != DP_OK)
            return status;
        dp_context_shift(context, block_size, id);
        text += length;
    }
    return DP_OK;
}
