#include "examine/lr_plot.h"

#include "plots/axis.h"
#include "plots/gnuplot.h"

#include <math.h>
#include <stdio.h>

static void append_points(dp_text *data, const dp_lr_search *search) {
    dp_text_append(data, "# search\n");
    for (size_t i = 0; i < search->count; i++)
        dp_text_append_format(data, "%.9g\t%.9g\t%.9g\n", search->points[i].exponent,
                              search->points[i].loss, search->points[i].smooth);
}

static void append_axes(dp_text *commands, const dp_lr_search *search) {
    double low = search->points[0].loss, high = low;
    for (size_t i = 1; i < search->count; i++) {
        low = fmin(low, search->points[i].loss);
        high = fmax(high, search->points[i].loss);
    }
    const double from = search->points[0].exponent, to = search->points[search->count - 1].exponent;
    const dp_axis exponents = dp_axis_linear(from, to);
    const dp_axis losses = dp_axis_widen(dp_axis_logarithmic(low, high), 0.04);
    dp_axis_append(&exponents, "x", true, commands);
    dp_axis_append(&losses, "y", true, commands);
}

/* A vertical line with its name at the top. */
static void append_mark(dp_text *commands, double exponent, const char *style, const char *label,
                        const char *place, const char *colour) {
    dp_text_append_format(commands,
                          "set arrow from %g, graph 0 to %g, graph 1 nohead %s lc rgb \"%s\"\n"
                          "set label \"%s\" at %g, graph 0.96 %s textcolor rgb \"%s\" font small\n",
                          exponent, exponent, style, colour, label, exponent, place, colour);
}

static void append_marks(dp_text *commands, const dp_lr_search *search) {
    char label[64];
    append_mark(commands, search->points[search->lowest].exponent, "dt 2", "lowest",
                "left offset 0.5, 0", DP_COLOUR_QUIET);
    if (isnan(search->suggested))
        return;
    snprintf(label, sizeof label, "suggested %.2g", search->suggested);
    append_mark(commands, log10(search->suggested), "lw 1.5", label, "right offset -0.5, 0",
                DP_COLOUR_MARK);
}

dp_status dp_lr_plot_draw(const dp_lr_search *search, const char *dir, dp_error *error) {
    dp_gnuplot_figure figure = {.name = "lrfind", .width = 800, .height = 500};
    append_points(&figure.data, search);
    append_axes(&figure.commands, search);
    append_marks(&figure.commands, search);
    dp_text_append(&figure.commands,
                   "set key bottom left\n"
                   "set xlabel \"exponent of the learning rate, 10^x\"\n"
                   "set ylabel \"loss, nats a token (log10 scale)\"\n"
                   "plot data index \"search\" using 1:2 with points pt 7 ps 0.35*marker lc rgb "
                   "\"" DP_COLOUR_CLOUD "\" title \"one minibatch\", \\\n"
                   "     data index \"search\" using 1:3 with lines lw 2.2 lc rgb "
                   "\"" DP_COLOUR_LINE "\" title \"smoothed\"\n");
    dp_status status = dp_gnuplot_draw(&figure, dir, error);
    dp_gnuplot_clear(&figure);
    return status;
}
