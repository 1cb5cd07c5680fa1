#include "base/tree.h"

#include "base/size.h"

/* floor(part total / parts), without the overflow of the product. */
static size_t share_start(size_t total, size_t parts, size_t part) {
    return total / parts * part + total % parts * part / parts;
}

dp_tree_range dp_tree_share(size_t total, size_t parts, size_t part) {
    return (dp_tree_range){.first = share_start(total, parts, part),
                           .end = share_start(total, parts, part + 1)};
}

size_t dp_tree_blocks(size_t leaves, dp_tree_range range,
                      dp_tree_range blocks[DP_TREE_BLOCKS_MAX]) {
    size_t count = 0;
    for (size_t first = range.first; first < range.end;) {
        /* Double the node while its first leaf stays the first and its end stays in the range. */
        size_t width = 1;
        while (first % (2 * width) == 0 && dp_size_min(first + 2 * width, leaves) <= range.end &&
               first + width < range.end)
            width *= 2;
        size_t end = dp_size_min(first + width, leaves);
        blocks[count++] = (dp_tree_range){.first = first, .end = end};
        first = end;
    }
    return count;
}

/* Where a node divides: behind the largest power of two below its number of leaves. */
static size_t middle_of(dp_tree_range node) {
    size_t width = 1;
    while (2 * width < node.end - node.first)
        width *= 2;
    return node.first + width;
}

dp_tree_range dp_tree_left(dp_tree_range node) {
    return (dp_tree_range){.first = node.first, .end = middle_of(node)};
}

dp_tree_range dp_tree_right(dp_tree_range node) {
    return (dp_tree_range){.first = middle_of(node), .end = node.end};
}

size_t dp_tree_scratch(dp_tree_range block) {
    size_t levels = 0;
    for (size_t width = 1; width < block.end - block.first; width *= 2)
        levels++;
    return levels;
}

void dp_tree_sum_block(dp_tree_range block, size_t at_once, dp_tree_leaves *leaves, void *context,
                       size_t length, float *sum, float *scratch, size_t stride) {
    size_t count = block.end - block.first;
    if (count <= at_once && (count & (count - 1)) == 0) {
        leaves(context, block, sum);
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

double dp_tree_sum_reals(double *values, size_t n) {
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t i = 0; i + width < n; i += 2 * width)
            values[i] += values[i + width];
    }
    return n == 0 ? 0.0 : values[0];
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
    size_t leaves, ranks, rank;
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
    while (plan->blocks[slot].first != first)
        slot++;
    return slot;
}

/* Joins the nodes [first, first + width) and [first + width, ...) as far as this rank takes part.
 */
static void plan_join(planner *self, size_t first, size_t width) {
    size_t right = first + width;
    size_t end = dp_size_min(right + width, self->leaves);
    if (first >= self->starts[self->rank] && end <= self->starts[self->rank + 1])
        return; /* inside one of our blocks */
    size_t left_owner = owner_of(self, first);
    size_t right_owner = owner_of(self, right);
    dp_tree_step step = {0};
    if (left_owner == self->rank && right_owner == self->rank)
        step = (dp_tree_step){.action = DP_TREE_ADD,
                              .slot = slot_of(self->plan, first),
                              .other = slot_of(self->plan, right)};
    else if (left_owner == self->rank)
        step = (dp_tree_step){.action = DP_TREE_RECEIVE,
                              .slot = slot_of(self->plan, first),
                              .peer = (int)right_owner};
    else if (right_owner == self->rank)
        step = (dp_tree_step){
            .action = DP_TREE_SEND, .slot = slot_of(self->plan, right), .peer = (int)left_owner};
    else
        return;
    self->plan->steps[self->plan->step_count++] = step;
}

void dp_tree_plan_init(dp_tree_plan *plan, const size_t *starts, size_t ranks, size_t rank) {
    const size_t leaves = starts[ranks];
    const dp_tree_range range = {.first = starts[rank], .end = starts[rank + 1]};
    planner self = {.plan = plan, .starts = starts, .leaves = leaves, .ranks = ranks, .rank = rank};
    *plan = (dp_tree_plan){0};
    plan->block_count = dp_tree_blocks(leaves, range, plan->blocks);
    /* All ranks walk the nodes in the same order, so sends and receives cannot wait in a circle. */
    for (size_t width = 1; width < leaves; width *= 2) {
        for (size_t first = 0; first + width < leaves; first += 2 * width)
            plan_join(&self, first, width);
    }
}
