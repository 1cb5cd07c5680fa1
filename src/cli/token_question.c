#include "cli/token_question.h"

#include "adapters/linalg.h"
#include "cli/checkpoint_argument.h"
#include "cli/command.h"

#include <stdio.h>

typedef struct question_options {
    char ckpt[DP_PATH_SIZE];
    uint64_t count;
} question_options;

static const dp_option options[] = {
    {.key = "ckpt",
     .type = DP_OPTION_TEXT,
     .offset = offsetof(question_options, ckpt),
     .initial = "",
     .unit = "PATH",
     .help = "checkpoint, or run folder (its best); none: the newest run"},
    {.key = "count",
     .alias = 'n',
     .type = DP_OPTION_UNSIGNED,
     .offset = offsetof(question_options, count),
     .initial = "10",
     .minimum = 1,
     .maximum = 1e9,
     .unit = "N",
     .help = "tokens to show"},
};

dp_option_table dp_token_question_options(void) {
    return (dp_option_table){.options = options, .count = sizeof options / sizeof options[0]};
}

dp_status dp_token_question_run(dp_comm *comm, int count, char **arguments, const char *what,
                                dp_token_answer *answer, dp_error *error) {
    dp_status status = DP_OK;
    question_options chosen;
    dp_checkpoint checkpoint = {0};
    dp_text out = {0};
    char path[DP_PATH_SIZE];
    const char *text = NULL;
    int positionals = 0;
    DP_TRY(dp_command_parse(comm, dp_token_question_options(), &chosen, count, arguments,
                            &positionals, error));
    status =
        dp_checkpoint_argument_take_last(chosen.ckpt, &positionals, arguments, what, &text, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    dp_linalg_init();
    DP_TRY(dp_checkpoint_argument_load(comm, chosen.ckpt, positionals, arguments, &checkpoint, path,
                                       error));
    if (dp_comm_rank(comm) == 0)
        status = answer(&checkpoint, path, text, chosen.count, &out, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    printf("%s", dp_text_string(&out));
done:
    dp_text_clear(&out);
    dp_checkpoint_clear(&checkpoint);
    return status;
}
