/* tree: the one order in which sums over grains are taken, whatever the number of ranks.
 *
 * Floating-point addition commutes but does not associate, so the same bits need the same
 * parentheses. Ours are those of a balanced binary tree over the leaves 0 .. n-1 (the grains of a
 * batch, the chunks of an evaluation): the node of level j and index k is the sum over the leaves
 * [k 2^j, (k+1) 2^j) below n. A node whose right child has no leaves is its left child, unchanged.
 *
 *     n = 5        level 3        ((0+1)+(2+3))+4
 *                  level 2     (0+1)+(2+3)      4
 *                  level 1     0+1    2+3       4
 *                  level 0     0   1  2   3     4
 *
 * A rank owns a contiguous range of leaves, by dp_tree_share. It alone can sum the nodes
 * that lie wholly in its range: the largest such nodes are its `blocks`, at most two a level, and
 * their sums its partials. What remains are the nodes above, whose children may lie on different
 * ranks. Each node is held by the owner of its first leaf; so the holder of a right child sends it
 * to the holder of the left child, who adds. Going up level by level ends with the whole sum on
 * rank 0, in partial 0.
 *
 * Worked example, 8 leaves on 3 ranks:
 *
 *     rank 0 owns 0 1      blocks [0,2)
 *     rank 1 owns 2 3 4    blocks [2,4) [4,5)
 *     rank 2 owns 5 6 7    blocks [5,6) [6,8)
 *     level 0   rank 2 sends [5,6) to rank 1, which makes [4,6)
 *     level 1   rank 1 sends [2,4) to rank 0, which makes [0,4)
 *               rank 2 sends [6,8) to rank 1, which makes [4,8)
 *     level 2   rank 1 sends [4,8) to rank 0, which makes [0,8)
 *
 * Pure arithmetic: the plan says what to send and receive, `parallel/exchange` does it.
 */
#ifndef DP_BASE_TREE_H
#define DP_BASE_TREE_H

#include <stddef.h>

/* Leaves [first, end). */
typedef struct dp_tree_range {
    size_t first;
    size_t end;
} dp_tree_range;

/* Within a leaf, terms are added one after the other. Where there may be thousands, in float32,
 * this is done in runs of so many, and the sums of the runs are added in order: errors then hardly
 * grow with the number of terms. */
#define DP_TREE_RUN ((size_t)256)

/* The share of `part` where `total` things are divided evenly, in order, among `parts`: [part total
 * / parts, (part+1) total / parts), rounded down; empty only where parts > total. It gives the
 * leaves of a rank, and the rows of a grain. part < parts. */
dp_tree_range dp_tree_share(size_t total, size_t parts, size_t part);

/* The blocks of a range: the largest nodes of the tree over `leaves` that lie wholly in it, in leaf
 * order. Returns how many, at most DP_TREE_BLOCKS_MAX. */
#define DP_TREE_BLOCKS_MAX 128
size_t dp_tree_blocks(size_t leaves, dp_tree_range range, dp_tree_range blocks[DP_TREE_BLOCKS_MAX]);

/* Sums one block in tree order. `leaves(context, node, sum)` must overwrite sum[0..length) with the
 * sum over a node, itself in tree order; nodes come in leaf order. It gets nodes of a power of two
 * of leaves, at most `at_once`: 1 for single leaves. scratch holds dp_tree_scratch(block) slabs of
 * `stride` floats (stride >= length). The result is in sum. */
typedef void dp_tree_leaves(void *context, dp_tree_range node, float *sum);
void dp_tree_sum_block(dp_tree_range block, size_t at_once, dp_tree_leaves *leaves, void *context,
                       size_t length, float *sum, float *scratch, size_t stride);
size_t dp_tree_scratch(dp_tree_range block);

/* The two children of a node with more than one leaf. */
dp_tree_range dp_tree_left(dp_tree_range node);
dp_tree_range dp_tree_right(dp_tree_range node);

/* Sums n doubles in tree order; the array is used up. 0 for n = 0. */
double dp_tree_sum_reals(double *values, size_t n);

/* The sum of the squares of n floats, in an order that depends on n alone. */
double dp_tree_squares(size_t n, const float *values);

/* What one rank does, in this order, to take the sum to rank 0. Partials are numbered as the rank's
 * blocks. */
typedef enum dp_tree_action {
    DP_TREE_SEND,    /* partial `slot` to rank `peer` */
    DP_TREE_RECEIVE, /* from rank `peer`, added into partial `slot` */
    DP_TREE_ADD,     /* partial `other` into partial `slot`, both ours */
} dp_tree_action;

typedef struct dp_tree_step {
    dp_tree_action action;
    size_t slot;
    size_t other;
    int peer;
} dp_tree_step;

typedef struct dp_tree_plan {
    size_t block_count;
    dp_tree_range blocks[DP_TREE_BLOCKS_MAX];
    size_t step_count;
    dp_tree_step steps[DP_TREE_BLOCKS_MAX]; /* two a level at most, as there are blocks */
} dp_tree_plan;

/* The plan of `rank` where rank r owns the leaves [starts[r], starts[r + 1]), at least one each:
 * starts[0] = 0 and starts[ranks] is the number of leaves. */
void dp_tree_plan_init(dp_tree_plan *plan, const size_t *starts, size_t ranks, size_t rank);

#endif
