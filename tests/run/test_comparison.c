#include "run/comparison.h"

#include "support/expect.h"

#define ROWS_MAX 8

typedef struct run {
    dp_metrics_row rows[ROWS_MAX];
    size_t count;
} run;

/* A run with these steps, up to the first 0; the hash at a step is the step, plus `off` from the
 * step `from` on. */
static run run_of(const uint64_t steps[ROWS_MAX], uint64_t from, uint64_t off) {
    run made = {.count = 0};
    while (made.count < ROWS_MAX && steps[made.count] != 0) {
        uint64_t step = steps[made.count];
        made.rows[made.count++] =
            (dp_metrics_row){.step = step, .weights_hash = step + (step >= from ? off : 0)};
    }
    return made;
}

static dp_comparison compare(run *a, run *b) {
    const dp_metrics_table first = {a->rows, a->count}, second = {b->rows, b->count};
    return dp_comparison_of(&first, &second);
}

static void expect_counts(dp_comparison got, size_t common, uint64_t first, uint64_t last,
                          size_t equal, uint64_t equal_step) {
    expect_unsigned(got.common, common);
    expect_unsigned(got.first_step, first);
    expect_unsigned(got.last_step, last);
    expect_unsigned(got.equal, equal);
    expect_unsigned(got.equal_step, equal_step);
}

static void test_comparison_of_equal_runs(void **state) {
    (void)state;
    run a = run_of((uint64_t[ROWS_MAX]){10, 20, 30}, 0, 0);
    dp_comparison got = compare(&a, &a);
    expect_counts(got, 3, 10, 30, 3, 30);
    assert_null(got.a);
    assert_null(got.b);
}

static void test_comparison_finds_where_runs_part(void **state) {
    (void)state;
    run a = run_of((uint64_t[ROWS_MAX]){10, 20, 30, 40}, 0, 0);
    run b = run_of((uint64_t[ROWS_MAX]){10, 20, 30, 40}, 30, 1);
    dp_comparison got = compare(&a, &b);
    expect_counts(got, 4, 10, 40, 2, 20);
    assert_ptr_equal(got.a, &a.rows[2]);
    assert_ptr_equal(got.b, &b.rows[2]);
    b.rows[3].weights_hash = a.rows[3].weights_hash; /* equal again later: still parted at 30 */
    expect_counts(compare(&a, &b), 4, 10, 40, 2, 20);
    b = run_of((uint64_t[ROWS_MAX]){10, 20, 30, 40}, 10, 1);
    expect_counts(compare(&a, &b), 4, 10, 40, 0, 0);
}

static void test_comparison_takes_common_steps_only(void **state) {
    (void)state;
    run a = run_of((uint64_t[ROWS_MAX]){10, 20, 30, 40, 50, 60}, 0, 0);
    run b = run_of((uint64_t[ROWS_MAX]){15, 30, 45, 60, 75}, 0, 0);
    expect_counts(compare(&a, &b), 2, 30, 60, 2, 60);
    expect_counts(compare(&b, &a), 2, 30, 60, 2, 60);
    b = run_of((uint64_t[ROWS_MAX]){15, 30, 45, 60, 75}, 40, 1);
    dp_comparison got = compare(&a, &b);
    expect_counts(got, 2, 30, 60, 1, 30);
    assert_ptr_equal(got.a, &a.rows[5]);
    assert_ptr_equal(got.b, &b.rows[3]);
}

static void test_comparison_of_runs_without_a_common_step(void **state) {
    (void)state;
    run a = run_of((uint64_t[ROWS_MAX]){10, 20}, 0, 0);
    run b = run_of((uint64_t[ROWS_MAX]){15, 25}, 0, 0);
    run none = {.count = 0};
    expect_counts(compare(&a, &b), 0, 0, 0, 0, 0);
    expect_counts(compare(&a, &none), 0, 0, 0, 0, 0);
    expect_counts(compare(&none, &none), 0, 0, 0, 0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comparison_of_equal_runs),
        cmocka_unit_test(test_comparison_finds_where_runs_part),
        cmocka_unit_test(test_comparison_takes_common_steps_only),
        cmocka_unit_test(test_comparison_of_runs_without_a_common_step),
    };
    return cmocka_run_group_tests_name("comparison", tests, NULL, NULL);
}
