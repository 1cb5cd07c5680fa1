/* schedule: the learning rate as a function of the step, counted from 0.
 *
 *   step       lr, multiplied by gamma at each milestone: m is the first step with the lower rate
 *   constant   lr
 *   cosine     lr at the start, falling along half a wave towards final * lr at the end (Loshchilov
 *              and Hutter 2017)
 *   inverse    lr / (1 + decay t) (Bengio et al. 2003)
 *
 * Over the first `warmup` steps each of them is multiplied by (step + 1) / warmup. Cosine and
 * inverse begin when these are over; milestones are counted from step 0 whatever the warm-up.
 *
 * Sums, products and quotients of double, so the same on any machine.
 */
#ifndef DP_MODEL_SCHEDULE_H
#define DP_MODEL_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

typedef enum dp_schedule_kind {
    DP_SCHEDULE_STEP,
    DP_SCHEDULE_CONSTANT,
    DP_SCHEDULE_COSINE,
    DP_SCHEDULE_INVERSE,
} dp_schedule_kind;
#define DP_SCHEDULE_NAMES "step", "constant", "cosine", "inverse"

typedef struct dp_schedule {
    dp_schedule_kind kind;
    double lr;
    uint64_t warmup;            /* steps; 0: none */
    double gamma;               /* of step */
    const uint64_t *milestones; /* of step: [milestone_count], in any order */
    size_t milestone_count;
    uint64_t steps; /* of cosine: all of the run's, more than warmup */
    double final;   /* of cosine: fraction of lr */
    double decay;   /* of inverse, a step */
} dp_schedule;

/* The rate of a step. */
double dp_schedule_lr(const dp_schedule *schedule, uint64_t step);

const char *dp_schedule_name(dp_schedule_kind kind);

#endif
