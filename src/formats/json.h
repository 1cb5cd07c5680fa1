/* json: writes JSON (RFC 8259) onto a dp_text, and reads values of it. One line, no blanks after
 * the last brace.
 *
 * Values follow each other; commas are put where needed. Inside an object every value is preceded
 * by its key. Nesting is the caller's to balance: each begin has its end.
 */
#ifndef DP_FORMATS_JSON_H
#define DP_FORMATS_JSON_H

#include "base/text.h"

void dp_json_begin_object(dp_text *json);
void dp_json_end_object(dp_text *json);
void dp_json_begin_array(dp_text *json);
void dp_json_end_array(dp_text *json);
/* Quotes are escaped, and what a terminal would obey (dp_utf8_is_command); what is not UTF-8
 * becomes U+FFFD, so that all that is written is. */
void dp_json_key(dp_text *json, const char *key);
void dp_json_string(dp_text *json, const char *value);
void dp_json_unsigned(dp_text *json, uint64_t value);
/* Shortest text that reads back as the same double; null where it is not finite. */
void dp_json_real(dp_text *json, double value);
void dp_json_bool(dp_text *json, bool value);

/* Single values out of a JSON text, by their place: the keys on the way, joined by dots:
 * "splits.dev.loss". False where there is no such value, it is of another kind, or the text up to
 * it is not JSON; *value then stays. Arrays are passed over. */
bool dp_json_read_real(const char *json, const char *place, double *value);
bool dp_json_read_unsigned(const char *json, const char *place, uint64_t *value);
/* Only a string without escapes, that fits. */
bool dp_json_read_string(const char *json, const char *place, char *buffer, size_t size);

#endif
