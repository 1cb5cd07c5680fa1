#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* A value needs a comma before it unless it comes first or stands behind its key. */
static void separate(dp_text *json) {
    if (json->length > 0 && strchr("{[:", json->data[json->length - 1]) == NULL)
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
    separate(json);
    dp_text_append(json, "\"");
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            dp_text_append_format(json, "\\%c", *c);
        else if ((unsigned char)*c < 0x20u)
            dp_text_append_format(json, "\\u%04x", (unsigned)*c);
        else
            dp_text_append_bytes(json, c, 1);
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
    char buffer[32];
    separate(json);
    dp_text_append(json, isfinite(value) ? dp_text_format_real(value, buffer) : "null");
}

void dp_json_bool(dp_text *json, bool value) {
    separate(json);
    dp_text_append(json, value ? "true" : "false");
}

/* --- finding a value -------------------------------------------------------------------------- */

#define DEPTH_MAX 32

static const char *skip_blanks(const char *at) {
    return at + strspn(at, " \t\r\n");
}

/* Each of these returns what comes behind, or NULL where the text is no such thing. */
static const char *skip_string(const char *at) {
    if (*at != '"')
        return NULL;
    for (at++; *at != '"'; at++) {
        if (*at == '\\')
            at++;
        if ((unsigned char)*at < 0x20u)
            return NULL;
    }
    return at + 1;
}

static const char *skip_value(const char *at, int depth);

/* The members of an object or the elements of an array, at its bracket. */
static const char *skip_list(const char *at, int depth) {
    const bool object = *at == '{';
    const char end = object ? '}' : ']';
    at = skip_blanks(at + 1);
    if (*at == end)
        return at + 1;
    while (depth < DEPTH_MAX) {
        if (object) {
            at = skip_string(at);
            at = at == NULL ? NULL : skip_blanks(at);
            if (at == NULL || *at++ != ':')
                return NULL;
        }
        at = skip_value(skip_blanks(at), depth + 1);
        if (at == NULL)
            return NULL;
        at = skip_blanks(at);
        if (*at == end)
            return at + 1;
        if (*at != ',')
            return NULL;
        at = skip_blanks(at + 1);
    }
    return NULL;
}

static const char *skip_value(const char *at, int depth) {
    if (*at == '"')
        return skip_string(at);
    if (*at == '{' || *at == '[')
        return skip_list(at, depth);
    size_t length = strspn(at, "+-.0123456789abcdefghijklmnopqrstuvwxyzE");
    return length == 0 ? NULL : at + length;
}

/* The value of a key in the object at `at`, or NULL. */
static const char *find_member(const char *at, const char *key, size_t key_length) {
    at = skip_blanks(at);
    if (*at != '{')
        return NULL;
    do {
        const char *name = skip_blanks(at + 1), *end = skip_string(name);
        if (end == NULL || *skip_blanks(end) != ':')
            return NULL;
        const char *value = skip_blanks(skip_blanks(end) + 1);
        if ((size_t)(end - name) == key_length + 2 && memcmp(name + 1, key, key_length) == 0)
            return value;
        at = skip_value(value, 1);
        at = at == NULL ? NULL : skip_blanks(at);
    } while (at != NULL && *at == ',');
    return NULL;
}

bool dp_json_find(const char *json, const char *path, const char **value, size_t *length) {
    const char *at = json;
    for (const char *key = path; at != NULL;) {
        size_t key_length = strcspn(key, ".");
        at = find_member(at, key, key_length);
        if (key[key_length] == '\0')
            break;
        key += key_length + 1;
    }
    const char *end = at == NULL ? NULL : skip_value(at, 0);
    if (end == NULL)
        return false;
    *value = at;
    *length = (size_t)(end - at);
    return true;
}

/* The value as a text of its own; false where it does not fit, which no number does. */
static bool find_number(const char *json, const char *path, char text[40]) {
    const char *value = NULL;
    size_t length = 0;
    if (!dp_json_find(json, path, &value, &length) || length >= 40)
        return false;
    memcpy(text, value, length);
    text[length] = '\0';
    return true;
}

bool dp_json_find_real(const char *json, const char *path, double *value) {
    char text[40];
    return find_number(json, path, text) && dp_text_parse_real(text, value);
}

bool dp_json_find_unsigned(const char *json, const char *path, uint64_t *value) {
    char text[40];
    return find_number(json, path, text) && dp_text_parse_unsigned(text, value);
}
