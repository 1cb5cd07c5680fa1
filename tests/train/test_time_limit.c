#include "train/time_limit.h"

#include "support/expect.h"

static void test_time_limit_of_zero_is_none(void **state) {
    (void)state;
    dp_time_limit limit;
    dp_time_limit_init(&limit, 0.0, 100.0, 1u << 30);
    for (double now = 100.0; now < 1e9; now *= 10.0)
        assert_false(dp_time_limit_is_reached(&limit, now));
}

static void test_time_limit_leaves_time_for_the_last_pass(void **state) {
    (void)state;
    dp_time_limit limit;
    dp_time_limit_init(&limit, 100.0, 1000.0, 0);
    double now = 1000.0;
    assert_false(dp_time_limit_is_reached(&limit, now));
    assert_false(dp_time_limit_is_reached(&limit, now += 10.0)); /* the longest: twice it is left */
    while (!dp_time_limit_is_reached(&limit, now += 1.0))
        ;
    expect_close(now, 1000.0 + 100.0 - 1.0 - 2.0 * 10.0, 0.0);
}

static void test_time_limit_leaves_time_for_the_checkpoint(void **state) {
    (void)state;
    dp_time_limit limit;
    dp_time_limit_init(&limit, 100.0, 1000.0, 0);
    dp_time_limit_note_save(&limit, 20.0);
    dp_time_limit_note_save(&limit, 3.0);
    expect_close(dp_time_limit_reserve(&limit), 41.0, 0.0);
    assert_false(dp_time_limit_is_reached(&limit, 1058.0));
    assert_true(dp_time_limit_is_reached(&limit, 1059.5));
}

static void test_time_limit_guesses_the_first_checkpoint(void **state) {
    (void)state;
    dp_time_limit limit;
    dp_time_limit_init(&limit, 100.0, 1000.0, 1000 * 1000 * 1000);
    expect_close(dp_time_limit_reserve(&limit), 41.0, 1e-9);
}

static void test_time_limit_shorter_than_its_reserve_allows_one_step(void **state) {
    (void)state;
    dp_time_limit limit;
    dp_time_limit_init(&limit, 0.5, 1000.0, 0);
    assert_true(dp_time_limit_is_reached(&limit, 1000.0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_limit_of_zero_is_none),
        cmocka_unit_test(test_time_limit_leaves_time_for_the_last_pass),
        cmocka_unit_test(test_time_limit_leaves_time_for_the_checkpoint),
        cmocka_unit_test(test_time_limit_guesses_the_first_checkpoint),
        cmocka_unit_test(test_time_limit_shorter_than_its_reserve_allows_one_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
