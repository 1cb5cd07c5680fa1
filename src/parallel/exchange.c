#include "parallel/exchange.h"

#include "base/memory.h"
#include "base/size.h"
#include "parallel/node.h"

#include <string.h>

/* Slabs and slices begin on a cache line. */
#define FLOATS_PER_LINE (DP_ALIGNMENT / sizeof(float))

/* Floats of a slice that are summed and updated at a time: what is read and written meanwhile stays
 * in the first-level cache. */
#define CHUNK ((size_t)1024)

/* Sums of squares are kept for at most so many spans of the slab. A span is this many floats or
 * more, by a power of two, and depends on the slab's length alone; slices are whole spans. Smaller
 * ones would divide the slab more evenly, but each costs a sum of its own. */
#define SPANS_MAX ((size_t)1024)
#define SPAN_MIN_LOG2 7

/* Depth of a tree over up to 2^30 leaves, and one: what a sum has on its stack at most. */
#define OPERANDS_MAX 32

/* How a node sums one of its blocks: a program for a stack of slices, in postfix order. */
typedef struct sum_step {
    const float *partial; /* push this slab; NULL: replace the upper two by their sum */
} sum_step;

typedef struct sum_program {
    sum_step *steps;
    size_t count;
    size_t capacity;
} sum_program;

struct dp_exchange {
    dp_comm *comm;
    dp_exchange_kind kind;
    size_t length;         /* of the gradient */
    size_t total;          /* of gradient and extras */
    size_t stride;         /* of a slab */
    dp_tree_range *blocks; /* [DP_TREE_BLOCKS_MAX], of this rank */
    size_t block_count;
    float *scratch; /* [levels of the largest block, at least 1][stride] */

    dp_node node;      /* segments: see segment_bytes */
    float *parameters; /* in the first segment of the node */
    float *extras;
    float *slabs; /* [slab_count][whole lines of length], behind the extras */
    size_t slab_count;

    unsigned span_log2; /* floats */
    size_t span_count;
    double *squares; /* [span_count], of the node, behind the slabs */
    double *terms;   /* [span_count], of this rank, used up by a sum */

    dp_tree_range slice;   /* floats that this rank sums and updates */
    dp_tree_plan plan;     /* between nodes, for this slice */
    sum_program *programs; /* [plan.block_count] */
    float *node_sums;      /* [plan.block_count][slice_stride]; NULL with one node */
    float *received;       /* [slice_stride]; NULL with one node */
    size_t slice_stride;
    float *stack; /* [stack_depth][CHUNK] */
    size_t stack_depth;
};

dp_exchange_kind dp_exchange_resolve(dp_exchange_kind kind) {
    return kind == DP_EXCHANGE_AUTO ? DP_EXCHANGE_SHARED : kind;
}

const char *dp_exchange_name(dp_exchange_kind kind) {
    static const char *const names[] = {DP_EXCHANGE_NAMES};
    return names[dp_exchange_resolve(kind)];
}

static size_t whole_lines(size_t floats) {
    return (floats + FLOATS_PER_LINE - 1) / FLOATS_PER_LINE * FLOATS_PER_LINE;
}

static void add(float *restrict sum, const float *restrict addend, size_t count) {
    for (size_t i = 0; i < count; i++)
        sum[i] += addend[i];
}

/* --- the memory of a node ------------------------------------------------------------------- */

/* A rank's segment: its partials, and on the first rank of a node the parameters, extras, slabs and
 * sums of squares. */
static size_t segment_bytes(const dp_exchange *self) {
    size_t floats = self->block_count * self->stride, squares = 0;
    if (self->node.rank == 0) {
        floats += (1 + self->slab_count) * whole_lines(self->length);
        floats += whole_lines(self->total - self->length);
        squares = self->span_count;
    }
    return floats * sizeof(float) + squares * sizeof(double);
}

static float *partial_of(const dp_exchange *self, int node_rank, size_t slot) {
    return (float *)dp_node_segment(&self->node, node_rank) + slot * self->stride;
}

static float *partial(const dp_exchange *self, size_t slot) {
    return partial_of(self, self->node.rank, slot);
}

static size_t blocks_of_rank(const dp_exchange *self, size_t grains, int rank,
                             dp_tree_range blocks[DP_TREE_BLOCKS_MAX]) {
    dp_tree_range share = dp_tree_share(grains, (size_t)dp_comm_size(self->comm), (size_t)rank);
    return dp_tree_blocks(grains, share, blocks);
}

static dp_status share_memory(dp_exchange *self, size_t grains, dp_error *error) {
    dp_tree_range blocks[DP_TREE_BLOCKS_MAX];
    DP_TRY(dp_node_allocate(&self->node, segment_bytes(self), error));
    self->parameters = partial_of(self, 0, blocks_of_rank(self, grains, self->node.first, blocks));
    self->extras = self->parameters + whole_lines(self->length);
    self->slabs = self->extras + whole_lines(self->total - self->length);
    self->squares = (double *)(void *)dp_exchange_slab(self, self->slab_count);
    return DP_OK;
}

/* --- the sums of a node --------------------------------------------------------------------- */

static dp_status append_step(sum_program *program, const float *slab, dp_error *error) {
    void *steps = program->steps;
    dp_status status = dp_memory_grow(&steps, &program->capacity, program->count + 1,
                                      sizeof *program->steps, error);
    program->steps = steps;
    if (status == DP_OK)
        program->steps[program->count++] = (sum_step){.partial = slab};
    return status;
}

/* The slab that holds this node of the tree, if it is a block of a rank of ours; else NULL. */
static const float *find_partial(const dp_exchange *self, size_t grains, dp_tree_range node) {
    dp_tree_range blocks[DP_TREE_BLOCKS_MAX];
    for (int r = 0; r < self->node.size; r++) {
        size_t count = blocks_of_rank(self, grains, self->node.first + r, blocks);
        for (size_t slot = 0; slot < count; slot++) {
            if (blocks[slot].first == node.first && blocks[slot].end == node.end)
                return partial_of(self, r, slot);
        }
    }
    return NULL;
}

static dp_status compile_sum(const dp_exchange *self, size_t grains, dp_tree_range node,
                             sum_program *program, dp_error *error) {
    const float *slab = find_partial(self, grains, node);
    if (slab != NULL)
        return append_step(program, slab, error);
    DP_TRY(compile_sum(self, grains, dp_tree_left(node), program, error));
    DP_TRY(compile_sum(self, grains, dp_tree_right(node), program, error));
    return append_step(program, NULL, error);
}

/* Floats [first, first + count) of the sum, count <= CHUNK: in a partial itself where there is only
 * one, else in the stack. */
static const float *run_program(const dp_exchange *self, const sum_program *program, size_t first,
                                size_t count) {
    const float *operands[OPERANDS_MAX] = {NULL};
    size_t height = 0;
    for (size_t i = 0; i < program->count; i++) {
        if (program->steps[i].partial != NULL) {
            operands[height++] = program->steps[i].partial + first;
            continue;
        }
        height--;
        float *sum = self->stack + (height - 1) * CHUNK;
        const float *left = operands[height - 1], *right = operands[height];
        for (size_t k = 0; k < count; k++) /* a program pushes two before it adds */
            sum[k] = left[k] + right[k];   /* NOLINT(clang-analyzer-core.NullDereference) */
        operands[height - 1] = sum;
    }
    return operands[0];
}

/* Updates from the floats [first, first + count) of the whole sum, and keeps what are extras. */
static void apply(dp_exchange *self, const dp_exchange_work *work, size_t first, size_t count,
                  const float *sum) {
    size_t gradients = first < self->length ? dp_size_min(count, self->length - first) : 0;
    if (gradients > 0)
        work->update(work->context, first, gradients, sum);
    if (gradients < count)
        memcpy(self->extras + (first + gradients - self->length), sum + gradients,
               (count - gradients) * sizeof *sum);
}

/* --- the length of the gradient --------------------------------------------------------------- */

/* Takes floats [first, first + count) of the whole sum into the sums of their spans. They come in
 * order, beginning at a span or a chunk of one, so that each is cut in one way only. */
static void add_squares(dp_exchange *self, size_t first, size_t count, const float *sum) {
    const size_t span = (size_t)1 << self->span_log2, piece = dp_size_min(span, CHUNK);
    const size_t end = dp_size_min(first + count, self->length);
    for (size_t at = first; at < end; at += piece) {
        double *squares = &self->squares[at >> self->span_log2];
        double before = (at & (span - 1)) == 0 ? 0.0 : *squares;
        *squares = before + dp_tree_squares(dp_size_min(piece, end - at), sum + (at - first));
    }
}

/* All ranks of the node have added their slices: all of them learn the whole. */
static void tell_squares(dp_exchange *self, const dp_exchange_work *work) {
    dp_profile_mark(work->profile, DP_PHASE_UPDATE);
    dp_node_barrier(&self->node);
    dp_profile_mark(work->profile, DP_PHASE_EXCHANGE);
    memcpy(self->terms, self->squares, self->span_count * sizeof *self->terms);
    work->measured(work->context, dp_tree_sum_reals(self->terms, self->span_count));
}

/* The same where a rank has its slice of the sum at hand. */
static void measure(dp_exchange *self, const dp_exchange_work *work, size_t first, size_t count,
                    const float *sum) {
    if (work->measured == NULL)
        return;
    add_squares(self, first, count, sum);
    tell_squares(self, work);
}

/* --- the step of a node that is alone --------------------------------------------------------- */

/* The sum is taken twice rather than kept: partials are read from a cache, mostly. */
static void measure_within_node(dp_exchange *self, const dp_exchange_work *work) {
    for (size_t at = self->slice.first; at < self->slice.end; at += CHUNK) {
        size_t count = dp_size_min(CHUNK, self->slice.end - at);
        add_squares(self, at, count, run_program(self, &self->programs[0], at, count));
    }
    tell_squares(self, work);
}

static void sum_and_apply_within_node(dp_exchange *self, const dp_exchange_work *work) {
    if (work->measured != NULL)
        measure_within_node(self, work);
    for (size_t at = self->slice.first; at < self->slice.end; at += CHUNK) {
        size_t count = dp_size_min(CHUNK, self->slice.end - at);
        apply(self, work, at, count, run_program(self, &self->programs[0], at, count));
    }
}

/* --- between nodes -------------------------------------------------------------------------- */

/* The rank that has our slice on another node. */
static int slice_peer(const dp_exchange *self, int node) {
    return dp_node_first(&self->node, node) + self->node.rank;
}

static float *node_sum(const dp_exchange *self, size_t slot) {
    return self->node_sums + slot * self->slice_stride;
}

static void carry_up(dp_exchange *self, size_t length) {
    for (size_t i = 0; i < self->plan.step_count; i++) {
        const dp_tree_step *step = &self->plan.steps[i];
        float *sum = node_sum(self, step->slot);
        switch (step->action) {
        case DP_TREE_SEND:
            dp_comm_send(self->comm, slice_peer(self, step->peer), sum, length);
            break;
        case DP_TREE_RECEIVE:
            dp_comm_receive(self->comm, slice_peer(self, step->peer), self->received, length);
            add(sum, self->received, length);
            break;
        case DP_TREE_ADD:
            add(sum, node_sum(self, step->other), length);
            break;
        }
    }
}

static void sum_between_nodes(dp_exchange *self, const dp_exchange_work *work, size_t length) {
    for (size_t slot = 0; slot < self->plan.block_count; slot++) {
        for (size_t at = 0; at < length; at += CHUNK) {
            size_t count = dp_size_min(CHUNK, length - at);
            memcpy(node_sum(self, slot) + at,
                   run_program(self, &self->programs[slot], self->slice.first + at, count),
                   count * sizeof(float));
        }
    }
    dp_profile_mark(work->profile, DP_PHASE_UPDATE);
    carry_up(self, length);
    dp_node_carry_down(&self->node, self->node_sums, length);
    dp_profile_mark(work->profile, DP_PHASE_EXCHANGE);
}

static void sum_and_apply_between_nodes(dp_exchange *self, const dp_exchange_work *work) {
    const size_t length = self->slice.end - self->slice.first;
    if (length > 0) /* else no other node need have a rank of our number */
        sum_between_nodes(self, work, length);
    measure(self, work, self->slice.first, length, self->node_sums);
    apply(self, work, self->slice.first, length, self->node_sums);
}

/* --- without the contract ------------------------------------------------------------------- */

static void sum_and_apply_by_mpi(dp_exchange *self, const dp_exchange_work *work) {
    for (size_t slot = 1; slot < self->block_count; slot++)
        add(partial(self, 0), partial(self, slot), self->total);
    dp_comm_sum(self->comm, partial(self, 0), self->total);
    dp_profile_mark(work->profile, DP_PHASE_EXCHANGE);
    measure(self, work, 0, self->total, partial(self, 0));
    apply(self, work, 0, self->total, partial(self, 0));
}

/* --- all kinds ------------------------------------------------------------------------------ */

static void find_spans(dp_exchange *self) {
    self->span_log2 = SPAN_MIN_LOG2;
    while (self->total > SPANS_MAX << self->span_log2)
        self->span_log2++;
    self->span_count = (self->total + ((size_t)1 << self->span_log2) - 1) >> self->span_log2;
}

/* There are as many slices as the smallest node has ranks, of whole spans. */
static void find_slice(dp_exchange *self) {
    int slices = self->node.size;
    for (int n = 0; n < self->node.count; n++) {
        int size = dp_node_first(&self->node, n + 1) - dp_node_first(&self->node, n);
        slices = size < slices ? size : slices;
    }
    if (self->node.rank >= slices)
        return; /* an empty slice */
    dp_tree_range spans = dp_tree_share(self->span_count, (size_t)slices, (size_t)self->node.rank);
    self->slice.first = spans.first << self->span_log2;
    self->slice.end = dp_size_min(spans.end << self->span_log2, self->total);
}

static dp_status plan_nodes(dp_exchange *self, size_t grains, dp_error *error) {
    dp_status status = DP_OK;
    size_t ranks = (size_t)dp_comm_size(self->comm);
    size_t *starts = NULL;
    DP_NEW_OR_DONE(starts, (size_t)self->node.count + 1);
    for (int n = 0; n < self->node.count; n++) {
        starts[n] = dp_tree_share(grains, ranks, (size_t)dp_node_first(&self->node, n)).first;
    }
    starts[self->node.count] = grains;
    DP_OR_DONE(dp_tree_plan_init(&self->plan, starts, (size_t)self->node.count,
                                 (size_t)self->node.index, error));
done:
    dp_memory_free(starts);
    return status;
}

/* Local memory, and the sums of the node. */
static dp_status prepare(dp_exchange *self, size_t grains, dp_error *error) {
    dp_status status = DP_OK;
    size_t levels = 1;
    for (size_t i = 0; i < self->block_count; i++)
        levels = dp_size_max(levels, dp_tree_scratch(self->blocks[i]));
    DP_TRY_NEW(self->scratch, levels * self->stride);
    DP_TRY_NEW(self->terms, self->span_count);
    DP_TRY_NEW(self->programs, self->plan.block_count);
    for (size_t i = 0; i < self->plan.block_count; i++) {
        DP_TRY(compile_sum(self, grains, self->plan.blocks[i], &self->programs[i], error));
        self->stack_depth =
            dp_size_max(self->stack_depth, dp_tree_scratch(self->plan.blocks[i]) + 1);
    }
    DP_TRY_NEW(self->stack, self->stack_depth * CHUNK);
    if (self->node.count == 1)
        return status;
    self->slice_stride = whole_lines(self->slice.end - self->slice.first);
    DP_TRY_NEW(self->node_sums, self->plan.block_count * self->slice_stride);
    DP_TRY_NEW(self->received, self->slice_stride);
    return status;
}

static dp_status check_ranks(const dp_comm *comm, size_t grains, dp_error *error) {
    size_t ranks = (size_t)dp_comm_size(comm);
    if (ranks <= grains)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%zu ranks but only %zu grains to share among them: start at most %zu ranks or "
                   "set train.grains=%zu",
                   ranks, grains, grains, ranks);
}

dp_status dp_exchange_create(dp_exchange **exchange, dp_comm *comm, dp_exchange_kind kind,
                             size_t grains, size_t length, size_t extras, size_t slabs,
                             dp_error *error) {
    dp_status status = DP_OK;
    dp_exchange *self = NULL;
    *exchange = NULL;
    DP_OR_DONE(dp_comm_agree(comm, check_ranks(comm, grains, error), error));
    DP_NEW_ON_ALL_OR_DONE(comm, self, 1);
    DP_NEW_ON_ALL_OR_DONE(comm, self->blocks, DP_TREE_BLOCKS_MAX);
    self->comm = comm;
    self->kind = dp_exchange_resolve(kind);
    self->length = length;
    self->total = length + extras;
    self->stride = whole_lines(self->total);
    self->slab_count = slabs;
    self->block_count = blocks_of_rank(self, grains, dp_comm_rank(comm), self->blocks);
    dp_node_init(&self->node, comm, self->kind == DP_EXCHANGE_SHARED);
    find_spans(self);
    find_slice(self);
    DP_OR_DONE(dp_comm_agree(comm, plan_nodes(self, grains, error), error));
    DP_OR_DONE(share_memory(self, grains, error));
    DP_OR_DONE(dp_comm_agree(comm, prepare(self, grains, error), error));
    *exchange = self;
    return DP_OK;
done:
    dp_exchange_destroy(self);
    return status;
}

void dp_exchange_destroy(dp_exchange *exchange) {
    if (exchange == NULL)
        return;
    for (size_t i = 0; exchange->programs != NULL && i < exchange->plan.block_count; i++)
        dp_memory_free(exchange->programs[i].steps);
    dp_memory_free(exchange->programs);
    dp_tree_plan_clear(&exchange->plan);
    dp_node_clear(&exchange->node);
    dp_memory_free(exchange->scratch);
    dp_memory_free(exchange->terms);
    dp_memory_free(exchange->stack);
    dp_memory_free(exchange->node_sums);
    dp_memory_free(exchange->received);
    dp_memory_free(exchange->blocks);
    dp_memory_free(exchange);
}

float *dp_exchange_parameters(dp_exchange *exchange) {
    return exchange->parameters;
}

float *dp_exchange_slab(dp_exchange *exchange, size_t slab) {
    return exchange->slabs + slab * whole_lines(exchange->length);
}

void dp_exchange_publish(dp_exchange *exchange) {
    if (exchange->node.rank == 0) {
        dp_node_carry_down(&exchange->node, exchange->parameters, exchange->length);
        for (size_t slab = 0; slab < exchange->slab_count; slab++)
            dp_node_carry_down(&exchange->node, dp_exchange_slab(exchange, slab), exchange->length);
    }
    dp_node_barrier(&exchange->node);
}

void dp_exchange_step(dp_exchange *exchange, const dp_exchange_work *work) {
    for (size_t slot = 0; slot < exchange->block_count; slot++)
        dp_tree_sum_block(exchange->blocks[slot], work->at_once, work->grains, work->context,
                          exchange->total, partial(exchange, slot), exchange->scratch,
                          exchange->stride);
    if (work->meanwhile != NULL)
        work->meanwhile(work->context);
    dp_node_barrier(&exchange->node);
    dp_profile_mark(work->profile, DP_PHASE_EXCHANGE);
    if (exchange->kind == DP_EXCHANGE_MPI)
        sum_and_apply_by_mpi(exchange, work);
    else if (exchange->node.count == 1)
        sum_and_apply_within_node(exchange, work);
    else
        sum_and_apply_between_nodes(exchange, work);
    dp_profile_mark(work->profile, DP_PHASE_UPDATE);
    dp_node_barrier(&exchange->node);
    dp_profile_mark(work->profile, DP_PHASE_EXCHANGE);
}

const float *dp_exchange_extras(const dp_exchange *exchange) {
    return exchange->extras;
}
