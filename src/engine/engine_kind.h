/* engine_kind: what an engine is to this room, who makes one of a kind, and the rows of a step. */
#ifndef DP_ENGINE_ENGINE_KIND_H
#define DP_ENGINE_ENGINE_KIND_H

#include "base/tree.h"
#include "engine/engine.h"

/* Draws some rows of the batch of a step: contexts [rows, block_size] and targets [rows]. */
void dp_subject_draw(const dp_subject *subject, uint64_t step, dp_tree_range rows,
                     uint32_t *contexts, uint32_t *targets);

/* The calls of engine/engine, of which each kind makes its own. */
typedef struct dp_engine_kind {
    /* Sets params and state of the subject, which knows all else. Both are borrowed. Agreed on;
     * also on failure there may be an engine, to be destroyed. */
    dp_status (*create)(void **engine, dp_subject *subject, dp_error *error);
    void (*destroy)(void *engine); /* NULL is allowed */
    void (*publish)(void *engine);
    void (*collect)(void *engine);
    dp_step_result (*step)(void *engine, const dp_step *step);
} dp_engine_kind;

/* What this rank asks of all in a step, as one term of a sum over the ranks, however often it is
 * added; and the result of the step, once the sum is known. To stop is more than all could ask of
 * the other. */
static inline float dp_step_asks(const dp_step *step) {
    return (step->wants_stop ? 1.0f : 0.0f) + (step->wants_look ? 0x1p-30f : 0.0f);
}
static inline dp_step_result dp_step_asked(float sum, dp_step_result result) {
    result.must_stop = sum >= 1.0f;
    result.must_look = sum > 0.0f && !result.must_stop;
    return result;
}

/* For a layout that is not split, and one that is. */
extern const dp_engine_kind dp_grain_engine_kind, dp_split_engine_kind;

#endif
