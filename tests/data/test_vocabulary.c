#include "base/memory.h"
#include "data/vocabulary_writer.h"
#include "support/expect.h"
#include "support/scratch.h"

static const char *const tokens[] = {".", "a", "ab", "\xC3\xA9t\xC3\xA9", "b"};
enum { TOKEN_COUNT = sizeof tokens / sizeof tokens[0] };

static void test_vocabulary_keeps_tokens_in_id_order(void **state) {
    (void)state;
    dp_error error = {0};
    dp_vocabulary vocabulary = {0};
    expect_ok(dp_vocabulary_init(&vocabulary, tokens, TOKEN_COUNT, &error), &error);
    expect_unsigned(vocabulary.count, TOKEN_COUNT);
    for (uint32_t id = 0; id < TOKEN_COUNT; id++)
        assert_string_equal(dp_vocabulary_token(&vocabulary, id), tokens[id]);
    dp_vocabulary_clear(&vocabulary);
    expect_unsigned(vocabulary.count, 0);
}

static void check_finding(bool sorted) {
    dp_error error = {0};
    dp_vocabulary vocabulary = {0};
    expect_ok(dp_vocabulary_init(&vocabulary, tokens, TOKEN_COUNT, &error), &error);
    if (sorted)
        expect_ok(dp_vocabulary_sort(&vocabulary, &error), &error);
    for (uint32_t wanted = 0; wanted < TOKEN_COUNT; wanted++) {
        uint32_t id = 99;
        assert_true(dp_vocabulary_find(&vocabulary, tokens[wanted], strlen(tokens[wanted]), &id));
        expect_unsigned(id, wanted);
    }
    static const char *const absent[] = {"", "abc", "c", "\xC3", "\xC3\xA9", "a longer text"};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        uint32_t id = 99;
        if (dp_vocabulary_find(&vocabulary, absent[i], strlen(absent[i]), &id))
            fail_msg("'%s' was found as %" PRIu32, absent[i], id);
    }
    uint32_t id = 99;
    assert_true(dp_vocabulary_find(&vocabulary, "abc", 2, &id)); /* length rules, not the 0 */
    expect_unsigned(id, 2);
    assert_false(dp_vocabulary_find(&vocabulary, "a\0b", 3, &id)); /* no token holds a 0 */
    dp_vocabulary_clear(&vocabulary);
}

static void test_vocabulary_finds_whole_tokens_only(void **state) {
    (void)state;
    check_finding(false);
    check_finding(true);
}

static void test_vocabulary_compares(void **state) {
    (void)state;
    static const char *const others[] = {".", "a", "abc", "\xC3\xA9t\xC3\xA9", "b"};
    dp_error error = {0};
    dp_vocabulary a = {0}, same = {0}, shorter = {0}, other = {0};
    expect_ok(dp_vocabulary_init(&a, tokens, TOKEN_COUNT, &error), &error);
    expect_ok(dp_vocabulary_init(&same, tokens, TOKEN_COUNT, &error), &error);
    expect_ok(dp_vocabulary_init(&shorter, tokens, TOKEN_COUNT - 1, &error), &error);
    expect_ok(dp_vocabulary_init(&other, others, TOKEN_COUNT, &error), &error);
    assert_true(dp_vocabulary_equal(&a, &same));
    assert_false(dp_vocabulary_equal(&a, &shorter));
    assert_false(dp_vocabulary_equal(&a, &other));
    dp_vocabulary_clear(&a);
    dp_vocabulary_clear(&same);
    dp_vocabulary_clear(&shorter);
    dp_vocabulary_clear(&other);
}

static void test_vocabulary_is_read_as_written(void **state) {
    (void)state;
    dp_error error = {0};
    dp_vocabulary written = {0}, read = {0};
    dp_h5writer *writer = NULL;
    dp_h5reader file = {0};
    const char *path = scratch_path("vocabulary.h5");
    expect_ok(dp_vocabulary_init(&written, tokens, TOKEN_COUNT, &error), &error);
    expect_ok(dp_h5writer_create(&writer, path, &error), &error);
    expect_ok(dp_vocabulary_write(&written, writer, &error), &error);
    expect_ok(dp_h5writer_close(writer, &error), &error);
    expect_ok(dp_h5reader_open(&file, path, &error), &error);
    expect_ok(dp_vocabulary_read(&read, &file, &error), &error);
    dp_h5reader_close(&file);
    assert_true(dp_vocabulary_equal(&written, &read));
    dp_vocabulary_clear(&written);
    dp_vocabulary_clear(&read);
}

/* Writes this table of two strings of `width` bytes and reads it as a vocabulary. */
static dp_status read_table(const char *table, size_t width, dp_error *error) {
    dp_vocabulary vocabulary = {0};
    dp_h5writer *writer = NULL;
    dp_h5reader file = {0};
    const char *path = scratch_path("table.h5");
    expect_ok(dp_h5writer_create(&writer, path, error), error);
    expect_ok(dp_h5writer_strings(writer, "/vocab/tokens", table, 2, width, error), error);
    expect_ok(dp_h5writer_close(writer, error), error);
    expect_ok(dp_h5reader_open(&file, path, error), error);
    dp_status status = dp_vocabulary_read(&vocabulary, &file, error);
    dp_h5reader_close(&file);
    if (status != DP_OK)
        assert_null(vocabulary.table);
    dp_vocabulary_clear(&vocabulary);
    return status;
}

static void test_vocabulary_refuses_bad_tokens(void **state) {
    (void)state;
    dp_error error = {0};
    expect_ok(read_table("a\0b\0", 2, &error), &error);
    expect_failure(read_table("a\0\0\0", 2, &error), DP_ERR_INPUT, "token 1", &error);
    expect_failure(read_table("\xC3\0b\0", 2, &error), DP_ERR_INPUT, "token 0", &error);
    expect_failure(read_table("a\0\xFF\0", 2, &error), DP_ERR_INPUT, "not valid UTF-8", &error);
}

static void test_vocabulary_must_be_in_the_file(void **state) {
    (void)state;
    dp_error error = {0};
    dp_vocabulary vocabulary = {0};
    dp_h5writer *writer = NULL;
    dp_h5reader file = {0};
    const char *path = scratch_path("empty.h5");
    expect_ok(dp_h5writer_create(&writer, path, &error), &error);
    expect_ok(dp_h5writer_close(writer, &error), &error);
    expect_ok(dp_h5reader_open(&file, path, &error), &error);
    expect_failure(dp_vocabulary_read(&vocabulary, &file, &error), DP_ERR_INPUT, "/vocab/tokens",
                   &error);
    dp_h5reader_close(&file);
}

static void expect_difference(const char *const *first, size_t first_count,
                              const char *const *second, size_t second_count, const char *wanted) {
    dp_error error = {0};
    dp_vocabulary a = {0}, b = {0};
    dp_text out = {0};
    expect_ok(dp_vocabulary_init(&a, first, first_count, &error), &error);
    expect_ok(dp_vocabulary_init(&b, second, second_count, &error), &error);
    for (int time = 0; time < 2; time++) { /* also where one is sorted already */
        dp_text_cut(&out, 0);
        expect_ok(dp_vocabulary_difference(&a, "A", &b, "B", &out, &error), &error);
        assert_string_equal(dp_text_string(&out), wanted);
        if (time == 0)
            expect_ok(dp_vocabulary_sort(&a, &error), &error);
    }
    dp_text_clear(&out);
    dp_vocabulary_clear(&a);
    dp_vocabulary_clear(&b);
}

static void test_vocabulary_tells_what_differs(void **state) {
    (void)state;
    static const char *const many[] = {".", "u", "v\x1b", "w", "x", "y", "z", "a"};
    static const char *const swapped[] = {".", "ab", "a", "\xC3\xA9t\xC3\xA9", "b"};
    expect_difference(tokens, 5, tokens, 3, "only A has '\xC3\xA9t\xC3\xA9', 'b'");
    expect_difference(tokens, 2, many, 8, "only B has 'u', 'v<U+001B>', 'w', 'x', 'y' and 1 more");
    expect_difference(tokens, 3, many, 2, "only A has 'a', 'ab'; only B has 'u'");
    expect_difference(tokens, 5, swapped, 5,
                      "the same tokens in another order, the first of them at id 1: 'a' and 'ab'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vocabulary_tells_what_differs),
        cmocka_unit_test(test_vocabulary_keeps_tokens_in_id_order),
        cmocka_unit_test(test_vocabulary_finds_whole_tokens_only),
        cmocka_unit_test(test_vocabulary_compares),
        cmocka_unit_test(test_vocabulary_is_read_as_written),
        cmocka_unit_test(test_vocabulary_refuses_bad_tokens),
        cmocka_unit_test(test_vocabulary_must_be_in_the_file),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_remove);
}
