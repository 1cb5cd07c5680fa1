#include "parallel/pace.h"

#include <math.h>

#define TRIAL_SECONDS 0.01 /* long against what else a machine does now and then */
#define TRIAL_STEPS_MIN 3.0
#define WARM_STEPS_AT_START 20
#define WARM_STEPS 2
#define WARM_SHARE 0.2 /* of a trial's steps */

#define WINDOW_SECONDS 0.25 /* between two looks whether steps have become slower */
#define LOOK_SECONDS 30.0   /* between two searches at least, unless they have */

/* By how much another count has to be faster to be taken, and steps slower than others were to look
 * for one: more than chance makes of it. */
#define BETTER 0.97
#define SLOWER 0.87

/* Of the time of all steps, and at the start. */
#define SPENT_SHARE 0.02
#define SPENT_AT_START 0.1

void dp_pace_init(dp_pace *pace, int most) {
    *pace = (dp_pace){.direction = 1, .counts = {most}};
    while (pace->counts[pace->last] > 1 && pace->last + 1 < DP_PACE_COUNTS_MAX) {
        pace->counts[pace->last + 1] = pace->counts[pace->last] / 2;
        pace->last++;
    }
}

static uint64_t steps_in(double seconds, double step, double least) {
    return (uint64_t)fmin(1e9, fmax(least, ceil(seconds / fmax(step, 1e-7))));
}

/* What a step by this count takes, as far as is known: fewer ranks have more to do each. */
static double expected(const dp_pace *self, int index) {
    const double known = self->seconds[index], best = self->seconds[self->best];
    if (known > 0.0)
        return known;
    return index > self->best ? best * self->counts[self->best] / self->counts[index] : best;
}

static bool is_affordable(const dp_pace *self, int index) {
    const double step = expected(self, index);
    const double steps = (double)steps_in(TRIAL_SECONDS, step, TRIAL_STEPS_MIN) + WARM_STEPS;
    return self->spent + steps * step <= SPENT_AT_START + SPENT_SHARE * self->elapsed;
}

static dp_pace_turn turn_of(const dp_pace *self, uint64_t steps) {
    return (dp_pace_turn){.count = self->counts[self->now],
                          .is_trial = self->state != DP_PACE_SETTLED,
                          .steps = steps};
}

static uint64_t trial_steps(const dp_pace *self) {
    return steps_in(TRIAL_SECONDS, expected(self, self->now), TRIAL_STEPS_MIN);
}

static dp_pace_turn warm_up(dp_pace *self) {
    self->state = DP_PACE_WARMING;
    return turn_of(self, WARM_STEPS + (uint64_t)(WARM_SHARE * (double)trial_steps(self)));
}

static dp_pace_turn settle(dp_pace *self) {
    self->state = DP_PACE_SETTLED;
    self->now = self->best;
    self->looked = self->elapsed;
    return turn_of(self, steps_in(WINDOW_SECONDS, expected(self, self->now), 1.0));
}

/* The next one to be tried, or none. One that was found on the way from more need not be compared
 * with more. */
static dp_pace_turn search(dp_pace *self) {
    for (;;) {
        const int next = self->best + self->direction;
        if (next >= 0 && next <= self->last && is_affordable(self, next)) {
            self->now = next;
            return warm_up(self);
        }
        if (self->direction < 0 || self->has_moved)
            return settle(self);
        self->direction = -1;
    }
}

static dp_pace_turn end_trial(dp_pace *self) {
    if (self->now == self->best)
        return search(self);
    if (self->seconds[self->now] < BETTER * self->seconds[self->best]) {
        self->best = self->now;
        self->has_moved = true;
        return search(self);
    }
    if (self->direction < 0 || self->has_moved)
        return settle(self);
    self->direction = -1;
    return search(self);
}

/* Whether a neighbour of the best was faster than this is now. */
static bool has_become_slower(const dp_pace *self) {
    const double bound = SLOWER * self->seconds[self->best];
    const int fewer = self->best + 1, more = self->best - 1;
    return (fewer <= self->last && self->seconds[fewer] > 0.0 && self->seconds[fewer] < bound) ||
           (more >= 0 && self->seconds[more] > 0.0 && self->seconds[more] < bound);
}

dp_pace_turn dp_pace_begin(dp_pace *pace) {
    return turn_of(pace, WARM_STEPS_AT_START);
}

dp_pace_turn dp_pace_next(dp_pace *pace, uint64_t steps, double seconds) {
    const dp_pace_state state = pace->state;
    pace->elapsed += seconds;
    pace->seconds[pace->now] = seconds / (double)steps;
    if (state != DP_PACE_SETTLED && pace->now != pace->best)
        pace->spent += seconds;
    if (state == DP_PACE_WARMING) {
        pace->state = DP_PACE_TRYING;
        return turn_of(pace, trial_steps(pace));
    }
    if (state == DP_PACE_TRYING)
        return end_trial(pace);
    if (pace->elapsed - pace->looked < LOOK_SECONDS && !has_become_slower(pace))
        return turn_of(pace, steps_in(WINDOW_SECONDS, pace->seconds[pace->now], 1.0));
    pace->direction = 1;
    pace->has_moved = false;
    pace->state = DP_PACE_TRYING; /* the best first, as it is now */
    return turn_of(pace, trial_steps(pace));
}

void dp_pace_note_change(dp_pace *pace, double seconds) {
    pace->spent += seconds;
}
