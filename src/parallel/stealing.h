/* stealing: pieces of work that the ranks of a node take from each other.
 *
 * Every rank begins a turn with pieces of its own, contiguous and the same in each turn. It takes
 * them in order; who has none left steals the last one of the rank that has most left (Blumofe and
 * Leiserson 1999, without the stacks). So cores that are not equally fast, or are not left to us
 * alone, end a turn together, to within a piece. Who computes a piece must not matter to what comes
 * out.
 *
 * There are two kinds of turns, which must alternate. All ranks of the node have to meet
 * (dp_node_barrier) between the end of a turn and the beginning of the next.
 */
#ifndef DP_PARALLEL_STEALING_H
#define DP_PARALLEL_STEALING_H

#include "base/tree.h"
#include "parallel/node.h"

#include <stdint.h>

typedef struct dp_stealing_rank dp_stealing_rank;   /* what a rank has left */
typedef struct dp_stealing_piece dp_stealing_piece; /* whether a piece is done */

/* Start with {0}. */
typedef struct dp_stealing {
    dp_node *node;               /* borrowed */
    const dp_tree_range *ranges; /* [node->size], borrowed */
    dp_stealing_rank *ranks;     /* [2][node->size] */
    dp_stealing_piece *pieces;   /* of the whole node */
    uint64_t turn;
} dp_stealing;

/* What lies in the node's memory, zeroed, for so many pieces in all: the same on all its ranks. */
void dp_stealing_reserve(dp_stealing *stealing, const dp_node *node, size_t pieces,
                         dp_workspace *room);
/* Once it is there. ranges[r]: the pieces of each rank of the node, one range behind the other.
 * Each rank calls it; then they meet. */
void dp_stealing_init(dp_stealing *stealing, dp_node *node, const dp_tree_range *ranges);

/* Every rank begins a turn of its own accord. */
void dp_stealing_begin(dp_stealing *stealing);

/* The next of this rank's own pieces; false: none is left, the others of them have been stolen. */
bool dp_stealing_take(dp_stealing *stealing, size_t *piece);
/* A piece of another rank of the node; false: none is left. */
bool dp_stealing_steal(dp_stealing *stealing, size_t *piece, int *owner);

/* A stolen piece is done: its owner may see what came out. */
void dp_stealing_finish(dp_stealing *stealing, size_t piece);
/* Waits until one of this rank's pieces, which was stolen, is done. */
void dp_stealing_wait(dp_stealing *stealing, size_t piece);

#endif
