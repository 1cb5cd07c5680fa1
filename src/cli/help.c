#include "cli/help.h"

#include "cli/manual.h"
#include "engine/config.h"
#include "options/option_arguments.h"
#include "options/option_help.h"

#include <string.h>

typedef struct help_options {
    char write_to[DP_PATH_SIZE];
} help_options;

static const dp_option options[] = {
    DP_PATH(help_options, write_to, "write_to", "", "DIR",
            "write man pages and completion below this folder", .flags = DP_OPTION_HIDDEN),
};

static const dp_option_table table = {options, sizeof options / sizeof options[0]};

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

bool dp_help_exit_status(size_t i, const char **status, const char **meaning) {
    static const char *const lines[][2] = {
        {"0", "done"},
        {"1", "the answer is no (verify, doctor)"},
        {"2", "bad input: arguments, config, or the content of a file"},
        {"3", "the system refused: missing file, no space, no permission"},
        {"4", "out of memory"},
        {"5", "checkpoint and config, or checkpoint and dataset, do not go together"},
        {"6", "not launched as one job, or MPI failed"},
        {"7", "a rank did not arrive within parallel.deadline"},
        {"8", "the loss is no longer a finite number"},
        {"9", "ranks hold different weights"},
        {"10", "trained, but a file of the run could not be written"},
        {"11", "another run works in the run folder"},
        {"75", "--max_time was over: ended with a checkpoint, the same command goes on"},
        {"128+N", "ended by signal N, with a checkpoint"},
    };
    if (i >= sizeof lines / sizeof lines[0])
        return false;
    *status = lines[i][0];
    *meaning = lines[i][1];
    return true;
}

static void append_overview(dp_command_list list, dp_text *out) {
    const char *status = NULL, *meaning = NULL;
    dp_text_append(out, "dptrain " DP_VERSION
                        ": data-parallel training of neural probabilistic language models\n\n");
    for (size_t i = 0; i < list.count; i++) {
        dp_text_append_format(out, "  %-9s ", list.commands[i]->name);
        dp_text_append_wrapped(out, 12, list.commands[i]->purpose);
    }
    dp_text_append(out,
                   "  help      about a command, or 'keys': everything that a config can say\n"
                   "\n'dptrain CONFIG' is 'dptrain train CONFIG'. 'dptrain COMMAND --help' tells "
                   "more.\nUnder mpirun all ranks work together.\n\nExit status:\n");
    for (size_t i = 0; dp_help_exit_status(i, &status, &meaning); i++)
        dp_text_append_format(out, "  %-6s %s\n", status, meaning);
}

static void append_command(const dp_command *command, dp_text *out) {
    dp_text_append_format(out, "dptrain %s %s\n\n%s.\n%s", command->name, command->arguments,
                          command->purpose, command->details == NULL ? "" : command->details);
    if (command->options().count > 0)
        dp_text_append(out, "\nOptions:\n");
    dp_options_help(command->options(), out);
    if (command->config != NULL) {
        dp_text_append(out,
                       "\nKeys of CONFIG, also as section.key=value (see 'dptrain help keys'):\n");
        dp_options_help_sections(command->config(), out);
    }
}

static void append_keys(dp_text *out) {
    dp_text_append(out,
                   "The keys of a config file. 'train.lr' is 'lr = 0.1' below '[train]' there, "
                   "or\ntrain.lr=0.1 on the command line, which counts more. Defaults are in "
                   "brackets.\n\n");
    dp_options_help(dp_config_table(), out);
}

void dp_help_append(dp_command_list list, const dp_command *command, dp_text *out) {
    if (command == NULL)
        append_overview(list, out);
    else
        append_command(command, out);
}

static dp_status fail_unknown(dp_command_list list, const char *topic, dp_error *error) {
    dp_text names = {0};
    for (size_t i = 0; i < list.count; i++)
        dp_text_append_format(&names, "%s, ", list.commands[i]->name);
    dp_status status = dp_fail(error, DP_ERR_INPUT, "no help about '%s', only about: %skeys", topic,
                               dp_text_string(&names));
    dp_text_clear(&names);
    return status;
}

dp_status dp_help_answer(dp_command_list list, int count, char **arguments, dp_text *out,
                         dp_error *error) {
    dp_status status = DP_OK;
    help_options chosen;
    int topics = 0;
    DP_TRY(dp_options_init(table, &chosen, error));
    DP_TRY(dp_options_parse_arguments(table, &chosen, count, arguments, &topics, error));
    const dp_command *command = topics == 0 ? NULL : dp_command_find(list, arguments[0]);
    if (chosen.write_to[0] != '\0')
        status = dp_manual_write(list, chosen.write_to, error);
    else if (topics > 1)
        status = dp_fail(error, DP_ERR_INPUT, "one topic at a time, not also '%s'", arguments[1]);
    else if (topics == 0 || command != NULL)
        dp_help_append(list, command, out);
    else if (strcmp(arguments[0], "keys") == 0)
        append_keys(out);
    else
        status = fail_unknown(list, arguments[0], error);
    return status;
}
