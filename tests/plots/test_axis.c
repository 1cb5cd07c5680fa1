#include "plots/axis.h"

#include "support/expect.h"

static void expect_tics(const dp_axis *axis, size_t count, const double *tics) {
    expect_unsigned(axis->count, count);
    for (size_t i = 0; i < count; i++)
        expect_close(axis->tics[i], tics[i], 1e-9 * fabs(tics[i]));
}

static void test_axis_has_round_tics(void **state) {
    (void)state;
    const double steps[] = {0, 50000, 100000, 150000, 200000}, losses[] = {2.2, 2.4, 2.6, 2.8, 3.0},
                 decades[] = {0.001, 0.01, 0.1, 1.0}, rates[] = {0.01, 0.02, 0.05, 0.1};
    dp_axis axis = dp_axis_linear(0.0, 200000.0, 0.0);
    expect_tics(&axis, 5, steps);
    axis = dp_axis_linear(2.05, 3.15, 0.0);
    expect_tics(&axis, 5, losses);
    axis = dp_axis_logarithmic(0.0007, 2.0, 0.0);
    expect_tics(&axis, 4, decades);
    axis = dp_axis_logarithmic(0.009, 0.16, 0.0);
    expect_tics(&axis, 4, rates);
}

/* A range that gnuplot takes, and tics inside it. */
static void expect_usable(dp_axis axis, double low, double high) {
    double slack = 1e-6 * (axis.high - axis.low);
    if (!(axis.low < axis.high) || !isfinite(axis.low) || !isfinite(axis.high) ||
        (axis.logarithmic && !(axis.low > 0.0)))
        fail_msg("[%g, %g] became [%g, %g]", low, high, axis.low, axis.high);
    if (axis.count < 1)
        fail_msg("no tic in [%g, %g] for [%g, %g]", axis.low, axis.high, low, high);
    for (size_t t = 0; t < axis.count; t++) {
        if (axis.tics[t] < axis.low - slack || axis.tics[t] > axis.high + slack)
            fail_msg("tic %g is not in [%g, %g]", axis.tics[t], axis.low, axis.high);
    }
}

static void test_axis_of_any_range(void **state) {
    (void)state;
    static const double ends[] = {-1e9, -3.0,        -1e-9, 0.0, 1e-12, 0.1,
                                  1.0,  1.0 + 1e-12, 2.3,   1e6, 1e15,  1e303};
    const size_t count = sizeof ends / sizeof ends[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            expect_usable(dp_axis_linear(ends[i], ends[k], 0.05), ends[i], ends[k]);
            expect_usable(dp_axis_logarithmic(ends[i], ends[k], 0.05), ends[i], ends[k]);
        }
    }
}

static void test_axis_is_thinned(void **state) {
    (void)state;
    const double powers[] = {0.01, 0.1}, halves[] = {0.0, 0.05, 0.1};
    dp_axis axis = dp_axis_logarithmic(0.009, 0.16, 0.0);
    dp_axis_thin(&axis, 3);
    expect_tics(&axis, 2, powers);
    axis = dp_axis_linear(0.0, 0.11, 0.0);
    dp_axis_thin(&axis, 3);
    expect_tics(&axis, 3, halves);
}

static void test_axis_commands(void **state) {
    (void)state;
    dp_text commands = {0};
    dp_axis axis = {.low = 0.0, .high = 2000.0, .count = 2, .tics = {0.0, 2000.0}};
    dp_axis_assign(&axis, "steps", "x", DP_AXIS_NUMBERS, &commands);
    assert_string_equal(
        dp_text_string(&commands),
        "steps = 'unset logscale x; set xrange [0:2000]; set xtics (\"0\" 0, \"2,000\" 2000)'\n");
    dp_text_clear(&commands);
    axis = (dp_axis){.low = 0.5, .high = 8, .logarithmic = true, .count = 1, .tics = {1.5}};
    dp_axis_assign(&axis, "bare", "y", DP_AXIS_BARE, &commands);
    assert_string_equal(dp_text_string(&commands),
                        "bare = 'set logscale y; set yrange [0.5:8]; set ytics (\"\" 1.5)'\n");
    dp_text_clear(&commands);
    axis = (dp_axis){.low = 0.5, .high = 40.0, .count = 4, .tics = {2.0, 5.7, 8.0, 40.0}};
    dp_axis_assign(&axis, "right", "y2", DP_AXIS_PERPLEXITIES, &commands);
    assert_string_equal(dp_text_string(&commands),
                        "right = 'unset logscale y2; set y2range [0.5:40]; set y2tics (\"7.39\" 2, "
                        "\"299\" 5.7, \"2,981\" 8, \"2.4e17\" 40)'\n");
    dp_text_clear(&commands);
}

/* Labels differ, however near the tics are. */
static void test_axis_repeats_no_label(void **state) {
    (void)state;
    dp_text commands = {0};
    dp_axis axis = {.low = 2.62, .high = 2.63, .count = 3, .tics = {2.622, 2.623, 2.624}};
    dp_axis_assign(&axis, "right", "y2", DP_AXIS_PERPLEXITIES, &commands);
    assert_non_null(
        strstr(dp_text_string(&commands), "(\"13.76\" 2.622, \"13.78\" 2.623, \"13.79\" 2.624)"));
    dp_text_clear(&commands);
    axis.tics[1] = 2.622 + 1e-9;
    axis.count = 2;
    dp_axis_assign(&axis, "left", "y", DP_AXIS_NUMBERS, &commands);
    assert_non_null(strstr(dp_text_string(&commands), "(\"2.622\" 2.622, \"2.622000001\" "));
    dp_text_clear(&commands);
    axis = (dp_axis){.low = 700.0, .high = 900.0, .count = 3, .tics = {700, 800, 900}};
    dp_axis_assign(&axis, "right", "y2", DP_AXIS_PERPLEXITIES, &commands);
    assert_non_null(strstr(dp_text_string(&commands), "(\"1e304\" 700, \"\" 800, \"\" 900)"));
    dp_text_clear(&commands);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axis_has_round_tics),   cmocka_unit_test(test_axis_of_any_range),
        cmocka_unit_test(test_axis_is_thinned),       cmocka_unit_test(test_axis_commands),
        cmocka_unit_test(test_axis_repeats_no_label),
    };
    return cmocka_run_group_tests_name("axis", tests, NULL, NULL);
}
