/* help: what `--help` and the command `help` print. Needs no job. */
#ifndef DP_CLI_HELP_H
#define DP_CLI_HELP_H

#include "cli/command.h"

typedef struct dp_command_list {
    const dp_command *const *commands; /* the first is meant where none is named */
    size_t count;
} dp_command_list;

/* The command of this name, or NULL. */
const dp_command *dp_command_find(dp_command_list list, const char *name);

/* The name of a command that may have been meant by `name`, or NULL. */
const char *dp_command_suggest(dp_command_list list, const char *name);

/* Appends an overview of all commands, or where `command` is not NULL all about that one. */
void dp_help_append(dp_command_list list, const dp_command *command, dp_text *out);

/* What an exit status means: the i-th, from 0 on; false behind the last. */
bool dp_help_exit_status(size_t i, const char **status, const char **meaning);

/* `dptrain help [TOPIC]`: a command, or "keys" for all keys of a config. Appends the answer. */
dp_status dp_help_answer(dp_command_list list, int count, char **arguments, dp_text *out,
                         dp_error *error) DP_CHECKED;

#endif
