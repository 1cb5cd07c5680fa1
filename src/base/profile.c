#include "base/profile.h"

#include "base/memory.h"
#include "base/timer.h"

const char *dp_phase_name(dp_phase phase) {
    static const char *const names[DP_PHASE_COUNT] = {"draw",    "layer1",   "tanh",     "layer2",
                                                      "softmax", "backward", "exchange", "update"};
    return names[phase];
}

dp_status dp_profile_init(dp_profile *profile, size_t event_capacity, dp_error *error) {
    *profile = (dp_profile){.origin = dp_timer_now()};
    if (event_capacity > 0)
        DP_TRY_NEW(profile->events, event_capacity);
    profile->event_capacity = event_capacity;
    return DP_OK;
}

void dp_profile_clear(dp_profile *profile) {
    dp_memory_free(profile->events);
    *profile = (dp_profile){0};
}

void dp_profile_begin_step(dp_profile *profile) {
    if (profile == NULL)
        return;
    profile->steps++;
    profile->last = dp_timer_now();
}

void dp_profile_mark(dp_profile *profile, dp_phase phase) {
    if (profile == NULL)
        return;
    double now = dp_timer_now();
    profile->seconds[phase] += now - profile->last;
    if (profile->event_count < profile->event_capacity)
        profile->events[profile->event_count++] = (dp_profile_event){
            .phase = phase, .start = profile->last - profile->origin, .end = now - profile->origin};
    profile->last = now;
}
