/* dptrain: finds the command, joins the job where it needs one, runs it, and makes the exit
 * status. */
#include "answers/answers.h"
#include "cli/help.h"
#include "engine/build_info.h"
#include "jobs/jobs.h"
#include "system/file.h"
#include "system/launch.h"
#include "system/output.h"

#include <stdio.h>
#include <string.h>

static const dp_command *const commands[] = {
    &dp_command_train,  &dp_command_eval,   &dp_command_sample,  &dp_command_info,
    &dp_command_bench,  &dp_command_verify, &dp_command_nearest, &dp_command_predict,
    &dp_command_doctor, &dp_command_sweep,  &dp_command_lrfind,  &dp_command_plot,
    &dp_command_report, &dp_command_check,  &dp_command_score,
};
static const dp_command_list list = {commands, sizeof commands / sizeof commands[0]};

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

static dp_status answer_question(int count, char **arguments, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text out = {0};
    if (asks(count, arguments, "--help", "-h"))
        dp_help_append(list, dp_command_find(list, arguments[0]), &out);
    else if (asks(count, arguments, "--version", "-V"))
        dp_text_append_format(&out, "%s\n", dp_build_info_program());
    else
        DP_TRY(dp_help_answer(list, count - 1, arguments + 1, &out, error));
    DP_TRY(dp_text_check(&out, error));
    printf("%s", dp_text_string(&out));
    return DP_OK;
}

/* Whether this can only be meant as a command, as there is no config of this name. */
static bool is_word(const char *argument) {
    return argument[0] != '-' && strpbrk(argument, "./=") == NULL && !dp_file_exists(argument);
}

static dp_status refuse(int count, char **arguments, dp_error *error) {
    if (count == 0)
        return dp_fail(error, DP_ERR_INPUT,
                       "no command and no config file given (see dptrain --help)");
    const char *word = arguments[0], *nearest = dp_command_suggest(list, word);
    if (nearest == NULL && strncmp(word, "pack", 4) == 0)
        return dp_fail(error, DP_ERR_INPUT,
                       "'%s': packing is a program of its own: pack_dataset TEXT", word);
    if (nearest == NULL)
        return dp_fail(error, DP_ERR_INPUT,
                       "'%s' is neither a command nor a config file (see dptrain --help)", word);
    return dp_fail(error, DP_ERR_INPUT,
                   "'%s' is neither a command nor a config file: did you mean 'dptrain %s'?", word,
                   nearest);
}

static dp_status run_with_job(const dp_command *command, dp_comm *comm, int count, char **arguments,
                              int *signal, dp_error *error) {
    if ((command->needs & DP_NEEDS_LAUNCH) != 0)
        DP_TRY(dp_launch_check(dp_comm_size(comm), error));
    return command->run(comm, count, arguments, signal, error);
}

/* What needs no job, or could have one and was started alone, the first process does. The others of
 * a launcher end well at once, so that its status is that of all: one that failed would end the
 * first before it has said why. */
static int run_command(const dp_command *command, int count, char **arguments) {
    dp_error error = {0}, later = {0};
    dp_comm *comm = NULL;
    dp_status status = DP_OK;
    int signal = 0;
    const bool has_job =
        (command->needs & DP_NEEDS_JOB) != 0 && (command->answer == NULL || dp_launch_is_shared());
    if (!has_job && !dp_launch_is_first())
        return DP_OK;
    if ((command->needs & DP_OUTLIVES_READER) != 0)
        dp_output_outlive_reader("dptrain");
    if (has_job)
        status = dp_comm_create(&comm, &error);
    if (status == DP_OK)
        status = has_job ? run_with_job(command, comm, count, arguments, &signal, &error)
                         : command->answer(count, arguments, &error);
    const bool has_answer = status == DP_OK || status == DP_ANSWER_NO;
    dp_status output = dp_output_finish(has_answer ? &error : &later);
    if (has_answer && output != DP_OK)
        status = output;
    if (status != DP_OK && error.message[0] != '\0')
        fprintf(stderr, "dptrain: %s\n", error.message);
    dp_comm_destroy(comm);
    dp_comm_leave();
    return status == DP_OK && signal != 0 ? 128 + signal : (int)status;
}

int main(int argc, char **argv) {
    static const dp_command question = {.answer = answer_question}, unknown = {.answer = refuse};
    dp_output_begin();
    const int count = argc > 0 ? argc - 1 : 0;
    char **arguments = argv + 1;
    const dp_command *command = count > 0 ? dp_command_find(list, arguments[0]) : NULL;
    if (is_question(count, arguments))
        return run_command(&question, count, arguments);
    if (count == 0 || (command == NULL && is_word(arguments[0])))
        return run_command(&unknown, count, arguments);
    return command == NULL ? run_command(&dp_command_train, count, arguments)
                           : run_command(command, count - 1, arguments + 1);
}
