#include "engine/evaluate.h"

#include "base/memory.h"
#include "base/size.h"

#include <math.h>
#include <string.h>

/* --- sums over a split -------------------------------------------------------------------------
 * Each rank computes `share` chunks (the last ranks may have none) and all gather shares of one
 * size. */

static size_t chunks_of(size_t rows) {
    return (rows + DP_EVALUATE_ROWS - 1) / DP_EVALUATE_ROWS;
}

static size_t share_of(const dp_comm *comm, size_t rows) {
    const size_t ranks = (size_t)dp_comm_size(comm);
    return (chunks_of(rows) + ranks - 1) / ranks;
}

dp_tree_range dp_evaluate_share(const dp_comm *comm, size_t rows) {
    const size_t size = share_of(comm, rows) * DP_EVALUATE_ROWS;
    const size_t first = dp_size_min((size_t)dp_comm_rank(comm) * size, rows);
    return (dp_tree_range){.first = first, .end = dp_size_min(first + size, rows)};
}

dp_status dp_evaluate_sums(dp_comm *comm, size_t rows, size_t count, dp_evaluate_chunk *chunk,
                           void *context, double *sums, dp_error *error) {
    const size_t share = share_of(comm, rows), chunks = share * (size_t)dp_comm_size(comm);
    const dp_tree_range range = dp_evaluate_share(comm, rows);
    double *mine = NULL, *all = NULL, *column = NULL;
    dp_status status = DP_OK;
    DP_NEW_ON_ALL_OR_DONE(comm, mine, share * count);
    DP_NEW_ON_ALL_OR_DONE(comm, all, chunks * count);
    DP_NEW_ON_ALL_OR_DONE(comm, column, chunks);
    double *next = mine;
    for (size_t first = range.first; first < range.end; first += DP_EVALUATE_ROWS, next += count)
        chunk(context, first, dp_size_min(DP_EVALUATE_ROWS, range.end - first), next);
    dp_comm_gather_all(comm, mine, share * count * sizeof *mine, all);
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < chunks_of(rows); i++)
            column[i] = all[i * count + k];
        sums[k] = dp_tree_sum_reals(column, chunks_of(rows));
    }
done:
    dp_memory_free(mine);
    dp_memory_free(all);
    dp_memory_free(column);
    return status;
}

dp_evaluation dp_evaluation_of(double loss_sum, size_t rows) {
    const double loss = loss_sum / (double)rows;
    return (dp_evaluation){.loss = loss, .perplexity = exp(loss), .count = rows};
}

dp_cpu_level dp_evaluate_level(dp_comm *comm, dp_cpu_level highest) {
    return (dp_cpu_level)-dp_comm_max(comm, -(int)dp_cpu_level_up_to(highest));
}

/* --- the network ------------------------------------------------------------------------------ */

typedef struct evaluator {
    const dp_dataset *dataset;
    dp_split split;
    const float *params;
    dp_model *model;
    uint32_t *contexts; /* [DP_EVALUATE_ROWS, block_size] */
    uint32_t *targets;  /* [DP_EVALUATE_ROWS] */
} evaluator;

static void chunk_loss(void *context, size_t first, size_t rows, double *sums) {
    evaluator *self = context;
    dp_dataset_read_rows(self->dataset, self->split, first, rows, self->contexts, self->targets);
    sums[0] += dp_model_loss(self->model, self->params, rows, self->contexts, self->targets);
}

static dp_status allocate(evaluator *self, const dp_params_layout *layout, dp_cpu_level level,
                          dp_error *error) {
    const dp_model_options options = {
        .level = level, .grain_rows = DP_EVALUATE_ROWS, .forward_only = true};
    DP_TRY(dp_model_create(&self->model, layout, &options, error));
    DP_TRY_NEW(self->contexts, DP_EVALUATE_ROWS * layout->shape.block_size);
    DP_TRY_NEW(self->targets, DP_EVALUATE_ROWS);
    return DP_OK;
}

dp_status dp_evaluate(dp_comm *comm, const dp_dataset *dataset, dp_split split,
                      const dp_params_layout *layout, dp_cpu_level highest, const float *params,
                      dp_evaluation *evaluation, dp_error *error) {
    const size_t rows = dp_dataset_rows(dataset, split);
    double loss = 0.0;
    evaluator self = {.dataset = dataset, .split = split, .params = params};
    dp_status status = allocate(&self, layout, dp_evaluate_level(comm, highest), error);
    DP_OR_DONE(dp_comm_agree(comm, status, error));
    DP_OR_DONE(dp_evaluate_sums(comm, rows, 1, chunk_loss, &self, &loss, error));
    *evaluation = dp_evaluation_of(loss, rows);
done:
    dp_memory_free(self.contexts);
    dp_memory_free(self.targets);
    dp_model_destroy(self.model);
    return status;
}
