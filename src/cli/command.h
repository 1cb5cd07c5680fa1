/* command: what a subcommand of dptrain is, and what all share.
 *
 * A command parses its own arguments (without the program's and the command's name). `cli/main`
 * prints the message of its status and makes the exit status.
 */
#ifndef DP_CLI_COMMAND_H
#define DP_CLI_COMMAND_H

#include "engine/config.h"
#include "options/option_arguments.h" /* which those with an `answer` call */
#include "parallel/comm.h"

#define DP_NEEDS_JOB 1u       /* ranks: MPI is started */
#define DP_NEEDS_LAUNCH 2u    /* which were started as one job (system/launch) */
#define DP_OUTLIVES_READER 4u /* its work is files, and what it prints is the least */

typedef struct dp_command {
    const char *name;
    const char *arguments;   /* "CONFIG [section.key=value ...] [options]" */
    const char *purpose;     /* one line */
    const char *details;     /* more for --help, or NULL */
    const char *examples;    /* of --help, a line each, with the files of README */
    dp_option_table options; /* which may end before keys that can be assigned */
    unsigned needs;          /* of the flags above: what main has ready for it */
    /* With a job, on all of its ranks, which return the same status. *signal: set to a signal that
     * ended the work early. */
    dp_status (*run)(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error);
    /* Without one, on the first process alone: the others end at once, and well, so that the status
     * of the first is that of all. One of the two is NULL; or with both, this is done where no
     * launcher has started several processes. */
    dp_status (*answer)(int count, char **arguments, dp_error *error);
} dp_command;

/* Collective: what a command with a job begins with, its options and the other arguments
 * (dp_options_parse_arguments). Agreed on. */
dp_status dp_command_parse(dp_comm *comm, dp_option_table table, void *chosen, int count,
                           char **arguments, int *positional_count, dp_error *error) DP_CHECKED;

/* Collective: the config that is meant by CONFIG [section.key=value ...]. Rank 0 reads the file and
 * all get what it found, so that the others need not find it. Agreed on. */
dp_status dp_command_load_config(dp_comm *comm, int count, char *const *positionals,
                                 dp_config *config, dp_error *error) DP_CHECKED;

/* Collective: both, for a command with such arguments. */
dp_status dp_command_parse_config(dp_comm *comm, dp_option_table table, void *chosen, int count,
                                  char **arguments, dp_config *config, dp_error *error) DP_CHECKED;

typedef struct dp_command_list {
    const dp_command *const *commands; /* the first is meant where none is named */
    size_t count;
} dp_command_list;

/* The command of this name, or NULL. */
const dp_command *dp_command_find(dp_command_list list, const char *name);

/* The name of a command that may have been meant by `name`, or NULL. */
const char *dp_command_suggest(dp_command_list list, const char *name);

/* What the exit statuses of dptrain mean (base/status has their names). */
typedef struct dp_exit_status {
    const char *status; /* "5", "128+N"; NULL behind the last */
    const char *meaning;
} dp_exit_status;

extern const dp_exit_status dp_exit_statuses[];

#endif
