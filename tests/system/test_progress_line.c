#include "system/progress_line.h"

#include "support/expect.h"

static void expect_text(uint64_t done, uint64_t total, const char *details, size_t width,
                        const char *wanted) {
    char text[DP_PROGRESS_LINE_SIZE];
    size_t longest = 0;
    dp_progress_line_format(done, total, details, &longest, width, text);
    assert_string_equal(text, wanted);
}

static void test_progress_line_keeps_the_length_of_its_bar(void **state) {
    (void)state;
    static const struct {
        const char *details, *wanted;
    } shown[] = {
        {"9.9 s left", " 50% [###---] 9.9 s left"},
        {"1 s left", " 50% [###---] 1 s left"},
        {"10 min left", " 50% 10 min left"},
        {"9.9 s left", " 50% 9.9 s left"},
    };
    char text[DP_PROGRESS_LINE_SIZE];
    size_t longest = 0;
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        dp_progress_line_format(1, 2, shown[i].details, &longest, 25, text);
        assert_string_equal(text, shown[i].wanted);
    }
}

static void test_progress_line_fills_the_width(void **state) {
    (void)state;
    expect_text(0, 200, "reading", 34, "  0% [------------------] reading");
    expect_text(90, 200, "reading", 34, " 45% [########----------] reading");
    expect_text(200, 200, "reading", 34, "100% [##################] reading");
    expect_text(300, 200, "reading", 34, "100% [##################] reading");
    expect_text(0, 0, "reading", 34, "  0% [------------------] reading");
    expect_text(1, 2, "", 20, " 50% [######------]");
    expect_text(1, 2, "", 1000, " 50% [####################--------------------]");
}

static void test_progress_line_leaves_out_what_does_not_fit(void **state) {
    (void)state;
    const char *details = "loss 2.5  7 s left  lr 0.1";
    expect_text(1, 2, details, 42, " 50% [###----] loss 2.5  7 s left  lr 0.1");
    expect_text(1, 2, details, 41, " 50% [###---] loss 2.5  7 s left  lr 0.1");
    expect_text(1, 2, details, 40, " 50% loss 2.5  7 s left  lr 0.1");
    expect_text(1, 2, details, 32, " 50% loss 2.5  7 s left  lr 0.1");
    expect_text(1, 2, details, 31, " 50% loss 2.5  7 s left");
    expect_text(1, 2, details, 24, " 50% loss 2.5  7 s left");
    expect_text(1, 2, details, 14, " 50% loss 2.5");
    expect_text(1, 2, details, 13, " 50%");
    expect_text(1, 2, details, 5, " 50%");
    expect_text(1, 2, details, 4, "");
    expect_text(1, 2, details, 0, "");
}

static void test_progress_line_never_reaches_the_last_column(void **state) {
    (void)state;
    char text[DP_PROGRESS_LINE_SIZE], details[300];
    memset(details, 'x', sizeof details);
    for (size_t at = 9; at < sizeof details; at += 10)
        details[at] = details[at - 1] = ' ';
    details[sizeof details - 1] = '\0';
    for (size_t width = 0; width < 400; width++) {
        size_t longest = 0;
        dp_progress_line_format(width, 400, details, &longest, width, text);
        assert_true(strlen(text) < (width > 0 ? width : 1));
        assert_true(strlen(text) < sizeof text);
    }
}

static void test_progress_line_is_silent_where_nobody_watches(void **state) {
    (void)state;
    dp_progress_line line = {0};
    FILE *output = tmpfile();
    assert_non_null(output);
    assert_false(dp_progress_line_is_due(&line, 1e300));
    dp_progress_line_show(&line, 1, 2, "reading");
    dp_progress_line_erase(&line);
    dp_progress_line_open(&line, output);
    assert_false(dp_progress_line_is_due(&line, 1e300));
    dp_progress_line_show(&line, 1, 2, "reading");
    dp_progress_line_close(&line);
    expect_unsigned((uint64_t)ftell(output), 0);
    fclose(output);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress_line_fills_the_width),
        cmocka_unit_test(test_progress_line_keeps_the_length_of_its_bar),
        cmocka_unit_test(test_progress_line_leaves_out_what_does_not_fit),
        cmocka_unit_test(test_progress_line_never_reaches_the_last_column),
        cmocka_unit_test(test_progress_line_is_silent_where_nobody_watches),
    };
    return cmocka_run_group_tests_name("progress_line", tests, NULL, NULL);
}
