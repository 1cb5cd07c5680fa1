#include "plots/curve.h"

#include "base/memory.h"
#include "base/size.h"

#include <math.h>
#include <stdlib.h>

void dp_curve_clear(dp_curve *curve) {
    dp_memory_free(curve->points);
    *curve = (dp_curve){0};
}

static void add_point(dp_curve *curve, double x, double y) {
    if (isfinite(y))
        curve->points[curve->count++] = (dp_point){.x = x, .y = y};
}

/* Keeps `limit` points at equal distances in the list, and with_last also the last one. */
static void thin(dp_curve *curve, size_t limit, bool with_last) {
    const size_t count = curve->count;
    if (count <= limit)
        return;
    const dp_point last = curve->points[count - 1];
    for (size_t i = 0; i < limit; i++)
        curve->points[i] = curve->points[(size_t)((double)i * (double)count / (double)limit)];
    curve->count = limit;
    if (with_last)
        curve->points[curve->count++] = last;
}

/* Keeps every n-th point, counted from the last one: the most that are at most `limit`. */
static void thin_evenly(dp_curve *curve, size_t limit) {
    const size_t stride = (curve->count + limit - 1) / limit;
    if (stride <= 1)
        return;
    const size_t kept = (curve->count + stride - 1) / stride;
    for (size_t i = 0, at = curve->count - 1 - (kept - 1) * stride; i < kept; i++, at += stride)
        curve->points[i] = curve->points[at];
    curve->count = kept;
}

/* Of each row the field at this offset, a double. */
static dp_status take(const dp_metrics_table *table, size_t offset, dp_curve *curve,
                      dp_error *error) {
    *curve = (dp_curve){0};
    DP_TRY_NEW(curve->points, table->count);
    for (size_t i = 0; i < table->count; i++) {
        const dp_metrics_row *row = &table->rows[i];
        add_point(curve, (double)row->step, *(const double *)((const char *)row + offset));
    }
    return DP_OK;
}

dp_status dp_curve_split(const dp_metrics_table *table, dp_split split, size_t limit,
                         dp_curve *curve, dp_error *error) {
    DP_TRY(take(table, offsetof(dp_metrics_row, split_loss[split]), curve, error));
    thin_evenly(curve, limit);
    return DP_OK;
}

/* --- every step ------------------------------------------------------------------------------- */

void dp_history_clear(dp_history *history) {
    dp_metrics_table_clear(&history->metrics);
    dp_loss_record_clear(&history->losses);
}

uint64_t dp_history_end(const dp_history *history) {
    const dp_metrics_table *metrics = &history->metrics;
    const uint64_t last = metrics->count > 0 ? metrics->rows[metrics->count - 1].step : 0;
    return history->losses.count > last ? history->losses.count : last;
}

/* How many steps there are before the first whose loss the record knows. */
static size_t unknown_steps(const dp_history *history) {
    size_t step = 0;
    while (step < history->losses.count && isnan(history->losses.values[step]))
        step++;
    return step;
}

/* The rows that stand for the steps that the record does not know, all where it knows none. */
static size_t rows_before(const dp_history *history, size_t unknown) {
    size_t rows = 0;
    if (unknown == history->losses.count)
        return history->metrics.count;
    while (rows < history->metrics.count && history->metrics.rows[rows].step <= unknown)
        rows++;
    return rows;
}

dp_status dp_curve_batches(const dp_history *history, size_t limit, dp_curve *curve,
                           dp_error *error) {
    const dp_loss_record *losses = &history->losses;
    const size_t unknown = unknown_steps(history);
    const dp_metrics_table before = {.rows = history->metrics.rows,
                                     .count = rows_before(history, unknown)};
    if (unknown == losses->count || losses->count - unknown > limit) {
        DP_TRY(take(&before, offsetof(dp_metrics_row, batch_loss), curve, error));
    } else {
        *curve = (dp_curve){0};
        DP_TRY_NEW(curve->points, losses->count - unknown);
        for (size_t step = unknown; step < losses->count; step++)
            add_point(curve, (double)(step + 1), (double)losses->values[step]);
    }
    thin(curve, limit, false);
    return DP_OK;
}

static int ascending(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void dp_cloud_clear(dp_cloud *cloud) {
    dp_curve_clear(&cloud->low);
    dp_curve_clear(&cloud->median);
    dp_curve_clear(&cloud->high);
}

/* Adds what steps first to last, counted from 0, have; `values` is room for them. */
static void add_stretch(const dp_loss_record *losses, size_t first, size_t last, float *values,
                        dp_cloud *cloud) {
    const double middle = 0.5 * (double)(first + last) + 1.0;
    size_t count = 0;
    for (size_t step = first; step <= last; step++) {
        if (isfinite(losses->values[step]))
            values[count++] = losses->values[step];
    }
    if (count == 0)
        return;
    qsort(values, count, sizeof values[0], ascending);
    add_point(&cloud->low, middle, (double)values[0]);
    add_point(&cloud->median, middle, (double)values[count / 2]);
    add_point(&cloud->high, middle, (double)values[count - 1]);
}

#define STRETCH_LEAST 8 /* steps; of fewer a median says nothing */

dp_status dp_cloud_find(const dp_history *history, size_t points, size_t limit, dp_cloud *cloud,
                        dp_error *error) {
    const dp_loss_record *losses = &history->losses;
    const size_t unknown = unknown_steps(history);
    const size_t length = dp_size_max(STRETCH_LEAST, (losses->count + limit - 1) / limit);
    DP_OWNED(dp_memory_release) float *values = NULL;
    *cloud = (dp_cloud){0};
    if (losses->count - unknown <= points)
        return DP_OK;
    DP_TRY_NEW(values, length);
    DP_TRY_NEW(cloud->low.points, limit);
    DP_TRY_NEW(cloud->median.points, limit);
    DP_TRY_NEW(cloud->high.points, limit);
    for (size_t first = unknown; first < losses->count; first += length)
        add_stretch(losses, first, dp_size_min(first + length, losses->count) - 1, values, cloud);
    return DP_OK;
}

/* --- smoothing -------------------------------------------------------------------------------- */

#define STRETCHES_SMOOTHED 20000 /* a picture shows no more */

/* Sums up to a step: of the steps whose loss is known, and of their losses. */
typedef struct sums {
    double step;
    double steps;
    double losses;
} sums;

static void add_sum(sums *total, double step, double steps, double losses) {
    total[1] = (sums){.step = step, .steps = total->steps, .losses = total->losses};
    if (isfinite(losses)) {
        total[1].steps += steps;
        total[1].losses += losses;
    }
}

/* The known losses of steps first to last, counted from 0. */
static void add_sum_of(const dp_loss_record *losses, size_t first, size_t last, sums *total) {
    double steps = 0.0, sum = 0.0;
    for (size_t step = first; step <= last; step++) {
        if (isfinite(losses->values[step])) {
            steps += 1.0;
            sum += (double)losses->values[step];
        }
    }
    add_sum(total, (double)(last + 1), steps, sum);
}

/* Sums at each row, from the first known step on at the ends of stretches; total[0] is 0. Returns
 * how many there are behind it. */
static size_t add_up(const dp_history *history, size_t unknown, size_t length, sums *total) {
    const size_t rows = rows_before(history, unknown);
    size_t count = 0;
    for (; count < rows; count++) {
        const dp_metrics_row *row = &history->metrics.rows[count];
        const double steps = (double)row->step - total[count].step;
        add_sum(&total[count], (double)row->step, steps, steps * row->loss);
    }
    for (size_t first = unknown; first < history->losses.count; first += length)
        add_sum_of(&history->losses, first, dp_size_min(first + length, history->losses.count) - 1,
                   &total[count++]);
    return count;
}

static double half_window(double whole) {
    return 0.5 * fmin(fmax(whole / 100.0, 1000.0), whole / 20.0);
}

/* Places are visited in order, so the ends of their windows, *begin and *end, only move forward. */
static double window_mean(const sums *total, size_t count, size_t place, double half, size_t *begin,
                          size_t *end) {
    const double first = total[1].step, at = total[place].step, reach = fmin(half, at - first);
    while (total[*begin + 1].step < at - reach)
        (*begin)++;
    while (*end < count && total[*end + 1].step <= at + reach)
        (*end)++;
    const double steps = total[*end].steps - total[*begin].steps;
    return steps > 0.0 ? (total[*end].losses - total[*begin].losses) / steps : NAN;
}

dp_status dp_curve_smooth(const dp_history *history, size_t limit, dp_curve *curve,
                          dp_error *error) {
    const size_t unknown = unknown_steps(history), known = history->losses.count - unknown;
    const size_t length = dp_size_max(1, (known + STRETCHES_SMOOTHED - 1) / STRETCHES_SMOOTHED);
    const size_t most = history->metrics.count + (known + length - 1) / length;
    DP_OWNED(dp_memory_release) sums *total = NULL;
    size_t begin = 0, end = 0;
    *curve = (dp_curve){0};
    DP_TRY_NEW(curve->points, most);
    DP_TRY_NEW(total, most + 1);
    const size_t count = add_up(history, unknown, length, total);
    for (size_t place = 1; place <= count; place++)
        add_point(curve, total[place].step,
                  window_mean(total, count, place, half_window(total[count].step), &begin, &end));
    thin(curve, limit, true);
    return DP_OK;
}

/* --- the learning rate ------------------------------------------------------------------------ */

#define STRETCHES_MAX 13

/* Where the next row has another rate, a stretch of one rate has its last row. */
static bool ends_stretch(const dp_metrics_table *table, size_t row) {
    return row + 1 == table->count || table->rows[row + 1].lr != table->rows[row].lr;
}

dp_status dp_curve_rate(const dp_metrics_table *table, size_t limit, dp_curve *curve,
                        bool *in_steps, dp_error *error) {
    size_t stretches = 0;
    for (size_t i = 0; i < table->count; i++)
        stretches += ends_stretch(table, i);
    *in_steps = stretches <= STRETCHES_MAX && 4 * (stretches - 1) < table->count;
    *curve = (dp_curve){0};
    DP_TRY_NEW(curve->points, table->count + 1);
    if (*in_steps && table->count > 0)
        add_point(curve, 0.0, table->rows[0].lr);
    for (size_t i = 0; i < table->count; i++) {
        if (!*in_steps || ends_stretch(table, i))
            add_point(curve, (double)table->rows[i].step, table->rows[i].lr);
    }
    thin(curve, limit, true);
    return DP_OK;
}

/* --- ranges ----------------------------------------------------------------------------------- */

static int ascending_values(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

dp_status dp_range_add(dp_range *range, const dp_curve *curve, double from, double tails,
                       dp_error *error) {
    DP_OWNED(dp_memory_release) double *values = NULL;
    size_t count = 0;
    DP_TRY_NEW(values, curve->count);
    for (size_t i = 0; i < curve->count; i++) {
        if (curve->points[i].x >= from)
            values[count++] = curve->points[i].y;
    }
    if (count == 0)
        return DP_OK;
    qsort(values, count, sizeof *values, ascending_values);
    const size_t cut = (size_t)(tails * (double)count);
    const bool empty = range->low > range->high;
    range->low = empty ? values[cut] : fmin(range->low, values[cut]);
    range->high = empty ? values[count - 1 - cut] : fmax(range->high, values[count - 1 - cut]);
    return DP_OK;
}

void dp_range_bound(dp_range *range, double factor) {
    if (range->low > 0.0)
        range->high = fmin(range->high, factor * range->low);
}
