#include "plots/run_figures.h"

#include "base/memory.h"
#include "compare_gp.h"
#include "loss_gp.h"
#include "plots/axis.h"
#include "train_dev_gp.h"

#include <math.h>
#include <stdio.h>

#define CLOUD_POINTS 1000
#define CLOUD_STRETCHES 825 /* pixels that the steps take */
#define LINE_POINTS 600
#define LOG_FACTOR                                                                                 \
    1000.0                 /* of the losses on a logarithmic axis, from the least to the greatest  \
                            */
#define LINEAR_FACTOR 10.0 /* and on another one */
#define MARK_POINTS 30     /* of the points of a line those with a marker */

/* --- what all figures have -------------------------------------------------------------------- */

static void append_block(dp_text *data, const char *name, const dp_curve *curve) {
    dp_text_append_format(data, "%s# %s\n", data->length == 0 ? "" : "\n\n", name);
    for (size_t i = 0; i < curve->count; i++)
        dp_text_append_format(data, "%.15g\t%.8g\n", curve->points[i].x, curve->points[i].y);
}

/* The lowest evaluation of dev; y is NaN where there is none. */
static dp_point find_best(const dp_metrics_table *metrics) {
    dp_point best = {.y = NAN};
    for (size_t i = 0; i < metrics->count; i++) {
        const double loss = metrics->rows[i].split_loss[DP_SPLIT_DEV];
        if (isfinite(loss) && !(loss >= best.y))
            best = (dp_point){.x = (double)metrics->rows[i].step, .y = loss};
    }
    return best;
}

/* " 2.1704": four decimals, or what is left of them for a loss gone astray; "" of none. */
static const char *show_loss(double loss, char buffer[32]) {
    buffer[0] = '\0';
    if (!isnan(loss))
        snprintf(buffer, 32, fabs(loss) < 1e4 ? " %.4f" : " %.3g", loss);
    return buffer;
}

#define LOSS_TEXT(loss) show_loss((loss), (char[32]){0})

/* The title's parts: the name, and ": best dev loss 2.1704 at step 190,000". */
static void assign_title(dp_text *values, const char *name, dp_point best) {
    dp_gnuplot_assign(values, "run_name", "%s", name);
    dp_gnuplot_assign(values, "result", "%s", "");
    if (!isnan(best.y))
        dp_gnuplot_assign(values, "result", ": best dev loss%s at step %s", LOSS_TEXT(best.y),
                          DP_COUNT_TEXT((uint64_t)best.x));
}

/* Every how many points of a line have a marker, so that these do not run together. */
static void assign_marks(dp_text *values, const char *variable, const dp_curve *curve) {
    dp_text_append_format(values, "%s = %zu\n", variable,
                          (curve->count + MARK_POINTS - 1) / MARK_POINTS + (curve->count == 0));
}

/* Behind it lies the steep fall of the beginning. */
static double settled(double steps) {
    return steps / 50.0;
}

static void assign_steps(dp_text *values, double last) {
    const dp_axis axis = dp_axis_linear(0.0, fmax(last, 5.0), 0.0); /* no halves of a step */
    dp_axis_assign(&axis, "steps", "x", DP_AXIS_NUMBERS, values);
    dp_axis_assign(&axis, "steps_bare", "x", DP_AXIS_BARE, values);
}

static void assign_losses(dp_text *values, const dp_axis *axis) {
    dp_axis_assign(axis, "losses", "y", DP_AXIS_NUMBERS, values);
    dp_axis_assign(axis, "perplexities", "y2", DP_AXIS_PERPLEXITIES, values);
}

/* Rates that jump by factors are compared by them; others that glide, as to 0 by a cosine, have no
 * lowest one that would say where such an axis begins. */
static void assign_rates(dp_text *values, const dp_range *range, bool in_steps) {
    const bool wide = in_steps && range->low > 0.0 && range->high > 5.0 * range->low;
    const bool known = range->low <= range->high;
    dp_axis axis =
        wide ? dp_axis_logarithmic(range->low, range->high, 0.12)
             : dp_axis_linear(known ? fmin(range->low, 0.0) : 0.0, known ? range->high : 1.0, 0.12);
    dp_axis_thin(&axis, 3); /* the panel is low */
    dp_axis_assign(&axis, "rates", "y", DP_AXIS_NUMBERS, values);
}

/* --- loss ------------------------------------------------------------------------------------- */

void dp_run_curves_clear(dp_run_curves *curves) {
    dp_curve_clear(&curves->smooth);
    dp_curve_clear(&curves->dev);
    dp_curve_clear(&curves->rate);
}

dp_status dp_run_curves_find(const dp_history *history, dp_run_curves *curves, dp_error *error) {
    const dp_metrics_table *metrics = &history->metrics;
    curves->end = (double)dp_history_end(history);
    DP_TRY(dp_curve_smooth(history, LINE_POINTS, &curves->smooth, error));
    DP_TRY(dp_curve_split(metrics, DP_SPLIT_DEV, LINE_POINTS, &curves->dev, error));
    curves->best = find_best(metrics);
    return dp_curve_rate(metrics, LINE_POINTS, &curves->rate, &curves->rate_in_steps, error);
}

/* The single minibatches, as points or, where they are too many, as a cloud. */
typedef struct batches {
    dp_curve points;
    dp_cloud cloud;
} batches;

static void clear_batches(batches *drawn) {
    dp_curve_clear(&drawn->points);
    dp_cloud_clear(&drawn->cloud);
}

static dp_status find_batches(const dp_history *history, batches *drawn, dp_error *error) {
    DP_TRY(dp_curve_batches(history, CLOUD_POINTS, &drawn->points, error));
    return dp_cloud_find(history, CLOUD_POINTS, CLOUD_STRETCHES, &drawn->cloud, error);
}

/* step, least, median, greatest. */
static void append_cloud(dp_text *data, const dp_cloud *cloud) {
    dp_text_append(data, "\n\n# cloud\n");
    for (size_t i = 0; i < cloud->low.count; i++)
        dp_text_append_format(data, "%.15g\t%.8g\t%.8g\t%.8g\n", cloud->low.points[i].x,
                              cloud->low.points[i].y, cloud->median.points[i].y,
                              cloud->high.points[i].y);
}

/* What the axis of losses has to show. Of single minibatches the outliers may leave it. */
static dp_status find_losses(const dp_run_curves *curves, const batches *drawn, dp_range *losses,
                             dp_error *error) {
    const double from = settled(curves->end);
    DP_TRY(dp_range_add(losses, &drawn->points, from, 0.002, error));
    DP_TRY(dp_range_add(losses, &drawn->cloud.low, from, 0.01, error));
    DP_TRY(dp_range_add(losses, &drawn->cloud.high, from, 0.01, error));
    DP_TRY(dp_range_add(losses, &curves->smooth, from, 0.0, error));
    DP_TRY(dp_range_add(losses, &curves->dev, from, 0.0, error));
    dp_range_bound(losses, LOG_FACTOR);
    return DP_OK;
}

static double first_loss(const dp_curve *curve) {
    return curve->count > 0 ? curve->points[0].y : NAN;
}

static double last_loss(const dp_curve *curve) {
    return curve->count > 0 ? curve->points[curve->count - 1].y : NAN;
}

/* What is cut off above is said there: "begins at 24.3, ends at 1e+30". */
static void assign_beyond(dp_text *values, const dp_curve *smooth, double high) {
    const double first = first_loss(smooth), last = last_loss(smooth);
    DP_OWNED(dp_text_clear) dp_text beyond = {0};
    if (first > high)
        dp_text_append_format(&beyond, "begins at %.3g", first);
    if (last > high)
        dp_text_append_format(&beyond, "%sends at %.3g", beyond.length == 0 ? "" : ", ", last);
    dp_gnuplot_assign(values, "beyond", "%s", dp_text_string(&beyond));
    values->failed |= beyond.failed;
}

static void assign_loss_panel(dp_text *values, const dp_run_curves *curves, const batches *drawn,
                              const dp_range *losses) {
    const dp_axis axis = dp_axis_logarithmic(losses->low, losses->high, 0.04);
    assign_losses(values, &axis);
    assign_beyond(values, &curves->smooth, axis.high);
    dp_text_append_format(values,
                          "batch_count = %zu\ncloud_count = %zu\nsmooth_count = %zu\n"
                          "dev_count = %zu\nrate_count = %zu\nrate_jumps = %d\n",
                          drawn->points.count, drawn->cloud.low.count, curves->smooth.count,
                          curves->dev.count, curves->rate.count, curves->rate_in_steps);
}

dp_status dp_figure_loss(const char *name, const dp_history *history, dp_gnuplot_figure *figure,
                         dp_error *error) {
    DP_OWNED(dp_run_curves_clear) dp_run_curves curves = {0};
    DP_OWNED(clear_batches) batches drawn = {0};
    dp_range losses = DP_RANGE_EMPTY, rates = DP_RANGE_EMPTY;
    dp_text *data = &figure->data;
    *figure = (dp_gnuplot_figure){.name = "loss", .width = 1000, .height = 620, .script = loss_gp};
    DP_TRY(dp_run_curves_find(history, &curves, error));
    DP_TRY(find_batches(history, &drawn, error));
    DP_TRY(find_losses(&curves, &drawn, &losses, error));
    DP_TRY(dp_range_add(&rates, &curves.rate, 0.0, 0.0, error));
    append_block(data, "batches", &drawn.points);
    append_cloud(data, &drawn.cloud);
    append_block(data, "smooth", &curves.smooth);
    append_block(data, "dev", &curves.dev);
    append_block(data, "rate", &curves.rate);
    assign_title(&figure->values, name, curves.best);
    assign_marks(&figure->values, "dev_every", &curves.dev);
    assign_steps(&figure->values, curves.end);
    assign_loss_panel(&figure->values, &curves, &drawn, &losses);
    assign_rates(&figure->values, &rates, curves.rate_in_steps);
    return DP_OK;
}

/* --- train and dev ---------------------------------------------------------------------------- */

/* Where the axis of losses begins to look: behind the steep fall of the beginning, but not behind
 * the first of dev. */
static double first_shown(const dp_curve *dev, double end) {
    return dev->count > 0 ? fmin(dev->points[0].x, settled(end)) : settled(end);
}

dp_status dp_figure_train_dev(const char *name, const dp_history *history,
                              dp_gnuplot_figure *figure, dp_error *error) {
    DP_OWNED(dp_curve_clear) dp_curve train = {0};
    DP_OWNED(dp_curve_clear) dp_curve dev = {0};
    dp_range range = DP_RANGE_EMPTY;
    dp_text *values = &figure->values;
    const double end = (double)dp_history_end(history);
    dp_point best = find_best(&history->metrics);
    const dp_curve lowest = {.points = &best, .count = (size_t)!isnan(best.y)};
    *figure = (dp_gnuplot_figure){
        .name = "train_dev", .width = 1000, .height = 560, .script = train_dev_gp};
    DP_TRY(dp_curve_split(&history->metrics, DP_SPLIT_TRAIN, LINE_POINTS, &train, error));
    DP_TRY(dp_curve_split(&history->metrics, DP_SPLIT_DEV, LINE_POINTS, &dev, error));
    const bool evaluated = train.count >= 3;
    if (!evaluated) {
        dp_curve_clear(&train);
        DP_TRY(dp_curve_smooth(history, LINE_POINTS, &train, error));
    }
    DP_TRY(dp_range_add(&range, &dev, 0.0, 0.0, error));
    DP_TRY(dp_range_add(&range, &lowest, 0.0, 0.0, error));
    DP_TRY(dp_range_add(&range, &train, first_shown(&dev, end), 0.0, error));
    append_block(&figure->data, "train", &train);
    append_block(&figure->data, "dev", &dev);
    append_block(&figure->data, "best", &lowest);
    dp_range_bound(&range, LINEAR_FACTOR);
    const dp_axis losses = dp_axis_linear(range.low, range.high, 0.06);
    assign_title(values, name, best);
    assign_marks(values, "train_every", &train);
    assign_marks(values, "dev_every", &dev);
    assign_steps(values, end);
    assign_losses(values, &losses);
    dp_gnuplot_assign(values, "train_title", "train%s%s", evaluated ? "" : " (smoothed)",
                      LOSS_TEXT(last_loss(&train)));
    dp_gnuplot_assign(values, "dev_title", "dev%s", LOSS_TEXT(last_loss(&dev)));
    dp_text_append_format(values, "train_marked = %d\n", evaluated || train.count < 2);
    return DP_OK;
}

/* --- several runs ----------------------------------------------------------------------------- */

static void append_run_block(dp_text *data, const char *kind, size_t run, const dp_curve *curve) {
    char name[32];
    snprintf(name, sizeof name, "%s%02zu", kind, run);
    append_block(data, name, curve);
}

/* A run's data, and the legend: " 2.1704", its best dev loss, and NAME. */
static void append_run(dp_gnuplot_figure *figure, size_t run, const char *name,
                       const dp_run_curves *curves) {
    dp_text *data = &figure->data, *values = &figure->values;
    char variable[32];
    append_run_block(data, "smooth", run, &curves->smooth);
    append_run_block(data, "dev", run, &curves->dev);
    append_run_block(data, "rate", run, &curves->rate);
    snprintf(variable, sizeof variable, "legend[%zu]", run + 1);
    dp_gnuplot_assign(values, variable, "%s", name);
    snprintf(variable, sizeof variable, "best[%zu]", run + 1);
    dp_gnuplot_assign(values, variable, "%s", LOSS_TEXT(curves->best.y));
    snprintf(variable, sizeof variable, "dev_every[%zu]", run + 1);
    assign_marks(values, variable, &curves->dev);
    dp_text_append_format(values, "jumps[%zu] = %d\n", run + 1, curves->rate_in_steps);
}

/* What runs ask of the axes. */
typedef struct ranges {
    dp_range losses;
    dp_range rates;
    bool in_steps; /* all of the rates */
    double steps;  /* of the longest run */
} ranges;

static dp_status find_ranges(size_t count, const dp_run_curves *runs, ranges *found,
                             dp_error *error) {
    *found = (ranges){.losses = DP_RANGE_EMPTY, .rates = DP_RANGE_EMPTY, .in_steps = true};
    for (size_t run = 0; run < count; run++)
        found->steps = fmax(found->steps, runs[run].end);
    for (size_t run = 0; run < count; run++) {
        const dp_run_curves *curves = &runs[run];
        /* Of a run that ends before the longest has settled at least the end is seen. */
        const double from = fmin(settled(found->steps), curves->end);
        DP_TRY(dp_range_add(&found->losses, &curves->smooth, from, 0.0, error));
        DP_TRY(dp_range_add(&found->losses, &curves->dev, from, 0.0, error));
        DP_TRY(dp_range_add(&found->rates, &curves->rate, 0.0, 0.0, error));
        found->in_steps = found->in_steps && curves->rate_in_steps;
    }
    return DP_OK;
}

dp_status dp_figure_compare(size_t count, const char *const *names, const dp_run_curves *runs,
                            dp_gnuplot_figure *figure, dp_error *error) {
    dp_text *values = &figure->values;
    ranges found;
    const size_t legend = 80 + 26 * count; /* pixels */
    *figure = (dp_gnuplot_figure){.name = "compare",
                                  .width = 1400,
                                  .height = (unsigned)(legend > 620 ? legend : 620),
                                  .script = compare_gp};
    dp_text_append_format(values,
                          "runs = %zu\narray legend[runs]\narray best[runs]\n"
                          "array jumps[runs]\narray dev_every[runs]\n",
                          count);
    DP_TRY(find_ranges(count, runs, &found, error));
    for (size_t run = 0; run < count; run++)
        append_run(figure, run, names[run], &runs[run]);
    dp_range_bound(&found.losses, LOG_FACTOR);
    const dp_axis losses = dp_axis_logarithmic(found.losses.low, found.losses.high, 0.05);
    assign_steps(values, found.steps);
    assign_losses(values, &losses);
    assign_rates(values, &found.rates, found.in_steps);
    return DP_OK;
}
