#include "library/generate.h"

#include "base/random.h"
#include "support/expect.h"

#include <float.h>

enum { VOCAB = 5, DRAWS = 20000 };

static const float logits[VOCAB] = {0.5f, -1.0f, 2.0f, 2.0f, 0.0f};

static void test_generate_temperature_zero_is_the_likeliest(void **state) {
    (void)state;
    for (int i = 0; i < 10; i++)
        expect_unsigned(dp_generate_token(logits, VOCAB, 0.0, i / 10.0), 2); /* the first of two */
    static const float last_is_best[3] = {-3.0f, -2.0f, -1.0f};
    expect_unsigned(dp_generate_token(last_is_best, 3, 0.0, 0.5), 2);
}

/* Counts against the softmax, within four deviations of a binomial. */
static void expect_frequencies(double temperature) {
    size_t counts[VOCAB] = {0};
    double total = 0.0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        double uniform = dp_random_uniform(3, DP_STREAM_SAMPLE, i, 0);
        uint32_t id = dp_generate_token(logits, VOCAB, temperature, uniform);
        assert_in_range(id, 0, VOCAB - 1);
        counts[id]++;
    }
    for (size_t id = 0; id < VOCAB; id++)
        total += exp((double)logits[id] / temperature);
    for (size_t id = 0; id < VOCAB; id++) {
        double p = exp((double)logits[id] / temperature) / total;
        double expected = DRAWS * p, deviation = sqrt(DRAWS * p * (1.0 - p));
        expect_close((double)counts[id], expected, 4.0 * deviation + 1.0);
    }
}

static void test_generate_draws_with_the_probabilities_of_the_softmax(void **state) {
    (void)state;
    expect_frequencies(1.0);
    expect_frequencies(0.5);
    expect_frequencies(3.0);
}

static void test_generate_tokens_lie_in_id_order(void **state) {
    (void)state;
    static const float equal[4] = {1.0f, 1.0f, 1.0f, 1.0f};
    for (uint32_t id = 0; id < 4; id++) {
        expect_unsigned(dp_generate_token(equal, 4, 1.0, id / 4.0), id);
        expect_unsigned(dp_generate_token(equal, 4, 1.0, id / 4.0 + 0.2499), id);
    }
}

static void test_generate_uniform_next_to_one_is_a_token(void **state) {
    (void)state;
    const double last = 1.0 - DBL_EPSILON / 2.0;
    static const float equal[3] = {0.1f, 0.1f, 0.1f};
    for (int i = 1; i <= 100; i++) {
        assert_in_range(dp_generate_token(logits, VOCAB, i / 10.0, last), 0, VOCAB - 1);
        assert_in_range(dp_generate_token(equal, 3, i / 10.0, last), 0, 2);
    }
    /* Nothing is left for tokens whose probability is 0. */
    static const float impossible[3] = {0.0f, -1e30f, -1e30f};
    expect_unsigned(dp_generate_token(impossible, 3, 1.0, last), 0);
    static const float first_impossible[3] = {-1e30f, 0.0f, -1e30f};
    expect_unsigned(dp_generate_token(first_impossible, 3, 1.0, 0.0), 1);
}

static void test_generate_holds_extreme_logits(void **state) {
    (void)state;
    static const float huge[3] = {-FLT_MAX, FLT_MAX, 0.0f};
    static const float tiny[3] = {-FLT_MAX, -FLT_MAX, -FLT_MAX};
    for (int i = 0; i < 10; i++) {
        double uniform = i / 10.0;
        expect_unsigned(dp_generate_token(huge, 3, 1.0, uniform), 1);
        expect_unsigned(dp_generate_token(huge, 3, DBL_MIN, uniform), 1);
        expect_unsigned(dp_generate_token(tiny, 3, 1.0, uniform), (uint32_t)(3.0 * uniform));
    }
}

static void test_generate_probabilities_are_the_softmax(void **state) {
    (void)state;
    /* e^0 : e^1 : e^2, far from 0, where exp alone would overflow */
    const float near[] = {1000.0f, 1001.0f, 1002.0f};
    double got[3];
    dp_generate_probabilities(near, 3, got);
    expect_close(got[0], 0.090030573170380462, 1e-15);
    expect_close(got[1], 0.24472847105479764, 1e-15);
    expect_close(got[2], 0.66524095577482189, 1e-15);
    const float far[] = {-1e38f, 1e38f};
    dp_generate_probabilities(far, 2, got);
    expect_close(got[0], 0.0, 0.0);
    expect_close(got[1], 1.0, 0.0);
}

/* --- cuts ----------------------------------------------------------------------------------- */

/* Which tokens a cut leaves, a bit each; the others must be impossible, these as they were. */
static unsigned kept(double temperature, uint64_t top_k, double top_p) {
    const dp_generate_choice choice = {temperature, top_k, top_p};
    float cut[VOCAB];
    uint32_t order[VOCAB];
    unsigned bits = 0;
    dp_generate_cut(logits, VOCAB, &choice, cut, order);
    for (unsigned id = 0; id < VOCAB; id++) {
        if (isinf(cut[id]))
            continue;
        assert_true(cut[id] == logits[id]);
        bits |= 1u << id;
    }
    return bits;
}

static void test_generate_cuts_to_the_likeliest_k(void **state) {
    (void)state;
    expect_unsigned(kept(1.0, 1, 1.0), 0x04); /* of the two likeliest the first */
    expect_unsigned(kept(1.0, 2, 1.0), 0x0C);
    expect_unsigned(kept(1.0, 3, 1.0), 0x0D);
    expect_unsigned(kept(1.0, 5, 1.0), 0x1F);
    expect_unsigned(kept(1.0, 99, 1.0), 0x1F);
    expect_unsigned(kept(1.0, 0, 1.0), 0x1F);
}

/* The shares are 0.415 of ids 2 and 3, 0.0927 of 0, 0.0562 of 4, 0.0207 of 1; at temperature 0.5
 * 0.483, 0.483, 0.0240, 0.0088, 0.0012. */
static void test_generate_cuts_to_a_share(void **state) {
    (void)state;
    expect_unsigned(kept(1.0, 0, 0.0), 0x04);
    expect_unsigned(kept(1.0, 0, 0.4), 0x04);
    expect_unsigned(kept(1.0, 0, 0.83), 0x0C);
    expect_unsigned(kept(1.0, 0, 0.84), 0x0D);
    expect_unsigned(kept(1.0, 0, 0.979), 0x1D);
    expect_unsigned(kept(1.0, 0, 0.98), 0x1F);
    expect_unsigned(kept(0.5, 0, 0.96), 0x0C);
    /* With both, the shares are those of the three that are left: 0.4498, 0.4498, 0.1004. */
    expect_unsigned(kept(1.0, 3, 0.89), 0x0C);
    expect_unsigned(kept(1.0, 3, 0.90), 0x0D);
}

/* All ties, and more tokens than a heap gets wrong by accident. */
static void test_generate_cuts_a_large_vocabulary(void **state) {
    (void)state;
    enum { LARGE = 997 };
    static float many[LARGE], cut[LARGE];
    static uint32_t order[LARGE];
    for (uint32_t id = 0; id < LARGE; id++)
        many[id] = (float)(id * 31 % 97) / 10.0f;
    for (uint64_t k = 1; k <= LARGE; k += 83) {
        const dp_generate_choice choice = {1.0, k, 1.0};
        uint64_t count = 0;
        dp_generate_cut(many, LARGE, &choice, cut, order);
        for (uint32_t id = 0; id < LARGE; id++) {
            uint64_t before = 0;
            for (uint32_t other = 0; other < LARGE; other++)
                before += many[other] > many[id] || (many[other] == many[id] && other < id);
            assert_int_equal(isinf(cut[id]) == 0, before < k);
            count += isinf(cut[id]) == 0;
        }
        expect_unsigned(count, k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generate_temperature_zero_is_the_likeliest),
        cmocka_unit_test(test_generate_draws_with_the_probabilities_of_the_softmax),
        cmocka_unit_test(test_generate_tokens_lie_in_id_order),
        cmocka_unit_test(test_generate_uniform_next_to_one_is_a_token),
        cmocka_unit_test(test_generate_holds_extreme_logits),
        cmocka_unit_test(test_generate_probabilities_are_the_softmax),
        cmocka_unit_test(test_generate_cuts_to_the_likeliest_k),
        cmocka_unit_test(test_generate_cuts_to_a_share),
        cmocka_unit_test(test_generate_cuts_a_large_vocabulary),
    };
    return cmocka_run_group_tests_name("generate", tests, NULL, NULL);
}
