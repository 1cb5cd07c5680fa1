#include "cli/command.h"

#include "formats/file_kind.h"
#include "options/nearest.h"

#include <string.h>

const dp_exit_status dp_exit_statuses[] = {
    {"0", "done"},
    {"1", "the answer is no (check, doctor, score, verify)"},
    {"2", "bad input: arguments, config, or the content of a file"},
    {"3", "the system refused: missing file, no space, no permission"},
    {"4", "out of memory"},
    {"5", "a checkpoint is of another config, dataset or numerics contract"},
    {"6", "not launched as one job, or MPI failed"},
    {"7", "a rank did not arrive within parallel.deadline"},
    {"8", "the loss is no longer a finite number"},
    {"9", "ranks hold different weights"},
    {"10", "trained, but a file could not be written, or best.h5 is damaged"},
    {"11", "another run works in the run folder"},
    {"70", "a defect of dptrain: please report the message"},
    {"75", "--max-time was over: ended with a checkpoint, the same command goes on"},
    {"128+N", "ended by signal N, with a checkpoint"},
    {"205", "mpirun's own: a host was lost; the same command goes on"},
    {NULL, NULL},
};

dp_status dp_command_parse(dp_comm *comm, dp_option_table table, void *chosen, int count,
                           char **arguments, int *positional_count, dp_error *error) {
    return dp_comm_agree(
        comm, dp_options_parse_arguments(table, chosen, count, arguments, positional_count, error),
        error);
}

static dp_status load_config(int count, char *const *positionals, dp_config *config,
                             dp_error *error) {
    if (count == 0 || strchr(positionals[0], '=') != NULL)
        return dp_fail(error, DP_ERR_INPUT,
                       "no config file given: dptrain CONFIG [section.key=value ...]");
    DP_TRY(dp_file_kind_expect(positionals[0], DP_FILE_CONFIG, error));
    return dp_config_load(config, positionals[0], count - 1, positionals + 1, error);
}

dp_status dp_command_load_config(dp_comm *comm, int count, char *const *positionals,
                                 dp_config *config, dp_error *error) {
    DP_TRY(DP_ON_ROOT(comm, load_config(count, positionals, config, error)));
    dp_comm_broadcast(comm, config, sizeof *config);
    return DP_OK;
}

dp_status dp_command_parse_config(dp_comm *comm, dp_option_table table, void *chosen, int count,
                                  char **arguments, dp_config *config, dp_error *error) {
    int positional_count = 0;
    DP_TRY(dp_command_parse(comm, table, chosen, count, arguments, &positional_count, error));
    return dp_command_load_config(comm, positional_count, arguments, config, error);
}

const dp_command *dp_command_find(dp_command_list list, const char *name) {
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.commands[i]->name, name) == 0)
            return list.commands[i];
    }
    return NULL;
}

const char *dp_command_suggest(dp_command_list list, const char *name) {
    dp_nearest nearest = {.given = name};
    for (size_t i = 0; i < list.count; i++)
        dp_nearest_offer(&nearest, list.commands[i]->name);
    return nearest.count == 0 ? NULL : nearest.names[0];
}
