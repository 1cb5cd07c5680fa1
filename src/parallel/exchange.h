/* exchange: one data-parallel step, from the gradients of single grains to parameters that are
 * updated on every rank.
 *
 * A step sums over the grains of the batch; a rank computes a contiguous range of them. Kinds:
 *
 *   shared  The contract: sums are taken in the tree of `base/tree`, so the result has the same
 *           bits at any rank count from 1 to `grains`. Parameters live once a node, in memory that
 *           its ranks share, as do the partial sums of each rank.
 *   tree    The contract too, but every rank keeps to itself and all partials travel as messages.
 *   mpi     No promise: each rank sums its grains, MPI_Allreduce sums over ranks in its own order.
 *           There to compare against.
 *   auto    shared.
 *
 * How a step goes (shared; for tree, read every rank as a node of its own):
 *
 *   1. Each rank computes its grains, and their sums over its blocks of the tree: its partials. A
 *      rank that has done its own takes some from slower ones of its node (parallel/stealing),
 * where `steals` allows it: blocks are then cut into a few pieces, each with a partial of its own.
 *   2. The ranks of a node wait for each other. Each then owns a slice of the parameters, and sums
 *      that slice over all partials of the node, in tree order.
 *   3. Where there are more nodes, the ranks with the same slice carry their sums up the tree and
 *      the whole sum back down.
 *   4. Each rank updates its slice of the parameters in place, and they wait for each other again.
 *
 * Where the update depends on the length of the whole gradient (clipping), the ranks of a node wait
 * for each other once more between 3 and 4, and know it: see `measured` below. What belongs to
 * parameters and is updated with them, the optimizer's state, lies beside them.
 *
 * With 2 ranks of one node and 4 grains: rank 0 leaves g0+g1 in its partial, rank 1 g2+g3. Rank 0
 * then takes the first half of both and updates the first half of the parameters from their sum,
 * rank 1 the second half. Nothing is copied.
 */
#ifndef DP_PARALLEL_EXCHANGE_H
#define DP_PARALLEL_EXCHANGE_H

#include "base/profile.h"
#include "base/tree.h"
#include "parallel/comm.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct dp_exchange dp_exchange;

typedef enum dp_exchange_kind {
    DP_EXCHANGE_AUTO,
    DP_EXCHANGE_SHARED,
    DP_EXCHANGE_TREE,
    DP_EXCHANGE_MPI
} dp_exchange_kind;
#define DP_EXCHANGE_NAMES "auto", "shared", "tree", "mpi"

/* The kind that auto stands for here; the others stand for themselves. */
dp_exchange_kind dp_exchange_resolve(dp_exchange_kind kind);
/* The name of the kind that it stands for. */
const char *dp_exchange_name(dp_exchange_kind kind);

/* What a step is made of, given by the engine. */
typedef struct dp_exchange_work {
    /* Overwrites sums[0..length) with the sum of the gradients of a node of the tree over the
     * grains, and the `extras` floats behind it with other sums wanted (the loss). With `steals`
     * these may be grains of another rank. */
    dp_tree_leaves *grains;
    /* NULL, or called when this rank's grains are summed, before it waits for other ranks. */
    void (*meanwhile)(void *context);
    /* Updates parameters [first, first + count) from gradient[0..count), elementwise. */
    void (*update)(void *context, size_t first, size_t count, const float *gradient);
    /* NULL, or called once before the first update of the step with the sum of the squares of the
     * whole gradient; the same bits on every rank and at any rank count, but for kind mpi. */
    void (*measured)(void *context, double squares);
    void *context;
    dp_profile *profile; /* of this step, or NULL: exchange and update are marked */
} dp_exchange_work;

/* What an exchange is to carry. */
typedef struct dp_exchange_size {
    dp_exchange_kind kind;
    size_t grains;  /* at least as many as ranks */
    size_t at_once; /* of them that `grains` can sum by itself, see dp_tree_sum_block */
    bool steals;    /* a rank may compute the grains of others of its node */
    size_t length;  /* parameters */
    size_t extras;  /* further sums */
    size_t slabs;   /* of [length], held beside the parameters */
} dp_exchange_size;

/* Collective. comm must outlive the exchange. More ranks than grains are DP_ERR_INPUT. Agreed on by
 * all ranks. */
dp_status dp_exchange_create(dp_exchange **exchange, dp_comm *comm, const dp_exchange_size *size,
                             dp_error *error) DP_CHECKED;
void dp_exchange_destroy(dp_exchange *exchange); /* NULL is allowed */

/* [length], 64-byte aligned, zeroed at the start. Between steps anybody may read them; only rank 0
 * may write, and then all call dp_exchange_publish. Within a step `update` writes its slice. */
float *dp_exchange_parameters(dp_exchange *exchange);

/* A slab, slab < slabs, to which that applies, too. */
float *dp_exchange_slab(dp_exchange *exchange, size_t slab);

/* Collective: the parameters and slabs of rank 0 become everyone's. */
void dp_exchange_publish(dp_exchange *exchange);

/* Collective: one step. Afterwards parameters and extras are the same on every rank. */
void dp_exchange_step(dp_exchange *exchange, const dp_exchange_work *work);

/* [extras] sums of the last step, valid until the next. */
const float *dp_exchange_extras(const dp_exchange *exchange);

#endif
