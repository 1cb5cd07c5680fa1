/* The values were computed by CPython 3.11: random.seed(s), then the calls named in each test. */
#include "pack/python_random.h"
#include "support/expect.h"

static void test_python_random_bits_are_those_of_each_seed(void **state) {
    (void)state;
    static const struct {
        uint64_t seed;
        uint64_t first[4]; /* getrandbits(32) */
        uint64_t later;    /* the same after 1000 more: the state was refilled */
    } cases[] = {
        {0u, {3626764237u, 1654615998u, 3255389356u, 3823568514u}, 42796075u},
        {1u, {577090037u, 2444712010u, 3639700191u, 3445702192u}, 2269434816u},
        {42u, {2746317213u, 478163327u, 107420369u, 3184935163u}, 1692304102u},
        {4294967295u, {2728839433u, 2661025012u, 872737089u, 924893097u}, 309209550u},
        {4294967296u, {485306839u, 1508871100u, 1794561286u, 4014597330u}, 1112130916u},
        {4294979641u, {300482324u, 2900778473u, 1406932231u, 3633993317u}, 185107284u},
        {18446744073709551615u, {93740670u, 1068495656u, 1452108352u, 2657516307u}, 1762574173u},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dp_python_random random;
        dp_python_random_init(&random, cases[i].seed);
        for (int k = 0; k < 4; k++)
            expect_unsigned(dp_python_random_bits(&random, 32), cases[i].first[k]);
        for (int k = 0; k < 1000; k++)
            (void)dp_python_random_bits(&random, 32);
        expect_unsigned(dp_python_random_bits(&random, 32), cases[i].later);
    }
}

static void test_python_random_bits_of_every_width(void **state) {
    (void)state;
    static const struct {
        unsigned bits;
        uint64_t value; /* getrandbits(bits) one after another, seed 42 */
    } cases[] = {{1, 1},
                 {5, 3},
                 {31, 53710184},
                 {32, 3184935163u},
                 {33, 1181241943},
                 {40, 151282538206},
                 {63, 945351111358374057},
                 {64, 13662908291426823533u}};
    dp_python_random random;
    dp_python_random_init(&random, 42);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_unsigned(dp_python_random_bits(&random, cases[i].bits), cases[i].value);
}

static void test_python_random_below_any_bound(void **state) {
    (void)state;
    static const struct {
        uint64_t bound;
        uint64_t value; /* randrange(bound) one after another, seed 42 */
    } cases[] = {{1, 0},
                 {2, 0},
                 {3, 2},
                 {27, 8},
                 {1000, 250},
                 {2147483648u, 958682846},
                 {4294967295u, 599310825},
                 {4294967296u, 3163119785u},
                 {4294967297u, 1812140441},
                 {1000000000000000, 105488819735150},
                 {9223372036854775808u, 4291835990902352011},
                 {18446744073709551615u, 11105285438068160209u}};
    dp_python_random random;
    dp_python_random_init(&random, 42);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_unsigned(dp_python_random_below(&random, cases[i].bound), cases[i].value);
}

/* Shuffles 0, 1, ... and compares with Python's list, and the next 32 bits with Python's. */
static void expect_shuffle(uint64_t seed, size_t count, const uint64_t *wanted, uint64_t next) {
    uint64_t values[10];
    dp_python_random random;
    dp_python_random_init(&random, seed);
    for (size_t i = 0; i < count; i++)
        values[i] = i;
    dp_python_random_shuffle(&random, values, count);
    for (size_t i = 0; i < count; i++)
        expect_unsigned(values[i], wanted[i]);
    expect_unsigned(dp_python_random_bits(&random, 32), next);
}

static void test_python_random_shuffles_short_lists(void **state) {
    (void)state;
    expect_shuffle(0, 10, (uint64_t[]){7, 8, 1, 5, 3, 4, 2, 0, 9, 6}, 1537810351u);
    expect_shuffle(42, 10, (uint64_t[]){7, 3, 2, 8, 5, 6, 9, 4, 0, 1}, 2536146025u);
    expect_shuffle(4294979641u, 10, (uint64_t[]){2, 8, 0, 3, 9, 7, 4, 6, 5, 1}, 236034855u);
    expect_shuffle(18446744073709551615u, 10, (uint64_t[]){2, 6, 7, 9, 8, 1, 4, 5, 3, 0},
                   3165929296u);
    expect_shuffle(42, 0, NULL, 2746317213u);
    expect_shuffle(42, 1, (uint64_t[]){0}, 2746317213u);
    expect_shuffle(42, 2, (uint64_t[]){1, 0}, 107420369u);
    expect_shuffle(42, 3, (uint64_t[]){1, 0, 2}, 107420369u);
}

/* Many batches, and bounds across powers of two. The list is compared by a polynomial over its
 * values, modulo 2^64. */
static void test_python_random_shuffles_a_long_list(void **state) {
    (void)state;
    enum { COUNT = 100003 };
    static uint64_t values[COUNT];
    dp_python_random random;
    dp_python_random_init(&random, 42);
    for (size_t i = 0; i < COUNT; i++)
        values[i] = i;
    dp_python_random_shuffle(&random, values, COUNT);
    uint64_t sum = 0;
    for (size_t i = 0; i < COUNT; i++)
        sum = sum * 1000003u + values[i];
    expect_unsigned(values[0], 75845);
    expect_unsigned(values[COUNT - 1], 83810);
    expect_unsigned(sum, 5884100315436322493u);
    expect_unsigned(dp_python_random_bits(&random, 32), 372087520u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_python_random_bits_are_those_of_each_seed),
        cmocka_unit_test(test_python_random_bits_of_every_width),
        cmocka_unit_test(test_python_random_below_any_bound),
        cmocka_unit_test(test_python_random_shuffles_short_lists),
        cmocka_unit_test(test_python_random_shuffles_a_long_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
