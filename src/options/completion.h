/* completion: writes scripts by which bash, zsh and fish complete a program's commands, options,
 * config keys and their choices, all from the option tables.
 */
#ifndef DP_OPTIONS_COMPLETION_H
#define DP_OPTIONS_COMPLETION_H

#include "options/options.h"

typedef struct dp_completion_command {
    const char *name; /* "" for a program without commands */
    const char *purpose;
    dp_option_table options; /* which may end before keys, assigned behind a config file */
    const char *words;       /* what an argument may be, "one two"; NULL: a file */
} dp_completion_command;

/* Writes the scripts to where the shells look below `folder`, such as /usr/share: bash-completion/
 * completions, zsh/site-functions, fish/vendor_completions.d. The first of the commands is the one
 * that is meant where none is named. */
dp_status dp_completion_save(const char *program, const dp_completion_command *commands,
                             size_t count, const char *folder, dp_error *error) DP_CHECKED;

#endif
