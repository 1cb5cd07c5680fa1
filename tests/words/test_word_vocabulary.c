#include "words/word_vocabulary.h"

#include "base/memory.h"
#include "support/expect.h"
#include "support/failing_memory.h"

#include <stdio.h>

static void add(dp_word_table *table, const char *word, uint64_t times) {
    dp_error error = {0};
    const dp_word added = dp_word_of(word);
    uint32_t index = 0;
    expect_ok(dp_word_table_add(table, &added, times, &index, &error), &error);
}

static uint32_t find(const dp_word_table *table, const char *word) {
    const dp_word wanted = dp_word_of(word);
    return dp_word_table_find(table, &wanted);
}

/* Makes a vocabulary of words, counted in order, and compares it as "token count token count". */
static void expect_vocabulary(const char *const *words, const dp_word_choice *choice,
                              const char *expected) {
    dp_error error = {0};
    dp_word_table table = {0};
    dp_vocabulary vocabulary = {0};
    uint32_t unknown = 0;
    dp_text text = {0};
    expect_ok(dp_word_table_init(&table, &error), &error);
    for (; *words != NULL; words++)
        add(&table, *words, 1);
    expect_ok(dp_word_vocabulary_make(&table, choice, &vocabulary, &unknown, &error), &error);
    for (uint32_t id = 0; id < vocabulary.count; id++) {
        const char *token = dp_vocabulary_token(&vocabulary, id);
        dp_text_append_format(&text, "%s%s %" PRIu64, id == 0 ? "" : " ", token,
                              vocabulary.counts[id]);
        if (strcmp(token, DP_UNKNOWN_WORD) == 0)
            expect_unsigned(unknown, id);
    }
    assert_string_equal(dp_text_string(&text), expected);
    for (size_t index = 0; index < table.count; index++) { /* ids lead back to the words */
        uint32_t id = table.entries[index].id;
        assert_true(id == unknown || strcmp(dp_vocabulary_token(&vocabulary, id),
                                            dp_word_table_text(&table, index)) == 0);
    }
    dp_text_clear(&text);
    dp_vocabulary_clear(&vocabulary);
    dp_word_table_clear(&table);
}

static const char *const song[] = {"c", "a", "b", "a", "c", "d", "e", "a", NULL};

static void test_word_vocabulary_is_ordered_by_count_and_first_appearance(void **state) {
    (void)state;
    const dp_word_choice all = {.boundary = "|", .boundary_count = 9, .min_count = 1};
    expect_vocabulary(song, &all, "| 9 a 3 c 2 b 1 d 1 e 1");
}

static void test_word_vocabulary_takes_another_order_of_first_appearance(void **state) {
    (void)state;
    static const uint32_t order[] = {2, 0, 1, 4, 3};
    const dp_word_choice all = {.boundary = "|", .min_count = 1, .order = order};
    const dp_word_choice twice = {.boundary = "|", .min_count = 2, .order = order};
    expect_vocabulary(song, &all, "| 0 a 3 c 2 b 1 e 1 d 1");
    expect_vocabulary(song, &twice, "| 0 a 3 <unk> 3 c 2");
}

static void test_word_vocabulary_merges_rare_words(void **state) {
    (void)state;
    const dp_word_choice twice = {.boundary = "|", .min_count = 2};
    const dp_word_choice often = {.boundary = "|", .min_count = 3};
    const dp_word_choice never = {.boundary = "|", .min_count = 4};
    static const char *const tie[] = {"x", "b", "a", "b", "a", "y", NULL};
    expect_vocabulary(song, &twice, "| 0 a 3 <unk> 3 c 2"); /* a is seen before b, the first */
    expect_vocabulary(tie, &twice, "| 0 <unk> 2 b 2 a 2");  /* x comes before b */
    expect_vocabulary(song, &often, "| 0 <unk> 5 a 3");
    expect_vocabulary(song, &never, "| 0 <unk> 8");
}

static void test_word_vocabulary_has_a_limit(void **state) {
    (void)state;
    const dp_word_choice exact = {.boundary = "|", .min_count = 1, .max_vocab = 6};
    const dp_word_choice less = {.boundary = "|", .min_count = 1, .max_vocab = 5};
    const dp_word_choice with_end = {
        .boundary = "|", .min_count = 1, .max_vocab = 4, .end_of_line = true};
    expect_vocabulary(song, &exact, "| 0 a 3 c 2 b 1 d 1 e 1"); /* nothing has to go */
    expect_vocabulary(song, &less, "| 0 a 3 c 2 <unk> 2 b 1");  /* one more, for <unk> */
    expect_vocabulary(song, &with_end, "| 0 <unk> 5 a 3 <eol> 0");
}

static void test_word_vocabulary_knows_special_words_of_the_text(void **state) {
    (void)state;
    static const char *const text[] = {"a", "<unk>", "a", "<unk>", "b", "<eol>", "c", NULL};
    const dp_word_choice plain = {.boundary = "|", .min_count = 1};
    const dp_word_choice merging = {.boundary = "|", .min_count = 3, .end_of_line = true};
    const dp_word_choice unseen = {.boundary = "|", .min_count = 1, .unknown = true};
    expect_vocabulary(text, &plain, "| 0 a 2 <unk> 2 b 1 <eol> 1 c 1");
    expect_vocabulary(text, &merging, "| 0 <unk> 6 <eol> 1");
    expect_vocabulary(song, &unseen, "| 0 a 3 c 2 b 1 d 1 e 1 <unk> 0");
}

/* More words than the first table holds, also ones that differ late or in length only. */
static void test_word_table_keeps_words_apart(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    dp_error error = {0};
    dp_word_table table = {0};
    char word[64];
    expect_ok(dp_word_table_init(&table, &error), &error);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++) {
            snprintf(word, sizeof word, i % 2 ? "w%d" : "a word longer than its entry can hold %d",
                     i);
            add(&table, word, (uint64_t)i);
            assert_int_equal(find(&table, word), i);
        }
    }
    expect_unsigned(table.count, COUNT);
    for (int i = 0; i < COUNT; i++)
        expect_unsigned(table.entries[i].count, 2 * (uint64_t)i);
    assert_int_equal(find(&table, "a word longer than its entry can hold "), DP_WORD_NONE);
    assert_int_equal(find(&table, "w"), DP_WORD_NONE);
    assert_string_equal(dp_word_table_text(&table, 19999), "w19999");
    dp_word_table_clear(&table);
}

static dp_status count_and_number(dp_error *error) {
    dp_status status = DP_OK;
    dp_word_table table = {0};
    dp_vocabulary vocabulary = {0};
    uint32_t index = 0, unknown = 0;
    const dp_word_choice choice = {.boundary = "|", .min_count = 2, .end_of_line = true};
    DP_OR_DONE(dp_word_table_init(&table, error));
    for (const char *const *text = song; *text != NULL; text++) {
        const dp_word word = dp_word_of(*text);
        DP_OR_DONE(dp_word_table_add(&table, &word, 1, &index, error));
    }
    DP_OR_DONE(dp_word_vocabulary_make(&table, &choice, &vocabulary, &unknown, error));
done:
    dp_vocabulary_clear(&vocabulary);
    dp_word_table_clear(&table);
    return status;
}

static void test_word_vocabulary_survives_each_failing_allocation(void **state) {
    (void)state;
    assert_true(fail_each_allocation(count_and_number) >= 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_word_vocabulary_is_ordered_by_count_and_first_appearance),
        cmocka_unit_test(test_word_vocabulary_takes_another_order_of_first_appearance),
        cmocka_unit_test(test_word_vocabulary_merges_rare_words),
        cmocka_unit_test(test_word_vocabulary_has_a_limit),
        cmocka_unit_test(test_word_vocabulary_knows_special_words_of_the_text),
        cmocka_unit_test(test_word_table_keeps_words_apart),
        cmocka_unit_test(test_word_vocabulary_survives_each_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
