#include "base/text.h"
#include "support/expect.h"

#include <float.h>
#include <stdlib.h>

static void test_text_grows_and_stays_terminated(void **state) {
    (void)state;
    dp_error error = {0};
    dp_text text = {0};
    assert_string_equal(dp_text_string(&text), "");
    for (int i = 0; i < 1000; i++) {
        dp_text_append_format(&text, "%d,", i % 10);
        expect_unsigned(strlen(dp_text_string(&text)), 2u * ((unsigned)i + 1));
        expect_unsigned(text.length, 2u * ((unsigned)i + 1));
    }
    for (size_t i = 0; i < text.length; i++)
        assert_int_equal(text.data[i], i % 2 == 1 ? ',' : '0' + (int)(i / 2 % 10));
    expect_ok(dp_text_check(&text, &error), &error);
    dp_text_clear(&text);
    assert_null(text.data);
    dp_text_append(&text, "again");
    assert_string_equal(dp_text_string(&text), "again");
    dp_text_clear(&text);
}

static void test_text_appends_bytes_with_zeros(void **state) {
    (void)state;
    dp_text text = {0};
    dp_text_append_bytes(&text, "a\0b", 3);
    dp_text_append_bytes(&text, "", 0);
    expect_unsigned(text.length, 3);
    assert_memory_equal(text.data, "a\0b", 4);
    dp_text_clear(&text);
}

static void test_text_appends_a_format_of_any_length(void **state) {
    (void)state;
    for (size_t before = 0; before < 70; before++) {
        dp_text text = {0};
        dp_text_append_format(&text, "%*s", (int)before, "");
        for (int width = 1; width < 70; width++) {
            const size_t length = text.length;
            dp_text_append_format(&text, "%*d", width, 7);
            expect_unsigned(text.length, length + (size_t)width);
            expect_unsigned(strlen(text.data), text.length);
            assert_int_equal(text.data[text.length - 1], '7');
        }
        text.failed = true;
        dp_text_append_format(&text, "%d", 1);
        expect_unsigned(strlen(text.data), text.length);
        dp_text_clear(&text);
    }
}

static void expect_fixed(double value) {
    char expected[400];
    dp_text text = {0};
    for (int digits = 1; digits <= 6; digits++) {
        snprintf(expected, sizeof expected, "%.*f", digits, value);
        dp_text_cut(&text, 0);
        dp_text_append_fixed(&text, value, (unsigned)digits);
        assert_string_equal(dp_text_string(&text), expected);
    }
    dp_text_clear(&text);
}

static void test_text_appends_fixed_digits_as_printf(void **state) {
    (void)state;
    static const double odd[] = {0.0,      -0.0,     INFINITY, -INFINITY, NAN,   1e15, 1e300,
                                 1e-300,   0x1p-10,  0x1p-11,  -0.0625,   0.5,   0.25, 0.9999995,
                                 999999.5, 0.999999, 9.5e14,   -1.0,      1234.0};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        expect_fixed(odd[i]);
    uint64_t bits = 1;
    for (int i = 0; i < 60000; i++) {
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        const double some = (double)(int64_t)bits;
        expect_fixed(ldexp(some, -(int)(bits >> 8 & 63) - 8));        /* of any size */
        expect_fixed((double)(int64_t)(bits >> 40) / 128.0 - 1000.0); /* ties */
        expect_fixed((double)(bits >> 44) / 1e5);
    }
    dp_text text = {0};
    dp_text_append_unsigned(&text, 0);
    dp_text_append_unsigned(&text, UINT64_MAX);
    assert_string_equal(dp_text_string(&text), "018446744073709551615");
    dp_text_clear(&text);
}

static void test_text_says_when_an_append_has_failed(void **state) {
    (void)state;
    dp_error error = {0};
    dp_text text = {.failed = true};
    dp_text_append(&text, "lost");
    dp_text_append_format(&text, "%d", 1);
    expect_unsigned(text.length, 0);
    expect_failure(dp_text_check(&text, &error), DP_ERR_MEMORY, "out of memory", &error);
    dp_text_clear(&text);
    expect_ok(dp_text_check(&text, &error), &error);
}

static void test_text_copies_what_fits(void **state) {
    (void)state;
    char buffer[5] = "xxxx";
    assert_true(dp_text_copy(buffer, sizeof buffer, "four"));
    assert_string_equal(buffer, "four");
    assert_false(dp_text_copy(buffer, sizeof buffer, "fives"));
    assert_string_equal(buffer, "");
    assert_true(dp_text_copy(buffer, 1, ""));
}

static void test_text_parses_unsigned(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"0", 0}, {"7", 7}, {"0010", 10}, {"18446744073709551615", UINT64_MAX}};
    static const char *const bad[] = {"",    " 1",  "1 ",  "+1",    "-1", "1.0",
                                      "1e3", "0x1", "one", "1,000", "٣",  "18446744073709551616"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t value = 99;
        assert_true(dp_text_parse_unsigned(good[i].text, &value));
        expect_unsigned(value, good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t value = 99;
        if (dp_text_parse_unsigned(bad[i], &value))
            fail_msg("'%s' was taken for %" PRIu64, bad[i], value);
        expect_unsigned(value, 99);
    }
}

static void test_text_parses_real(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0.0},  {"-0.5", -0.5}, {"+2", 2.0},      {"1e-3", 1e-3},
                {".5", 0.5}, {"5.", 5.0},    {"1e308", 1e308}, {"5e-324", 5e-324}};
    static const char *const bad[] = {"",    " 1",  "1 ",       "1,5",   "1.0x", "e5",
                                      "nan", "inf", "infinity", "1e999", "-",    "0.1 0.2"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        double value = 99.0;
        assert_true(dp_text_parse_real(good[i].text, &value));
        expect_close(value, good[i].value, 0.0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        double value = 99.0;
        if (dp_text_parse_real(bad[i], &value))
            fail_msg("'%s' was taken for %g", bad[i], value);
        expect_close(value, 99.0, 0.0);
    }
}

static void test_text_parses_durations(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double seconds;
    } good[] = {{"0", 0.0},       {"90s", 90.0},          {"30m", 1800.0}, {"2h", 7200.0},
                {"1.5h", 5400.0}, {"2d", 172800.0},       {"0.25s", 0.25}, {"1:30:00", 5400.0},
                {"0:00:05", 5.0}, {"100:00:00", 360000.0}};
    static const char *const bad[] = {
        "",       "90",     "s",        "-1s",     "1 h",   "h2",   "1:30",   "1:60:00", "1:00:60",
        "1:3:00", ":30:00", "1:30:00s", "1:-3:00", "1h30m", "nans", "0x10 s", "1e400s",  "2w"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        double seconds = -1.0;
        assert_true(dp_text_parse_duration(good[i].text, &seconds));
        expect_close(seconds, good[i].seconds, 0.0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        double seconds = -1.0;
        if (dp_text_parse_duration(bad[i], &seconds))
            fail_msg("'%s' was taken for %g s", bad[i], seconds);
        expect_close(seconds, -1.0, 0.0);
    }
}

static void test_text_formats_reals_that_read_back(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.0, "0"},         {0.1, "0.1"},
                 {1e-5, "1e-05"},    {0.30000000000000004, "0.30000000000000004"},
                 {-2.5, "-2.5"},     {100000.0, "100000"},
                 {1e15, "1e+15"},    {DBL_MAX, "1.7976931348623157e+308"},
                 {5e-324, "5e-324"}, {-DBL_MAX, "-1.7976931348623157e+308"}};
    char buffer[32];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(dp_text_format_real(cases[i].value, buffer), cases[i].text);
        expect_close(strtod(buffer, NULL), cases[i].value, 0.0);
    }
    assert_string_equal(dp_text_format_real((double)NAN, buffer), "nan");
    assert_string_equal(dp_text_format_real((double)-INFINITY, buffer), "-inf");
}

static void test_text_formats_counts(void **state) {
    (void)state;
    char buffer[32];
    assert_string_equal(dp_text_format_count(0, buffer), "0");
    assert_string_equal(dp_text_format_count(999, buffer), "999");
    assert_string_equal(dp_text_format_count(1000, buffer), "1,000");
    assert_string_equal(dp_text_format_count(1234567, buffer), "1,234,567");
    assert_string_equal(dp_text_format_count(UINT64_MAX, buffer), "18,446,744,073,709,551,615");
}

static void test_text_formats_durations(void **state) {
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0.0, "0.0 s"},          {0.24, "0.2 s"},        {9.49, "9.5 s"},
                 {9.96, "10 s"},          {45.0, "45 s"},         {59.4, "59 s"},
                 {59.6, "1 min 00 s"},    {723.0, "12 min 03 s"}, {3599.6, "1 h 00 min"},
                 {12000.0, "3 h 20 min"}, {1e6, "277 h 46 min"},  {-1.0, "?"},
                 {(double)NAN, "?"},      {(double)INFINITY, "?"}};
    char buffer[32];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(dp_text_format_duration(cases[i].seconds, buffer), cases[i].text);
}

static void test_text_wraps_words_at_the_width_of_a_terminal(void **state) {
    (void)state;
    dp_text text = {0};
    dp_text_append(&text, "name ");
    /* 5 + 9 * 8 - 1 columns are 76; another word would end at 84 */
    dp_text_append_wrapped(&text, 5,
                           "1234567 1234567 1234567 1234567 1234567 1234567 1234567 1234567 "
                           "1234567 next");
    assert_string_equal(dp_text_string(&text),
                        "name 1234567 1234567 1234567 1234567 1234567 1234567 1234567 1234567 "
                        "1234567\n     next\n");
    dp_text_clear(&text);
    dp_text_append_wrapped(&text, 0, "");
    assert_string_equal(dp_text_string(&text), "\n");
    dp_text_clear(&text);
}

static void test_text_appends_a_template_up_to_a_mark(void **state) {
    (void)state;
    dp_text text = {0};
    const char *rest = dp_text_append_before(&text, "one @A@\ntwo @A@ three", "@A@");
    assert_string_equal(dp_text_string(&text), "one ");
    assert_string_equal(rest, "\ntwo @A@ three");
    rest = dp_text_append_before(&text, rest, "@A@");
    assert_null(dp_text_append_before(&text, rest, "@A@"));
    assert_string_equal(dp_text_string(&text), "one \ntwo  three");
    dp_text_clear(&text);
}

static void test_text_shows_what_would_be_obeyed(void **state) {
    (void)state;
    dp_text text = {0};
    dp_text_append_shown(&text, "a\tb\n\xC2\x9B \xE2\x81\xA6\xEF\xBB\xBF\xFF\xC3\xA9");
    assert_string_equal(dp_text_string(&text),
                        "a<U+0009>b<U+000A><U+009B> <U+2066><U+FEFF>\xEF\xBF\xBD\xC3\xA9");
    dp_text_cut(&text, 0);
    dp_text_append_shown_lines(&text, "a\tb\n\x1b[0m \xEF\xBF\xBD");
    assert_string_equal(dp_text_string(&text), "a\tb\n<U+001B>[0m \xEF\xBF\xBD");
    dp_text_clear(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_grows_and_stays_terminated),
        cmocka_unit_test(test_text_appends_bytes_with_zeros),
        cmocka_unit_test(test_text_appends_a_format_of_any_length),
        cmocka_unit_test(test_text_appends_fixed_digits_as_printf),
        cmocka_unit_test(test_text_says_when_an_append_has_failed),
        cmocka_unit_test(test_text_copies_what_fits),
        cmocka_unit_test(test_text_parses_unsigned),
        cmocka_unit_test(test_text_parses_real),
        cmocka_unit_test(test_text_parses_durations),
        cmocka_unit_test(test_text_formats_reals_that_read_back),
        cmocka_unit_test(test_text_formats_counts),
        cmocka_unit_test(test_text_formats_durations),
        cmocka_unit_test(test_text_wraps_words_at_the_width_of_a_terminal),
        cmocka_unit_test(test_text_appends_a_template_up_to_a_mark),
        cmocka_unit_test(test_text_shows_what_would_be_obeyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
