/* How many ranks are taken where each number has a step time of its own, which may change:
 * simulated machines, second by second. */
#include "parallel/pace.h"

#include "base/random.h"
#include "support/expect.h"

#include <math.h>

#define RANKS_MAX 8
#define SLICE 1e-3        /* seconds in which a machine stays as it is */
#define CHANGE 5e-3       /* seconds that a change takes */
#define MOMENTS 4         /* of a machine */
#define WORSE 1.1         /* times what the best takes */
#define ALLOWED_START 0.1 /* seconds that may be lost at the start */

/* A machine: what a step takes by each number of ranks, from each of some moments on (the first is
 * 0). It may repeat itself, and be noisy. */
typedef struct machine {
    double seconds[MOMENTS][RANKS_MAX + 1];
    double from[MOMENTS];
    double period; /* 0: it does not */
    double noise;  /* a step takes between 1 - noise and 1 + noise times as long */
    double
        bursts;   /* share of the slices in which more than one rank waits four slices for others */
    double quiet; /* seconds without either */
} machine;

typedef struct outcome {
    int count;
    double elapsed, lost; /* seconds; those beyond what the best would have taken, with changes */
    double longest;       /* at one stretch with a worse number than the best */
    int trials, changes;
} outcome;

static const double *moment_of(const machine *of, double now) {
    int moment = 0;
    if (of->period > 0.0)
        now = fmod(now, of->period);
    while (moment + 1 < MOMENTS && of->from[moment + 1] > 0.0 && now >= of->from[moment + 1])
        moment++;
    return of->seconds[moment];
}

static double best_of(const double seconds[RANKS_MAX + 1], int most) {
    double best = seconds[1];
    for (int count = 2; count <= most; count++)
        best = seconds[count] > 0.0 && seconds[count] < best ? seconds[count] : best;
    return best;
}

static double share(uint64_t slice, uint64_t what) {
    return (double)dp_random_below(7, DP_STREAM_BATCH, slice, what, 1u << 20) / (1 << 20);
}

/* What a step takes now. */
static double step_of(const machine *of, int count, double now) {
    const uint64_t slice = (uint64_t)(now / SLICE);
    double step = moment_of(of, now)[count];
    if (of->noise > 0.0)
        step *= 1.0 + of->noise * (2.0 * share(slice, (uint64_t)count) - 1.0);
    if (count > 1 && of->bursts > 0.0 && share(slice / 4, 99) < of->bursts)
        step = fmax(step, 4.0 * SLICE);
    return step;
}

/* Takes steps until a turn is over; returns how many. */
static uint64_t take(const machine *of, const dp_pace_turn *turn, int most, outcome *found) {
    const double began = found->elapsed;
    uint64_t taken = 0;
    while (taken < turn->steps || found->elapsed < began + turn->seconds) {
        const double step = step_of(of, turn->count, found->elapsed);
        const double left = fmax((double)turn->steps - (double)taken,
                                 (began + turn->seconds - found->elapsed) / step);
        const uint64_t steps = (uint64_t)fmax(1.0, fmin(left, SLICE / step));
        found->lost += (double)steps * (step - best_of(moment_of(of, found->elapsed), most));
        found->elapsed += (double)steps * step;
        taken += steps;
    }
    return taken;
}

static outcome run_on(const machine *of, int most, double until) {
    dp_pace pace;
    outcome found = {.count = most};
    double worse = 0.0;
    dp_pace_init(&pace, most);
    for (dp_pace_turn turn = dp_pace_begin(&pace); found.elapsed < until;) {
        assert_in_range(turn.count, 1, most);
        assert_true(moment_of(of, 0.0)[turn.count] > 0.0);
        assert_true(turn.steps >= 1);
        if (turn.count != found.count) {
            found.changes++;
            found.lost += CHANGE;
            found.elapsed += CHANGE;
            dp_pace_note_change(&pace, CHANGE);
        }
        found.count = turn.count;
        found.trials += turn.is_trial;
        const double *seconds = moment_of(of, found.elapsed);
        const bool is_worse = seconds[turn.count] > WORSE * best_of(seconds, most);
        const double began = found.elapsed;
        const uint64_t steps = take(of, &turn, most, &found);
        const double took = found.elapsed - began;
        worse = is_worse ? worse + took : 0.0;
        found.longest = fmax(found.longest, worse);
        turn = dp_pace_next(&pace, steps, took);
    }
    return found;
}

#define FREE                                                                                       \
    { 0, 11.7e-6, 8.3e-6 }
#define BUSY                                                                                       \
    { 0, 11.7e-6, 17.4e-6 }
#define STARVED                                                                                    \
    { 0, 11.7e-6, 5e-3 }
#define GROWING                                                                                    \
    { 0, 1e-5, 2e-5, 0, 4e-5, 0, 0, 0, 8e-5 }

static void test_pace_takes_the_fastest(void **state) {
    (void)state;
    const machine two = {.seconds = {FREE}};
    assert_int_equal(run_on(&two, 2, 10.0).count, 2);
    const machine busy = {.seconds = {BUSY}};
    assert_int_equal(run_on(&busy, 2, 10.0).count, 1);
    const machine middle = {.seconds = {{0, 80e-6, 50e-6, 0, 30e-6, 0, 0, 0, 45e-6}}};
    assert_int_equal(run_on(&middle, 8, 10.0).count, 4);
    const machine worst = {.seconds = {GROWING}};
    assert_int_equal(run_on(&worst, 8, 10.0).count, 1);
}

static void test_pace_is_soon_there(void **state) {
    (void)state;
    const machine worst = {.seconds = {GROWING}};
    assert_int_equal(run_on(&worst, 8, 0.1).count, 1);
}

/* A number beyond one that is worse is found within half a minute or so. */
static void test_pace_looks_further(void **state) {
    (void)state;
    const machine valley = {.seconds = {{0, 90e-6, 20e-6, 0, 35e-6, 0, 0, 0, 30e-6}}};
    const outcome found = run_on(&valley, 8, 60.0);
    assert_int_equal(found.count, 2);
    assert_true(found.longest < 31.0);
}

/* Another program comes, and goes. */
static void test_pace_follows_a_change(void **state) {
    (void)state;
    const machine comes = {.seconds = {FREE, BUSY}, .from = {0, 5.0}};
    assert_int_equal(run_on(&comes, 2, 4.9).count, 2);
    assert_int_equal(run_on(&comes, 2, 6.5).count, 1);
    const machine goes = {.seconds = {BUSY, FREE}, .from = {0, 5.0}};
    assert_int_equal(run_on(&goes, 2, 4.9).count, 1);
    assert_int_equal(run_on(&goes, 2, 12.0).count, 2);
    const machine late = {.seconds = {BUSY, FREE}, .from = {0, 1000.0}};
    const outcome found = run_on(&late, 2, 1040.0);
    assert_int_equal(found.count, 2);
    assert_true(found.longest < 31.0);
}

/* Where each of two ranks waits for a processor that another program has, thousands of steps would
 * take minutes. */
static void test_pace_leaves_a_starved_machine(void **state) {
    (void)state;
    const machine starts = {.seconds = {STARVED}};
    assert_true(run_on(&starts, 2, 100.0).longest < 0.2);
    const machine comes = {.seconds = {FREE, STARVED}, .from = {0, 100.0}};
    assert_int_equal(run_on(&comes, 2, 100.6).count, 1);
    const outcome found = run_on(&comes, 2, 200.0);
    assert_int_equal(found.count, 1);
    assert_true(found.longest < 0.6);
}

/* And comes back when that is over, however dear the trials were. */
static void test_pace_comes_back(void **state) {
    (void)state;
    const double ends[] = {1.0, 3.0, 9.0, 27.0, 80.0, 250.0, 750.0};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const double until = ends[i];
        const machine goes = {.seconds = {STARVED, FREE}, .from = {0, until}};
        const outcome found = run_on(&goes, 2, until + 40.0);
        assert_int_equal(found.count, 2);
        assert_true(found.longest < 31.0);
    }
    const machine grows = {.seconds = {{0, 8e-5, 4.5e-5, 0, 3e-5, 0, 0, 0, 1e-2},
                                       {0, 8e-5, 4.5e-5, 0, 3e-5, 0, 0, 0, 2e-5}},
                           .from = {0, 90.0}};
    assert_int_equal(run_on(&grows, 8, 89.0).count, 4);
    assert_int_equal(run_on(&grows, 8, 130.0).count, 8);
}

/* A job that was suspended in a trial, or wherever, is not held to it. */
static void test_pace_forgives(void **state) {
    (void)state;
    for (int ms = 1; ms < 1800; ms += ms < 30 || ms > 1200 ? 4 : 50) {
        const double at = 1e-3 * ms;
        const machine stops = {.seconds = {BUSY, {0, 3600.0, 3600.0}, FREE},
                               .from = {0, at, at + 1.0}};
        const outcome found = run_on(&stops, 2, 3600.0 + 150.0);
        assert_int_equal(found.count, 2);
    }
}

/* Where a machine is now so and now so, nothing is lost that one rank alone would not lose, and
 * less where it stays so for long: of its time that loses 0.15 in the half that is free. */
static void test_pace_lives_with_alternation(void **state) {
    (void)state;
    const double periods[] = {0.02, 0.5, 3.0, 20.0, 120.0, 600.0};
    const double bounds[] = {0.18, 0.18, 0.18, 0.15, 0.02, 0.01};
    for (size_t i = 0; i < sizeof periods / sizeof periods[0]; i++) {
        machine of = {
            .seconds = {FREE, STARVED}, .from = {0, periods[i] / 2.0}, .period = periods[i]};
        const outcome starved = run_on(&of, 2, 1200.0);
        assert_true(starved.lost < bounds[i] * starved.elapsed);
        of.seconds[1][2] = 17.4e-6;
        const outcome busy = run_on(&of, 2, 1200.0);
        assert_true(busy.lost < bounds[i] * busy.elapsed);
    }
}

/* Noise makes nobody change to and fro. */
static void test_pace_bears_noise(void **state) {
    (void)state;
    const machine noisy = {.seconds = {FREE}, .noise = 0.5};
    const outcome found = run_on(&noisy, 2, 300.0);
    assert_int_equal(found.count, 2);
    assert_true(found.longest < 1.0);
    assert_true(found.changes < 60);
    /* Two ranks wait in half of the time: on the whole one is faster. */
    const machine bursts = {.seconds = {FREE}, .bursts = 0.5};
    assert_int_equal(run_on(&bursts, 2, 300.0).count, 1);
}

/* What trials cost is little of the time, also where a step takes long; then the most are at work.
 */
static void test_pace_costs_little(void **state) {
    (void)state;
    double scale = 1.0;
    for (int power = 0; power < 7; power++) {
        machine of = {.seconds = {{0, 8e-6, 4.2e-6, 0, 2.3e-6, 0, 0, 0, 1.3e-6}}};
        for (int count = 1; count <= 8; count++)
            of.seconds[0][count] *= scale;
        scale *= 10.0;
        const outcome found = run_on(&of, 8, 600.0);
        assert_int_equal(found.count, 8);
        assert_true(found.lost < ALLOWED_START + 0.01 * found.elapsed);
    }
    const machine slow = {.seconds = {{0, 2.0, 1.0}}};
    assert_int_equal(run_on(&slow, 2, 30.0).changes, 0);
}

static void test_pace_of_one_rank_has_no_choice(void **state) {
    (void)state;
    const machine one = {.seconds = {{0, 1e-5}}};
    const outcome found = run_on(&one, 1, 100.0);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.changes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pace_takes_the_fastest),
        cmocka_unit_test(test_pace_is_soon_there),
        cmocka_unit_test(test_pace_looks_further),
        cmocka_unit_test(test_pace_follows_a_change),
        cmocka_unit_test(test_pace_leaves_a_starved_machine),
        cmocka_unit_test(test_pace_comes_back),
        cmocka_unit_test(test_pace_forgives),
        cmocka_unit_test(test_pace_lives_with_alternation),
        cmocka_unit_test(test_pace_bears_noise),
        cmocka_unit_test(test_pace_costs_little),
        cmocka_unit_test(test_pace_of_one_rank_has_no_choice),
    };
    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
