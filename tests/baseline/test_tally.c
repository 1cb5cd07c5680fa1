#include "baseline/tally.h"

#include "support/expect.h"

#define KEYS 5000

/* Ids next to each other, in both halves of the key. */
static uint64_t key_of(uint64_t i) {
    return (i % 71) << 32 | i / 71;
}

static void test_tally_counts_each_key(void **state) {
    (void)state;
    dp_error error = {0};
    dp_tally tally = {0};
    uint32_t number;
    for (uint64_t turn = 0; turn < 3; turn++) {
        for (uint64_t i = 0; i < KEYS; i++) {
            if (i % (turn + 1) != 0)
                continue;
            expect_ok(dp_tally_add(&tally, key_of(i), 1, &number, &error), &error);
            expect_unsigned(number, i);
        }
    }
    expect_unsigned(tally.count, KEYS);
    for (uint64_t i = 0; i < KEYS; i++) {
        const uint64_t wanted = 1 + (uint64_t)(i % 2 == 0) + (uint64_t)(i % 3 == 0);
        expect_unsigned(dp_tally_count(&tally, key_of(i)), wanted);
        expect_unsigned(dp_tally_find(&tally, key_of(i)), i);
    }
    dp_tally_clear(&tally);
}

static void test_tally_knows_what_it_has_not_counted(void **state) {
    (void)state;
    dp_error error = {0};
    dp_tally tally = {0};
    uint32_t number;
    expect_unsigned(dp_tally_count(&tally, 0), 0);
    expect_unsigned(dp_tally_find(&tally, 0), DP_TALLY_NONE);
    expect_ok(dp_tally_add(&tally, 1, 1, &number, &error), &error);
    expect_unsigned(dp_tally_count(&tally, 0), 0);
    expect_unsigned(dp_tally_count(&tally, (uint64_t)1 << 32), 0);
    expect_unsigned(dp_tally_count(&tally, UINT64_MAX), 0);
    expect_unsigned(dp_tally_count(&tally, 1), 1);
    dp_tally_clear(&tally);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tally_counts_each_key),
        cmocka_unit_test(test_tally_knows_what_it_has_not_counted),
    };
    return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
