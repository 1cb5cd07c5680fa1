/* Logits by kernels against the double reference, for every kind of shape and level. */
#include "model/forward.h"

#include "base/memory.h"
#include "base/random.h"
#include "library/generate.h"
#include "support/expect.h"
#include "support/reference.h"

enum { ROWS = 70 }; /* more than are taken at once */

static const struct {
    const char *name;
    dp_model_shape shape;
} cases[] = {
    {"names",
     {.vocab = 27, .block_size = 3, .embedding_dim = 10, .hidden_dim = 200, .direct = false}},
    {"smallest",
     {.vocab = 2, .block_size = 1, .embedding_dim = 1, .hidden_dim = 1, .direct = false}},
    {"direct",
     {.vocab = 257, .block_size = 4, .embedding_dim = 7, .hidden_dim = 33, .direct = true}},
    {"no hidden layer",
     {.vocab = 600, .block_size = 2, .embedding_dim = 16, .hidden_dim = 0, .direct = true}},
    {"large vocabulary",
     {.vocab = 5000, .block_size = 5, .embedding_dim = 30, .hidden_dim = 50, .direct = true}},
};

static void check(const char *name, dp_model_shape shape, dp_cpu_level level) {
    dp_error error = {0};
    dp_params_layout layout;
    dp_forward forward;
    expect_ok(dp_params_layout_init(&layout, shape, &error), &error);
    float *params = dp_memory_zeroed(layout.length, sizeof *params, &error);
    double *doubles = dp_memory_zeroed(layout.length, sizeof *doubles, &error);
    float *logits = dp_memory_zeroed((ROWS + 1) * shape.vocab, sizeof *logits, &error);
    double *probabilities = dp_memory_zeroed(shape.vocab, sizeof *probabilities, &error);
    uint32_t contexts[ROWS * 8];
    assert_true(params && doubles && logits && probabilities);
    dp_params_init(&layout, DP_INIT_TORCH, 1, params);
    for (size_t i = 0; i < layout.length; i++)
        doubles[i] = (double)params[i];
    for (size_t i = 0; i < ROWS * shape.block_size; i++)
        contexts[i] =
            (uint32_t)(dp_random_uniform(2, DP_STREAM_SAMPLE, i, 0) * (double)shape.vocab);
    expect_ok(dp_forward_init(&forward, &layout, level, &error), &error);
    dp_forward_logits(&forward, params, ROWS, contexts, logits);
    for (size_t r = 0; r < ROWS; r++) {
        const uint32_t target = (uint32_t)(r % shape.vocab);
        const uint32_t *context = contexts + r * shape.block_size;
        float *alone = logits + ROWS * shape.vocab;
        dp_generate_probabilities(logits + r * shape.vocab, shape.vocab, probabilities);
        dp_forward_logits(&forward, params, 1, context, alone);
        assert_memory_equal(alone, logits + r * shape.vocab, shape.vocab * sizeof *logits);
        if (r % 7 != 0) /* the reference is slow */
            continue;
        double expected = reference_loss(&layout, doubles, 1, context, &target);
        if (!(fabs(-log(probabilities[target]) - expected) < 1e-5))
            fail_msg("%s, %s, row %zu: %.9g, not %.9g", name, dp_cpu_level_name(level), r,
                     -log(probabilities[target]), expected);
    }
    dp_forward_clear(&forward);
    dp_memory_free(probabilities);
    dp_memory_free(logits);
    dp_memory_free(doubles);
    dp_memory_free(params);
}

static void test_forward_is_the_reference(void **state) {
    (void)state;
    static const dp_cpu_level levels[] = {DP_CPU_GENERIC, DP_CPU_X86_64_V3, DP_CPU_X86_64_V4};
    for (size_t l = 0; l < sizeof levels / sizeof levels[0]; l++) {
        if (levels[l] > dp_cpu_level_detect())
            continue;
        for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++)
            check(cases[c].name, cases[c].shape, levels[l]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forward_is_the_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
