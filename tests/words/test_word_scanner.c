#include "words/word_scanner.h"

#include "base/memory.h"
#include "data/unicode.h"
#include "support/expect.h"
#include "words/word_table.h"

/* Reads a text to its end, in lower case if so asked: words joined by '|', ends of lines as '$'. */
static dp_status scan(const char *bytes, size_t size, bool lowercase, dp_text *out,
                      dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text folded = {0};
    dp_word_rules rules = {0};
    dp_word_scanner scanner;
    DP_OWNED(dp_memory_release) dp_word_batch *batch = NULL;
    /* Exactly as large as the text, so that memory checkers see a step too far. */
    DP_OWNED(dp_memory_release) unsigned char *copy = NULL;
    dp_unicode_fold((dp_folding){.lowercase = lowercase}, bytes, size, &folded);
    DP_TRY_NEW(batch, 1);
    DP_TRY_NEW(copy, folded.length);
    memcpy(copy, dp_text_string(&folded), folded.length);
    const dp_file_map map = {.data = copy, .size = folded.length};
    DP_TRY(dp_word_rules_init(&rules, "<s>", error));
    dp_word_scanner_init(&scanner, &rules, &map);
    do {
        if (dp_word_scanner_read(&scanner, batch, error) != DP_OK)
            return dp_fail_prefix(error, "text:%" PRIu64, scanner.line);
        for (size_t i = 0; i < batch->count; i++) {
            const dp_word *word = &batch->words[i];
            dp_text_append_bytes(out, word->text, word->length);
            dp_text_append(out, word->length == 0 ? "$" : "|");
            if (word->length > 0)
                expect_unsigned(word->hash, dp_word_hash(word->text, word->length));
        }
    } while (batch->count > 0);
    return DP_OK;
}

static void expect_words(const char *text, bool lowercase, const char *expected) {
    dp_error error = {0};
    dp_text words = {0};
    expect_ok(scan(text, strlen(text), lowercase, &words, &error), &error);
    assert_string_equal(dp_text_string(&words), expected);
    dp_text_clear(&words);
}

static void expect_refused(const char *text, size_t size, const char *part) {
    dp_error error = {0};
    dp_text words = {0};
    expect_failure(scan(text, size, false, &words, &error), DP_ERR_INPUT, part, &error);
    dp_text_clear(&words);
}

static void test_word_scanner_finds_words_between_blanks(void **state) {
    (void)state;
    expect_words("", false, "");
    expect_words("\n\n \n", false, "");
    expect_words("a", false, "a|$");
    expect_words("a\n", false, "a|$");
    expect_words(" a\tlong-word\v\f b \r\n\n\nc", false, "a|long-word|b|$c|$");
    expect_words("\xEF\xBB\xBF"
                 "a \xEF\xBB\xBF",
                 false, "a|\xEF\xBB\xBF|$"); /* a mark at the beginning only */
    expect_words("a\u00a0b \u3000", false, "a\u00a0b|\u3000|$");
    expect_words("eightby7 eightby nine-byte sixteen-bytes-16 and-seventeen-17", false,
                 "eightby7|eightby|nine-byte|sixteen-bytes-16|and-seventeen-17|$");
}

static void test_word_scanner_lowers_capitals(void **state) {
    (void)state;
    expect_words("The CAT'S a-Z @[`{ \n", true, "the|cat's|a-z|@[`{|$");
    expect_words("\u00c4\u00d6 \u00df \u03a3\u039f \u0416", true,
                 "\u00e4\u00f6|\u00df|\u03c3\u03bf|\u0436|$");
    expect_words("\u023a\u023a\u023a", true, "\u2c65\u2c65\u2c65|$"); /* which takes more bytes */
    expect_words("\u212a", true, "k|$");                              /* which takes fewer */
    expect_words("The \u00c4", false, "The|\u00c4|$");
}

/* Texts larger than a batch, in words and in bytes of lowered words. */
static void test_word_scanner_goes_on_over_batches(void **state) {
    (void)state;
    dp_error error = {0};
    for (size_t length = 1; length <= DP_WORD_BYTES_MAX; length *= 4) {
        dp_text text = {0}, expected = {0}, words = {0};
        for (size_t i = 0; i < 3 * DP_WORD_BATCH; i++) {
            for (size_t k = 0; k < length; k++) {
                dp_text_append(&text, "X");
                dp_text_append(&expected, "x");
            }
            dp_text_append(&text, i % 5 == 4 ? "\n" : " ");
            dp_text_append(&expected, i % 5 == 4 ? "|$" : "|");
        }
        dp_text_append(&expected, "$");
        expect_ok(scan(dp_text_string(&text), text.length, true, &words, &error), &error);
        assert_int_equal(strcmp(dp_text_string(&words), dp_text_string(&expected)), 0);
        dp_text_clear(&text);
        dp_text_clear(&expected);
        dp_text_clear(&words);
    }
}

static void test_word_scanner_names_what_cannot_be_packed(void **state) {
    (void)state;
    expect_refused("ab\ncd \xC3(", 8, "text:2: byte 0xc3 at offset 6 is not valid UTF-8");
    expect_refused("\xC3\xA9\xC3", 3, "text:1: byte 0xc3 at offset 2");
    expect_refused("\xC3 \xA9", 4, "text:1: byte 0xc3 at offset 0"); /* a blank inside */
    expect_refused("abcdefgh\xFF", 9, "byte 0xff at offset 8");
    expect_refused("a\0", 2, "text:1: a zero byte");
    expect_refused("\n\n<s>", 5, "text:3: the boundary '<s>' is a word");
    dp_error error = {0};
    dp_text words = {0}, text = {0};
    for (size_t i = 0; i < DP_WORD_BYTES_MAX; i++)
        dp_text_append(&text, "y");
    expect_ok(scan(dp_text_string(&text), text.length, false, &words, &error), &error);
    dp_text_append(&text, "y");
    expect_refused(dp_text_string(&text), text.length, "text:1: a word of 4097 bytes; at most");
    dp_text_clear(&words);
    dp_text_clear(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_word_scanner_finds_words_between_blanks),
        cmocka_unit_test(test_word_scanner_lowers_capitals),
        cmocka_unit_test(test_word_scanner_goes_on_over_batches),
        cmocka_unit_test(test_word_scanner_names_what_cannot_be_packed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
