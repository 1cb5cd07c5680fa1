#include "model/optimizer.h"

#include "base/random.h"
#include "support/expect.h"

enum { COUNT = 1003 };

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void fill(float params[COUNT], float gradient[COUNT]) {
    for (size_t i = 0; i < COUNT; i++) {
        params[i] = (float)dp_random_normal(1, DP_STREAM_INIT, i, 0);
        gradient[i] = (float)dp_random_normal(1, DP_STREAM_INIT, i, 1);
    }
}

static void test_optimizer_sgd_is_its_formula(void **state) {
    (void)state;
    float params[COUNT], before[COUNT], gradient[COUNT];
    fill(params, gradient);
    memcpy(before, params, sizeof before);
    dp_optimizer_sgd(dp_kernels_of(dp_cpu_level_detect()), COUNT, 0.1f, gradient, params);
    for (size_t i = 0; i < COUNT; i++) {
        /* Rounded twice, or once where the instruction set fuses multiply and add. */
        volatile float product = 0.1f * gradient[i];
        float expected = before[i] - product, fused = fmaf(-0.1f, gradient[i], before[i]);
        if (bits_of(params[i]) != bits_of(expected) && bits_of(params[i]) != bits_of(fused))
            fail_msg("element %zu is %a, not %a or %a", i, (double)params[i], (double)expected,
                     (double)fused);
    }
}

static void test_optimizer_slices_give_the_bits_of_the_whole(void **state) {
    (void)state;
    float whole[COUNT], gradient[COUNT];
    fill(whole, gradient);
    dp_optimizer_sgd(dp_kernels_of(dp_cpu_level_detect()), COUNT, 0.1f, gradient, whole);
    static const size_t widths[] = {1, 3, 16, 501, 1002};
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
        float sliced[COUNT];
        fill(sliced, gradient);
        for (size_t first = 0; first < COUNT; first += widths[w]) {
            size_t count = COUNT - first < widths[w] ? COUNT - first : widths[w];
            dp_optimizer_sgd(dp_kernels_of(dp_cpu_level_detect()), count, 0.1f, gradient + first,
                             sliced + first);
        }
        for (size_t i = 0; i < COUNT; i++) {
            if (bits_of(sliced[i]) != bits_of(whole[i]))
                fail_msg("slices of %zu, element %zu: %a, not %a", widths[w], i, (double)sliced[i],
                         (double)whole[i]);
        }
    }
}

static void test_optimizer_leaves_what_has_no_gradient(void **state) {
    (void)state;
    const float gradient[3] = {0.0f, -0.0f, 0.0f};
    float params[3] = {0.0f, 1.5f, -3.0f};
    dp_optimizer_sgd(dp_kernels_of(dp_cpu_level_detect()), 3, 0.1f, gradient, params);
    dp_optimizer_sgd(dp_kernels_of(dp_cpu_level_detect()), 0, 0.1f, gradient, params);
    expect_close((double)params[0], 0.0, 0.0);
    expect_close((double)params[1], 1.5, 0.0);
    expect_close((double)params[2], -3.0, 0.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_optimizer_sgd_is_its_formula),
        cmocka_unit_test(test_optimizer_slices_give_the_bits_of_the_whole),
        cmocka_unit_test(test_optimizer_leaves_what_has_no_gradient),
    };
    return cmocka_run_group_tests_name("optimizer", tests, NULL, NULL);
}
