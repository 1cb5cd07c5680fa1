#include "data/unicode.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <string.h>
#include <utf8proc.h>

int dp_unicode_columns(const char *text) {
    uint32_t code_point = 0;
    int columns = 0;
    for (size_t length = 0; (length = dp_utf8_next_shown(text, &code_point)) > 0; text += length)
        columns += utf8proc_charwidth((utf8proc_int32_t)code_point);
    return columns;
}

/* --- folding ---------------------------------------------------------------------------------- */

static bool is_ascii(char c) {
    return (unsigned char)c < 0x80u;
}

/* How many characters of ASCII the text begins with: eight at a time. */
static size_t count_ascii(const char *text, size_t length) {
    const uint64_t highs = UINT64_MAX / 255 * 128;
    uint64_t eight;
    size_t at = 0;
    for (; length - at >= sizeof eight; at += sizeof eight) {
        memcpy(&eight, text + at, sizeof eight);
        if ((eight & highs) != 0)
            break;
    }
    while (at < length && is_ascii(text[at]))
        at++;
    return at;
}

static size_t count_others(const char *text, size_t length) {
    size_t at = 0;
    while (at < length && !is_ascii(text[at]))
        at++;
    return at;
}

static void append_ascii(bool lowercase, const char *text, size_t length, dp_text *folded) {
    const size_t first = folded->length;
    dp_text_append_bytes(folded, text, length);
    if (!lowercase || folded->failed)
        return;
    for (size_t i = first; i < folded->length; i++) {
        const unsigned c = (unsigned char)folded->data[i];
        folded->data[i] = (char)(c + (c - 'A' < 26u ? 'a' - 'A' : 0u));
    }
}

/* Of valid UTF-8. */
static void append_lower(const char *text, size_t length, dp_text *folded) {
    char character[DP_UTF8_MAX_BYTES + 1];
    uint32_t code_point = 0;
    for (size_t at = 0; at < length;) {
        at += dp_utf8_decode((const unsigned char *)text + at, length - at, &code_point);
        code_point = (uint32_t)utf8proc_tolower((utf8proc_int32_t)code_point);
        dp_text_append_bytes(folded, character, dp_utf8_encode(code_point, character));
    }
}

/* The same. */
static void append_normal(dp_normal_form form, const char *text, size_t length, dp_text *folded) {
    const utf8proc_option_t options =
        UTF8PROC_STABLE | UTF8PROC_COMPOSE | (form == DP_NORMAL_NFKC ? UTF8PROC_COMPAT : 0);
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text;
    const utf8proc_ssize_t size = (utf8proc_ssize_t)length;
    utf8proc_int32_t few[256], *points = few;
    DP_OWNED(dp_memory_release) utf8proc_int32_t *many = NULL;
    char character[DP_UTF8_MAX_BYTES + 1];
    dp_error ignored;
    utf8proc_ssize_t count = utf8proc_decompose(bytes, size, few, 256, options);
    if (count > 256) {
        points = many = dp_memory_zeroed((size_t)count, sizeof *many, &ignored);
        if (many == NULL) {
            folded->failed = true;
            return;
        }
        count = utf8proc_decompose(bytes, size, many, count, options);
    }
    count = utf8proc_normalize_utf32(points, count, options);
    for (utf8proc_ssize_t i = 0; i < count; i++)
        dp_text_append_bytes(folded, character, dp_utf8_encode((uint32_t)points[i], character));
}

/* The same, in any folding. */
static void append_valid(dp_folding folding, const char *text, size_t length, dp_text *folded) {
    DP_OWNED(dp_text_clear) dp_text normal = {0};
    DP_OWNED(dp_text_clear) dp_text lower = {0};
    if (folding.normalize == DP_NORMAL_NONE) {
        append_lower(text, length, folded);
        return;
    }
    if (!folding.lowercase) {
        append_normal(folding.normalize, text, length, folded);
        return;
    }
    append_normal(folding.normalize, text, length, &normal);
    append_lower(dp_text_string(&normal), normal.length, &lower);
    append_normal(folding.normalize, dp_text_string(&lower), lower.length, folded);
    folded->failed = folded->failed || normal.failed || lower.failed;
}

static void append_others(dp_folding folding, const char *text, size_t length, dp_text *folded) {
    for (size_t at = 0; at < length;) {
        const size_t valid = dp_utf8_valid_bytes(text + at, length - at);
        append_valid(folding, text + at, valid, folded);
        at += valid;
        dp_text_append_bytes(folded, text + at, at < length);
        at += at < length;
    }
}

void dp_unicode_fold(dp_folding folding, const char *text, size_t length, dp_text *folded) {
    if (!dp_folding_changes(folding)) {
        dp_text_append_bytes(folded, text, length);
        return;
    }
    while (length > 0) {
        const size_t ascii = count_ascii(text, length);
        const size_t others = count_others(text + ascii, length - ascii);
        /* What follows may join the last of them. */
        const size_t joined =
            ascii > 0 && others > 0 && folding.normalize != DP_NORMAL_NONE ? 1 : 0;
        append_ascii(folding.lowercase, text, ascii - joined, folded);
        append_others(folding, text + ascii - joined, joined + others, folded);
        text += ascii + others;
        length -= ascii + others;
    }
}

size_t dp_unicode_part(const char *text, size_t length) {
    const size_t ascii = length > 0 && is_ascii(*text) ? 1 : 0;
    return ascii + count_others(text + ascii, length - ascii);
}

/* --- composing -------------------------------------------------------------------------------- */

bool dp_unicode_joins(uint32_t code_point) {
    return utf8proc_get_property((utf8proc_int32_t)code_point)->combining_class != 0;
}

bool dp_unicode_compose(uint32_t first, uint32_t second) {
    utf8proc_int32_t points[2] = {(utf8proc_int32_t)first, (utf8proc_int32_t)second};
    return utf8proc_normalize_utf32(points, 2, UTF8PROC_STABLE | UTF8PROC_COMPOSE) == 1;
}

bool dp_unicode_is_composed(uint32_t code_point) {
    utf8proc_int32_t parts[8];
    int last_class = 0;
    return utf8proc_decompose_char((utf8proc_int32_t)code_point, parts, 8,
                                   UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, &last_class) > 1;
}
