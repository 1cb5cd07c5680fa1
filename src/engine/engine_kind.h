/* engine_kind: what an engine is to this room, who makes one of a kind and a source of rows.
 */
#ifndef DP_ENGINE_ENGINE_KIND_H
#define DP_ENGINE_ENGINE_KIND_H

#include "base/tree.h"
#include "engine/engine.h"

/* What an engine is built on; all of it is borrowed. */
typedef struct dp_engine_setting {
    dp_comm *comm;
    const dp_config *config;
    const dp_params_layout *layout;
    dp_cpu_level level;                  /* of the kernels */
    const volatile sig_atomic_t *signal; /* or NULL */
    /* Draws some rows of the batch of a step: contexts [rows, block_size] and targets [rows]. */
    void (*draw)(const void *source, uint64_t step, dp_tree_range rows, uint32_t *contexts,
                 uint32_t *targets);
    const void *source;
} dp_engine_setting;

/* The calls of engine/engine, of which each kind makes its own. */
typedef struct dp_engine_kind {
    dp_status (*create)(void **engine, const dp_engine_setting *setting, dp_error *error);
    void (*destroy)(void *engine); /* NULL is allowed */
    float *(*params)(void *engine);
    float *(*slab)(void *engine, size_t slab); /* of the optimizer's state */
    void (*publish)(void *engine);
    void (*collect)(void *engine);
    dp_step_result (*step)(void *engine, const dp_step *step);
} dp_engine_kind;

/* Whether this rank asks all to stop. */
static inline bool dp_engine_wants_stop(const dp_engine_setting *setting, const dp_step *step) {
    return step->out_of_time || (setting->signal != NULL && *setting->signal != 0);
}

#endif
