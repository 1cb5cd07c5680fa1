#include "support/expect.h"
#include "words/piece.h"

/* The word as a piece: its bytes and its length are the word's again, in one form alone. */
static void expect_short(const char *word, bool are_letters) {
    uint64_t bytes[2] = {0}, back[2] = {0};
    const size_t length = strlen(word);
    memcpy(bytes, word, length);
    const uint64_t piece = length <= DP_PIECE_ASCII_MAX
                               ? dp_piece_short(bytes[0], length)
                               : dp_piece_letters(bytes[0], bytes[1], length);
    if (!dp_piece_is_short(piece) || dp_piece_is_letters(piece) != are_letters)
        fail_msg("'%s' is piece %016" PRIx64, word, piece);
    dp_piece_bytes(piece, back);
    if (memcmp(back, bytes, sizeof back) != 0)
        fail_msg("'%s' has become '%.16s'", word, (const char *)back);
    expect_unsigned(dp_piece_length(piece), length);
}

static void test_piece_holds_short_words_of_any_ascii(void **state) {
    (void)state;
    expect_short("a", false);
    expect_short("Zz", false);
    expect_short("\x01~ \x7f@`{", false);
    expect_short("O'Neil-X", false);
    expect_short("zzzzzzzz", false);
}

static void test_piece_holds_longer_words_of_letters(void **state) {
    (void)state;
    expect_short("christian", true);
    expect_short("maximilian", true);
    expect_short("Alexandrina", true);
    expect_short("konstantinos", true);
    expect_short("Konstantinos", true);
    expect_short("zzzzzzzzzzzz", true);
    expect_short("aaaaaaaaa", true);
    expect_short("Aaaaaaaaaaaa", true);
}

/* Each place of a word of letters with each byte: it stands there, or the word has no such form. */
static void test_piece_refuses_what_are_no_letters(void **state) {
    (void)state;
    for (size_t length = DP_PIECE_ASCII_MAX + 1; length <= DP_PIECE_LETTERS_MAX; length++) {
        for (size_t place = 0; place < length; place++) {
            for (unsigned byte = 1; byte < 256; byte++) {
                unsigned char word[16] = "abcdefghijkl";
                uint64_t bytes[2], back[2];
                memset(word + length, 0, sizeof word - length);
                word[place] = (unsigned char)byte;
                memcpy(bytes, word, sizeof bytes);
                const uint64_t piece = dp_piece_letters(bytes[0], bytes[1], length);
                const bool holds =
                    (byte > '`' && byte < 0x80) || (place == 0 && byte > '@' && byte < '`');
                if (holds != (piece != 0))
                    fail_msg("byte %u at %zu of %zu: %016" PRIx64, byte, place, length, piece);
                if (!holds)
                    continue;
                dp_piece_bytes(piece, back);
                assert_memory_equal(back, bytes, sizeof back);
                expect_unsigned(dp_piece_length(piece), length);
            }
        }
    }
}

static void test_piece_holds_places(void **state) {
    (void)state;
    const uint64_t piece = dp_piece_long(DP_PIECE_PLACE_LIMIT - 1, DP_PIECE_LENGTH_LIMIT - 1);
    assert_false(dp_piece_is_short(piece));
    expect_unsigned(dp_piece_place(piece), DP_PIECE_PLACE_LIMIT - 1);
    expect_unsigned(dp_piece_length(piece), DP_PIECE_LENGTH_LIMIT - 1);
    expect_unsigned(dp_piece_length(dp_piece_long(0, 0)), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_piece_holds_short_words_of_any_ascii),
        cmocka_unit_test(test_piece_holds_longer_words_of_letters),
        cmocka_unit_test(test_piece_refuses_what_are_no_letters),
        cmocka_unit_test(test_piece_holds_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
