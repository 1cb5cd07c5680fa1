/* ini: texts of "[section]" and "name = value" lines, read by libinih.
 *
 * Lines hold at most 198 bytes; an indented line continues the value above it, without a blank
 * between. Comments begin with ; or # on a line of their own, or with a blank and ; behind a value.
 * What the names mean is decided by the reader (`options/options`, `sweep/sweep_plan`).
 */
#ifndef DP_FORMATS_INI_H
#define DP_FORMATS_INI_H

#include "base/status.h"

#include <stddef.h>

/* One value with all its lines; the strings are valid while it is taken. */
typedef struct dp_ini_entry {
    const char *section; /* "" before the first */
    const char *name;
    const char *value; /* without blanks around it */
    size_t line;       /* on which it begins, from 1 */
} dp_ini_entry;

typedef dp_status dp_ini_take(void *context, const dp_ini_entry *entry, dp_error *error);

/* Passes the entries to `take` in their order and stops at the first that it refuses; the message
 * then gets "name:line: " in front, `name` being how messages call the text. DP_ERR_INPUT for
 * lines that are neither section nor value, and for what is no text. */
dp_status dp_ini_read(const char *text, size_t size, const char *name, dp_ini_take *take,
                      void *context, dp_error *error) DP_CHECKED;

#endif
