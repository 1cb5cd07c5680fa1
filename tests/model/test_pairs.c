#include "model/pairs.h"

#include "base/random.h"
#include "support/expect.h"

enum { VOCAB = 9, BLOCK = 3, GRAINS = 4, GRAIN_ROWS = 13, ROWS = 40 };

static const size_t starts[GRAINS + 1] = {0, 13, 13, 27, ROWS}; /* one grain is empty */

static void draw(uint32_t contexts[ROWS * BLOCK], uint64_t seed) {
    for (size_t i = 0; i < ROWS * BLOCK; i++)
        contexts[i] = (uint32_t)dp_random_below(seed, DP_STREAM_BATCH, i, 0, VOCAB);
}

/* To be freed with *memory. */
static dp_pairs pairs_for(void **memory) {
    dp_error error = {0};
    dp_pairs pairs;
    dp_workspace room = {0};
    expect_ok(dp_pairs_reserve(&pairs, VOCAB, BLOCK, GRAINS, GRAIN_ROWS, &room, &error), &error);
    *memory = dp_workspace_allocate(&room, &error);
    assert_non_null(*memory);
    return pairs;
}

/* Every row finds its token in a pair of its position and grain, and no such pair is there twice.
 */
static void test_pairs_are_distinct_within_position_and_grain(void **state) {
    (void)state;
    uint32_t contexts[ROWS * BLOCK];
    void *memory = NULL;
    dp_pairs pairs = pairs_for(&memory);
    for (uint64_t seed = 0; seed < 5; seed++) {
        draw(contexts, seed);
        dp_pairs_collect(&pairs, GRAINS, starts, contexts);
        assert_in_range(pairs.count, 1, dp_pairs_max(VOCAB, BLOCK, GRAINS, GRAIN_ROWS));
        expect_unsigned(dp_pairs_first(&pairs, 0, 0), 0);
        expect_unsigned(dp_pairs_first(&pairs, BLOCK - 1, GRAINS), pairs.count);
        for (size_t i = 0; i < BLOCK; i++) {
            for (size_t g = 0; g < GRAINS; g++) {
                size_t first = dp_pairs_first(&pairs, i, g), end = dp_pairs_first(&pairs, i, g + 1);
                unsigned seen = 0;
                for (size_t p = first; p < end; p++) {
                    assert_true((seen >> pairs.tokens[p] & 1u) == 0);
                    seen |= 1u << pairs.tokens[p];
                }
                for (size_t r = starts[g]; r < starts[g + 1]; r++) {
                    size_t pair = pairs.pair_of[r * BLOCK + i];
                    assert_true(pair >= first && pair < end);
                    expect_unsigned(pairs.tokens[pair], contexts[r * BLOCK + i]);
                    seen &= ~(1u << pairs.tokens[pair]);
                }
                expect_unsigned(seen, 0); /* no pair without a row */
            }
        }
    }
    dp_memory_free(memory);
}

static void test_pairs_lists_the_rows_of_each(void **state) {
    (void)state;
    uint32_t contexts[ROWS * BLOCK];
    void *memory = NULL;
    dp_pairs pairs = pairs_for(&memory);
    draw(contexts, 7);
    dp_pairs_collect(&pairs, GRAINS, starts, contexts);
    dp_pairs_list_rows(&pairs, ROWS);
    expect_unsigned(pairs.row_starts[0], 0);
    expect_unsigned(pairs.row_starts[pairs.count], ROWS * BLOCK);
    for (size_t i = 0; i < BLOCK; i++) {
        for (size_t p = dp_pairs_first(&pairs, i, 0); p < dp_pairs_first(&pairs, i, GRAINS); p++) {
            assert_true(pairs.row_starts[p] < pairs.row_starts[p + 1]);
            for (size_t k = pairs.row_starts[p]; k < pairs.row_starts[p + 1]; k++) {
                expect_unsigned(pairs.pair_of[pairs.listed[k] * BLOCK + i], p);
                assert_true(k == pairs.row_starts[p] || pairs.listed[k - 1] < pairs.listed[k]);
            }
        }
    }
    dp_memory_free(memory);
}

/* A grain's pairs and their order do not depend on what other grains are collected with it. */
static void test_pairs_of_a_grain_are_its_own(void **state) {
    (void)state;
    uint32_t contexts[ROWS * BLOCK];
    void *memory[2] = {NULL};
    dp_pairs together = pairs_for(&memory[0]), alone = pairs_for(&memory[1]);
    draw(contexts, 8);
    dp_pairs_collect(&together, GRAINS, starts, contexts);
    for (size_t g = 0; g < GRAINS; g++) {
        const size_t own[2] = {0, starts[g + 1] - starts[g]};
        dp_pairs_collect(&alone, 1, own, contexts + starts[g] * BLOCK);
        for (size_t i = 0; i < BLOCK; i++) {
            size_t first = dp_pairs_first(&together, i, g),
                   own_first = dp_pairs_first(&alone, i, 0);
            size_t count = dp_pairs_first(&alone, i, 1) - own_first;
            expect_unsigned(dp_pairs_first(&together, i, g + 1) - first, count);
            assert_memory_equal(together.tokens + first, alone.tokens + own_first,
                                count * sizeof *alone.tokens);
        }
    }
    dp_memory_free(memory[0]);
    dp_memory_free(memory[1]);
}

static void test_pairs_refuses_more_rows_than_it_can_number(void **state) {
    (void)state;
    dp_error error = {0};
    dp_pairs pairs;
    dp_workspace room = {0};
    expect_failure(dp_pairs_reserve(&pairs, VOCAB, BLOCK, 8, (size_t)1 << 30, &room, &error),
                   DP_ERR_MEMORY, "too many", &error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_are_distinct_within_position_and_grain),
        cmocka_unit_test(test_pairs_lists_the_rows_of_each),
        cmocka_unit_test(test_pairs_of_a_grain_are_its_own),
        cmocka_unit_test(test_pairs_refuses_more_rows_than_it_can_number),
    };
    return cmocka_run_group_tests_name("pairs", tests, NULL, NULL);
}
