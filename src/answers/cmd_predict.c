#include "answers/answers.h"
#include "answers/token_question.h"
#include "base/memory.h"
#include "cli/checkpoint_argument.h"
#include "formats/json.h"
#include "predict_txt.h"

#include <string.h>

static void add_context(const dptrain_model *model, const uint32_t *context, size_t count,
                        dp_facts *facts) {
    DP_OWNED(dp_text_clear) dp_text shown = {0};
    dp_json_key(&facts->json, "context");
    dp_json_begin_array(&facts->json);
    for (size_t i = 0; i < count; i++) {
        const char *token = dptrain_token(model, context[i]);
        dp_json_string(&facts->json, token);
        dp_text_append(&shown, " ");
        dp_text_append_shown(&shown, token);
    }
    dp_json_end_array(&facts->json);
    dp_facts_note_text(facts, "behind", &shown);
}

/* How many of its words the model does not know, which it takes for <unk>. */
static void add_unknown(const dptrain_model *model, const char *text, dp_facts *facts) {
    size_t unknown = 0;
    const size_t count = dptrain_encode(model, text, strlen(text), NULL, 0, &unknown);
    dp_facts_unsigned(facts, "unknown", unknown);
    if (unknown > 0)
        dp_facts_note(facts, "lacking", "%zu of %zu words", unknown, count);
}

static dp_status ask(dptrain_model *model, const char *text, double *probabilities, dp_facts *facts,
                     dp_error *error) {
    dptrain_error said;
    dptrain_description is;
    DP_OWNED(dp_memory_release) uint32_t *context = NULL;
    dptrain_describe(model, &is, sizeof is);
    DP_TRY_NEW(context, is.block_size);
    if (dp_checkpoint_argument_status(dptrain_context(model, text, strlen(text), context, &said),
                                      &said, error) != DP_OK)
        return dp_fail_prefix(error, "CONTEXT");
    DP_TRY(dp_checkpoint_argument_status(dptrain_next(model, context, probabilities, &said), &said,
                                         error));
    add_unknown(model, text, facts);
    add_context(model, context, is.block_size, facts);
    dp_json_key(&facts->json, "next");
    return DP_OK;
}

static void add_others(const dptrain_model *model, size_t others, double rest, dp_facts *facts) {
    DP_OWNED(dp_text_clear) dp_text boundary = {0};
    dptrain_description is;
    dptrain_describe(model, &is, sizeof is);
    dp_facts_begin(facts, "others");
    dp_facts_unsigned(facts, "count", others);
    dp_facts_real(facts, "probability", others > 0 && rest > 0.0 ? rest : 0.0);
    dp_facts_end(facts);
    if (others > 0)
        dp_facts_note(facts, "rest", "%zu", others);
    dp_text_append_shown(&boundary, dptrain_token(model, DPTRAIN_BOUNDARY));
    dp_facts_note_text(facts, "boundary", &boundary);
    dp_facts_note(facts, "place", "%s",
                  is.stream                      ? "beginning of the text"
                  : strcmp(is.unit, "word") == 0 ? "ends of a line"
                                                 : "ends of a word");
}

static dp_status answer(int count, char **arguments, dp_error *error) {
    static const dp_token_question question = {
        .what = "CONTEXT",
        .score_name = "probability",
        .form = "{path}:[ step {step:,},] behind{behind}\n"
                "[{lacking} are not in the vocabulary: <unk>\n]"
                "{table}"
                "[{rest} others: {others.probability:.4f}\n]"
                "'{boundary}' stands for the {place}\n",
        .ask = ask,
        .end = add_others,
    };
    return dp_token_question_answer(&question, count, arguments, error);
}

const dp_command dp_command_predict = {
    .name = "predict",
    .arguments = "[PATH] CONTEXT",
    .purpose = "what may follow CONTEXT, and how likely it is",
    .details = predict_txt,
    .examples = "dptrain predict runs/base em\n"
                "dptrain predict runs/base em -n 3 --json\n"
                "printf 'em\\nol\\n' | dptrain predict runs/base --from - -n 3\n",
    .options = dp_token_question_options,
    .answer = answer,
};
