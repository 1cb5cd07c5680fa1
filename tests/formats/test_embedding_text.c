#include "formats/embedding_text.h"

#include "support/expect.h"
#include "support/scratch.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FEATURES_MAX = 8 };

static const char *made(const char *bytes, size_t size) {
    dp_error error = {0};
    const char *path = scratch_path("embeddings.txt");
    expect_ok(dp_file_write(path, bytes, size, &error), &error);
    return path;
}

/* All of a file: "token:feature,feature;" for each, in `out`. */
static dp_status read_all(const char *path, char *out, size_t size, dp_error *error) {
    DP_OWNED(dp_embedding_text_close) dp_embedding_text file = {.reader.descriptor = -1};
    float features[FEATURES_MAX];
    const char *token = NULL;
    size_t length = 0;
    out[0] = '\0';
    DP_TRY(dp_embedding_text_open(&file, path, error));
    assert_in_range(file.features, 1, FEATURES_MAX);
    for (;;) {
        DP_TRY(dp_embedding_text_next(&file, &token, &length, features, error));
        if (token == NULL)
            return DP_OK;
        size_t end = strlen(out);
        snprintf(out + end, size - end, "%.*s:", (int)length, token);
        for (size_t i = 0; i < file.features; i++) {
            end = strlen(out);
            snprintf(out + end, size - end, "%g%s", (double)features[i],
                     i + 1 < file.features ? "," : ";");
        }
    }
}

static void test_embedding_text_reads_what_tools_write(void **state) {
    (void)state;
    static const struct {
        const char *text, *read;
    } cases[] = {
        {"2 3\nthe 0.5 -1.5 3e-3\nof 1 2 3\n", "the:0.5,-1.5,0.003;of:1,2,3;"},
        {"2 3\nthe 0.5 -1.5 3e-3 \nof 1 2 3 ", "the:0.5,-1.5,0.003;of:1,2,3;"}, /* word2vec */
        {"2 1\r\nthe\t0.5\r\nof\t +1\r\n", "the:0.5;of:1;"},
        {"2 2 \n\xC3\xA9t\xC3\xA9 1 2\n12 3 4\n", "\xC3\xA9t\xC3\xA9:1,2;12:3,4;"},
        {"1 1\n\xFF 1\n", "\xFF:1;"}, /* is no token of anybody's */
        {"0 4\n", ""},
    };
    char out[256];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dp_error error = {0};
        expect_ok(read_all(made(cases[i].text, strlen(cases[i].text)), out, sizeof out, &error),
                  &error);
        assert_string_equal(out, cases[i].read);
    }
}

static void expect_bad(const char *text, size_t size, const char *message) {
    char out[256];
    dp_error error = {0};
    expect_failure(read_all(made(text, size), out, sizeof out, &error), DP_ERR_INPUT, message,
                   &error);
}

static void test_embedding_text_refuses_bad_lines_by_number(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "embeddings.txt:1: not 'TOKENS FEATURES'"},
        {"the 0.5 1\nof 1 2\n", "embeddings.txt:1: not 'TOKENS FEATURES'"},
        {"2\n", ":1: not 'TOKENS FEATURES'"},
        {"2 3 4\n", ":1: not 'TOKENS FEATURES'"},
        {"2 0\n", ":1: not 'TOKENS FEATURES' with up to 65536 features"},
        {"2 65537\n", ":1: not 'TOKENS FEATURES' with up to 65536 features"},
        {"-2 3\n", ":1: not 'TOKENS FEATURES'"},
        {"99999999999999999999 3\n", ":1: not 'TOKENS FEATURES'"},
        {"2 2\nthe 1 2\nof 1\n", ":3: 1 numbers behind the token, not 2 as the first line says"},
        {"2 2\nthe 1 2 3\n", ":2: 3 numbers behind the token, not 2"},
        {"2 2\nthe 1 x\n", ":2: feature 2 is 'x', not a finite number"},
        {"2 2\nthe nan 1\n", ":2: feature 1 is 'nan', not a finite number"},
        {"2 2\nthe 1 -inf\n", ":2: feature 2 is '-inf'"},
        {"2 2\nthe 1 1e39\n", ":2: feature 2 is '1e39'"}, /* as float */
        {"2 2\nthe 1 1e999\n", ":2: feature 2 is '1e999'"},
        {"2 2\nthe 1 1,5\n", ":2: feature 2 is '1,5'"},
        {"2 2\nthe 1 2\n\nof 1 2\n", ":3: no token before the first blank"},
        {"1 2\n 1 2\n", ":2: no token before the first blank"},
        {"3 1\nthe 1\nof 2\n", " ends after 2 of the 3 tokens that its first line tells of"},
        {"1 1\nthe 1\nof 2\n", ":3: more than the 1 tokens that the first line tells of"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_bad(cases[i].text, strlen(cases[i].text), cases[i].message);
    expect_bad("1 1\0\nthe 1\n", 11, ":1: not 'TOKENS FEATURES'");
    expect_bad("1 1\nth\0e 1\n", 11, ":2: has a zero byte");
    expect_bad("1 1\nthe 1\0\n", 11, ":2: has a zero byte");
}

static void test_embedding_text_keeps_the_bits_of_numbers(void **state) {
    (void)state;
    static const float values[] = {0.1f, -3.14159274f, FLT_MIN, FLT_MAX, -FLT_MAX, 1e-45f, 0.0f};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        for (int digits = 9; digits <= 17; digits += 8) {
            DP_OWNED(dp_embedding_text_close)
            dp_embedding_text file = {.reader.descriptor = -1};
            dp_error error = {0};
            char text[64];
            float read = NAN;
            const char *token = NULL;
            size_t length = 0;
            snprintf(text, sizeof text, "1 1\na %.*g\n", digits, (double)values[i]);
            expect_ok(dp_embedding_text_open(&file, made(text, strlen(text)), &error), &error);
            expect_ok(dp_embedding_text_next(&file, &token, &length, &read, &error), &error);
            assert_memory_equal(&read, &values[i], sizeof read);
        }
    }
}

static void test_embedding_text_puts_blanks_back(void **state) {
    (void)state;
    static const struct {
        const char *written, *token;
    } cases[] = {
        {"\xE2\x96\x81", " "},
        {"a\xE2\x96\x81\xE2\x96\x81z", "a  z"},
        {"\xE2\x90\x89\xE2\x90\x8D", "\t\r"},
        {"\xE2\x90\x88\xE2\x90\x8E\xE2\x96\x80", "\xE2\x90\x88\xE2\x90\x8E\xE2\x96\x80"},
        {"a\xE2\x96", "a\xE2\x96"},
        {"", ""},
    };
    char out[32];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t length = strlen(cases[i].written);
        assert_int_equal(dp_embedding_text_blanks(cases[i].written, length, out),
                         strlen(cases[i].token));
        assert_string_equal(out, cases[i].token);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embedding_text_reads_what_tools_write),
        cmocka_unit_test(test_embedding_text_refuses_bad_lines_by_number),
        cmocka_unit_test(test_embedding_text_keeps_the_bits_of_numbers),
        cmocka_unit_test(test_embedding_text_puts_blanks_back),
    };
    return cmocka_run_group_tests_name("embedding_text", tests, scratch_create, scratch_remove);
}
