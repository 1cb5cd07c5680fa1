/* time_limit: when a run must begin to end, so that its checkpoint is written before its time is
 * over.
 *
 * Decides how much time to leave, from what passes through the training loop and checkpoints have
 * taken so far. Knows no clock: callers pass the time (base/timer).
 */
#ifndef DP_TRAIN_TIME_LIMIT_H
#define DP_TRAIN_TIME_LIMIT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct dp_time_limit {
    double end; /* 0: there is no limit */
    double pass_began;
    double longest_pass; /* seconds */
    double longest_save;
} dp_time_limit;

/* A limit of `seconds` from `now` on; 0: none. `bytes` is the size of a checkpoint, which stands
 * for the time that one takes until the first is written. */
void dp_time_limit_init(dp_time_limit *limit, double seconds, double now, size_t bytes);

/* A checkpoint has taken so long. */
void dp_time_limit_note_save(dp_time_limit *limit, double seconds);

/* To be called before each step: whether it must be the last one. A pass is all that lies between
 * two calls: a step, and the evaluation and the checkpoint that follow some. */
bool dp_time_limit_is_reached(dp_time_limit *limit, double now);

/* Seconds that are left for the last pass and the last checkpoint: twice the longest of both, as
 * the last may be slower, and one for what comes before and after. */
double dp_time_limit_reserve(const dp_time_limit *limit);

#endif
