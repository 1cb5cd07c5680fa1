#include "model/schedule.h"

double dp_schedule_lr(const dp_schedule *schedule, uint64_t step) {
    double lr = schedule->lr;
    if (schedule->kind == DP_SCHEDULE_CONSTANT)
        return lr;
    for (size_t i = 0; i < schedule->milestone_count; i++) {
        if (step >= schedule->milestones[i])
            lr *= schedule->gamma;
    }
    return lr;
}
