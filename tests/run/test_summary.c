#include "run/summary.h"

#include "support/expect.h"

static void test_summary_of_splits_is_a_table(void **state) {
    (void)state;
    const dp_evaluation evaluations[DP_SPLIT_COUNT] = {
        [DP_SPLIT_TRAIN] = {.loss = 2.25, .perplexity = 9.4877, .count = 8460},
        [DP_SPLIT_TEST] = {.loss = 15.0, .perplexity = 3269017.37, .count = 1057}};
    dp_facts facts = {0};
    dp_text out = {0};
    dp_summary_add_splits(&facts, 1u << DP_SPLIT_TRAIN | 1u << DP_SPLIT_TEST, evaluations);
    dp_facts_to_text(&facts, DP_SUMMARY_SPLITS, &out);
    assert_string_equal(dp_text_string(&out), "      split      loss  perplexity           rows\n"
                                              "      train    2.2500      9.4877          8,460\n"
                                              "       test   15.0000    3.27e+06          1,057\n");
    dp_text_clear(&out);
    dp_facts_clear(&facts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_summary_of_splits_is_a_table),
    };
    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
