#include "plots/curve.h"

#include "base/memory.h"

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

dp_status dp_curve_batches(const dp_metrics_table *table, size_t limit, dp_curve *curve,
                           dp_error *error) {
    DP_TRY(take(table, offsetof(dp_metrics_row, batch_loss), curve, error));
    thin(curve, limit, false);
    return DP_OK;
}

dp_status dp_curve_split(const dp_metrics_table *table, dp_split split, size_t limit,
                         dp_curve *curve, dp_error *error) {
    DP_TRY(take(table, offsetof(dp_metrics_row, split_loss[split]), curve, error));
    thin_evenly(curve, limit);
    return DP_OK;
}

/* --- smoothing -------------------------------------------------------------------------------- */

/* Sums over the rows before one: of the steps with a loss, and of their losses. */
typedef struct sums {
    double steps;
    double losses;
} sums;

static void add_up(const dp_metrics_table *table, sums *total) {
    uint64_t before = 0;
    for (size_t i = 0; i < table->count; i++) {
        const dp_metrics_row *row = &table->rows[i];
        double steps = isfinite(row->loss) ? (double)(row->step - before) : 0.0;
        total[i + 1].steps = total[i].steps + steps;
        total[i + 1].losses = total[i].losses + (steps > 0.0 ? steps * row->loss : 0.0);
        before = row->step;
    }
}

static double half_window(const dp_metrics_table *table) {
    double whole = (double)table->rows[table->count - 1].step;
    return 0.5 * fmin(fmax(whole / 100.0, 1000.0), whole / 20.0);
}

/* Rows are visited in order, so the ends of their windows, *begin and *end, only move forward. */
static double window_mean(const dp_metrics_table *table, const sums *total, size_t row, double half,
                          size_t *begin, size_t *end) {
    double first = (double)table->rows[0].step, at = (double)table->rows[row].step;
    double reach = fmin(half, at - first);
    while ((double)table->rows[*begin].step < at - reach)
        (*begin)++;
    while (*end < table->count && (double)table->rows[*end].step <= at + reach)
        (*end)++;
    double steps = total[*end].steps - total[*begin].steps;
    return steps > 0.0 ? (total[*end].losses - total[*begin].losses) / steps : NAN;
}

dp_status dp_curve_smooth(const dp_metrics_table *table, size_t limit, dp_curve *curve,
                          dp_error *error) {
    DP_OWNED(dp_memory_release) sums *total = NULL; /* [count + 1] */
    size_t begin = 0, end = 0;
    *curve = (dp_curve){0};
    DP_TRY_NEW(curve->points, table->count);
    DP_TRY_NEW(total, table->count + 1);
    add_up(table, total);
    for (size_t row = 0; row < table->count; row++) {
        double mean = window_mean(table, total, row, half_window(table), &begin, &end);
        add_point(curve, (double)table->rows[row].step, mean);
    }
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
    DP_TRY_NEW(curve->points, table->count);
    for (size_t i = 0; i < table->count; i++) {
        if (!*in_steps || i == 0 || ends_stretch(table, i))
            add_point(curve, (double)table->rows[i].step, table->rows[i].lr);
    }
    thin(curve, limit, true);
    return DP_OK;
}

/* --- ranges ----------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b) {
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
    qsort(values, count, sizeof *values, ascending);
    const size_t cut = (size_t)(tails * (double)count);
    const bool empty = range->low > range->high;
    range->low = empty ? values[cut] : fmin(range->low, values[cut]);
    range->high = empty ? values[count - 1 - cut] : fmax(range->high, values[count - 1 - cut]);
    return DP_OK;
}
