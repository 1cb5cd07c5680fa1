#include "plots/plot.h"

#include "base/memory.h"
#include "data/find_dataset.h"
#include "plots/embedding_figure.h"
#include "plots/run_figures.h"
#include "run/run_folder.h"
#include "system/filesystem.h"

#include <math.h>
#include <string.h>

/* Vocabularies up to this one are shown whole, so that nobody asks what is frequent. */
#define SMALL_VOCABULARY 160
#define COUNTED_ROWS_MAX ((uint64_t)1 << 22)

void dp_plot_clear(dp_plot_outcome *outcome) {
    dp_history_clear(&outcome->history);
    dp_text_clear(&outcome->notices);
    if (outcome->is_held)
        dp_file_close(&outcome->holder);
    outcome->is_held = false;
}

/* The folder, which is there. */
static void hold_folder(dp_plot_outcome *outcome) {
    if (outcome->is_held)
        return;
    outcome->holder = dp_filesystem_hold_folder(outcome->folder);
    outcome->is_held = outcome->holder >= 0;
}

static dp_status begin(const char *dir, const char *folder, dp_plot_outcome *outcome,
                       dp_error *error) {
    *outcome = (dp_plot_outcome){0};
    return folder[0] != '\0' ? dp_path_format(outcome->folder, error, "%s", folder)
                             : dp_path_format(outcome->folder, error, "%s/plots", dir);
}

/* Writes data and script of a figure that a call has filled, unless it has failed; draw_all draws.
 * Takes the figure and clears it. */
static dp_status write_figure(dp_plot_outcome *outcome, dp_status filled, dp_gnuplot_figure *taken,
                              dp_error *error) {
    DP_OWNED(dp_gnuplot_clear) dp_gnuplot_figure figure = *taken;
    *taken = (dp_gnuplot_figure){0};
    DP_TRY(filled);
    DP_TRY(dp_file_make_directories(outcome->folder, error));
    hold_folder(outcome);
    DP_TRY(dp_gnuplot_write(&figure, outcome->folder, error));
    outcome->figures[outcome->count++] = figure.name;
    return DP_OK;
}

static dp_status draw_all(const dp_plot_outcome *outcome, dp_error *error) {
    for (size_t i = 0; i < outcome->count; i++)
        DP_TRY(dp_gnuplot_run(outcome->figures[i], outcome->folder, error));
    return DP_OK;
}

/* What a run has left of its curves: something, at least. */
static dp_status read_history(const char *dir, dp_history *history, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_path_format(path, error, "%s/metrics.csv", dir));
    if (!dp_file_exists(path))
        return dp_fail(error, DP_ERR_INPUT, "%s holds no run: it has no metrics.csv", dir);
    DP_TRY(dp_metrics_read(&history->metrics, path, error));
    DP_TRY(dp_path_format(path, error, "%s/" DP_LOSSES_NAME, dir));
    DP_TRY(dp_losses_read(&history->losses, path, error));
    if (dp_history_end(history) > 0)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%s/metrics.csv has no rows yet: the first comes after train.log_every steps",
                   dir);
}

/* --- one run ---------------------------------------------------------------------------------- */

static bool has_dev(const dp_metrics_table *metrics) {
    bool found = false;
    for (size_t i = 0; i < metrics->count && !found; i++)
        found = !isnan(metrics->rows[i].split_loss[DP_SPLIT_DEV]);
    return found;
}

static dp_status write_curves(const char *name, dp_plot_outcome *outcome, dp_error *error) {
    const dp_history *history = &outcome->history;
    dp_gnuplot_figure figure;
    DP_TRY(write_figure(outcome, dp_figure_loss(name, history, &figure, error), &figure, error));
    if (has_dev(&history->metrics))
        return write_figure(outcome, dp_figure_train_dev(name, history, &figure, error), &figure,
                            error);
    dp_text_append(&outcome->notices, "no train_dev: dev has not been evaluated yet\n");
    return DP_OK;
}

/* How often each token is a target of train, in a large dataset in the first rows; *counts stays
 * NULL where the dataset is not there or another one: then nothing is known. */
static dp_status count_tokens(const char *dir, const dp_checkpoint *checkpoint, uint64_t **counts,
                              dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_OWNED(dp_dataset_close) dp_dataset dataset = {0};
    dp_error ignored;
    const size_t vocab = checkpoint->facts.vocabulary.count;
    if (vocab <= SMALL_VOCABULARY ||
        dp_dataset_find(checkpoint->config.data_path, dir, checkpoint->facts.dataset_sha256, path,
                        &ignored) != DP_OK ||
        dp_dataset_open(&dataset, path, &ignored) != DP_OK)
        return DP_OK;
    if (strcmp(dataset.info.sha256, checkpoint->facts.dataset_sha256) != 0 ||
        dataset.vocabulary.count != vocab) /* the identity has not been checked */
        return DP_OK;
    DP_TRY_NEW(*counts, vocab);
    dp_dataset_count_targets(&dataset, DP_SPLIT_TRAIN, COUNTED_ROWS_MAX, *counts);
    return DP_OK;
}

static dp_status load_best(const char *dir, dp_checkpoint *checkpoint, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_run_folder_find(dir, path, error));
    return dp_checkpoint_load(checkpoint, path, false, error);
}

/* Of the best checkpoint; a notice is left where there is no good one. */
static dp_status write_embedding(const char *name, const char *dir, bool principal,
                                 dp_plot_outcome *outcome, dp_error *error) {
    dp_gnuplot_figure figure;
    DP_OWNED(dp_checkpoint_clear) dp_checkpoint checkpoint = {0};
    DP_OWNED(dp_memory_release) uint64_t *counts = NULL;
    dp_status status = load_best(dir, &checkpoint, error);
    if (status != DP_OK && status != DP_ERR_MEMORY) {
        dp_text_append_format(&outcome->notices, "no embedding: %s\n", error->message);
        return DP_OK;
    }
    DP_TRY(status);
    DP_TRY(count_tokens(dir, &checkpoint, &counts, error));
    status = dp_figure_embedding(name, &checkpoint, counts, principal, &figure, error);
    return write_figure(outcome, status, &figure, error);
}

dp_status dp_plot_run(const char *dir, const char *folder, bool principal, dp_plot_outcome *outcome,
                      dp_error *error) {
    char name[DP_PATH_SIZE];
    DP_TRY(begin(dir, folder, outcome, error));
    DP_TRY(dp_run_folder_name(dir, name, error));
    DP_TRY(read_history(dir, &outcome->history, error));
    DP_TRY(write_curves(name, outcome, error));
    DP_TRY(write_embedding(name, dir, principal, outcome, error));
    DP_TRY(dp_text_check(&outcome->notices, error));
    return draw_all(outcome, error);
}

/* --- several ---------------------------------------------------------------------------------- */

typedef struct run_list {
    size_t count;
    char (*names)[DP_PATH_SIZE]; /* [count] */
    const char **shown;          /* [count] what the legend calls them */
    dp_run_curves *curves;       /* [count] */
} run_list;

static void clear_runs(run_list *runs) {
    for (size_t i = 0; i < runs->count && runs->curves != NULL; i++)
        dp_run_curves_clear(&runs->curves[i]);
    dp_memory_free(runs->curves);
    dp_memory_free((void *)runs->shown);
    dp_memory_free(runs->names);
}

/* Runs of one name in different folders are called by their whole paths. */
static void choose_names(run_list *runs, char *const *dirs) {
    for (size_t i = 0; i < runs->count; i++) {
        runs->shown[i] = runs->names[i];
        for (size_t k = 0; k < runs->count; k++) {
            if (i != k && strcmp(runs->names[i], runs->names[k]) == 0)
                runs->shown[i] = dirs[i];
        }
    }
}

/* Only what is drawn of it stays: many runs may have millions of steps each. */
static dp_status read_run(run_list *runs, size_t i, const char *dir, dp_error *error) {
    DP_OWNED(dp_history_clear) dp_history history = {0};
    DP_TRY(dp_run_folder_name(dir, runs->names[i], error));
    DP_TRY(read_history(dir, &history, error));
    return dp_run_curves_find(&history, &runs->curves[i], error);
}

dp_status dp_plot_compare(size_t count, char *const *dirs, const char *folder,
                          dp_plot_outcome *outcome, dp_error *error) {
    dp_gnuplot_figure figure;
    DP_OWNED(clear_runs) run_list runs = {.count = count};
    DP_TRY(begin(dirs[0], folder, outcome, error));
    DP_TRY_NEW(runs.names, count);
    DP_TRY_NEW(runs.shown, count);
    DP_TRY_NEW(runs.curves, count);
    for (size_t i = 0; i < count; i++)
        DP_TRY(read_run(&runs, i, dirs[i], error));
    choose_names(&runs, dirs);
    const dp_status filled = dp_figure_compare(count, runs.shown, runs.curves, &figure, error);
    DP_TRY(write_figure(outcome, filled, &figure, error));
    return draw_all(outcome, error);
}
