#include "examine/lr_plot.h"

#include "lrfind_gp.h"
#include "plots/axis.h"
#include "plots/gnuplot.h"

#include <math.h>

static void append_points(dp_text *data, const dp_lr_search *search) {
    dp_text_append(data, "# search\n");
    for (size_t i = 0; i < search->count; i++)
        dp_text_append_format(data, "%.9g\t%.9g\t%.9g\n", search->points[i].exponent,
                              search->points[i].loss, search->points[i].smooth);
}

static void assign_axes(dp_text *values, const dp_lr_search *search) {
    double low = search->points[0].loss, high = low;
    for (size_t i = 1; i < search->count; i++) {
        low = fmin(low, search->points[i].loss);
        high = fmax(high, search->points[i].loss);
    }
    const double from = search->points[0].exponent, to = search->points[search->count - 1].exponent;
    const dp_axis exponents = dp_axis_linear(from, to, 0.0);
    const dp_axis losses = dp_axis_logarithmic(low, high, 0.04);
    dp_axis_assign(&exponents, "exponents", "x", DP_AXIS_NUMBERS, values);
    dp_axis_assign(&losses, "losses", "y", DP_AXIS_NUMBERS, values);
}

dp_status dp_lr_plot_draw(const dp_lr_search *search, const char *dir, dp_error *error) {
    DP_OWNED(dp_gnuplot_clear)
    dp_gnuplot_figure figure = {.name = "lrfind", .width = 800, .height = 500, .script = lrfind_gp};
    append_points(&figure.data, search);
    assign_axes(&figure.values, search);
    dp_text_append_format(&figure.values, "lowest = %g\n", search->points[search->lowest].exponent);
    dp_gnuplot_assign(&figure.values, "suggestion", "%s", "");
    if (!isnan(search->suggested)) {
        dp_gnuplot_assign(&figure.values, "suggestion", "suggested %.2g", search->suggested);
        dp_text_append_format(&figure.values, "suggested = %g\n", log10(search->suggested));
    }
    return dp_gnuplot_draw(&figure, dir, error);
}
