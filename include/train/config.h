/* config: everything that can be set about a run, in one table.
 *
 * A value comes from the table's default, then the config file, then `section.key=value` on the
 * command line. The resolved config, written by dp_config_write, is kept in the run folder and in
 * every checkpoint.
 */
#ifndef DP_TRAIN_CONFIG_H
#define DP_TRAIN_CONFIG_H

#include "base/options.h"
#include "data/sampler.h"
#include "model/optimizer.h"
#include "model/params.h"
#include "model/schedule.h"
#include "parallel/exchange.h"

typedef struct dp_config {
    char data_path[DP_PATH_SIZE];

    uint64_t embedding_dim;
    uint64_t hidden_dim;
    dp_init init;

    uint64_t steps;
    uint64_t batch_size;
    uint64_t grains;
    uint64_t seed;
    dp_sampling sampling;
    double dropout_embedding;
    double dropout_hidden;
    dp_optimizer_kind optimizer;
    double momentum;
    double beta1;
    double beta2;
    double epsilon;
    double weight_decay;
    double clip_norm; /* 0: no clipping */
    double lr;
    uint64_t lr_warmup;
    dp_schedule_kind lr_schedule;
    dp_option_unsigned_list lr_milestones;
    double lr_gamma;
    double lr_final; /* fraction of lr */
    double lr_decay;
    uint64_t log_every;

    uint64_t eval_every;    /* 0: only at the end */
    unsigned eval_splits;   /* bit per dp_split */
    uint64_t eval_patience; /* 0: the run has all its steps */

    uint64_t checkpoint_every; /* 0: only at the end */
    uint64_t checkpoint_keep;

    char run_dir[DP_PATH_SIZE];

    dp_exchange_kind exchange;
    double deadline;
} dp_config;

/* The table, for help and for printing. */
dp_option_table dp_config_table(void);

/* Defaults, then the file at `path` (NULL: none), then `count` assignments "section.key=value";
 * then what depends on other values: grains, run.dir (runs/NAME after the file's name), exchange.
 */
dp_status dp_config_load(dp_config *config, const char *path, int count, char *const *assignments,
                         dp_error *error) DP_CHECKED;

/* Reads what dp_config_write wrote; `name` is how messages call it. */
dp_status dp_config_parse(dp_config *config, const char *text, size_t size, const char *name,
                          dp_error *error) DP_CHECKED;

/* Appends the resolved config in INI form. */
void dp_config_write(const dp_config *config, dp_text *out);

/* DP_ERR_MISMATCH, listing them, where options differ that change the result of a run: `saved` is
 * the config of a checkpoint, `wanted` that of this run. Where a run ends (train.steps,
 * eval.patience) may change, but for train.steps where the learning rate follows it (cosine). */
dp_status dp_config_check_resumable(const dp_config *saved, const dp_config *wanted,
                                    dp_error *error) DP_CHECKED;

/* The schedule of the config; borrows its list of milestones. */
dp_schedule dp_config_schedule(const dp_config *config);

dp_optimizer dp_config_optimizer(const dp_config *config);

#endif
