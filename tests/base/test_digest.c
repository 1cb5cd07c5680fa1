#include "base/digest.h"
#include "support/expect.h"

static void test_digest_xxh3_gives_published_values(void **state) {
    (void)state;
    expect_hex(dp_xxh3_of("", 0), 0x2d06800538d394c2u);
    expect_hex(dp_xxh3_of("a", 1), 0xe6c632b61e964e1fu);
    expect_hex(dp_xxh3_of("abc", 3), 0x78af5f94892f3950u);
}

static void test_digest_xxh3_does_not_see_the_cuts(void **state) {
    (void)state;
    unsigned char bytes[1000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 13);
    for (size_t piece = 1; piece < 400; piece = piece * 2 + 1) {
        dp_xxh3 hash;
        dp_xxh3_init(&hash);
        for (size_t at = 0; at < sizeof bytes; at += piece)
            dp_xxh3_update(&hash, bytes + at,
                           sizeof bytes - at < piece ? sizeof bytes - at : piece);
        expect_hex(dp_xxh3_digest(&hash), dp_xxh3_of(bytes, sizeof bytes));
    }
}

static void test_digest_formats_hashes(void **state) {
    (void)state;
    char buffer[DP_HASH_TEXT_SIZE];
    assert_string_equal(dp_hash_format(0xabcu, buffer), "xxh3:0000000000000abc");
    assert_string_equal(dp_hash_format(UINT64_MAX, buffer), "xxh3:ffffffffffffffff");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest_xxh3_gives_published_values),
        cmocka_unit_test(test_digest_xxh3_does_not_see_the_cuts),
        cmocka_unit_test(test_digest_formats_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
