/* option_arguments: the options of a command line. */
#ifndef DP_OPTIONS_OPTION_ARGUMENTS_H
#define DP_OPTIONS_OPTION_ARGUMENTS_H

#include "options/options.h"

/* Parses `--name value`, `--name=value`, `-x value` and switches from arguments[0..count), moves
 * the other arguments to the front and stores their number in *positional_count. "--" ends the
 * options; "-" alone is positional. `--section.key=value` is the positional section.key=value, so
 * that keys of a config can be given either way. */
dp_status dp_options_parse_arguments(dp_option_table table, void *target, int count,
                                     char **arguments, int *positional_count,
                                     dp_error *error) DP_CHECKED;

#endif
