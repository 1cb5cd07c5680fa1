#include "train/evaluate.h"

#include "base/memory.h"
#include "parallel/tree.h"

#include <math.h>
#include <string.h>

typedef struct evaluator {
    const dp_dataset *dataset;
    dp_split split;
    const float *params;
    size_t rows; /* of the split */
    dp_model *model;
    uint32_t *contexts; /* [DP_EVALUATE_ROWS, block_size] */
    uint32_t *targets;  /* [DP_EVALUATE_ROWS] */
} evaluator;

static double chunk_loss(evaluator *self, size_t chunk) {
    const size_t block_size = self->dataset->info.block_size;
    size_t first = chunk * DP_EVALUATE_ROWS;
    size_t count = self->rows - first < DP_EVALUATE_ROWS ? self->rows - first : DP_EVALUATE_ROWS;
    for (size_t i = 0; i < count; i++)
        dp_dataset_read_row(self->dataset, self->split, first + i, self->contexts + i * block_size,
                            &self->targets[i]);
    return dp_model_loss(self->model, self->params, count, self->contexts, self->targets);
}

static dp_status allocate(evaluator *self, const dp_params_layout *layout, dp_cpu_level level,
                          dp_error *error) {
    dp_status status = DP_OK;
    const dp_model_options options = {
        .level = level, .grain_rows = DP_EVALUATE_ROWS, .forward_only = true};
    DP_TRY(dp_model_create(&self->model, layout, &options, error));
    DP_NEW_ARRAY(self->contexts, DP_EVALUATE_ROWS * layout->shape.block_size);
    DP_NEW_ARRAY(self->targets, DP_EVALUATE_ROWS);
done:
    return status;
}

/* The losses of all chunks, in order, on every rank. Each rank computes `share` chunks (the last
 * ranks may have none) and all gather shares of one size. */
static dp_status gather_losses(dp_comm *comm, evaluator *self, size_t chunks, double **losses,
                               dp_error *error) {
    const size_t ranks = (size_t)dp_comm_size(comm), rank = (size_t)dp_comm_rank(comm);
    const size_t share = (chunks + ranks - 1) / ranks;
    double *mine = NULL;
    dp_status status = DP_OK;
    DP_NEW_ARRAY_ON_ALL(comm, *losses, share * ranks);
    DP_NEW_ARRAY_ON_ALL(comm, mine, share);
    for (size_t i = 0; i < share && rank * share + i < chunks; i++)
        mine[i] = chunk_loss(self, rank * share + i);
    dp_comm_gather_all(comm, mine, share * sizeof *mine, *losses);
done:
    dp_memory_free(mine);
    return status;
}

dp_status dp_evaluate(dp_comm *comm, const dp_dataset *dataset, dp_split split,
                      const dp_params_layout *layout, const float *params,
                      dp_evaluation *evaluation, dp_error *error) {
    const size_t rows = dp_dataset_rows(dataset, split);
    const size_t chunks = (rows + DP_EVALUATE_ROWS - 1) / DP_EVALUATE_ROWS;
    double *losses = NULL;
    evaluator self = {.dataset = dataset, .split = split, .params = params, .rows = rows};
    const int lowest = -dp_comm_max(comm, -(int)dp_cpu_level_detect());
    dp_status status = allocate(&self, layout, (dp_cpu_level)lowest, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    DP_TRY(gather_losses(comm, &self, chunks, &losses, error));
    evaluation->count = rows;
    evaluation->loss = dp_tree_sum_reals(losses, chunks) / (double)rows;
    evaluation->perplexity = exp(evaluation->loss);
done:
    dp_memory_free(losses);
    dp_memory_free(self.contexts);
    dp_memory_free(self.targets);
    dp_model_destroy(self.model);
    return status;
}
