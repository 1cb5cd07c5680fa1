#include "parallel/pace.h"

#include <math.h>

/* How long each state lasts at least. */
typedef struct length {
    double seconds, steps;
} length;
static const length lengths[] = {
    [DP_PACE_WARMING] = {2e-3, 2.0},
    [DP_PACE_TRYING] = {30e-3, 2.0},
    [DP_PACE_PROVING] = {0.25, 2.0},
    [DP_PACE_SETTLED] = {0.25, 1.0},
};

/* In the first search a trial is shorter, as all wait for it, and that of one that takes so many
 * times as long as the best in any; and before it all is new and cold. */
#define SHORT_TRIAL_SECONDS 10e-3
#define HOPELESS 2.0
#define FIRST_WARMING_STEPS 20.0

/* Between two searches at the latest. */
#define INTERVAL_SECONDS_MIN 1.0
#define INTERVAL_SECONDS_MAX 30.0

/* By how much another count has to be faster to be taken, and steps another time than they were to
 * look for one: more than chance makes of it. */
#define BETTER 0.97
#define CHANGED 0.87

/* Of the time of all steps; at the start; and at least, as what happened once, were it that a job
 * was suspended, does not matter for ever. */
#define BUDGET_SHARE 0.01
#define BUDGET_AT_START 0.1
#define BUDGET_MIN (-1.0)
#define CHANGE_SECONDS_AT_START 5e-3
#define EXPECTED_SECONDS_MAX 0.1 /* of a change, and of a step that need not take half of it */

void dp_pace_init(dp_pace *pace, int most) {
    *pace = (dp_pace){.counts = {most},
                      .before = -1,
                      .rival = -1,
                      .direction = 1,
                      .reach = 1,
                      .budget = BUDGET_AT_START,
                      .change_seconds = CHANGE_SECONDS_AT_START};
    while (pace->counts[pace->last] > 1 && pace->last + 1 < DP_PACE_COUNTS_MAX) {
        pace->counts[pace->last + 1] = pace->counts[pace->last] / 2;
        pace->last++;
    }
}

/* --- what is known ---------------------------------------------------------------------------- */

static bool is_count(const dp_pace *self, int index) {
    return index >= 0 && index <= self->last;
}

static bool is_faster(const dp_pace *self, int index, double share) {
    return is_count(self, index) && self->seconds[index] > 0.0 &&
           self->seconds[index] < share * self->seconds[self->best];
}

static bool is_first(const dp_pace *self) {
    return self->before < 0;
}

/* What a step by this count may take: as far as is known, or, as fewer ranks have more to do each,
 * as can be thought. */
static double expected(const dp_pace *self, int index) {
    const double known = self->seconds[index], best = self->seconds[self->best];
    const double thought =
        index > self->best ? best * self->counts[self->best] / self->counts[index] : best;
    return known > 0.0 ? fmin(known, fmax(EXPECTED_SECONDS_MAX, 2.0 * thought)) : thought;
}

/* Of a state in which steps take so long. */
static length length_of(const dp_pace *self, dp_pace_state state, double step) {
    length found = lengths[state];
    if (state == DP_PACE_WARMING && self->seconds[0] <= 0.0)
        found.steps = FIRST_WARMING_STEPS;
    if (state == DP_PACE_TRYING && (is_first(self) || step > HOPELESS * self->seconds[self->best]))
        found.seconds = SHORT_TRIAL_SECONDS;
    return found;
}

/* What a trial of this count costs, with the way there and back. */
static double cost_of(const dp_pace *self, int index) {
    const double step = expected(self, index);
    double steps = 0.0;
    for (int state = DP_PACE_WARMING; state <= DP_PACE_TRYING; state++) {
        const length least = length_of(self, (dp_pace_state)state, step);
        steps += fmax(least.steps, least.seconds / step);
    }
    return steps * fmax(0.0, step - self->seconds[self->best]) + 2.0 * self->change_seconds;
}

static bool is_affordable(const dp_pace *self, int index) {
    return is_count(self, index) && cost_of(self, index) <= self->budget;
}

static void spend(dp_pace *self, double seconds) {
    self->budget = fmax(BUDGET_MIN, self->budget - seconds);
}

/* --- the states ------------------------------------------------------------------------------- */

static void enter(dp_pace *self, dp_pace_state state, int index) {
    self->state = state;
    self->now = index;
    self->steps = 0;
    self->taken = 0.0;
}

static void settle(dp_pace *self) {
    const bool is_new = self->best != self->before;
    self->looked = self->elapsed;
    self->interval =
        is_new ? INTERVAL_SECONDS_MIN : fmin(INTERVAL_SECONDS_MAX, 2.0 * self->interval);
    self->usual = self->seconds[self->best];
    enter(self, DP_PACE_SETTLED, self->best);
}

/* The next one to be tried, or none. What was found on the way from more need not be compared with
 * more. */
static void search(dp_pace *self) {
    for (;;) {
        const int next = self->best + self->direction * ++self->distance;
        if (self->distance <= self->reach && is_affordable(self, next)) {
            enter(self, DP_PACE_WARMING, next);
            return;
        }
        if (self->direction < 0 || self->has_moved)
            break;
        self->direction = -1;
        self->distance = 0;
    }
    if (self->rival >= 0 && (self->has_moved || is_first(self)))
        enter(self, DP_PACE_PROVING, self->best);
    else
        settle(self);
}

static void begin_search(dp_pace *self, int reach) {
    self->before = self->best;
    self->rival = -1;
    self->direction = 1;
    self->distance = 0;
    self->reach = reach;
    self->has_moved = false;
    search(self);
}

static void end_trial(dp_pace *self) {
    int loser = self->now;
    if (is_faster(self, self->now, BETTER)) {
        loser = self->best;
        self->best = self->now;
        self->distance = 0;
        self->has_moved = true;
    }
    if (loser != self->best &&
        (self->rival < 0 || self->seconds[loser] < self->seconds[self->rival]))
        self->rival = loser;
    search(self);
}

static void end_warming(dp_pace *self) {
    enter(self, DP_PACE_TRYING, self->now);
}

static void end_proof(dp_pace *self) {
    if (is_faster(self, self->rival, BETTER)) {
        spend(self, self->taken - (double)self->steps * self->seconds[self->rival]);
        self->best = self->rival;
    }
    settle(self);
}

/* Whether steps take another time than when the best was found, or longer than by a neighbour. */
static bool has_changed(const dp_pace *self) {
    const double step = self->seconds[self->best];
    return step < CHANGED * self->usual || self->usual < CHANGED * step ||
           is_faster(self, self->best + 1, CHANGED) || is_faster(self, self->best - 1, CHANGED);
}

static void end_window(dp_pace *self) {
    const bool is_due = self->elapsed - self->looked >= self->interval;
    const bool can_look =
        is_affordable(self, self->best + 1) || is_affordable(self, self->best - 1);
    if (can_look && (is_due || has_changed(self)))
        begin_search(self, is_due ? self->last : 1);
    else
        enter(self, DP_PACE_SETTLED, self->best);
}

/* --- turns ------------------------------------------------------------------------------------ */

/* Up to the end of the state; or of a short trial, which may turn out to be one. */
static dp_pace_turn turn_of(const dp_pace *self) {
    length left = lengths[self->state];
    if (self->steps == 0)
        left = length_of(self, self->state, INFINITY);
    return (dp_pace_turn){.count = self->counts[self->now],
                          .is_trial = self->state != DP_PACE_SETTLED,
                          .steps = (uint64_t)fmax(1.0, left.steps - (double)self->steps),
                          .seconds = left.seconds - self->taken};
}

static void pass(dp_pace *self, uint64_t steps, double seconds) {
    self->elapsed += seconds;
    self->budget += BUDGET_SHARE * seconds;
    if (self->now != self->best)
        spend(self, fmax(0.0, seconds - (double)steps * self->seconds[self->best]));
}

dp_pace_turn dp_pace_begin(dp_pace *pace) {
    return turn_of(pace);
}

dp_pace_turn dp_pace_next(dp_pace *pace, uint64_t steps, double seconds) {
    static void (*const ends[])(dp_pace *) = {[DP_PACE_WARMING] = end_warming,
                                              [DP_PACE_TRYING] = end_trial,
                                              [DP_PACE_PROVING] = end_proof,
                                              [DP_PACE_SETTLED] = end_window};
    const dp_pace_state state = pace->state;
    pass(pace, steps, seconds);
    pace->steps += steps;
    pace->taken += seconds;
    const double step = fmax(1e-9, pace->taken / (double)pace->steps);
    const length least = length_of(pace, state, step);
    if (pace->taken >= least.seconds && (double)pace->steps >= least.steps) {
        pace->seconds[pace->now] = step;
        ends[state](pace);
    }
    return turn_of(pace);
}

void dp_pace_note_change(dp_pace *pace, double seconds) {
    spend(pace, seconds);
    pace->change_seconds = fmin(seconds, EXPECTED_SECONDS_MAX);
}
