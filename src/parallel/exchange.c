#include "parallel/exchange.h"

#include "base/memory.h"

/* Slabs begin on a cache line. */
#define FLOATS_PER_LINE (DP_ALIGNMENT / sizeof(float))

struct dp_exchange {
    dp_comm *comm;
    dp_exchange_kind kind;
    dp_tree_range grains;
    dp_tree_plan plan;
    size_t length; /* of the gradient */
    size_t total;  /* of gradient and extras */
    size_t stride; /* of a slab */
    float *parameters;
    float *partials; /* [plan.block_count][stride]; partial 0 ends as the whole sum */
    float *scratch;  /* [levels of the largest block, at least 1][stride] */
};

dp_exchange_kind dp_exchange_resolve(dp_exchange_kind kind) {
    return kind == DP_EXCHANGE_AUTO ? DP_EXCHANGE_TREE : kind;
}

const char *dp_exchange_name(dp_exchange_kind kind) {
    return dp_exchange_resolve(kind) == DP_EXCHANGE_MPI ? "mpi" : "tree";
}

static float *partial(const dp_exchange *exchange, size_t slot) {
    return exchange->partials + slot * exchange->stride;
}

static void add(float *restrict sum, const float *restrict addend, size_t count) {
    for (size_t i = 0; i < count; i++)
        sum[i] += addend[i];
}

/* --- the kinds: from the partials of each rank to the whole sum in everyone's partial 0 ------- */

static void combine_tree(dp_exchange *exchange) {
    for (size_t i = 0; i < exchange->plan.step_count; i++) {
        const dp_tree_step *step = &exchange->plan.steps[i];
        float *sum = partial(exchange, step->slot);
        switch (step->action) {
        case DP_TREE_SEND:
            dp_comm_send(exchange->comm, step->peer, sum, exchange->total);
            break;
        case DP_TREE_RECEIVE:
            dp_comm_receive(exchange->comm, step->peer, exchange->scratch, exchange->total);
            add(sum, exchange->scratch, exchange->total);
            break;
        case DP_TREE_ADD:
            add(sum, partial(exchange, step->other), exchange->total);
            break;
        }
    }
    dp_comm_broadcast(exchange->comm, exchange->partials, exchange->total * sizeof(float));
}

static void combine_mpi(dp_exchange *exchange) {
    for (size_t slot = 1; slot < exchange->plan.block_count; slot++)
        add(exchange->partials, partial(exchange, slot), exchange->total);
    dp_comm_sum(exchange->comm, exchange->partials, exchange->total);
}

/* --- all kinds ------------------------------------------------------------------------------ */

static dp_status allocate(dp_exchange *self, dp_error *error) {
    dp_status status = DP_OK;
    size_t levels = 1;
    for (size_t i = 0; i < self->plan.block_count; i++) {
        size_t needed = dp_tree_scratch(self->plan.blocks[i]);
        levels = needed > levels ? needed : levels;
    }
    DP_NEW_ARRAY(self->parameters, self->length);
    DP_NEW_ARRAY(self->partials, self->plan.block_count * self->stride);
    DP_NEW_ARRAY(self->scratch, levels * self->stride);
done:
    return status;
}

dp_status dp_exchange_create(dp_exchange **exchange, dp_comm *comm, dp_exchange_kind kind,
                             size_t grains, size_t length, size_t extras, dp_error *error) {
    dp_status status = DP_OK;
    dp_exchange *self = NULL;
    size_t ranks = (size_t)dp_comm_size(comm), rank = (size_t)dp_comm_rank(comm);
    *exchange = NULL;
    if (ranks > grains)
        status = dp_fail(error, DP_ERR_INPUT,
                         "%zu ranks but only %zu grains to share among them: start at most %zu "
                         "ranks or set train.grains=%zu",
                         ranks, grains, grains, ranks);
    DP_TRY(dp_comm_agree(comm, status, error));
    self = dp_memory_zeroed(1, sizeof *self, error);
    DP_TRY(dp_comm_agree(comm, self == NULL ? error->status : DP_OK, error));
    self->comm = comm;
    self->kind = dp_exchange_resolve(kind);
    self->grains = dp_tree_share(grains, ranks, rank);
    self->length = length;
    self->total = length + extras;
    self->stride = (self->total + FLOATS_PER_LINE - 1) / FLOATS_PER_LINE * FLOATS_PER_LINE;
    status = dp_tree_plan_init(&self->plan, grains, ranks, rank, error);
    if (status == DP_OK)
        status = allocate(self, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    *exchange = self;
    return DP_OK;
done:
    dp_exchange_destroy(self);
    return status;
}

void dp_exchange_destroy(dp_exchange *exchange) {
    if (exchange == NULL)
        return;
    dp_tree_plan_clear(&exchange->plan);
    dp_memory_free(exchange->parameters);
    dp_memory_free(exchange->partials);
    dp_memory_free(exchange->scratch);
    dp_memory_free(exchange);
}

float *dp_exchange_parameters(dp_exchange *exchange) {
    return exchange->parameters;
}

void dp_exchange_step(dp_exchange *exchange, const dp_exchange_work *work) {
    for (size_t slot = 0; slot < exchange->plan.block_count; slot++)
        dp_tree_sum_block(exchange->plan.blocks[slot], work->grain, work->context, exchange->total,
                          partial(exchange, slot), exchange->scratch, exchange->stride);
    if (exchange->kind == DP_EXCHANGE_MPI)
        combine_mpi(exchange);
    else
        combine_tree(exchange);
    work->update(work->context, 0, exchange->length, exchange->partials);
}

const float *dp_exchange_extras(const dp_exchange *exchange) {
    return exchange->partials + exchange->length;
}

dp_tree_range dp_exchange_grains(const dp_exchange *exchange) {
    return exchange->grains;
}
