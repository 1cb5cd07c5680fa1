#include "base/status.h"
#include "support/expect.h"

#include <errno.h>

static void test_status_stores_kind_and_message(void **state) {
    (void)state;
    dp_error error = {0};
    assert_int_equal(dp_fail(&error, DP_ERR_INPUT, "line %d: '%s'", 3, "x"), DP_ERR_INPUT);
    assert_int_equal(error.status, DP_ERR_INPUT);
    assert_string_equal(error.message, "line 3: 'x'");
}

static void test_status_appends_what_the_system_says(void **state) {
    (void)state;
    dp_error error = {0};
    assert_int_equal(dp_fail_errno(&error, ENOENT, "cannot read %s", "f"), DP_ERR_IO);
    assert_string_equal(error.message, "cannot read f: No such file or directory");
    assert_int_equal(dp_fail_errno(&error, ENOMEM, "cannot map f"), DP_ERR_MEMORY);
}

static void test_status_prefixes_the_message(void **state) {
    (void)state;
    dp_error error = {0};
    dp_fail(&error, DP_ERR_MISMATCH, "no such key");
    assert_int_equal(dp_fail_prefix(&error, "%s:%d", "base.ini", 7), DP_ERR_MISMATCH);
    assert_string_equal(error.message, "base.ini:7: no such key");
}

static void test_status_cuts_long_messages(void **state) {
    (void)state;
    dp_error error;
    memset(&error, 0xAA, sizeof error);
    dp_fail(&error, DP_ERR_INPUT, "%*d", 2 * DP_ERROR_MESSAGE_SIZE, 1);
    expect_unsigned(strlen(error.message), DP_ERROR_MESSAGE_SIZE - 1);
    dp_fail_prefix(&error, "%*d", DP_ERROR_MESSAGE_SIZE - 2, 7);
    expect_unsigned(strlen(error.message), DP_ERROR_MESSAGE_SIZE - 1);
    assert_string_equal(error.message + DP_ERROR_MESSAGE_SIZE - 4, " 7:");
    dp_fail_prefix(&error, "%*d", DP_ERROR_MESSAGE_SIZE, 7);
    expect_unsigned(strlen(error.message), DP_ERROR_MESSAGE_SIZE - 1);
    dp_fail_errno(&error, ENOENT, "%*d", DP_ERROR_MESSAGE_SIZE - 1, 7);
    expect_unsigned(strlen(error.message), DP_ERROR_MESSAGE_SIZE - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_stores_kind_and_message),
        cmocka_unit_test(test_status_appends_what_the_system_says),
        cmocka_unit_test(test_status_prefixes_the_message),
        cmocka_unit_test(test_status_cuts_long_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
