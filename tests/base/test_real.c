#include "base/real.h"

#include "base/digest.h"
#include "base/random.h"
#include "support/expect.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

/* Enough to meet each binade some times; what millions show stands in real.h. */
enum { DRAWS = 200000 };

static double draw(uint64_t i) {
    return dp_random_uniform(5, DP_STREAM_SAMPLE, i, 0);
}

static double between(double low, double high, uint64_t i) {
    return low + (high - low) * draw(i);
}

/* Positive, normal or not, each exponent as likely. */
static double any_positive(uint64_t i) {
    return ldexp(1.0 + draw(i), (int)dp_random_below(6, DP_STREAM_SAMPLE, i, 0, 2097) - 1073);
}

static double ulps(double got, long double wanted) {
    const double at = fabs((double)wanted);
    return (double)(fabsl((long double)got - wanted) / (long double)(nextafter(at, INFINITY) - at));
}

static void expect_ulps(const char *what, double x, double got, long double wanted, double limit) {
    if (!(ulps(got, wanted) < limit))
        fail_msg("%s of %a is %a, %g ulp from %La", what, x, got, ulps(got, wanted), wanted);
}

static void expect_log(double x) {
    expect_ulps("log", x, dp_real_log(x), logl((long double)x), 1.0);
}

static void test_real_log_is_near(void **state) {
    (void)state;
    for (uint64_t i = 0; i < DRAWS; i++) {
        expect_log(any_positive(i));
        expect_log(between(0.5, 2.0, i));
        expect_log(1.0 + between(-1.0, 1.0, i) * ldexp(1.0, -(int)(i % 53)));
    }
    expect_log(DBL_MAX);
    expect_log(DBL_MIN);
    expect_log(nextafter(DBL_MIN, 0.0));
    expect_log(DBL_TRUE_MIN);
    expect_log(0x1.6a09e667f3bcdp-1); /* sqrt(1/2) */
    expect_log(nextafter(0x1.6a09e667f3bcdp-1, 0.0));
    assert_true(dp_real_log(1.0) == 0.0);
    assert_true(dp_real_log(0.0) == -INFINITY && dp_real_log(-0.0) == -INFINITY);
    assert_true(dp_real_log(INFINITY) == INFINITY);
    assert_true(isnan(dp_real_log(-1.0)) && isnan(dp_real_log(NAN)));
}

static void expect_exp(double x) {
    expect_ulps("exp", x, dp_real_exp(x), expl((long double)x), 1.0);
}

static void test_real_exp_is_near(void **state) {
    (void)state;
    for (uint64_t i = 0; i < DRAWS; i++) {
        expect_exp(between(-745.2, 709.78, i));
        expect_exp(between(-1.0, 1.0, i));
        expect_exp(between(-745.2, -708.0, i)); /* subnormal */
    }
    assert_true(dp_real_exp(0.0) == 1.0 && dp_real_exp(-0.0) == 1.0);
    assert_true(dp_real_exp(709.79) == INFINITY && dp_real_exp(INFINITY) == INFINITY);
    assert_true(dp_real_exp(-745.14) == 0.0 && dp_real_exp(-INFINITY) == 0.0);
    assert_true(isnan(dp_real_exp(NAN)));
}

static void test_real_exp_of_many_is_that_of_each(void **state) {
    (void)state;
    double x[103], y[103];
    for (size_t count = 0; count < 103; count++) {
        for (size_t i = 0; i < count; i++)
            y[i] = x[i] =
                i % 10 == 9 ? 1000.0 * (double)(i % 4) - 2000.0 : between(-800.0, 800.0, i);
        dp_real_exp_all(count, y);
        for (size_t i = 0; i < count; i++)
            assert_true(y[i] == dp_real_exp(x[i]));
    }
}

/* By the nearest multiple of a quarter, which is exact. */
static long double cos_turns(double turns) {
    const long double two_pi = 6.28318530717958647692528676655900577L;
    const long double t = fabsl((long double)turns - rintl((long double)turns));
    return fabsl(t - 0.25L) < 0.125L ? sinl((0.25L - t) * two_pi) : cosl(t * two_pi);
}

static void test_real_cos_is_near(void **state) {
    (void)state;
    static const double quarters[] = {1.0, 0.0, -1.0, 0.0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        const double turns[] = {draw(i), between(-1e6, 1e6, i), ldexp(draw(i), -(int)(i % 60))};
        for (size_t k = 0; k < 3; k++)
            expect_ulps("cos_turns", turns[k], dp_real_cos_turns(turns[k]), cos_turns(turns[k]),
                        2.0);
    }
    for (int i = 0; i < 1000; i++) {
        assert_true(dp_real_cos_turns(0.25 * i) == quarters[i % 4]);
        assert_true(dp_real_cos_turns(-0.25 * i) == quarters[i % 4]);
    }
    assert_true(dp_real_cos_turns(0x1p50) == 1.0);
}

static void test_real_power_multiplies(void **state) {
    (void)state;
    assert_true(dp_real_power(0.0, 0) == 1.0 && dp_real_power(3.0, 20) == 3486784401.0);
    assert_true(dp_real_power(2.0, 1023) == 0x1p1023 && dp_real_power(0.5, 1074) == 0x1p-1074);
    assert_true(dp_real_power(0.999, UINT64_MAX) == 0.0);
    for (uint64_t n = 1; n < 3000; n++)
        expect_ulps("power", 0.999, dp_real_power(0.999, n), powl((long double)0.999, n),
                    (double)n);
}

static void test_real_exp10_is_near(void **state) {
    (void)state;
    for (uint64_t i = 0; i < DRAWS; i++) {
        const double near = between(-20.0, 20.0, i), far = between(-307.0, 308.2, i);
        expect_ulps("exp10", near, dp_real_exp10(near), powl(10.0L, (long double)near), 4.0);
        expect_ulps("exp10", far, dp_real_exp10(far), powl(10.0L, (long double)far), 20.0);
    }
    for (int n = -20; n <= 20; n++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", n);
        assert_true(dp_real_exp10(n) == strtod(text, NULL));
    }
    assert_true(dp_real_exp10(309.0) == INFINITY && dp_real_exp10(INFINITY) == INFINITY);
    assert_true(dp_real_exp10(-309.0) == 0.0 && dp_real_exp10(-INFINITY) == 0.0);
    assert_true(isnan(dp_real_exp10(NAN)));
}

static void test_real_log10_is_near_and_whole_at_powers(void **state) {
    (void)state;
    for (uint64_t i = 0; i < DRAWS; i++) {
        const double far = any_positive(i), near = between(0.9, 1.1, i);
        expect_ulps("log10", far, dp_real_log10(far), log10l((long double)far), 4.0);
        expect_ulps("log10", near, dp_real_log10(near), log10l((long double)near), 4.0);
    }
    for (int n = -307; n <= 308; n++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", n);
        assert_true(dp_real_log10(strtod(text, NULL)) == n && dp_real_log10(dp_real_exp10(n)) == n);
    }
    assert_true(dp_real_log10(0.0) == -INFINITY && dp_real_log10(INFINITY) == INFINITY);
    assert_true(isnan(dp_real_log10(-1.0)));
}

static uint64_t hash_of(double (*function)(double), double low, double high) {
    dp_xxh3 hash;
    dp_xxh3_init(&hash);
    for (uint64_t i = 0; i < DRAWS; i++) {
        const double value = function(between(low, high, i));
        dp_xxh3_update(&hash, &value, sizeof value);
    }
    return dp_xxh3_digest(&hash);
}

/* The promise: these do not depend on processor, compiler, build type or C library. */
static void test_real_has_the_same_bits_everywhere(void **state) {
    (void)state;
    expect_hex(hash_of(dp_real_log, 0.0, 3.0), 0xf0a4619039746b04u);
    expect_hex(hash_of(dp_real_log, 0.0, 1e300), 0x44edba59df6a87f3u);
    expect_hex(hash_of(dp_real_exp, -745.0, 709.0), 0xe6fb802d6601adafu);
    expect_hex(hash_of(dp_real_exp, -3.0, 3.0), 0x9c14f60235273464u);
    expect_hex(hash_of(dp_real_cos_turns, -2.0, 2.0), 0xcb8d425f1b00a85eu);
    expect_hex(hash_of(dp_real_exp10, -300.0, 300.0), 0x53b0f70810f61ba7u);
    expect_hex(hash_of(dp_real_log10, 0.0, 1000.0), 0xcff37d00cd641ef9u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_log_is_near),
        cmocka_unit_test(test_real_exp_is_near),
        cmocka_unit_test(test_real_exp_of_many_is_that_of_each),
        cmocka_unit_test(test_real_cos_is_near),
        cmocka_unit_test(test_real_power_multiplies),
        cmocka_unit_test(test_real_exp10_is_near),
        cmocka_unit_test(test_real_log10_is_near_and_whole_at_powers),
        cmocka_unit_test(test_real_has_the_same_bits_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
