/* split_engine: steps where the output layer is split over the ranks.
 *
 * Every rank owns whole blocks of the vocabulary and updates them; nobody else needs their
 * gradient, so that none is exchanged. Within a node, which holds them all, who has none left
 * computes those of slower ranks (parallel/stealing). What crosses between ranks is narrow: what
 * the output sees of each row, the maximum and the sum of each row's softmax over each block, and
 * the gradient at what the output has seen.
 *
 *   1. The ranks of a node share the rows of the batch: features, hidden layer.
 *   2. Each rank computes the exponentials of its blocks, for all rows; all gather maxima and sums.
 *   3. Each rank computes the gradients of its blocks, updates them, and sums its blocks' parts of
 *      the gradient at `a`; parallel/exchange adds those of all ranks, in one tree over the blocks.
 *   4. The ranks of a node share the rows again: the gradient goes down to the features.
 *   5. They share what is below the output, W1 by its rows and C by its tokens, sum over the whole
 *      batch and update in place.
 *
 * So the same bits at any rank count, without grains: rows and blocks are computed by themselves,
 * every sum over rows is taken in their order and every sum over blocks in the tree. What lies
 * below the output is the same on all nodes, each computes it for the whole batch, and nothing of
 * it crosses between them. A node holds the slab of parameters once, of which other nodes' blocks
 * are current only once collected; and of the optimizer's state what lies below the output and its
 * own blocks, but rank 0's, which has room for all, for checkpoints.
 *
 * Of C only the tokens of the batch have a gradient, and where the update is plain (or
 * train.embedding_update = lazy) only those are touched.
 *
 * Here is the step; engine/split_block has a block of the output (2 and 3), engine/split_memory who
 * holds what.
 */
#ifndef DP_ENGINE_SPLIT_ENGINE_H
#define DP_ENGINE_SPLIT_ENGINE_H

#include "engine/engine_kind.h"

/* For a layout that is split. More ranks than blocks are DP_ERR_INPUT. */
extern const dp_engine_kind dp_split_engine_kind;

#endif
