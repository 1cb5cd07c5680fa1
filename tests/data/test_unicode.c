#include "data/unicode.h"

#include "support/expect.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unicode_counts_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
