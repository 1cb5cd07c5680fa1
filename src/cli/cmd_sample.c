#include "adapters/linalg.h"
#include "base/memory.h"
#include "base/random.h"
#include "cli/checkpoint_argument.h"
#include "cli/command.h"
#include "data/context.h"
#include "model/generate.h"
#include "model/model.h"

#include <stdio.h>

/* A model may never draw the boundary; a sample ends here. */
#define TOKENS_MAX 1000

typedef struct sample_options {
    char ckpt[DP_PATH_SIZE];
    uint64_t count;
    uint64_t seed;
    double temperature;
    char prompt[DP_PATH_SIZE];
} sample_options;

static const dp_option options[] = {
    {.key = "ckpt",
     .type = DP_OPTION_TEXT,
     .offset = offsetof(sample_options, ckpt),
     .initial = "",
     .unit = "PATH",
     .help = "checkpoint, or run folder (its best); none: the newest run"},
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
};

static dp_option_table options_table(void) {
    return (dp_option_table){.options = options, .count = sizeof options / sizeof options[0]};
}

typedef struct sampling {
    const dp_checkpoint *checkpoint;
    const sample_options *chosen;
    dp_model *model;
    uint32_t *context; /* [block_size], oldest first */
} sampling;

static dp_status print_sample(sampling *self, uint64_t index, dp_error *error) {
    const dp_checkpoint *checkpoint = self->checkpoint;
    const sample_options *chosen = self->chosen;
    const char *separator = checkpoint->unit == DP_UNIT_WORD ? " " : "";
    dp_status status = dp_context_parse(&checkpoint->vocabulary, checkpoint->unit, chosen->prompt,
                                        "--prompt", self->context, checkpoint->block_size, error);
    if (status != DP_OK)
        return status;
    printf("%s", chosen->prompt);
    bool first = chosen->prompt[0] == '\0';
    for (uint64_t position = 0; position < TOKENS_MAX; position++) {
        const float *logits = dp_model_logits(self->model, checkpoint->params, self->context);
        double uniform = dp_random_uniform(chosen->seed, DP_STREAM_SAMPLE, index, position);
        uint32_t id =
            dp_generate_token(logits, checkpoint->vocabulary.count, chosen->temperature, uniform);
        if (id == DP_BOUNDARY_ID)
            break;
        printf("%s%s", first ? "" : separator, dp_vocabulary_token(&checkpoint->vocabulary, id));
        first = false;
        dp_context_shift(self->context, checkpoint->block_size, id);
    }
    printf("\n");
    return DP_OK;
}

static dp_status print_samples(const dp_checkpoint *checkpoint, const sample_options *chosen,
                               dp_error *error) {
    dp_status status = DP_OK;
    sampling self = {.checkpoint = checkpoint, .chosen = chosen};
    const dp_model_options one_row = {.grain_rows = 1, .forward_only = true};
    DP_TRY(dp_model_create(&self.model, &checkpoint->layout, &one_row, error));
    DP_NEW_ARRAY(self.context, checkpoint->block_size);
    for (uint64_t i = 0; i < chosen->count; i++)
        DP_TRY(print_sample(&self, i, error));
done:
    dp_memory_free(self.context);
    dp_model_destroy(self.model);
    return status;
}

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    dp_status status = DP_OK;
    sample_options chosen;
    dp_checkpoint checkpoint = {0};
    char path[DP_PATH_SIZE];
    int positional_count = 0;
    (void)signal;
    DP_TRY(dp_command_parse(comm, options_table(), &chosen, count, arguments, &positional_count,
                            error));
    dp_linalg_init();
    DP_TRY(dp_checkpoint_argument_load(comm, chosen.ckpt, positional_count, arguments, &checkpoint,
                                       path, error));
    if (dp_comm_rank(comm) == 0)
        status = print_samples(&checkpoint, &chosen, error);
    DP_TRY(dp_comm_agree(comm, status, error));
done:
    dp_checkpoint_clear(&checkpoint);
    return status;
}

const dp_command dp_command_sample = {
    .name = "sample",
    .arguments = "[PATH]",
    .purpose = "draw words from a checkpoint",
    .options = options_table,
    .run = run,
};
