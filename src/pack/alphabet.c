#include "pack/alphabet.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <string.h>

typedef char token_text[DP_UTF8_MAX_BYTES + 1];

dp_status dp_alphabet_init(dp_alphabet *alphabet, const char *boundary, dp_error *error) {
    *alphabet = (dp_alphabet){0};
    size_t size = strlen(boundary);
    size_t bytes = dp_utf8_decode((const unsigned char *)boundary, size, &alphabet->boundary);
    if (bytes == 0 || bytes != size || alphabet->boundary == '\n')
        return dp_fail(error, DP_ERR_INPUT, "boundary = '%.80s': must be exactly one character",
                       boundary);
    alphabet->end =
        128; /* what is ASCII is marked by fast paths, which do not look at the largest */
    DP_TRY_NEW(alphabet->ids, DP_UTF8_LIMIT);
    return DP_OK;
}

void dp_alphabet_clear(dp_alphabet *alphabet) {
    dp_memory_free(alphabet->ids);
    *alphabet = (dp_alphabet){0};
}

static size_t count_characters(const dp_alphabet *alphabet) {
    size_t count = 0;
    for (uint32_t c = 0; c < alphabet->end; c++)
        count += alphabet->ids[c] != 0;
    return count;
}

dp_status dp_alphabet_number(dp_alphabet *alphabet, dp_vocabulary *vocabulary, dp_error *error) {
    dp_status status = DP_OK;
    token_text *texts = NULL;
    const char **tokens = NULL;
    uint32_t next = DP_BOUNDARY_ID + 1;
    size_t count = count_characters(alphabet) + 1;
    DP_NEW_OR_DONE(texts, count);
    DP_NEW_OR_DONE(tokens, count);
    dp_utf8_encode(alphabet->boundary, texts[DP_BOUNDARY_ID]);
    for (uint32_t c = 0; c < alphabet->end; c++) {
        if (alphabet->ids[c] == 0)
            continue;
        dp_utf8_encode(c, texts[next]);
        alphabet->ids[c] = next++;
    }
    for (size_t i = 0; i < count; i++)
        tokens[i] = texts[i];
    DP_OR_DONE(dp_vocabulary_init(vocabulary, tokens, count, error));
done:
    dp_memory_free((void *)tokens);
    dp_memory_free(texts);
    return status;
}
