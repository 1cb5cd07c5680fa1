/* Where tokens occur, against a search through all places. */
#include "model/occurrences.h"

#include "base/random.h"
#include "support/expect.h"

#include <stdbool.h>
#include <string.h>

enum { VOCAB = 70, PLACES = 96, LD = 16 };

typedef struct example {
    dp_occurrences occurrences;
    void *memory; /* of its arrays */
    uint32_t tokens[PLACES];
    float values[PLACES * LD];
} example;

static int set_up(void **state) {
    static example self;
    dp_error error = {0};
    dp_workspace room = {0};
    expect_ok(dp_occurrences_reserve(&self.occurrences, VOCAB, PLACES, LD, &room, &error), &error);
    self.memory = dp_workspace_allocate(&room, &error);
    assert_non_null(self.memory);
    for (size_t i = 0; i < PLACES * LD; i++)
        self.values[i] = (float)dp_random_normal(5, DP_STREAM_INIT, i, 0);
    *state = &self;
    return 0;
}

static int tear_down(void **state) {
    dp_memory_free(((example *)*state)->memory);
    return 0;
}

/* Collects `count` tokens below `vocab`. */
static void collect(example *self, size_t count, uint32_t vocab, uint64_t seed) {
    for (size_t i = 0; i < count; i++)
        self->tokens[i] = (uint32_t)dp_random_below(seed, DP_STREAM_BATCH, i, 0, vocab);
    dp_occurrences_collect(&self->occurrences, count, self->tokens);
}

static size_t count_of(const uint32_t *tokens, size_t count, uint32_t token) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += tokens[i] == token;
    return found;
}

/* Every token that occurs is listed once and no other is; its sum is that over its places, which
 * are fewer than a run, in order, to the bit. */
static void expect_all(const example *self, size_t count) {
    for (uint32_t token = 0; token < VOCAB; token++) {
        float expected[LD] = {0.0f}, sum[LD];
        const bool occurs = count_of(self->tokens, count, token) > 0;
        expect_unsigned(count_of(self->occurrences.tokens, self->occurrences.count, token),
                        occurs ? 1 : 0);
        for (size_t place = 0; place < count; place++) {
            for (size_t k = 0; k < LD && self->tokens[place] == token; k++)
                expected[k] += self->values[place * LD + k];
        }
        memset(sum, 0xFF, sizeof sum);
        dp_occurrences_sum(&self->occurrences, token, self->values, sum);
        assert_memory_equal(sum, expected, sizeof sum);
    }
}

static void test_occurrences_sum_each_token_in_the_order_of_its_places(void **state) {
    example *self = *state;
    collect(self, PLACES, VOCAB, 1);
    expect_all(self, PLACES);
    assert_in_range(self->occurrences.count, 2, VOCAB - 1); /* some occur often, some never */
    collect(self, PLACES, 1, 1);
    expect_all(self, PLACES);
}

static void test_occurrences_forget_the_batch_before(void **state) {
    example *self = *state;
    collect(self, PLACES, VOCAB, 1);
    collect(self, 7, VOCAB, 2);
    expect_all(self, 7);
    collect(self, 0, VOCAB, 3);
    expect_all(self, 0);
    collect(self, PLACES, VOCAB, 4);
    expect_all(self, PLACES);
}

static void test_occurrences_list_tokens_in_an_order_of_the_batch_alone(void **state) {
    example *self = *state;
    uint32_t listed[VOCAB];
    collect(self, PLACES, VOCAB, 1);
    const size_t count = self->occurrences.count;
    memcpy(listed, self->occurrences.tokens, count * sizeof *listed);
    collect(self, PLACES, VOCAB, 2);
    collect(self, PLACES, VOCAB, 1);
    expect_unsigned(self->occurrences.count, count);
    assert_memory_equal(self->occurrences.tokens, listed, count * sizeof *listed);
}

/* Sums over many places are as exact as float32 lets them be. */
static void test_occurrences_lose_no_precision_where_a_token_is_everywhere(void **state) {
    (void)state;
    enum { MANY = 60000, FEW = 4 };
    static uint32_t tokens[MANY];
    static float values[MANY * FEW];
    dp_error error = {0};
    dp_occurrences occurrences;
    dp_workspace room = {0};
    float sum[FEW];
    double expected[FEW] = {0.0};
    expect_ok(dp_occurrences_reserve(&occurrences, 1, MANY, FEW, &room, &error), &error);
    void *memory = dp_workspace_allocate(&room, &error);
    assert_non_null(memory);
    for (size_t i = 0; i < MANY * FEW; i++) {
        values[i] = (float)dp_random_uniform(5, DP_STREAM_INIT, i, 0);
        expected[i % FEW] += (double)values[i];
    }
    dp_occurrences_collect(&occurrences, MANY, tokens);
    dp_occurrences_sum(&occurrences, 0, values, sum);
    for (size_t k = 0; k < FEW; k++)
        expect_close((double)sum[k], expected[k], 1e-6 * expected[k]);
    dp_memory_free(memory);
}

static void test_occurrences_refuse_more_places_than_their_numbers(void **state) {
    (void)state;
    dp_error error = {0};
    dp_occurrences occurrences;
    dp_workspace room = {0};
    expect_failure(dp_occurrences_reserve(&occurrences, VOCAB, UINT32_MAX, LD, &room, &error),
                   DP_ERR_MEMORY, "too many", &error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_occurrences_sum_each_token_in_the_order_of_its_places,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_occurrences_forget_the_batch_before, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_occurrences_list_tokens_in_an_order_of_the_batch_alone,
                                        set_up, tear_down),
        cmocka_unit_test(test_occurrences_lose_no_precision_where_a_token_is_everywhere),
        cmocka_unit_test(test_occurrences_refuse_more_places_than_their_numbers),
    };
    return cmocka_run_group_tests_name("occurrences", tests, NULL, NULL);
}
