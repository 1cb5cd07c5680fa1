#include "answers/answers.h"
#include "answers/token_question.h"
#include "cli/checkpoint_argument.h"
#include "formats/json.h"

#include <math.h>
#include <string.h>

static dp_status ask(dptrain_model *model, const char *text, double *cosines, dp_facts *facts,
                     dp_error *error) {
    dptrain_error said;
    uint32_t id = 0;
    if (dp_checkpoint_argument_status(dptrain_find(model, text, strlen(text), &id, &said), &said,
                                      error) != DP_OK)
        return dp_fail_prefix(error, "TOKEN");
    DP_TRY(
        dp_checkpoint_argument_status(dptrain_similarity(model, id, cosines, &said), &said, error));
    cosines[id] = NAN; /* itself is no news */
    dp_facts_text(facts, "token", text);
    dp_json_key(&facts->json, "nearest");
    return DP_OK;
}

static dp_status answer(int count, char **arguments, dp_error *error) {
    static const dp_token_question question = {
        .what = "TOKEN",
        .score_name = "cosine",
        .form = "{path}: step {step:,}, nearest to '{token}'\n{table}",
        .ask = ask,
    };
    return dp_token_question_answer(&question, count, arguments, error);
}

const dp_command dp_command_nearest = {
    .name = "nearest",
    .arguments = "[PATH] TOKEN",
    .purpose = "the tokens whose embeddings are closest to that of TOKEN",
    .details = "Closest by the cosine of the rows of C: 1 in the same direction, 0 at right\n"
               "angles. PATH is as for --ckpt. The last argument is always TOKEN; or with --from\n"
               "each line of a file is one, and a line answers it: the token, those that are\n"
               "nearest and their cosines, with tabs between, or with --json an object.\n",
    .examples = "dptrain nearest runs/base e\n",
    .options = dp_token_question_options,
    .answer = answer,
};
