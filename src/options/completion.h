/* completion: writes a script by which bash completes a program's commands, options, config keys
 * and their choices, all from the option tables.
 */
#ifndef DP_OPTIONS_COMPLETION_H
#define DP_OPTIONS_COMPLETION_H

#include "options/options.h"

typedef struct dp_completion_command {
    const char *name;        /* "" for a program without commands */
    dp_option_table options; /* which may end before keys, assigned behind a config file */
    const char *words;       /* what an argument may be, "one two"; NULL: a file */
} dp_completion_command;

/* The first of the commands is the one that is meant where none is named. */
void dp_completion_write(const char *program, const dp_completion_command *commands, size_t count,
                         dp_text *script);
#define DP_COMPLETION_FOLDER "bash-completion/completions" /* of dp_roff_save */

#endif
