/* option_file: the values of a table as a config file, and as JSON. */
#ifndef DP_OPTIONS_OPTION_FILE_H
#define DP_OPTIONS_OPTION_FILE_H

#include "formats/ini.h"
#include "options/options.h"

/* Reads the text (formats/ini); `name` is how messages call it. A key given twice is an error. */
dp_status dp_options_read_ini(dp_option_table table, void *target, const char *text, size_t size,
                              const char *name, dp_error *error) DP_CHECKED;

/* Takes one value of such a text, or refuses a section that the table does not have. `given_on` has
 * a number for each option of the table, the line on which it was given, at first 0. */
dp_status dp_options_take_ini(dp_option_table table, void *target, size_t *given_on,
                              const dp_ini_entry *entry, dp_error *error) DP_CHECKED;

/* Appends all values in the form that dp_options_read_ini reads, sections in table order. */
void dp_options_write_ini(dp_option_table table, const void *target, dp_text *out);

/* Appends all values as a JSON object with an object a section; lists are arrays. */
void dp_options_write_json(dp_option_table table, const void *target, dp_text *json);

#endif
