/* config: everything that can be set about a run, in one table.
 *
 * A value comes from the table's default, then the config file, then `section.key=value` on the
 * command line. The resolved config, written by dp_config_write, is kept in the run folder and in
 * every checkpoint.
 */
#ifndef DP_ENGINE_CONFIG_H
#define DP_ENGINE_CONFIG_H

#include "data/sampler.h"
#include "kernels/dropout.h"
#include "model/optimizer.h"
#include "model/params.h"
#include "model/schedule.h"
#include "model/ways.h"
#include "options/options.h"
#include "parallel/exchange.h"
#include "parallel/work.h"
#include "system/cpu.h"

/* Whether every rank holds the output layer, or each its blocks of the vocabulary. */
typedef enum dp_output_kind {
    DP_OUTPUT_AUTO, /* as dp_config_ways chooses */
    DP_OUTPUT_REPLICATED,
    DP_OUTPUT_SPLIT
} dp_output_kind;
#define DP_OUTPUT_NAMES "auto", "replicated", "split"

/* Whose kernels compute: of the highest level that all ranks have, or of this one. The levels of
 * system/cpu, in their order, behind auto. */
typedef enum dp_kernels_kind {
    DP_KERNELS_AUTO,
    DP_KERNELS_GENERIC,
    DP_KERNELS_X86_64_V3,
    DP_KERNELS_X86_64_V4
} dp_kernels_kind;
#define DP_KERNELS_NAMES "auto", DP_CPU_LEVEL_NAMES

/* What an optimizer with state or weight decay does to rows of C that no example of a step had:
 * they have the gradient 0 and are updated all the same, or they are left alone until they occur
 * (as torch.optim.SparseAdam does). Plain sgd makes no difference. */
typedef enum dp_embedding_update { DP_EMBEDDING_DENSE, DP_EMBEDDING_LAZY } dp_embedding_update;
#define DP_EMBEDDING_UPDATE_NAMES "dense", "lazy"

typedef struct dp_config {
    char data_path[DP_PATH_SIZE];

    uint64_t embedding_dim;
    uint64_t hidden_dim;
    unsigned direct; /* 0 or 1 */
    dp_init init;
    dp_output_bias output_bias;

    uint64_t steps;
    uint64_t batch_size;
    uint64_t grains;
    uint64_t seed;
    dp_sampling sampling;
    double dropout_embedding;
    double dropout_hidden;
    dp_optimizer optimizer;
    dp_embedding_update embedding_update;
    double lr;
    uint64_t lr_warmup;
    dp_schedule_kind lr_schedule;
    dp_option_unsigned_list lr_milestones;
    double lr_gamma;
    double lr_final; /* fraction of lr */
    double lr_decay;
    char init_from[DP_PATH_SIZE];       /* "": none */
    char init_embeddings[DP_PATH_SIZE]; /* "": none */
    unsigned remap;                     /* 0 or 1 */
    uint64_t log_every;

    uint64_t eval_every;    /* 0: only at the end */
    unsigned eval_splits;   /* bit per dp_split */
    uint64_t eval_patience; /* 0: the run has all its steps */

    uint64_t checkpoint_every; /* 0: only at the end */
    uint64_t checkpoint_keep;

    char run_dir[DP_PATH_SIZE];

    dp_exchange_kind exchange;
    dp_output_kind output;
    dp_kernels_kind kernels;
    dp_layer1 layer1; /* no option: for who measures ways, one that is not chosen */
    uint64_t work;    /* parallel/work */
    double deadline;
} dp_config;

/* The table, for help and for printing. */
extern const dp_option dp_config_options[];

/* Defaults, then the file at `path` (NULL: none), then `count` assignments "section.key=value";
 * then what depends on other values: grains, run.dir (runs/NAME after the file's name), exchange.
 */
dp_status dp_config_load(dp_config *config, const char *path, int count, char *const *assignments,
                         dp_error *error) DP_CHECKED;

/* Its two halves, for who sets values in between: defaults and the file; what follows from other
 * values, and whether all of them go together. */
dp_status dp_config_read(dp_config *config, const char *path, dp_error *error) DP_CHECKED;
dp_status dp_config_resolve(dp_config *config, dp_error *error) DP_CHECKED;

/* Reads what dp_config_write wrote; `name` is how messages call it. */
dp_status dp_config_parse(dp_config *config, const char *text, size_t size, const char *name,
                          dp_error *error) DP_CHECKED;

/* Whether a text is one that dp_config_write, of this or an earlier version, has written and nobody
 * has edited so that it shows. */
bool dp_config_is_written(const char *text, size_t size);

/* Appends the resolved config in INI form. */
void dp_config_write(const dp_config *config, dp_text *out);

/* DP_ERR_MISMATCH, listing them, where options differ that change the result of a run: `saved` is
 * the config of a checkpoint, `wanted` that of this run. parallel.kernels may become a level where
 * it was auto. Where a run ends (train.steps, eval.patience) may change, but for train.steps where
 * the learning rate follows it (cosine). */
dp_status dp_config_check_resumable(const dp_config *saved, const dp_config *wanted,
                                    dp_error *error) DP_CHECKED;

/* The schedule of the config; borrows its list of milestones. */
dp_schedule dp_config_schedule(const dp_config *config);

/* The highest instruction set level that may compute; and DP_ERR_INPUT where the config asks for it
 * but `lowest`, that of all ranks up to it, is below. */
dp_cpu_level dp_config_level(const dp_config *config);
dp_status dp_config_check_level(const dp_config *config, dp_cpu_level lowest,
                                dp_error *error) DP_CHECKED;

/* DP_ERR_INPUT where the config asks for lazy updates of the embedding of a model whose output is
 * not split: only who splits it knows which rows of C a step touches. */
dp_status dp_config_check_update(const dp_config *config, const dp_params_layout *layout,
                                 dp_error *error) DP_CHECKED;

/* What ranks share of a step of this model, and how many are wished to be at work: where exchange
 * is mpi, whose bits depend on it, all unless it is said. */
dp_work_things dp_config_things(const dp_config *config, const dp_params_layout *layout);
uint64_t dp_config_work(const dp_config *config);

dp_dropout dp_config_dropout(const dp_config *config);

/* How a model of this shape, but for its `split`, is trained: as the config says, or what
 * model/ways chooses. A function of the two alone. */
dp_ways dp_config_ways(const dp_config *config, const dp_model_shape *shape);

/* The shape of the model for a dataset of this vocabulary and block size. */
dp_model_shape dp_config_shape(const dp_config *config, size_t vocab, size_t block_size);

#endif
