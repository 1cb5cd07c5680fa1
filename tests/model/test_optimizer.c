/* The optimizers against their formulas and against what PyTorch computed
 * (tests/golden/make_golden.py). */
#include "model/optimizer.h"

#include "base/random.h"
#include "formats/h5reader.h"
#include "support/expect.h"

#include <stdio.h>

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
    dp_kernels_of(dp_cpu_level_detect())->descend(COUNT, 0.1f, gradient, params);
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
    dp_kernels_of(dp_cpu_level_detect())->descend(COUNT, 0.1f, gradient, whole);
    static const size_t widths[] = {1, 3, 16, 501, 1002};
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
        float sliced[COUNT];
        fill(sliced, gradient);
        for (size_t first = 0; first < COUNT; first += widths[w]) {
            size_t count = COUNT - first < widths[w] ? COUNT - first : widths[w];
            dp_kernels_of(dp_cpu_level_detect())
                ->descend(count, 0.1f, gradient + first, sliced + first);
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
    dp_kernels_of(dp_cpu_level_detect())->descend(3, 0.1f, gradient, params);
    dp_kernels_of(dp_cpu_level_detect())->descend(0, 0.1f, gradient, params);
    expect_close((double)params[0], 0.0, 0.0);
    expect_close((double)params[1], 1.5, 0.0);
    expect_close((double)params[2], -3.0, 0.0);
}

/* --- golden values -------------------------------------------------------------------------- */

enum { STEPS = 10, PARAMETERS = 247, LENGTH = 576, SLABS = 1 + DP_OPTIMIZER_SLABS_MAX };

/* A step of LENGTH floats is updated in slices of so many. */
static const size_t slice_widths[] = {LENGTH, 16, 112};

typedef struct golden {
    dp_h5reader file;
    dp_params_layout layout;
    float gradients[STEPS][LENGTH];
    float slabs[SLABS][LENGTH]; /* params, state */
} golden;

/* Tensors one behind the other become a slab, with zeros between them. */
static void spread(const dp_params_layout *layout, const float *values, float *slab) {
    memset(slab, 0, LENGTH * sizeof *slab);
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        dp_tensor_load(&layout->tensors[t], slab, values);
        values += dp_tensor_size(&layout->tensors[t]);
    }
}

static void read_slab(const golden *self, const char *object, float *slab) {
    dp_error error = {0};
    float values[PARAMETERS];
    dp_h5shape shape = {.rank = 1, .size = {PARAMETERS}};
    expect_ok(dp_h5reader_floats(&self->file, object, shape, values, &error), &error);
    spread(&self->layout, values, slab);
}

static void golden_open(golden *self) {
    dp_error error = {0};
    float gradients[STEPS * PARAMETERS];
    const dp_h5shape shape = {.rank = 2, .size = {STEPS, PARAMETERS}};
    const dp_model_shape model = {
        .vocab = 11, .block_size = 3, .embedding_dim = 4, .hidden_dim = 8};
    expect_ok(dp_h5reader_open(&self->file, DP_TESTS_DIR "/golden/golden.h5", &error), &error);
    expect_ok(dp_params_layout_init(&self->layout, model, &error), &error);
    expect_unsigned(self->layout.parameter_count, PARAMETERS);
    expect_unsigned(self->layout.length, LENGTH);
    expect_ok(dp_h5reader_floats(&self->file, "/optimizers/gradients", shape, gradients, &error),
              &error);
    for (size_t step = 0; step < STEPS; step++)
        spread(&self->layout, gradients + step * PARAMETERS, self->gradients[step]);
}

static void golden_close(golden *self) {
    dp_h5reader_close(&self->file);
}

static double squares_of(const float *values) {
    double sum = 0.0;
    for (size_t i = 0; i < LENGTH; i++)
        sum += (double)values[i] * (double)values[i];
    return sum;
}

/* All steps from the golden parameters, in slices of `width`. */
static void run_steps(golden *self, const dp_optimizer *optimizer, size_t width) {
    const dp_kernels *kernels = dp_kernels_of(dp_cpu_level_detect());
    memset(self->slabs, 0, sizeof self->slabs);
    read_slab(self, "/optimizers/params", self->slabs[0]);
    for (size_t step = 0; step < STEPS; step++) {
        const float *gradient = self->gradients[step];
        double clip =
            optimizer->clip_norm > 0.0 ? dp_optimizer_clip(optimizer, squares_of(gradient)) : 1.0;
        const dp_optimizer_step now = {.number = step, .lr = 0.1, .clip = clip};
        for (size_t first = 0; first < LENGTH; first += width) {
            const dp_optimizer_slice slice = {
                .count = LENGTH - first < width ? LENGTH - first : width,
                .gradient = gradient + first,
                .params = self->slabs[0] + first,
                .state = {self->slabs[1] + first, self->slabs[2] + first}};
            dp_optimizer_update(optimizer, kernels, &self->layout, &now, first, &slice);
        }
    }
}

/* Every tensor of the slab, and that nothing has come between them. */
static void expect_slab(const golden *self, const char *object, const float *slab) {
    float expected[LENGTH];
    read_slab(self, object, expected);
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &self->layout.tensors[t];
        double error_squared = 0.0, norm_squared = 0.0;
        for (size_t i = 0; i < dp_tensor_size(tensor); i++) {
            const size_t at = dp_tensor_index(tensor, i);
            double difference = (double)slab[at] - (double)expected[at];
            error_squared += difference * difference;
            norm_squared += (double)expected[at] * (double)expected[at];
        }
        double relative = sqrt(error_squared / norm_squared);
        if (dp_tensor_size(tensor) > 0 && !(relative <= 1e-6))
            fail_msg("%s, %s: relative error %g", object, tensor->name, relative);
    }
    for (size_t i = 0; i < LENGTH; i++) {
        if (expected[i] == 0.0f && slab[i] != 0.0f)
            fail_msg("%s: %g at %zu, in the padding", object, (double)slab[i], i);
    }
}

static void check_golden(golden *self, const char *name, const dp_optimizer *optimizer) {
    char object[64];
    float whole[SLABS][LENGTH];
    for (size_t w = 0; w < sizeof slice_widths / sizeof slice_widths[0]; w++) {
        run_steps(self, optimizer, slice_widths[w]);
        if (w == 0)
            memcpy(whole, self->slabs, sizeof whole);
        assert_memory_equal(self->slabs, whole, sizeof whole);
    }
    snprintf(object, sizeof object, "/optimizers/%s/params", name);
    expect_slab(self, object, whole[0]);
    for (size_t slab = 0; slab < dp_optimizer_slabs(optimizer->kind); slab++) {
        snprintf(object, sizeof object, "/optimizers/%s/%s", name,
                 dp_optimizer_slab_name(optimizer->kind, slab));
        expect_slab(self, object, whole[1 + slab]);
    }
}

static void test_optimizer_is_pytorch(void **state) {
    (void)state;
    static const struct {
        const char *name;
        dp_optimizer_kind kind;
        double weight_decay, clip_norm;
    } cases[] = {
        {"sgd", DP_OPTIMIZER_SGD, 0.0, 0.0},
        {"sgd_decay", DP_OPTIMIZER_SGD, 0.05, 0.0},
        {"sgd_clip", DP_OPTIMIZER_SGD, 0.0, 3.0},
        {"momentum", DP_OPTIMIZER_MOMENTUM, 0.0, 0.0},
        {"momentum_decay_clip", DP_OPTIMIZER_MOMENTUM, 0.05, 3.0},
        {"nesterov", DP_OPTIMIZER_NESTEROV, 0.0, 0.0},
        {"nesterov_decay_clip", DP_OPTIMIZER_NESTEROV, 0.05, 3.0},
        {"adamw", DP_OPTIMIZER_ADAMW, 0.0, 0.0},
        {"adamw_decay_clip", DP_OPTIMIZER_ADAMW, 0.05, 3.0},
    };
    static golden self;
    golden_open(&self);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const dp_optimizer optimizer = {.kind = cases[i].kind,
                                        .momentum = 0.8,
                                        .beta1 = 0.8,
                                        .beta2 = 0.95,
                                        .epsilon = 1e-3,
                                        .weight_decay = cases[i].weight_decay,
                                        .clip_norm = cases[i].clip_norm};
        check_golden(&self, cases[i].name, &optimizer);
    }
    golden_close(&self);
}

static void test_optimizer_clips_only_what_is_too_long(void **state) {
    (void)state;
    const dp_optimizer optimizer = {.clip_norm = 2.0};
    expect_close(dp_optimizer_clip(&optimizer, 0.0), 1.0, 0.0);
    expect_close(dp_optimizer_clip(&optimizer, 3.9), 1.0, 0.0);
    expect_close(dp_optimizer_clip(&optimizer, 16.0), 0.5, 1e-6);
    expect_close(dp_optimizer_clip(&optimizer, INFINITY), 0.0, 0.0);
    assert_true(isnan(dp_optimizer_clip(&optimizer, NAN))); /* so that the run sees it */
}

/* Far into a run the correction of the bias is 1, and t does not overflow. */
static void test_optimizer_adamw_takes_any_step_number(void **state) {
    (void)state;
    dp_error error = {0};
    dp_params_layout layout;
    const dp_model_shape shape = {
        .vocab = 11, .block_size = 3, .embedding_dim = 4, .hidden_dim = 8};
    const dp_optimizer adamw = {
        .kind = DP_OPTIMIZER_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    expect_ok(dp_params_layout_init(&layout, shape, &error), &error);
    static const struct {
        uint64_t number;
        double moved; /* by a gradient of 1 from a state of zeros */
    } cases[] = {{0, 0.1}, {1000000000000000, 0.1 * 0.1 / 0.031622776601683791}};
    for (size_t i = 0; i < 2; i++) {
        float params[LENGTH] = {0}, mean[LENGTH] = {0}, square[LENGTH] = {0}, gradient[1] = {1.0f};
        const dp_optimizer_slice slice = {.count = 1,
                                          .gradient = gradient,
                                          .params = params + 3,
                                          .state = {mean + 3, square + 3}};
        const dp_optimizer_step step = {.number = cases[i].number, .lr = 0.1, .clip = 1.0};
        dp_optimizer_update(&adamw, NULL, &layout, &step, 3, &slice);
        expect_close((double)params[3], -cases[i].moved, 1e-6);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_optimizer_sgd_is_its_formula),
        cmocka_unit_test(test_optimizer_slices_give_the_bits_of_the_whole),
        cmocka_unit_test(test_optimizer_leaves_what_has_no_gradient),
        cmocka_unit_test(test_optimizer_is_pytorch),
        cmocka_unit_test(test_optimizer_clips_only_what_is_too_long),
        cmocka_unit_test(test_optimizer_adamw_takes_any_step_number),
    };
    return cmocka_run_group_tests_name("optimizer", tests, NULL, NULL);
}
