#include "engine/split_block.h"

#include <string.h>

/* The number of a block among those of its owner, a rank of the node, and its slot there. */
static size_t number_of(const dp_split_engine *self, int owner, size_t block) {
    return block - self->node_blocks[owner].first;
}

static float *slot_of(const dp_split_engine *self, int owner, size_t block) {
    return self->shares[owner].slots + number_of(self, owner, block) * self->slot_stride;
}

/* A block for all rows, with what is known of it by now. */
static dp_wide_block known_block(const dp_split_engine *self, int owner, size_t block) {
    return (dp_wide_block){.number = block,
                           .rows = self->batch,
                           .a = self->a,
                           .targets = self->targets,
                           .e = slot_of(self, owner, block),
                           .maxima = self->stats_of_block[block],
                           .maximum = self->maximum,
                           .total = self->total,
                           .scale = 1.0f / (float)self->batch};
}

/* --- exponentials --------------------------------------------------------------------------- */

static void compute_exponentials(dp_split_engine *self, int owner, size_t block) {
    const dp_wide_block known = known_block(self, owner, block);
    float *stats = self->shares[owner].stats;
    dp_comm_look(self->subject->comm);
    const dp_wide_exponentials out = {.e = slot_of(self, owner, block),
                                      .stats =
                                          stats + 2 * number_of(self, owner, block) * self->batch,
                                      .target_logits = stats + 2 * self->blocks_most * self->batch};
    dp_wide_model_exponentials(self->model, self->params, &known, &out, self->now->profile);
}

void dp_split_exponentials(dp_split_engine *self) {
    size_t block = 0;
    int owner = 0;
    dp_stealing_begin(&self->stealing);
    while (dp_stealing_take(&self->stealing, &block))
        compute_exponentials(self, self->node.rank, block);
    while (dp_stealing_steal(&self->stealing, &block, &owner))
        compute_exponentials(self, owner, block);
    dp_node_barrier(&self->node);
    dp_comm_gather_all(self->subject->comm, dp_split_own_share(self)->stats,
                       self->stats_stride * sizeof *self->all_stats, self->all_stats);
    dp_profile_mark(self->now->profile, DP_PHASE_EXCHANGE);
}

/* Each rank knows the logits of the targets in its blocks. */
static void pick_target_logits(dp_split_engine *self) {
    for (size_t rank = 0; rank < (size_t)dp_comm_size(self->subject->comm); rank++) {
        const dp_tree_range blocks = dp_split_blocks(self, rank);
        const float *logits =
            self->all_stats + rank * self->stats_stride + 2 * self->blocks_most * self->batch;
        for (size_t r = 0; r < self->batch; r++) {
            if (self->targets[r] / DP_OUTPUT_BLOCK - blocks.first < dp_split_count(blocks))
                self->target_logits[r] = logits[r];
        }
    }
}

double dp_split_normalise(dp_split_engine *self) {
    pick_target_logits(self);
    dp_wide_model_normalise(self->model, self->batch, self->stats_of_block, self->target_logits,
                            self->maximum, self->total, self->losses);
    const double loss = dp_tree_sum_reals(self->losses, self->batch) / (double)self->batch;
    dp_profile_mark(self->now->profile, DP_PHASE_SOFTMAX);
    return loss;
}

/* --- gradients ------------------------------------------------------------------------------ */

static void update_block(dp_split_engine *self, size_t block, const float *gradient) {
    const size_t weights = self->dims.seen * DP_OUTPUT_BLOCK;
    const size_t first = dp_output_block_offset(self->layout, block);
    dp_split_update(self, true, first, weights, gradient);
    dp_split_update(self, false, first + weights, DP_OUTPUT_BLOCK, gradient + weights);
}

void dp_split_update_kept(dp_split_engine *self) {
    const dp_tree_range own = dp_split_own_blocks(self);
    const float *gradient = dp_split_own_share(self)->gradient;
    for (size_t b = own.first; b < own.end; b++, gradient += self->layout->output_stride)
        update_block(self, b, gradient);
}

/* Its gradient is kept, until the length of the whole one is known. */
static void compute_kept(dp_split_engine *self, const dp_wide_block *block, int owner,
                         float *part) {
    const dp_split_share *share = &self->shares[owner];
    const size_t number = number_of(self, owner, block->number);
    const size_t stride = self->layout->output_stride;
    float *gradient = share->gradient + number * stride;
    dp_wide_model_output_gradient(self->model, self->params, block, part, gradient,
                                  self->now->profile);
    share->squares[number] = dp_tree_squares(stride, gradient);
}

/* The part of a block in the gradient at a. Its parameters are updated on the way, unless that has
 * to wait. */
static void compute_block(dp_split_engine *self, int owner, size_t number, float *part) {
    const dp_wide_block block = known_block(self, owner, number);
    dp_profile *profile = self->now->profile;
    dp_comm_look(self->subject->comm);
    if (self->clips) {
        compute_kept(self, &block, owner, part);
    } else if (dp_optimizer_is_plain(self->optimizer) && !self->now->measures) {
        dp_wide_model_output_descend(self->model, self->params, &block, (float)self->update.lr,
                                     part, self->gradient, profile);
    } else {
        dp_wide_model_output_gradient(self->model, self->params, &block, part, self->gradient,
                                      profile);
        if (self->now->measures)
            self->shares[owner].squares[number_of(self, owner, number)] =
                dp_tree_squares(self->layout->output_stride, self->gradient);
        update_block(self, number, self->gradient);
    }
    dp_profile_mark(profile, DP_PHASE_UPDATE);
}

/* The part of one of this rank's blocks, whoever computes it: a dp_tree_leaves. */
static void find_part(void *context, dp_tree_range node, float *sums) {
    dp_split_engine *self = context;
    const size_t length = self->batch * self->dims.lda;
    size_t block = node.first;
    if (dp_stealing_take(&self->stealing, &block)) {
        compute_block(self, self->node.rank, block, sums);
    } else {
        dp_stealing_wait(&self->stealing, block);
        memcpy(sums, slot_of(self, self->node.rank, block), length * sizeof *sums);
        dp_profile_mark(self->now->profile, DP_PHASE_EXCHANGE);
    }
    sums[length + DP_SPLIT_ASKED] = self->asks;
}

/* Computes blocks of other ranks of the node; the exponentials make room for what comes out. */
static void steal_blocks(void *context) {
    dp_split_engine *self = context;
    size_t block = 0;
    int owner = 0;
    while (dp_stealing_steal(&self->stealing, &block, &owner)) {
        compute_block(self, owner, block, self->part);
        memcpy(slot_of(self, owner, block), self->part,
               self->batch * self->dims.lda * sizeof *self->part);
        dp_stealing_finish(&self->stealing, block);
    }
}

/* What the exchange calls an update is here the sum itself. */
static void keep_sum(void *context, size_t first, size_t count, const float *sum) {
    dp_split_engine *self = context;
    memcpy(dp_exchange_parameters(self->sums) + first, sum, count * sizeof *sum);
}

void dp_split_gradients(dp_split_engine *self) {
    const dp_exchange_work work = {.grains = find_part,
                                   .meanwhile = steal_blocks,
                                   .update = keep_sum,
                                   .context = self,
                                   .profile = self->now->profile};
    dp_stealing_begin(&self->stealing);
    dp_exchange_step(self->sums, &work);
}
