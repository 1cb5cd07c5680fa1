#include "cli/command.h"

#include "options/option_arguments.h"

dp_status dp_command_parse(dp_comm *comm, dp_option_table table, void *chosen, int count,
                           char **arguments, int *positional_count, dp_error *error) {
    dp_status status = dp_options_init(table, chosen, error);
    if (status == DP_OK)
        status =
            dp_options_parse_arguments(table, chosen, count, arguments, positional_count, error);
    return dp_comm_agree(comm, status, error);
}
