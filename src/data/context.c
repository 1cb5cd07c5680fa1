#include "data/context.h"

#include "base/size.h"
#include "base/utf8.h"

#include <string.h>

#define TOKENS_NAMED 32 /* of a vocabulary, by a message */

void dp_context_shift(uint32_t *context, size_t block_size, uint32_t id) {
    memmove(context, context + 1, (block_size - 1) * sizeof *context);
    context[block_size - 1] = id;
}

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool dp_context_next_token(dp_unit unit, const char **text, const char *end, size_t *length) {
    const char *at = *text;
    uint32_t code_point = 0;
    while (unit == DP_UNIT_WORD && at < end && is_blank(*at))
        at++;
    *text = at;
    if (unit == DP_UNIT_CHAR && at < end)
        at += dp_size_max(
            dp_utf8_decode((const unsigned char *)at, (size_t)(end - at), &code_point), 1);
    while (unit == DP_UNIT_WORD && at < end && !is_blank(*at))
        at++;
    *length = (size_t)(at - *text);
    return *length > 0;
}

static dp_status fail_unknown(const dp_vocabulary *vocabulary, const char *text, size_t length,
                              dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text tokens = {0};
    for (uint32_t id = 0; id < vocabulary->count && id < TOKENS_NAMED; id++) {
        dp_text_append(&tokens, " ");
        dp_text_append_shown(&tokens, dp_vocabulary_token(vocabulary, id));
    }
    return dp_fail(error, DP_ERR_INPUT, "'%.*s' is not in the vocabulary:%s%s",
                   (int)(length > 80 ? 80 : length), text, dp_text_string(&tokens),
                   vocabulary->count > TOKENS_NAMED ? " ..." : "");
}

dp_status dp_context_find_token(const dp_vocabulary *vocabulary, const char *text, size_t length,
                                uint32_t *id, dp_error *error) {
    if (length > 0 && dp_vocabulary_find(vocabulary, text, length, id))
        return DP_OK;
    return fail_unknown(vocabulary, text, length, error);
}

dp_status dp_context_parse(const dp_vocabulary *vocabulary, dp_unit unit, const char *text,
                           size_t length, uint32_t *context, size_t block_size, dp_error *error) {
    const char *end = text + length;
    memset(context, 0, block_size * sizeof *context); /* boundaries */
    for (size_t bytes = 0; dp_context_next_token(unit, &text, end, &bytes); text += bytes) {
        uint32_t id = DP_BOUNDARY_ID;
        if (!dp_vocabulary_find(vocabulary, text, bytes, &id) &&
            (unit != DP_UNIT_WORD ||
             !dp_vocabulary_find(vocabulary, DP_UNKNOWN_WORD, strlen(DP_UNKNOWN_WORD), &id)))
            return fail_unknown(vocabulary, text, bytes, error);
        dp_context_shift(context, block_size, id);
    }
    return DP_OK;
}
