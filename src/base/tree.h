/* tree: the one order in which sums over grains are taken, whatever the number of ranks.
 *
 * Floating-point addition commutes but does not associate, so the same bits need the same
 * parentheses. Ours are those of a binary tree over the leaves 0 .. n-1 (the grains of a batch, the
 * chunks of an evaluation). Its cuts are those of even shares: at depth k there are 2^k nodes, and
 * node i is the sum over the leaves
 *
 *     [floor(i n / 2^k), floor((i+1) n / 2^k)),    dp_tree_share(n, 2^k, i)
 *
 * so that the children of node i are the nodes 2i and 2i+1 one level down.
 *
 *     n = 5        depth 0      (0+1)+(2+(3+4))
 *                  depth 1      0+1     2+(3+4)
 *                  depth 2      0   1   2   3+4
 *                  depth 3                  3 4
 *
 * Nodes of one depth differ by one leaf at most. So a node with an even number of leaves is cut in
 * half; one of a power of two of leaves, wherever it begins, is a balanced tree. A node with more
 * than one leaf has no empty child: with a power of two of nodes p <= n < 2p each has one leaf or
 * two.
 *
 * A rank owns a contiguous range of leaves, by dp_tree_share. It alone can sum the nodes
 * that lie wholly in its range: the largest such nodes are its `blocks`, at most two a level, and
 * their sums its partials. Where ranks are a power of two, the share of each is a node: it has one
 * block. What remains are the nodes above, whose children may lie on different
 * ranks. Each node is held by the owner of its first leaf; so the holder of a right child sends it
 * to the holder of the left child, who adds. Children before parents, left before right: that
 * ends with the whole sum on rank 0, in partial 0.
 *
 * Worked example, 10 leaves on 3 ranks:
 *
 *     depth 0                  [0,10)
 *     depth 1         [0,5)                [5,10)
 *     depth 2     [0,2)   [2,5)        [5,7)    [7,10)
 *     depth 3     0   1   2 [3,5)      5   6   7  [8,10)
 *
 *     rank 0 owns 0 1 2    blocks [0,2) [2,3)
 *     rank 1 owns 3 4 5    blocks [3,5) [5,6)
 *     rank 2 owns 6 7 8 9  blocks [6,7) [7,10)
 *     [2,5)   rank 1 sends [3,5) to rank 0, which adds it to [2,3)
 *     [0,5)   rank 0 adds [2,5) to [0,2)
 *     [5,7)   rank 2 sends [6,7) to rank 1, which adds it to [5,6)
 *     [5,10)  rank 2 sends [7,10) to rank 1, which adds it to [5,7)
 *     [0,10)  rank 1 sends [5,10) to rank 0, which adds it to [0,5)
 *
 * On 2 ranks each has one block, and one message carries the sum up; so it is for any n.
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

/* A node of the tree over `leaves`: part `index` of `parts`. */
typedef struct dp_tree_node {
    size_t leaves; /* of the whole tree, at least 1 */
    size_t parts;  /* a power of two */
    size_t index;  /* below parts */
} dp_tree_node;

/* The node that is the whole tree, the two children of a node with more than one leaf, and the
 * leaves that a node sums. */
dp_tree_node dp_tree_root(size_t leaves);
dp_tree_node dp_tree_left(dp_tree_node node);
dp_tree_node dp_tree_right(dp_tree_node node);
dp_tree_range dp_tree_node_range(dp_tree_node node);

/* The blocks of a range that is not empty: the largest nodes of the tree over `leaves` that lie
 * wholly in it, in leaf order. Returns how many, at most DP_TREE_BLOCKS_MAX. */
#define DP_TREE_BLOCKS_MAX 128
size_t dp_tree_blocks(size_t leaves, dp_tree_range range, dp_tree_node blocks[DP_TREE_BLOCKS_MAX]);

/* Sums one block in tree order. `leaves(context, range, sum)` must overwrite sum[0..length) with
 * the sum over a node, itself in tree order; nodes come in leaf order. It gets nodes of a power of
 * two of leaves, at most `at_once`: 1 for single leaves; they are balanced trees. scratch holds
 * dp_tree_levels(block) slabs of `stride` floats (stride >= length). The result is in sum. */
typedef void dp_tree_leaves(void *context, dp_tree_range range, float *sum);
void dp_tree_sum_block(dp_tree_node block, size_t at_once, dp_tree_leaves *leaves, void *context,
                       size_t length, float *sum, float *scratch, size_t stride);
/* How far down a node reaches: 0 where it is a leaf. */
size_t dp_tree_levels(dp_tree_node node);

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
    dp_tree_node blocks[DP_TREE_BLOCKS_MAX];
    size_t step_count;
    dp_tree_step steps[DP_TREE_BLOCKS_MAX]; /* two a level at most, as there are blocks */
} dp_tree_plan;

/* The plan of `rank` where rank r owns the leaves [starts[r], starts[r + 1]), at least one each:
 * starts[0] = 0 and starts[ranks] is the number of leaves. */
void dp_tree_plan_init(dp_tree_plan *plan, const size_t *starts, size_t ranks, size_t rank);

#endif
