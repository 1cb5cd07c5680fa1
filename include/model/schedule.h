/* schedule: the learning rate as a function of the step. */
#ifndef DP_MODEL_SCHEDULE_H
#define DP_MODEL_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

typedef enum dp_schedule_kind {
    DP_SCHEDULE_STEP,     /* lr, multiplied by gamma at each milestone */
    DP_SCHEDULE_CONSTANT, /* lr */
} dp_schedule_kind;

typedef struct dp_schedule {
    dp_schedule_kind kind;
    double lr;
    double gamma;
    const uint64_t *milestones; /* [milestone_count], in any order */
    size_t milestone_count;
} dp_schedule;

/* The rate of step `step`, counted from 0: a milestone m is the first step with the lower rate. */
double dp_schedule_lr(const dp_schedule *schedule, uint64_t step);

#endif
