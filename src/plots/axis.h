/* axis: the range of an axis of a figure, and round numbers along it.
 *
 * gnuplot's own choice fails on logarithmic axes of less than a decade, which is where losses lie.
 */
#ifndef DP_PLOTS_AXIS_H
#define DP_PLOTS_AXIS_H

#include "base/text.h"

#define DP_AXIS_TICS_MAX 16

typedef struct dp_axis {
    double low; /* low < high; above 0 where logarithmic */
    double high;
    bool logarithmic;
    size_t count;
    double
        tics[DP_AXIS_TICS_MAX]; /* within [low, high], ascending, at least 2 in ordinary ranges */
} dp_axis;

/* An axis from `low` to `high` as they are; an empty or reversed range is widened around low. */
dp_axis dp_axis_linear(double low, double high);
/* Such an axis on which equal factors take equal lengths. Not above 0, it is a linear one. */
dp_axis dp_axis_logarithmic(double low, double high);
/* Room beyond both ends of the data: this fraction of the axis. */
dp_axis dp_axis_widen(dp_axis axis, double fraction);

/* For a short axis: where there are more than `most` tics, only powers of ten if they are two at
 * least, else about `most` at equal distances. */
void dp_axis_thin(dp_axis *axis, size_t most);

/* Appends gnuplot's commands for axis `name` ("x", "y"): scale, range, tics, and their labels,
 * whole numbers as "50,000"; without labels where they stand below another panel. */
void dp_axis_append(const dp_axis *axis, const char *name, bool labelled, dp_text *commands);

/* Appends those for the right side, where the y axis has losses: the perplexity at each tic. */
void dp_axis_append_perplexities(const dp_axis *losses, dp_text *commands);

#endif
