/* The ways that are chosen, against what bench/ways.py has measured of all of them. Nothing is
 * timed here. */
#include "model/ways.h"

#include "support/expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOWER_MOST 1.10

enum { SHAPES_MAX = 200, WAYS = 5 };

static const char *const names[WAYS] = {"split", "rows", "forward", "pairs", "contexts"};

/* A line of the table. */
typedef struct measured {
    dp_ways_work work;
    char line[160];
    double us[WAYS]; /* 0: there is no such way */
} measured;

static measured table[SHAPES_MAX];
static size_t shapes;

static void read_line(measured *to, const char *line) {
    dp_ways_work *work = &to->work;
    dp_model_shape *shape = &work->shape;
    char optimizer[16], us[WAYS][16];
    double dropout = 0.0;
    snprintf(to->line, sizeof to->line, "%.*s", (int)strcspn(line, "\n"), line);
    assert_int_equal(sscanf(line, "%zu %zu %zu %zu %zu %zu %15s %lf %15s %15s %15s %15s %15s",
                            &shape->vocab, &shape->block_size, &shape->embedding_dim,
                            &shape->hidden_dim, &work->rows, &work->grains, optimizer, &dropout,
                            us[0], us[1], us[2], us[3], us[4]),
                     13);
    for (int way = 0; way < WAYS; way++)
        to->us[way] = strcmp(us[way], "-") == 0 ? 0.0 : strtod(us[way], NULL);
    work->updates_apart = strcmp(optimizer, "sgd") != 0;
    work->drops_hidden = dropout > 0.0;
}

static int read_table(void **state) {
    (void)state;
    char line[256];
    FILE *file = fopen(DP_TESTS_DIR "/model/ways_measured.txt", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#')
            continue;
        assert_in_range(shapes, 0, SHAPES_MAX - 1);
        read_line(&table[shapes++], line);
    }
    fclose(file);
    assert_in_range(shapes, 50, SHAPES_MAX);
    return 0;
}

static int chosen(const dp_ways_work *work) {
    const dp_ways ways = dp_ways_choose(work);
    return ways.split ? 0 : (int)ways.layer1;
}

/* How much slower a way is than the fastest. */
static double slowness(const measured *of, int way) {
    double least = of->us[0];
    for (int i = 0; i < WAYS; i++)
        least = of->us[i] > 0.0 && of->us[i] < least ? of->us[i] : least;
    return of->us[way] / least;
}

static void test_ways_are_the_fastest_within_a_tenth(void **state) {
    (void)state;
    size_t slow = 0;
    for (const measured *each = table; each < table + shapes; each++) {
        const int way = chosen(&each->work);
        if (each->us[way] > 0.0 && slowness(each, way) <= SLOWER_MOST)
            continue;
        print_error("%s: %s is chosen, %.2f times the fastest\n", each->line, names[way],
                    slowness(each, way));
        slow++;
    }
    expect_unsigned(slow, 0);
}

/* The table asks for a choice: no way is good for all shapes, nor is any but those of layer 1 that
 * lie between the others. */
static void test_ways_are_all_needed(void **state) {
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        size_t slow = 0, best = 0;
        for (const measured *each = table; each < table + shapes; each++) {
            slow += each->us[way] == 0.0 || slowness(each, way) > SLOWER_MOST;
            best += chosen(&each->work) == way;
        }
        assert_in_range(slow, 5, shapes);
        if (best == 0)
            fail_msg("%s is never chosen", names[way]);
    }
}

/* What cannot be shared is not, whatever it would save. */
static void test_ways_of_layer1_are_those_there_are(void **state) {
    (void)state;
    const dp_ways_work work = {
        .shape = {.vocab = 27, .block_size = 3, .embedding_dim = 10, .hidden_dim = 200},
        .rows = 1024,
        .grains = 8};
    dp_ways_work other = work;
    expect_unsigned(dp_ways_choose(&work).layer1, DP_LAYER1_BY_CONTEXTS);
    other.drops_hidden = true;
    expect_unsigned(dp_ways_choose(&other).layer1, DP_LAYER1_BY_PAIRS);
    other.forward_only = true;
    expect_unsigned(dp_ways_choose(&other).layer1, DP_LAYER1_FORWARD_BY_PAIRS);
    other.drops_features = true;
    expect_unsigned(dp_ways_choose(&other).layer1, DP_LAYER1_BY_ROWS);
    other = work;
    other.shape.direct = true;
    expect_unsigned(dp_ways_choose(&other).layer1, DP_LAYER1_BY_ROWS);
    other.shape.hidden_dim = 0;
    expect_unsigned(dp_ways_choose(&other).layer1, DP_LAYER1_BY_ROWS);
}

/* Large ones of what is usual, and the least there can be. */
static void test_ways_are_chosen_for_any_shape(void **state) {
    (void)state;
    dp_ways_work work = {
        .shape = {.vocab = 17906, .block_size = 4, .embedding_dim = 30, .hidden_dim = 100},
        .rows = 256,
        .grains = 8,
        .updates_apart = true};
    assert_true(dp_ways_choose(&work).split);
    work.shape.direct = true;
    work.shape.hidden_dim = 0;
    assert_true(dp_ways_choose(&work).split);
    work =
        (dp_ways_work){.shape = {.vocab = 1, .block_size = 1, .embedding_dim = 1, .hidden_dim = 1},
                       .rows = 1,
                       .grains = 1};
    assert_false(dp_ways_choose(&work).split);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ways_are_the_fastest_within_a_tenth),
        cmocka_unit_test(test_ways_are_all_needed),
        cmocka_unit_test(test_ways_of_layer1_are_those_there_are),
        cmocka_unit_test(test_ways_are_chosen_for_any_shape),
    };
    return cmocka_run_group_tests(tests, read_table, NULL);
}
