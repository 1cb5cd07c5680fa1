/* dptrain: finds the command, joins the job, runs it, and makes the exit status. */
#include "cli/command.h"
#include "cli/launch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const dp_command *const commands[] = {
    &dp_command_train, &dp_command_eval, &dp_command_sample, &dp_command_info,
    &dp_command_bench, &dp_command_plot, &dp_command_report};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static const dp_command *find_command(const char *name) {
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static void append_overview(dp_text *out) {
    dp_text_append(out, "dptrain " DP_VERSION
                        ": data-parallel training of neural probabilistic language models\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        dp_text_append_format(out, "  dptrain %s %s\n      %s\n", commands[i]->name,
                              commands[i]->arguments, commands[i]->purpose);
    dp_text_append(out, "\n"
                        "The word 'train' may be left out; 'dptrain COMMAND --help' tells more.\n"
                        "Under mpirun all ranks work together.\n\n"
                        "Exit status: 0 done, 2 bad input, 3 input/output, 4 out of memory,\n"
                        "5 checkpoint and config do not go together, 6 launch, 7 deadline,\n"
                        "8 diverged, 9 ranks differ, 128 + signal.\n");
}

static void append_command_help(const dp_command *command, dp_text *out) {
    dp_text_append_format(out, "dptrain %s %s\n\n%s.\n%s", command->name, command->arguments,
                          command->purpose, command->details == NULL ? "" : command->details);
    dp_text_append(out, "\nOptions:\n");
    dp_options_help(command->options(), out);
    if (command->config != NULL) {
        dp_text_append(out, "\nKeys of CONFIG, also as section.key=value behind it:\n");
        dp_options_help(command->config(), out);
    }
}

/* What was printed must have arrived; standard output is only sure of it once it is flushed. */
static dp_status finish_output(dp_error *error) {
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return DP_OK;
    return dp_fail_errno(error, errno, "cannot write the output");
}

static bool asks(int count, char **arguments, const char *name, const char *alias) {
    for (int i = 0; i < count && strcmp(arguments[i], "--") != 0; i++) {
        if (strcmp(arguments[i], name) == 0 || strcmp(arguments[i], alias) == 0)
            return true;
    }
    return false;
}

/* --help and --version, which need no job. Returns whether that was all. */
static bool answer_question(const dp_command *command, int count, char **arguments) {
    bool help = asks(count, arguments, "--help", "-h");
    if (!help && !asks(count, arguments, "--version", "-V"))
        return false;
    dp_text out = {0};
    if (!help)
        dp_text_append(&out, "dptrain " DP_VERSION "\n");
    else if (command == NULL)
        append_overview(&out);
    else
        append_command_help(command, &out);
    if (dp_launch_is_first())
        printf("%s", dp_text_string(&out));
    dp_text_clear(&out);
    return true;
}

static int end_answer(void) {
    dp_error error;
    dp_status status = finish_output(&error);
    if (status != DP_OK)
        fprintf(stderr, "dptrain: %s\n", error.message);
    return (int)status;
}

static int run_command(const dp_command *command, int count, char **arguments) {
    dp_error error = {0}, later = {0};
    dp_comm *comm = NULL;
    int signal = 0;
    dp_status status = dp_comm_create(&comm, &error);
    if (status == DP_OK)
        status = dp_launch_check(dp_comm_size(comm), &error);
    if (status == DP_OK)
        status = command->run(comm, count, arguments, &signal, &error);
    dp_status output = finish_output(status == DP_OK ? &error : &later);
    if (status == DP_OK)
        status = output;
    if (status != DP_OK && error.message[0] != '\0')
        fprintf(stderr, "dptrain: %s\n", error.message);
    dp_comm_destroy(comm);
    return status == DP_OK && signal != 0 ? 128 + signal : (int)status;
}

int main(int argc, char **argv) {
    const dp_command *command = argc > 1 ? find_command(argv[1]) : NULL;
    int skipped = command == NULL ? 1 : 2;
    if (answer_question(command, argc - 1, argv + 1))
        return end_answer();
    if (argc == 1) {
        if (dp_launch_is_first())
            fprintf(stderr, "dptrain: no command and no config file given (see dptrain --help)\n");
        return DP_ERR_INPUT;
    }
    return run_command(command == NULL ? &dp_command_train : command, argc - skipped,
                       argv + skipped);
}
