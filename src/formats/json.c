#include "formats/json.h"

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
    separate(json);
    dp_text_append(json, isfinite(value) ? DP_REAL_TEXT(value) : "null");
}

void dp_json_bool(dp_text *json, bool value) {
    separate(json);
    dp_text_append(json, value ? "true" : "false");
}
