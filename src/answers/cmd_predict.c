#include "answers/answers.h"
#include "answers/token_question.h"
#include "base/memory.h"
#include "cli/checkpoint_argument.h"
#include "formats/json.h"

#include <inttypes.h>
#include <string.h>

static void append_heading(const dptrain_model *model, const uint32_t *context, size_t count,
                           bool json, dp_text *out) {
    if (json) {
        dp_json_key(out, "context");
        dp_json_begin_array(out);
    } else {
        dp_text_append(out, "behind");
    }
    for (size_t i = 0; i < count; i++) {
        const char *token = dptrain_token(model, context[i]);
        if (json) {
            dp_json_string(out, token);
        } else {
            dp_text_append(out, " ");
            dp_text_append_shown(out, token);
        }
    }
    if (json) {
        dp_json_end_array(out);
        dp_json_key(out, "next");
    } else {
        dp_text_append(out, "\n");
    }
}

static dp_status ask(dptrain_model *model, const char *text, bool json, double *probabilities,
                     dp_text *out, dp_error *error) {
    dptrain_error said;
    dptrain_description is;
    uint32_t *context = NULL;
    dptrain_describe(model, &is, sizeof is);
    DP_TRY_NEW(context, is.block_size);
    dp_status status = dp_checkpoint_argument_status(
        dptrain_context(model, text, strlen(text), context, &said), &said, error);
    if (status != DP_OK)
        status = dp_fail_prefix(error, "CONTEXT");
    else
        status = dp_checkpoint_argument_status(dptrain_next(model, context, probabilities, &said),
                                               &said, error);
    if (status == DP_OK)
        append_heading(model, context, is.block_size, json, out);
    dp_memory_free(context);
    return status;
}

static void append_others(const dptrain_model *model, dp_token_rest rest, bool json, dp_text *out) {
    dptrain_description is;
    const double probability = rest.count > 0 && rest.sum > 0.0 ? rest.sum : 0.0;
    if (json) {
        dp_json_key(out, "others");
        dp_json_begin_object(out);
        dp_json_key(out, "count");
        dp_json_unsigned(out, rest.count);
        dp_json_key(out, "probability");
        dp_json_real(out, probability);
        dp_json_end_object(out);
        return;
    }
    dptrain_describe(model, &is, sizeof is);
    if (rest.count > 0)
        dp_text_append_format(out, "%" PRIu64 " others: %.4f\n", rest.count, probability);
    dp_text_append(out, "'");
    dp_text_append_shown(out, dptrain_token(model, DPTRAIN_BOUNDARY));
    dp_text_append_format(out, "' stands for the %s\n",
                          is.stream                      ? "beginning of the text"
                          : strcmp(is.unit, "word") == 0 ? "ends of a line"
                                                         : "ends of a word");
}

static dp_status answer(int count, char **arguments, dp_error *error) {
    static const dp_token_question question = {"CONTEXT", "probability", ask, append_others};
    return dp_token_question_answer(&question, count, arguments, error);
}

const dp_command dp_command_predict = {
    .name = "predict",
    .arguments = "[PATH] CONTEXT",
    .purpose = "what may follow CONTEXT, and how likely it is",
    .details = "CONTEXT is characters, 'emm', or words in quotes, 'this is the'; '' is a\n"
               "beginning. What is shorter than the block size begins with boundaries; of what\n"
               "is longer the end counts. A word that is not in the vocabulary is <unk>, where\n"
               "that is. PATH is as for --ckpt. The last argument is always\n"
               "CONTEXT.\n",
    .options = dp_token_question_options,
    .answer = answer,
};
