/* plot: the pictures of runs, from their folders.
 *
 * Reads metrics.csv and losses.f32, also of a run that goes on, and the best checkpoint. All data
 * and scripts are written before the first picture is drawn, so that without gnuplot they are
 * complete. Not collective; rank 0 works.
 */
#ifndef DP_PLOTS_PLOT_H
#define DP_PLOTS_PLOT_H

#include "plots/curve.h"
#include "system/file.h"

#define DP_PLOT_RUNS_MAX 32
#define DP_PLOT_FIGURES_MAX 4

typedef struct dp_plot_outcome {
    char folder[DP_PATH_SIZE];                /* where the files are */
    const char *figures[DP_PLOT_FIGURES_MAX]; /* names of what was drawn: "loss" */
    size_t count;
    bool is_held;       /* the folder, so that others who draw there wait until this is cleared */
    int holder;         /* of it: a descriptor */
    dp_history history; /* of one run; empty where it could not be read */
    dp_text notices;    /* a line for each figure left out, and why */
} dp_plot_outcome;

void dp_plot_clear(dp_plot_outcome *outcome);

/* Draws loss, train_dev and embedding (embedding_pca where `principal`) of one run into `folder`,
 * which is created; "": DIR/plots. Losses must be there; of the others it is noticed where they
 * have no data yet. DP_ERR_IO without gnuplot (plots/gnuplot). */
dp_status dp_plot_run(const char *dir, const char *folder, bool principal, dp_plot_outcome *outcome,
                      dp_error *error) DP_CHECKED;

/* Draws compare, of 1 to DP_PLOT_RUNS_MAX runs; "": into plots/ of the first of them. */
dp_status dp_plot_compare(size_t count, char *const *dirs, const char *folder,
                          dp_plot_outcome *outcome, dp_error *error) DP_CHECKED;

#endif
