#include "engine/config.h"

#include "data/dataset.h"

#include <inttypes.h>
#include <string.h>

#define GRAINS_DEFAULT 8

#define FIELD(member) offsetof(dp_config, member)

static const dp_option options[] = {
    {.key = "data.path",
     .type = DP_OPTION_TEXT,
     .offset = FIELD(data_path),
     .initial = "names.h5",
     .unit = "FILE",
     .help = "dataset made by pack_dataset"},

    {.key = "model.embedding_dim",
     .type = DP_OPTION_UNSIGNED,
     .offset = FIELD(embedding_dim),
     .initial = "10",
     .minimum = 1,
     .maximum = 65536,
     .unit = "N",
     .help = "features a token",
     .flags = DP_OPTION_RESULT},
    {.key = "model.hidden_dim",
     .type = DP_OPTION_UNSIGNED,
     .offset = FIELD(hidden_dim),
     .initial = "200",
     .minimum = 0,
     .maximum = 1048576,
     .unit = "N",
     .help = "tanh units of the hidden layer; 0 only with model.direct",
     .flags = DP_OPTION_RESULT},
    {.key = "model.direct",
     .type = DP_OPTION_CHOICE,
     .offset = FIELD(direct),
     .initial = "no",
     .choices = "no|yes",
     .unit = "ANSWER",
     .help = "connect the features to the output, beside the hidden layer",
     .flags = DP_OPTION_RESULT},
    {.key = "model.init",
     .type = DP_OPTION_CHOICE,
     .offset = FIELD(init),
     .initial = "normal",
     .choices = "normal|scaled|small|torch",
     .unit = "KIND",
     .help = "initial parameters",
     .flags = DP_OPTION_RESULT},
    {.key = "model.output_bias",
     .type = DP_OPTION_CHOICE,
     .offset = FIELD(output_bias),
     .initial = "init",
     .choices = "init|frequency",
     .unit = "KIND",
     .help = "b2 begins as model.init says, or as the log of each token's frequency",
     .flags = DP_OPTION_RESULT},

    {.key = "train.steps",
     .type = DP_OPTION_UNSIGNED,
     .offset = FIELD(steps),
     .initial = "200000",
     .minimum = 1,
     .maximum = 1e15,
     .unit = "N",
     .help = "steps in all"},
    {.key = "train.batch_size",
     .type = DP_OPTION_UNSIGNED,
     .offset = FIELD(batch_size),
     .initial = "32",
     .minimum = 1,
     .maximum = 16777216,
     .unit = "ROWS",
     .help = "examples a step, over all ranks",
     .flags = DP_OPTION_RESULT},
    {.key = "train.grains",
     .type = DP_OPTION_UNSIGNED,
     .offset = FIELD(grains),
     .initial = "0",
     .minimum = 0,
     .maximum = 65536,
     .unit = "N",
     .help = "blocks the batch is cut into, and the most ranks that can share it; 0: 8, or "
             "batch_size where that is less",
     .flags = DP_OPTION_RESULT},
    {.key = "train.seed",
     .type = DP_OPTION_UNSIGNED,
     .offset = FIELD(seed),
     .initial = "42",
     .minimum = 0,
     .maximum = 9e15,
     .unit = "N",
     .help = "of initial parameters and draws",
     .flags = DP_OPTION_RESULT},
    {.key = "train.sampling",
     .type = DP_OPTION_CHOICE,
     .offset = FIELD(sampling),
     .initial = "replacement",
     .choices = "replacement|epoch",
     .unit = "KIND",
     .help = "how examples are drawn",
     .flags = DP_OPTION_RESULT},
    {.key = "train.dropout_embedding",
     .type = DP_OPTION_REAL,
     .offset = FIELD(dropout_embedding),
     .initial = "0",
     .minimum = 0,
     .maximum = 0.9,
     .unit = "RATE",
     .help = "features left out of each example while training",
     .flags = DP_OPTION_RESULT},
    {.key = "train.dropout_hidden",
     .type = DP_OPTION_REAL,
     .offset = FIELD(dropout_hidden),
     .initial = "0",
     .minimum = 0,
     .maximum = 0.9,
     .unit = "RATE",
     .help = "hidden units left out of each example while training",
     .flags = DP_OPTION_RESULT},
    {.key = "train.optimizer",
     .type = DP_OPTION_CHOICE,
     .offset = FIELD(optimizer),
     .initial = "sgd",
     .choices = "sgd|momentum|nesterov|adamw",
     .unit = "KIND",
     .help = "how parameters follow the gradient",
     .flags = DP_OPTION_RESULT},
    {.key = "train.momentum",
     .type = DP_OPTION_REAL,
     .offset = FIELD(momentum),
     .initial = "0.9",
     .minimum = 0,
     .maximum = 0.999999,
     .unit = "FACTOR",
     .help = "of momentum and nesterov",
     .flags = DP_OPTION_RESULT},
    {.key = "train.beta1",
     .type = DP_OPTION_REAL,
     .offset = FIELD(beta1),
     .initial = "0.9",
     .minimum = 0,
     .maximum = 0.999999,
     .unit = "FACTOR",
     .help = "of adamw, for the mean of the gradient",
     .flags = DP_OPTION_RESULT},
    {.key = "train.beta2",
     .type = DP_OPTION_REAL,
     .offset = FIELD(beta2),
     .initial = "0.999",
     .minimum = 0,
     .maximum = 0.999999,
     .unit = "FACTOR",
     .help = "of adamw, for the mean of its square",
     .flags = DP_OPTION_RESULT},
    {.key = "train.epsilon",
     .type = DP_OPTION_REAL,
     .offset = FIELD(epsilon),
     .initial = "1e-8",
     .minimum = 1e-30,
     .maximum = 1,
     .unit = "NUMBER",
     .help = "of adamw, added to the divisor",
     .flags = DP_OPTION_RESULT},
    {.key = "train.weight_decay",
     .type = DP_OPTION_REAL,
     .offset = FIELD(weight_decay),
     .initial = "0",
     .minimum = 0,
     .maximum = 1000,
     .unit = "FACTOR",
     .help = "of all weights, not of biases; L2 in the gradient, but for adamw apart from it",
     .flags = DP_OPTION_RESULT},
    {.key = "train.embedding_update",
     .type = DP_OPTION_CHOICE,
     .offset = FIELD(embedding_update),
     .initial = "dense",
     .choices = "dense|lazy",
     .unit = "KIND",
     .help = "whether decay and optimizer state go on in rows of C that a step does not use",
     .flags = DP_OPTION_RESULT},
    {.key = "train.clip_norm",
     .type = DP_OPTION_REAL,
     .offset = FIELD(clip_norm),
     .initial = "0",
     .minimum = 0,
     .maximum = 1e38,
     .unit = "NORM",
     .help = "longest gradient, longer ones are shortened to it; 0: no limit",
     .flags = DP_OPTION_RESULT},
    {.key = "train.lr",
     .type = DP_OPTION_REAL,
     .offset = FIELD(lr),
     .initial = "0.1",
     .minimum = 0,
     .maximum = 1e38,
     .unit = "RATE",
     .help = "learning rate at the start, or after the warm-up",
     .flags = DP_OPTION_RESULT},
    {.key = "train.lr_warmup",
     .type = DP_OPTION_UNSIGNED,
     .offset = FIELD(lr_warmup),
     .initial = "0",
     .minimum = 0,
     .maximum = 1e15,
     .unit = "STEPS",
     .help = "over which it rises evenly to what it is to be",
     .flags = DP_OPTION_RESULT},
    {.key = "train.lr_schedule",
     .type = DP_OPTION_CHOICE,
     .offset = FIELD(lr_schedule),
     .initial = "step",
     .choices = "step|constant|cosine|inverse",
     .unit = "KIND",
     .help = "how it changes",
     .flags = DP_OPTION_RESULT},
    {.key = "train.lr_milestones",
     .type = DP_OPTION_UNSIGNED_LIST,
     .offset = FIELD(lr_milestones),
     .initial = "100000",
     .minimum = 0,
     .maximum = 1e15,
     .unit = "STEPS",
     .help = "of step: when it is multiplied by lr_gamma",
     .flags = DP_OPTION_RESULT},
    {.key = "train.lr_gamma",
     .type = DP_OPTION_REAL,
     .offset = FIELD(lr_gamma),
     .initial = "0.1",
     .minimum = 0,
     .maximum = 1000,
     .unit = "FACTOR",
     .help = "of step: factor at each milestone",
     .flags = DP_OPTION_RESULT},
    {.key = "train.lr_final",
     .type = DP_OPTION_REAL,
     .offset = FIELD(lr_final),
     .initial = "0",
     .minimum = 0,
     .maximum = 1,
     .unit = "FRACTION",
     .help = "of cosine: where it ends, as a fraction of lr",
     .flags = DP_OPTION_RESULT},
    {.key = "train.lr_decay",
     .type = DP_OPTION_REAL,
     .offset = FIELD(lr_decay),
     .initial = "0.0001",
     .minimum = 0,
     .maximum = 1e6,
     .unit = "RATE",
     .help = "of inverse: r in lr / (1 + r t)",
     .flags = DP_OPTION_RESULT},
    {.key = "train.log_every",
     .type = DP_OPTION_UNSIGNED,
     .offset = FIELD(log_every),
     .initial = "1000",
     .minimum = 1,
     .maximum = 1e15,
     .unit = "STEPS",
     .help = "between two lines of the report and of metrics.csv"},

    {.key = "eval.every",
     .type = DP_OPTION_UNSIGNED,
     .offset = FIELD(eval_every),
     .initial = "10000",
     .minimum = 0,
     .maximum = 1e15,
     .unit = "STEPS",
     .help = "between evaluations; 0: only at the end"},
    {.key = "eval.splits",
     .type = DP_OPTION_CHOICES,
     .offset = FIELD(eval_splits),
     .initial = "dev",
     .choices = "train|dev|test",
     .unit = "LIST",
     .help = "splits evaluated on the way; at the end all are"},
    {.key = "eval.patience",
     .type = DP_OPTION_UNSIGNED,
     .offset = FIELD(eval_patience),
     .initial = "0",
     .minimum = 0,
     .maximum = 1e15,
     .unit = "N",
     .help = "evaluations in a row without a better dev loss that end the run; 0: none do"},

    {.key = "checkpoint.every",
     .type = DP_OPTION_UNSIGNED,
     .offset = FIELD(checkpoint_every),
     .initial = "10000",
     .minimum = 0,
     .maximum = 1e15,
     .unit = "STEPS",
     .help = "between checkpoints; 0: only at the end"},
    {.key = "checkpoint.keep",
     .type = DP_OPTION_UNSIGNED,
     .offset = FIELD(checkpoint_keep),
     .initial = "3",
     .minimum = 1,
     .maximum = 1e9,
     .unit = "N",
     .help = "newest checkpoints kept, apart from the best"},

    {.key = "run.dir",
     .type = DP_OPTION_TEXT,
     .offset = FIELD(run_dir),
     .initial = "",
     .unit = "DIR",
     .help = "folder of the run; empty: runs/NAME after the config file"},

    {.key = "parallel.exchange",
     .type = DP_OPTION_CHOICE,
     .offset = FIELD(exchange),
     .initial = "auto",
     .choices = "auto|shared|tree|mpi",
     .unit = "KIND",
     .help = "how gradients are summed; mpi does not keep the same bits at any rank count"},
    {.key = "parallel.output",
     .type = DP_OPTION_CHOICE,
     .offset = FIELD(output),
     .initial = "auto",
     .choices = "auto|replicated|split",
     .unit = "KIND",
     .help = "whether each rank has the whole output layer or its part of the vocabulary; auto: "
             "split from 4,096 tokens on",
     .flags = DP_OPTION_RESULT},
    {.key = "parallel.kernels",
     .type = DP_OPTION_CHOICE,
     .offset = FIELD(kernels),
     .initial = "auto",
     .choices = "auto|generic|x86-64-v3|x86-64-v4",
     .unit = "LEVEL",
     .help = "instruction set level that computes, which the last bits depend on: v3 is AVX2, v4 "
             "AVX-512; auto: the highest that all ranks have"},
    {.key = "parallel.deadline",
     .type = DP_OPTION_REAL,
     .offset = FIELD(deadline),
     .initial = "300",
     .minimum = 0,
     .maximum = 1e9,
     .unit = "SECONDS",
     .help = "a rank may let the others wait; 0: for ever"},
};

dp_option_table dp_config_table(void) {
    return DP_OPTION_TABLE(options);
}

/* --- demands between values ----------------------------------------------------------------- */

static dp_status check_grains(const dp_config *config, dp_error *error) {
    if (config->grains <= config->batch_size)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "train.grains = %" PRIu64 " is more than train.batch_size = %" PRIu64
                   ": a grain needs at least one row",
                   config->grains, config->batch_size);
}

static dp_status check_schedule(const dp_config *config, dp_error *error) {
    if (config->lr_schedule != DP_SCHEDULE_COSINE || config->lr_warmup < config->steps)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "train.lr_warmup = %" PRIu64 " leaves none of train.steps = %" PRIu64
                   " for train.lr_schedule = cosine",
                   config->lr_warmup, config->steps);
}

static dp_status check_patience(const dp_config *config, dp_error *error) {
    if (config->eval_patience == 0)
        return DP_OK;
    if (config->eval_every == 0)
        return dp_fail(error, DP_ERR_INPUT,
                       "eval.patience = %" PRIu64 " counts evaluations, and eval.every = 0 makes "
                       "none on the way: set eval.every",
                       config->eval_patience);
    if ((config->eval_splits >> DP_SPLIT_DEV & 1u) == 0)
        return dp_fail(error, DP_ERR_INPUT,
                       "eval.patience = %" PRIu64 " looks at the dev loss: add dev to eval.splits",
                       config->eval_patience);
    return DP_OK;
}

/* Values that depend on others, and demands between values. */
static dp_status resolve(dp_config *config, dp_error *error) {
    if (config->grains == 0)
        config->grains = config->batch_size < GRAINS_DEFAULT ? config->batch_size : GRAINS_DEFAULT;
    config->exchange = dp_exchange_resolve(config->exchange);
    DP_TRY(check_grains(config, error));
    DP_TRY(check_schedule(config, error));
    return check_patience(config, error);
}

static dp_cpu_level level_of(dp_kernels_kind kind) {
    static const dp_cpu_level levels[] = {[DP_KERNELS_AUTO] = DP_CPU_X86_64_V4,
                                          [DP_KERNELS_GENERIC] = DP_CPU_GENERIC,
                                          [DP_KERNELS_X86_64_V3] = DP_CPU_X86_64_V3,
                                          [DP_KERNELS_X86_64_V4] = DP_CPU_X86_64_V4};
    return levels[kind];
}

dp_cpu_level dp_config_level(const dp_config *config) {
    return level_of(config->kernels);
}

dp_status dp_config_check_level(const dp_config *config, dp_cpu_level lowest, dp_error *error) {
    if (config->kernels == DP_KERNELS_AUTO || lowest >= dp_config_level(config))
        return DP_OK;
    return dp_fail(
        error, DP_ERR_INPUT,
        "parallel.kernels = %s, but a processor or this build has no more than %s: choose "
        "that, or auto",
        dp_cpu_level_name(dp_config_level(config)), dp_cpu_level_name(lowest));
}

dp_dropout dp_config_dropout(const dp_config *config) {
    return (dp_dropout){.embedding = config->dropout_embedding,
                        .hidden = config->dropout_hidden,
                        .seed = config->seed};
}

dp_model_shape dp_config_shape(const dp_config *config, size_t vocab, size_t block_size) {
    const bool is_large = vocab >= DP_SPLIT_VOCAB_MIN;
    return (dp_model_shape){.vocab = vocab,
                            .block_size = block_size,
                            .embedding_dim = config->embedding_dim,
                            .hidden_dim = config->hidden_dim,
                            .direct = config->direct != 0,
                            .split = config->output == DP_OUTPUT_SPLIT ||
                                     (config->output == DP_OUTPUT_AUTO && is_large)};
}

dp_status dp_config_parse(dp_config *config, const char *text, size_t size, const char *name,
                          dp_error *error) {
    memset(config, 0, sizeof *config);
    DP_TRY(dp_options_init(dp_config_table(), config, error));
    return dp_options_read_ini(dp_config_table(), config, text, size, name, error);
}

static dp_status read_file(dp_config *config, const char *path, dp_error *error) {
    dp_status status = DP_OK;
    dp_file_map map = {0};
    DP_OR_DONE(dp_file_map_open(&map, path, error));
    DP_OR_DONE(dp_config_parse(config, (const char *)map.data, map.size, path, error));
done:
    dp_file_map_close(&map);
    return status;
}

/* After the assignments, as one of them may be an empty run.dir. */
static dp_status name_run_dir(dp_config *config, const char *path, dp_error *error) {
    char stem[DP_PATH_SIZE];
    dp_status status = dp_path_stem(path, stem, error);
    return status == DP_OK ? dp_path_format(config->run_dir, error, "runs/%s", stem) : status;
}

static dp_status assign(dp_config *config, const char *assignment, dp_error *error) {
    char key[64];
    const char *equals = strchr(assignment, '=');
    size_t length = equals == NULL ? 0 : (size_t)(equals - assignment);
    if (length == 0 || length >= sizeof key)
        return dp_fail(error, DP_ERR_INPUT, "'%s' is not section.key=value", assignment);
    memcpy(key, assignment, length);
    key[length] = '\0';
    return dp_options_set(dp_config_table(), config, key, equals + 1, error);
}

dp_status dp_config_load(dp_config *config, const char *path, int count, char *const *assignments,
                         dp_error *error) {
    memset(config, 0, sizeof *config);
    DP_TRY(dp_options_init(dp_config_table(), config, error));
    if (path != NULL)
        DP_TRY(read_file(config, path, error));
    for (int i = 0; i < count; i++)
        DP_TRY(assign(config, assignments[i], error));
    if (path != NULL && config->run_dir[0] == '\0')
        DP_TRY(name_run_dir(config, path, error));
    return resolve(config, error);
}

void dp_config_write(const dp_config *config, dp_text *out) {
    dp_options_write_ini(dp_config_table(), config, out);
}

static const char *kernels_name(dp_kernels_kind kind) {
    return kind == DP_KERNELS_AUTO ? "auto" : dp_cpu_level_name(level_of(kind));
}

dp_status dp_config_check_resumable(const dp_config *saved, const dp_config *wanted,
                                    dp_error *error) {
    dp_text differences = {0};
    dp_options_compare(dp_config_table(), saved, wanted, DP_OPTION_RESULT, &differences);
    /* All kinds that keep the contract give the same bits; mpi is none of them. */
    if ((saved->exchange == DP_EXCHANGE_MPI) != (wanted->exchange == DP_EXCHANGE_MPI))
        dp_text_append_format(&differences, "%sparallel.exchange: %s there, %s here",
                              differences.length == 0 ? "" : "; ",
                              dp_exchange_name(saved->exchange),
                              dp_exchange_name(wanted->exchange));
    /* auto promises no level, and may be made one. */
    if (saved->kernels != DP_KERNELS_AUTO && saved->kernels != wanted->kernels)
        dp_text_append_format(&differences, "%sparallel.kernels: %s there, %s here",
                              differences.length == 0 ? "" : "; ", kernels_name(saved->kernels),
                              kernels_name(wanted->kernels));
    /* With cosine the rate of every step depends on how many there are. */
    if (wanted->lr_schedule == DP_SCHEDULE_COSINE && saved->steps != wanted->steps)
        dp_text_append_format(&differences,
                              "%strain.steps: %" PRIu64 " there, %" PRIu64
                              " here, over which train.lr_schedule = cosine stretches",
                              differences.length == 0 ? "" : "; ", saved->steps, wanted->steps);
    dp_status status = dp_text_check(&differences, error);
    if (status == DP_OK && differences.length > 0)
        status = dp_fail(error, DP_ERR_MISMATCH, "options that change the result differ: %s",
                         dp_text_string(&differences));
    dp_text_clear(&differences);
    return status;
}

dp_schedule dp_config_schedule(const dp_config *config) {
    return (dp_schedule){.kind = config->lr_schedule,
                         .lr = config->lr,
                         .warmup = config->lr_warmup,
                         .gamma = config->lr_gamma,
                         .milestones = config->lr_milestones.values,
                         .milestone_count = config->lr_milestones.count,
                         .steps = config->steps,
                         .final = config->lr_final,
                         .decay = config->lr_decay};
}

dp_optimizer dp_config_optimizer(const dp_config *config) {
    return (dp_optimizer){.kind = config->optimizer,
                          .momentum = config->momentum,
                          .beta1 = config->beta1,
                          .beta2 = config->beta2,
                          .epsilon = config->epsilon,
                          .weight_decay = config->weight_decay,
                          .clip_norm = config->clip_norm};
}
