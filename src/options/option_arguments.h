/* option_arguments: the options of a command line, and what `--help` says of them. */
#ifndef DP_OPTIONS_OPTION_ARGUMENTS_H
#define DP_OPTIONS_OPTION_ARGUMENTS_H

#include "options/options.h"

/* Sets the defaults, then parses `--name value`, `--name=value`, `-x value`, `-xvalue` and switches
 * from arguments[0..count), moves the other arguments to the front and stores their number in
 * *positional_count. "--" ends the options; "-" alone is positional. `--section.key=value` is the
 * positional section.key=value where the table ends before keys, so that keys of a config can be
 * given either way. */
dp_status dp_options_parse_arguments(dp_option_table table, void *target, int count,
                                     char **arguments, int *positional_count,
                                     dp_error *error) DP_CHECKED;

/* Appends one line an option: with dashes where the key has no section. */
void dp_options_help(dp_option_table table, dp_text *out);

/* Appends one line an option: its name and its value, in two columns. */
void dp_options_show(dp_option_table table, const void *target, dp_text *out);

/* Appends one line a section: its keys with their defaults. */
void dp_options_help_sections(dp_option_table table, dp_text *out);

#endif
