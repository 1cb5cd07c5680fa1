/* split_memory: what a split engine holds, in memory of its own and of the node, and how blocks of
 * the output come from their owners to rank 0 and back.
 */
#ifndef DP_ENGINE_SPLIT_MEMORY_H
#define DP_ENGINE_SPLIT_MEMORY_H

#include "engine/engine_kind.h"
#include "kernels/kernels.h"
#include "model/occurrences.h"
#include "model/wide_model.h"
#include "parallel/stealing.h"

/* Rows of C that are updated at a time where all are. */
#define DP_SPLIT_TOKENS_AT_ONCE ((size_t)64)

/* What is summed over blocks beside the gradient at `a`. */
enum { DP_SPLIT_ASKED, DP_SPLIT_EXTRA_COUNT };

/* What becomes of the blocks of a rank, by whoever computes them. */
typedef struct dp_split_share {
    float *slots;    /* [blocks][slot_stride]: exponentials [batch, DP_OUTPUT_BLOCK], and of a block
                        that another rank has computed, in the end, its part of the gradient at a */
    float *stats;    /* [blocks_most][maxima, sums][batch], and target logits [batch] */
    float *gradient; /* clipping only: [blocks][output_stride] */
    double
        *squares; /* [blocks_most]: of the lengths of their gradients, where they are asked for */
} dp_split_share;

/* In memory of this rank, in one block, lie this and the arrays of "this rank"; in the segments of
 * the node, in the order of their fields,
 *
 *     first   | arrays of the node | arrays of its dp_split_share |
 *     others  | arrays of their dp_split_share |
 */
typedef struct dp_split_engine {
    dp_subject *subject;
    const dp_params_layout *layout; /* the subject's */
    const dp_kernels *kernels;
    const dp_optimizer *optimizer; /* the config's */
    bool clips;
    size_t slab_count;
    size_t batch;
    dp_wide_model *model;
    dp_wide_dims dims;

    dp_node node;
    dp_tree_range kept; /* the blocks of this node's ranks; all of them on the node of rank 0 */
    size_t slab_length;
    size_t blocks_most; /* of any rank */
    size_t slot_stride, stats_stride;
    size_t below_count; /* rows of W1, b1, and the tokens of the batch */

    /* Of the node. */
    float *params; /* [layout->length], the subject's */
    float *slabs;  /* [slab_count][slab_length], of the blocks of the output those in `kept` */
    float *x;      /* [batch, ldx] */
    float *h;      /* [batch, ldh] */
    float *a;      /* [batch, lda] */
    float *dh;     /* [batch, ldh] */
    float *dx;     /* [batch, block_size, lde] */
    double *squares_below; /* [below_count]: of each row of W1, of b1, of each token */
    dp_stealing stealing;

    /* Of this rank: of the ranks of its node, [node.size] each, */
    dp_tree_range *node_blocks;
    dp_split_share *shares;
    /* of the batch, */
    uint32_t *contexts;                     /* [batch, block_size] */
    uint32_t *targets;                      /* [batch] */
    float *all_stats;                       /* the stats of all ranks */
    const float **stats_of_block;           /* [output_blocks], in all_stats */
    float *target_logits, *maximum, *total; /* [batch] */
    double *losses;                         /* [batch] */
    /* and of gradients. */
    float *gradient; /* [output_stride], of a block; not with clipping */
    float *part;     /* [batch, lda], of a block in the gradient at a */
    float *dw1;      /* [inputs of this rank, ldh], and db1 [ldh] */
    float *dc;       /* [DP_SPLIT_TOKENS_AT_ONCE, lde] */
    dp_occurrences occurrences;
    double *all_squares; /* those of all ranks' blocks */
    double *terms;       /* [output_blocks + below_count] */

    dp_tree_range rows, inputs; /* that this rank has of the batch and of W1 on its node */
    dp_exchange *sums;          /* of the gradient at a, over blocks; its parameters are that sum */

    /* Of the current step. */
    const dp_step *now;
    float asks; /* this rank, of all: dp_step_asks */
    dp_optimizer_step update;
} dp_split_engine;

/* Calls of dp_engine_kind; the engine is a dp_split_engine. */
dp_status dp_split_create(void **engine, dp_subject *subject, dp_error *error) DP_CHECKED;
void dp_split_destroy(void *engine);
void dp_split_publish(void *engine);
void dp_split_collect(void *engine);

static inline size_t dp_split_count(dp_tree_range range) {
    return range.end - range.first;
}

/* The blocks of any rank, */
dp_tree_range dp_split_blocks(const dp_split_engine *split, size_t rank);
/* and those of this one, with what becomes of them. */
static inline dp_tree_range dp_split_own_blocks(const dp_split_engine *split) {
    return split->node_blocks[split->node.rank];
}
static inline const dp_split_share *dp_split_own_share(const dp_split_engine *split) {
    return &split->shares[split->node.rank];
}

/* Updates the parameters [first, first + count), of which all decay or none does. */
void dp_split_update(dp_split_engine *split, bool decays, size_t first, size_t count,
                     const float *gradient);

#endif
