#include "base/json.h"
#include "support/expect.h"

#include <stdlib.h>

static void test_json_puts_commas_between_values(void **state) {
    (void)state;
    dp_text json = {0};
    dp_json_begin_object(&json);
    dp_json_key(&json, "step");
    dp_json_unsigned(&json, 12);
    dp_json_key(&json, "losses");
    dp_json_begin_array(&json);
    dp_json_real(&json, 0.5);
    dp_json_real(&json, -2.0);
    dp_json_begin_array(&json);
    dp_json_end_array(&json);
    dp_json_begin_object(&json);
    dp_json_end_object(&json);
    dp_json_bool(&json, true);
    dp_json_end_array(&json);
    dp_json_key(&json, "done");
    dp_json_bool(&json, false);
    dp_json_end_object(&json);
    assert_string_equal(dp_text_string(&json),
                        "{\"step\":12,\"losses\":[0.5,-2,[],{},true],\"done\":false}");
    dp_text_clear(&json);
}

static void test_json_escapes_strings(void **state) {
    (void)state;
    dp_text json = {0};
    dp_json_begin_array(&json);
    dp_json_string(&json, "");
    dp_json_string(&json, "say \"hi\" \\ {[:,");
    dp_json_string(&json, "a\nb\tc\x01\x1f");
    dp_json_string(&json, "caf\xC3\xA9 \x7f");
    dp_json_end_array(&json);
    assert_string_equal(dp_text_string(&json),
                        "[\"\",\"say \\\"hi\\\" \\\\ {[:,\",\"a\\u000ab\\u0009c\\u0001\\u001f\","
                        "\"caf\xC3\xA9 \x7f\"]");
    dp_text_clear(&json);
}

static void test_json_escapes_keys(void **state) {
    (void)state;
    dp_text json = {0};
    dp_json_begin_object(&json);
    dp_json_key(&json, "a\"b");
    dp_json_string(&json, ":");
    dp_json_key(&json, "c");
    dp_json_string(&json, "d");
    dp_json_end_object(&json);
    assert_string_equal(dp_text_string(&json), "{\"a\\\"b\":\":\",\"c\":\"d\"}");
    dp_text_clear(&json);
}

static void test_json_writes_numbers_json_can_hold(void **state) {
    (void)state;
    dp_text json = {0};
    dp_json_begin_array(&json);
    dp_json_real(&json, 0.1);
    dp_json_real(&json, 1e-300);
    dp_json_real(&json, (double)NAN);
    dp_json_real(&json, (double)INFINITY);
    dp_json_unsigned(&json, UINT64_MAX);
    dp_json_end_array(&json);
    assert_string_equal(dp_text_string(&json), "[0.1,1e-300,null,null,18446744073709551615]");
    dp_text_clear(&json);
}

static const char sample[] =
    "{\"step\":12,\"a\":{\"step\":3,\"b\":[{\"}\":\"\\\"}\"},[]],\"real\":-2.5e3},"
    "\"splits\":{\"dev\":{\"loss\":2.5}},\"text\":\"7\",\"none\":null}\n";

static void test_json_finds_values_by_their_path(void **state) {
    (void)state;
    uint64_t whole = 0;
    double real = 0.0;
    const char *value = NULL;
    size_t length = 0;
    assert_true(dp_json_find_unsigned(sample, "step", &whole));
    expect_unsigned(whole, 12);
    assert_true(dp_json_find_unsigned(sample, "a.step", &whole));
    expect_unsigned(whole, 3);
    assert_true(dp_json_find_real(sample, "a.real", &real));
    expect_close(real, -2500.0, 0.0);
    assert_true(dp_json_find_real(sample, "splits.dev.loss", &real));
    expect_close(real, 2.5, 0.0);
    assert_true(dp_json_find(sample, "text", &value, &length));
    expect_unsigned(length, strlen("\"7\""));
    assert_memory_equal(value, "\"7\"", length);
    assert_true(dp_json_find(" { \"x\" : [ 1 , 2 ] } ", "x", &value, &length));
    expect_unsigned(length, strlen("[ 1 , 2 ]"));
}

static void test_json_finds_nothing_that_is_not_there(void **state) {
    (void)state;
    uint64_t whole = 0;
    double real = 0.0;
    static const char *const missing[] = {
        "",     "b", "st",   "steps", "a.b.step", "splits.dev.loss.x",
        "text", "a", "none", "dev",   "step.",    "splits.dev"};
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
        if (dp_json_find_real(sample, missing[i], &real))
            fail_msg("found %g at '%s'", real, missing[i]);
    }
    assert_false(dp_json_find_unsigned(sample, "splits.dev.loss", &whole));
}

/* Cut off anywhere, or damaged: an answer or none, but nothing beyond the end is looked at. */
static void test_json_survives_what_is_no_json(void **state) {
    (void)state;
    static const char *const broken[] = {"",
                                         "{",
                                         "[1]",
                                         "{\"a\"",
                                         "{\"a\":",
                                         "{x:1}",
                                         "{\"a\" 1}",
                                         "{\"b\":[1,,2],\"a\":1}",
                                         "{\"b\":{1},\"a\":1}",
                                         "{\"b\":\"\n\",\"a\":1}",
                                         "{\"b\":1 \"a\":1}"};
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        if (dp_json_find_unsigned(broken[i], "a", &value))
            fail_msg("found a value in '%s'", broken[i]);
    }
    for (size_t length = 0; length < strlen(sample); length++) {
        char *cut = malloc(length + 1); /* so that a sanitizer sees the end */
        assert_non_null(cut);
        memcpy(cut, sample, length);
        cut[length] = '\0';
        assert_false(dp_json_find_unsigned(cut, "nowhere", &value));
        free(cut);
    }
    char deep[200] = "{\"b\":";
    memset(deep + strlen(deep), '[', 100);
    assert_false(dp_json_find_unsigned(deep, "a", &value));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_puts_commas_between_values),
        cmocka_unit_test(test_json_escapes_strings),
        cmocka_unit_test(test_json_escapes_keys),
        cmocka_unit_test(test_json_writes_numbers_json_can_hold),
        cmocka_unit_test(test_json_finds_values_by_their_path),
        cmocka_unit_test(test_json_finds_nothing_that_is_not_there),
        cmocka_unit_test(test_json_survives_what_is_no_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
