/* exp against the double function of the C library, over all of float32's range. */
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

static void test_activation_exp_keeps_its_bound(void **state) {
    (void)state;
    const float limit = 87.0f;
    float x[BATCH], y[BATCH];
    double largest = 0.0;
    uint32_t last = 0;
    memcpy(&last, &limit, sizeof last);
    for (uint32_t bits = 0; bits <= last;) { /* of both signs */
        size_t count = 0;
        for (; count < BATCH && bits <= last; bits += 211) {
            uint32_t negative = bits | 0x80000000u;
            memcpy(&x[count++], &bits, sizeof bits);
            memcpy(&x[count++], &negative, sizeof bits);
        }
        dp_activation_exp(count, x, y);
        for (size_t i = 0; i < count; i++) {
            const double expected = exp((double)x[i]);
            const double error = fabs(((double)y[i] - expected) / expected);
            largest = error > largest || isnan(error) ? error : largest;
        }
    }
    if (!(largest <= BOUND))
        fail_msg("relative error %g", largest);
    assert_true(largest > 1e-9); /* a measurement that saw nothing would say 0 */
}

static void test_activation_exp_far_out_is_clamped(void **state) {
    (void)state;
    const float x[4] = {-1000.0f, -INFINITY, 1000.0f, INFINITY};
    float y[4];
    dp_activation_exp(4, x, y);
    assert_true(y[0] > 0.0f && y[0] < 1.7e-38f && y[1] == y[0]);
    assert_true(isfinite(y[2]) && y[2] > 1.6e38f && y[3] == y[2]);
}

static void test_activation_nan_stays_nan(void **state) {
    (void)state;
    float x[1] = {NAN}, y[1];
    dp_activation_exp(1, x, y);
    assert_true(isnan(y[0]));
}

static void test_activation_result_does_not_depend_on_position(void **state) {
    (void)state;
    float x[BATCH], y[BATCH];
    for (size_t i = 0; i < BATCH; i++)
        x[i] = 0.731f;
    dp_activation_exp(BATCH - 3, x, y); /* not a multiple of any vector */
    for (size_t i = 1; i < BATCH - 3; i++)
        assert_memory_equal(&y[i], &y[0], sizeof(float));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activation_exp_keeps_its_bound),
        cmocka_unit_test(test_activation_exp_far_out_is_clamped),
        cmocka_unit_test(test_activation_nan_stays_nan),
        cmocka_unit_test(test_activation_result_does_not_depend_on_position),
    };
    return cmocka_run_group_tests_name("activation", tests, NULL, NULL);
}
