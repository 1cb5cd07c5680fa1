#include "base/digest.h"
#include "base/sha256.h"
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

/* FIPS 180-4's examples. */
static void test_digest_sha256_gives_published_values(void **state) {
    (void)state;
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char hex[DP_SHA256_TEXT_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dp_sha256_of(cases[i].text, strlen(cases[i].text), hex);
        assert_string_equal(hex, cases[i].hex);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest_xxh3_gives_published_values),
        cmocka_unit_test(test_digest_xxh3_does_not_see_the_cuts),
        cmocka_unit_test(test_digest_formats_hashes),
        cmocka_unit_test(test_digest_sha256_gives_published_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
