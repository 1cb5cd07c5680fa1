#include "base/memory.h"
#include "cli/command.h"
#include "cli/token_question.h"
#include "cli/token_table.h"
#include "data/context.h"
#include "formats/json.h"
#include "model/generate.h"
#include "model/model.h"

#include <inttypes.h>
#include <string.h>

static void append_shown(dp_text *out, const char *before, const char *token) {
    dp_text_append(out, before);
    dp_text_append_shown(out, token);
}

static void append_heading(const dp_checkpoint *checkpoint, const uint32_t *context, bool json,
                           dp_text *out) {
    if (json) {
        dp_json_key(out, "context");
        dp_json_begin_array(out);
    } else {
        dp_text_append(out, "behind");
    }
    for (size_t i = 0; i < checkpoint->block_size; i++) {
        const char *token = dp_vocabulary_token(&checkpoint->vocabulary, context[i]);
        if (json)
            dp_json_string(out, token);
        else
            append_shown(out, " ", token);
    }
    if (json) {
        dp_json_end_array(out);
        dp_json_key(out, "next");
    } else {
        dp_text_append(out, "\n");
    }
}

/* What is not in the table: `left` tokens with this probability together. */
static void append_others(const dp_checkpoint *checkpoint, uint64_t left, double probability,
                          bool json, dp_text *out) {
    if (json) {
        dp_json_key(out, "others");
        dp_json_begin_object(out);
        dp_json_key(out, "count");
        dp_json_unsigned(out, left);
        dp_json_key(out, "probability");
        dp_json_real(out, probability);
        dp_json_end_object(out);
        return;
    }
    if (left > 0)
        dp_text_append_format(out, "%" PRIu64 " others: %.4f\n", left, probability);
    append_shown(out, "'", dp_vocabulary_token(&checkpoint->vocabulary, DP_BOUNDARY_ID));
    dp_text_append_format(out, "' stands for the %s\n",
                          checkpoint->stream                 ? "beginning of the text"
                          : checkpoint->unit == DP_UNIT_WORD ? "ends of a line"
                                                             : "ends of a word");
}

/* The probabilities [vocab] of what follows a context. */
static dp_status predict(const dp_checkpoint *checkpoint, const uint32_t *context,
                         double *probabilities, dp_error *error) {
    dp_model *model = NULL;
    const dp_model_options one_row = {
        .level = dp_cpu_level_detect(), .grain_rows = 1, .forward_only = true};
    dp_status status = dp_model_create(&model, &checkpoint->layout, &one_row, error);
    if (status == DP_OK)
        dp_generate_probabilities(dp_model_logits(model, checkpoint->params, context),
                                  checkpoint->vocabulary.count, probabilities);
    dp_model_destroy(model);
    return status;
}

static dp_status append_prediction(const dp_checkpoint *checkpoint, const char *text,
                                   uint64_t count, bool json, dp_text *out, dp_error *error) {
    dp_status status = DP_OK;
    const dp_vocabulary *vocabulary = &checkpoint->vocabulary;
    uint32_t *context = NULL;
    double *probabilities = NULL, shown = 0.0;
    uint64_t left = 0;
    DP_NEW_OR_DONE(context, checkpoint->block_size);
    DP_NEW_OR_DONE(probabilities, vocabulary->count);
    if (dp_context_parse(vocabulary, checkpoint->unit, text, strlen(text), context,
                         checkpoint->block_size, error) != DP_OK) {
        status = dp_fail_prefix(error, "CONTEXT");
        goto done;
    }
    DP_OR_DONE(predict(checkpoint, context, probabilities, error));
    append_heading(checkpoint, context, json, out);
    DP_OR_DONE(dp_token_table_append(vocabulary, probabilities, "probability", count, json, out,
                                     &shown, &left, error));
    append_others(checkpoint, left, left > 0 && shown < 1.0 ? 1.0 - shown : 0.0, json, out);
    DP_OR_DONE(dp_text_check(out, error));
done:
    dp_memory_free(probabilities);
    dp_memory_free(context);
    return status;
}

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    (void)signal;
    return dp_token_question_run(comm, count, arguments, "CONTEXT", append_prediction, error);
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
    .run = run,
};
