#include "plots/run_figures.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "plots/axis.h"
#include "plots/curve.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CLOUD_POINTS 1000
#define LINE_POINTS 600
#define MARK_POINTS 30
#define NAME_LENGTH_MAX 40 /* code points */

/* --- what all figures have -------------------------------------------------------------------- */

static void append_block(dp_text *data, const char *name, const dp_curve *curve) {
    dp_text_append_format(data, "%s# %s\n", data->length == 0 ? "" : "\n\n", name);
    for (size_t i = 0; i < curve->count; i++)
        dp_text_append_format(data, "%.15g\t%.8g\n", curve->points[i].x, curve->points[i].y);
}

/* The name of a run, cut where a title or a legend has no room for more. */
static void append_name(dp_text *out, const char *name) {
    uint32_t code_point = 0;
    size_t shown = 0, end = 0;
    for (; shown < NAME_LENGTH_MAX && name[end] != '\0'; shown++)
        end += dp_utf8_next_shown(name + end, &code_point);
    dp_text_append_bytes(out, name, end);
    dp_text_append(out, name[end] != '\0' ? "\xE2\x80\xA6" : ""); /* an ellipsis */
}

static const dp_point *lowest(const dp_curve *curve) {
    const dp_point *best = NULL;
    for (size_t i = 0; i < curve->count; i++)
        best = best == NULL || curve->points[i].y < best->y ? &curve->points[i] : best;
    return best;
}

/* Four decimals, or what is left of them for a loss gone astray. */
static void append_loss(dp_text *out, double loss) {
    dp_text_append_format(out, fabs(loss) < 1e4 ? " %.4f" : " %.3g", loss);
}

/* "NAME: best dev loss 2.1704 at step 190,000". */
static void append_title(dp_text *names, const char *name, const dp_curve *dev) {
    dp_text title = {0};
    const dp_point *best = lowest(dev);
    append_name(&title, name);
    if (best != NULL) {
        dp_text_append(&title, ": best dev loss");
        append_loss(&title, best->y);
        dp_text_append_format(&title, " at step %s", DP_COUNT_TEXT((uint64_t)best->x));
    }
    dp_gnuplot_assign(names, "run_title", &title);
    dp_text_clear(&title);
}

/* Where a panel ends that has perplexities on its right side: a fraction of the picture's width. */
#define RIGHT_OF_LOSSES 0.915

/* The part of the picture for the next plot, from the lower edge: fractions of its height. */
static void append_panel(dp_text *commands, double right, double bottom, double top) {
    dp_text_append_format(commands,
                          "set lmargin at screen 0.09\nset rmargin at screen %g\n"
                          "set bmargin at screen %g\nset tmargin at screen %g\n",
                          right, bottom, top);
}

/* The legend in a line of its own between title and plot, where it hides nothing. */
#define LEGEND_ABOVE                                                                               \
    "set key horizontal at graph 0.5, 1.025 center bottom\nset title run_title offset 0, 1.1\n"

static double last_step(const dp_metrics_table *metrics) {
    return (double)metrics->rows[metrics->count - 1].step;
}

static dp_axis step_axis(const dp_metrics_table *metrics) {
    return dp_axis_linear(0.0, last_step(metrics));
}

/* All evaluations of a split. */
static dp_status find_split(const dp_metrics_table *metrics, dp_split split, dp_curve *curve,
                            dp_error *error) {
    return dp_curve_split(metrics, split, SIZE_MAX / 2, curve, error);
}

static dp_axis rate_axis(const dp_range *range) {
    bool wide = range->low > 0.0 && range->high > 5.0 * range->low;
    return dp_axis_widen(wide ? dp_axis_logarithmic(range->low, range->high)
                              : dp_axis_linear(fmin(range->low, 0.0), range->high),
                         0.12);
}

/* The lower panel's frame: the learning rate against the step. */
static void append_rate_panel(dp_text *commands, double right, const dp_range *rates,
                              const dp_axis *steps) {
    dp_axis axis = rate_axis(rates);
    dp_axis_thin(&axis, 3); /* the panel is low */
    append_panel(commands, right, 0.115, 0.275);
    dp_axis_append(steps, "x", true, commands);
    dp_axis_append(&axis, "y", true, commands);
    dp_text_append(commands, "unset title\nset xlabel \"step\"\nset ylabel \"learning rate\"\n");
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
    DP_TRY(find_split(metrics, DP_SPLIT_DEV, &curves->dev, error));
    return dp_curve_rate(metrics, LINE_POINTS, &curves->rate, &curves->rate_in_steps, error);
}

/* What is cut off above, said where it is. */
static void append_cut_notice(dp_text *commands, const dp_curve *smooth, const dp_axis *axis) {
    if (smooth->count > 0 && smooth->points[0].y > axis->high)
        dp_text_append_format(commands,
                              "set label 1 \"begins at %.3g\" at graph 0.012, 0.965 "
                              "textcolor rgb \"" DP_COLOUR_QUIET "\" font small\n",
                              smooth->points[0].y);
}

static void append_loss_panel(dp_text *commands, const loss_curves *curves, const dp_range *losses,
                              const dp_axis *steps) {
    dp_axis axis = dp_axis_widen(dp_axis_logarithmic(losses->low, losses->high), 0.04);
    append_panel(commands, RIGHT_OF_LOSSES, 0.335, 0.885);
    dp_axis_append(steps, "x", false, commands);
    dp_axis_append(&axis, "y", true, commands);
    dp_axis_append_perplexities(&axis, commands);
    append_cut_notice(commands, &curves->smooth, &axis);
    dp_text_append_format(
        commands,
        LEGEND_ABOVE
        "set ylabel \"loss, nats a token (log10 scale)\"\n"
        "plot data index \"batches\" with points pt 7 ps %g*marker lc rgb \"" DP_COLOUR_CLOUD
        "\" title \"one minibatch\", \\\n"
        "     data index \"smooth\" with lines lw 2.2 lc rgb \"" DP_COLOUR_LINE
        "\" title \"minibatches, smoothed\"",
        curves->batches.count > 200 ? 0.35 : 0.7); /* few dots would be lost */
    if (curves->smooth.count < 2)                  /* which make no line */
        dp_text_append(commands, ", \\\n     data index \"smooth\" with points pt 7 ps 0.8*marker "
                                 "lc rgb \"" DP_COLOUR_LINE "\" notitle");
    if (curves->dev.count > 0)
        dp_text_append(commands, ", \\\n     data index \"dev\" with points pt 13 ps 1*marker "
                                 "lc rgb \"" DP_COLOUR_MARK "\" title \"dev\"");
    dp_text_append(commands, "\nunset label\nunset key\nunset y2tics\nunset y2label\n");
}

static dp_status find_loss_range(const dp_metrics_table *metrics, const loss_curves *curves,
                                 dp_range *range, dp_error *error) {
    double from = dp_curve_settled(last_step(metrics));
    *range = DP_RANGE_EMPTY;
    DP_TRY(dp_range_add(range, &curves->batches, from, 0.002, error));
    DP_TRY(dp_range_add(range, &curves->smooth, from, 0.0, error));
    return dp_range_add(range, &curves->dev, from, 0.0, error);
}

/* Jumps hold from the point before to the point itself. */
static const char *rate_style(bool in_steps) {
    return in_steps ? "fsteps" : "lines";
}

dp_status dp_figure_loss(const char *name, const dp_metrics_table *metrics,
                         dp_gnuplot_figure *figure, dp_error *error) {
    DP_OWNED(clear_curves) loss_curves curves = {0};
    dp_range losses, rates = DP_RANGE_EMPTY;
    dp_axis steps = step_axis(metrics);
    *figure = (dp_gnuplot_figure){.name = "loss", .width = 1000, .height = 620};
    DP_TRY(find_curves(metrics, &curves, error));
    DP_TRY(find_loss_range(metrics, &curves, &losses, error));
    DP_TRY(dp_range_add(&rates, &curves.rate, 0.0, 0.0, error));
    append_block(&figure->data, "batches", &curves.batches);
    append_block(&figure->data, "smooth", &curves.smooth);
    append_block(&figure->data, "dev", &curves.dev);
    append_block(&figure->data, "rate", &curves.rate);
    append_title(&figure->names, name, &curves.dev);
    dp_text_append(&figure->commands, "set multiplot\n");
    append_loss_panel(&figure->commands, &curves, &losses, &steps);
    append_rate_panel(&figure->commands, RIGHT_OF_LOSSES, &rates, &steps);
    dp_text_append_format(&figure->commands,
                          "plot data index \"rate\" with %s lw 2 lc rgb \"" DP_COLOUR_QUIET "\"\n"
                          "unset multiplot\n",
                          curves.rate.count < 2 ? "points pt 7 ps marker"
                                                : rate_style(curves.rate_in_steps));
    return DP_OK;
}

/* --- train and dev ---------------------------------------------------------------------------- */

static void append_end(dp_text *commands, const dp_curve *curve) {
    if (curve->count > 0)
        append_loss(commands, curve->points[curve->count - 1].y);
}

static void append_train_dev(dp_text *commands, const dp_curve *train, bool evaluated,
                             const dp_curve *dev) {
    dp_text_append_format(
        commands,
        LEGEND_ABOVE "set xlabel \"step\"\n"
                     "set ylabel \"loss, nats a token\"\n"
                     "plot data index \"train\" with %s lw 2 lc rgb \"" DP_COLOUR_LINE
                     "\" title \"train%s",
        evaluated || train->count < 2 ? "linespoints pt 7 ps 0.7*marker" : "lines",
        evaluated ? "" : " (smoothed)");
    append_end(commands, train);
    dp_text_append(
        commands,
        "\", \\\n     data index \"dev\" with linespoints dt (12,5) pt 13 ps 1.1*marker lw 2 "
        "lc rgb \"" DP_COLOUR_MARK "\" title \"dev");
    append_end(commands, dev);
    dp_text_append(commands,
                   "\", \\\n     data index \"best\" with points pt 6 ps 2.4*marker lw 1.6 "
                   "lc rgb \"" DP_COLOUR_INK "\" title \"best dev\"\n");
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
    *figure = (dp_gnuplot_figure){.name = "train_dev", .width = 1000, .height = 560};
    DP_TRY(find_split(metrics, DP_SPLIT_TRAIN, &train, error));
    DP_TRY(find_split(metrics, DP_SPLIT_DEV, &dev, error));
    bool evaluated = train.count >= 3 || train.count == metrics->count;
    if (!evaluated) {
        dp_curve_clear(&train);
        DP_TRY(dp_curve_smooth(metrics, LINE_POINTS, &train, error));
    }
    append_title(&figure->names, name, &dev);
    DP_TRY(dp_range_add(&range, &dev, 0.0, 0.0, error));
    DP_TRY(dp_range_add(&range, &train, dev.count > 0 ? dev.points[0].x : 0.0, 0.0, error));
    append_block(&figure->data, "train", &train);
    append_block(&figure->data, "dev", &dev);
    append_best(&figure->data, &dev);
    dp_axis steps = step_axis(metrics);
    dp_axis losses = dp_axis_widen(dp_axis_linear(range.low, range.high), 0.06);
    append_panel(&figure->commands, RIGHT_OF_LOSSES, 0.12, 0.87);
    dp_axis_append(&steps, "x", true, &figure->commands);
    dp_axis_append(&losses, "y", true, &figure->commands);
    dp_axis_append_perplexities(&losses, &figure->commands);
    append_train_dev(&figure->commands, &train, evaluated, &dev);
    return DP_OK;
}

/* --- several runs ----------------------------------------------------------------------------- */

/* What tells run i from the others: colours of different greys, dashes and markers, whose numbers
 * have no common divisor, so that many runs differ in one of them at least. The colours are Paul
 * Tol's "bright" scheme, made for all kinds of colour vision. */
static const char *const run_colours[] = {"#4477aa", "#ee6677", "#228833", "#ccbb44",
                                          "#66ccee", "#aa3377", "#999999"};
static const char *const run_dashes[] = {"solid", "(12,5)", "(3,4)", "(14,4,3,4)"};
static const int run_markers[] = {7, 13, 5, 9, 11};

#define PICK(list, i) ((list)[(i) % (sizeof(list) / sizeof(list)[0])])
#define KEY_INSIDE_MAX 6

typedef struct comparison {
    dp_gnuplot_figure *figure;
    dp_range losses;
    dp_range rates;
    double steps;   /* of the longest run */
    bool *in_steps; /* [runs] whether its rate jumps */
} comparison;

static void append_run_style(dp_text *commands, size_t run) {
    dp_text_append_format(commands, " lw 2 lc rgb \"%s\" dt %s", PICK(run_colours, run),
                          PICK(run_dashes, run));
}

static void append_run_block(dp_text *data, const char *kind, size_t run, const dp_curve *curve) {
    char name[32];
    snprintf(name, sizeof name, "%s%02zu", kind, run);
    append_block(data, name, curve);
}

/* "NAME  2.1704", its best dev loss, as what the legend says of a run. */
static void append_legend(dp_text *names, size_t run, const char *name, const dp_curve *dev) {
    dp_text legend = {0};
    char variable[32];
    const dp_point *best = lowest(dev);
    snprintf(variable, sizeof variable, "run%02zu", run);
    append_name(&legend, name);
    if (best != NULL)
        append_loss(&legend, best->y);
    dp_gnuplot_assign(names, variable, &legend);
    dp_text_clear(&legend);
}

/* The data of a run, and what it asks of the axes. */
static dp_status add_run(comparison *self, size_t run, const char *name,
                         const dp_metrics_table *metrics, dp_error *error) {
    DP_OWNED(clear_curves) loss_curves curves = {0};
    DP_OWNED(dp_curve_clear) dp_curve marks = {0};
    dp_text *data = &self->figure->data;
    /* Of a run that ends before the longest has settled at least the end is seen. */
    const double from = fmin(dp_curve_settled(self->steps), last_step(metrics));
    DP_TRY(find_curves(metrics, &curves, error));
    DP_TRY(dp_curve_split(metrics, DP_SPLIT_DEV, MARK_POINTS, &marks, error));
    DP_TRY(dp_range_add(&self->losses, &curves.smooth, from, 0.0, error));
    DP_TRY(dp_range_add(&self->losses, &curves.dev, from, 0.0, error));
    DP_TRY(dp_range_add(&self->rates, &curves.rate, 0.0, 0.0, error));
    append_run_block(data, "smooth", run, &curves.smooth);
    append_run_block(data, "dev", run, &marks);
    append_run_block(data, "rate", run, &curves.rate);
    append_legend(&self->figure->names, run, name, &curves.dev);
    self->in_steps[run] = curves.rate_in_steps;
    return DP_OK;
}

static void append_compare_curves(dp_text *commands, size_t count) {
    for (size_t run = 0; run < count; run++) {
        dp_text_append_format(commands, "%s data index \"smooth%02zu\" with lines notitle",
                              run == 0 ? "plot" : ", \\\n    ", run);
        append_run_style(commands, run);
        dp_text_append_format(
            commands,
            ", \\\n     data index \"dev%02zu\" with points notitle pt %d ps 1*marker "
            "lc rgb \"%s\", \\\n     NaN with linespoints title run%02zu pt %d",
            run, PICK(run_markers, run), PICK(run_colours, run), run, PICK(run_markers, run));
        append_run_style(commands, run);
    }
    dp_text_append(commands, "\nunset key\n");
}

static void append_compare_rates(dp_text *commands, size_t count, const bool *in_steps) {
    for (size_t run = 0; run < count; run++) {
        dp_text_append_format(commands, "%s data index \"rate%02zu\" with %s",
                              run == 0 ? "plot" : ", \\\n    ", run, rate_style(in_steps[run]));
        append_run_style(commands, run);
    }
    dp_text_append(commands, "\nunset multiplot\n");
}

static void append_compare_panels(const comparison *self, size_t count) {
    dp_text *commands = &self->figure->commands;
    const double right = count <= KEY_INSIDE_MAX ? 0.95 : 0.64; /* or beside */
    const dp_axis steps = dp_axis_linear(0.0, self->steps);
    const dp_axis losses =
        dp_axis_widen(dp_axis_logarithmic(self->losses.low, self->losses.high), 0.05);
    dp_text_append(commands, "set multiplot\n");
    append_panel(commands, right, 0.335, 0.92);
    dp_axis_append(&steps, "x", false, commands);
    dp_axis_append(&losses, "y", true, commands);
    if (count > KEY_INSIDE_MAX)
        dp_text_append(commands, "set key at screen 0.985, 0.92 right top\n");
    dp_text_append(commands, "set key samplen 3\n"
                             "set title \"minibatches smoothed (lines) and dev (points); "
                             "the legend names the best dev loss\"\n"
                             "set ylabel \"loss, nats a token (log10 scale)\"\n");
    append_compare_curves(commands, count);
    append_rate_panel(commands, right, &self->rates, &steps);
    append_compare_rates(commands, count, self->in_steps);
}

dp_status dp_figure_compare(size_t count, const char *const *names, const dp_metrics_table *metrics,
                            dp_gnuplot_figure *figure, dp_error *error) {
    DP_OWNED(dp_memory_release) bool *in_steps = NULL;
    comparison self = {.figure = figure, .losses = DP_RANGE_EMPTY, .rates = DP_RANGE_EMPTY};
    *figure = (dp_gnuplot_figure){.name = "compare", .width = 1000, .height = 620};
    DP_TRY_NEW(in_steps, count);
    self.in_steps = in_steps;
    for (size_t run = 0; run < count; run++)
        self.steps = fmax(self.steps, last_step(&metrics[run]));
    for (size_t run = 0; run < count; run++)
        DP_TRY(add_run(&self, run, names[run], &metrics[run], error));
    append_compare_panels(&self, count);
    return DP_OK;
}
