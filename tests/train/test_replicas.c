/* The odd one among the ranks' weights is named, wherever it is. */
#include "train/replicas.h"

#include "support/expect.h"

/* What each rank says of these hashes: "" or a part of its message. */
static void expect_judged(const uint64_t *hashes, size_t ranks, const char *const *parts) {
    for (size_t rank = 0; rank < ranks; rank++) {
        dp_error error = {0};
        if (parts[rank][0] == '\0')
            expect_ok(dp_replicas_judge(hashes, ranks, rank, "node7", 40, &error), &error);
        else
            expect_failure(dp_replicas_judge(hashes, ranks, rank, "node7", 40, &error),
                           DP_ERR_REPLICA, parts[rank], &error);
    }
}

static void test_replicas_that_are_equal(void **state) {
    (void)state;
    expect_judged((const uint64_t[]){7, 7, 7}, 3, (const char *const[]){"", "", ""});
    expect_judged((const uint64_t[]){7}, 1, (const char *const[]){""});
}

static void test_replicas_blame_the_odd_one(void **state) {
    (void)state;
    static const char first[] = "rank 0 on node7 holds other weights than most ranks at step 40 "
                                "(0000000000000008, rank 1 has 0000000000000007)";
    expect_judged((const uint64_t[]){8, 7, 7}, 3, (const char *const[]){first, "", ""});
    expect_judged((const uint64_t[]){7, 7, 8}, 3, (const char *const[]){"", "", "rank 2 on node7"});
    expect_judged((const uint64_t[]){8, 7, 9, 7, 7}, 5,
                  (const char *const[]){"rank 0 on node7", "", "rank 2 on node7", "", ""});
}

static void test_replicas_without_a_majority_blame_none(void **state) {
    (void)state;
    static const char both[] = "ranks 0 and 1 hold different weights at step 40 (0000000000000008, "
                               "0000000000000007), and no majority";
    static const char halves[] = "ranks 0 and 2 hold different weights";
    expect_judged((const uint64_t[]){8, 7}, 2, (const char *const[]){both, both});
    expect_judged((const uint64_t[]){8, 7, 9}, 3, (const char *const[]){both, both, both});
    expect_judged((const uint64_t[]){8, 8, 7, 7}, 4,
                  (const char *const[]){halves, halves, halves, halves});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replicas_that_are_equal),
        cmocka_unit_test(test_replicas_blame_the_odd_one),
        cmocka_unit_test(test_replicas_without_a_majority_blame_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
