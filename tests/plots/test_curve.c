#include "plots/curve.h"

#include "base/memory.h"
#include "support/expect.h"

/* A run of rows alone. */
static dp_history rows_of(const dp_metrics_table *table) {
    return (dp_history){.metrics = *table};
}

/* `count` rows, one every `every` steps, without numbers; released with dp_metrics_table_clear. */
static dp_metrics_table make_table(size_t count, uint64_t every) {
    dp_error error = {0};
    dp_metrics_table table = {.count = count};
    table.rows = dp_memory_zeroed(count, sizeof *table.rows, &error);
    assert_non_null(table.rows);
    for (size_t i = 0; i < count; i++)
        table.rows[i] = (dp_metrics_row){.step = (i + 1) * every,
                                         .loss = NAN,
                                         .batch_loss = NAN,
                                         .lr = NAN,
                                         .split_loss = {NAN, NAN, NAN}};
    return table;
}

static void test_curve_of_batches_is_thinned_evenly(void **state) {
    (void)state;
    dp_error error = {0};
    dp_curve curve;
    dp_metrics_table table = make_table(100000, 1);
    for (size_t i = 0; i < table.count; i++)
        table.rows[i].batch_loss = i % 10 == 3 ? NAN : (double)i;
    const dp_history history = rows_of(&table);
    expect_ok(dp_curve_batches(&history, 1000, &curve, &error), &error);
    expect_unsigned(curve.count, 1000);
    for (size_t i = 0; i < curve.count; i++) {
        expect_close(curve.points[i].y, curve.points[i].x - 1.0, 0.0);
        expect_close(curve.points[i].x, 100.0 * (double)i, 3.0);
    }
    dp_curve_clear(&curve);
    expect_ok(dp_curve_batches(&history, 90000, &curve, &error), &error);
    expect_unsigned(curve.count, 90000);
    dp_curve_clear(&curve);
    dp_metrics_table_clear(&table);
}

static void test_curve_of_a_split_keeps_its_end(void **state) {
    (void)state;
    dp_error error = {0};
    dp_curve curve;
    dp_metrics_table table = make_table(100, 10);
    for (size_t i = 1; i < table.count; i += 2)
        table.rows[i].split_loss[DP_SPLIT_DEV] = (double)i;
    expect_ok(dp_curve_split(&table, DP_SPLIT_DEV, 60, &curve, &error), &error);
    expect_unsigned(curve.count, 50);
    dp_curve_clear(&curve);
    expect_ok(dp_curve_split(&table, DP_SPLIT_DEV, 7, &curve, &error), &error);
    expect_unsigned(curve.count, 7);
    for (size_t i = 0; i < 7; i++) /* no gaps, and the last one is there */
        expect_close(curve.points[i].x, 1000.0 - 160.0 * (double)(6 - i), 0.0);
    dp_curve_clear(&curve);
    expect_ok(dp_curve_split(&table, DP_SPLIT_DEV, 49, &curve, &error), &error);
    expect_unsigned(curve.count, 25);
    expect_close(curve.points[0].x, 40.0, 0.0);
    expect_close(curve.points[24].x, 1000.0, 0.0);
    dp_curve_clear(&curve);
    expect_ok(dp_curve_split(&table, DP_SPLIT_TEST, 7, &curve, &error), &error);
    expect_unsigned(curve.count, 0);
    dp_curve_clear(&curve);
    dp_metrics_table_clear(&table);
}

/* 40,000 steps: the window is 1,000 of them, from 500 before to 500 behind, 1,001 rows. */
static void test_curve_smooth_is_the_mean_of_a_window(void **state) {
    (void)state;
    dp_error error = {0};
    dp_curve curve;
    dp_metrics_table table = make_table(40000, 1);
    for (size_t i = 0; i < table.count; i++)
        table.rows[i].loss = 2.0;
    table.rows[0].loss = 30.0;
    table.rows[20000].loss = 1003.0; /* 1,001 more */
    const dp_history history = rows_of(&table);
    expect_ok(dp_curve_smooth(&history, 100000, &curve, &error), &error);
    expect_unsigned(curve.count, 40000);
    expect_close(curve.points[0].y, 30.0, 0.0); /* the steep beginning is as it was */
    expect_close(curve.points[10000].y, 2.0, 1e-9);
    expect_close(curve.points[19499].y, 2.0, 1e-9);
    expect_close(curve.points[19500].y, 3.0, 1e-9);
    expect_close(curve.points[20500].y, 3.0, 1e-9);
    expect_close(curve.points[20501].y, 2.0, 1e-9);
    expect_close(curve.points[39999].y, 2.0, 1e-9);
    dp_curve_clear(&curve);
    dp_metrics_table_clear(&table);
}

/* A row stands for all steps since the one before; one without a number for none. */
static void test_curve_smooth_weighs_rows_by_their_steps(void **state) {
    (void)state;
    dp_error error = {0};
    dp_curve curve;
    dp_metrics_table table = make_table(3, 1);
    table.rows[0] = (dp_metrics_row){.step = 1000, .loss = 5.0};
    table.rows[1] = (dp_metrics_row){.step = 99600, .loss = 2.0};
    table.rows[2] = (dp_metrics_row){.step = 100000, .loss = 4.0};
    const dp_history history = rows_of(&table);
    expect_ok(dp_curve_smooth(&history, 10, &curve, &error), &error);
    expect_unsigned(curve.count, 3);
    expect_close(curve.points[2].y, (98600.0 * 2.0 + 400.0 * 4.0) / 99000.0, 1e-9);
    dp_curve_clear(&curve);
    table.rows[1].loss = NAN;
    expect_ok(dp_curve_smooth(&history, 10, &curve, &error), &error);
    expect_close(curve.points[curve.count - 1].y, 4.0, 1e-9);
    dp_curve_clear(&curve);
    dp_metrics_table_clear(&table);
}

/* --- with the loss of each step --------------------------------------------------------------- */

/* `count` steps, the first `unknown` without a loss, and a row every `every`; released with
 * dp_history_clear. */
static dp_history make_history(size_t count, size_t unknown, uint64_t every) {
    dp_error error = {0};
    dp_history history = {.metrics = make_table(count / every, every)};
    history.losses.count = count;
    history.losses.values = dp_memory_zeroed(count, sizeof(float), &error);
    assert_non_null(history.losses.values);
    for (size_t i = 0; i < count; i++)
        history.losses.values[i] = i < unknown ? NAN : 2.0f;
    return history;
}

static void test_curve_of_few_batches_has_each(void **state) {
    (void)state;
    dp_error error = {0};
    dp_curve curve;
    dp_cloud cloud;
    dp_history history = make_history(1000, 0, 100);
    history.losses.values[7] = NAN;
    history.losses.values[8] = 3.0f;
    expect_ok(dp_curve_batches(&history, 1000, &curve, &error), &error);
    expect_ok(dp_cloud_find(&history, 1000, 800, &cloud, &error), &error);
    expect_unsigned(curve.count, 999);
    expect_close(curve.points[7].x, 9.0, 0.0);
    expect_close(curve.points[7].y, 3.0, 0.0);
    expect_unsigned(cloud.low.count, 0);
    dp_curve_clear(&curve);
    dp_cloud_clear(&cloud);
    dp_history_clear(&history);
}

/* 100 in each stretch: 0, 1, ... 99, and one more stretch at the end. */
static void test_curve_of_many_batches_is_a_cloud(void **state) {
    (void)state;
    dp_error error = {0};
    dp_curve curve;
    dp_cloud cloud;
    dp_history history = make_history(79901, 0, 1000);
    for (size_t i = 0; i < history.losses.count; i++)
        history.losses.values[i] = (float)(i * 37 % 100);
    expect_ok(dp_curve_batches(&history, 1000, &curve, &error), &error);
    expect_ok(dp_cloud_find(&history, 1000, 800, &cloud, &error), &error);
    expect_unsigned(curve.count, 0);
    expect_unsigned(cloud.low.count, 800);
    for (size_t i = 0; i < 799; i++) {
        expect_close(cloud.low.points[i].y, 0.0, 0.0);
        expect_close(cloud.median.points[i].y, 50.0, 0.0);
        expect_close(cloud.high.points[i].y, 99.0, 0.0);
        expect_close(cloud.high.points[i].x, 100.0 * (double)i + 50.5, 0.0);
    }
    expect_close(cloud.low.points[799].x, 79901.0, 0.0);
    dp_curve_clear(&curve);
    dp_cloud_clear(&cloud);
    dp_history_clear(&history);
}

/* A run that an earlier version has begun: its rows stand for the steps that are not known. */
static void test_curve_of_a_run_with_a_part_of_its_losses(void **state) {
    (void)state;
    dp_error error = {0};
    dp_curve batches, smooth;
    dp_cloud cloud;
    dp_history history = make_history(40000, 10000, 1000);
    for (size_t i = 0; i < history.metrics.count; i++)
        history.metrics.rows[i].loss = history.metrics.rows[i].batch_loss = 7.0;
    expect_ok(dp_curve_batches(&history, 1000, &batches, &error), &error);
    expect_ok(dp_cloud_find(&history, 1000, 800, &cloud, &error), &error);
    expect_ok(dp_curve_smooth(&history, SIZE_MAX / 2, &smooth, &error), &error);
    expect_unsigned(batches.count, 10);
    expect_close(batches.points[9].x, 10000.0, 0.0);
    expect_unsigned(cloud.low.count, 600);
    expect_close(cloud.low.points[0].x, 10025.5, 0.0);
    expect_unsigned(smooth.count, 10 + 15000);
    expect_close(smooth.points[9].y, (1000.0 * 7.0 + 500.0 * 2.0) / 1500.0, 1e-9);
    expect_close(smooth.points[10 + 14999].y, 2.0, 1e-9);
    dp_curve_clear(&batches);
    dp_curve_clear(&smooth);
    dp_cloud_clear(&cloud);
    dp_history_clear(&history);
}

/* The mean of each window by its definition. */
static void test_curve_smooth_of_every_step(void **state) {
    (void)state;
    dp_error error = {0};
    dp_curve curve;
    dp_history history = make_history(2000, 0, 1000);
    for (size_t i = 0; i < 2000; i++)
        history.losses.values[i] = (float)(i * 7919 % 1000);
    history.losses.values[500] = INFINITY;
    expect_ok(dp_curve_smooth(&history, 2000, &curve, &error), &error);
    expect_unsigned(curve.count, 2000);
    for (size_t i = 0; i < 2000; i++) {
        const size_t reach = i < 50 ? i : 50, last = i + reach < 1999 ? i + reach : 1999;
        double sum = 0.0, steps = 0.0;
        for (size_t k = i - reach; k <= last; k++) {
            sum += k == 500 ? 0.0 : (double)history.losses.values[k];
            steps += k != 500;
        }
        expect_close(curve.points[i].y, sum / steps, 1e-9);
    }
    dp_curve_clear(&curve);
    dp_history_clear(&history);
}

static void test_curve_of_a_rate_in_steps_keeps_its_corners(void **state) {
    (void)state;
    dp_error error = {0};
    dp_curve curve;
    bool in_steps = false;
    dp_metrics_table table = make_table(1000, 10);
    for (size_t i = 0; i < table.count; i++)
        table.rows[i].lr = i < 500 ? 0.1 : 0.01;
    expect_ok(dp_curve_rate(&table, 100, &curve, &in_steps, &error), &error);
    assert_true(in_steps);
    expect_unsigned(curve.count, 3);
    expect_close(curve.points[0].x, 0.0, 0.0);
    expect_close(curve.points[1].x, 5000.0, 0.0); /* up to here it is 0.1 */
    expect_close(curve.points[1].y, 0.1, 0.0);
    expect_close(curve.points[2].y, 0.01, 0.0);
    dp_curve_clear(&curve);
    for (size_t i = 0; i < table.count; i++)
        table.rows[i].lr = 1.0 / (double)(i + 1);
    expect_ok(dp_curve_rate(&table, 100, &curve, &in_steps, &error), &error);
    assert_false(in_steps);
    expect_unsigned(curve.count, 101);
    dp_curve_clear(&curve);
    dp_metrics_table_clear(&table);
}

static void test_curve_range_leaves_out_tails_and_beginnings(void **state) {
    (void)state;
    dp_error error = {0};
    dp_range range = DP_RANGE_EMPTY;
    dp_point points[100];
    dp_curve curve = {.points = points, .count = 100}, none = {.points = points};
    for (int i = 0; i < 100; i++)
        points[i] = (dp_point){.x = i, .y = i == 0 ? 1e6 : 100.0 - i};
    expect_ok(dp_range_add(&range, &none, 0.0, 0.0, &error), &error);
    assert_true(range.low > range.high);
    expect_ok(dp_range_add(&range, &curve, 50.0, 0.0, &error), &error);
    expect_close(range.low, 1.0, 0.0);
    expect_close(range.high, 50.0, 0.0);
    expect_ok(dp_range_add(&range, &curve, 0.0, 0.01, &error), &error);
    expect_close(range.low, 1.0, 0.0);
    expect_close(range.high, 99.0, 0.0);
    dp_range_bound(&range, 1000.0);
    expect_close(range.high, 99.0, 0.0);
    dp_range_bound(&range, 10.0);
    expect_close(range.high, 10.0, 0.0);
    range = (dp_range){.low = 0.0, .high = 5.0};
    dp_range_bound(&range, 10.0);
    expect_close(range.high, 5.0, 0.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curve_of_batches_is_thinned_evenly),
        cmocka_unit_test(test_curve_of_a_split_keeps_its_end),
        cmocka_unit_test(test_curve_smooth_is_the_mean_of_a_window),
        cmocka_unit_test(test_curve_smooth_weighs_rows_by_their_steps),
        cmocka_unit_test(test_curve_of_few_batches_has_each),
        cmocka_unit_test(test_curve_of_many_batches_is_a_cloud),
        cmocka_unit_test(test_curve_of_a_run_with_a_part_of_its_losses),
        cmocka_unit_test(test_curve_smooth_of_every_step),
        cmocka_unit_test(test_curve_of_a_rate_in_steps_keeps_its_corners),
        cmocka_unit_test(test_curve_range_leaves_out_tails_and_beginnings),
    };
    return cmocka_run_group_tests_name("curve", tests, NULL, NULL);
}
