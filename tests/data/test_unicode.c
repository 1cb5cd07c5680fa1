#include "data/unicode.h"

#include "base/utf8.h"
#include "support/expect.h"

#include <locale.h>
#include <wctype.h>

static void test_unicode_counts_columns(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int columns;
    } cases[] = {{"", 0},
                 {"abc", 3},
                 {"caf\xC3\xA9", 4},
                 {"cafe\xCC\x81", 4},             /* e and a combining acute accent */
                 {"\xCC\x81", 0},                 /* that alone */
                 {"\xE6\xBC\xA2\xE5\xAD\x97", 4}, /* two Chinese characters */
                 {"\xED\x95\x9C", 2},             /* a syllable of Hangul */
                 {"\xF0\x9F\x98\x80", 2},         /* an emoji */
                 {"\xFF", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_unsigned((uint64_t)dp_unicode_columns(cases[i].text), (uint64_t)cases[i].columns);
}

static void expect_folded(dp_folding folding, const char *text, const char *expected) {
    dp_text folded = {0};
    dp_unicode_fold(folding, text, strlen(text), &folded);
    assert_string_equal(dp_text_string(&folded), expected);
    dp_text_cut(&folded, 0); /* the same in parts */
    for (size_t at = 0, length = 0; (length = dp_unicode_part(text + at, strlen(text + at))) > 0;
         at += length)
        dp_unicode_fold(folding, text + at, length, &folded);
    assert_string_equal(dp_text_string(&folded), expected);
    dp_text_clear(&folded);
}

static void test_unicode_folds(void **state) {
    (void)state;
    const dp_folding none = {0}, lower = {.lowercase = true}, nfc = {.normalize = DP_NORMAL_NFC},
                     nfkc = {.normalize = DP_NORMAL_NFKC}, both = {true, DP_NORMAL_NFKC};
    const char *text = "The CAT, \u00c4E\u0301 \uff21\ufb01\u00a0\u2121";
    expect_folded(none, text, text);
    expect_folded(lower, text, "the cat, \u00e4e\u0301 \uff41\ufb01\u00a0\u2121");
    expect_folded(nfc, text, "The CAT, \u00c4\u00c9 \uff21\ufb01\u00a0\u2121");
    expect_folded(nfkc, text, "The CAT, \u00c4\u00c9 Afi TEL");
    expect_folded(both, text, "the cat, \u00e4\u00e9 afi tel");
    expect_folded(both, "\u0130\u0301", "\u00ed"); /* composed again */
    expect_folded(both, "\u1100\u1161\u11a8", "\uac01");
    expect_folded(both, "A\xFF\u00c9\xC3", "a\xFF\u00e9\xC3"); /* not UTF-8 */
    expect_folded(nfkc, "", "");
}

/* As the C library's towlower, by which --lowercase went before: old datasets are made again. */
static void test_unicode_lower_case_is_that_of_the_c_library(void **state) {
    (void)state;
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        skip();
    uint32_t others = 0;
    for (uint32_t c = 1; c < DP_UTF8_LIMIT; c++) {
        char text[DP_UTF8_MAX_BYTES + 1], expected[DP_UTF8_MAX_BYTES + 1];
        dp_text folded = {0};
        if (c >= 0xD800u && c <= 0xDFFFu)
            continue;
        const size_t length = dp_utf8_encode(c, text);
        dp_utf8_encode((uint32_t)towlower((wint_t)c), expected);
        dp_unicode_fold((dp_folding){.lowercase = true}, text, length, &folded);
        others += strcmp(dp_text_string(&folded), expected) != 0;
        dp_text_clear(&folded);
    }
    /* The two may be of other versions of Unicode, which give lower case to a few more. */
    if (others > 200)
        fail_msg("%u characters have another lower case", (unsigned)others);
}

static void test_unicode_knows_composed_characters(void **state) {
    (void)state;
    assert_true(dp_unicode_compose('e', 0x301));
    assert_true(dp_unicode_compose(0x1100, 0x1161));
    assert_false(dp_unicode_compose('x', 0x301));
    assert_false(dp_unicode_compose('e', 'f'));
    assert_true(dp_unicode_is_composed(0xE9));
    assert_true(dp_unicode_is_composed(0xAC00));
    assert_false(dp_unicode_is_composed('e'));
    assert_false(dp_unicode_is_composed(0x6F22));
    assert_false(dp_unicode_is_composed(0xFB01)); /* by compatibility only */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unicode_counts_columns),
        cmocka_unit_test(test_unicode_folds),
        cmocka_unit_test(test_unicode_lower_case_is_that_of_the_c_library),
        cmocka_unit_test(test_unicode_knows_composed_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
