#include "data/context.h"

#include "support/expect.h"

#define BLOCK_SIZE 3

static const char *const characters[] = {".", "a", "b", "\u00e9"};
static const char *const words[] = {".", "this", "is", "this-is"};

/* Parses with a vocabulary of four tokens, and compares the context. */
static void expect_context(const char *const tokens[4], dp_unit unit, const char *text, uint32_t a,
                           uint32_t b, uint32_t c) {
    dp_error error = {0};
    dp_vocabulary vocabulary = {0};
    uint32_t context[BLOCK_SIZE] = {9, 9, 9};
    expect_ok(dp_vocabulary_init(&vocabulary, tokens, 4, &error), &error);
    expect_ok(dp_context_parse(&vocabulary, unit, text, strlen(text), context, BLOCK_SIZE, &error),
              &error);
    expect_unsigned(context[0], a);
    expect_unsigned(context[1], b);
    expect_unsigned(context[2], c);
    dp_vocabulary_clear(&vocabulary);
}

static void expect_unknown(const char *const tokens[4], dp_unit unit, const char *text,
                           const char *part) {
    dp_error error = {0};
    dp_vocabulary vocabulary = {0};
    uint32_t context[BLOCK_SIZE];
    expect_ok(dp_vocabulary_init(&vocabulary, tokens, 4, &error), &error);
    expect_failure(
        dp_context_parse(&vocabulary, unit, text, strlen(text), context, BLOCK_SIZE, &error),
        DP_ERR_INPUT, part, &error);
    dp_vocabulary_clear(&vocabulary);
}

static void test_context_of_characters(void **state) {
    (void)state;
    expect_context(characters, DP_UNIT_CHAR, "", 0, 0, 0);
    expect_context(characters, DP_UNIT_CHAR, "a", 0, 0, 1);
    expect_context(characters, DP_UNIT_CHAR, "ab\u00e9", 1, 2, 3);
    expect_context(characters, DP_UNIT_CHAR, "bbbab\u00e9", 1, 2, 3); /* the end counts */
    expect_context(characters, DP_UNIT_CHAR, "b.a", 2, 0, 1);
}

/* Nothing behind the end is looked at. */
static void test_context_ends_where_its_text_does(void **state) {
    (void)state;
    const char *text = "\u00e9 is", *at = text;
    size_t length = 0;
    assert_true(dp_context_next_token(DP_UNIT_CHAR, &at, text + 1, &length));
    expect_unsigned(length, 1); /* half a character */
    assert_true(dp_context_next_token(DP_UNIT_WORD, &at, text + 4, &length));
    expect_unsigned(length, 2);
    at += length;
    assert_true(dp_context_next_token(DP_UNIT_WORD, &at, text + 4, &length));
    expect_unsigned(length, 1);
    at += length;
    assert_false(dp_context_next_token(DP_UNIT_WORD, &at, text + 4, &length));
}

static void test_context_of_words(void **state) {
    (void)state;
    expect_context(words, DP_UNIT_WORD, "", 0, 0, 0);
    expect_context(words, DP_UNIT_WORD, "  ", 0, 0, 0);
    expect_context(words, DP_UNIT_WORD, "is", 0, 0, 2);
    expect_context(words, DP_UNIT_WORD, " this  is this-is ", 1, 2, 3);
    expect_context(words, DP_UNIT_WORD, "is is this is", 2, 1, 2);
}

static void test_context_takes_a_word_that_it_lacks_for_unknown(void **state) {
    (void)state;
    static const char *const merged[] = {"<s>", "the", "<unk>", "is"};
    expect_context(merged, DP_UNIT_WORD, "the cat\tis", 1, 2, 3);
    expect_context(merged, DP_UNIT_WORD, "th <unk>\nthe", 2, 2, 1);
    expect_unknown(merged, DP_UNIT_CHAR, "x", "'x' is not");
}

static void test_context_names_what_is_not_in_the_vocabulary(void **state) {
    (void)state;
    expect_unknown(characters, DP_UNIT_CHAR, "aBa", "'B' is not in the vocabulary: . a b");
    expect_unknown(characters, DP_UNIT_CHAR, "a b", "' ' is not");
    expect_unknown(characters, DP_UNIT_CHAR, "a\u00e8", "'\u00e8' is not");
    expect_unknown(characters, DP_UNIT_CHAR, "a\xc3", "'?' is not"); /* half of one */
    expect_unknown(words, DP_UNIT_WORD, "this isis", "'isis' is not");
    expect_unknown(words, DP_UNIT_WORD, "thi", "'thi' is not");
}

static void test_context_shifts_the_oldest_out(void **state) {
    (void)state;
    uint32_t context[BLOCK_SIZE] = {1, 2, 3}, single = 7;
    dp_context_shift(context, BLOCK_SIZE, 4);
    expect_unsigned(context[0], 2);
    expect_unsigned(context[1], 3);
    expect_unsigned(context[2], 4);
    dp_context_shift(&single, 1, 8);
    expect_unsigned(single, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_context_of_characters),
        cmocka_unit_test(test_context_ends_where_its_text_does),
        cmocka_unit_test(test_context_of_words),
        cmocka_unit_test(test_context_takes_a_word_that_it_lacks_for_unknown),
        cmocka_unit_test(test_context_names_what_is_not_in_the_vocabulary),
        cmocka_unit_test(test_context_shifts_the_oldest_out),
    };
    return cmocka_run_group_tests_name("context", tests, NULL, NULL);
}
