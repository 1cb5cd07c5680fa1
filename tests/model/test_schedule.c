#include "model/schedule.h"

#include "formats/h5reader.h"
#include "support/expect.h"

#include <stdio.h>

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

static void test_schedule_warmup_rises_from_the_first_step(void **state) {
    (void)state;
    dp_schedule schedule = steps;
    schedule.warmup = 200; /* milestones are counted all the same */
    expect_close(dp_schedule_lr(&schedule, 0), 0.5 / 200, 1e-17);
    expect_close(dp_schedule_lr(&schedule, 98), 0.5 * 99 / 200, 1e-16);
    expect_close(dp_schedule_lr(&schedule, 100), 0.125 * 101 / 200, 1e-16);
    expect_close(dp_schedule_lr(&schedule, 199), 0.125, 0.0);
    expect_close(dp_schedule_lr(&schedule, 200), 0.03125, 0.0);
}

static void test_schedule_cosine_is_that_of_the_library(void **state) {
    (void)state;
    const dp_schedule cosine = {
        .kind = DP_SCHEDULE_COSINE, .lr = 2.0, .steps = 1000003, .final = 0.25};
    for (uint64_t step = 0; step < cosine.steps; step += 997) {
        double wave = (1.0 + cos(acos(-1.0) * (double)step / (double)cosine.steps)) / 2.0;
        expect_close(dp_schedule_lr(&cosine, step), 0.5 + 1.5 * wave, 1e-14);
    }
    expect_close(dp_schedule_lr(&cosine, 0), 2.0, 0.0);
    expect_close(dp_schedule_lr(&cosine, cosine.steps), 0.5, 0.0); /* and behind its end */
    expect_close(dp_schedule_lr(&cosine, UINT64_MAX), 0.5, 0.0);
}

/* As tests/golden/make_golden.py sets them. */
static void test_schedule_is_pytorch(void **state) {
    (void)state;
    enum { RATES = 100 };
    static const uint64_t at[] = {30, 60, 80};
    static const struct {
        const char *name;
        dp_schedule_kind kind;
        uint64_t warmup;
        double final;
    } cases[] = {{"step", DP_SCHEDULE_STEP, 0, 0.0},
                 {"step_warmup", DP_SCHEDULE_STEP, 10, 0.0},
                 {"constant", DP_SCHEDULE_CONSTANT, 0, 0.0},
                 {"constant_warmup", DP_SCHEDULE_CONSTANT, 10, 0.0},
                 {"cosine", DP_SCHEDULE_COSINE, 0, 0.0},
                 {"cosine_warmup", DP_SCHEDULE_COSINE, 10, 0.1},
                 {"inverse", DP_SCHEDULE_INVERSE, 0, 0.0},
                 {"inverse_warmup", DP_SCHEDULE_INVERSE, 10, 0.0}};
    dp_error error = {0};
    dp_h5reader file = {0};
    expect_ok(dp_h5reader_open(&file, DP_TESTS_DIR "/golden/golden.h5", &error), &error);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const dp_schedule schedule = {.kind = cases[i].kind,
                                      .lr = 0.5,
                                      .warmup = cases[i].warmup,
                                      .gamma = 0.3,
                                      .milestones = at,
                                      .milestone_count = 3,
                                      .steps = RATES,
                                      .final = cases[i].final,
                                      .decay = 0.02};
        char object[64];
        float expected[RATES];
        snprintf(object, sizeof object, "/schedules/%s", cases[i].name);
        expect_ok(dp_h5reader_floats(&file, object, (dp_h5shape){.rank = 1, .size = {RATES}},
                                     expected, &error),
                  &error);
        for (uint64_t step = 0; step < RATES; step++) {
            double lr = dp_schedule_lr(&schedule, step), wanted = (double)expected[step];
            if (!(fabs(lr - wanted) <= 1e-7 * wanted))
                fail_msg("%s, step %" PRIu64 ": %.9g, not %.9g", cases[i].name, step, lr, wanted);
        }
    }
    dp_h5reader_close(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedule_a_milestone_is_the_first_step_with_the_lower_rate),
        cmocka_unit_test(test_schedule_constant_ignores_milestones),
        cmocka_unit_test(test_schedule_without_milestones_stays),
        cmocka_unit_test(test_schedule_milestone_zero_and_twice_the_same),
        cmocka_unit_test(test_schedule_warmup_rises_from_the_first_step),
        cmocka_unit_test(test_schedule_cosine_is_that_of_the_library),
        cmocka_unit_test(test_schedule_is_pytorch),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
