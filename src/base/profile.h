/* profile: where the time of a step goes.
 *
 * Time is cut at marks: everything since the mark before belongs to the phase that the mark names.
 * A NULL profile costs a comparison, so that code marks its phases always and is asked seldom.
 */
#ifndef DP_BASE_PROFILE_H
#define DP_BASE_PROFILE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef enum dp_phase {
    DP_PHASE_DRAW,   /* which examples, and their ids */
    DP_PHASE_LAYER1, /* weights made ready, embedding, hidden layer */
    DP_PHASE_TANH,
    DP_PHASE_LAYER2,   /* output layer */
    DP_PHASE_SOFTMAX,  /* loss and the gradient at the logits */
    DP_PHASE_BACKWARD, /* all other gradients */
    DP_PHASE_EXCHANGE, /* waiting for other ranks, and messages */
    DP_PHASE_UPDATE,   /* sums over ranks, and the optimizer */
    DP_PHASE_COUNT
} dp_phase;

/* "draw", "layer1", ... */
const char *dp_phase_name(dp_phase phase);

/* One stretch of time, in seconds since dp_profile_init. */
typedef struct dp_profile_event {
    dp_phase phase;
    double start;
    double end;
} dp_profile_event;

typedef struct dp_profile {
    double seconds[DP_PHASE_COUNT]; /* in all */
    uint64_t steps;                 /* how many were profiled */
    double origin;
    double last;              /* the mark before */
    dp_profile_event *events; /* [event_capacity] owned, or NULL: only sums are kept */
    size_t event_count;
    size_t event_capacity;
} dp_profile;

/* Starts with nothing; keeps the first event_capacity events (0: none). */
dp_status dp_profile_init(dp_profile *profile, size_t event_capacity, dp_error *error) DP_CHECKED;
void dp_profile_clear(dp_profile *profile);

/* A step begins now. NULL: nothing happens, here and below. */
void dp_profile_begin_step(dp_profile *profile);
/* What was done since the last mark, or since the step began, was this phase. */
void dp_profile_mark(dp_profile *profile, dp_phase phase);

#endif
