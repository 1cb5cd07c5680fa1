#include "baseline/trigram.h"

#include "support/expect.h"

typedef struct row {
    uint32_t context[2];
    uint32_t target;
} row;

/* Token 3 is in the vocabulary, but never comes. */
#define VOCAB 4
#define ROWS 8
static const row tiny[ROWS] = {{{0, 0}, 1}, {{0, 0}, 1}, {{0, 0}, 2}, {{0, 1}, 2},
                               {{0, 1}, 0}, {{1, 2}, 0}, {{2, 0}, 1}, {{2, 0}, 2}};

static dp_trigram *count_tiny(void) {
    dp_error error = {0};
    dp_trigram *trigram = NULL;
    expect_ok(dp_trigram_create(&trigram, VOCAB, 2, &error), &error);
    for (int i = 0; i < ROWS; i++)
        expect_ok(dp_trigram_count(trigram, tiny[i].context, tiny[i].target, 1, &error), &error);
    return trigram;
}

static double probability(const dp_trigram *trigram, uint32_t before, uint32_t last,
                          uint32_t target) {
    const uint32_t context[2] = {before, last};
    return dp_trigram_probability(trigram, context, target);
}

static void test_trigram_mixes_the_frequencies_of_what_it_counted(void **state) {
    (void)state;
    dp_trigram *trigram = count_tiny();
    const dp_trigram_size size = dp_trigram_get_size(trigram);
    expect_unsigned(size.rows, ROWS);
    expect_unsigned(size.contexts, 4);
    expect_unsigned(size.trigrams, 7);
    /* Equal weights, so far. */
    expect_close(probability(trigram, 0, 0, 1), (1.0 / 4 + 3.0 / 8 + 3.0 / 5 + 2.0 / 3) / 4, 1e-15);
    expect_close(probability(trigram, 2, 0, 2), (1.0 / 4 + 3.0 / 8 + 2.0 / 5 + 1.0 / 2) / 4, 1e-15);
    expect_close(probability(trigram, 0, 0, 0), (1.0 / 4 + 2.0 / 8) / 4, 1e-15);
    expect_close(probability(trigram, 0, 0, 3), 1.0 / 16, 1e-15);
    /* A pair that is new: as far as its last token is known. */
    expect_close(probability(trigram, 1, 0, 1), (1.0 / 4 + 3.0 / 8 + 3.0 / 5 + 3.0 / 5) / 4, 1e-15);
    /* A last token that is new. */
    expect_close(probability(trigram, 0, 3, 1), (1.0 / 4 + 3 * 3.0 / 8) / 4, 1e-15);
    dp_trigram_destroy(trigram);
}

static void test_trigram_without_counts_is_uniform(void **state) {
    (void)state;
    dp_error error = {0};
    dp_trigram *trigram = NULL;
    expect_ok(dp_trigram_create(&trigram, VOCAB, 2, &error), &error);
    expect_close(probability(trigram, 1, 2, 3), 1.0 / VOCAB, 1e-15);
    dp_trigram_destroy(trigram);
}

static void test_trigram_of_one_token_is_a_bigram(void **state) {
    (void)state;
    dp_error error = {0};
    dp_trigram *trigram = NULL;
    expect_ok(dp_trigram_create(&trigram, VOCAB, 1, &error), &error);
    for (int i = 0; i < ROWS; i++)
        expect_ok(dp_trigram_count(trigram, &tiny[i].context[1], tiny[i].target, 1, &error),
                  &error);
    const uint32_t context = 0;
    expect_close(dp_trigram_probability(trigram, &context, 1),
                 (1.0 / 4 + 3.0 / 8 + 3.0 / 5 + 3.0 / 5) / 4, 1e-15);
    dp_trigram_destroy(trigram);
}

/* Only the last two tokens count. */
static void test_trigram_takes_the_end_of_a_longer_context(void **state) {
    (void)state;
    dp_error error = {0};
    dp_trigram *trigram = NULL, *of_two = count_tiny();
    expect_ok(dp_trigram_create(&trigram, VOCAB, 4, &error), &error);
    for (uint32_t i = 0; i < ROWS; i++) {
        const uint32_t context[4] = {i % VOCAB, 3, tiny[i].context[0], tiny[i].context[1]};
        expect_ok(dp_trigram_count(trigram, context, tiny[i].target, 1, &error), &error);
    }
    const uint32_t context[4] = {3, 2, 0, 1};
    expect_close(dp_trigram_probability(trigram, context, 2), probability(of_two, 0, 1, 2), 0.0);
    dp_trigram_destroy(trigram);
    dp_trigram_destroy(of_two);
}

static void test_trigram_fit_step_by_hand(void **state) {
    (void)state;
    dp_error error = {0};
    dp_trigram *trigram = count_tiny();
    const double levels[] = {1.0 / 4, 3.0 / 8, 3.0 / 5, 2.0 / 3};
    const double sum = levels[0] + levels[1] + levels[2] + levels[3];
    /* ceil(-log((1 + count) / 8)) is 1 for contexts seen 3 or 2 times, 2 for one seen once, 3 for
     * one never seen. */
    const uint32_t seen[2] = {0, 0}, same_bucket[2] = {2, 0}, once[2] = {1, 2}, never[2] = {1, 0};
    expect_ok(dp_trigram_hold_out(trigram, seen, 1, 1, &error), &error);
    expect_close(dp_trigram_fit_step(trigram),
                 log(sum / 4) +
                     DP_TRIGRAM_CLASSES * DP_TRIGRAM_CLASSES * log(1.0 / DP_TRIGRAM_LEVELS),
                 1e-9);
    for (int i = 0; i < DP_TRIGRAM_LEVELS; i++) {
        const double wanted = (1.0 / 4 + levels[i] / sum) / 2; /* its row, and one that is shared */
        expect_close(dp_trigram_weights(trigram, seen)[i], wanted, 1e-15);
        expect_close(dp_trigram_weights(trigram, same_bucket)[i], wanted, 1e-15);
        expect_close(dp_trigram_weights(trigram, once)[i], 1.0 / 4, 1e-15);
        expect_close(dp_trigram_weights(trigram, never)[i], 1.0 / 4, 1e-15);
    }
    dp_trigram_destroy(trigram);
}

/* --- a longer text, made of rests ------------------------------------------------------------- */

#define LETTERS 7u

/* A text in which what follows depends on the last two, with exceptions. */
static uint32_t following(uint32_t before, uint32_t last, uint32_t i) {
    const uint32_t noise = i * 2654435761u >> 16;
    return noise % 5 < 3 ? (before + 2 * last) % LETTERS : noise % 3;
}

static dp_trigram *count_text(uint32_t rows, uint32_t held_out) {
    dp_error error = {0};
    dp_trigram *trigram = NULL;
    uint32_t context[2] = {0, 0};
    expect_ok(dp_trigram_create(&trigram, LETTERS + 1, 2, &error), &error);
    for (uint32_t i = 0; i < rows + held_out; i++) {
        const uint32_t target = following(context[0], context[1], i);
        dp_status (*take)(dp_trigram *, const uint32_t *, uint32_t, uint64_t, dp_error *) =
            i < rows ? dp_trigram_count : dp_trigram_hold_out;
        expect_ok(take(trigram, context, target, 1, &error), &error);
        context[0] = context[1];
        context[1] = target;
    }
    return trigram;
}

static void expect_sums_of_1(const dp_trigram *trigram) {
    for (uint32_t before = 0; before <= LETTERS; before++) {
        for (uint32_t last = 0; last <= LETTERS; last++) {
            double sum = 0.0;
            for (uint32_t target = 0; target <= LETTERS; target++) {
                const double p = probability(trigram, before, last, target);
                assert_true(p > 0.0);
                sum += p;
            }
            expect_close(sum, 1.0, 1e-14);
        }
    }
}

static void test_trigram_probabilities_sum_to_1(void **state) {
    (void)state;
    dp_trigram *trigram = count_text(60, 200); /* so few that many contexts are new */
    expect_sums_of_1(trigram);
    assert_true(dp_trigram_fit(trigram) > 2);
    expect_sums_of_1(trigram);
    dp_trigram_destroy(trigram);
}

static void test_trigram_fitting_never_makes_it_worse(void **state) {
    (void)state;
    dp_trigram *trigram = count_text(300, 200);
    const double first = dp_trigram_fit_step(trigram);
    double before = first;
    for (int step = 0; step < 300; step++) {
        const double now = dp_trigram_fit_step(trigram);
        if (!(now >= before - 1e-10))
            fail_msg("step %d: %.17g after %.17g", step, now, before);
        before = now;
    }
    if (!(before > first + 10.0)) /* of 200 rows */
        fail_msg("300 steps came from %g to %g", first, before);
    dp_trigram_destroy(trigram);
}

/* The text depends on two tokens where it is regular, so the trigram is worth the most. */
static void test_trigram_fit_finds_the_level_that_knows_most(void **state) {
    (void)state;
    dp_trigram *trigram = count_text(3000, 1000);
    const uint32_t context[2] = {1, 2};
    dp_trigram_fit(trigram);
    const double *weights = dp_trigram_weights(trigram, context);
    if (!(weights[3] > 0.8))
        fail_msg("weights %g %g %g %g", weights[0], weights[1], weights[2], weights[3]);
    dp_trigram_destroy(trigram);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trigram_mixes_the_frequencies_of_what_it_counted),
        cmocka_unit_test(test_trigram_without_counts_is_uniform),
        cmocka_unit_test(test_trigram_of_one_token_is_a_bigram),
        cmocka_unit_test(test_trigram_takes_the_end_of_a_longer_context),
        cmocka_unit_test(test_trigram_fit_step_by_hand),
        cmocka_unit_test(test_trigram_probabilities_sum_to_1),
        cmocka_unit_test(test_trigram_fitting_never_makes_it_worse),
        cmocka_unit_test(test_trigram_fit_finds_the_level_that_knows_most),
    };
    return cmocka_run_group_tests_name("trigram", tests, NULL, NULL);
}
