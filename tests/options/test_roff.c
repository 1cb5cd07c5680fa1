#include "options/roff.h"

#include "support/expect.h"
#include "support/sample_options.h"

static void test_roff_escapes_what_it_would_change(void **state) {
    (void)state;
    dp_text page = {0};
    dp_roff_paragraph(&page, ".a \\b 'c' --d\n.e `f` ^~\n\n'g");
    assert_string_equal(dp_text_string(&page),
                        ".PP\n\\&.a \\eb \\(aqc\\(aq \\-\\-d\n\\&.e \\(gaf\\(ga \\(ha\\(ti\n"
                        ".PP\n\\(aqg\n");
    dp_text_clear(&page);
}

static void test_roff_has_an_entry_an_option(void **state) {
    (void)state;
    static const dp_option options[] = {
        {.key = "count",
         .alias = 'n',
         .type = DP_OPTION_UNSIGNED,
         .initial = "3",
         .minimum = 1,
         .maximum = 9,
         .unit = "N",
         .help = "how many"},
        {.key = "quiet", .type = DP_OPTION_SWITCH, .initial = "no", .help = "say nothing"},
        {.key = "secret", .type = DP_OPTION_SWITCH, .initial = "no", .flags = DP_OPTION_HIDDEN},
        DP_OPTIONS_END,
    };
    dp_text page = {0};
    dp_roff_options(&page, options);
    assert_string_equal(dp_text_string(&page),
                        ".TP\n\\fB\\-n, \\-\\-count\\fR \\fIN\\fR\n"
                        "how many.\nMust be a whole number from 1 to 9.\nDefault: 3\n"
                        ".TP\n\\fB\\-\\-quiet\\fR\nsay nothing.\n");
    dp_text_clear(&page);
    dp_roff_options(&page, sample_config);
    assert_non_null(strstr(dp_text_string(&page), "\\fBtrain.steps\\fR \\fIsteps\\fR\n"));
    assert_non_null(strstr(dp_text_string(&page), "Must be one of red, green, blue."));
    dp_text_clear(&page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roff_escapes_what_it_would_change),
        cmocka_unit_test(test_roff_has_an_entry_an_option),
    };
    return cmocka_run_group_tests_name("roff", tests, NULL, NULL);
}
