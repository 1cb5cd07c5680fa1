#include "data/vocabulary.h"

#include "base/memory.h"
#include "base/size.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *dp_unit_name(dp_unit unit) {
    static const char *const names[] = {DP_UNIT_NAMES};
    return names[unit];
}

dp_status dp_unit_read(const dp_h5reader *file, dp_unit *unit, bool *stream, dp_error *error) {
    uint64_t value = 0;
    char name[16];
    DP_TRY(dp_h5reader_text_attribute(file, "unit", name, sizeof name, error));
    if (dp_h5image_has_attribute(&file->image, "stream"))
        DP_TRY(dp_h5reader_unsigned_attribute(file, "stream", &value, error));
    *unit = strcmp(name, "word") == 0 ? DP_UNIT_WORD : DP_UNIT_CHAR;
    *stream = value != 0;
    return DP_OK;
}

dp_status dp_preparation_read(const dp_h5reader *file, dp_preparation *preparation,
                              dp_error *error) {
    static const char *const names[] = {DP_NORMAL_FORM_NAMES};
    const size_t count = sizeof names / sizeof names[0];
    uint64_t lowercase = 0;
    char form[8];
    size_t i = 0;
    *preparation = (dp_preparation){0};
    if (!dp_h5image_has_attribute(&file->image, "packed_with"))
        return DP_OK;
    DP_TRY(dp_h5reader_text_attribute(file, "packed_with", preparation->packed_with,
                                      sizeof preparation->packed_with, error));
    DP_TRY(dp_h5reader_unsigned_attribute(file, "lowercase", &lowercase, error));
    DP_TRY(dp_h5reader_text_attribute(file, "normalize", form, sizeof form, error));
    while (i < count && strcmp(form, names[i]) != 0)
        i++;
    if (i == count)
        return dp_fail(error, DP_ERR_INPUT, "%s: normalize '%s' is not known to this program",
                       file->image.name, form);
    preparation->folding = (dp_folding){lowercase != 0, (dp_normal_form)i};
    return DP_OK;
}

dp_status dp_vocabulary_init(dp_vocabulary *vocabulary, const char *const *tokens, size_t count,
                             dp_error *error) {
    size_t longest = 0;
    for (size_t i = 0; i < count; i++)
        longest = dp_size_max(longest, strlen(tokens[i]));
    char *table = dp_memory_zeroed(count, longest + 1, error);
    if (table == NULL)
        return DP_ERR_MEMORY;
    for (size_t i = 0; i < count; i++)
        memcpy(table + i * (longest + 1), tokens[i], strlen(tokens[i]));
    *vocabulary = (dp_vocabulary){.table = table, .count = count, .width = longest + 1};
    return DP_OK;
}

void dp_vocabulary_clear(dp_vocabulary *vocabulary) {
    dp_memory_free(vocabulary->counts);
    dp_memory_free(vocabulary->sorted);
    dp_memory_free(vocabulary->table);
    *vocabulary = (dp_vocabulary){0};
}

static bool valid_token(const char *token, size_t width) {
    const size_t length = strnlen(token, width);
    return length > 0 && length < width && dp_utf8_valid_bytes(token, length) == length;
}

dp_status dp_vocabulary_read(dp_vocabulary *vocabulary, const dp_h5reader *file, dp_error *error) {
    *vocabulary = (dp_vocabulary){0};
    DP_TRY(dp_h5reader_strings(file, DP_TOKENS_OBJECT, DP_VOCABULARY_BYTES_MAX, &vocabulary->table,
                               &vocabulary->count, &vocabulary->width, error));
    for (uint32_t id = 0; id < vocabulary->count; id++) {
        if (valid_token(dp_vocabulary_token(vocabulary, id), vocabulary->width))
            continue;
        dp_vocabulary_clear(vocabulary);
        return dp_fail(error, DP_ERR_INPUT, "%s: token %" PRIu32 " of %s is not valid UTF-8",
                       file->image.name, id, DP_TOKENS_OBJECT);
    }
    return DP_OK;
}

const char *dp_vocabulary_token(const dp_vocabulary *vocabulary, uint32_t id) {
    return vocabulary->table + (size_t)id * vocabulary->width;
}

/* <, = or > 0 as the token is before, at or behind text[0, length); length < the table's width. */
static int compare(const char *token, const char *text, size_t length) {
    const int order = memcmp(token, text, length);
    return order != 0 ? order : token[length] != '\0';
}

static int by_spelling(const void *a, const void *b) {
    const char *const *x = a, *const *y = b;
    const int order = strcmp(*x, *y);
    return order != 0 ? order : (*x > *y) - (*x < *y);
}

dp_status dp_vocabulary_sort(dp_vocabulary *vocabulary, dp_error *error) {
    DP_TRY_NEW(vocabulary->sorted, vocabulary->count);
    for (size_t i = 0; i < vocabulary->count; i++)
        vocabulary->sorted[i] = vocabulary->table + i * vocabulary->width;
    qsort(vocabulary->sorted, vocabulary->count, sizeof *vocabulary->sorted, by_spelling);
    return DP_OK;
}

dp_status dp_vocabulary_view(const dp_vocabulary *vocabulary, dp_vocabulary *view,
                             dp_error *error) {
    *view = *vocabulary;
    view->sorted = NULL;
    return dp_vocabulary_sort(view, error);
}

void dp_vocabulary_end_view(dp_vocabulary *view) {
    dp_memory_free(view->sorted);
    *view = (dp_vocabulary){0};
}

/* The first that is not before the text; count where all are. */
static size_t find_sorted(const dp_vocabulary *vocabulary, const char *text, size_t length) {
    size_t first = 0, end = vocabulary->count;
    while (first < end) {
        const size_t middle = first + (end - first) / 2;
        if (compare(vocabulary->sorted[middle], text, length) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

bool dp_vocabulary_find(const dp_vocabulary *vocabulary, const char *text, size_t length,
                        uint32_t *id) {
    const char *token = vocabulary->table, *end = token + vocabulary->count * vocabulary->width;
    if (length >= vocabulary->width)
        return false;
    if (vocabulary->sorted != NULL) {
        const size_t place = find_sorted(vocabulary, text, length);
        token = place < vocabulary->count ? vocabulary->sorted[place] : end;
    } else {
        while (token < end && compare(token, text, length) != 0)
            token += vocabulary->width;
    }
    *id = (uint32_t)((size_t)(token - vocabulary->table) / vocabulary->width);
    return token < end && compare(token, text, length) == 0;
}

bool dp_vocabulary_equal(const dp_vocabulary *a, const dp_vocabulary *b) {
    bool equal = a->count == b->count;
    for (uint32_t i = 0; equal && i < a->count; i++)
        equal = strcmp(dp_vocabulary_token(a, i), dp_vocabulary_token(b, i)) == 0;
    return equal;
}

/* --- what differs -------------------------------------------------------------------------------
 */

#define DIFFERENCES_SHOWN 5

static void append_token(const dp_vocabulary *vocabulary, uint32_t id, dp_text *out) {
    dp_text_append(out, "'");
    dp_text_append_shown(out, dp_vocabulary_token(vocabulary, id));
    dp_text_append(out, "'");
}

/* The tokens of `self` that the other lacks; returns how many. */
static size_t append_only(const dp_vocabulary *self, const dp_vocabulary *other, const char *name,
                          dp_text *out) {
    size_t count = 0;
    for (uint32_t id = 0; id < self->count; id++) {
        uint32_t theirs = 0;
        const char *token = dp_vocabulary_token(self, id);
        if (dp_vocabulary_find(other, token, strlen(token), &theirs))
            continue;
        if (count++ >= DIFFERENCES_SHOWN)
            continue;
        if (count == 1)
            dp_text_append_format(out, "%sonly %s has ", out->length == 0 ? "" : "; ", name);
        else
            dp_text_append(out, ", ");
        append_token(self, id, out);
    }
    if (count > DIFFERENCES_SHOWN)
        dp_text_append_format(out, " and %zu more", count - DIFFERENCES_SHOWN);
    return count;
}

static void append_order(const dp_vocabulary *a, const dp_vocabulary *b, dp_text *out) {
    uint32_t id = 0;
    while (strcmp(dp_vocabulary_token(a, id), dp_vocabulary_token(b, id)) == 0)
        id++;
    dp_text_append_format(
        out, "the same tokens in another order, the first of them at id %" PRIu32 ": ", id);
    append_token(a, id, out);
    dp_text_append(out, " and ");
    append_token(b, id, out);
}

dp_status dp_vocabulary_difference(const dp_vocabulary *a, const char *name_a,
                                   const dp_vocabulary *b, const char *name_b, dp_text *out,
                                   dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text difference = {0};
    DP_OWNED(dp_vocabulary_end_view) dp_vocabulary sorted_a = {0};
    DP_OWNED(dp_vocabulary_end_view) dp_vocabulary sorted_b = {0};
    DP_TRY(dp_vocabulary_view(a, &sorted_a, error));
    DP_TRY(dp_vocabulary_view(b, &sorted_b, error));
    const size_t only_a = append_only(a, &sorted_b, name_a, &difference);
    if (append_only(b, &sorted_a, name_b, &difference) + only_a == 0)
        append_order(a, b, &difference);
    DP_TRY(dp_text_check(&difference, error));
    dp_text_append(out, dp_text_string(&difference));
    return dp_text_check(out, error);
}
