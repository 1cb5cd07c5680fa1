#include "parallel/node.h"

#include "base/memory.h"

#include <stdatomic.h>

void dp_node_init(dp_node *node, dp_comm *comm, bool shared) {
    const int rank = dp_comm_rank(comm);
    shared = shared && dp_comm_node_count(comm) < dp_comm_size(comm); /* with others */
    *node = (dp_node){.comm = comm, .shared = shared};
    node->count = shared ? dp_comm_node_count(comm) : dp_comm_size(comm);
    node->index = shared ? dp_comm_node(comm) : rank;
    node->first = dp_node_first(node, node->index);
    node->rank = rank - node->first;
    node->size = dp_node_first(node, node->index + 1) - node->first;
}

int dp_node_first(const dp_node *node, int index) {
    return node->shared ? dp_comm_node_first(node->comm, index) : index;
}

/* The part of the node's memory that this rank has given: it begins with a line that counts the
 * rank's barriers. */
static void *part_of(const dp_node *node, int rank) {
    return node->window != NULL ? dp_comm_window_segment(node->window, rank) : node->own;
}

static _Atomic uint64_t *barrier_count(const dp_node *node, int rank) {
    return part_of(node, rank);
}

void *dp_node_segment(const dp_node *node, int rank) {
    return (char *)part_of(node, rank) + DP_ALIGNMENT;
}

dp_status dp_node_allocate(dp_node *node, size_t bytes, dp_error *error) {
    bytes += DP_ALIGNMENT;
    if (node->shared)
        return dp_comm_window_create(&node->window, node->comm, bytes, error);
    node->own = dp_comm_zeroed(node->comm, bytes, 1, error);
    return node->own == NULL ? DP_ERR_MEMORY : DP_OK;
}

void dp_node_clear(dp_node *node) {
    dp_comm_window_destroy(node->window);
    dp_memory_free(node->own);
    node->window = NULL;
    node->own = NULL;
}

void dp_node_barrier(dp_node *node) {
    const uint64_t count = ++node->barriers;
    if (node->size == 1)
        return;
    atomic_store_explicit(barrier_count(node, node->rank), count, memory_order_release);
    for (int r = 0; r < node->size; r++) {
        if (r != node->rank)
            dp_comm_wait_for_flag(node->comm, barrier_count(node, r), count, node->first + r);
    }
}

/* Along a binomial tree: node n receives from n without its lowest bit and passes on to n + bit for
 * the bits below that. */
void dp_node_carry_down(dp_node *node, float *values, size_t count) {
    const size_t bytes = count * sizeof *values;
    int bit = 1;
    while (bit < node->count && (node->index & bit) == 0)
        bit *= 2;
    if (node->index != 0)
        dp_comm_receive(node->comm, dp_node_first(node, node->index - bit) + node->rank, values,
                        bytes);
    for (bit /= 2; bit > 0; bit /= 2) {
        if (node->index + bit < node->count)
            dp_comm_send(node->comm, dp_node_first(node, node->index + bit) + node->rank, values,
                         bytes);
    }
}
