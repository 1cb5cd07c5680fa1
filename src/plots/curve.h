/* curve: what of a run's losses is drawn: few enough points, and ranges that show what matters.
 *
 * A run may have ten million steps; a picture has a thousand columns. Losses that are no number are
 * left out. All curves have ascending x = step.
 */
#ifndef DP_PLOTS_CURVE_H
#define DP_PLOTS_CURVE_H

#include "run/losses.h"
#include "run/metrics.h"

/* What a run has left of its curves: rows of metrics, and the loss of each step, of which a run of
 * an earlier version has none, or none of its first steps: there the rows stand for them. */
typedef struct dp_history {
    dp_metrics_table metrics;
    dp_loss_record losses;
} dp_history;

void dp_history_clear(dp_history *history);
/* The last step that either knows of; 0: neither knows any. */
uint64_t dp_history_end(const dp_history *history);

typedef struct dp_point {
    double x;
    double y;
} dp_point;

typedef struct dp_curve {
    dp_point *points; /* [count] owned */
    size_t count;
} dp_curve;

void dp_curve_clear(dp_curve *curve);

/* The losses of single minibatches as points: of all steps where they are at most `limit`, else of
 * the rows before the first step with a known loss, as many at equal distances. */
dp_status dp_curve_batches(const dp_history *history, size_t limit, dp_curve *curve,
                           dp_error *error) DP_CHECKED;

/* The cloud that more of them make, by stretches of the run of equal length, at most `limit`: the
 * least, the median and the greatest loss of each, at its middle. Empty where dp_curve_batches, at
 * this `points`, has all of them. */
typedef struct dp_cloud {
    dp_curve low;
    dp_curve median;
    dp_curve high;
} dp_cloud;

void dp_cloud_clear(dp_cloud *cloud);
dp_status dp_cloud_find(const dp_history *history, size_t points, size_t limit, dp_cloud *cloud,
                        dp_error *error) DP_CHECKED;

/* The mean over all minibatches around a step, at `limit` + 1 places at most, the last among them.
 * The window is a hundredth of the run, yet 1,000 steps if that is less than a twentieth of it.
 * Towards the first step it shrinks to nothing, as there the loss falls steeply; at the other end
 * it is cut off. */
dp_status dp_curve_smooth(const dp_history *history, size_t limit, dp_curve *curve,
                          dp_error *error) DP_CHECKED;

/* The evaluations of a split: at most `limit`, every n-th counted from the last one, so that a
 * marker each shows no gaps. */
dp_status dp_curve_split(const dp_metrics_table *table, dp_split split, size_t limit,
                         dp_curve *curve, dp_error *error) DP_CHECKED;

/* The learning rate, likewise; *in_steps says whether it jumps between few values, each of which
 * holds from the point before to its own, rather than glides; the first of them from 0. */
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

/* Lowers the upper end to this many times the lower one, where that is above 0: beyond it a curve
 * that grows without bound leaves the picture, so that the rest can be read. */
void dp_range_bound(dp_range *range, double factor);

#endif
