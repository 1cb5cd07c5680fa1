#include "examine/lr_search.h"

#include "support/expect.h"
#include "support/scratch.h"

enum { COUNT = 320 };

/* Exponents from -3 to 0; losses fall in a parabola to their lowest at `valley`, with a sharp spike
 * downwards that smoothing must not fall for. */
static dp_lr_search parabola(dp_lr_point points[COUNT], double valley) {
    for (size_t i = 0; i < COUNT; i++) {
        const double exponent = -3.0 + 3.0 * (double)i / (COUNT - 1);
        points[i] = (dp_lr_point){.exponent = exponent,
                                  .lr = pow(10.0, exponent),
                                  .loss = 3.0 + (exponent - valley) * (exponent - valley)};
    }
    points[40].loss = 1.0;
    return (dp_lr_search){.points = points, .count = COUNT};
}

static void test_lr_search_suggests_half_the_rate_of_the_lowest(void **state) {
    dp_lr_point points[COUNT];
    dp_lr_search search = parabola(points, -1.0);
    (void)state;
    dp_lr_search_conclude(&search);
    expect_close(points[search.lowest].exponent, -1.0, 0.01);
    expect_close(search.suggested, 0.05, 0.0015);
}

static void test_lr_search_smooths_over_what_is_there(void **state) {
    dp_lr_point points[COUNT];
    dp_lr_search search = parabola(points, -1.0);
    double sum = 0.0;
    (void)state;
    dp_lr_search_conclude(&search);
    for (size_t i = 0; i <= COUNT / 16; i++)
        sum += points[i].loss;
    expect_close(points[0].smooth, sum / (COUNT / 16 + 1), 1e-12);
    expect_close(points[COUNT - 1].smooth, 3.9, 0.1); /* 3.81 to 4 */
}

static void test_lr_search_knows_a_loss_that_only_falls_or_rises(void **state) {
    dp_lr_point points[COUNT];
    dp_lr_search search = parabola(points, 1.0);
    (void)state;
    dp_lr_search_conclude(&search);
    expect_unsigned(search.lowest, COUNT - 1);
    search = parabola(points, -9.0);
    dp_lr_search_conclude(&search);
    expect_unsigned(search.lowest, 0);
    search = (dp_lr_search){0};
    dp_lr_search_conclude(&search);
    assert_true(isnan(search.suggested));
}

static void test_lr_search_takes_no_chance_for_a_fall(void **state) {
    dp_lr_point points[COUNT];
    dp_lr_search search = parabola(points, -1.0);
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        points[i].loss = 3.0 + (double)(i * 7919 % 1000) / 1000.0;
    dp_lr_search_conclude(&search);
    assert_true(isnan(search.suggested));
    for (size_t i = 0; i < COUNT; i++)
        points[i].loss -= 0.3 * sin(3.14 * (double)i / COUNT);
    dp_lr_search_conclude(&search);
    assert_true(search.suggested > 0.0);
}

static void test_lr_search_writes_every_digit(void **state) {
    dp_error error = {0};
    dp_file_map map = {0};
    dp_lr_point points[2] = {{.exponent = -1.0, .lr = 0.1, .loss = 1.0 / 3.0, .smooth = 2.5},
                             {.exponent = 0.0, .lr = 1.0, .loss = 4.0, .smooth = 2.5}};
    const dp_lr_search search = {.points = points, .count = 2};
    static const char expected[] = "step,exponent,lr,loss,smooth\n"
                                   "0,-1,0.1,0.3333333333333333,2.5\n"
                                   "1,0,1,4,2.5\n";
    (void)state;
    expect_ok(dp_lr_search_write(&search, scratch_path("a.csv"), &error), &error);
    expect_ok(dp_file_map_open(&map, scratch_path("a.csv"), &error), &error);
    expect_unsigned(map.size, strlen(expected));
    assert_memory_equal(map.data, expected, map.size);
    dp_file_map_close(&map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lr_search_suggests_half_the_rate_of_the_lowest),
        cmocka_unit_test(test_lr_search_smooths_over_what_is_there),
        cmocka_unit_test(test_lr_search_knows_a_loss_that_only_falls_or_rises),
        cmocka_unit_test(test_lr_search_takes_no_chance_for_a_fall),
        cmocka_unit_test(test_lr_search_writes_every_digit),
    };
    return cmocka_run_group_tests_name("lr_search", tests, scratch_create, scratch_remove);
}
