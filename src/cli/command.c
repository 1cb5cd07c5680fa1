#include "cli/command.h"

#include "options/option_arguments.h"

#include <string.h>

dp_status dp_command_options(dp_option_table table, void *chosen, int count, char **arguments,
                             int *positional_count, dp_error *error) {
    DP_TRY(dp_options_init(table, chosen, error));
    return dp_options_parse_arguments(table, chosen, count, arguments, positional_count, error);
}

dp_status dp_command_parse(dp_comm *comm, dp_option_table table, void *chosen, int count,
                           char **arguments, int *positional_count, dp_error *error) {
    return dp_comm_agree(
        comm, dp_command_options(table, chosen, count, arguments, positional_count, error), error);
}

const dp_command *dp_command_find(dp_command_list list, const char *name) {
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.commands[i]->name, name) == 0)
            return list.commands[i];
    }
    return NULL;
}

const char *dp_command_suggest(dp_command_list list, const char *name) {
    const char *nearest = NULL;
    size_t shortest = strlen(name) / 2 + 1; /* farther off is no help */
    for (size_t i = 0; i < list.count; i++) {
        const size_t distance = dp_text_distance(name, list.commands[i]->name);
        if (distance < shortest) {
            shortest = distance;
            nearest = list.commands[i]->name;
        }
    }
    return nearest;
}
