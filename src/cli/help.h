/* help: what `--help` and the command `help` print. Needs no job. */
#ifndef DP_CLI_HELP_H
#define DP_CLI_HELP_H

#include "cli/command.h"

/* Appends an overview of all commands, or where `command` is not NULL all about that one. */
void dp_help_append(dp_command_list list, const dp_command *command, dp_text *out);

/* `dptrain help [TOPIC]`: a command, or "keys" for all keys of a config. Appends the answer. */
dp_status dp_help_answer(dp_command_list list, int count, char **arguments, dp_text *out,
                         dp_error *error) DP_CHECKED;

#endif
