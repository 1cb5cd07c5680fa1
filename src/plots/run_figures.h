/* run_figures: the figures of the curves of runs, as data and variables for gnuplot.
 *
 * Each function fills a figure (plots/gnuplot) that the caller clears, also after a failure.
 * Names of runs are shown as they are, shortened where they are long.
 */
#ifndef DP_PLOTS_RUN_FIGURES_H
#define DP_PLOTS_RUN_FIGURES_H

#include "plots/gnuplot.h"
#include "run/metrics.h"

/* "loss": minibatches one by one and smoothed, and dev, on a logarithmic axis; below it the
 * learning rate. The table has at least one row. */
dp_status dp_figure_loss(const char *name, const dp_metrics_table *metrics,
                         dp_gnuplot_figure *figure, dp_error *error) DP_CHECKED;

/* "train_dev": both losses where they were evaluated; for train, where that was seldom, the
 * smoothed minibatches. */
dp_status dp_figure_train_dev(const char *name, const dp_metrics_table *metrics,
                              dp_gnuplot_figure *figure, dp_error *error) DP_CHECKED;

/* "compare": smoothed minibatches and dev of `count` runs, and below their learning rates. */
dp_status dp_figure_compare(size_t count, const char *const *names, const dp_metrics_table *metrics,
                            dp_gnuplot_figure *figure, dp_error *error) DP_CHECKED;

#endif
