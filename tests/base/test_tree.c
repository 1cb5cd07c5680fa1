/* All ranks of a job in one process: their plans are carried out step by step, messages and all,
 * and must give the bits that one rank gives. */
#include "base/tree.h"

#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { LEAVES_MAX = 41, LENGTH = 3, LEVELS_MAX = 8 };

/* Magnitudes far apart, so that another order of summation gives other bits. */
static void leaf_value(void *context, size_t leaf, float *sum) {
    (void)context;
    for (size_t i = 0; i < LENGTH; i++) {
        double normal = dp_random_normal(1, DP_STREAM_INIT, leaf, i);
        sum[i] = (float)(normal * (double)(1u << dp_random_below(1, DP_STREAM_INIT, leaf, 9, 24)));
    }
}

static void single_leaf(void *context, dp_tree_range node, float *sum) {
    assert_int_equal(node.end - node.first, 1);
    leaf_value(context, node.first, sum);
}

static void sum_of_one_rank(size_t leaves, float sum[LENGTH]) {
    float scratch[LEVELS_MAX * LENGTH];
    dp_tree_range all = {.first = 0, .end = leaves};
    dp_tree_sum_block(all, 1, single_leaf, NULL, LENGTH, sum, scratch, LENGTH);
}

/* The same, written down from the definition of the nodes. */
static float sum_of_node(size_t leaves, size_t level, size_t index, size_t element) {
    size_t width = (size_t)1 << level, first = index * width;
    if (level == 0) {
        float values[LENGTH];
        leaf_value(NULL, first, values);
        return values[element];
    }
    float left = sum_of_node(leaves, level - 1, 2 * index, element);
    if (first + width / 2 >= leaves)
        return left;
    return left + sum_of_node(leaves, level - 1, 2 * index + 1, element);
}

static void test_tree_one_rank_sums_as_defined(void **state) {
    (void)state;
    for (size_t leaves = 1; leaves <= LEAVES_MAX; leaves++) {
        float sum[LENGTH];
        sum_of_one_rank(leaves, sum);
        for (size_t i = 0; i < LENGTH; i++) {
            float expected = sum_of_node(leaves, 6, 0, i);
            if (memcmp(&sum[i], &expected, sizeof expected) != 0)
                fail_msg("%zu leaves: %a, not %a", leaves, (double)sum[i], (double)expected);
        }
    }
}

static void test_tree_another_order_gives_other_bits(void **state) {
    (void)state;
    float sum[LENGTH], straight[LENGTH] = {0};
    sum_of_one_rank(LEAVES_MAX, sum);
    for (size_t leaf = 0; leaf < LEAVES_MAX; leaf++) {
        float values[LENGTH];
        leaf_value(NULL, leaf, values);
        for (size_t i = 0; i < LENGTH; i++)
            straight[i] += values[i];
    }
    assert_memory_not_equal(sum, straight, sizeof sum);
}

typedef struct rank {
    dp_tree_plan plan;
    float partials[DP_TREE_BLOCKS_MAX][LENGTH];
    size_t next; /* step of the plan */
} rank;

static rank ranks[LEAVES_MAX];

static void add(float sum[LENGTH], const float addend[LENGTH]) {
    for (size_t i = 0; i < LENGTH; i++)
        sum[i] += addend[i];
}

/* Carries out the next step of rank r if it can be: a receive needs its sender to be at the send,
 * and takes it along. Returns whether anything happened. */
static bool advance(size_t r) {
    rank *self = &ranks[r];
    if (self->next == self->plan.step_count)
        return false;
    const dp_tree_step *step = &self->plan.steps[self->next];
    if (step->action == DP_TREE_ADD) {
        add(self->partials[step->slot], self->partials[step->other]);
        self->next++;
        return true;
    }
    if (step->action == DP_TREE_SEND)
        return false; /* the receiver moves both */
    rank *sender = &ranks[step->peer];
    if (sender->next == sender->plan.step_count)
        return false;
    const dp_tree_step *sent = &sender->plan.steps[sender->next];
    if (sent->action != DP_TREE_SEND || (size_t)sent->peer != r)
        return false;
    add(self->partials[step->slot], sender->partials[sent->slot]);
    self->next++;
    sender->next++;
    return true;
}

/* The bounds of even shares, as the plan wants them. */
static void share_starts(size_t leaves, size_t count, size_t starts[LEAVES_MAX + 1]) {
    for (size_t r = 0; r < count; r++)
        starts[r] = dp_tree_share(leaves, count, r).first;
    starts[count] = leaves;
}

static void run_plans(const size_t *starts, size_t count, float sum[LENGTH]) {
    float scratch[LEVELS_MAX * LENGTH];
    for (size_t r = 0; r < count; r++) {
        ranks[r].next = 0;
        dp_tree_plan_init(&ranks[r].plan, starts, count, r);
        for (size_t slot = 0; slot < ranks[r].plan.block_count; slot++)
            dp_tree_sum_block(ranks[r].plan.blocks[slot], 1, single_leaf, NULL, LENGTH,
                              ranks[r].partials[slot], scratch, LENGTH);
    }
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t r = 0; r < count; r++)
            moved = advance(r) || moved;
    }
    for (size_t r = 0; r < count; r++) {
        if (ranks[r].next != ranks[r].plan.step_count)
            fail_msg("%zu leaves, %zu ranks: rank %zu waits for ever", starts[count], count, r);
    }
    memcpy(sum, ranks[0].partials[0], LENGTH * sizeof *sum);
}

static void test_tree_any_rank_count_gives_the_same_bits(void **state) {
    (void)state;
    for (size_t leaves = 1; leaves <= LEAVES_MAX; leaves++) {
        float expected[LENGTH];
        sum_of_one_rank(leaves, expected);
        for (size_t count = 1; count <= leaves; count++) {
            float sum[LENGTH];
            size_t starts[LEAVES_MAX + 1];
            share_starts(leaves, count, starts);
            run_plans(starts, count, sum);
            if (memcmp(sum, expected, sizeof sum) != 0)
                fail_msg("%zu leaves, %zu ranks: %a, not %a", leaves, count, (double)sum[0],
                         (double)expected[0]);
        }
    }
}

static void test_tree_uneven_ranges_give_the_same_bits(void **state) {
    (void)state;
    for (uint64_t trial = 0; trial < 300; trial++) {
        size_t starts[LEAVES_MAX + 1] = {0}, count = 0;
        while (starts[count] < LEAVES_MAX) {
            size_t left = LEAVES_MAX - starts[count];
            size_t most = left < 12 ? left : 12;
            starts[count + 1] =
                starts[count] + 1 + dp_random_below(7, DP_STREAM_INIT, trial, count, most);
            count++;
        }
        float expected[LENGTH], sum[LENGTH];
        sum_of_one_rank(LEAVES_MAX, expected);
        run_plans(starts, count, sum);
        assert_memory_equal(sum, expected, sizeof sum);
    }
}

static void test_tree_shares_cover_everything_once(void **state) {
    (void)state;
    for (size_t total = 1; total <= LEAVES_MAX; total++) {
        for (size_t parts = 1; parts <= total; parts++) {
            size_t next = 0;
            for (size_t part = 0; part < parts; part++) {
                dp_tree_range share = dp_tree_share(total, parts, part);
                assert_int_equal(share.first, next);
                assert_in_range(share.end - share.first, total / parts, total / parts + 1);
                next = share.end;
            }
            assert_int_equal(next, total);
        }
    }
}

static void test_tree_worked_example_of_the_header(void **state) {
    (void)state;
    dp_tree_plan plan;
    size_t starts[LEAVES_MAX + 1];
    share_starts(8, 3, starts);
    dp_tree_plan_init(&plan, starts, 3, 1);
    assert_int_equal(plan.block_count, 2);
    assert_int_equal(plan.blocks[0].first, 2);
    assert_int_equal(plan.blocks[1].first, 4);
    assert_int_equal(plan.step_count, 4);
    const dp_tree_step expected[] = {{.action = DP_TREE_RECEIVE, .slot = 1, .peer = 2},
                                     {.action = DP_TREE_SEND, .slot = 0, .peer = 0},
                                     {.action = DP_TREE_RECEIVE, .slot = 1, .peer = 2},
                                     {.action = DP_TREE_SEND, .slot = 1, .peer = 0}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(plan.steps[i].action, expected[i].action);
        assert_int_equal(plan.steps[i].slot, expected[i].slot);
        assert_int_equal(plan.steps[i].peer, expected[i].peer);
    }
}

static void test_tree_sum_of_reals_is_the_tree(void **state) {
    (void)state;
    double values[7] = {1e16, 1.0, -1e16, 1.0, 1e16, 3.0, -1e16};
    double expected = ((1e16 + 1.0) + (-1e16 + 1.0)) + ((1e16 + 3.0) + -1e16);
    double sum = dp_tree_sum_reals(values, 7);
    assert_memory_equal(&sum, &expected, sizeof sum);
    assert_true(dp_tree_sum_reals(values, 0) == 0.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_one_rank_sums_as_defined),
        cmocka_unit_test(test_tree_another_order_gives_other_bits),
        cmocka_unit_test(test_tree_any_rank_count_gives_the_same_bits),
        cmocka_unit_test(test_tree_uneven_ranges_give_the_same_bits),
        cmocka_unit_test(test_tree_shares_cover_everything_once),
        cmocka_unit_test(test_tree_worked_example_of_the_header),
        cmocka_unit_test(test_tree_sum_of_reals_is_the_tree),
    };
    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
