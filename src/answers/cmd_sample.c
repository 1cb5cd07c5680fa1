#include "answers/answers.h"
#include "cli/checkpoint_argument.h"
#include "system/terminal.h"

#include <stdio.h>
#include <string.h>

typedef struct sample_options {
    char ckpt[DP_PATH_SIZE];
    uint64_t count;
    uint64_t seed;
    double temperature;
    const char *prompt;
    uint64_t length;
} sample_options;

static const dp_option options[] = {
    DP_CHECKPOINT_OPTION(sample_options),
    DP_UNSIGNED(sample_options, count, "count", "20", 0, 1e9, "N", "samples to draw", .alias = 'n'),
    DP_UNSIGNED(sample_options, seed, "seed", "42", 0, 9e15, "S", "of the draws"),
    DP_REAL(sample_options, temperature, "temperature", "1", 0, 100, "T",
            "below 1: likelier tokens; 0: the likeliest only"),
    DP_TEXT(sample_options, prompt, "prompt", "", "TEXT", "begin each sample with this"),
    DP_UNSIGNED(sample_options, length, "length", "0", 0, 1e9, "N",
                "tokens of a sample at most; 0: 1000, of running text 40"),
    DP_OPTIONS_END,
};

static void tell_unknown(const dptrain_model *model, const char *prompt) {
    size_t unknown = 0;
    const size_t count = dptrain_encode(model, prompt, strlen(prompt), NULL, 0, &unknown);
    if (unknown > 0)
        fprintf(stderr,
                "dptrain: notice: --prompt: %zu of %zu words are not in the vocabulary: <unk>\n",
                unknown, count);
}

static dp_status print_samples(dptrain_model *model, const sample_options *chosen,
                               dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text line = {0};
    dptrain_error said;
    dptrain_sampling how;
    dptrain_sampling_init(&how, sizeof how);
    how.seed = chosen->seed;
    how.temperature = chosen->temperature;
    how.prompt = chosen->prompt;
    how.length = chosen->length;
    for (uint64_t i = 0; i < chosen->count; i++) {
        const char *text = NULL;
        if (dp_checkpoint_argument_status(dptrain_sample(model, &how, i, &text, &said), &said,
                                          error) != DP_OK)
            return error->status == DP_ERR_INPUT ? dp_fail_prefix(error, "--prompt")
                                                 : error->status;
        if (i == 0)
            tell_unknown(model, chosen->prompt);
        dp_text_append(&line, text);
        dp_text_append(&line, "\n");
        DP_TRY(dp_text_check(&line, error));
        dp_terminal_print_data(stdout, dp_text_string(&line), line.length);
        dp_text_cut(&line, 0);
    }
    return DP_OK;
}

static dp_status answer(int count, char **arguments, dp_error *error) {
    sample_options chosen;
    DP_OWNED(dp_checkpoint_argument_close) dptrain_model *model = NULL;
    int positionals = 0;
    DP_TRY(dp_options_parse_arguments(options, &chosen, count, arguments, &positionals, error));
    DP_TRY(dp_checkpoint_argument_open(chosen.ckpt, positionals, arguments, &model, error));
    return print_samples(model, &chosen, error);
}

const dp_command dp_command_sample = {
    .name = "sample",
    .arguments = "[PATH]",
    .purpose = "draw words, lines or running text from a checkpoint",
    .examples = "dptrain sample runs/base -n 20\n"
                "dptrain sample runs/base --prompt em --temperature 0.8\n",
    .options = options,
    .answer = answer,
};
