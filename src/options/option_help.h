/* option_help: what `--help` says of a table of options. */
#ifndef DP_OPTIONS_OPTION_HELP_H
#define DP_OPTIONS_OPTION_HELP_H

#include "options/options.h"

/* Appends one line an option: with dashes where the key has no section. */
void dp_options_help(dp_option_table table, dp_text *out);

/* Appends one line a section: its keys with their defaults. */
void dp_options_help_sections(dp_option_table table, dp_text *out);

#endif
