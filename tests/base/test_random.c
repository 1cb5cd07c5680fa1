#include "base/random.h"
#include "support/expect.h"

/* The known answers of Random123 1.14 (tests/kat_vectors, "philox4x32 10"). */
static void test_random_philox_gives_the_known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t out[4];
        dp_philox(cases[i].counter, cases[i].key, out);
        for (size_t word = 0; word < 4; word++)
            expect_hex(out[word], cases[i].out[word]);
    }
}

/* Where seed, stream and coordinates go is part of the numerics contract. */
static void test_random_words_place_every_coordinate(void **state) {
    (void)state;
    const uint64_t seed = 0x1122334455667788u, a = 0x99aabbccddeeff00u, b = 0x00abcdef01234567u;
    const uint32_t counter[4] = {0xddeeff00, 0x99aabbcc, 0x01234567, 0x03abcdef};
    const uint32_t key[2] = {0x55667788, 0x11223344};
    uint32_t wanted[4], got[4];
    dp_philox(counter, key, wanted);
    dp_random_words(seed, DP_STREAM_INIT, a, b, got);
    for (size_t word = 0; word < 4; word++)
        expect_hex(got[word], wanted[word]);
}

static void test_random_below_stays_in_range(void **state) {
    (void)state;
    static const uint64_t bounds[] = {1, 2, 3, 27, 1000003, (uint64_t)1 << 33, UINT64_MAX};
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        for (uint64_t draw = 0; draw < 10000; draw++) {
            uint64_t value = dp_random_below(42, DP_STREAM_BATCH, draw, i, bounds[i]);
            if (value >= bounds[i])
                fail_msg("%" PRIu64 " is not below %" PRIu64, value, bounds[i]);
        }
    }
}

static void test_random_below_reaches_both_ends(void **state) {
    (void)state;
    unsigned seen = 0;
    for (uint64_t draw = 0; draw < 1000; draw++)
        seen |= 1u << dp_random_below(1, DP_STREAM_BATCH, draw, 0, 10);
    expect_hex(seen, 0x3ff);
}

/* Mean, variance, third and fourth moment within five standard deviations of what is expected. */
static void test_random_uniform_has_the_right_moments(void **state) {
    (void)state;
    const int count = 200000;
    double sums[5] = {0};
    for (int i = 0; i < count; i++) {
        double value = dp_random_uniform(7, DP_STREAM_INIT, 3, (uint64_t)i);
        assert_true(value >= 0.0 && value < 1.0);
        for (int power = 1; power <= 4; power++)
            sums[power] += pow(value, power);
    }
    for (int power = 1; power <= 4; power++) {
        double mean = 1.0 / (power + 1);
        double variance = 1.0 / (2 * power + 1) - mean * mean;
        expect_close(sums[power] / count, mean, 5.0 * sqrt(variance / count));
    }
}

static void test_random_normal_has_the_right_moments(void **state) {
    (void)state;
    static const double wanted[9] = {1, 0, 1, 0, 3, 0, 15, 0, 105}; /* E[x^k] */
    const int count = 200000;
    double sums[5] = {0};
    for (int i = 0; i < count; i++) {
        double value = dp_random_normal(7, DP_STREAM_INIT, 3, (uint64_t)i);
        for (int power = 1; power <= 4; power++)
            sums[power] += pow(value, power);
    }
    for (int power = 1; power <= 4; power++) {
        double variance = wanted[2 * power] - wanted[power] * wanted[power];
        expect_close(sums[power] / count, wanted[power], 5.0 * sqrt(variance / count));
    }
}

/* Kolmogorov and Smirnov: the largest distance from the normal distribution. */
static void test_random_normal_has_the_right_tails(void **state) {
    (void)state;
    const int count = 100000;
    static const double edges[] = {-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0};
    for (size_t edge = 0; edge < sizeof edges / sizeof edges[0]; edge++) {
        int below = 0;
        for (int i = 0; i < count; i++)
            below += dp_random_normal(11, DP_STREAM_INIT, 0, (uint64_t)i) < edges[edge];
        double wanted = 0.5 * erfc(-edges[edge] / sqrt(2.0));
        expect_close((double)below / count, wanted, 5.0 * sqrt(wanted * (1 - wanted) / count));
    }
}

static double correlation(uint64_t seed_x, dp_stream stream_x, uint64_t a_x, uint64_t seed_y,
                          dp_stream stream_y, uint64_t a_y) {
    const int count = 20000;
    double sum = 0.0;
    for (int i = 0; i < count; i++)
        sum += (dp_random_uniform(seed_x, stream_x, a_x, (uint64_t)i) - 0.5) *
               (dp_random_uniform(seed_y, stream_y, a_y, (uint64_t)i) - 0.5);
    return 12.0 * sum / count;
}

static void test_random_streams_are_independent(void **state) {
    (void)state;
    const double limit = 5.0 / sqrt(20000.0);
    expect_close(correlation(1, DP_STREAM_BATCH, 0, 1, DP_STREAM_BATCH, 0), 1.0, 0.05);
    expect_close(correlation(1, DP_STREAM_BATCH, 0, 1, DP_STREAM_EPOCH, 0), 0.0, limit);
    expect_close(correlation(1, DP_STREAM_BATCH, 0, 1, DP_STREAM_SAMPLE, 0), 0.0, limit);
    expect_close(correlation(1, DP_STREAM_BATCH, 0, 2, DP_STREAM_BATCH, 0), 0.0, limit);
    expect_close(correlation(1, DP_STREAM_BATCH, 0, 1, DP_STREAM_BATCH, 1), 0.0, limit);
    expect_close(correlation(1, DP_STREAM_BATCH, 0, (uint64_t)1 << 32, DP_STREAM_BATCH, 0), 0.0,
                 limit);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_philox_gives_the_known_answers),
        cmocka_unit_test(test_random_words_place_every_coordinate),
        cmocka_unit_test(test_random_below_stays_in_range),
        cmocka_unit_test(test_random_below_reaches_both_ends),
        cmocka_unit_test(test_random_uniform_has_the_right_moments),
        cmocka_unit_test(test_random_normal_has_the_right_moments),
        cmocka_unit_test(test_random_normal_has_the_right_tails),
        cmocka_unit_test(test_random_streams_are_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
