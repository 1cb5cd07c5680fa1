/* ini: texts of "[section]" and "name = value" lines.
 *
 *     ; a comment, as is a line that begins with #
 *     [train]
 *     lr = 0.1                     # a blank and ; or # begin one behind a value
 *     lr_milestones = 100,
 *         200                      ; "100,200": a line further in goes on with the value above it,
 *       steps = 300                ; unless it is a value or a section itself
 *     [data]
 *     path = " ;names.h5"
 *
 * Between quotes, of which one begins and one ends a value, everything is part of it, and no
 * comment can follow. Lines have any length and end with LF, CRLF or CR; ':' does for '='. What the
 * names mean is decided by the reader (`options/option_file`, `sweep/sweep_plan`).
 */
#ifndef DP_FORMATS_INI_H
#define DP_FORMATS_INI_H

#include "base/text.h"

/* One value with all its lines, or the head of a section, so that one of no values is seen too; the
 * strings are valid while it is taken. */
typedef struct dp_ini_entry {
    const char *section; /* "" before the first */
    const char *name;    /* NULL, as is the value, where the section begins */
    const char *value;
    size_t line; /* on which it begins, from 1 */
} dp_ini_entry;

typedef dp_status dp_ini_take(void *context, const dp_ini_entry *entry, dp_error *error);

/* Passes the entries to `take` in their order and stops at the first that it refuses; the message
 * then gets "name:line: " in front, `name` being how messages call the text. DP_ERR_INPUT for
 * lines that are neither section nor value, and for what is no text. */
dp_status dp_ini_read(const char *text, size_t size, const char *name, dp_ini_take *take,
                      void *context, dp_error *error) DP_CHECKED;

/* Whether a value can be written: it has neither line ends nor control characters. */
bool dp_ini_can_hold(const char *value);

/* Appends the line "name = value", with quotes where it would not read back without. */
void dp_ini_write(const char *name, const char *value, dp_text *out);

#endif
