#include "model/schedule.h"
#include "support/expect.h"

static const uint64_t milestones[] = {300, 100, 200}; /* in any order */

static const dp_schedule steps = {.kind = DP_SCHEDULE_STEP,
                                  .lr = 0.5,
                                  .gamma = 0.25,
                                  .milestones = milestones,
                                  .milestone_count = 3};

static void test_schedule_a_milestone_is_the_first_step_with_the_lower_rate(void **state) {
    (void)state;
    static const struct {
        uint64_t step;
        double lr;
    } expected[] = {{0, 0.5},       {99, 0.5},      {100, 0.125},     {199, 0.125},
                    {200, 0.03125}, {299, 0.03125}, {300, 0.0078125}, {UINT64_MAX, 0.0078125}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        expect_close(dp_schedule_lr(&steps, expected[i].step), expected[i].lr, 0.0);
}

static void test_schedule_constant_ignores_milestones(void **state) {
    (void)state;
    dp_schedule constant = steps;
    constant.kind = DP_SCHEDULE_CONSTANT;
    expect_close(dp_schedule_lr(&constant, 0), 0.5, 0.0);
    expect_close(dp_schedule_lr(&constant, 1000), 0.5, 0.0);
}

static void test_schedule_without_milestones_stays(void **state) {
    (void)state;
    const dp_schedule none = {.kind = DP_SCHEDULE_STEP, .lr = 0.1, .gamma = 0.1};
    expect_close(dp_schedule_lr(&none, UINT64_MAX), 0.1, 0.0);
}

static void test_schedule_milestone_zero_and_twice_the_same(void **state) {
    (void)state;
    static const uint64_t twice[] = {0, 5, 5};
    dp_schedule schedule = steps;
    schedule.milestones = twice;
    expect_close(dp_schedule_lr(&schedule, 0), 0.125, 0.0);
    expect_close(dp_schedule_lr(&schedule, 5), 0.0078125, 0.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedule_a_milestone_is_the_first_step_with_the_lower_rate),
        cmocka_unit_test(test_schedule_constant_ignores_milestones),
        cmocka_unit_test(test_schedule_without_milestones_stays),
        cmocka_unit_test(test_schedule_milestone_zero_and_twice_the_same),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
