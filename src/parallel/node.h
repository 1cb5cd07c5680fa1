/* node: the ranks that share memory, and how they meet there.
 *
 * A node is a set of ranks with memory in common: those of a machine, or, where that is not wanted,
 * each rank alone. Its memory has a segment for each rank. The ranks of a node meet at barriers,
 * which wait as parallel/comm does: with a deadline, yielding where processors are shared.
 */
#ifndef DP_PARALLEL_NODE_H
#define DP_PARALLEL_NODE_H

#include "parallel/comm.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct dp_node {
    dp_comm *comm; /* borrowed */
    bool shared;   /* false: every rank is alone on its node */
    int count;     /* nodes */
    int index;     /* of ours */
    int first;     /* rank of ours */
    int size;      /* ranks */
    int rank;      /* of this one among them */

    dp_comm_window *window; /* NULL where a rank is alone */
    void *own;              /* in place of a window */
    uint64_t barriers;      /* passed so far */
} dp_node;

/* Finds who is on which node. */
void dp_node_init(dp_node *node, dp_comm *comm, bool shared);
/* Collective: gives every rank a zeroed segment of `bytes` (its own number). Once. Agreed on. */
dp_status dp_node_allocate(dp_node *node, size_t bytes, dp_error *error) DP_CHECKED;
void dp_node_clear(dp_node *node);

/* The first rank of a node; node may be `count`. */
int dp_node_first(const dp_node *node, int index);
/* The segment of a rank of this node, 64-byte aligned. */
void *dp_node_segment(const dp_node *node, int rank);

/* All ranks of the node have come here, and see what the others wrote before. */
void dp_node_barrier(dp_node *node);

/* count floats of the rank with our number on node 0 become those of the ranks with our number on
 * all nodes that have one. */
void dp_node_carry_down(dp_node *node, float *values, size_t count);

#endif
