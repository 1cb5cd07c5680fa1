#include "cli/help.h"

#include "cli/manual.h"
#include "system/process.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PACKER "pack_dataset"

typedef struct help_options {
    char write_to[DP_PATH_SIZE];
} help_options;

static const dp_option options[] = {
    DP_PATH(help_options, write_to, "write_to", "", "DIR",
            "write man pages and completion below this folder", .flags = DP_OPTION_HIDDEN),
    DP_OPTIONS_END,
};

/* What mpirun is for. */
static void append_jobs(dp_command_list list, dp_text *out) {
    DP_OWNED(dp_text_clear) dp_text words = {0};
    const char *separator = "Under mpirun all ranks work together on ";
    for (size_t i = 0; i < list.count; i++) {
        if ((list.commands[i]->needs & DP_NEEDS_JOB) == 0)
            continue;
        dp_text_append_format(&words, "%s%s", separator, list.commands[i]->name);
        separator = ", ";
    }
    dp_text_append(&words, "; the other commands answer once.");
    dp_text_append_wrapped(out, 0, dp_text_string(&words));
    out->failed = out->failed || words.failed;
}

static void append_overview(dp_command_list list, dp_text *out) {
    dp_text_append(out, "dptrain " DP_VERSION
                        ": data-parallel training of neural probabilistic language models\n\n");
    for (size_t i = 0; i < list.count; i++) {
        dp_text_append_format(out, "  %-9s ", list.commands[i]->name);
        dp_text_append_wrapped(out, 12, list.commands[i]->purpose);
    }
    dp_text_append(
        out, "  help      about a command, pack_dataset, or 'keys': all that a config can say\n"
             "\n'dptrain CONFIG' is 'dptrain train CONFIG'. 'dptrain COMMAND --help' tells "
             "more.\n");
    append_jobs(list, out);
    dp_text_append(out, "\nExit status:\n");
    for (const dp_exit_status *line = dp_exit_statuses; line->status != NULL; line++)
        dp_text_append_format(out, "  %-6s %s\n", line->status, line->meaning);
}

/* Lines, each further in. */
static void append_examples(const char *lines, dp_text *out) {
    dp_text_append(out, "\nExamples:\n");
    for (size_t length = 0; *lines != '\0'; lines += length) {
        length = strcspn(lines, "\n") + 1;
        dp_text_append_format(out, "  %.*s", (int)length, lines);
    }
}

static void append_command(const dp_command *command, dp_text *out) {
    dp_text_append_format(out, "dptrain %s %s\n\n%s.\n%s", command->name, command->arguments,
                          command->purpose, command->details == NULL ? "" : command->details);
    if (command->options->key != NULL)
        dp_text_append(out, "\nOptions:\n");
    dp_options_help(command->options, out);
    const dp_option_table keys = dp_options_keys(command->options);
    if (keys != NULL) {
        dp_text_append(out,
                       "\nKeys of CONFIG, also as section.key=value (see 'dptrain help keys'):\n");
        dp_options_help_sections(keys, out);
    }
    append_examples(command->examples, out);
}

static void append_keys(dp_text *out) {
    dp_text_append(out,
                   "The keys of a config file. 'train.lr' is 'lr = 0.1' below '[train]' there, "
                   "or\ntrain.lr=0.1 on the command line, which counts more. Defaults are in "
                   "brackets.\n\n");
    dp_options_help(dp_config_options, out);
}

void dp_help_append(dp_command_list list, const dp_command *command, dp_text *out) {
    if (command == NULL)
        append_overview(list, out);
    else
        append_command(command, out);
}

static dp_status fail_unknown(dp_command_list list, const char *topic, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text names = {0};
    for (size_t i = 0; i < list.count; i++)
        dp_text_append_format(&names, "%s, ", list.commands[i]->name);
    return dp_fail(error, DP_ERR_INPUT, "no help about '%s', only about: %skeys, pack_dataset",
                   topic, dp_text_string(&names));
}

/* It is a program of its own, which lies beside this one or where programs do. */
static dp_status become_packer(dp_error *error) {
    char path[DP_PATH_SIZE];
    if (!dp_process_find_beside(PACKER, path) && !dp_process_find_program(PACKER, path))
        return dp_fail(error, DP_ERR_IO, PACKER " is neither beside dptrain nor in PATH");
    execl(path, PACKER, "--help", (char *)NULL);
    return dp_fail_errno(error, errno, "cannot start %s", path);
}

dp_status dp_help_answer(dp_command_list list, int count, char **arguments, dp_text *out,
                         dp_error *error) {
    help_options chosen;
    int topics = 0;
    DP_TRY(dp_options_parse_arguments(options, &chosen, count, arguments, &topics, error));
    const dp_command *command = topics == 0 ? NULL : dp_command_find(list, arguments[0]);
    if (chosen.write_to[0] != '\0')
        return dp_manual_write(list, chosen.write_to, error);
    if (topics > 1)
        return dp_fail(error, DP_ERR_INPUT, "one topic at a time, not also '%s'", arguments[1]);
    if (topics == 1 && strcmp(arguments[0], PACKER) == 0)
        return become_packer(error);
    if (topics == 0 || command != NULL)
        dp_help_append(list, command, out);
    else if (strcmp(arguments[0], "keys") == 0)
        append_keys(out);
    else
        return fail_unknown(list, arguments[0], error);
    return DP_OK;
}
