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
#include "engine/split_block.h"

#include "base/size.h"

#include <math.h>
#include <string.h>

static void mark(const dp_split_engine *self, dp_phase phase) {
    dp_profile_mark(self->now->profile, phase);
}

static void wait_for_node(dp_split_engine *self) {
    dp_node_barrier(&self->node);
    mark(self, DP_PHASE_EXCHANGE);
}

static dp_tree_range share_of_node(const dp_split_engine *self, size_t total) {
    return dp_tree_share(total, (size_t)self->node.size, (size_t)self->node.rank);
}

/* --- rows ----------------------------------------------------------------------------------- */

static dp_wide_rows own_rows(const dp_split_engine *self) {
    const size_t first = self->rows.first;
    return (dp_wide_rows){.count = dp_split_count(self->rows),
                          .contexts = self->contexts + first * self->layout->shape.block_size,
                          .step = self->now->number,
                          .first_row = first,
                          .x = self->x + first * self->dims.ldx,
                          .h = self->h + first * self->dims.ldh,
                          .a = self->a + first * self->dims.lda};
}

static void draw_rows(dp_split_engine *self) {
    dp_subject_draw(self->subject, self->now->number, (dp_tree_range){.end = self->batch},
                    self->contexts, self->targets);
    self->asks = dp_step_asks(self->now);
    mark(self, DP_PHASE_DRAW);
}

static void compute_hidden(dp_split_engine *self) {
    const dp_wide_rows rows = own_rows(self);
    dp_wide_model_hidden(self->model, self->params, &rows, self->now->profile);
    wait_for_node(self);
}

static void compute_below(dp_split_engine *self) {
    const size_t first = self->rows.first, count = dp_split_count(self->inputs);
    const size_t block = self->layout->shape.block_size;
    const dp_wide_rows rows = own_rows(self);
    dp_wide_model_below(self->model, self->params, &rows,
                        dp_exchange_parameters(self->sums) + first * self->dims.lda,
                        self->dh + first * self->dims.ldh,
                        self->dx + first * block * self->dims.lde);
    mark(self, DP_PHASE_BACKWARD);
    wait_for_node(self);
    if (count > 0)
        dp_wide_model_layer1_gradient(self->model, self->batch, self->x, self->dh,
                                      self->inputs.first, count, self->dw1,
                                      self->dw1 + count * self->dims.ldh);
    dp_occurrences_collect(&self->occurrences, self->batch * block, self->contexts);
    mark(self, DP_PHASE_BACKWARD);
}

/* --- the length of the gradient
 * ------------------------------------------------------------------------------- */

static void square_below(dp_split_engine *self) {
    const size_t ldh = self->dims.ldh, inputs = self->dims.inputs;
    const size_t count = dp_split_count(self->inputs);
    for (size_t i = 0; i < count; i++)
        self->squares_below[self->inputs.first + i] = dp_tree_squares(ldh, self->dw1 + i * ldh);
    if (count > 0 && self->inputs.first == 0)
        self->squares_below[inputs] = dp_tree_squares(ldh, self->dw1 + count * ldh);
    const dp_tree_range some = share_of_node(self, self->occurrences.count);
    for (size_t i = some.first; i < some.end; i++) {
        dp_occurrences_sum(&self->occurrences, self->occurrences.tokens[i], self->dx, self->dc);
        self->squares_below[inputs + 1 + i] = dp_tree_squares(self->dims.lde, self->dc);
    }
}

/* The sum of the squares of the whole gradient: over the blocks of the output, then what is below.
 */
static double measure(dp_split_engine *self) {
    const size_t ranks = (size_t)dp_comm_size(self->subject->comm);
    const size_t below = self->dims.inputs + 1 + self->occurrences.count;
    square_below(self);
    dp_comm_gather_all(self->subject->comm, dp_split_own_share(self)->squares,
                       self->blocks_most * sizeof *self->all_squares, self->all_squares);
    dp_node_barrier(&self->node);
    for (size_t rank = 0; rank < ranks; rank++) {
        const dp_tree_range blocks = dp_split_blocks(self, rank);
        memcpy(self->terms + blocks.first, self->all_squares + rank * self->blocks_most,
               dp_split_count(blocks) * sizeof *self->terms);
    }
    memcpy(self->terms + self->layout->output_blocks, self->squares_below,
           below * sizeof *self->terms);
    return dp_tree_sum_reals(self->terms, self->layout->output_blocks + below);
}

/* --- the update of what is below -------------------------------------------------------------- */

static void update_layer1(dp_split_engine *self) {
    const size_t ldh = self->dims.ldh, count = dp_split_count(self->inputs);
    const dp_tensor *tensors = self->layout->tensors;
    if (count == 0)
        return;
    dp_split_update(self, true, tensors[DP_TENSOR_W1].offset + self->inputs.first * ldh,
                    count * ldh, self->dw1);
    if (self->inputs.first == 0)
        dp_split_update(self, false, tensors[DP_TENSOR_B1].offset, ldh, self->dw1 + count * ldh);
}

/* Whether rows of C without a gradient change too. */
static bool updates_all_tokens(const dp_split_engine *self) {
    return self->subject->config->embedding_update == DP_EMBEDDING_DENSE &&
           (self->slab_count > 0 || self->optimizer->weight_decay > 0.0);
}

static void update_tokens(dp_split_engine *self, size_t first, size_t count) {
    for (size_t i = 0; i < count; i++)
        dp_occurrences_sum(&self->occurrences, (uint32_t)(first + i), self->dx,
                           self->dc + i * self->dims.lde);
    dp_split_update(self, true, self->layout->tensors[DP_TENSOR_C].offset + first * self->dims.lde,
                    count * self->dims.lde, self->dc);
}

static void update_embedding(dp_split_engine *self) {
    if (!updates_all_tokens(self)) {
        const dp_tree_range some = share_of_node(self, self->occurrences.count);
        for (size_t i = some.first; i < some.end; i++)
            update_tokens(self, self->occurrences.tokens[i], 1);
        return;
    }
    const dp_tree_range all = share_of_node(self, self->layout->shape.vocab);
    for (size_t at = all.first; at < all.end; at += DP_SPLIT_TOKENS_AT_ONCE)
        update_tokens(self, at, dp_size_min(all.end - at, DP_SPLIT_TOKENS_AT_ONCE));
}

/* What has not been updated yet. */
static void update_rest(dp_split_engine *self, dp_step_result *result) {
    double squares = 0.0;
    if (self->clips || self->now->measures) {
        squares = measure(self);
        mark(self, DP_PHASE_EXCHANGE);
        result->norm = sqrt(squares);
    }
    if (self->clips) {
        result->clip = self->update.clip = dp_optimizer_clip(self->optimizer, squares);
        dp_split_update_kept(self);
    }
    update_layer1(self);
    update_embedding(self);
    mark(self, DP_PHASE_UPDATE);
    wait_for_node(self);
}

/* --- the engine ----------------------------------------------------------------------------- */

static dp_step_result take_step(void *engine, const dp_step *step) {
    dp_split_engine *self = engine;
    dp_step_result result = {.clip = 1.0, .norm = NAN};
    self->now = step;
    self->update = (dp_optimizer_step){.number = step->number, .lr = step->lr, .clip = 1.0};
    draw_rows(self);
    compute_hidden(self);
    dp_split_exponentials(self);
    result.loss = dp_split_normalise(self);
    dp_split_gradients(self);
    compute_below(self);
    update_rest(self, &result);
    return dp_step_asked(dp_exchange_extras(self->sums)[DP_SPLIT_ASKED], result);
}

const dp_engine_kind dp_split_engine_kind = {.create = dp_split_create,
                                             .destroy = dp_split_destroy,
                                             .publish = dp_split_publish,
                                             .collect = dp_split_collect,
                                             .step = take_step};
