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

enum { LEAVES_MAX = 100, RANKS_MAX = 12, LENGTH = 3, LEVELS_MAX = 8 };

/* Magnitudes far apart, so that another order of summation gives other bits. */
static void leaf_value(void *context, size_t leaf, float *sum) {
    (void)context;
    for (size_t i = 0; i < LENGTH; i++) {
        double normal = dp_random_normal(1, DP_STREAM_INIT, leaf, i);
        sum[i] = (float)(normal * (double)(1u << dp_random_below(1, DP_STREAM_INIT, leaf, 9, 24)));
    }
}

static void single_leaf(void *context, dp_tree_range range, float *sum) {
    assert_int_equal(range.end - range.first, 1);
    leaf_value(context, range.first, sum);
}

static void sum_of_one_rank(size_t leaves, float sum[LENGTH]) {
    float scratch[LEVELS_MAX * LENGTH];
    dp_tree_sum_block(dp_tree_root(leaves), 1, single_leaf, NULL, LENGTH, sum, scratch, LENGTH);
}

/* The same, written down from the definition: node `index` of 2^depth, whose one half may be empty.
 */
static float sum_of_node(size_t leaves, unsigned depth, size_t index, size_t element) {
    const size_t first = index * leaves >> depth, end = (index + 1) * leaves >> depth;
    assert_true(first < end);
    if (end - first == 1) {
        float values[LENGTH];
        leaf_value(NULL, first, values);
        return values[element];
    }
    const size_t middle = (2 * index + 1) * leaves >> (depth + 1);
    if (middle == first)
        return sum_of_node(leaves, depth + 1, 2 * index + 1, element);
    const float left = sum_of_node(leaves, depth + 1, 2 * index, element);
    return middle == end ? left : left + sum_of_node(leaves, depth + 1, 2 * index + 1, element);
}

/* Walks a tree down to its leaves; returns how many it has met. */
static size_t check_node(dp_tree_node node, unsigned depth) {
    const dp_tree_range range = dp_tree_node_range(node);
    const size_t count = range.end - range.first;
    assert_int_equal(node.parts, (size_t)1 << depth);
    assert_int_equal(range.first, node.index * node.leaves / node.parts);
    assert_int_equal(range.end, (node.index + 1) * node.leaves / node.parts);
    assert_true(count > 0); /* no empty half below a node of more than one leaf */
    if (count == 1)
        return 1;
    const dp_tree_range left = dp_tree_node_range(dp_tree_left(node));
    const dp_tree_range right = dp_tree_node_range(dp_tree_right(node));
    assert_int_equal(left.first, range.first);
    assert_int_equal(left.end, right.first);
    assert_int_equal(right.end, range.end);
    if (count % 2 == 0) /* so that a power of two of leaves is a balanced tree */
        assert_int_equal(left.end - left.first, count / 2);
    return check_node(dp_tree_left(node), depth + 1) + check_node(dp_tree_right(node), depth + 1);
}

static void test_tree_nodes_are_those_of_the_formula(void **state) {
    (void)state;
    for (size_t leaves = 1; leaves <= 300; leaves++)
        assert_int_equal(check_node(dp_tree_root(leaves), 0), leaves);
}

/* The children of a node of three leaves are 1 and 2, or 2 and 1, as the formula has it. */
static void test_tree_odd_nodes_are_cut_as_written(void **state) {
    (void)state;
    const struct {
        size_t leaves, parts, index, middle;
    } cuts[] = {{5, 1, 0, 2},  {5, 2, 1, 3},  {6, 2, 0, 1},  {6, 2, 1, 4},  {11, 2, 0, 2},
                {11, 4, 1, 4}, {11, 4, 2, 6}, {11, 4, 3, 9}, {13, 4, 1, 4}, {13, 4, 3, 11}};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        const dp_tree_node node = {cuts[i].leaves, cuts[i].parts, cuts[i].index};
        const size_t middle = dp_tree_node_range(dp_tree_right(node)).first;
        if (middle != cuts[i].middle)
            fail_msg("node %zu of %zu over %zu leaves is cut at %zu, not at %zu", cuts[i].index,
                     cuts[i].parts, cuts[i].leaves, middle, cuts[i].middle);
    }
}

static void test_tree_one_rank_sums_as_defined(void **state) {
    (void)state;
    for (size_t leaves = 1; leaves <= LEAVES_MAX; leaves++) {
        float sum[LENGTH];
        sum_of_one_rank(leaves, sum);
        for (size_t i = 0; i < LENGTH; i++) {
            float expected = sum_of_node(leaves, 0, 0, i);
            if (memcmp(&sum[i], &expected, sizeof expected) != 0)
                fail_msg("%zu leaves: %a, not %a", leaves, (double)sum[i], (double)expected);
        }
    }
}

/* What leaves(...) gets of several at once, and what it does with them: a balanced tree. */
static void balanced_leaves(void *context, dp_tree_range range, float *sum) {
    const size_t at_once = *(const size_t *)context, count = range.end - range.first;
    float values[8][LENGTH];
    assert_true(count <= at_once && (count & (count - 1)) == 0);
    for (size_t i = 0; i < count; i++)
        leaf_value(NULL, range.first + i, values[i]);
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t i = 0; i < count; i += 2 * width) {
            for (size_t k = 0; k < LENGTH; k++)
                values[i][k] += values[i + width][k];
        }
    }
    memcpy(sum, values[0], sizeof values[0]);
}

static void test_tree_several_leaves_at_once_give_the_same_bits(void **state) {
    (void)state;
    for (size_t leaves = 1; leaves <= LEAVES_MAX; leaves++) {
        float expected[LENGTH], sum[LENGTH], scratch[LEVELS_MAX * LENGTH];
        sum_of_one_rank(leaves, expected);
        for (size_t at_once = 2; at_once <= 8; at_once *= 2) {
            dp_tree_sum_block(dp_tree_root(leaves), at_once, balanced_leaves, &at_once, LENGTH, sum,
                              scratch, LENGTH);
            assert_memory_equal(sum, expected, sizeof sum);
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
        for (size_t count = 1; count <= leaves && (count <= RANKS_MAX || leaves <= 41); count++) {
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
        const size_t leaves = LEAVES_MAX - trial % 64;
        size_t starts[LEAVES_MAX + 1] = {0}, count = 0;
        while (starts[count] < leaves) {
            size_t left = leaves - starts[count];
            size_t most = left < 12 ? left : 12;
            starts[count + 1] =
                starts[count] + 1 + dp_random_below(7, DP_STREAM_INIT, trial, count, most);
            count++;
        }
        float expected[LENGTH], sum[LENGTH];
        sum_of_one_rank(leaves, expected);
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

static size_t count_messages(size_t leaves, size_t count) {
    size_t starts[LEAVES_MAX + 1], messages = 0;
    share_starts(leaves, count, starts);
    for (size_t r = 0; r < count; r++) {
        dp_tree_plan_init(&ranks[r].plan, starts, count, r);
        for (size_t i = 0; i < ranks[r].plan.step_count; i++)
            messages += ranks[r].plan.steps[i].action == DP_TREE_SEND;
    }
    return messages;
}

/* As few as there can be: each rank but the first sends its only partial, once. */
static void test_tree_ranks_of_a_power_of_two_have_one_block(void **state) {
    (void)state;
    assert_int_equal(count_messages(75, 2), 1);
    for (size_t leaves = 1; leaves <= LEAVES_MAX; leaves++) {
        for (size_t count = 1; count <= leaves; count *= 2) {
            assert_int_equal(count_messages(leaves, count), count - 1);
            for (size_t r = 0; r < count; r++)
                assert_int_equal(ranks[r].plan.block_count, 1);
        }
    }
}

/* Others cut nodes: messages of all ranks together, counted by hand of 10 leaves, else as printed
 * by a plain version of the walk. */
static void test_tree_messages_of_other_rank_counts(void **state) {
    (void)state;
    const size_t of_75[] = {6, 3, 11, 12, 15, 7};
    assert_int_equal(count_messages(10, 3), 4);
    for (size_t i = 0; i < sizeof of_75 / sizeof of_75[0]; i++)
        assert_int_equal(count_messages(75, 3 + i), of_75[i]);
}

static void expect_plan(size_t number, size_t block_count, const dp_tree_range *blocks,
                        size_t step_count, const dp_tree_step *steps) {
    dp_tree_plan plan;
    size_t starts[LEAVES_MAX + 1];
    share_starts(10, 3, starts);
    dp_tree_plan_init(&plan, starts, 3, number);
    assert_int_equal(plan.block_count, block_count);
    for (size_t i = 0; i < block_count; i++) {
        const dp_tree_range range = dp_tree_node_range(plan.blocks[i]);
        assert_int_equal(range.first, blocks[i].first);
        assert_int_equal(range.end, blocks[i].end);
    }
    assert_int_equal(plan.step_count, step_count);
    for (size_t i = 0; i < step_count; i++) {
        assert_int_equal(plan.steps[i].action, steps[i].action);
        assert_int_equal(plan.steps[i].slot, steps[i].slot);
        assert_int_equal(plan.steps[i].other, steps[i].other);
        assert_int_equal(plan.steps[i].peer, steps[i].peer);
    }
}

static void test_tree_worked_example_of_the_header(void **state) {
    (void)state;
    expect_plan(0, 2, (const dp_tree_range[]){{0, 2}, {2, 3}}, 3,
                (const dp_tree_step[]){{.action = DP_TREE_RECEIVE, .slot = 1, .peer = 1},
                                       {.action = DP_TREE_ADD, .slot = 0, .other = 1},
                                       {.action = DP_TREE_RECEIVE, .slot = 0, .peer = 1}});
    expect_plan(1, 2, (const dp_tree_range[]){{3, 5}, {5, 6}}, 4,
                (const dp_tree_step[]){{.action = DP_TREE_SEND, .slot = 0, .peer = 0},
                                       {.action = DP_TREE_RECEIVE, .slot = 1, .peer = 2},
                                       {.action = DP_TREE_RECEIVE, .slot = 1, .peer = 2},
                                       {.action = DP_TREE_SEND, .slot = 1, .peer = 0}});
    expect_plan(2, 2, (const dp_tree_range[]){{6, 7}, {7, 10}}, 2,
                (const dp_tree_step[]){{.action = DP_TREE_SEND, .slot = 0, .peer = 1},
                                       {.action = DP_TREE_SEND, .slot = 1, .peer = 1}});
}

static double sum_of_reals(const double *values, dp_tree_node node) {
    const dp_tree_range range = dp_tree_node_range(node);
    if (range.end - range.first == 1)
        return values[range.first];
    return sum_of_reals(values, dp_tree_left(node)) + sum_of_reals(values, dp_tree_right(node));
}

static void test_tree_sum_of_reals_is_the_tree(void **state) {
    (void)state;
    double values[7] = {1e16, 1.0, -1e16, 1.0, 1e16, 3.0, -1e16};
    double expected = (1e16 + (1.0 + -1e16)) + ((1.0 + 1e16) + (3.0 + -1e16));
    double sum = dp_tree_sum_reals(values, 7);
    assert_memory_equal(&sum, &expected, sizeof sum);
    assert_true(dp_tree_sum_reals(values, 0) == 0.0);
    for (size_t n = 1; n <= 300; n++) {
        double reals[300];
        for (size_t i = 0; i < n; i++)
            reals[i] = dp_random_normal(2, DP_STREAM_INIT, n, i);
        expected = sum_of_reals(reals, dp_tree_root(n));
        sum = dp_tree_sum_reals(reals, n);
        if (memcmp(&sum, &expected, sizeof sum) != 0)
            fail_msg("%zu reals: %a, not %a", n, sum, expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_nodes_are_those_of_the_formula),
        cmocka_unit_test(test_tree_odd_nodes_are_cut_as_written),
        cmocka_unit_test(test_tree_one_rank_sums_as_defined),
        cmocka_unit_test(test_tree_several_leaves_at_once_give_the_same_bits),
        cmocka_unit_test(test_tree_another_order_gives_other_bits),
        cmocka_unit_test(test_tree_any_rank_count_gives_the_same_bits),
        cmocka_unit_test(test_tree_uneven_ranges_give_the_same_bits),
        cmocka_unit_test(test_tree_shares_cover_everything_once),
        cmocka_unit_test(test_tree_ranks_of_a_power_of_two_have_one_block),
        cmocka_unit_test(test_tree_messages_of_other_rank_counts),
        cmocka_unit_test(test_tree_worked_example_of_the_header),
        cmocka_unit_test(test_tree_sum_of_reals_is_the_tree),
    };
    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
