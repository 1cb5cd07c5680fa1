#include "engine/config.h"

#include "data/dataset.h"
#include "options/option_file.h"

#include <inttypes.h>
#include <string.h>

#define GRAINS_DEFAULT 8

#define RESULT .flags = DP_OPTION_RESULT

const dp_option dp_config_options[] = {
    DP_PATH(dp_config, data_path, "data.path", "names.h5", "FILE", "dataset made by pack_dataset"),

    DP_UNSIGNED(dp_config, embedding_dim, "model.embedding_dim", "10", 1, 65536, "N",
                "features a token", RESULT),
    DP_UNSIGNED(dp_config, hidden_dim, "model.hidden_dim", "200", 0, 1048576, "N",
                "tanh units of the hidden layer; 0 only with model.direct", RESULT),
    DP_CHOICE(dp_config, direct, "model.direct", "no", DP_NAMES("no", "yes"), "ANSWER",
              "connect the features to the output, beside the hidden layer", RESULT),
    DP_CHOICE(dp_config, init, "model.init", "normal", DP_NAMES(DP_INIT_NAMES), "KIND",
              "initial parameters", RESULT),
    DP_CHOICE(dp_config, output_bias, "model.output_bias", "init", DP_NAMES(DP_OUTPUT_BIAS_NAMES),
              "KIND", "b2 begins as model.init says, or as the log of each token's frequency",
              RESULT),

    DP_UNSIGNED(dp_config, steps, "train.steps", "200000", 1, 1e15, "N", "steps in all"),
    DP_UNSIGNED(dp_config, batch_size, "train.batch_size", "32", 1, 16777216, "ROWS",
                "examples a step, over all ranks", RESULT),
    DP_UNSIGNED(dp_config, grains, "train.grains", "0", 0, 65536, "N",
                "blocks the batch is cut into, and the most ranks that can share it; 0: 8, or "
                "batch_size where that is less",
                RESULT),
    DP_UNSIGNED(dp_config, seed, "train.seed", "42", 0, 9e15, "N",
                "of initial parameters and draws", RESULT),
    DP_CHOICE(dp_config, sampling, "train.sampling", "replacement", DP_NAMES(DP_SAMPLING_NAMES),
              "KIND", "how examples are drawn", RESULT),
    DP_REAL(dp_config, dropout_embedding, "train.dropout_embedding", "0", 0, 0.9, "RATE",
            "features left out of each example while training", RESULT),
    DP_REAL(dp_config, dropout_hidden, "train.dropout_hidden", "0", 0, 0.9, "RATE",
            "hidden units left out of each example while training", RESULT),
    DP_CHOICE(dp_config, optimizer.kind, "train.optimizer", "sgd", DP_NAMES(DP_OPTIMIZER_NAMES),
              "KIND", "how parameters follow the gradient", RESULT),
    DP_REAL(dp_config, optimizer.momentum, "train.momentum", "0.9", 0, 0.999999, "FACTOR",
            "of momentum and nesterov", RESULT),
    DP_REAL(dp_config, optimizer.beta1, "train.beta1", "0.9", 0, 0.999999, "FACTOR",
            "of adamw, for the mean of the gradient", RESULT),
    DP_REAL(dp_config, optimizer.beta2, "train.beta2", "0.999", 0, 0.999999, "FACTOR",
            "of adamw, for the mean of its square", RESULT),
    DP_REAL(dp_config, optimizer.epsilon, "train.epsilon", "1e-8", 1e-30, 1, "NUMBER",
            "of adamw, added to the divisor", RESULT),
    DP_REAL(dp_config, optimizer.weight_decay, "train.weight_decay", "0", 0, 1000, "FACTOR",
            "of all weights, not of biases; L2 in the gradient, but for adamw apart from it",
            RESULT),
    DP_CHOICE(dp_config, embedding_update, "train.embedding_update", "dense",
              DP_NAMES(DP_EMBEDDING_UPDATE_NAMES), "KIND",
              "whether decay and optimizer state go on in rows of C that a step does not use",
              RESULT),
    DP_REAL(dp_config, optimizer.clip_norm, "train.clip_norm", "0", 0, 1e38, "NORM",
            "longest gradient, longer ones are shortened to it; 0: no limit", RESULT),
    DP_REAL(dp_config, lr, "train.lr", "0.1", 0, 1e38, "RATE",
            "learning rate at the start, or after the warm-up", RESULT),
    DP_UNSIGNED(dp_config, lr_warmup, "train.lr_warmup", "0", 0, 1e15, "STEPS",
                "over which it rises evenly to what it is to be", RESULT),
    DP_CHOICE(dp_config, lr_schedule, "train.lr_schedule", "step", DP_NAMES(DP_SCHEDULE_NAMES),
              "KIND", "how it changes", RESULT),
    DP_UNSIGNED_LIST(dp_config, lr_milestones, "train.lr_milestones", "100000", 0, 1e15, "STEPS",
                     "of step: when it is multiplied by lr_gamma", RESULT),
    DP_REAL(dp_config, lr_gamma, "train.lr_gamma", "0.1", 0, 1000, "FACTOR",
            "of step: factor at each milestone", RESULT),
    DP_REAL(dp_config, lr_final, "train.lr_final", "0", 0, 1, "FRACTION",
            "of cosine: where it ends, as a fraction of lr", RESULT),
    DP_REAL(dp_config, lr_decay, "train.lr_decay", "0.0001", 0, 1e6, "RATE",
            "of inverse: r in lr / (1 + r t)", RESULT),
    DP_PATH(dp_config, init_from, "train.init_from", "", "PATH",
            "checkpoint, or run folder (its best), whose weights a new run begins with; step, "
            "optimizer and rate begin anew",
            RESULT),
    DP_CHOICE(dp_config, remap, "train.remap", "no", DP_NAMES("no", "yes"), "ANSWER",
              "whether tokens that train.init_from does not know are initialised; no: that is an "
              "error",
              RESULT),
    DP_PATH(dp_config, init_embeddings, "train.init_embeddings", "", "FILE",
            "embeddings, as word2vec writes text, that a new run begins with; tokens that are not "
            "in it are initialised",
            RESULT),
    DP_UNSIGNED(dp_config, log_every, "train.log_every", "1000", 1, 1e15, "STEPS",
                "between two lines of the report and of metrics.csv"),

    DP_UNSIGNED(dp_config, eval_every, "eval.every", "10000", 0, 1e15, "STEPS",
                "between evaluations; 0: only at the end"),
    DP_CHOICES(dp_config, eval_splits, "eval.splits", "dev", DP_NAMES(DP_SPLIT_NAMES), "LIST",
               "splits evaluated on the way; at the end all are"),
    DP_UNSIGNED(dp_config, eval_patience, "eval.patience", "0", 0, 1e15, "N",
                "evaluations in a row without a better dev loss that end the run; 0: none do"),

    DP_UNSIGNED(dp_config, checkpoint_every, "checkpoint.every", "10000", 0, 1e15, "STEPS",
                "between checkpoints; 0: only at the end"),
    DP_UNSIGNED(dp_config, checkpoint_keep, "checkpoint.keep", "3", 1, 1e9, "N",
                "newest checkpoints kept, apart from the best"),

    DP_PATH(dp_config, run_dir, "run.dir", "", "DIR",
            "folder of the run; empty: runs/NAME after the config file"),

    DP_CHOICE(dp_config, exchange, "parallel.exchange", "auto", DP_NAMES(DP_EXCHANGE_NAMES), "KIND",
              "how gradients are summed; mpi does not keep the same bits at any rank count"),
    DP_CHOICE(dp_config, output, "parallel.output", "auto", DP_NAMES(DP_OUTPUT_NAMES), "KIND",
              "whether each rank has the whole output layer or its part of the vocabulary; auto: "
              "what is estimated to be faster for this model, batch and optimizer",
              RESULT),
    DP_CHOICE(
        dp_config, kernels, "parallel.kernels", "auto", DP_NAMES(DP_KERNELS_NAMES), "LEVEL",
        "instruction set level that computes, all with the same bits: v3 is AVX2, v4 AVX-512; "
        "auto: the highest that all ranks have"),
    DP_UNSIGNED(dp_config, work, "parallel.work", "auto", 1, DP_WORK_RANKS_MAX, "N",
                "ranks that compute, while the others rest, which no bit depends on; auto: no more "
                "than processors, and as many as are fastest",
                .choices = DP_NAMES(DP_WORK_NAMES)),
    DP_REAL(dp_config, deadline, "parallel.deadline", "300", 0, 1e9, "SECONDS",
            "a rank may let the others wait; 0: for ever"),
    DP_OPTIONS_END,
};

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
    const bool never = config->eval_every == 0;
    const bool elsewhere = (config->eval_splits >> DP_SPLIT_DEV & 1u) == 0;
    DP_OWNED(dp_text_clear) dp_text advice = {0};
    if (config->eval_patience == 0 || (!never && !elsewhere))
        return DP_OK;
    if (never)
        dp_text_append_format(&advice, " eval.every=%" PRIu64, config->steps / 20 + 1);
    if (elsewhere) {
        const dp_option *splits = dp_options_find(dp_config_options, "eval.splits", 11);
        dp_text_append(&advice, " eval.splits=");
        dp_options_format(splits, config, &advice);
        dp_text_append(&advice, config->eval_splits == 0 ? "dev" : ",dev");
    }
    return dp_fail(error, DP_ERR_INPUT,
                   "eval.patience = %" PRIu64
                   " looks at the dev loss of evaluations on the way, of "
                   "which there are none: set%s",
                   config->eval_patience, dp_text_string(&advice));
}

/* Also of a config that is not resolved. */
static uint64_t grains_of(const dp_config *config) {
    if (config->grains > 0)
        return config->grains;
    return config->batch_size < GRAINS_DEFAULT ? config->batch_size : GRAINS_DEFAULT;
}

/* Values that depend on others, and demands between values. */
dp_status dp_config_resolve(dp_config *config, dp_error *error) {
    config->grains = grains_of(config);
    config->exchange = dp_exchange_resolve(config->exchange);
    DP_TRY(check_grains(config, error));
    DP_TRY(check_schedule(config, error));
    return check_patience(config, error);
}

dp_cpu_level dp_config_level(const dp_config *config) {
    if (config->kernels == DP_KERNELS_AUTO)
        return DP_CPU_X86_64_V4;
    return (dp_cpu_level)(config->kernels - DP_KERNELS_GENERIC);
}

dp_status dp_config_check_level(const dp_config *config, dp_cpu_level lowest, dp_error *error) {
    if (config->kernels == DP_KERNELS_AUTO || lowest >= dp_config_level(config))
        return DP_OK;
    return dp_fail(
        error, DP_ERR_INPUT,
        "parallel.kernels = %s, but a processor or this build has no more than %s: choose "
        "that, or auto, for another run",
        dp_cpu_level_name(dp_config_level(config)), dp_cpu_level_name(lowest));
}

/* --- ranks ---------------------------------------------------------------------------------- */

dp_status dp_config_check_update(const dp_config *config, const dp_params_layout *layout,
                                 dp_error *error) {
    if (layout->shape.split || config->embedding_update == DP_EMBEDDING_DENSE)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "train.embedding_update=lazy needs a split output layer: set "
                   "parallel.output=split, or train.embedding_update=dense");
}

/* Where other ranks come to work, parameters and state are moved. Of a model that has more of them
 * steps take so long that there is little to gain. */
#define MOVED_BYTES_MAX ((size_t)128 << 20)

dp_work_things dp_config_things(const dp_config *config, const dp_params_layout *layout) {
    const size_t slabs = 1 + dp_optimizer_slabs(config->optimizer.kind);
    const bool stays = config->exchange == DP_EXCHANGE_MPI ||
                       slabs * layout->length * sizeof(float) > MOVED_BYTES_MAX;
    if (layout->shape.split)
        return (dp_work_things){"block", layout->output_blocks, stays};
    return (dp_work_things){"grain", config->grains, stays};
}

uint64_t dp_config_work(const dp_config *config) {
    return config->work == DP_WORK_AUTO && config->exchange == DP_EXCHANGE_MPI ? DP_WORK_ALL
                                                                               : config->work;
}

dp_dropout dp_config_dropout(const dp_config *config) {
    return (dp_dropout){.embedding = config->dropout_embedding,
                        .hidden = config->dropout_hidden,
                        .seed = config->seed};
}

dp_ways dp_config_ways(const dp_config *config, const dp_model_shape *shape) {
    const dp_optimizer *optimizer = &config->optimizer;
    const dp_ways_work work = {.shape = *shape,
                               .rows = config->batch_size,
                               .grains = grains_of(config),
                               .updates_apart =
                                   !dp_optimizer_is_plain(optimizer) || optimizer->clip_norm > 0.0,
                               .drops_features = config->dropout_embedding > 0.0,
                               .drops_hidden = config->dropout_hidden > 0.0};
    dp_ways ways = dp_ways_choose(&work);
    if (config->output != DP_OUTPUT_AUTO)
        ways.split = config->output == DP_OUTPUT_SPLIT;
    else if (config->embedding_update == DP_EMBEDDING_LAZY)
        ways.split = true; /* there is no other way to that */
    if (config->layer1 != DP_LAYER1_CHOSEN)
        ways.layer1 = config->layer1;
    return ways;
}

dp_model_shape dp_config_shape(const dp_config *config, size_t vocab, size_t block_size) {
    dp_model_shape shape = {.vocab = vocab,
                            .block_size = block_size,
                            .embedding_dim = config->embedding_dim,
                            .hidden_dim = config->hidden_dim,
                            .direct = config->direct != 0};
    shape.split = dp_config_ways(config, &shape).split;
    return shape;
}

dp_status dp_config_parse(dp_config *config, const char *text, size_t size, const char *name,
                          dp_error *error) {
    memset(config, 0, sizeof *config);
    DP_TRY(dp_options_init(dp_config_options, config, error));
    return dp_options_read_ini(dp_config_options, config, text, size, name, error);
}

dp_status dp_config_read(dp_config *config, const char *path, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text content = {0};
    DP_TRY(dp_file_read(path, &content, error));
    return dp_config_parse(config, content.data, content.length, path, error);
}

/* After the assignments, as one of them may be an empty run.dir. */
static dp_status name_run_dir(dp_config *config, const char *path, dp_error *error) {
    char stem[DP_PATH_SIZE];
    dp_status status = dp_path_stem(path, stem, error);
    return status == DP_OK ? dp_path_format(config->run_dir, error, "runs/%s", stem) : status;
}

static dp_status assign(dp_config *config, const char *assignment, dp_error *error) {
    char key[DP_OPTION_KEY_SIZE];
    const char *value;
    DP_TRY(dp_options_split(assignment, key, &value, error));
    return dp_options_set(dp_config_options, config, key, value, error);
}

dp_status dp_config_load(dp_config *config, const char *path, int count, char *const *assignments,
                         dp_error *error) {
    DP_TRY(path == NULL ? dp_config_parse(config, "", 0, "", error)
                        : dp_config_read(config, path, error));
    for (int i = 0; i < count; i++)
        DP_TRY(assign(config, assignments[i], error));
    if (path != NULL && config->run_dir[0] == '\0')
        DP_TRY(name_run_dir(config, path, error));
    return dp_config_resolve(config, error);
}

void dp_config_write(const dp_config *config, dp_text *out) {
    dp_options_write_ini(dp_config_options, config, out);
}

/* The first version wrote so many keys, and each writes all that it has. */
#define WRITTEN_KEYS_MIN 21

bool dp_config_is_written(const char *text, size_t size) {
    DP_OWNED(dp_text_clear) dp_text written = {0};
    dp_config config;
    dp_error ignored;
    size_t keys = 0;
    if (dp_config_parse(&config, text, size, "", &ignored) != DP_OK)
        return false;
    dp_text_append(&written, "\n");
    dp_config_write(&config, &written);
    for (const char *at = text, *end; (end = memchr(at, '\n', size - (size_t)(at - text))) != NULL;
         at = end + 1) {
        DP_OWNED(dp_text_clear) dp_text line = {0};
        dp_text_append_format(&line, "\n%.*s\n", (int)(end - at), at);
        if (strstr(dp_text_string(&written), dp_text_string(&line)) == NULL)
            return false;
        keys += strchr(dp_text_string(&line), '=') != NULL;
    }
    return keys >= WRITTEN_KEYS_MIN;
}

/* Whether another value of the option gives other bits, or the promise of any. */
static bool changes_result(const dp_option *option, const dp_config *saved,
                           const dp_config *wanted) {
    if (option->offset == offsetof(dp_config, exchange)) /* all kinds but mpi keep the contract */
        return (saved->exchange == DP_EXCHANGE_MPI) != (wanted->exchange == DP_EXCHANGE_MPI);
    if (option->offset == offsetof(dp_config, steps))
        return wanted->lr_schedule == DP_SCHEDULE_COSINE;
    return (option->flags & DP_OPTION_RESULT) != 0;
}

dp_status dp_config_check_resumable(const dp_config *saved, const dp_config *wanted,
                                    dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text differences = {0};
    for (const dp_option *option = dp_config_options; option->key != NULL; option++) {
        if (changes_result(option, saved, wanted) &&
            dp_option_compare(option, saved, wanted, &differences) &&
            option->offset == offsetof(dp_config, steps))
            dp_text_append(&differences, ", over which train.lr_schedule = cosine stretches");
    }
    DP_TRY(dp_text_check(&differences, error));
    if (differences.length == 0)
        return DP_OK;
    return dp_fail(error, DP_ERR_MISMATCH, "options that change the result differ: %s",
                   dp_text_string(&differences));
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
