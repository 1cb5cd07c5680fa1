/* exp and tanh against the double functions of the C library, over all of float32's range. */
#include "kernels/activation.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BOUND 2.5e-7 /* the one that kernels/activation.h states */

enum { BATCH = 1024 };

/* The largest relative error over every `stride`-th float of both signs up to `limit`. */
static double largest_error(void (*function)(size_t, const float *, float *),
                            double (*truth)(double), float limit, uint32_t stride) {
    float x[BATCH], y[BATCH];
    double largest = 0.0;
    uint32_t last = 0;
    memcpy(&last, &limit, sizeof last);
    for (uint32_t bits = 0; bits <= last;) {
        size_t count = 0;
        for (; count < BATCH && bits <= last; bits += stride) {
            uint32_t negative = bits | 0x80000000u;
            memcpy(&x[count++], &bits, sizeof bits);
            memcpy(&x[count++], &negative, sizeof bits);
        }
        function(count, x, y);
        for (size_t i = 0; i < count; i++) {
            double expected = truth((double)x[i]);
            double error =
                expected == 0.0 ? fabs((double)y[i]) : fabs(((double)y[i] - expected) / expected);
            largest = error > largest || isnan(error) ? error : largest;
        }
    }
    return largest;
}

static void exp_array(size_t n, const float *x, float *y) {
    dp_activation_exp(n, x, 0.0f, y);
}

static void tanh_array(size_t n, const float *x, float *y) {
    memcpy(y, x, n * sizeof *x);
    dp_activation_tanh(n, y);
}

static void test_activation_exp_keeps_its_bound(void **state) {
    (void)state;
    double error = largest_error(exp_array, exp, 87.0f, 211);
    if (!(error <= BOUND))
        fail_msg("relative error %g", error);
    assert_true(error > 1e-9); /* a measurement that saw nothing would say 0 */
}

static void test_activation_tanh_keeps_its_bound(void **state) {
    (void)state;
    double error = largest_error(tanh_array, tanh, 3.0e38f, 211);
    if (!(error <= BOUND))
        fail_msg("relative error %g", error);
    assert_true(error > 1e-9);
}

static void test_activation_exp_far_out_is_clamped(void **state) {
    (void)state;
    const float x[4] = {-1000.0f, -INFINITY, 1000.0f, INFINITY};
    float y[4];
    dp_activation_exp(4, x, 0.0f, y);
    assert_true(y[0] > 0.0f && y[0] < 1.7e-38f && y[1] == y[0]);
    assert_true(isfinite(y[2]) && y[2] > 1.6e38f && y[3] == y[2]);
}

static void test_activation_exp_subtracts_the_shift(void **state) {
    (void)state;
    const float x[2] = {100.0f, 99.0f};
    float y[2];
    dp_activation_exp(2, x, 100.0f, y);
    assert_true(y[0] == 1.0f);
    assert_true(fabs((double)y[1] - exp(-1.0)) < 1e-7);
}

static void test_activation_nan_stays_nan(void **state) {
    (void)state;
    float x[1] = {NAN}, y[1];
    dp_activation_exp(1, x, 0.0f, y);
    assert_true(isnan(y[0]));
    dp_activation_tanh(1, x);
    assert_true(isnan(x[0]));
}

static void test_activation_result_does_not_depend_on_position(void **state) {
    (void)state;
    float x[BATCH], y[BATCH];
    for (size_t i = 0; i < BATCH; i++)
        x[i] = 0.731f;
    dp_activation_exp(BATCH, x, 0.0f, y);
    dp_activation_tanh(BATCH - 3, x); /* not a multiple of any vector */
    for (size_t i = 1; i < BATCH - 3; i++) {
        assert_memory_equal(&x[i], &x[0], sizeof(float));
        assert_memory_equal(&y[i], &y[0], sizeof(float));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activation_exp_keeps_its_bound),
        cmocka_unit_test(test_activation_tanh_keeps_its_bound),
        cmocka_unit_test(test_activation_exp_far_out_is_clamped),
        cmocka_unit_test(test_activation_exp_subtracts_the_shift),
        cmocka_unit_test(test_activation_nan_stays_nan),
        cmocka_unit_test(test_activation_result_does_not_depend_on_position),
    };
    return cmocka_run_group_tests_name("activation", tests, NULL, NULL);
}
