#include "base/size.h"
#include "data/context.h"
#include "library/handle.h"

#include <math.h>
#include <string.h>

_Static_assert(DPTRAIN_CONTEXT_MAX == DP_BLOCK_SIZE_MAX, "room for every context");

/* As the program's header knows it, and as this one does. */
static dptrain_state read_state(const void *from, size_t size) {
    dptrain_state state = {0};
    memcpy(&state, from, dp_size_min(size, sizeof state));
    return state;
}

void dptrain_state_begin(const dptrain_model *model, dptrain_state *state, size_t size) {
    (void)model; /* all contexts begin alike */
    memset(state, 0, size);
}

/* The log-probabilities of the texts whose contexts are model->contexts, up to model->rows. */
static void answer(dptrain_model *model, size_t count, double *log_probabilities) {
    const size_t vocab = model->layout.shape.vocab;
    dp_handle_logits(model, count, model->contexts);
    dp_handle_weigh(model, count);
    for (size_t r = 0; r < count; r++) {
        for (uint32_t id = 0; id < vocab; id++)
            log_probabilities[r * vocab + id] = dp_handle_log_probability(model, r, id);
    }
}

dptrain_status dptrain_state_next(dptrain_model *model, const dptrain_state *states, size_t size,
                                  size_t count, double *log_probabilities, dptrain_error *error) {
    const size_t vocab = model->layout.shape.vocab, block = model->layout.shape.block_size;
    const char *next = (const char *)states;
    dp_error reason = {0};
    for (size_t first = 0, rows; first < count; first += rows) {
        rows = dp_size_min(count - first, model->rows);
        for (size_t r = 0; r < rows; r++, next += size) {
            const dptrain_state state = read_state(next, size);
            const dp_status status = dp_handle_check_ids(model, state.context, block, &reason);
            if (status != DP_OK)
                return dp_handle_report(error, status, &reason);
            memcpy(model->contexts + r * block, state.context, block * sizeof *state.context);
        }
        answer(model, rows, log_probabilities + first * vocab);
    }
    return DPTRAIN_OK;
}

/* ln P of the token behind the context, of which ids are below vocab. */
static double ask(dptrain_model *model, const uint32_t *context, uint32_t id) {
    dp_handle_logits(model, 1, context);
    dp_handle_weigh(model, 1);
    return dp_handle_log_probability(model, 0, id);
}

static dp_status push(dptrain_model *model, dptrain_state *state, uint32_t id,
                      const double *log_probabilities, dp_error *error) {
    const size_t block = model->layout.shape.block_size;
    const bool is_known = id != DPTRAIN_UNKNOWN;
    dptrain_text_score score = {state->log_probability, state->tokens, state->unknown,
                                state->known_log_probability};
    DP_TRY(dp_handle_check_ids(model, &id, is_known ? 1 : 0, error));
    DP_TRY(dp_handle_check_ids(model, state->context, block, error));
    dp_handle_add(model, &score, id,
                  !is_known                   ? -INFINITY
                  : log_probabilities == NULL ? ask(model, state->context, id)
                                              : log_probabilities[id]);
    dp_context_shift(state->context, block, is_known ? id : DP_BOUNDARY_ID);
    state->log_probability = score.log_probability;
    state->known_log_probability = score.known_log_probability;
    state->tokens = score.tokens;
    state->unknown = score.unknown;
    return DP_OK;
}

dptrain_status dptrain_state_push(dptrain_model *model, dptrain_state *state, size_t size,
                                  uint32_t id, const double *log_probabilities,
                                  dptrain_error *error) {
    dp_error reason = {0};
    dptrain_state longer = read_state(state, size);
    const dp_status status = push(model, &longer, id, log_probabilities, &reason);
    if (status == DP_OK)
        memcpy(state, &longer, dp_size_min(size, sizeof longer));
    return dp_handle_report(error, status, &reason);
}
