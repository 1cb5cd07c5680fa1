#include "base/tree.h"

#include <stdbool.h>

/* floor(part total / parts), without the overflow of the product. */
static size_t share_start(size_t total, size_t parts, size_t part) {
    return total / parts * part + total % parts * part / parts;
}

dp_tree_range dp_tree_share(size_t total, size_t parts, size_t part) {
    return (dp_tree_range){.first = share_start(total, parts, part),
                           .end = share_start(total, parts, part + 1)};
}

dp_tree_node dp_tree_root(size_t leaves) {
    return (dp_tree_node){.leaves = leaves, .parts = 1};
}

dp_tree_node dp_tree_left(dp_tree_node node) {
    return (dp_tree_node){.leaves = node.leaves, .parts = 2 * node.parts, .index = 2 * node.index};
}

dp_tree_node dp_tree_right(dp_tree_node node) {
    dp_tree_node right = dp_tree_left(node);
    right.index++;
    return right;
}

dp_tree_range dp_tree_node_range(dp_tree_node node) {
    return dp_tree_share(node.leaves, node.parts, node.index);
}

static size_t count_leaves(dp_tree_node node) {
    const dp_tree_range range = dp_tree_node_range(node);
    return range.end - range.first;
}

static bool is_inside(dp_tree_range some, dp_tree_range all) {
    return some.first >= all.first && some.end <= all.end;
}

static bool is_apart(dp_tree_range some, dp_tree_range other) {
    return some.end <= other.first || some.first >= other.end;
}

/* --- a range -------------------------------------------------------------------------------- */

static size_t add_blocks(dp_tree_node node, dp_tree_range range, dp_tree_node *blocks,
                         size_t count) {
    const dp_tree_range own = dp_tree_node_range(node);
    if (is_apart(own, range))
        return count;
    if (is_inside(own, range)) {
        blocks[count] = node;
        return count + 1;
    }
    count = add_blocks(dp_tree_left(node), range, blocks, count);
    return add_blocks(dp_tree_right(node), range, blocks, count);
}

size_t dp_tree_blocks(size_t leaves, dp_tree_range range, dp_tree_node blocks[DP_TREE_BLOCKS_MAX]) {
    return add_blocks(dp_tree_root(leaves), range, blocks, 0);
}

size_t dp_tree_levels(dp_tree_node node) {
    const size_t count = count_leaves(node);
    size_t levels = 0;
    while (((size_t)1 << levels) < count)
        levels++;
    return levels;
}

void dp_tree_sum_block(dp_tree_node block, size_t at_once, dp_tree_leaves *leaves, void *context,
                       size_t length, float *sum, float *scratch, size_t stride) {
    const size_t count = count_leaves(block);
    if (count <= at_once && (count & (count - 1)) == 0) {
        leaves(context, dp_tree_node_range(block), sum);
        return;
    }
    dp_tree_sum_block(dp_tree_left(block), at_once, leaves, context, length, sum, scratch + stride,
                      stride);
    dp_tree_sum_block(dp_tree_right(block), at_once, leaves, context, length, scratch,
                      scratch + stride, stride);
    const float *restrict addend = scratch;
    float *restrict target = sum;
    for (size_t i = 0; i < length; i++)
        target[i] += addend[i];
}

/* --- reals ---------------------------------------------------------------------------------- */

/* The nodes of the lowest level where none is empty: the greatest power of two up to n, each of one
 * value or two. They are cut by counting up the remainders of i n / nodes. */
static size_t sum_lowest_nodes(double *values, size_t n) {
    size_t nodes = 1, next = 0, remainder = 0;
    while (nodes <= n / 2)
        nodes *= 2;
    for (size_t i = 0; i < nodes; i++) {
        values[i] = values[next++];
        remainder += n - nodes;
        if (remainder >= nodes) {
            values[i] += values[next++];
            remainder -= nodes;
        }
    }
    return nodes;
}

double dp_tree_sum_reals(double *values, size_t n) {
    if (n == 0)
        return 0.0;
    for (size_t nodes = sum_lowest_nodes(values, n); nodes > 1; nodes /= 2) {
        for (size_t i = 0; i < nodes / 2; i++)
            values[i] = values[2 * i] + values[2 * i + 1];
    }
    return values[0];
}

/* The products are exact; sums go in lanes, which do not depend on the vector width. */
double dp_tree_squares(size_t n, const float *values) {
    enum { LANES = 16 };
    double lanes[LANES] = {0.0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t k = 0; k < LANES; k++)
            lanes[k] += (double)values[i + k] * (double)values[i + k];
    }
    for (size_t k = 0; i + k < n; k++)
        lanes[k] += (double)values[i + k] * (double)values[i + k];
    /* Not dp_tree_sum_reals: its loops are not unrolled, and spans are short. */
    for (size_t width = LANES / 2; width > 0; width /= 2) {
        for (size_t k = 0; k < width; k++)
            lanes[k] += lanes[k + width];
    }
    return lanes[0];
}

/* --- the plan ------------------------------------------------------------------------------- */

typedef struct planner {
    dp_tree_plan *plan;
    const size_t *starts; /* [ranks + 1] */
    size_t ranks, rank;
} planner;

static size_t owner_of(const planner *self, size_t leaf) {
    size_t low = 0, high = self->ranks; /* the owner is in [low, high) */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (self->starts[middle] <= leaf)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The partial that holds the node beginning at this leaf: nodes above our blocks begin where one of
 * the blocks does. */
static size_t slot_of(const dp_tree_plan *plan, size_t first) {
    size_t slot = 0;
    while (dp_tree_node_range(plan->blocks[slot]).first != first)
        slot++;
    return slot;
}

/* Joins the nodes beginning at these leaves as far as this rank takes part. */
static void join(planner *self, size_t left, size_t right) {
    const size_t left_owner = owner_of(self, left), right_owner = owner_of(self, right);
    dp_tree_step step = {0};
    if (left_owner == self->rank && right_owner == self->rank)
        step = (dp_tree_step){.action = DP_TREE_ADD,
                              .slot = slot_of(self->plan, left),
                              .other = slot_of(self->plan, right)};
    else if (left_owner == self->rank)
        step = (dp_tree_step){
            .action = DP_TREE_RECEIVE, .slot = slot_of(self->plan, left), .peer = (int)right_owner};
    else if (right_owner == self->rank)
        step = (dp_tree_step){
            .action = DP_TREE_SEND, .slot = slot_of(self->plan, right), .peer = (int)left_owner};
    else
        return;
    self->plan->steps[self->plan->step_count++] = step;
}

/* All ranks walk the nodes in the same order, so sends and receives cannot wait in a circle. */
static void plan_node(planner *self, dp_tree_node node, dp_tree_range own) {
    const dp_tree_range range = dp_tree_node_range(node);
    if (is_apart(range, own) || is_inside(range, own))
        return;
    const dp_tree_node left = dp_tree_left(node), right = dp_tree_right(node);
    plan_node(self, left, own);
    plan_node(self, right, own);
    join(self, range.first, dp_tree_node_range(right).first);
}

void dp_tree_plan_init(dp_tree_plan *plan, const size_t *starts, size_t ranks, size_t rank) {
    const size_t leaves = starts[ranks];
    const dp_tree_range own = {.first = starts[rank], .end = starts[rank + 1]};
    planner self = {.plan = plan, .starts = starts, .ranks = ranks, .rank = rank};
    *plan = (dp_tree_plan){0};
    plan->block_count = dp_tree_blocks(leaves, own, plan->blocks);
    plan_node(&self, dp_tree_root(leaves), own);
}
