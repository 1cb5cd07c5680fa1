#include "model/schedule.h"

#include "base/real.h"

const char *dp_schedule_name(dp_schedule_kind kind) {
    static const char *const names[] = {DP_SCHEDULE_NAMES};
    return names[kind];
}

static double stepped(const dp_schedule *self, uint64_t step) {
    double lr = self->lr;
    for (size_t i = 0; i < self->milestone_count; i++) {
        if (step >= self->milestones[i])
            lr *= self->gamma;
    }
    return lr;
}

/* (1 + cos(pi x)) / 2 for x in [0, 1], as the square of cos(pi x / 2). */
static double half_wave(double x) {
    const double root = dp_real_cos_turns(x / 4.0);
    return root * root;
}

static double cosine_factor(const dp_schedule *self, uint64_t t) {
    const uint64_t all = self->steps - self->warmup;
    double wave = t < all ? half_wave((double)t / (double)all) : 0.0;
    return self->final + (1.0 - self->final) * wave;
}

double dp_schedule_lr(const dp_schedule *schedule, uint64_t step) {
    const uint64_t warmup = schedule->warmup;
    const uint64_t t = step > warmup ? step - warmup : 0;
    double lr = schedule->lr;
    switch (schedule->kind) {
    case DP_SCHEDULE_STEP:
        lr = stepped(schedule, step);
        break;
    case DP_SCHEDULE_CONSTANT:
        break;
    case DP_SCHEDULE_COSINE:
        lr *= cosine_factor(schedule, t);
        break;
    case DP_SCHEDULE_INVERSE:
        lr /= 1.0 + schedule->decay * (double)t;
        break;
    }
    return step < warmup ? lr * ((double)(step + 1) / (double)warmup) : lr;
}
