/* evaluate: the loss of a split, by all ranks together, with the same bits at any rank count.
 *
 * A split is cut into chunks of DP_EVALUATE_ROWS rows, shared among the ranks; a chunk's loss is a
 * sum in row order, and chunks are summed in the tree of `base/tree`. Each row is evaluated once
 * and counts as often as it weighs (data/row_weights).
 */
#ifndef DP_ENGINE_EVALUATE_H
#define DP_ENGINE_EVALUATE_H

#include "base/tree.h"
#include "data/dataset.h"
#include "model/model.h"
#include "parallel/comm.h"

#define DP_EVALUATE_ROWS 512

/* A set of splits has the bit 1 << split for each. */
#define DP_SPLITS_ALL ((1u << DP_SPLIT_COUNT) - 1u)

typedef struct dp_evaluation {
    double loss;       /* mean over examples, nats a token */
    double perplexity; /* exp(loss) */
    uint64_t count;    /* examples: rows, as often as they weigh */
} dp_evaluation;

/* Collective: the instruction set that models are evaluated with, the lowest of all ranks, but at
 * most `highest`. */
dp_cpu_level dp_evaluate_level(dp_comm *comm, dp_cpu_level highest);

/* Collective: evaluates the splits in this set (the others stay as they are); every rank has the
 * results. Each rank passes the same parameters. Agreed on. */
dp_status dp_evaluate(dp_comm *comm, const dp_dataset *dataset, unsigned splits,
                      const dp_params_layout *layout, dp_cpu_level highest, const float *params,
                      dp_evaluation evaluations[DP_SPLIT_COUNT], dp_error *error) DP_CHECKED;

/* Room to read a chunk of a split into. */
typedef struct dp_evaluate_rows {
    const dp_dataset *dataset;
    dp_split split;
    uint32_t targets[DP_EVALUATE_ROWS];
    double weights[DP_EVALUATE_ROWS]; /* 1 where there are none */
    uint32_t *contexts;               /* [DP_EVALUATE_ROWS, block_size], owned */
} dp_evaluate_rows;

/* `dataset` is borrowed. Release with dp_memory_free(rows->contexts). */
dp_status dp_evaluate_rows_init(dp_evaluate_rows *rows, const dp_dataset *dataset, dp_split split,
                                dp_error *error) DP_CHECKED;
/* Reads the rows [first, first + count) of the split, count <= DP_EVALUATE_ROWS, and of each the
 * last `width` tokens of its context, at most block_size: contexts [count, width]. */
void dp_evaluate_rows_read(dp_evaluate_rows *rows, size_t first, size_t count, size_t width);

/* The rows of a split of `rows` that this rank evaluates: whole chunks; it may have none. */
dp_tree_range dp_evaluate_share(const dp_comm *comm, size_t rows);

/* For evaluations of another kind: sums over a split's rows. `chunk` must add to sums[count], zeros
 * at first, those over the rows [first, first + rows), in row order, which are a chunk of this
 * rank's share; the result is the sums over all rows, in the same tree. Collective, agreed on. */
typedef void dp_evaluate_chunk(void *context, size_t first, size_t rows, double *sums);
dp_status dp_evaluate_sums(dp_comm *comm, size_t rows, size_t count, dp_evaluate_chunk *chunk,
                           void *context, double *sums, dp_error *error) DP_CHECKED;

/* The evaluation of so many examples whose losses sum to this. */
dp_evaluation dp_evaluation_of(double loss_sum, uint64_t examples);

#endif
