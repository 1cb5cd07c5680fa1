#include "base/text.h"
#include "formats/ini.h"
#include "support/expect.h"

#include <stdio.h>

/* Sections are passed on too, but heads of them are looked at by one test. */
static dp_status take(void *context, const dp_ini_entry *entry, dp_error *error) {
    if (entry->name == NULL)
        return strcmp(entry->section, "bad") != 0 ? DP_OK
                                                  : dp_fail(error, DP_ERR_INPUT, "no section");
    if (strcmp(entry->value, "bad") == 0)
        return dp_fail(error, DP_ERR_INPUT, "refused");
    dp_text_append_format(context, "%zu:%s.%s<%s>\n", entry->line, entry->section, entry->name,
                          entry->value);
    return DP_OK;
}

/* What a text says: "LINE:SECTION.NAME<VALUE>" lines, and its error. */
static dp_status read_bytes(const char *text, size_t size, dp_text *said, dp_error *error) {
    dp_text_clear(said);
    return dp_ini_read(text, size, "x", take, said, error);
}

static void expect_read(const char *text, const char *wanted) {
    dp_error error = {0};
    dp_text said = {0};
    expect_ok(read_bytes(text, strlen(text), &said, &error), &error);
    assert_string_equal(dp_text_string(&said), wanted);
    dp_text_clear(&said);
}

static void test_ini_reads_sections_values_and_comments(void **state) {
    (void)state;
    expect_read("", "");
    expect_read("a = 1\n[s]\nb=2 ; c\n[ t u ] ; c\n c d : 3;4 #5\n[v]# c\n=\n",
                "1:.a<1>\n3:s.b<2>\n5:t u.c d<3;4>\n7:v.<>\n");
    expect_read("a = runs/try # first try\nb = c#d #\ne = # ; f\ng =#\nh = 1, # c\n  2\t# d\n",
                "1:.a<runs/try>\n2:.b<c#d>\n3:.e<>\n4:.g<#>\n5:.h<1,2>\n");
    expect_read("a =\nb = ;\nc =;\nd = x\t;\ne = a=b:c\n", "1:.a<>\n2:.b<>\n3:.c<;>\n4:.d<x>\n"
                                                           "5:.e<a=b:c>\n");
}

static void test_ini_reads_any_line_end(void **state) {
    (void)state;
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    for (size_t i = 0; i < 3; i++) {
        char text[64];
        snprintf(text, sizeof text, "# c%s%s[s]%sa = 1%s 2%sb = 3", ends[i], ends[i], ends[i],
                 ends[i], ends[i]);
        expect_read(text, "4:s.a<12>\n6:s.b<3>\n");
    }
    expect_read("\xEF\xBB\xBF[s]\na = 1\n", "2:s.a<1>\n");
}

/* What stands further in is a value or a section of its own where it looks like one. */
static void test_ini_reads_what_is_indented(void **state) {
    (void)state;
    expect_read("[s]\n  steps = 4\n  batch_size = 8\n  [t]\n\ta: 1\n",
                "2:s.steps<4>\n3:s.batch_size<8>\n5:t.a<1>\n");
    expect_read("a = 1,\n  2, ; c\n\t3\n  # c\nb = d/\n e/f=g\n", "1:.a<1,2,3>\n5:.b<d/e/f=g>\n");
}

static void test_ini_reads_quoted_values(void **state) {
    (void)state;
    expect_read("a = \" ;x \"\nb = \"\"q\"\" \nc = \"\"\nd:\"1\"\n",
                "1:.a< ;x >\n2:.b<\"q\">\n3:.c<>\n4:.d<1>\n");
    /* quotes that are not both ends are nothing special */
    expect_read("a = \"b\" c ; d\ne = \"\nf = h\"i\"\n", "1:.a<\"b\" c>\n2:.e<\">\n3:.f<h\"i\">\n");
}

static void test_ini_refuses_what_it_does_not_understand(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"[s] a = 1\n", "x:1: 'a = 1' stands behind the ']'"},
        {"\n[s]]\n", "x:2: ']' stands behind"},
        {"[s\n", "x:1: neither '[section]' nor 'key = value'"},
        {"[s]\nword\n", "x:2: neither"},
        {"[s]\n word\n", "x:2: neither"},
        {"a = 1\n\n 2\n", "x:3: neither"},
        {"a = 1\n# c\n 2\n", "x:3: neither"},
        {"a = 1\r\x1b[1m = 1\n", "x:2: not a text file"},
        {"\x7f\n", "x:1: not a text file"},
        {"a = b\n  ad\nb\n", "x:1: refused"},
        {"[s]\n[bad]", "x:2: no section"},
        {"a = 1\n\n [ bad ] # c\n[s]\n", "x:3: no section"},
        {"a = c\n  ad\n\n\nb = bad", "x:5: refused"},
    };
    dp_error error = {0};
    dp_text said = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_failure(read_bytes(cases[i].text, strlen(cases[i].text), &said, &error),
                       DP_ERR_INPUT, cases[i].part, &error);
    expect_failure(read_bytes("[s]\na\0=1\n", 9, &said, &error), DP_ERR_INPUT,
                   "x:2: not a text file", &error);
    dp_text_clear(&said);
}

static void test_ini_writes_what_it_reads(void **state) {
    (void)state;
    static const char *const values[] = {
        "",       "a",    " a",   "a\t",     ";a",  "a ;b", "a;b", "#a", "\"",        "\"a\"",
        "a\"b\"", "\"\"", " \"a", "\"a\" ;", "a #", "a #b", "a#b", "#",  "[s] = \xC3"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        dp_text text = {0};
        char wanted[64];
        assert_true(dp_ini_can_hold(values[i]));
        dp_ini_write("name", values[i], &text);
        snprintf(wanted, sizeof wanted, "1:.name<%s>\n", values[i]);
        expect_read(dp_text_string(&text), wanted);
        dp_text_clear(&text);
    }
    assert_false(dp_ini_can_hold("a\nb") || dp_ini_can_hold("a\r") || dp_ini_can_hold("\x01"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ini_reads_sections_values_and_comments),
        cmocka_unit_test(test_ini_reads_any_line_end),
        cmocka_unit_test(test_ini_reads_what_is_indented),
        cmocka_unit_test(test_ini_reads_quoted_values),
        cmocka_unit_test(test_ini_refuses_what_it_does_not_understand),
        cmocka_unit_test(test_ini_writes_what_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
