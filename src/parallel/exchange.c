#include "parallel/exchange.h"

#include "base/size.h"
#include "base/workspace.h"
#include "parallel/node.h"
#include "parallel/stealing.h"

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

/* A block is halved so often, for ranks to take parts of it from each other; each costs a slab. */
#define CUTS 2

/* A node of the tree that one rank computes, and its sum. */
typedef struct partial {
    dp_tree_node node;
    float *sum;
} partial;

/* How a node sums one of its blocks: a program for a stack of slices, in postfix order. Each step
 * pushes a slab or, where it is NULL, replaces the upper two by their sum. */
typedef struct sum_program {
    const float **steps; /* [count] */
    size_t count;
} sum_program;

/* In memory of this rank, in one block behind it:
 *
 *     | self | pieces | shares | scratch | terms | programs | steps of all programs | stack |
 *     | node_sums | received |
 *
 * and in the segments of the node's ranks
 *
 *     first   | partials | parameters | extras | slabs | squares | what stealing needs |
 *     others  | partials |
 */
struct dp_exchange {
    dp_comm *comm;
    dp_exchange_kind kind;
    size_t grains, at_once;
    size_t length;  /* of the gradient */
    size_t total;   /* of gradient and extras */
    size_t stride;  /* of a slab */
    float *scratch; /* [levels of the largest piece, at least 1][stride] */

    dp_node node;
    bool steals;
    partial *pieces; /* [piece_count] of all ranks of the node, in leaf order */
    size_t piece_count;
    dp_tree_range *shares; /* [node.size] of the pieces */
    dp_stealing stealing;
    float *parameters; /* [length] */
    float *extras;     /* [total - length] */
    float *slabs;      /* [slab_count][slab_stride] */
    size_t slab_count, slab_stride;

    unsigned span_log2; /* floats */
    size_t span_count;
    double *squares; /* [span_count] */
    double *terms;   /* [span_count], used up by a sum */

    dp_tree_range slice;   /* floats that this rank sums and updates */
    dp_tree_plan plan;     /* between nodes, for this slice */
    sum_program *programs; /* [plan.block_count] */
    const float **steps;   /* of all programs */
    float *node_sums;      /* [plan.block_count][slice_stride]; NULL with one node */
    float *received;       /* [slice_stride]; NULL with one node */
    size_t slice_stride;
    float *stack; /* [stack depth][CHUNK] */
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

typedef struct cutting {
    partial *pieces; /* NULL: they are counted only */
    size_t count;
    size_t levels; /* of the tree, in the largest of them */
} cutting;

/* Appends the pieces of a node, in leaf order. What is summed at once anyway is one. */
static void cut(const dp_exchange *self, dp_tree_node node, int cuts, cutting *into) {
    const dp_tree_range leaves = dp_tree_node_range(node);
    if (cuts > 0 && leaves.end - leaves.first > self->at_once) {
        cut(self, dp_tree_left(node), cuts - 1, into);
        cut(self, dp_tree_right(node), cuts - 1, into);
        return;
    }
    if (into->pieces != NULL)
        into->pieces[into->count] = (partial){.node = node};
    into->count++;
    into->levels = dp_size_max(into->levels, dp_tree_levels(node));
}

static void cut_share(const dp_exchange *self, int node_rank, cutting *into) {
    dp_tree_node blocks[DP_TREE_BLOCKS_MAX];
    const size_t ranks = (size_t)dp_comm_size(self->comm);
    const dp_tree_range share =
        dp_tree_share(self->grains, ranks, (size_t)self->node.first + (size_t)node_rank);
    const size_t count = dp_tree_blocks(self->grains, share, blocks);
    for (size_t i = 0; i < count; i++)
        cut(self, blocks[i], self->steals ? CUTS : 0, into);
}

/* Those of all ranks of the node, or how many there are. */
static cutting cut_all(const dp_exchange *self, partial *pieces, dp_tree_range *shares) {
    cutting all = {.pieces = pieces};
    for (int rank = 0; rank < self->node.size; rank++) {
        const size_t first = all.count;
        cut_share(self, rank, &all);
        if (shares != NULL)
            shares[rank] = (dp_tree_range){.first = first, .end = all.count};
    }
    return all;
}

static dp_tree_range own_pieces(const dp_exchange *self) {
    return self->shares[self->node.rank];
}

/* What the ranks of the node have in common, behind the partials of the first. */
static dp_status share_memory(dp_exchange *self, dp_error *error) {
    dp_workspace room = {0};
    const dp_tree_range own = own_pieces(self), first = self->shares[0];
    size_t bytes = (own.end - own.first) * self->stride * sizeof(float);
    DP_RESERVE(&room, self->parameters, self->length);
    DP_RESERVE(&room, self->extras, self->total - self->length);
    DP_RESERVE_ROWS(&room, self->slabs, self->slab_count, self->slab_stride);
    DP_RESERVE(&room, self->squares, self->span_count);
    dp_stealing_reserve(&self->stealing, &self->node, self->piece_count, &room);
    if (self->node.rank == 0)
        bytes += room.bytes;
    DP_TRY(dp_node_allocate(&self->node, bytes, error));
    for (int rank = 0; rank < self->node.size; rank++) {
        float *sum = dp_node_segment(&self->node, rank);
        for (size_t i = self->shares[rank].first; i < self->shares[rank].end; i++)
            self->pieces[i].sum = sum + (i - self->shares[rank].first) * self->stride;
    }
    float *partials = dp_node_segment(&self->node, 0);
    dp_workspace_place(&room, partials + (first.end - first.first) * self->stride);
    dp_stealing_init(&self->stealing, &self->node, self->shares);
    dp_node_barrier(&self->node);
    return DP_OK;
}

/* --- the sums of a node --------------------------------------------------------------------- */

/* The slab that holds this node of the tree, if it is a piece of a rank of ours; else NULL. */
static const float *find_partial(const dp_exchange *self, dp_tree_node node) {
    for (size_t i = 0; i < self->piece_count; i++) {
        const partial *of = &self->pieces[i];
        if (of->node.parts == node.parts && of->node.index == node.index)
            return of->sum;
    }
    return NULL;
}

/* Appends to a program what sums this node of the tree. */
static void compile_sum(const dp_exchange *self, dp_tree_node node, sum_program *program) {
    const float *slab = find_partial(self, node);
    if (slab == NULL) {
        compile_sum(self, dp_tree_left(node), program);
        compile_sum(self, dp_tree_right(node), program);
    }
    program->steps[program->count++] = slab;
}

static void compile_sums(dp_exchange *self) {
    const float **next = self->steps;
    for (size_t i = 0; i < self->plan.block_count; i++) {
        self->programs[i].steps = next;
        compile_sum(self, self->plan.blocks[i], &self->programs[i]);
        next += self->programs[i].count;
    }
}

/* Floats [first, first + count) of the sum, count <= CHUNK: in a partial itself where there is only
 * one, else in the stack. */
static const float *run_program(const dp_exchange *self, const sum_program *program, size_t first,
                                size_t count) {
    const float *operands[OPERANDS_MAX] = {NULL};
    size_t height = 0;
    for (size_t i = 0; i < program->count; i++) {
        if (program->steps[i] != NULL) {
            operands[height++] = program->steps[i] + first;
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

/* Measures where a rank has its slice of the sum at hand. */
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
            dp_comm_send(self->comm, slice_peer(self, step->peer), sum, length * sizeof *sum);
            break;
        case DP_TREE_RECEIVE:
            dp_comm_receive(self->comm, slice_peer(self, step->peer), self->received,
                            length * sizeof *sum);
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
    const dp_tree_range own = own_pieces(self);
    float *sum = self->pieces[own.first].sum;
    for (size_t i = own.first + 1; i < own.end; i++)
        add(sum, self->pieces[i].sum, self->total);
    dp_comm_sum(self->comm, sum, self->total);
    dp_profile_mark(work->profile, DP_PHASE_EXCHANGE);
    measure(self, work, 0, self->total, sum);
    apply(self, work, 0, self->total, sum);
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

static dp_status plan_nodes(dp_exchange *self, dp_error *error) {
    size_t ranks = (size_t)dp_comm_size(self->comm);
    DP_OWNED(dp_memory_release) size_t *starts = NULL;
    DP_TRY_NEW(starts, (size_t)self->node.count + 1);
    for (int n = 0; n < self->node.count; n++)
        starts[n] = dp_tree_share(self->grains, ranks, (size_t)dp_node_first(&self->node, n)).first;
    starts[self->node.count] = self->grains;
    dp_tree_plan_init(&self->plan, starts, (size_t)self->node.count, (size_t)self->node.index);
    return DP_OK;
}

static dp_status check_ranks(const dp_comm *comm, size_t grains, dp_error *error) {
    size_t ranks = (size_t)dp_comm_size(comm);
    if (ranks <= grains)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT, "%zu ranks but only %zu grains to share among them", ranks,
                   grains);
}

static void reserve(dp_exchange *self, dp_workspace *room) {
    const cutting all = cut_all(self, NULL, NULL);
    const size_t blocks = self->plan.block_count;
    size_t depth = 1;
    for (size_t i = 0; i < blocks; i++)
        depth = dp_size_max(depth, dp_tree_levels(self->plan.blocks[i]) + 1);
    self->piece_count = all.count;
    DP_RESERVE(room, self->pieces, all.count);
    DP_RESERVE(room, self->shares, (size_t)self->node.size);
    DP_RESERVE_ROWS(room, self->scratch, dp_size_max(all.levels, 1), self->stride);
    DP_RESERVE(room, self->terms, self->span_count);
    DP_RESERVE(room, self->programs, blocks);
    DP_RESERVE(room, self->steps, 2 * all.count); /* a push for each, and fewer sums */
    DP_RESERVE_ROWS(room, self->stack, depth, CHUNK);
    if (self->node.count == 1)
        return;
    self->slice_stride = whole_lines(self->slice.end - self->slice.first);
    DP_RESERVE_ROWS(room, self->node_sums, blocks, self->slice_stride);
    DP_RESERVE(room, self->received, self->slice_stride);
}

/* What this rank does and has by itself. */
static dp_status build(dp_exchange **exchange, dp_comm *comm, const dp_exchange_size *size,
                       dp_error *error) {
    dp_workspace room = {0};
    dp_exchange self = {.comm = comm,
                        .kind = dp_exchange_resolve(size->kind),
                        .grains = size->grains,
                        .at_once = size->at_once,
                        .length = size->length,
                        .total = size->length + size->extras,
                        .stride = whole_lines(size->length + size->extras),
                        .slab_count = size->slabs,
                        .slab_stride = whole_lines(size->length)};
    DP_TRY(check_ranks(comm, size->grains, error));
    dp_node_init(&self.node, comm, self.kind == DP_EXCHANGE_SHARED);
    const size_t uncut = cut_all(&self, NULL, NULL).count;
    self.steals = size->steals && self.node.size > 1;
    self.steals = self.steals && cut_all(&self, NULL, NULL).count > uncut;
    find_spans(&self);
    find_slice(&self);
    DP_TRY(plan_nodes(&self, error));
    reserve(&self, &room);
    DP_TRY_BUILD(*exchange, &room, self);
    (void)cut_all(*exchange, (*exchange)->pieces, (*exchange)->shares);
    return DP_OK;
}

dp_status dp_exchange_create(dp_exchange **exchange, dp_comm *comm, const dp_exchange_size *size,
                             dp_error *error) {
    dp_exchange *self = NULL;
    *exchange = NULL;
    dp_status status = dp_comm_agree(comm, build(&self, comm, size, error), error);
    if (status == DP_OK)
        status = share_memory(self, error);
    if (status != DP_OK) {
        dp_exchange_destroy(self);
        return status;
    }
    compile_sums(self);
    *exchange = self;
    return DP_OK;
}

void dp_exchange_destroy(dp_exchange *exchange) {
    if (exchange == NULL)
        return;
    dp_node_clear(&exchange->node);
    dp_memory_free(exchange);
}

float *dp_exchange_parameters(dp_exchange *exchange) {
    return exchange->parameters;
}

float *dp_exchange_slab(dp_exchange *exchange, size_t slab) {
    return exchange->slabs + slab * exchange->slab_stride;
}

void dp_exchange_publish(dp_exchange *exchange) {
    if (exchange->node.rank == 0) {
        dp_node_carry_down(&exchange->node, exchange->parameters, exchange->length);
        for (size_t slab = 0; slab < exchange->slab_count; slab++)
            dp_node_carry_down(&exchange->node, dp_exchange_slab(exchange, slab), exchange->length);
    }
    dp_node_barrier(&exchange->node);
}

static void compute(dp_exchange *self, const dp_exchange_work *work, size_t which) {
    dp_tree_sum_block(self->pieces[which].node, self->at_once, work->grains, work->context,
                      self->total, self->pieces[which].sum, self->scratch, self->stride);
}

static void compute_pieces(dp_exchange *self, const dp_exchange_work *work) {
    const dp_tree_range own = own_pieces(self);
    size_t which = own.first;
    int owner = 0;
    if (!self->steals) {
        for (; which < own.end; which++)
            compute(self, work, which);
        return;
    }
    dp_stealing_begin(&self->stealing);
    while (dp_stealing_take(&self->stealing, &which))
        compute(self, work, which);
    while (dp_stealing_steal(&self->stealing, &which, &owner))
        compute(self, work, which);
}

void dp_exchange_step(dp_exchange *exchange, const dp_exchange_work *work) {
    compute_pieces(exchange, work);
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
