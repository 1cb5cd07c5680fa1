#include "engine/split_memory.h"

#include "base/size.h"
#include "base/workspace.h"

/* --- shares --------------------------------------------------------------------------------- */

static size_t count_ranks(const dp_split_engine *self) {
    return (size_t)dp_comm_size(self->subject->comm);
}

dp_tree_range dp_split_blocks(const dp_split_engine *self, size_t rank) {
    return dp_tree_share(self->layout->output_blocks, count_ranks(self), rank);
}

static dp_tree_range blocks_of_node(const dp_split_engine *self) {
    const size_t first = (size_t)self->node.first, size = (size_t)self->node.size;
    return (dp_tree_range){.first = dp_split_blocks(self, first).first,
                           .end = dp_split_blocks(self, first + size - 1).end};
}

static void find_shares(dp_split_engine *self) {
    const dp_params_layout *layout = self->layout;
    const size_t ranks = count_ranks(self), blocks = layout->output_blocks;
    const size_t size = (size_t)self->node.size, number = (size_t)self->node.rank;
    self->rows = dp_tree_share(self->batch, size, number);
    self->inputs = dp_tree_share(self->dims.hidden > 0 ? self->dims.inputs : 0, size, number);
    self->kept = blocks_of_node(self);
    if (self->node.index == 0)
        self->kept.end = blocks;
    self->slab_length = dp_kernels_padded(layout->output_offset +
                                          dp_split_count(self->kept) * layout->output_stride);
    self->blocks_most = (blocks + ranks - 1) / ranks;
    self->slot_stride = self->batch * dp_size_max(DP_OUTPUT_BLOCK, self->dims.lda);
    self->stats_stride = (2 * self->blocks_most + 1) * self->batch;
    self->below_count = self->dims.inputs + 1 + self->batch * layout->shape.block_size;
}

/* --- the memory of the node ------------------------------------------------------------------- */

static void reserve_of_node(dp_split_engine *self, dp_workspace *room) {
    const size_t batch = self->batch, blocks = dp_split_count(blocks_of_node(self));
    DP_RESERVE(room, self->params, self->layout->length);
    DP_RESERVE_ROWS(room, self->slabs, self->slab_count, self->slab_length);
    DP_RESERVE_ROWS(room, self->x, batch, self->dims.ldx);
    DP_RESERVE_ROWS(room, self->h, batch, self->dims.ldh);
    DP_RESERVE_ROWS(room, self->a, batch, self->dims.lda);
    DP_RESERVE_ROWS(room, self->dh, batch, self->dims.ldh);
    DP_RESERVE_ROWS(room, self->dx, batch * self->layout->shape.block_size, self->dims.lde);
    DP_RESERVE(room, self->squares_below, self->below_count);
    dp_stealing_reserve(&self->stealing, &self->node, blocks, room);
}

/* Of a rank of the node. */
static void reserve_share(dp_split_engine *self, int rank, dp_workspace *room) {
    dp_split_share *share = &self->shares[rank];
    const size_t blocks = dp_split_count(self->node_blocks[rank]);
    DP_RESERVE_ROWS(room, share->slots, blocks, self->slot_stride);
    DP_RESERVE(room, share->stats, self->stats_stride);
    DP_RESERVE_ROWS(room, share->gradient, self->clips ? blocks : 0, self->layout->output_stride);
    DP_RESERVE(room, share->squares, self->blocks_most);
}

static dp_status share_memory(dp_split_engine *self, dp_error *error) {
    dp_workspace common = {0}, own = {0};
    for (int rank = 0; rank < self->node.size; rank++)
        self->node_blocks[rank] = dp_split_blocks(self, (size_t)self->node.first + (size_t)rank);
    reserve_of_node(self, &common);
    reserve_share(self, self->node.rank, &own);
    const size_t bytes = own.bytes + (self->node.rank == 0 ? common.bytes : 0);
    DP_TRY(dp_node_allocate(&self->node, bytes, error));
    dp_workspace_place(&common, dp_node_segment(&self->node, 0));
    for (int rank = 0; rank < self->node.size; rank++) {
        char *segment = dp_node_segment(&self->node, rank);
        dp_workspace room = {0};
        reserve_share(self, rank, &room);
        dp_workspace_place(&room, segment + (rank == 0 ? common.bytes : 0));
    }
    dp_stealing_init(&self->stealing, &self->node, self->node_blocks);
    return DP_OK;
}

/* --- the memory of this rank ------------------------------------------------------------------ */

static void reserve_of_batch(dp_split_engine *self, dp_workspace *room) {
    const size_t batch = self->batch;
    DP_RESERVE(room, self->node_blocks, (size_t)self->node.size);
    DP_RESERVE(room, self->shares, (size_t)self->node.size);
    DP_RESERVE_ROWS(room, self->contexts, batch, self->layout->shape.block_size);
    DP_RESERVE(room, self->targets, batch);
    DP_RESERVE_ROWS(room, self->all_stats, count_ranks(self), self->stats_stride);
    DP_RESERVE(room, self->stats_of_block, self->layout->output_blocks);
    DP_RESERVE(room, self->target_logits, batch);
    DP_RESERVE(room, self->maximum, batch);
    DP_RESERVE(room, self->total, batch);
    DP_RESERVE(room, self->losses, batch);
}

static dp_status reserve_of_gradients(dp_split_engine *self, dp_workspace *room, dp_error *error) {
    const dp_model_shape *shape = &self->layout->shape;
    const size_t blocks = self->layout->output_blocks;
    DP_RESERVE(room, self->gradient, self->layout->output_stride);
    DP_RESERVE_ROWS(room, self->part, self->batch, self->dims.lda);
    DP_RESERVE_ROWS(room, self->dw1, dp_split_count(self->inputs) + 1, self->dims.ldh);
    DP_RESERVE_ROWS(room, self->dc, DP_SPLIT_TOKENS_AT_ONCE, self->dims.lde);
    DP_TRY(dp_occurrences_reserve(&self->occurrences, shape->vocab, self->batch * shape->block_size,
                                  self->dims.lde, room, error));
    DP_RESERVE_ROWS(room, self->all_squares, count_ranks(self), self->blocks_most);
    DP_RESERVE(room, self->terms, blocks + self->below_count);
    return DP_OK;
}

/* Where the maxima and sums of each block come to lie. */
static void find_stats(dp_split_engine *self) {
    for (size_t rank = 0; rank < count_ranks(self); rank++) {
        const dp_tree_range blocks = dp_split_blocks(self, rank);
        const float *stats = self->all_stats + rank * self->stats_stride;
        for (size_t b = blocks.first; b < blocks.end; b++, stats += 2 * self->batch)
            self->stats_of_block[b] = stats;
    }
}

static dp_status create_model(dp_split_engine *self, dp_error *error) {
    const size_t ranks = (size_t)self->node.size;
    const dp_model_options options = {.level = self->subject->build->level,
                                      .grain_rows = (self->batch + ranks - 1) / ranks,
                                      .dropout = dp_config_dropout(self->subject->config)};
    return dp_wide_model_create(&self->model, self->layout, &options, error);
}

/* What this rank has by itself. */
static dp_status build(dp_split_engine **split, dp_subject *subject, dp_error *error) {
    const dp_config *config = subject->config;
    dp_workspace room = {0};
    dp_split_engine self = {.subject = subject,
                            .layout = subject->layout,
                            .kernels = dp_kernels_of(subject->build->level),
                            .optimizer = &config->optimizer,
                            .clips = config->optimizer.clip_norm > 0.0,
                            .slab_count = dp_optimizer_slabs(config->optimizer.kind),
                            .batch = config->batch_size,
                            .dims = dp_wide_dims_of(subject->layout)};
    dp_node_init(&self.node, subject->comm,
                 dp_exchange_resolve(config->exchange) == DP_EXCHANGE_SHARED);
    find_shares(&self);
    reserve_of_batch(&self, &room);
    DP_TRY(reserve_of_gradients(&self, &room, error));
    DP_TRY_BUILD(*split, &room, self);
    find_stats(*split);
    return create_model(*split, error);
}

/* As much of a slab as the node has. */
static float *slab_of(const dp_split_engine *self, size_t slab) {
    return self->slabs + slab * self->slab_length;
}

static dp_status create_sums(dp_split_engine *self, dp_error *error) {
    const dp_exchange_size size = {.kind = self->subject->config->exchange,
                                   .grains = self->layout->output_blocks,
                                   .at_once = 1,
                                   .length = self->batch * self->dims.lda,
                                   .extras = DP_SPLIT_EXTRA_COUNT};
    return dp_exchange_create(&self->sums, self->subject->comm, &size, error);
}

dp_status dp_split_create(void **engine, dp_subject *subject, dp_error *error) {
    dp_split_engine *self = NULL;
    dp_status status = build(&self, subject, error);
    *engine = self;
    DP_TRY(dp_comm_agree(subject->comm, status, error));
    DP_TRY(share_memory(self, error));
    DP_TRY(create_sums(self, error));
    subject->params = self->params;
    for (size_t slab = 0; slab < self->slab_count && self->node.index == 0; slab++)
        subject->state[slab] = slab_of(self, slab);
    return DP_OK;
}

void dp_split_destroy(void *engine) {
    dp_split_engine *self = engine;
    if (self == NULL)
        return;
    dp_exchange_destroy(self->sums);
    dp_wide_model_destroy(self->model);
    dp_node_clear(&self->node);
    dp_memory_free(self);
}

/* --- the slabs ------------------------------------------------------------------------------ */

void dp_split_update(dp_split_engine *self, bool decays, size_t first, size_t count,
                     const float *gradient) {
    dp_optimizer_slice slice = {
        .count = count, .gradient = gradient, .params = self->params + first};
    const size_t before = first < self->layout->output_offset
                              ? 0 /* what this node's slabs lack of those before it */
                              : self->kept.first * self->layout->output_stride;
    for (size_t slab = 0; slab < self->slab_count; slab++)
        slice.state[slab] = slab_of(self, slab) + (first - before);
    dp_optimizer_update_part(self->optimizer, self->kernels, &self->update, decays, &slice);
}

/* Some blocks of the output, of which the first is `first`. */
typedef struct kept_blocks {
    float *values;
    size_t first;
} kept_blocks;

static void pass_blocks(dp_split_engine *self, kept_blocks in, dp_tree_range blocks, int peer,
                        bool sends) {
    const size_t stride = self->layout->output_stride;
    float *values = in.values + (blocks.first - in.first) * stride;
    const size_t bytes = dp_split_count(blocks) * stride * sizeof *values;
    if (sends)
        dp_comm_send(self->subject->comm, peer, values, bytes);
    else
        dp_comm_receive(self->subject->comm, peer, values, bytes);
}

/* Brings the blocks of ranks on other nodes from rank 0 to these, or from them to rank 0. */
static void move_blocks(dp_split_engine *self, kept_blocks in, bool to_owners) {
    const int ranks = dp_comm_size(self->subject->comm);
    if (self->node.index != 0)
        pass_blocks(self, in, dp_split_own_blocks(self), 0, !to_owners);
    for (int peer = self->node.size; dp_comm_rank(self->subject->comm) == 0 && peer < ranks; peer++)
        pass_blocks(self, in, dp_split_blocks(self, (size_t)peer), peer, to_owners);
}

static kept_blocks blocks_of_slab(const dp_split_engine *self, size_t slab) {
    return (kept_blocks){.values = slab_of(self, slab) + self->layout->output_offset,
                         .first = self->kept.first};
}

void dp_split_publish(void *engine) {
    dp_split_engine *self = engine;
    if (self->node.rank == 0)
        dp_node_carry_down(&self->node, self->params, self->layout->length);
    for (size_t slab = 0; slab < self->slab_count; slab++) {
        if (self->node.rank == 0)
            dp_node_carry_down(&self->node, slab_of(self, slab), self->layout->output_offset);
        move_blocks(self, blocks_of_slab(self, slab), true);
    }
    dp_node_barrier(&self->node);
}

void dp_split_collect(void *engine) {
    dp_split_engine *self = engine;
    float *output = self->params + self->layout->output_offset;
    if (self->node.count == 1)
        return;
    move_blocks(self, (kept_blocks){.values = output}, false);
    for (size_t slab = 0; slab < self->slab_count; slab++)
        move_blocks(self, blocks_of_slab(self, slab), false);
    if (self->node.rank == 0)
        dp_node_carry_down(&self->node, output, self->layout->length - self->layout->output_offset);
    dp_node_barrier(&self->node);
}
