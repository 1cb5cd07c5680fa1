#include "formats/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char JSON[] =
    "{\"step\" : 200000,\n \"weights\":\"xxh3:00ff\", \"list\":[1,{\"step\":3}],"
    "\"splits\":{\"train\":{\"loss\":null},\"dev\":{\"loss\":2.125e0,"
    "\"tag.s\":\"a\\\"b\"}},\"last\":-1}";

static void test_json_reader_finds_values_by_their_place(void **state) {
    double loss = 0.0, last = 0.0;
    uint64_t step = 0;
    char weights[16];
    (void)state;
    assert_true(dp_json_read_unsigned(JSON, "step", &step));
    assert_int_equal(step, 200000);
    assert_true(dp_json_read_real(JSON, "splits.dev.loss", &loss));
    assert_true(loss == 2.125);
    assert_true(dp_json_read_real(JSON, "last", &last));
    assert_true(last == -1.0);
    assert_true(dp_json_read_string(JSON, "weights", weights, sizeof weights));
    assert_string_equal(weights, "xxh3:00ff");
}

static void test_json_reader_leaves_alone_what_is_not_there(void **state) {
    double value = 7.0;
    char small[9] = "before";
    (void)state;
    assert_false(dp_json_read_real(JSON, "loss", &value));
    assert_false(dp_json_read_real(JSON, "splits.dev", &value));
    assert_false(dp_json_read_real(JSON, "splits.train.loss", &value));
    assert_false(dp_json_read_real(JSON, "splits.dev.loss.more", &value));
    assert_false(dp_json_read_real(JSON, "weights", &value));
    assert_false(dp_json_read_real(JSON, "", &value));
    assert_false(dp_json_read_string(JSON, "weights", small, sizeof small));
    assert_true(value == 7.0);
    assert_string_equal(small, "before");
}

/* Every beginning of the text: the last value is only found in the whole. */
static void test_json_reader_survives_texts_that_are_cut(void **state) {
    char cut[sizeof JSON];
    double value = 0.0;
    (void)state;
    for (size_t length = 0; length + 1 < sizeof JSON; length++) {
        memcpy(cut, JSON, length);
        cut[length] = '\0';
        assert_false(dp_json_read_real(cut, "none", &value));
        assert_int_equal(dp_json_read_real(cut, "last", &value), length + 2 >= sizeof JSON);
    }
}

static void test_json_reader_stops_at_deep_nesting(void **state) {
    char deep[2000];
    double value = 0.0;
    (void)state;
    memset(deep, '[', sizeof deep);
    memcpy(deep, "{\"a\":", 5);
    deep[sizeof deep - 1] = '\0';
    assert_false(dp_json_read_real(deep, "b", &value));
}

static void test_json_reader_reads_what_json_wrote(void **state) {
    dp_text json = {0};
    double value = 0.0;
    (void)state;
    dp_json_begin_object(&json);
    dp_json_key(&json, "a \"quoted\" key");
    dp_json_string(&json, "with } and \\");
    dp_json_key(&json, "third");
    dp_json_real(&json, 1.0 / 3.0);
    dp_json_end_object(&json);
    assert_true(dp_json_read_real(dp_text_string(&json), "third", &value));
    assert_true(value == 1.0 / 3.0);
    dp_text_clear(&json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_reader_finds_values_by_their_place),
        cmocka_unit_test(test_json_reader_leaves_alone_what_is_not_there),
        cmocka_unit_test(test_json_reader_survives_texts_that_are_cut),
        cmocka_unit_test(test_json_reader_stops_at_deep_nesting),
        cmocka_unit_test(test_json_reader_reads_what_json_wrote),
    };
    return cmocka_run_group_tests_name("json_reader", tests, NULL, NULL);
}
