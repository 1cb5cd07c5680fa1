#include "engine/split_step.h"

#include "base/memory.h"
#include "base/size.h"
#include "model/occurrences.h"
#include "model/wide_model.h"
#include "parallel/stealing.h"

#include <math.h>
#include <string.h>

/* Rows of C that are updated at a time where all are. */
#define TOKENS_AT_ONCE ((size_t)64)

/* What is summed over blocks beside the gradient at `a`. */
enum { EXTRA_SIGNALLED, EXTRA_COUNT };

/* What becomes of the blocks of a rank, by whoever computes them: in its part of the node's memory.
 */
typedef struct block_share {
    float *slots;    /* [blocks][slot_stride]: exponentials [batch, DP_OUTPUT_BLOCK], and of a block
                        that another rank has computed, in the end, its part of the gradient at a */
    float *stats;    /* [blocks_most][maxima, sums][batch], and target logits [batch] */
    float *gradient; /* clipping only: [blocks][output_stride] */
    double *squares; /* clipping only: [blocks_most] */
} block_share;

struct dp_split_step {
    dp_comm *comm;
    const dp_config *config;
    const dp_params_layout *layout;
    const dp_kernels *kernels;
    dp_optimizer optimizer;
    size_t slab_count;
    size_t batch;
    dp_wide_model *model;
    dp_wide_dims dims;
    size_t lde; /* embedding_dim padded */

    /* Of the node, in the memory of its first rank. */
    dp_node node;
    float *params; /* [layout->length] */
    float *slabs;  /* [slab_count][slab_length], of the blocks of the output those in `kept` */
    size_t slab_length;
    dp_tree_range kept;    /* the blocks of this node's ranks; all of them on the node of rank 0 */
    float *x;              /* [batch, ldx] */
    float *h;              /* [batch, ldh] */
    float *a;              /* [batch, lda] */
    float *dh;             /* [batch, ldh] */
    float *dx;             /* [batch, block_size, lde] */
    double *squares_below; /* [below_count]: see measure */
    void *stealing_memory;

    /* Shares of this rank on its node: of the rows of the batch and of the rows of W1. */
    dp_tree_range rows, inputs;
    size_t blocks_most; /* of any rank */
    size_t slot_stride;

    /* Of the ranks of the node, [node.size] each. Blocks of the output are shared by all ranks. */
    dp_tree_range *node_blocks;
    block_share *shares;
    dp_stealing stealing;

    dp_exchange *sums;    /* of the gradient at a, over blocks; its parameters are that sum */
    float *all_stats;     /* the stats of all ranks */
    const float **maxima; /* [output_blocks], in all_stats */
    const float **totals;
    float *target_logits, *maximum, *total; /* [batch] */
    double *losses;                         /* [batch] */
    float *gradient;                        /* [output_stride], of a block; not with clipping */
    float *part;                            /* [batch, lda], of a block in the gradient at a */
    float *dw1;                             /* [inputs of this rank, ldh], and db1 [ldh] */
    dp_occurrences occurrences;
    void *places; /* their arrays */
    float *dc;    /* [TOKENS_AT_ONCE, lde] */

    /* Clipping only. */
    size_t below_count;
    double *all_squares; /* the squares of all ranks' blocks */
    double *terms;       /* [output_blocks + below_count] */

    /* Of the current step. */
    const dp_split_batch *now;
    dp_optimizer_step update;
};

static bool clips(const dp_split_step *self) {
    return self->optimizer.clip_norm > 0.0;
}

static size_t count_of(dp_tree_range range) {
    return range.end - range.first;
}

static dp_tree_range own_blocks(const dp_split_step *self) {
    return self->node_blocks[self->node.rank];
}

static dp_tree_range blocks_of_node(const dp_split_step *self) {
    return (dp_tree_range){.first = self->node_blocks[0].first,
                           .end = self->node_blocks[self->node.size - 1].end};
}

static const block_share *own_share(const dp_split_step *self) {
    return &self->shares[self->node.rank];
}

/* --- creation ------------------------------------------------------------------------------- */

static dp_tree_range blocks_of(const dp_split_step *self, size_t rank) {
    return dp_tree_share(self->layout->output_blocks, (size_t)dp_comm_size(self->comm), rank);
}

static size_t stats_stride(const dp_split_step *self) {
    return (2 * self->blocks_most + 1) * self->batch;
}

static dp_status check_ranks(const dp_split_step *self, dp_error *error) {
    const size_t ranks = (size_t)dp_comm_size(self->comm), blocks = self->layout->output_blocks;
    if (ranks <= blocks)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%zu ranks but only %zu blocks of %zu tokens to share among them: start at most "
                   "%zu ranks or set parallel.output=replicated",
                   ranks, blocks, DP_OUTPUT_BLOCK, blocks);
}

/* The blocks of the ranks on this node, or all. */
static void find_kept(dp_split_step *self) {
    self->kept = blocks_of_node(self);
    if (self->node.index == 0)
        self->kept.end = self->layout->output_blocks;
    self->slab_length = dp_kernels_padded(self->layout->output_offset +
                                          count_of(self->kept) * self->layout->output_stride);
}

static void find_shares(dp_split_step *self) {
    const size_t ranks = (size_t)dp_comm_size(self->comm);
    const size_t size = (size_t)self->node.size, number = (size_t)self->node.rank;
    self->rows = dp_tree_share(self->batch, size, number);
    self->inputs = dp_tree_share(self->dims.hidden > 0 ? self->dims.inputs : 0, size, number);
    self->blocks_most = (self->layout->output_blocks + ranks - 1) / ranks;
    self->slot_stride = self->batch * dp_size_max(DP_OUTPUT_BLOCK, self->dims.lda);
    for (size_t i = 0; i < size; i++)
        self->node_blocks[i] = blocks_of(self, (size_t)self->node.first + i);
    find_kept(self);
    /* Rows of W1, b1, and the tokens of the batch. */
    self->below_count = self->dims.inputs + 1 + self->batch * self->layout->shape.block_size;
}

static dp_status create_model(dp_split_step *self, dp_cpu_level level, dp_error *error) {
    const size_t ranks = (size_t)self->node.size;
    const dp_model_options options = {.level = level,
                                      .grain_rows = (self->batch + ranks - 1) / ranks,
                                      .dropout = dp_config_dropout(self->config)};
    DP_TRY(check_ranks(self, error));
    DP_TRY_NEW(self->node_blocks, ranks);
    DP_TRY_NEW(self->shares, ranks);
    DP_TRY(dp_wide_model_create(&self->model, self->layout, &options, error));
    self->dims = dp_wide_model_dims(self->model);
    find_shares(self);
    return DP_OK;
}

/* Places an array in the memory of the node; `base` is NULL where only its size is wanted. */
static float *take(float *base, size_t *used, size_t floats) {
    float *array = base == NULL ? NULL : base + *used;
    *used += dp_kernels_padded(floats);
    return array;
}

static double *take_reals(float *base, size_t *used, size_t reals) {
    return (double *)(void *)take(base, used, 2 * reals);
}

/* What lies in the memory of a rank of the node, or its size in floats where base is NULL. */
static size_t place_share(dp_split_step *self, size_t rank, float *base) {
    const size_t blocks = count_of(self->node_blocks[rank]);
    const size_t kept = clips(self) ? blocks : 0;
    block_share *share = &self->shares[rank];
    size_t used = 0;
    share->slots = take(base, &used, blocks * self->slot_stride);
    share->stats = take(base, &used, stats_stride(self));
    share->gradient = take(base, &used, kept * self->layout->output_stride);
    share->squares = take_reals(base, &used, clips(self) ? self->blocks_most : 0);
    return used;
}

/* And what the first of them has in addition. */
static size_t place_arrays(dp_split_step *self, float *base) {
    const dp_wide_dims *dims = &self->dims;
    const size_t batch = self->batch;
    const size_t stealing = dp_stealing_bytes(&self->node, count_of(blocks_of_node(self)));
    size_t used = 0;
    self->params = take(base, &used, self->layout->length);
    self->slabs = take(base, &used, self->slab_count * self->slab_length);
    self->x = take(base, &used, batch * dims->ldx);
    self->h = take(base, &used, batch * dims->ldh);
    self->a = take(base, &used, batch * dims->lda);
    self->dh = take(base, &used, batch * dims->ldh);
    self->dx = take(base, &used, batch * self->layout->shape.block_size * self->lde);
    self->squares_below = take_reals(base, &used, self->below_count);
    self->stealing_memory = take(base, &used, stealing / sizeof(float));
    return used;
}

static dp_status share_memory(dp_split_step *self, dp_error *error) {
    const size_t arrays = place_arrays(self, NULL);
    const size_t share = place_share(self, (size_t)self->node.rank, NULL);
    const size_t floats = share + (self->node.rank == 0 ? arrays : 0);
    DP_TRY(dp_node_allocate(&self->node, floats * sizeof(float), error));
    for (int rank = 0; rank < self->node.size; rank++) {
        float *base = dp_node_segment(&self->node, rank);
        (void)place_share(self, (size_t)rank, base + (rank == 0 ? place_arrays(self, base) : 0));
    }
    dp_stealing_init(&self->stealing, &self->node, self->node_blocks, self->stealing_memory);
    return DP_OK;
}

/* Where the maxima and sums of each block come to lie. */
static void place_stats(dp_split_step *self) {
    for (size_t rank = 0; rank < (size_t)dp_comm_size(self->comm); rank++) {
        const dp_tree_range blocks = blocks_of(self, rank);
        const float *stats = self->all_stats + rank * stats_stride(self);
        for (size_t b = blocks.first; b < blocks.end; b++, stats += 2 * self->batch) {
            self->maxima[b] = stats;
            self->totals[b] = stats + self->batch;
        }
    }
}

static dp_status allocate(dp_split_step *self, dp_error *error) {
    const size_t ranks = (size_t)dp_comm_size(self->comm), batch = self->batch;
    const size_t blocks = self->layout->output_blocks;
    const dp_model_shape *shape = &self->layout->shape;
    DP_TRY_NEW(self->all_stats, ranks * stats_stride(self));
    DP_TRY_NEW(self->maxima, blocks);
    DP_TRY_NEW(self->totals, blocks);
    DP_TRY_NEW(self->target_logits, batch);
    DP_TRY_NEW(self->maximum, batch);
    DP_TRY_NEW(self->total, batch);
    DP_TRY_NEW(self->losses, batch);
    DP_TRY_NEW(self->gradient, self->layout->output_stride);
    DP_TRY_NEW(self->part, batch * self->dims.lda);
    DP_TRY_NEW(self->dw1, (count_of(self->inputs) + 1) * self->dims.ldh);
    DP_TRY_NEW(self->dc, TOKENS_AT_ONCE * self->lde);
    DP_TRY_NEW(self->all_squares, ranks * self->blocks_most);
    DP_TRY_NEW(self->terms, blocks + self->below_count);
    dp_workspace room = {0};
    DP_TRY(dp_occurrences_reserve(&self->occurrences, shape->vocab, batch * shape->block_size,
                                  &room, error));
    self->places = dp_workspace_allocate(&room, error);
    DP_TRY(self->places == NULL ? error->status : DP_OK);
    place_stats(self);
    return DP_OK;
}

dp_status dp_split_step_create(dp_split_step **split, dp_comm *comm, const dp_config *config,
                               const dp_params_layout *layout, dp_cpu_level level,
                               dp_error *error) {
    dp_status status = DP_OK;
    dp_split_step *self = NULL;
    *split = NULL;
    DP_NEW_ON_ALL_OR_DONE(comm, self, 1);
    self->comm = comm;
    self->config = config;
    self->layout = layout;
    self->kernels = dp_kernels_of(level);
    self->optimizer = dp_config_optimizer(config);
    self->slab_count = dp_optimizer_slabs(config->optimizer);
    self->batch = config->batch_size;
    self->lde = dp_tensor_ld(&layout->tensors[DP_TENSOR_C]);
    dp_node_init(&self->node, comm, dp_exchange_resolve(config->exchange) == DP_EXCHANGE_SHARED);
    DP_OR_DONE(dp_comm_agree(comm, create_model(self, level, error), error));
    DP_OR_DONE(share_memory(self, error));
    DP_OR_DONE(dp_comm_agree(comm, allocate(self, error), error));
    const dp_exchange_size sums = {.kind = config->exchange,
                                   .grains = layout->output_blocks,
                                   .length = self->batch * self->dims.lda,
                                   .extras = EXTRA_COUNT};
    DP_OR_DONE(dp_exchange_create(&self->sums, comm, &sums, error));
    *split = self;
    self = NULL;
done:
    dp_split_step_destroy(self);
    return status;
}

void dp_split_step_destroy(dp_split_step *split) {
    if (split == NULL)
        return;
    dp_exchange_destroy(split->sums);
    dp_wide_model_destroy(split->model);
    dp_node_clear(&split->node);
    dp_memory_free(split->places);
    dp_memory_free(split->node_blocks);
    dp_memory_free(split->shares);
    dp_memory_free(split->all_stats);
    dp_memory_free(split->maxima);
    dp_memory_free(split->totals);
    dp_memory_free(split->target_logits);
    dp_memory_free(split->maximum);
    dp_memory_free(split->total);
    dp_memory_free(split->losses);
    dp_memory_free(split->gradient);
    dp_memory_free(split->part);
    dp_memory_free(split->dw1);
    dp_memory_free(split->dc);
    dp_memory_free(split->all_squares);
    dp_memory_free(split->terms);
    dp_memory_free(split);
}

/* --- the slabs ------------------------------------------------------------------------------ */

float *dp_split_step_parameters(dp_split_step *split) {
    return split->params;
}

/* As much of it as the node has. */
static float *slab_of(const dp_split_step *self, size_t slab) {
    return self->slabs + slab * self->slab_length;
}

float *dp_split_step_slab(dp_split_step *split, size_t slab) {
    return split->node.index == 0 ? slab_of(split, slab) : NULL;
}

/* Some blocks of the output, of which the first is `first`. */
typedef struct kept_blocks {
    float *values;
    size_t first;
} kept_blocks;

static float *find_block(const dp_split_step *self, kept_blocks in, size_t block) {
    return in.values + (block - in.first) * self->layout->output_stride;
}

static void pass_blocks(dp_split_step *self, kept_blocks in, dp_tree_range blocks, int peer,
                        bool sends) {
    float *values = find_block(self, in, blocks.first);
    const size_t length = count_of(blocks) * self->layout->output_stride;
    if (sends)
        dp_comm_send(self->comm, peer, values, length);
    else
        dp_comm_receive(self->comm, peer, values, length);
}

/* Brings the blocks of ranks on other nodes from rank 0 to these, or from them to rank 0. */
static void move_blocks(dp_split_step *self, kept_blocks in, bool to_owners) {
    const int ranks = dp_comm_size(self->comm);
    if (self->node.index != 0)
        pass_blocks(self, in, own_blocks(self), 0, !to_owners);
    for (int peer = self->node.size; dp_comm_rank(self->comm) == 0 && peer < ranks; peer++)
        pass_blocks(self, in, blocks_of(self, (size_t)peer), peer, to_owners);
}

static kept_blocks blocks_of_parameters(const dp_split_step *self) {
    return (kept_blocks){.values = self->params + self->layout->output_offset};
}

static kept_blocks blocks_of_slab(const dp_split_step *self, size_t slab) {
    return (kept_blocks){.values = slab_of(self, slab) + self->layout->output_offset,
                         .first = self->kept.first};
}

void dp_split_step_publish(dp_split_step *split) {
    if (split->node.rank == 0)
        dp_node_carry_down(&split->node, split->params, split->layout->length);
    for (size_t slab = 0; slab < split->slab_count; slab++) {
        if (split->node.rank == 0)
            dp_node_carry_down(&split->node, slab_of(split, slab), split->layout->output_offset);
        move_blocks(split, blocks_of_slab(split, slab), true);
    }
    dp_node_barrier(&split->node);
}

void dp_split_step_collect(dp_split_step *split) {
    if (split->node.count == 1)
        return;
    move_blocks(split, blocks_of_parameters(split), false);
    for (size_t slab = 0; slab < split->slab_count; slab++)
        move_blocks(split, blocks_of_slab(split, slab), false);
    if (split->node.rank == 0)
        dp_node_carry_down(&split->node, split->params + split->layout->output_offset,
                           split->layout->length - split->layout->output_offset);
    dp_node_barrier(&split->node);
}

/* --- updates -------------------------------------------------------------------------------- */

static void update(dp_split_step *self, bool decays, size_t first, size_t count,
                   const float *gradient) {
    float *state[DP_OPTIMIZER_SLABS_MAX] = {NULL};
    const size_t before = first < self->layout->output_offset
                              ? 0 /* what this node's slabs lack of those before it */
                              : self->kept.first * self->layout->output_stride;
    for (size_t slab = 0; slab < self->slab_count; slab++)
        state[slab] = slab_of(self, slab) + (first - before);
    dp_optimizer_update_part(&self->optimizer, self->kernels, &self->update, decays, 0, count,
                             gradient, self->params + first, state);
}

static void update_block(dp_split_step *self, size_t block, const float *gradient) {
    const size_t weights = self->dims.seen * DP_OUTPUT_BLOCK;
    const size_t first = dp_output_block_offset(self->layout, block);
    update(self, true, first, weights, gradient);
    update(self, false, first + weights, DP_OUTPUT_BLOCK, gradient + weights);
}

static void update_layer1(dp_split_step *self) {
    const size_t ldh = self->dims.ldh, count = count_of(self->inputs);
    const dp_tensor *tensors = self->layout->tensors;
    if (count == 0)
        return;
    update(self, true, tensors[DP_TENSOR_W1].offset + self->inputs.first * ldh, count * ldh,
           self->dw1);
    if (self->inputs.first == 0)
        update(self, false, tensors[DP_TENSOR_B1].offset, ldh, self->dw1 + count * ldh);
}

/* Whether rows of C without a gradient change too. */
static bool updates_all_tokens(const dp_split_step *self) {
    return self->config->embedding_update == DP_EMBEDDING_DENSE &&
           (self->slab_count > 0 || self->optimizer.weight_decay > 0.0);
}

static void update_tokens(dp_split_step *self, size_t first, size_t count) {
    for (size_t i = 0; i < count; i++)
        dp_occurrences_sum(&self->occurrences, (uint32_t)(first + i), self->lde, self->dx,
                           self->dc + i * self->lde);
    update(self, true, self->layout->tensors[DP_TENSOR_C].offset + first * self->lde,
           count * self->lde, self->dc);
}

static dp_tree_range share_of_node(const dp_split_step *self, size_t total) {
    return dp_tree_share(total, (size_t)self->node.size, (size_t)self->node.rank);
}

static void update_embedding(dp_split_step *self) {
    if (!updates_all_tokens(self)) {
        const dp_tree_range some = share_of_node(self, self->occurrences.count);
        for (size_t i = some.first; i < some.end; i++)
            update_tokens(self, self->occurrences.tokens[i], 1);
        return;
    }
    const dp_tree_range all = share_of_node(self, self->layout->shape.vocab);
    for (size_t at = all.first; at < all.end; at += TOKENS_AT_ONCE)
        update_tokens(self, at, dp_size_min(all.end - at, TOKENS_AT_ONCE));
}

/* --- clipping ------------------------------------------------------------------------------- */

/* The squares of what lies below the output: of each row of W1, of b1, of each token. */
static void square_below(dp_split_step *self) {
    const size_t ldh = self->dims.ldh, inputs = self->dims.inputs, count = count_of(self->inputs);
    for (size_t i = 0; i < count; i++)
        self->squares_below[self->inputs.first + i] = dp_tree_squares(ldh, self->dw1 + i * ldh);
    if (count > 0 && self->inputs.first == 0)
        self->squares_below[inputs] = dp_tree_squares(ldh, self->dw1 + count * ldh);
    const dp_tree_range some = share_of_node(self, self->occurrences.count);
    for (size_t i = some.first; i < some.end; i++) {
        dp_occurrences_sum(&self->occurrences, self->occurrences.tokens[i], self->lde, self->dx,
                           self->dc);
        self->squares_below[inputs + 1 + i] = dp_tree_squares(self->lde, self->dc);
    }
}

/* The sum of the squares of the whole gradient: over the blocks of the output, then what is below.
 */
static double measure(dp_split_step *self) {
    const size_t ranks = (size_t)dp_comm_size(self->comm);
    const size_t below = self->dims.inputs + 1 + self->occurrences.count;
    square_below(self);
    dp_comm_gather_all(self->comm, own_share(self)->squares,
                       self->blocks_most * sizeof *self->all_squares, self->all_squares);
    dp_node_barrier(&self->node);
    for (size_t rank = 0; rank < ranks; rank++) {
        const dp_tree_range blocks = blocks_of(self, rank);
        memcpy(self->terms + blocks.first, self->all_squares + rank * self->blocks_most,
               count_of(blocks) * sizeof *self->terms);
    }
    memcpy(self->terms + self->layout->output_blocks, self->squares_below,
           below * sizeof *self->terms);
    return dp_tree_sum_reals(self->terms, self->layout->output_blocks + below);
}

static void update_kept_blocks(dp_split_step *self) {
    const dp_tree_range own = own_blocks(self);
    for (size_t i = 0; i < count_of(own); i++)
        update_block(self, own.first + i,
                     own_share(self)->gradient + i * self->layout->output_stride);
}

/* --- one step ------------------------------------------------------------------------------- */

static dp_wide_rows own_rows(const dp_split_step *self) {
    const size_t first = self->rows.first;
    return (dp_wide_rows){.count = count_of(self->rows),
                          .contexts = self->now->contexts + first * self->layout->shape.block_size,
                          .step = self->now->step,
                          .first_row = first,
                          .x = self->x + first * self->dims.ldx,
                          .h = self->h + first * self->dims.ldh,
                          .a = self->a + first * self->dims.lda};
}

static void wait_for_node(dp_split_step *self) {
    dp_node_barrier(&self->node);
    dp_profile_mark(self->now->profile, DP_PHASE_EXCHANGE);
}

static void compute_hidden(dp_split_step *self) {
    const dp_wide_rows rows = own_rows(self);
    dp_wide_model_hidden(self->model, self->params, &rows, self->now->profile);
    wait_for_node(self);
}

/* The number of a block among those of its owner, a rank of the node. */
static size_t number_of(const dp_split_step *self, int owner, size_t block) {
    return block - self->node_blocks[owner].first;
}

static float *slot_of(const dp_split_step *self, int owner, size_t block) {
    return self->shares[owner].slots + number_of(self, owner, block) * self->slot_stride;
}

static void compute_exponentials_of(dp_split_step *self, int owner, size_t block) {
    const size_t batch = self->batch;
    float *stats = self->shares[owner].stats;
    float *maxima = stats + 2 * number_of(self, owner, block) * batch;
    dp_wide_model_exponentials(self->model, self->params, block, batch, self->a, self->now->targets,
                               slot_of(self, owner, block), maxima, maxima + batch,
                               stats + 2 * self->blocks_most * batch, self->now->profile);
}

static void compute_exponentials(dp_split_step *self) {
    size_t block = 0;
    int owner = 0;
    dp_stealing_begin(&self->stealing);
    while (dp_stealing_take(&self->stealing, &block))
        compute_exponentials_of(self, self->node.rank, block);
    while (dp_stealing_steal(&self->stealing, &block, &owner))
        compute_exponentials_of(self, owner, block);
    wait_for_node(self);
    dp_comm_gather_all(self->comm, own_share(self)->stats,
                       stats_stride(self) * sizeof *self->all_stats, self->all_stats);
    dp_profile_mark(self->now->profile, DP_PHASE_EXCHANGE);
}

/* Each rank knows the logits of the targets in its blocks. */
static void pick_target_logits(dp_split_step *self) {
    for (size_t rank = 0; rank < (size_t)dp_comm_size(self->comm); rank++) {
        const dp_tree_range blocks = blocks_of(self, rank);
        const float *logits =
            self->all_stats + rank * stats_stride(self) + 2 * self->blocks_most * self->batch;
        for (size_t r = 0; r < self->batch; r++) {
            if (self->now->targets[r] / DP_OUTPUT_BLOCK - blocks.first < count_of(blocks))
                self->target_logits[r] = logits[r];
        }
    }
}

/* Returns the mean loss. */
static double normalise(dp_split_step *self) {
    pick_target_logits(self);
    dp_wide_model_normalise(self->model, self->batch, self->maxima, self->totals,
                            self->target_logits, self->maximum, self->total, self->losses);
    double loss = dp_tree_sum_reals(self->losses, self->batch) / (double)self->batch;
    dp_profile_mark(self->now->profile, DP_PHASE_SOFTMAX);
    return loss;
}

static dp_wide_block known_block(const dp_split_step *self, int owner, size_t block) {
    return (dp_wide_block){.number = block,
                           .rows = self->batch,
                           .a = self->a,
                           .targets = self->now->targets,
                           .e = slot_of(self, owner, block),
                           .maxima = self->maxima[block],
                           .maximum = self->maximum,
                           .total = self->total,
                           .scale = 1.0f / (float)self->batch};
}

/* Its gradient is kept, until the length of the whole one is known. */
static void compute_kept(dp_split_step *self, const dp_wide_block *block, int owner, float *part) {
    const block_share *share = &self->shares[owner];
    const size_t number = number_of(self, owner, block->number);
    const size_t stride = self->layout->output_stride;
    float *gradient = share->gradient + number * stride;
    dp_wide_model_output_gradient(self->model, self->params, block, part, gradient,
                                  self->now->profile);
    share->squares[number] = dp_tree_squares(stride, gradient);
}

/* The part of a block in the gradient at a. Its parameters are updated on the way, unless that has
 * to wait. */
static void compute_block(dp_split_step *self, int owner, size_t number, float *part) {
    const dp_wide_block block = known_block(self, owner, number);
    dp_profile *profile = self->now->profile;
    if (clips(self)) {
        compute_kept(self, &block, owner, part);
    } else if (dp_optimizer_is_plain(&self->optimizer)) {
        dp_wide_model_output_descend(self->model, self->params, &block, (float)self->update.lr,
                                     part, self->gradient, profile);
    } else {
        dp_wide_model_output_gradient(self->model, self->params, &block, part, self->gradient,
                                      profile);
        update_block(self, number, self->gradient);
    }
    dp_profile_mark(profile, DP_PHASE_UPDATE);
}

/* The part of one of this rank's blocks, whoever computes it: a dp_tree_leaves. */
static void find_part(void *context, dp_tree_range node, float *sums) {
    dp_split_step *self = context;
    const size_t length = self->batch * self->dims.lda;
    size_t block = node.first;
    if (dp_stealing_take(&self->stealing, &block)) {
        compute_block(self, self->node.rank, block, sums);
    } else {
        dp_stealing_wait(&self->stealing, block);
        memcpy(sums, slot_of(self, self->node.rank, block), length * sizeof *sums);
        dp_profile_mark(self->now->profile, DP_PHASE_EXCHANGE);
    }
    sums[length + EXTRA_SIGNALLED] = self->now->signalled ? 1.0f : 0.0f;
}

/* Computes blocks of other ranks of the node; the exponentials make room for what comes out. */
static void steal_blocks(void *context) {
    dp_split_step *self = context;
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
    dp_split_step *self = context;
    memcpy(dp_exchange_parameters(self->sums) + first, sum, count * sizeof *sum);
}

static void compute_output_gradient(dp_split_step *self) {
    const dp_exchange_work work = {.grains = find_part,
                                   .at_once = 1,
                                   .meanwhile = steal_blocks,
                                   .update = keep_sum,
                                   .context = self,
                                   .profile = self->now->profile};
    dp_stealing_begin(&self->stealing);
    dp_exchange_step(self->sums, &work);
}

static void compute_below(dp_split_step *self) {
    const size_t first = self->rows.first;
    const size_t width = self->layout->shape.block_size * self->lde;
    const dp_wide_rows rows = own_rows(self);
    dp_wide_model_below(self->model, self->params, &rows,
                        dp_exchange_parameters(self->sums) + first * self->dims.lda,
                        self->dh + first * self->dims.ldh, self->dx + first * width);
    dp_profile_mark(self->now->profile, DP_PHASE_BACKWARD);
    wait_for_node(self);
    if (count_of(self->inputs) > 0)
        dp_wide_model_layer1_gradient(self->model, self->batch, self->x, self->dh,
                                      self->inputs.first, count_of(self->inputs), self->dw1,
                                      self->dw1 + count_of(self->inputs) * self->dims.ldh);
    dp_occurrences_collect(&self->occurrences, self->batch * self->layout->shape.block_size,
                           self->now->contexts);
    dp_profile_mark(self->now->profile, DP_PHASE_BACKWARD);
}

/* What has not been updated yet. */
static void update_rest(dp_split_step *self, dp_split_result *result) {
    if (clips(self)) {
        const double squares = measure(self);
        dp_profile_mark(self->now->profile, DP_PHASE_EXCHANGE);
        result->norm = sqrt(squares);
        self->update.clip = dp_optimizer_clip(&self->optimizer, squares);
        update_kept_blocks(self);
    }
    update_layer1(self);
    update_embedding(self);
    dp_profile_mark(self->now->profile, DP_PHASE_UPDATE);
    wait_for_node(self);
}

dp_split_result dp_split_step_run(dp_split_step *split, const dp_split_batch *batch) {
    dp_split_result result = {.norm = NAN};
    split->now = batch;
    split->update = (dp_optimizer_step){.number = batch->step, .lr = batch->lr, .clip = 1.0};
    compute_hidden(split);
    compute_exponentials(split);
    result.loss = normalise(split);
    compute_output_gradient(split);
    compute_below(split);
    update_rest(split, &result);
    result.clip = split->update.clip;
    result.signalled = dp_exchange_extras(split->sums)[EXTRA_SIGNALLED] > 0.0f;
    return result;
}
