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
    double tics[DP_AXIS_TICS_MAX]; /* in [low, high], ascending, at least 2 in ordinary ranges */
} dp_axis;

/* An axis from `low` to `high`, with room beyond both ends: this fraction of it, from 0. An empty
 * or reversed range is widened around low. */
dp_axis dp_axis_linear(double low, double high, double room);
/* Such an axis on which equal factors take equal lengths. Not above 0, it is a linear one. */
dp_axis dp_axis_logarithmic(double low, double high, double room);

/* For a short axis: where there are more than `most` tics, only powers of ten if they are two at
 * least, else about `most` at equal distances. */
void dp_axis_thin(dp_axis *axis, size_t most);

typedef enum dp_axis_labels {
    DP_AXIS_BARE,         /* none, where tics stand above another panel */
    DP_AXIS_NUMBERS,      /* whole ones as "50,000" */
    DP_AXIS_PERPLEXITIES, /* of losses */
} dp_axis_labels;

/* Assigns to a variable of gnuplot, for `eval`, the commands for axis `name` ("x", "y", "y2"):
 * scale, range, tics, and their labels. */
void dp_axis_assign(const dp_axis *axis, const char *variable, const char *name,
                    dp_axis_labels labels, dp_text *values);

#endif
