#include "formats/json.h"
#include "support/expect.h"

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
    dp_json_string(&json, "a\xFF\xC2\x9B\xE2\x80\xAE\xC3");
    dp_json_end_array(&json);
    assert_string_equal(dp_text_string(&json),
                        "[\"\",\"say \\\"hi\\\" \\\\ {[:,\",\"a\\u000ab\\u0009c\\u0001\\u001f\","
                        "\"caf\xC3\xA9 \\u007f\",\"a\\ufffd\\u009b\\u202e\\ufffd\"]");
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_puts_commas_between_values),
        cmocka_unit_test(test_json_escapes_strings),
        cmocka_unit_test(test_json_escapes_keys),
        cmocka_unit_test(test_json_writes_numbers_json_can_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
