#include "cli/token_question.h"

#include "base/digest.h"
#include "cli/checkpoint_argument.h"
#include "cli/command.h"
#include "formats/json.h"
#include "kernels/linalg.h"

#include <stdio.h>

typedef struct question_options {
    char ckpt[DP_PATH_SIZE];
    uint64_t count;
    bool json;
} question_options;

const dp_option dp_token_question_options[] = {
    DP_CHECKPOINT_OPTION(question_options),
    DP_UNSIGNED(question_options, count, "count", "10", 1, 1e9, "N", "tokens to show",
                .alias = 'n'),
    DP_SWITCH(question_options, json, "json", "print one JSON object"),
    DP_OPTIONS_END,
};

/* Appends what both forms of an answer begin with, and the answer. */
static dp_status reply(const dp_checkpoint *checkpoint, const char *path, const char *text,
                       const question_options *chosen, dp_token_answer *answer, dp_text *out,
                       dp_error *error) {
    char hash[DP_HASH_TEXT_SIZE], step[32];
    if (!chosen->json) {
        dp_text_append_format(out, "%s: step %s, ", path,
                              dp_text_format_count(checkpoint->progress.step, step));
        return answer(checkpoint, text, chosen->count, false, out, error);
    }
    dp_json_begin_object(out);
    dp_json_key(out, "path");
    dp_json_string(out, path);
    dp_json_key(out, "step");
    dp_json_unsigned(out, checkpoint->progress.step);
    dp_json_key(out, "weights");
    dp_json_string(out, dp_hash_format(checkpoint->weights_hash, hash));
    dp_status status = answer(checkpoint, text, chosen->count, true, out, error);
    dp_json_end_object(out);
    dp_text_append(out, "\n");
    return status == DP_OK ? dp_text_check(out, error) : status;
}

dp_status dp_token_question_run(dp_comm *comm, int count, char **arguments, const char *what,
                                dp_token_answer *answer, dp_error *error) {
    dp_status status = DP_OK;
    question_options chosen;
    DP_OWNED(dp_checkpoint_clear) dp_checkpoint checkpoint = {0};
    DP_OWNED(dp_text_clear) dp_text out = {0};
    char path[DP_PATH_SIZE];
    const char *text = NULL;
    int positionals = 0;
    DP_TRY(dp_command_parse(comm, dp_token_question_options, &chosen, count, arguments,
                            &positionals, error));
    status =
        dp_checkpoint_argument_take_last(chosen.ckpt, &positionals, arguments, what, &text, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    dp_linalg_init();
    DP_TRY(dp_checkpoint_argument_load(comm, chosen.ckpt, positionals, arguments, &checkpoint, path,
                                       error));
    if (dp_comm_rank(comm) == 0)
        status = reply(&checkpoint, path, text, &chosen, answer, &out, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    printf("%s", dp_text_string(&out));
    return status;
}
