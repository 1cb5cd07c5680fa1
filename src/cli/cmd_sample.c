#include "cli/checkpoint_argument.h"
#include "cli/command.h"
#include "kernels/linalg.h"
#include "train/sample_text.h"

#include <stdio.h>

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

static dp_status print_samples(const dp_checkpoint *checkpoint, const sample_options *chosen,
                               dp_error *error) {
    dp_status status = DP_OK;
    dp_sample_text *sampler = NULL;
    const dp_sample_request request = {.seed = chosen->seed,
                                       .temperature = chosen->temperature,
                                       .prompt = chosen->prompt,
                                       .length = chosen->length};
    DP_OR_DONE(dp_sample_text_create(&sampler, checkpoint, error));
    for (uint64_t i = 0; i < chosen->count && status == DP_OK; i++) {
        dp_text sample = {0};
        status = dp_sample_text_draw(sampler, &request, i, &sample, error);
        if (status == DP_OK)
            printf("%s\n", dp_text_string(&sample));
        dp_text_clear(&sample);
    }
done:
    dp_sample_text_destroy(sampler);
    return status;
}

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    dp_status status = DP_OK;
    sample_options chosen;
    DP_OWNED(dp_checkpoint_clear) dp_checkpoint checkpoint = {0};
    char path[DP_PATH_SIZE];
    int positional_count = 0;
    (void)signal;
    DP_TRY(dp_command_parse(comm, options, &chosen, count, arguments, &positional_count, error));
    dp_linalg_init();
    DP_TRY(dp_checkpoint_argument_load(comm, chosen.ckpt, positional_count, arguments, &checkpoint,
                                       path, error));
    if (dp_comm_rank(comm) == 0)
        status = print_samples(&checkpoint, &chosen, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    return status;
}

const dp_command dp_command_sample = {
    .name = "sample",
    .arguments = "[PATH]",
    .purpose = "draw words, lines or running text from a checkpoint",
    .options = options,
    .run = run,
};
