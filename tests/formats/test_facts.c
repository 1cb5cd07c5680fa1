#include "formats/facts.h"
#include "support/expect.h"

#include <math.h>

static void add_some(dp_facts *facts) {
    dp_facts_text(facts, "path", "a \"b\" {c}");
    dp_facts_unsigned(facts, "step", 1234567);
    dp_facts_unsigned(facts, "ranks", 1);
    dp_facts_real(facts, "rate", 12345678.25);
    dp_facts_real(facts, "unknown", NAN);
    dp_facts_bool(facts, "done", false);
    dp_facts_note(facts, "time", "%d s", 5);
    dp_facts_begin(facts, "splits");
    for (int split = 0; split < 2; split++) {
        dp_facts_begin(facts, split == 0 ? "train" : "dev");
        dp_facts_real(facts, "loss", split == 0 ? 2.5 : 25000.5);
        dp_facts_begin(facts, "of");
        dp_facts_unsigned(facts, "count", 7);
        dp_facts_end(facts);
        dp_facts_end(facts);
    }
    dp_facts_end(facts);
    dp_facts_unsigned(facts, "last", 2);
}

static void expect_text(const char *template, const char *expected) {
    dp_facts facts = {0};
    dp_text out = {0};
    dp_error error;
    add_some(&facts);
    dp_facts_to_text(&facts, template, &out);
    expect_ok(dp_text_check(&out, &error), &error);
    assert_string_equal(dp_text_string(&out), expected);
    dp_text_clear(&out);
    dp_facts_clear(&facts);
}

static void test_facts_are_one_object_in_their_order(void **state) {
    (void)state;
    dp_facts facts = {0};
    dp_text out = {0};
    add_some(&facts);
    dp_facts_to_json(&facts, &out);
    assert_string_equal(
        dp_text_string(&out),
        "{\"path\":\"a \\\"b\\\" {c}\",\"step\":1234567,\"ranks\":1,\"rate\":12345678.25,"
        "\"unknown\":null,\"done\":false,\"splits\":{\"train\":{\"loss\":2.5,\"of\":{\"count\":7}},"
        "\"dev\":{\"loss\":25000.5,\"of\":{\"count\":7}}},\"last\":2}\n");
    dp_text_clear(&out);
    dp_facts_clear(&facts);
}

static void test_facts_are_shown_as_their_formats_say(void **state) {
    (void)state;
    expect_text("{path}: {step}, {step:,}|{step:11,}|{time:8}|{time:-8}|",
                "a \"b\" {c}: 1234567, 1,234,567|  1,234,567|     5 s|5 s     |");
    expect_text("{rate:.1f} {rate:12.2f} {rate:.4g} {rate:8.3M} {rate:,} {done}",
                "12345678.2  12345678.25 1.235e+07   12.346 12,345,678 false");
    expect_text("{ranks} rank{ranks:s}, {last} node{last:s}\n", "1 rank, 2 nodes\n");
}

static void test_facts_leave_out_what_there_is_not(void **state) {
    (void)state;
    expect_text("[{step} blocks][{grains} grains], [no {unknown}]", "1234567 blocks, ");
    expect_text("{grains}|", "|");
    expect_text("", "");
}

static void test_facts_repeat_for_the_members_of_a_group(void **state) {
    (void)state;
    expect_text("<<splits {splits.*:6} {splits.*.loss:9n} {splits.*.of.count}[ {splits.*.no}]\n>>",
                " train    2.5000 7\n   dev   2.5e+04 7\n");
    expect_text("<<nothing {nothing.*}>>{splits.dev.of.count}", "7");
}

static void test_facts_in_html_are_escaped(void **state) {
    (void)state;
    dp_facts facts = {0};
    dp_text out = {0};
    add_some(&facts);
    dp_facts_note(&facts, "part", "%s", "<i>1</i>");
    dp_facts_to_html(&facts,
                     "<p>{path} {part} {part:h} {step:,}[ <b>{unknown}</b>]</p>\n"
                     "<<splits <li>{splits.*}</li>\n>><br>",
                     &out);
    assert_string_equal(dp_text_string(&out),
                        "<p>a &quot;b&quot; {c} &lt;i&gt;1&lt;/i&gt; <i>1</i> 1,234,567</p>\n"
                        "<li>train</li>\n<li>dev</li>\n<br>");
    dp_text_clear(&out);
    dp_facts_clear(&facts);
}

static void expect_html(const char *text, const char *expected) {
    dp_facts facts = {0};
    dp_text html = {0};
    dp_facts_text(&facts, "text", text);
    dp_facts_to_html(&facts, "{text}", &html);
    assert_string_equal(dp_text_string(&html), expected);
    dp_text_clear(&html);
    dp_facts_clear(&facts);
}

static void test_facts_do_not_command_a_terminal(void **state) {
    (void)state;
    dp_facts facts = {0};
    dp_text text = {0};
    dp_facts_text(&facts, "path", "a\x1b]0;b\a/c\xE2\x80\xAE\xFF\n\td");
    dp_facts_to_text(&facts, "{path}", &text);
    assert_string_equal(dp_text_string(&text), "a<U+001B>]0;b<U+0007>/c<U+202E>\xEF\xBF\xBD\n\td");
    dp_text_clear(&text);
    dp_facts_clear(&facts);
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
        cmocka_unit_test(test_facts_are_one_object_in_their_order),
        cmocka_unit_test(test_facts_are_shown_as_their_formats_say),
        cmocka_unit_test(test_facts_leave_out_what_there_is_not),
        cmocka_unit_test(test_facts_repeat_for_the_members_of_a_group),
        cmocka_unit_test(test_facts_in_html_are_escaped),
        cmocka_unit_test(test_facts_do_not_command_a_terminal),
        cmocka_unit_test(test_html_escapes_what_has_a_meaning),
        cmocka_unit_test(test_html_keeps_lines_and_replaces_what_cannot_be_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
