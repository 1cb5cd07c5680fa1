/* engine: one synchronized step of training, however it is computed, and what it needs.
 *
 * There are two kinds, chosen by the shape of the model: engine/grain_engine shares the rows of the
 * batch among the ranks, engine/split_engine the output layer. Who trains, measures or searches
 * knows neither. Common to both are the dataset, the draw of rows from it, and the layout.
 *
 * Knows no files but the dataset and keeps no count of steps: what a step does is a function of its
 * number and rate, of the parameters and of the optimizer's state.
 */
#ifndef DP_ENGINE_ENGINE_H
#define DP_ENGINE_ENGINE_H

#include "base/profile.h"
#include "data/dataset.h"
#include "engine/build_info.h"
#include "engine/config.h"

#include <signal.h>

typedef struct dp_engine dp_engine;

/* Collective: opens the dataset, chooses which ranks are at work (parallel/work), and builds what a
 * step needs. `config` is borrowed. Agreed on; on failure *engine is NULL. What is collective below
 * is so over the ranks at work, unless it says otherwise. */
dp_status dp_engine_create(dp_engine **engine, dp_comm *comm, const dp_config *config,
                           dp_error *error) DP_CHECKED;
void dp_engine_destroy(dp_engine *engine); /* NULL is allowed */

/* What is trained, borrowed from whoever has it. */
typedef struct dp_subject {
    dp_comm *comm; /* the ranks at work; NULL on one that rests */
    const dp_work *work;
    const dp_config *config;
    const dp_build_info *build;
    const dp_dataset *dataset;
    const dp_params_layout *layout;
    /* Between steps anybody may read them; only rank 0 may write, and then all publish. */
    float *params;                        /* [layout->length] */
    float *state[DP_OPTIMIZER_SLABS_MAX]; /* likewise each of those that the optimizer has; on
                                             other nodes than rank 0's they may be NULL */
} dp_subject;

/* Of the engine, until its next turn. */
const dp_subject *dp_engine_subject(const dp_engine *engine);

/* Whether this rank rests. Its subject then has neither ranks, parameters nor state, and it only
 * takes turns. */
bool dp_engine_rests(const dp_engine *engine);

/* Between two steps, and before the first, ranks at work take a turn, and a rank at rest does at
 * any time. */
typedef struct dp_turn {
    bool must_look; /* the last step has said so, on all of them */
    uint64_t steps; /* taken so far, by this engine; and seconds that they took: as rank 0 says */
    double seconds;
    void *state; /* [size] what a rank has to know to go on, as all at work have it */
    size_t size;
    const volatile sig_atomic_t *signal; /* that has come to a rank at rest (dp_engine_signal), or
                                            NULL */
} dp_turn;

/* Collective over the ranks at work, where now and then another number of them is tried
 * (parallel/pace), or taken. A rank at rest, or one that is put to rest, waits in here: until it is
 * called to work, and then has the state of the others, or until dp_engine_end. Whether it is at
 * work; what it has of dp_engine_subject is no longer that. */
bool dp_engine_turn(dp_engine *engine, const dp_turn *turn);
/* Whether the number of ranks at work is one that is only tried. The same on all of them. */
bool dp_engine_is_trying(const dp_engine *engine);
/* The signal that this rank has got, or, on rank 0, one that rests; 0: none. */
int dp_engine_signal(const dp_engine *engine, const volatile sig_atomic_t *own);
/* Collective over all ranks of the job, once: the work has ended with this status, which those at
 * work have agreed on, and which all return. */
dp_status dp_engine_end(dp_engine *engine, dp_status status, dp_error *error) DP_CHECKED;

/* Collective: makes rank 0's params those that training begins with. Agreed on. */
dp_status dp_engine_initialise(dp_engine *engine, dp_error *error) DP_CHECKED;
/* Collective: rank 0's params and state become everyone's. */
void dp_engine_publish(dp_engine *engine);
/* Collective: params become current on all ranks and state on rank 0, wherever they were updated.
 * To be called after steps and before either is looked at. */
void dp_engine_collect(dp_engine *engine);

/* Collective, between steps: whether the dataset is still what it was (dp_recheck_dataset). */
dp_status dp_engine_check_dataset(dp_engine *engine, dp_error *error) DP_CHECKED;

typedef struct dp_step {
    uint64_t number; /* counted from 0 */
    double lr;
    bool wants_stop;     /* asks all to stop; on any rank */
    bool wants_look;     /* asks all to look who is to be at work (dp_work_wants_look) */
    bool measures;       /* asks for the norm of the gradient; on all ranks */
    dp_profile *profile; /* where its time is recorded, or NULL */
} dp_step;

/* What a step has computed, the same on every rank. */
typedef struct dp_step_result {
    double loss;    /* mean over the batch, before the update */
    double clip;    /* factor of the gradient */
    double norm;    /* of the gradient before that; NaN without clipping unless it was asked for */
    bool must_stop; /* some rank has asked for it */
    bool must_look; /* likewise, and nobody to stop */
} dp_step_result;

/* Collective: takes a step. */
dp_step_result dp_engine_step(dp_engine *engine, const dp_step *step);

#endif
