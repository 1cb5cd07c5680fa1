/* json: writes JSON onto a dp_text (RFC 8259). One line, no blanks after the last brace. And finds
 * a value in JSON, as in a file that was written so.
 *
 * Values follow each other; commas are put where needed. Inside an object every value is preceded
 * by its key. Nesting is the caller's to balance: each begin has its end.
 */
#ifndef DP_BASE_JSON_H
#define DP_BASE_JSON_H

#include "base/text.h"

void dp_json_begin_object(dp_text *json);
void dp_json_end_object(dp_text *json);
void dp_json_begin_array(dp_text *json);
void dp_json_end_array(dp_text *json);
/* Key and value strings are UTF-8; control characters and quotes are escaped. */
void dp_json_key(dp_text *json, const char *key);
void dp_json_string(dp_text *json, const char *value);
void dp_json_unsigned(dp_text *json, uint64_t value);
/* Shortest text that reads back as the same double; null where it is not finite. */
void dp_json_real(dp_text *json, double value);
void dp_json_bool(dp_text *json, bool value);

/* Points *value at the value of a path of keys, "splits.dev.loss", in an object, and *length to its
 * extent, quotes and brackets included; what stands before it in the text is checked to be JSON.
 * False where it is not, or where there is no such value. */
bool dp_json_find(const char *json, const char *path, const char **value,
                  size_t *length) DP_CHECKED;
/* The same for a number; false also where the value is none. */
bool dp_json_find_real(const char *json, const char *path, double *value) DP_CHECKED;
bool dp_json_find_unsigned(const char *json, const char *path, uint64_t *value) DP_CHECKED;

#endif
