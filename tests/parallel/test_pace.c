/* How many ranks are taken where each number has a step time of its own, which may change. */
#include "parallel/pace.h"

#include "support/expect.h"

/* A machine: what a step takes by each number of ranks, from the first second on and from another.
 */
typedef struct machine {
    double seconds[9], later[9];
    double change;
} machine;

typedef struct outcome {
    int count;
    double elapsed, lost; /* seconds; those beyond what the best would have taken */
    int trials;
} outcome;

static double best_of(const double seconds[9], int most) {
    double best = seconds[1];
    for (int count = 2; count <= most; count++)
        best = seconds[count] > 0.0 && seconds[count] < best ? seconds[count] : best;
    return best;
}

static outcome run(const machine *of, int most, double until) {
    dp_pace pace;
    outcome found = {0};
    dp_pace_init(&pace, most);
    for (dp_pace_turn turn = dp_pace_begin(&pace); found.elapsed < until;) {
        const double *seconds =
            of->change > 0.0 && found.elapsed >= of->change ? of->later : of->seconds;
        const double took = (double)turn.steps * seconds[turn.count];
        assert_true(seconds[turn.count] > 0.0);
        assert_in_range(turn.count, 1, most);
        assert_true(turn.steps >= 1);
        found.count = turn.count;
        found.trials += turn.is_trial;
        found.elapsed += took;
        found.lost += took - (double)turn.steps * best_of(seconds, most);
        turn = dp_pace_next(&pace, turn.steps, took);
    }
    return found;
}

static void test_pace_takes_the_fastest(void **state) {
    (void)state;
    const machine two = {.seconds = {0, 11.7e-6, 8.3e-6}};
    assert_int_equal(run(&two, 2, 10.0).count, 2);
    const machine busy = {.seconds = {0, 11.7e-6, 17.4e-6}};
    assert_int_equal(run(&busy, 2, 10.0).count, 1);
    const machine middle = {.seconds = {0, 80e-6, 50e-6, 0, 30e-6, 0, 0, 0, 45e-6}};
    assert_int_equal(run(&middle, 8, 10.0).count, 4);
    const machine worst = {.seconds = {0, 1e-5, 2e-5, 0, 4e-5, 0, 0, 0, 8e-5}};
    assert_int_equal(run(&worst, 8, 10.0).count, 1);
}

static void test_pace_is_soon_there(void **state) {
    (void)state;
    const machine worst = {.seconds = {0, 1e-5, 2e-5, 0, 4e-5, 0, 0, 0, 8e-5}};
    const outcome found = run(&worst, 8, 0.1);
    assert_int_equal(found.count, 1);
}

/* Another program comes, and goes. */
static void test_pace_follows_a_change(void **state) {
    (void)state;
    const machine comes = {
        .seconds = {0, 11.7e-6, 8.3e-6}, .later = {0, 11.7e-6, 17.4e-6}, .change = 5.0};
    assert_int_equal(run(&comes, 2, 4.9).count, 2);
    assert_int_equal(run(&comes, 2, 6.5).count, 1);
    const machine goes = {
        .seconds = {0, 11.7e-6, 17.4e-6}, .later = {0, 11.7e-6, 8.3e-6}, .change = 5.0};
    assert_int_equal(run(&goes, 2, 4.9).count, 1);
    assert_int_equal(run(&goes, 2, 40.0).count, 2);
}

/* What trials cost is little of the time, also where a step takes long; then the most are at work.
 */
static void test_pace_costs_little(void **state) {
    (void)state;
    for (double scale = 1.0; scale < 1e7; scale *= 10.0) {
        machine of = {.seconds = {0, 8e-6, 4.2e-6, 0, 2.3e-6, 0, 0, 0, 1.3e-6}};
        for (int count = 1; count <= 8; count++)
            of.seconds[count] *= scale;
        const outcome found = run(&of, 8, 600.0);
        assert_int_equal(found.count, 8);
        assert_true(found.lost < 0.1 + 0.02 * found.elapsed);
    }
    const machine slow = {.seconds = {0, 2.0, 1.0}};
    assert_int_equal(run(&slow, 2, 30.0).trials, 2); /* of the first alone */
}

static void test_pace_of_one_rank_has_no_choice(void **state) {
    (void)state;
    const machine one = {.seconds = {0, 1e-5}};
    const outcome found = run(&one, 1, 100.0);
    assert_int_equal(found.count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pace_takes_the_fastest),
        cmocka_unit_test(test_pace_is_soon_there),
        cmocka_unit_test(test_pace_follows_a_change),
        cmocka_unit_test(test_pace_costs_little),
        cmocka_unit_test(test_pace_of_one_rank_has_no_choice),
    };
    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
