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
    char prompt[DP_PATH_SIZE];
    uint64_t length;
} sample_options;

static const dp_option options[] = {
    DP_CHECKPOINT_OPTION(sample_options),
    {.key = "count",
     .alias = 'n',
     .type = DP_OPTION_UNSIGNED,
     .offset = offsetof(sample_options, count),
     .initial = "20",
     .minimum = 0,
     .maximum = 1e9,
     .unit = "N",
     .help = "samples to draw"},
    {.key = "seed",
     .type = DP_OPTION_UNSIGNED,
     .offset = offsetof(sample_options, seed),
     .initial = "42",
     .minimum = 0,
     .maximum = 9e15,
     .unit = "S",
     .help = "of the draws"},
    {.key = "temperature",
     .type = DP_OPTION_REAL,
     .offset = offsetof(sample_options, temperature),
     .initial = "1",
     .minimum = 0,
     .maximum = 100,
     .unit = "T",
     .help = "below 1: likelier tokens; 0: the likeliest only"},
    {.key = "prompt",
     .type = DP_OPTION_TEXT,
     .offset = offsetof(sample_options, prompt),
     .initial = "",
     .unit = "TEXT",
     .help = "begin each sample with this"},
    {.key = "length",
     .type = DP_OPTION_UNSIGNED,
     .offset = offsetof(sample_options, length),
     .initial = "0",
     .minimum = 0,
     .maximum = 1e9,
     .unit = "N",
     .help = "tokens of a sample at most; 0: 1000, of running text 40"},
};

static dp_option_table options_table(void) {
    return DP_OPTION_TABLE(options);
}

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
    dp_checkpoint checkpoint = {0};
    char path[DP_PATH_SIZE];
    int positional_count = 0;
    (void)signal;
    DP_OR_DONE(dp_command_parse(comm, options_table(), &chosen, count, arguments, &positional_count,
                                error));
    dp_linalg_init();
    DP_OR_DONE(dp_checkpoint_argument_load(comm, chosen.ckpt, positional_count, arguments,
                                           &checkpoint, path, error));
    if (dp_comm_rank(comm) == 0)
        status = print_samples(&checkpoint, &chosen, error);
    DP_OR_DONE(dp_comm_agree(comm, status, error));
done:
    dp_checkpoint_clear(&checkpoint);
    return status;
}

const dp_command dp_command_sample = {
    .name = "sample",
    .arguments = "[PATH]",
    .purpose = "draw words, lines or running text from a checkpoint",
    .options = options_table,
    .run = run,
};
