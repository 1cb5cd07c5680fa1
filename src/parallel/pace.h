/* pace: how many ranks at work are the fastest, found by trying.
 *
 * Tried are the most there may be, half of them, a quarter, down to one: as each count takes steps
 * that are those of the run, a trial costs only what they take longer than by the best. It begins
 * with the most and goes down as long as that is faster. Afterwards one looks again every half
 * minute, and at once where steps have become slower than others were: first at fewer, then at
 * more. No more than a fiftieth of the time goes into trials, so where a step takes long few are
 * made, and none at the start.
 *
 * Pure arithmetic: parallel/work asks and does it.
 */
#ifndef DP_PARALLEL_PACE_H
#define DP_PARALLEL_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define DP_PACE_COUNTS_MAX 24

/* What comes next: this many ranks for so many steps. */
typedef struct dp_pace_turn {
    int count;
    bool is_trial; /* false: as many as seem best, and one looks again afterwards */
    uint64_t steps;
} dp_pace_turn;

typedef enum dp_pace_state {
    DP_PACE_WARMING, /* steps that do not count, as caches are cold */
    DP_PACE_TRYING,
    DP_PACE_SETTLED
} dp_pace_state;

typedef struct dp_pace {
    int counts[DP_PACE_COUNTS_MAX];     /* from the most down to 1 */
    int last;                           /* of them */
    double seconds[DP_PACE_COUNTS_MAX]; /* a step took by each, last; 0: not tried */
    int now, best;                      /* of them */
    int direction;                      /* of this search: 1 to fewer, -1 to more */
    bool has_moved;                     /* it has found a better one on its way */
    dp_pace_state state;
    double elapsed, spent; /* seconds of all steps, and of trials */
    double looked;         /* `elapsed` when a search ended last */
} dp_pace;

/* `most` ranks, which are at work now. */
void dp_pace_init(dp_pace *pace, int most);
/* The first turn, and the next one: those steps took so many seconds. */
dp_pace_turn dp_pace_begin(dp_pace *pace);
dp_pace_turn dp_pace_next(dp_pace *pace, uint64_t steps, double seconds);
/* A change has taken so many seconds beside. */
void dp_pace_note_change(dp_pace *pace, double seconds);

#endif
