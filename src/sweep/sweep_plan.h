/* sweep_plan: the trials that a sweep file asks for.
 *
 *   [sweep]                         settings, see dp_sweep_settings
 *   config = ../base.ini            what all trials begin with; beside the sweep file
 *
 *   [trials]                        a list: a line a trial, under columns of config keys
 *   columns = model.hidden_dim train.lr reference
 *   wide    = 300              0.1      2.18
 *   narrow  = 20               0.2      2.27
 *
 *   [grid]                          values of config keys, each with each
 *   train.seed = 1 2 3
 *
 * Values are separated by blanks. With both a list and a grid, every line is taken with every point
 * of the grid. Two columns are not config keys: `block_size` names the dataset by its block size
 * (the sweep packs it from sweep.text), and `reference` is a test loss to compare with. A third,
 * `repeats`, or sweep.repeats for all, runs a trial with so many seeds: train.seed and the ones
 * behind it. Repeats are trials like others, one behind the other in the plan; their run folders
 * are NAME, NAME_seed=43, ..., so that what is done stays so when there shall be more.
 *
 * A value comes from the base config, then the list, then the grid, then the command line. Wrong
 * keys and values are errors of the file, with line and key. A trial whose values do not go
 * together (more grains than rows) is planned with its error, so that the others can go on.
 *
 * Not collective.
 */
#ifndef DP_SWEEP_SWEEP_PLAN_H
#define DP_SWEEP_SWEEP_PLAN_H

#include "baseline/mixture.h"
#include "engine/config.h"

#define DP_SWEEP_NAME_SIZE 128
#define DP_SWEEP_TRIALS_MAX 4096
#define DP_SWEEP_REPEATS_MAX 1000
#define DP_SWEEP_RANKS_MAX 65536
enum { DP_SWEEP_RANKS_AUTO = DP_SWEEP_RANKS_MAX + 1 };
enum { DP_SWEEP_ENSEMBLE_AUTO = DP_NETWORKS_MAX + 1 };

/* [sweep]; also on the command line, as sweep.dir=... */
typedef struct dp_sweep_settings {
    char config[DP_PATH_SIZE]; /* of all trials */
    char dir[DP_PATH_SIZE];    /* holds the run folders of the trials and the tables */
    char text[DP_PATH_SIZE];   /* that datasets are packed from; "": none */
    uint64_t ranks_per_trial;  /* or DP_SWEEP_RANKS_AUTO */
    uint64_t repeats;          /* of a trial that has no number of its own */
    bool show_test;            /* of all trials, not only of the best */
    uint64_t ensemble; /* the best runs that are tried together; or DP_SWEEP_ENSEMBLE_AUTO */
    char reference[DP_PATH_SIZE]; /* whose figures the column `reference` has */
} dp_sweep_settings;

extern const dp_option dp_sweep_options[];

typedef struct dp_sweep_trial {
    char name[DP_SWEEP_NAME_SIZE]; /* of its run folder, below dir */
    dp_config config;              /* resolved */
    uint64_t block_size;           /* 0: data.path is the config's */
    double reference;              /* NaN: none */
    uint64_t repeats;              /* 1: runs once */
    uint64_t repeat;               /* this one among them, from 0; the seed has grown by it */
    dp_error error;                /* its status is not OK: the config is no good */
} dp_sweep_trial;

#define DP_SWEEP_COLUMNS_MAX 24

typedef struct dp_sweep_plan {
    dp_sweep_settings settings;
    dp_sweep_trial *trials; /* [count] owned, in the file's order */
    size_t count;
    bool has_reference;
    bool has_repeats; /* some trial is run more than once */
    /* What differs between trials, for tables: config keys, and block_size. */
    const dp_option *columns[DP_SWEEP_COLUMNS_MAX];
    size_t column_count;
} dp_sweep_plan;

/* Reads the file at `path`; assignments[0..count) are "section.key=value" of the command line, for
 * sweep.* and for the configs. On failure nothing is held; release with dp_sweep_plan_clear. */
dp_status dp_sweep_plan_read(dp_sweep_plan *plan, const char *path, int count,
                             char *const *assignments, dp_error *error) DP_CHECKED;
void dp_sweep_plan_clear(dp_sweep_plan *plan);

/* How many trials there are when repeats are not counted. */
size_t dp_sweep_plan_distinct(const dp_sweep_plan *plan);
/* What the plan's trials are called: "runs" where some are repeats, else "trials". */
const char *dp_sweep_plan_unit(const dp_sweep_plan *plan);

/* "hidden_dim": the name of a column. */
const char *dp_sweep_column_name(const dp_option *column);
/* Appends the trial's value in it. */
void dp_sweep_column_format(const dp_option *column, const dp_sweep_trial *trial, dp_text *out);

/* order[0..count): the trials, those first that will take longest, so that the last ranks at work
 * are not left alone with a long one. A rough estimate from steps, batch and hidden_dim. */
void dp_sweep_plan_order(const dp_sweep_trial *trials, size_t count, size_t *order);

#endif
