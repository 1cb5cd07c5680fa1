#include "formats/json.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* A value needs a comma before it unless it comes first, in its line too, or stands behind its key.
 */
static void separate(dp_text *json) {
    if (json->length > 0 && strchr("{[:\n", json->data[json->length - 1]) == NULL)
        dp_text_append(json, ",");
}

void dp_json_begin_object(dp_text *json) {
    separate(json);
    dp_text_append(json, "{");
}

void dp_json_end_object(dp_text *json) {
    dp_text_append(json, "}");
}

void dp_json_begin_array(dp_text *json) {
    separate(json);
    dp_text_append(json, "[");
}

void dp_json_end_array(dp_text *json) {
    dp_text_append(json, "]");
}

void dp_json_string(dp_text *json, const char *value) {
    uint32_t shown = 0, code_point = 0;
    separate(json);
    dp_text_append(json, "\"");
    for (size_t length = 0; (length = dp_utf8_next_shown(value, &shown)) > 0; value += length) {
        if (dp_utf8_decode((const unsigned char *)value, length, &code_point) == 0)
            code_point = DP_UTF8_REPLACEMENT;
        if (code_point == '"' || code_point == '\\')
            dp_text_append_format(json, "\\%c", *value);
        else if (code_point != shown || shown == DP_UTF8_REPLACEMENT)
            dp_text_append_format(json, "\\u%04" PRIx32, code_point);
        else
            dp_text_append_bytes(json, value, length);
    }
    dp_text_append(json, "\"");
}

void dp_json_key(dp_text *json, const char *key) {
    dp_json_string(json, key);
    dp_text_append(json, ":");
}

void dp_json_unsigned(dp_text *json, uint64_t value) {
    separate(json);
    dp_text_append_format(json, "%" PRIu64, value);
}

void dp_json_real(dp_text *json, double value) {
    separate(json);
    dp_text_append(json, isfinite(value) ? DP_REAL_TEXT(value) : "null");
}

void dp_json_bool(dp_text *json, bool value) {
    separate(json);
    dp_text_append(json, value ? "true" : "false");
}

/* --- reading -----------------------------------------------------------------------------------
 */

#define DEPTH_MAX 32 /* of objects and arrays in each other */

/* The skip functions return the place behind what they skip, or NULL where it is not there; from
 * NULL they lead to NULL. */

static const char *skip_blanks(const char *at) {
    return at == NULL ? NULL : at + strspn(at, " \t\r\n");
}

static const char *skip_colon(const char *at) {
    at = skip_blanks(at);
    return at == NULL || *at != ':' ? NULL : skip_blanks(at + 1);
}

static const char *skip_string(const char *at) {
    if (at == NULL || *at++ != '"')
        return NULL;
    for (; *at != '"'; at++) {
        if (*at == '\\' && at[1] != '\0')
            at++;
        else if (*at == '\0')
            return NULL;
    }
    return at + 1;
}

static const char *skip_value(const char *at, int depth);

/* Of an object or an array, from its bracket on. */
static const char *skip_members(const char *at, int depth) {
    const bool keyed = *at == '{';
    const char end = keyed ? '}' : ']';
    const char *first = skip_blanks(at + 1);
    if (*first == end)
        return first + 1;
    do {
        at = skip_blanks(at + 1);
        if (keyed)
            at = skip_colon(skip_string(at));
        at = skip_blanks(skip_value(at, depth + 1));
    } while (at != NULL && *at == ',');
    return at != NULL && *at == end ? at + 1 : NULL;
}

static const char *skip_value(const char *at, int depth) {
    if (at == NULL || depth > DEPTH_MAX)
        return NULL;
    if (*at == '{' || *at == '[')
        return skip_members(at, depth);
    if (*at == '"')
        return skip_string(at);
    size_t length = strcspn(at, ",]} \t\r\n");
    return length == 0 ? NULL : at + length;
}

/* The value of this key in the object at `at`, or NULL. */
static const char *find_member(const char *at, const char *key, size_t length) {
    at = skip_blanks(at);
    if (at == NULL || *at != '{')
        return NULL;
    do {
        const char *name = skip_blanks(at + 1);
        const char *end = skip_string(name);
        at = skip_colon(end);
        if (at != NULL && (size_t)(end - name) == length + 2 && strncmp(name + 1, key, length) == 0)
            return at;
        at = skip_blanks(skip_value(at, 0));
    } while (at != NULL && *at == ',');
    return NULL;
}

static const char *find(const char *json, const char *place) {
    const size_t length = strcspn(place, ".");
    const char *value = find_member(json, place, length);
    return place[length] == '\0' ? value : find(value, place + length + 1);
}

/* Copies a number, true, false or null. */
static bool read_word(const char *json, const char *place, char word[64]) {
    const char *at = find(json, place);
    size_t length = at == NULL ? 0 : strcspn(at, ",]} \t\r\n");
    if (length == 0 || length >= 64)
        return false;
    memcpy(word, at, length);
    word[length] = '\0';
    return true;
}

bool dp_json_read_real(const char *json, const char *place, double *value) {
    char word[64];
    return read_word(json, place, word) && dp_text_parse_real(word, value);
}

bool dp_json_read_unsigned(const char *json, const char *place, uint64_t *value) {
    char word[64];
    return read_word(json, place, word) && dp_text_parse_unsigned(word, value);
}

bool dp_json_read_string(const char *json, const char *place, char *buffer, size_t size) {
    const char *at = find(json, place);
    const char *end = at == NULL ? NULL : skip_string(at);
    size_t length = end == NULL ? 0 : (size_t)(end - at) - 2;
    if (end == NULL || length >= size || memchr(at, '\\', (size_t)(end - at)) != NULL)
        return false;
    memcpy(buffer, at + 1, length);
    buffer[length] = '\0';
    return true;
}
