/* config_arguments: the config that a command's user means by CONFIG [section.key=value ...]. */
#ifndef DP_CLI_CONFIG_ARGUMENTS_H
#define DP_CLI_CONFIG_ARGUMENTS_H

#include "engine/config.h"
#include "parallel/comm.h"

/* Collective: the first positional argument is a config file, the others are assignments. Rank 0
 * reads the file and all get what it found, so that the others need not find it. Agreed on. */
dp_status dp_config_arguments_load(dp_comm *comm, int count, char *const *positionals,
                                   dp_config *config, dp_error *error) DP_CHECKED;

/* Collective: what a command with such arguments begins with, its options (dp_command_parse) and
 * its config. */
dp_status dp_config_arguments_parse(dp_comm *comm, dp_option_table table, void *chosen, int count,
                                    char **arguments, dp_config *config,
                                    dp_error *error) DP_CHECKED;

#endif
