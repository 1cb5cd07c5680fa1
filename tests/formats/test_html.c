#include "formats/html.h"

#include "support/expect.h"

static void expect_html(const char *text, const char *expected) {
    dp_text html = {0};
    dp_html_append(&html, text);
    assert_string_equal(dp_text_string(&html), expected);
    dp_text_clear(&html);
}

static void test_html_escapes_what_has_a_meaning(void **state) {
    (void)state;
    expect_html("", "");
    expect_html("plain text, 1 - 2 = {3}", "plain text, 1 - 2 = {3}");
    expect_html("<script>alert(\"a\" & 'b')</script>",
                "&lt;script&gt;alert(&quot;a&quot; &amp; &#39;b&#39;)&lt;/script&gt;");
    expect_html("&amp;", "&amp;amp;");
    expect_html("caf\xC3\xA9 \xE2\x82\xAC", "caf\xC3\xA9 \xE2\x82\xAC");
}

static void test_html_keeps_lines_and_replaces_what_cannot_be_shown(void **state) {
    (void)state;
    expect_html("a\n\tb", "a\n\tb");
    expect_html("a\x01\x1b[0m\x7f", "a\xEF\xBF\xBD\xEF\xBF\xBD[0m\xEF\xBF\xBD");
    expect_html("\xFF<\xC3", "\xEF\xBF\xBD&lt;\xEF\xBF\xBD");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_html_escapes_what_has_a_meaning),
        cmocka_unit_test(test_html_keeps_lines_and_replaces_what_cannot_be_shown),
    };
    return cmocka_run_group_tests_name("html", tests, NULL, NULL);
}
