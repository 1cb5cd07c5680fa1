#include "train/time_limit.h"

#include <math.h>

/* Of a checkpoint that nothing is known of yet: a slow disk. */
#define BYTES_PER_SECOND 50e6

void dp_time_limit_init(dp_time_limit *limit, double seconds, double now, size_t bytes) {
    *limit = (dp_time_limit){.end = seconds > 0.0 ? now + seconds : 0.0,
                             .longest_save = (double)bytes / BYTES_PER_SECOND};
}

void dp_time_limit_note_save(dp_time_limit *limit, double seconds) {
    limit->longest_save = fmax(limit->longest_save, seconds);
}

bool dp_time_limit_is_reached(dp_time_limit *limit, double now) {
    if (limit->end == 0.0)
        return false;
    if (limit->pass_began != 0.0)
        limit->longest_pass = fmax(limit->longest_pass, now - limit->pass_began);
    limit->pass_began = now;
    return now + dp_time_limit_reserve(limit) >= limit->end;
}

double dp_time_limit_reserve(const dp_time_limit *limit) {
    return 1.0 + 2.0 * (limit->longest_pass + limit->longest_save);
}
