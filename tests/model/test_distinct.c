#include "model/distinct.h"

#include "base/random.h"
#include "support/expect.h"

#include <stdbool.h>

enum { VOCAB = 4, BLOCK = 2, GRAINS = 4, GRAIN_ROWS = 30, EXAMPLES = 80 };

static const size_t starts[GRAINS + 1] = {0, 30, 30, 55, EXAMPLES}; /* one grain is empty */

typedef struct examples {
    uint32_t contexts[EXAMPLES * BLOCK];
    uint32_t targets[EXAMPLES];
} examples;

static examples draw(uint64_t seed) {
    examples drawn;
    for (size_t i = 0; i < EXAMPLES * BLOCK; i++)
        drawn.contexts[i] = (uint32_t)dp_random_below(seed, DP_STREAM_BATCH, i, 0, VOCAB);
    for (size_t i = 0; i < EXAMPLES; i++)
        drawn.targets[i] = (uint32_t)i; /* so that a target tells its example */
    return drawn;
}

/* To be freed with *memory. */
static dp_distinct distinct_for(void **memory) {
    dp_error error = {0};
    dp_distinct distinct;
    dp_workspace room = {0};
    expect_ok(dp_distinct_reserve(&distinct, BLOCK, GRAINS, GRAIN_ROWS, &room, &error), &error);
    *memory = dp_workspace_allocate(&room, &error);
    assert_non_null(*memory);
    return distinct;
}

static bool same_context(const uint32_t *a, const uint32_t *b) {
    return memcmp(a, b, BLOCK * sizeof *a) == 0;
}

/* Each example is a target of one row of its grain, which has its context and no twin. */
static void test_distinct_rows_share_contexts_within_a_grain(void **state) {
    (void)state;
    void *memory = NULL;
    dp_distinct distinct = distinct_for(&memory);
    for (uint64_t seed = 0; seed < 5; seed++) {
        examples drawn = draw(seed);
        dp_distinct_collect(&distinct, GRAINS, starts, drawn.contexts, drawn.targets);
        expect_unsigned(distinct.starts[0], 0);
        assert_in_range(distinct.starts[GRAINS], 1, EXAMPLES - 1); /* some are shared */
        expect_unsigned(distinct.target_starts[0], 0);
        expect_unsigned(distinct.target_starts[distinct.starts[GRAINS]], EXAMPLES);
        for (size_t g = 0; g < GRAINS; g++) {
            for (size_t r = distinct.starts[g]; r < distinct.starts[g + 1]; r++) {
                const uint32_t *context = distinct.contexts + r * BLOCK;
                assert_true(distinct.target_starts[r] < distinct.target_starts[r + 1]);
                for (size_t t = distinct.target_starts[r]; t < distinct.target_starts[r + 1]; t++) {
                    const uint32_t example = distinct.targets[t];
                    assert_true(example >= starts[g] && example < starts[g + 1]);
                    assert_true(same_context(context, drawn.contexts + example * BLOCK));
                    assert_true(t == distinct.target_starts[r] ||
                                example > distinct.targets[t - 1]);
                }
                for (size_t other = distinct.starts[g]; other < r; other++)
                    assert_false(same_context(context, distinct.contexts + other * BLOCK));
            }
        }
    }
    dp_memory_free(memory);
}

static void test_distinct_rows_of_a_grain_are_its_own(void **state) {
    (void)state;
    void *memory[2] = {NULL};
    dp_distinct together = distinct_for(&memory[0]), alone = distinct_for(&memory[1]);
    examples drawn = draw(9);
    dp_distinct_collect(&together, GRAINS, starts, drawn.contexts, drawn.targets);
    for (size_t g = 0; g < GRAINS; g++) {
        const size_t own[2] = {0, starts[g + 1] - starts[g]};
        const size_t first = together.starts[g], rows = together.starts[g + 1] - first;
        dp_distinct_collect(&alone, 1, own, drawn.contexts + starts[g] * BLOCK,
                            drawn.targets + starts[g]);
        expect_unsigned(alone.starts[1], rows);
        assert_memory_equal(alone.contexts, together.contexts + first * BLOCK,
                            rows * BLOCK * sizeof *alone.contexts);
        assert_memory_equal(alone.targets, together.targets + starts[g],
                            own[1] * sizeof *alone.targets);
        for (size_t r = 0; r <= rows; r++)
            expect_unsigned(alone.target_starts[r] + starts[g], together.target_starts[first + r]);
    }
    dp_memory_free(memory[0]);
    dp_memory_free(memory[1]);
}

static void test_distinct_refuses_more_rows_than_it_can_number(void **state) {
    (void)state;
    dp_error error = {0};
    dp_distinct distinct;
    dp_workspace room = {0};
    expect_failure(dp_distinct_reserve(&distinct, BLOCK, 8, (size_t)1 << 30, &room, &error),
                   DP_ERR_MEMORY, "too many", &error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distinct_rows_share_contexts_within_a_grain),
        cmocka_unit_test(test_distinct_rows_of_a_grain_are_its_own),
        cmocka_unit_test(test_distinct_refuses_more_rows_than_it_can_number),
    };
    return cmocka_run_group_tests_name("distinct", tests, NULL, NULL);
}
