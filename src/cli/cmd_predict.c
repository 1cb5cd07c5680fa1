#include "adapters/linalg.h"
#include "base/memory.h"
#include "cli/checkpoint_argument.h"
#include "cli/command.h"
#include "cli/token_table.h"
#include "data/context.h"
#include "model/generate.h"
#include "model/model.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct predict_options {
    char ckpt[DP_PATH_SIZE];
    uint64_t count;
} predict_options;

static const dp_option options[] = {
    {.key = "ckpt",
     .type = DP_OPTION_TEXT,
     .offset = offsetof(predict_options, ckpt),
     .initial = "",
     .unit = "PATH",
     .help = "checkpoint, or run folder (its best); none: the newest run"},
    {.key = "count",
     .alias = 'n',
     .type = DP_OPTION_UNSIGNED,
     .offset = offsetof(predict_options, count),
     .initial = "10",
     .minimum = 1,
     .maximum = 1e9,
     .unit = "N",
     .help = "tokens to show"},
};

static dp_option_table options_table(void) {
    return (dp_option_table){.options = options, .count = sizeof options / sizeof options[0]};
}

static void append_heading(const dp_checkpoint *checkpoint, const char *path,
                           const uint32_t *context, dp_text *out) {
    char step[32];
    dp_text_append_format(out, "%s: step %s, behind", path,
                          dp_text_format_count(checkpoint->progress.step, step));
    for (size_t i = 0; i < checkpoint->block_size; i++)
        dp_text_append_format(out, " %s", dp_vocabulary_token(&checkpoint->vocabulary, context[i]));
    dp_text_append(out, "\n");
}

/* The probabilities [vocab] of what follows a context. */
static dp_status predict(const dp_checkpoint *checkpoint, const uint32_t *context,
                         double *probabilities, dp_error *error) {
    dp_model *model = NULL;
    dp_status status = dp_model_create(&model, &checkpoint->layout, DP_CPU_GENERIC, 1, error);
    if (status == DP_OK)
        dp_generate_probabilities(dp_model_logits(model, checkpoint->params, context),
                                  checkpoint->vocabulary.count, probabilities);
    dp_model_destroy(model);
    return status;
}

static dp_status append_prediction(const dp_checkpoint *checkpoint, const char *path,
                                   const char *text, uint64_t count, dp_text *out,
                                   dp_error *error) {
    dp_status status = DP_OK;
    const dp_vocabulary *vocabulary = &checkpoint->vocabulary;
    uint32_t *context = NULL;
    double *probabilities = NULL, shown = 0.0;
    uint64_t left = 0;
    DP_NEW_ARRAY(context, checkpoint->block_size);
    DP_NEW_ARRAY(probabilities, vocabulary->count);
    DP_TRY(dp_context_parse(vocabulary, checkpoint->unit, text, "CONTEXT", context,
                            checkpoint->block_size, error));
    DP_TRY(predict(checkpoint, context, probabilities, error));
    append_heading(checkpoint, path, context, out);
    DP_TRY(dp_token_table_append(vocabulary, probabilities, "probability", count, out, &shown,
                                 &left, error));
    if (left > 0)
        dp_text_append_format(out, "%" PRIu64 " others: %.4f\n", left,
                              shown < 1.0 ? 1.0 - shown : 0.0);
    dp_text_append_format(out, "'%s' stands for the ends of a %s\n",
                          dp_vocabulary_token(vocabulary, DP_BOUNDARY_ID),
                          checkpoint->unit == DP_UNIT_WORD ? "line" : "word");
    DP_TRY(dp_text_check(out, error));
done:
    dp_memory_free(probabilities);
    dp_memory_free(context);
    return status;
}

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    dp_status status = DP_OK;
    predict_options chosen;
    dp_checkpoint checkpoint = {0};
    dp_text out = {0};
    char path[DP_PATH_SIZE];
    const char *context = NULL;
    int positional_count = 0;
    (void)signal;
    DP_TRY(dp_command_parse(comm, options_table(), &chosen, count, arguments, &positional_count,
                            error));
    status = dp_checkpoint_argument_take_last(chosen.ckpt, &positional_count, arguments, "CONTEXT",
                                              &context, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    dp_linalg_init();
    DP_TRY(dp_checkpoint_argument_load(comm, chosen.ckpt, positional_count, arguments, &checkpoint,
                                       path, error));
    if (dp_comm_rank(comm) == 0)
        status = append_prediction(&checkpoint, path, context, chosen.count, &out, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    printf("%s", dp_text_string(&out));
done:
    dp_text_clear(&out);
    dp_checkpoint_clear(&checkpoint);
    return status;
}

const dp_command dp_command_predict = {
    .name = "predict",
    .arguments = "[PATH] CONTEXT",
    .purpose = "what may follow CONTEXT, and how likely it is",
    .details = "CONTEXT is characters, 'emm', or words in quotes, 'this is the'; '' is a\n"
               "beginning. What is shorter than the block size begins with boundaries; of what\n"
               "is longer the end counts. PATH is as for --ckpt. The last argument is always\n"
               "CONTEXT.\n",
    .options = options_table,
    .run = run,
};
