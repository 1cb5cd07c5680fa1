#include "plots/run_figures.h"

#include "base/memory.h"
#include "compare_gp.h"
#include "loss_gp.h"
#include "plots/axis.h"
#include "plots/curve.h"
#include "train_dev_gp.h"

#include <math.h>
#include <stdio.h>

#define CLOUD_POINTS 1000
#define LINE_POINTS 600
#define MARK_POINTS 30
#define ALL_POINTS (SIZE_MAX / 2)

/* --- what all figures have -------------------------------------------------------------------- */

static void append_block(dp_text *data, const char *name, const dp_curve *curve) {
    dp_text_append_format(data, "%s# %s\n", data->length == 0 ? "" : "\n\n", name);
    for (size_t i = 0; i < curve->count; i++)
        dp_text_append_format(data, "%.15g\t%.8g\n", curve->points[i].x, curve->points[i].y);
}

static const dp_point *lowest(const dp_curve *curve) {
    const dp_point *best = NULL;
    for (size_t i = 0; i < curve->count; i++)
        best = best == NULL || curve->points[i].y < best->y ? &curve->points[i] : best;
    return best;
}

/* " 2.1704": four decimals, or what is left of them for a loss gone astray; "" of no point. */
static const char *show_loss(const dp_point *point, char buffer[32]) {
    buffer[0] = '\0';
    if (point != NULL)
        snprintf(buffer, 32, fabs(point->y) < 1e4 ? " %.4f" : " %.3g", point->y);
    return buffer;
}

#define LOSS_TEXT(point) show_loss((point), (char[32]){0})

/* The title's parts: the name, and ": best dev loss 2.1704 at step 190,000". */
static void assign_title(dp_text *values, const char *name, const dp_curve *dev) {
    const dp_point *best = lowest(dev);
    dp_gnuplot_assign(values, "run_name", "%s", name);
    dp_gnuplot_assign(values, "result", "%s", "");
    if (best != NULL)
        dp_gnuplot_assign(values, "result", ": best dev loss%s at step %s", LOSS_TEXT(best),
                          DP_COUNT_TEXT((uint64_t)best->x));
}

static double last_step(const dp_metrics_table *metrics) {
    return (double)metrics->rows[metrics->count - 1].step;
}

/* Behind it lies the steep fall of the beginning. */
static double settled(double steps) {
    return steps / 50.0;
}

static void assign_steps(dp_text *values, double last) {
    const dp_axis axis = dp_axis_linear(0.0, last, 0.0);
    dp_axis_assign(&axis, "steps", "x", DP_AXIS_NUMBERS, values);
    dp_axis_assign(&axis, "steps_bare", "x", DP_AXIS_BARE, values);
}

static void assign_losses(dp_text *values, const dp_axis *axis) {
    dp_axis_assign(axis, "losses", "y", DP_AXIS_NUMBERS, values);
    dp_axis_assign(axis, "perplexities", "y2", DP_AXIS_PERPLEXITIES, values);
}

static void assign_rates(dp_text *values, const dp_range *range) {
    const bool wide = range->low > 0.0 && range->high > 5.0 * range->low;
    dp_axis axis = wide ? dp_axis_logarithmic(range->low, range->high, 0.12)
                        : dp_axis_linear(fmin(range->low, 0.0), range->high, 0.12);
    dp_axis_thin(&axis, 3); /* the panel is low */
    dp_axis_assign(&axis, "rates", "y", DP_AXIS_NUMBERS, values);
}

/* --- loss ------------------------------------------------------------------------------------- */

typedef struct loss_curves {
    dp_curve batches;
    dp_curve smooth;
    dp_curve dev;
    dp_curve rate;
    bool rate_in_steps;
} loss_curves;

static void clear_curves(loss_curves *curves) {
    dp_curve_clear(&curves->batches);
    dp_curve_clear(&curves->smooth);
    dp_curve_clear(&curves->dev);
    dp_curve_clear(&curves->rate);
}

static dp_status find_curves(const dp_metrics_table *metrics, loss_curves *curves,
                             dp_error *error) {
    DP_TRY(dp_curve_batches(metrics, CLOUD_POINTS, &curves->batches, error));
    DP_TRY(dp_curve_smooth(metrics, LINE_POINTS, &curves->smooth, error));
    DP_TRY(dp_curve_split(metrics, DP_SPLIT_DEV, ALL_POINTS, &curves->dev, error));
    return dp_curve_rate(metrics, LINE_POINTS, &curves->rate, &curves->rate_in_steps, error);
}

/* What is cut off above is said where it is. */
static void assign_loss_panel(dp_text *values, const loss_curves *curves, const dp_range *losses) {
    const dp_axis axis = dp_axis_logarithmic(losses->low, losses->high, 0.04);
    const double first = curves->smooth.count > 0 ? curves->smooth.points[0].y : 0.0;
    assign_losses(values, &axis);
    dp_gnuplot_assign(values, "begins", "%s", "");
    if (first > axis.high)
        dp_gnuplot_assign(values, "begins", "begins at %.3g", first);
    dp_text_append_format(values,
                          "batch_count = %zu\nsmooth_count = %zu\ndev_count = %zu\n"
                          "rate_count = %zu\nrate_jumps = %d\n",
                          curves->batches.count, curves->smooth.count, curves->dev.count,
                          curves->rate.count, curves->rate_in_steps);
}

dp_status dp_figure_loss(const char *name, const dp_metrics_table *metrics,
                         dp_gnuplot_figure *figure, dp_error *error) {
    DP_OWNED(clear_curves) loss_curves curves = {0};
    dp_range losses = DP_RANGE_EMPTY, rates = DP_RANGE_EMPTY;
    const double from = settled(last_step(metrics));
    *figure = (dp_gnuplot_figure){.name = "loss", .width = 1000, .height = 620, .script = loss_gp};
    DP_TRY(find_curves(metrics, &curves, error));
    DP_TRY(dp_range_add(&losses, &curves.batches, from, 0.002, error));
    DP_TRY(dp_range_add(&losses, &curves.smooth, from, 0.0, error));
    DP_TRY(dp_range_add(&losses, &curves.dev, from, 0.0, error));
    DP_TRY(dp_range_add(&rates, &curves.rate, 0.0, 0.0, error));
    append_block(&figure->data, "batches", &curves.batches);
    append_block(&figure->data, "smooth", &curves.smooth);
    append_block(&figure->data, "dev", &curves.dev);
    append_block(&figure->data, "rate", &curves.rate);
    assign_title(&figure->values, name, &curves.dev);
    assign_steps(&figure->values, last_step(metrics));
    assign_loss_panel(&figure->values, &curves, &losses);
    assign_rates(&figure->values, &rates);
    return DP_OK;
}

/* --- train and dev ---------------------------------------------------------------------------- */

static const dp_point *last_point(const dp_curve *curve) {
    return curve->count > 0 ? &curve->points[curve->count - 1] : NULL;
}

/* The lowest point as a curve of its own. */
static void append_best(dp_text *data, const dp_curve *dev) {
    const dp_point *best = lowest(dev);
    dp_point point = best == NULL ? (dp_point){0} : *best;
    append_block(data, "best", &(dp_curve){.points = &point, .count = best != NULL});
}

dp_status dp_figure_train_dev(const char *name, const dp_metrics_table *metrics,
                              dp_gnuplot_figure *figure, dp_error *error) {
    DP_OWNED(dp_curve_clear) dp_curve train = {0};
    DP_OWNED(dp_curve_clear) dp_curve dev = {0};
    dp_range range = DP_RANGE_EMPTY;
    dp_text *values = &figure->values;
    *figure = (dp_gnuplot_figure){
        .name = "train_dev", .width = 1000, .height = 560, .script = train_dev_gp};
    DP_TRY(dp_curve_split(metrics, DP_SPLIT_TRAIN, ALL_POINTS, &train, error));
    DP_TRY(dp_curve_split(metrics, DP_SPLIT_DEV, ALL_POINTS, &dev, error));
    const bool evaluated = train.count >= 3 || train.count == metrics->count;
    if (!evaluated) {
        dp_curve_clear(&train);
        DP_TRY(dp_curve_smooth(metrics, LINE_POINTS, &train, error));
    }
    DP_TRY(dp_range_add(&range, &dev, 0.0, 0.0, error));
    DP_TRY(dp_range_add(&range, &train, dev.count > 0 ? dev.points[0].x : 0.0, 0.0, error));
    append_block(&figure->data, "train", &train);
    append_block(&figure->data, "dev", &dev);
    append_best(&figure->data, &dev);
    const dp_axis losses = dp_axis_linear(range.low, range.high, 0.06);
    assign_title(values, name, &dev);
    assign_steps(values, last_step(metrics));
    assign_losses(values, &losses);
    dp_gnuplot_assign(values, "train_title", "train%s%s", evaluated ? "" : " (smoothed)",
                      LOSS_TEXT(last_point(&train)));
    dp_gnuplot_assign(values, "dev_title", "dev%s", LOSS_TEXT(last_point(&dev)));
    dp_text_append_format(values, "train_marked = %d\n", evaluated || train.count < 2);
    return DP_OK;
}

/* --- several runs ----------------------------------------------------------------------------- */

typedef struct comparison {
    dp_gnuplot_figure *figure;
    dp_range losses;
    dp_range rates;
    double steps; /* of the longest run */
} comparison;

static void append_run_block(dp_text *data, const char *kind, size_t run, const dp_curve *curve) {
    char name[32];
    snprintf(name, sizeof name, "%s%02zu", kind, run);
    append_block(data, name, curve);
}

/* A run's data, what it asks of the axes, and the legend: "NAME 2.1704", its best dev loss. */
static dp_status add_run(comparison *self, size_t run, const char *name,
                         const dp_metrics_table *metrics, dp_error *error) {
    DP_OWNED(clear_curves) loss_curves curves = {0};
    DP_OWNED(dp_curve_clear) dp_curve marks = {0};
    dp_text *data = &self->figure->data, *values = &self->figure->values;
    char variable[32];
    /* Of a run that ends before the longest has settled at least the end is seen. */
    const double from = fmin(settled(self->steps), last_step(metrics));
    DP_TRY(find_curves(metrics, &curves, error));
    DP_TRY(dp_curve_split(metrics, DP_SPLIT_DEV, MARK_POINTS, &marks, error));
    DP_TRY(dp_range_add(&self->losses, &curves.smooth, from, 0.0, error));
    DP_TRY(dp_range_add(&self->losses, &curves.dev, from, 0.0, error));
    DP_TRY(dp_range_add(&self->rates, &curves.rate, 0.0, 0.0, error));
    append_run_block(data, "smooth", run, &curves.smooth);
    append_run_block(data, "dev", run, &marks);
    append_run_block(data, "rate", run, &curves.rate);
    snprintf(variable, sizeof variable, "legend[%zu]", run + 1);
    dp_gnuplot_assign(values, variable, "%s", name);
    snprintf(variable, sizeof variable, "best[%zu]", run + 1);
    dp_gnuplot_assign(values, variable, "%s", LOSS_TEXT(lowest(&curves.dev)));
    dp_text_append_format(values, "jumps[%zu] = %d\n", run + 1, curves.rate_in_steps);
    return DP_OK;
}

dp_status dp_figure_compare(size_t count, const char *const *names, const dp_metrics_table *metrics,
                            dp_gnuplot_figure *figure, dp_error *error) {
    dp_text *values = &figure->values;
    comparison self = {.figure = figure, .losses = DP_RANGE_EMPTY, .rates = DP_RANGE_EMPTY};
    *figure =
        (dp_gnuplot_figure){.name = "compare", .width = 1000, .height = 620, .script = compare_gp};
    dp_text_append_format(
        values, "runs = %zu\narray legend[runs]\narray best[runs]\narray jumps[runs]\n", count);
    for (size_t run = 0; run < count; run++)
        self.steps = fmax(self.steps, last_step(&metrics[run]));
    for (size_t run = 0; run < count; run++)
        DP_TRY(add_run(&self, run, names[run], &metrics[run], error));
    const dp_axis losses = dp_axis_logarithmic(self.losses.low, self.losses.high, 0.05);
    assign_steps(values, self.steps);
    assign_losses(values, &losses);
    assign_rates(values, &self.rates);
    return DP_OK;
}
