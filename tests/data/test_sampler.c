#include "data/sampler.h"
#include "support/expect.h"

#include <stdlib.h>

static void test_sampler_replacement_stays_in_range(void **state) {
    (void)state;
    static const uint64_t counts[] = {1, 2, 3, 97, 228146, (uint64_t)1 << 40};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        dp_sampler sampler = {.seed = 5, .batch_size = 32, .example_count = counts[i]};
        for (uint64_t draw = 0; draw < 3200; draw++) {
            uint64_t example = dp_sampler_draw(&sampler, draw / 32, draw % 32);
            if (example >= counts[i])
                fail_msg("%" PRIu64 " is not below %" PRIu64, example, counts[i]);
        }
    }
}

/* Pearson's chi-square over 64 bins: 63 expected, deviation 11.2. Too even is wrong too. */
static void test_sampler_replacement_is_uniform(void **state) {
    (void)state;
    enum { BINS = 64, DRAWS = 64000 };
    for (uint64_t seed = 0; seed < 4; seed++) {
        dp_sampler sampler = {.seed = seed, .batch_size = 32, .example_count = BINS};
        double counts[BINS] = {0}, chi_square = 0.0;
        for (uint64_t draw = 0; draw < DRAWS; draw++)
            counts[dp_sampler_draw(&sampler, draw / 32, draw % 32)] += 1.0;
        for (int bin = 0; bin < BINS; bin++)
            chi_square += pow(counts[bin] - DRAWS / BINS, 2) / (DRAWS / BINS);
        expect_close(chi_square, 63.0, 4.0 * 11.2);
    }
}

static void test_sampler_is_a_pure_function(void **state) {
    (void)state;
    for (int sampling = DP_SAMPLING_REPLACEMENT; sampling <= DP_SAMPLING_EPOCH; sampling++) {
        dp_sampler sampler = {
            .seed = 9, .batch_size = 8, .example_count = 1000, .sampling = (dp_sampling)sampling};
        uint64_t first[400];
        for (uint64_t draw = 0; draw < 400; draw++)
            first[draw] = dp_sampler_draw(&sampler, draw / 8, draw % 8);
        for (uint64_t draw = 400; draw-- > 0;)
            expect_unsigned(dp_sampler_draw(&sampler, draw / 8, draw % 8), first[draw]);
    }
}

static void test_sampler_seeds_and_steps_differ(void **state) {
    (void)state;
    for (int sampling = DP_SAMPLING_REPLACEMENT; sampling <= DP_SAMPLING_EPOCH; sampling++) {
        dp_sampler a = {.seed = 1,
                        .batch_size = 100,
                        .example_count = 1000000,
                        .sampling = (dp_sampling)sampling};
        dp_sampler b = a;
        b.seed = 2;
        int equal = 0;
        for (uint64_t row = 0; row < 100; row++)
            equal += (dp_sampler_draw(&a, 0, row) == dp_sampler_draw(&b, 0, row)) +
                     (dp_sampler_draw(&a, 0, row) == dp_sampler_draw(&a, 1, row));
        if (equal > 1)
            fail_msg("%d of 200 draws are equal, not 0 or 1", equal);
    }
}

/* Draws a whole epoch in batches of `batch_size` and checks that each example comes once. */
static void check_epoch(uint64_t count, uint64_t batch_size, uint64_t epoch) {
    dp_sampler sampler = {
        .seed = 3, .batch_size = batch_size, .example_count = count, .sampling = DP_SAMPLING_EPOCH};
    unsigned char *seen = calloc(count, 1);
    assert_non_null(seen);
    for (uint64_t draw = epoch * count; draw < (epoch + 1) * count; draw++) {
        uint64_t example = dp_sampler_draw(&sampler, draw / batch_size, draw % batch_size);
        if (example >= count || seen[example]++ != 0)
            fail_msg("epoch %" PRIu64 " of %" PRIu64 " examples: %" PRIu64
                     " is out of range or comes twice",
                     epoch, count, example);
    }
    free(seen);
}

static void test_sampler_epoch_gives_every_example_once(void **state) {
    (void)state;
    static const uint64_t counts[] = {1, 2, 3, 4, 5, 16, 17, 64, 65, 97, 1000, 4097};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (uint64_t epoch = 0; epoch < 5; epoch++) {
            check_epoch(counts[i], 1, epoch);
            check_epoch(counts[i], 32, epoch); /* batches that straddle epochs */
            check_epoch(counts[i], 5000, epoch);
        }
    }
}

static void test_sampler_epoch_works_for_huge_counts(void **state) {
    (void)state;
    const uint64_t count = ((uint64_t)1 << 62) + 12345;
    for (uint64_t position = 0; position < 1000; position++) {
        uint64_t a = dp_sampler_permute(1, 0, position, count);
        uint64_t b = dp_sampler_permute(1, 0, count - 1 - position, count);
        assert_true(a < count && b < count && a != b);
    }
}

static void test_sampler_epochs_have_different_orders(void **state) {
    (void)state;
    const uint64_t count = 1000;
    for (uint64_t epoch = 0; epoch < 10; epoch++) {
        uint64_t equal = 0, in_place = 0;
        for (uint64_t position = 0; position < count; position++) {
            uint64_t example = dp_sampler_permute(4, epoch, position, count);
            equal += example == dp_sampler_permute(4, epoch + 1, position, count);
            in_place += example == position;
        }
        /* About one is expected by chance. */
        if (equal > 10 || in_place > 10)
            fail_msg("epoch %" PRIu64 ": %" PRIu64 " as in the next, %" PRIu64 " in place", epoch,
                     equal, in_place);
    }
}

/* Each example comes at each position about as often: 600 orders of 6, 100 expected, deviation 9.
 */
static void test_sampler_epoch_orders_are_fair(void **state) {
    (void)state;
    int counts[6][6] = {{0}};
    for (uint64_t epoch = 0; epoch < 600; epoch++) {
        for (uint64_t position = 0; position < 6; position++)
            counts[position][dp_sampler_permute(8, epoch, position, 6)]++;
    }
    for (int position = 0; position < 6; position++) {
        for (int example = 0; example < 6; example++)
            expect_close(counts[position][example], 100.0, 4.5 * 9.1);
    }
}

static void test_sampler_batch_straddles_two_epochs(void **state) {
    (void)state;
    dp_sampler sampler = {
        .seed = 6, .batch_size = 7, .example_count = 10, .sampling = DP_SAMPLING_EPOCH};
    for (uint64_t row = 0; row < 7; row++) {
        uint64_t drawn = 7 + row; /* the second batch: three of epoch 0, four of epoch 1 */
        expect_unsigned(dp_sampler_draw(&sampler, 1, row),
                        dp_sampler_permute(6, drawn / 10, drawn % 10, 10));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sampler_replacement_stays_in_range),
        cmocka_unit_test(test_sampler_replacement_is_uniform),
        cmocka_unit_test(test_sampler_is_a_pure_function),
        cmocka_unit_test(test_sampler_seeds_and_steps_differ),
        cmocka_unit_test(test_sampler_epoch_gives_every_example_once),
        cmocka_unit_test(test_sampler_epoch_works_for_huge_counts),
        cmocka_unit_test(test_sampler_epochs_have_different_orders),
        cmocka_unit_test(test_sampler_epoch_orders_are_fair),
        cmocka_unit_test(test_sampler_batch_straddles_two_epochs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
