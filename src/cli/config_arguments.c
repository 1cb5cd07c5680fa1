#include "cli/config_arguments.h"

#include "cli/command.h"

#include <string.h>

static dp_status load(int count, char *const *positionals, dp_config *config, dp_error *error) {
    if (count == 0 || strchr(positionals[0], '=') != NULL)
        return dp_fail(error, DP_ERR_INPUT,
                       "no config file given: dptrain CONFIG [section.key=value ...]");
    return dp_config_load(config, positionals[0], count - 1, positionals + 1, error);
}

dp_status dp_config_arguments_load(dp_comm *comm, int count, char *const *positionals,
                                   dp_config *config, dp_error *error) {
    DP_TRY(DP_ON_ROOT(comm, load(count, positionals, config, error)));
    dp_comm_broadcast(comm, config, sizeof *config);
    return DP_OK;
}

dp_status dp_config_arguments_parse(dp_comm *comm, dp_option_table table, void *chosen, int count,
                                    char **arguments, dp_config *config, dp_error *error) {
    int positional_count = 0;
    DP_TRY(dp_command_parse(comm, table, chosen, count, arguments, &positional_count, error));
    return dp_config_arguments_load(comm, positional_count, arguments, config, error);
}
