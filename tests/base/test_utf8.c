#include "base/utf8.h"
#include "support/expect.h"

#include <stdbool.h>

static bool is_code_point(uint32_t value) {
    return value < DP_UTF8_LIMIT && (value < 0xD800u || value > 0xDFFFu);
}

static void test_utf8_round_trips_every_code_point(void **state) {
    (void)state;
    uint32_t count = 0;
    for (uint32_t value = 0; value < DP_UTF8_LIMIT; value++) {
        if (!is_code_point(value))
            continue;
        char buffer[DP_UTF8_MAX_BYTES + 1];
        uint32_t decoded = UINT32_MAX;
        size_t length = dp_utf8_encode(value, buffer);
        size_t wanted = value < 0x80u ? 1 : value < 0x800u ? 2 : value < 0x10000u ? 3 : 4;
        size_t taken = dp_utf8_decode((const unsigned char *)buffer, length, &decoded);
        if (length != wanted || taken != length || decoded != value || buffer[length] != '\0')
            fail_msg("U+%04" PRIX32 ": %zu bytes (not %zu) decode as %zu bytes of U+%04" PRIX32,
                     value, length, wanted, taken, decoded);
        count++;
    }
    expect_unsigned(count, 0x110000u - 0x800u);
}

static void test_utf8_decodes_known_forms(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        uint32_t code_point;
    } cases[] = {
        {"a", 'a'}, {"\xC3\xA9", 0xE9}, {"\xE2\x82\xAC", 0x20AC}, {"\xF0\x9F\x98\x80", 0x1F600}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t decoded = 0;
        expect_unsigned(
            dp_utf8_decode((const unsigned char *)cases[i].bytes, strlen(cases[i].bytes), &decoded),
            strlen(cases[i].bytes));
        expect_hex(decoded, cases[i].code_point);
    }
}

static void test_utf8_looks_at_one_code_point_only(void **state) {
    (void)state;
    uint32_t decoded = 0;
    expect_unsigned(dp_utf8_decode((const unsigned char *)"a\xFF", 2, &decoded), 1);
    expect_unsigned(decoded, 'a');
}

static void test_utf8_refuses_invalid_forms(void **state) {
    (void)state;
    static const char *const bad[] = {
        "\x80",             /* continuation without a lead */
        "\xBF\xBF",         /* the same */
        "\xC0\x80",         /* overlong U+0000 */
        "\xC1\xBF",         /* overlong U+007F */
        "\xE0\x9F\xBF",     /* overlong U+07FF */
        "\xF0\x8F\xBF\xBF", /* overlong U+FFFF */
        "\xED\xA0\x80",     /* surrogate U+D800 */
        "\xED\xBF\xBF",     /* surrogate U+DFFF */
        "\xF4\x90\x80\x80", /* U+110000 */
        "\xF5\x80\x80\x80", /* leads that no code point has */
        "\xF8\x88\x80\x80\x80",
        "\xFE",
        "\xFF",
        "\xC3(",        /* second byte is no continuation */
        "\xE2\x82(",    /* third byte */
        "\xF0\x9F\x98(" /* fourth byte */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t decoded = 0;
        size_t taken = dp_utf8_decode((const unsigned char *)bad[i], strlen(bad[i]), &decoded);
        if (taken != 0)
            fail_msg("form %zu: %zu bytes taken for U+%04" PRIX32 ", not 0", i, taken, decoded);
    }
}

static void test_utf8_refuses_what_is_cut_off(void **state) {
    (void)state;
    static const char *const whole[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        for (size_t available = 0; available < strlen(whole[i]); available++) {
            uint32_t decoded = 0;
            expect_unsigned(dp_utf8_decode((const unsigned char *)whole[i], available, &decoded),
                            0);
        }
    }
}

/* All sequences of three bytes: whatever is accepted encodes to the same bytes again. */
static void test_utf8_accepts_only_what_it_would_write(void **state) {
    (void)state;
    for (uint32_t word = 0; word < 0x1000000u; word += 1 + word % 3) {
        const unsigned char bytes[3] = {(unsigned char)(word >> 16), (unsigned char)(word >> 8),
                                        (unsigned char)word};
        char again[DP_UTF8_MAX_BYTES + 1];
        uint32_t decoded = 0;
        size_t taken = dp_utf8_decode(bytes, 3, &decoded);
        if (taken != 0 && (!is_code_point(decoded) || dp_utf8_encode(decoded, again) != taken ||
                           memcmp(again, bytes, taken) != 0))
            fail_msg("%06" PRIX32 " was taken for U+%04" PRIX32, word, decoded);
    }
}

static void test_utf8_shows_a_replacement_for_what_has_no_sign(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t length;
        uint32_t shown;
    } cases[] = {{"", 0, 1},
                 {"ab", 1, 'a'},
                 {"\xC3\xA9x", 2, 0xE9},
                 {"\xC2\xA0", 2, 0xA0},
                 {"\n", 1, DP_UTF8_REPLACEMENT},
                 {"\x7F", 1, DP_UTF8_REPLACEMENT},
                 {"\xC2\x9F", 2, DP_UTF8_REPLACEMENT},
                 {"\xC3(", 1, DP_UTF8_REPLACEMENT},
                 {"\xE2\x82", 1, DP_UTF8_REPLACEMENT},
                 {"\xFF", 1, DP_UTF8_REPLACEMENT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t shown = 1;
        expect_unsigned(dp_utf8_next_shown(cases[i].text, &shown), cases[i].length);
        if (cases[i].length > 0)
            expect_hex(shown, cases[i].shown);
    }
}

static void test_utf8_valid_bytes_end_at_the_first_bad_one(void **state) {
    (void)state;
    expect_unsigned(dp_utf8_valid_bytes("", 0), 0);
    expect_unsigned(dp_utf8_valid_bytes("a\xC3\xA9z", 4), 4);
    expect_unsigned(dp_utf8_valid_bytes("a\xC3\xA9\xFFz", 5), 3);
    expect_unsigned(dp_utf8_valid_bytes("a\xC3", 2), 1); /* cut off */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_valid_bytes_end_at_the_first_bad_one),
        cmocka_unit_test(test_utf8_round_trips_every_code_point),
        cmocka_unit_test(test_utf8_decodes_known_forms),
        cmocka_unit_test(test_utf8_looks_at_one_code_point_only),
        cmocka_unit_test(test_utf8_refuses_invalid_forms),
        cmocka_unit_test(test_utf8_refuses_what_is_cut_off),
        cmocka_unit_test(test_utf8_accepts_only_what_it_would_write),
        cmocka_unit_test(test_utf8_shows_a_replacement_for_what_has_no_sign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
