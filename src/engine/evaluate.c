#include "engine/evaluate.h"

#include "base/real.h"
#include "base/size.h"
#include "base/workspace.h"

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
    DP_OWNED(dp_memory_release) void *memory = NULL;
    dp_workspace room = {0};
    DP_RESERVE_ROWS(&room, mine, share, count);
    DP_RESERVE_ROWS(&room, all, chunks, count);
    DP_RESERVE(&room, column, chunks);
    DP_TRY_ALLOCATE_ON_ALL(comm, memory, &room);
    double *next = mine;
    for (size_t first = range.first; first < range.end; first += DP_EVALUATE_ROWS, next += count) {
        chunk(context, first, dp_size_min(DP_EVALUATE_ROWS, range.end - first), next);
        dp_comm_look(comm);
    }
    dp_comm_gather_all(comm, mine, share * count * sizeof *mine, all);
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < chunks_of(rows); i++)
            column[i] = all[i * count + k];
        sums[k] = dp_tree_sum_reals(column, chunks_of(rows));
    }
    return DP_OK;
}

dp_evaluation dp_evaluation_of(double loss_sum, uint64_t examples) {
    const double loss = loss_sum / (double)examples;
    return (dp_evaluation){.loss = loss, .perplexity = dp_real_exp(loss), .count = examples};
}

dp_cpu_level dp_evaluate_level(dp_comm *comm, dp_cpu_level highest) {
    return (dp_cpu_level)-dp_comm_max(comm, -(int)dp_cpu_level_up_to(highest));
}

/* --- the network ------------------------------------------------------------------------------ */

dp_status dp_evaluate_rows_init(dp_evaluate_rows *rows, const dp_dataset *dataset, dp_split split,
                                dp_error *error) {
    rows->dataset = dataset;
    rows->split = split;
    DP_TRY_NEW(rows->contexts, DP_EVALUATE_ROWS * (size_t)dataset->info.block_size);
    return DP_OK;
}

void dp_evaluate_rows_read(dp_evaluate_rows *rows, size_t first, size_t count, size_t width) {
    const size_t skipped = rows->dataset->info.block_size - width;
    for (size_t i = 0; i < count; i++) {
        uint32_t *context = rows->contexts + i * width;
        dp_dataset_read_row(rows->dataset, rows->split, first + i, context, &rows->targets[i]);
        if (skipped > 0)
            memmove(context, context + skipped, width * sizeof *context);
    }
    dp_row_weights_get(&rows->dataset->weights[rows->split], first, count, rows->weights);
}

typedef struct evaluator {
    const float *params;
    dp_model *model;
    size_t width; /* of its contexts */
    dp_evaluate_rows rows;
} evaluator;

static void chunk_loss(void *context, size_t first, size_t count, double *sums) {
    evaluator *self = context;
    double losses[DP_EVALUATE_ROWS], sum = 0.0;
    dp_evaluate_rows_read(&self->rows, first, count, self->width);
    dp_model_row_losses(self->model, self->params, count, self->rows.contexts, self->rows.targets,
                        losses);
    for (size_t i = 0; i < count; i++)
        sum += self->rows.weights[i] * losses[i];
    sums[0] += sum;
}

static void clear(evaluator *self) {
    dp_memory_free(self->rows.contexts);
    dp_model_destroy(self->model);
}

dp_status dp_evaluate(dp_comm *comm, const dp_dataset *dataset, unsigned splits,
                      const dp_params_layout *layout, dp_cpu_level highest, const float *params,
                      dp_evaluation evaluations[DP_SPLIT_COUNT], dp_error *error) {
    const dp_model_options options = {.level = dp_evaluate_level(comm, highest),
                                      .grain_rows = DP_EVALUATE_ROWS,
                                      .forward_only = true};
    DP_OWNED(clear) evaluator self = {.params = params, .width = layout->shape.block_size};
    dp_status status = dp_model_create(&self.model, layout, &options, error);
    if (status == DP_OK)
        status = dp_evaluate_rows_init(&self.rows, dataset, DP_SPLIT_TRAIN, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        const size_t rows = dp_dataset_rows(dataset, (dp_split)split);
        double loss = 0.0;
        if ((splits >> split & 1u) == 0)
            continue;
        self.rows.split = (dp_split)split;
        DP_TRY(dp_evaluate_sums(comm, rows, 1, chunk_loss, &self, &loss, error));
        evaluations[split] =
            dp_evaluation_of(loss, dataset->weights[split].examples); /* NaN of none */
    }
    return DP_OK;
}
