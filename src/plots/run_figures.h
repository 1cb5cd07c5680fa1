/* run_figures: the figures of the curves of runs, as data and variables for gnuplot.
 *
 * Each function fills a figure (plots/gnuplot) that the caller clears, also after a failure.
 * Names of runs are shown as they are, shortened where they are long.
 */
#ifndef DP_PLOTS_RUN_FIGURES_H
#define DP_PLOTS_RUN_FIGURES_H

#include "plots/curve.h"
#include "plots/gnuplot.h"

/* "loss": all minibatches and smoothed, and dev, on a logarithmic axis; below it the learning rate.
 * The history has at least one step. */
dp_status dp_figure_loss(const char *name, const dp_history *history, dp_gnuplot_figure *figure,
                         dp_error *error) DP_CHECKED;

/* "train_dev": both losses where they were evaluated; for train, where that was seldom, the
 * smoothed minibatches. Dev was evaluated once at least. */
dp_status dp_figure_train_dev(const char *name, const dp_history *history,
                              dp_gnuplot_figure *figure, dp_error *error) DP_CHECKED;

/* What "compare" shows of a run: released with dp_run_curves_clear. */
typedef struct dp_run_curves {
    double end; /* its last step */
    dp_curve smooth;
    dp_curve dev;
    dp_point best; /* the lowest of dev; y is NaN where there is none */
    dp_curve rate;
    bool rate_in_steps;
} dp_run_curves;

dp_status dp_run_curves_find(const dp_history *history, dp_run_curves *curves,
                             dp_error *error) DP_CHECKED;
void dp_run_curves_clear(dp_run_curves *curves);

/* "compare": smoothed minibatches and dev of `count` runs, and below their learning rates. */
dp_status dp_figure_compare(size_t count, const char *const *names, const dp_run_curves *runs,
                            dp_gnuplot_figure *figure, dp_error *error) DP_CHECKED;

#endif
