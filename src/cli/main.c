/* dptrain: finds the command, joins the job where it needs one, runs it, and makes the exit
 * status. */
#include "answers/answers.h"
#include "cli/help.h"
#include "cli/launch.h"
#include "jobs/jobs.h"
#include "kernels/linalg.h"
#include "system/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const dp_command *const commands[] = {
    &dp_command_train,  &dp_command_eval,   &dp_command_sample,  &dp_command_info,
    &dp_command_bench,  &dp_command_verify, &dp_command_nearest, &dp_command_predict,
    &dp_command_doctor, &dp_command_sweep,  &dp_command_lrfind,  &dp_command_plot,
    &dp_command_report,
};
static const dp_command_list list = {commands, sizeof commands / sizeof commands[0]};

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

/* --help, --version and the command help, which need no job: whether that is what is asked. */
static bool is_question(int count, char **arguments) {
    return (count > 0 && strcmp(arguments[0], "help") == 0) ||
           asks(count, arguments, "--help", "-h") || asks(count, arguments, "--version", "-V");
}

static dp_status answer(const dp_command *command, int count, char **arguments, dp_text *out,
                        dp_error *error) {
    if (asks(count, arguments, "--help", "-h"))
        dp_help_append(list, command, out);
    else if (asks(count, arguments, "--version", "-V"))
        dp_text_append(out, "dptrain " DP_VERSION "\n");
    else
        return dp_help_answer(list, count - 1, arguments + 1, out, error);
    return DP_OK;
}

static int answer_question(const dp_command *command, int count, char **arguments) {
    dp_error error = {0};
    dp_text out = {0};
    dp_status status = answer(command, count, arguments, &out, &error);
    printf("%s", dp_text_string(&out));
    dp_text_clear(&out);
    if (status == DP_OK)
        status = finish_output(&error);
    if (status != DP_OK)
        fprintf(stderr, "dptrain: %s\n", error.message);
    return (int)status;
}

static dp_status run_with_job(const dp_command *command, dp_comm *comm, int count, char **arguments,
                              int *signal, dp_error *error) {
    if ((command->needs & DP_NEEDS_LAUNCH) != 0)
        DP_TRY(dp_launch_check(dp_comm_size(comm), error));
    return command->run(comm, count, arguments, signal, error);
}

static int run_command(const dp_command *command, int count, char **arguments) {
    dp_error error = {0}, later = {0};
    dp_comm *comm = NULL;
    dp_status status = DP_OK;
    int signal = 0;
    const bool has_job = (command->needs & DP_NEEDS_JOB) != 0;
    if ((command->needs & DP_NEEDS_BLAS) != 0)
        dp_linalg_init();
    if (has_job)
        status = dp_comm_create(&comm, &error);
    if (status == DP_OK)
        status = has_job ? run_with_job(command, comm, count, arguments, &signal, &error)
                         : command->answer(count, arguments, &error);
    const bool has_answer = status == DP_OK || status == DP_ANSWER_NO;
    dp_status output = finish_output(has_answer ? &error : &later);
    if (has_answer && output != DP_OK)
        status = output;
    if (status != DP_OK && error.message[0] != '\0')
        fprintf(stderr, "dptrain: %s\n", error.message);
    dp_comm_destroy(comm);
    return status == DP_OK && signal != 0 ? 128 + signal : (int)status;
}

/* Whether this can only be meant as a command, as there is no config of this name. */
static bool is_word(const char *argument) {
    return argument[0] != '-' && strpbrk(argument, "./=") == NULL && !dp_file_exists(argument);
}

/* In one piece, as what mpirun says of the status comes between two. `word` is NULL where there is
 * none. */
static int fail_unknown_command(const char *word) {
    const char *nearest = word == NULL ? NULL : dp_command_suggest(list, word);
    if (word == NULL)
        fprintf(stderr, "dptrain: no command and no config file given (see dptrain --help)\n");
    else if (nearest == NULL)
        fprintf(stderr,
                "dptrain: '%s' is neither a command nor a config file (see dptrain --help)\n",
                word);
    else
        fprintf(
            stderr,
            "dptrain: '%s' is neither a command nor a config file: did you mean 'dptrain %s'?\n",
            word, nearest);
    return DP_ERR_INPUT;
}

/* What needs no job, the first process does. The others of a launcher end well at once, so that its
 * status is that of all: one that failed would end the first before it has said why. */
int main(int argc, char **argv) {
    const dp_command *command = argc > 1 ? dp_command_find(list, argv[1]) : NULL;
    const int skipped = command == NULL ? 1 : 2;
    const bool asks_for_help = is_question(argc - 1, argv + 1);
    const bool is_unknown = command == NULL && (argc == 1 || is_word(argv[1]));
    if (command == NULL)
        command = &dp_command_train;
    const bool has_job = !asks_for_help && !is_unknown && (command->needs & DP_NEEDS_JOB) != 0;
    if (!has_job && !dp_launch_is_first())
        return DP_OK;
    if (asks_for_help)
        return answer_question(skipped == 1 ? NULL : command, argc - 1, argv + 1);
    if (is_unknown)
        return fail_unknown_command(argc == 1 ? NULL : argv[1]);
    return run_command(command, argc - skipped, argv + skipped);
}
