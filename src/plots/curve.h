/* curve: what of a run's metrics is drawn: few enough points, and ranges that show what matters.
 *
 * A run may have a million rows; a picture has a thousand columns. Losses that are no number are
 * left out. All curves have ascending x = step.
 */
#ifndef DP_PLOTS_CURVE_H
#define DP_PLOTS_CURVE_H

#include "run/metrics.h"

typedef struct dp_point {
    double x;
    double y;
} dp_point;

typedef struct dp_curve {
    dp_point *points; /* [count] owned */
    size_t count;
} dp_curve;

void dp_curve_clear(dp_curve *curve);

/* The loss of single minibatches: at most `limit` of them, at equal distances, so that the cloud
 * they make keeps its shape. */
dp_status dp_curve_batches(const dp_metrics_table *table, size_t limit, dp_curve *curve,
                           dp_error *error) DP_CHECKED;

/* The mean over all minibatches around a step, at `limit` + 1 rows at most, the last among them.
 * The window is a hundredth of the run, yet 1,000 steps if that is less than a twentieth of it.
 * Towards the first row it shrinks to nothing, as there the loss falls steeply; at the other end it
 * is cut off. */
dp_status dp_curve_smooth(const dp_metrics_table *table, size_t limit, dp_curve *curve,
                          dp_error *error) DP_CHECKED;

/* The evaluations of a split: at most `limit`, every n-th counted from the last one, so that a
 * marker each shows no gaps. */
dp_status dp_curve_split(const dp_metrics_table *table, dp_split split, size_t limit,
                         dp_curve *curve, dp_error *error) DP_CHECKED;

/* The learning rate, likewise; *in_steps says whether it jumps between few values, each of which
 * holds from the point before to its own, rather than glides. */
dp_status dp_curve_rate(const dp_metrics_table *table, size_t limit, dp_curve *curve,
                        bool *in_steps, dp_error *error) DP_CHECKED;

typedef struct dp_range {
    double low; /* low > high: nothing yet */
    double high;
} dp_range;

#define DP_RANGE_EMPTY ((dp_range){.low = 1.0, .high = 0.0})

/* Widens the range to hold the curve's values from step `from` on; without the fraction `tails` at
 * either end of them, where outliers are. */
dp_status dp_range_add(dp_range *range, const dp_curve *curve, double from, double tails,
                       dp_error *error) DP_CHECKED;

#endif
