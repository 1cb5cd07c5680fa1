/* json_reader: single values out of a JSON text (RFC 8259), by their place.
 *
 * A place is the keys on the way, joined by dots: "splits.dev.loss". False where there is no such
 * value, it is of another kind, or the text up to it is not JSON; *value then stays. Arrays are
 * passed over.
 */
#ifndef DP_FORMATS_JSON_READER_H
#define DP_FORMATS_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool dp_json_read_real(const char *json, const char *place, double *value);
bool dp_json_read_unsigned(const char *json, const char *place, uint64_t *value);
/* Only a string without escapes, that fits. */
bool dp_json_read_string(const char *json, const char *place, char *buffer, size_t size);

#endif
