/* pace: how many ranks at work are the fastest, found by trying.
 *
 * Tried are the most there may be, half of them, a quarter, down to one. The steps of a trial are
 * those of the run, so that it costs only what they take longer than by the best. It begins with
 * the most and goes down as long as that is faster. Afterwards one looks again at once where steps
 * take longer or shorter than they did, or longer than others took, first at fewer, then at more;
 * and in any case a second after a change and then at twice the distance each time, up to half a
 * minute, at all of them.
 *
 * What machines do, and what is done about it: others come and go within milliseconds, so a trial
 * is long against that, and who wins one has to prove it for longer. A step may suddenly take a
 * thousand times as long, where a rank waits for one that has no processor: a turn ends by the
 * clock. And no more than a hundredth of the time goes into trials and changes, however long these
 * take, beside a tenth of a second at the start: what a look has cost is waited for a hundred times
 * as long. So a worse number than the best is kept for half a minute, or for a hundred times what
 * it costs to find out.
 *
 * Pure arithmetic: parallel/work asks and does it.
 */
#ifndef DP_PARALLEL_PACE_H
#define DP_PARALLEL_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define DP_PACE_COUNTS_MAX 24

/* What comes next: this many ranks for at least so many steps and seconds. */
typedef struct dp_pace_turn {
    int count;
    bool is_trial; /* false: as many as are best, and one looks again afterwards */
    uint64_t steps;
    double seconds;
} dp_pace_turn;

typedef enum dp_pace_state {
    DP_PACE_WARMING, /* steps that do not count, as caches are cold */
    DP_PACE_TRYING,
    DP_PACE_PROVING, /* the best of a search, for longer than its trial */
    DP_PACE_SETTLED
} dp_pace_state;

typedef struct dp_pace {
    int counts[DP_PACE_COUNTS_MAX];     /* from the most down to 1 */
    int last;                           /* of them */
    double seconds[DP_PACE_COUNTS_MAX]; /* a step took by each, last; 0: not tried */
    int now, best;                      /* of them */

    dp_pace_state state;
    uint64_t steps; /* since it began, or since the last look at them all, */
    double taken;   /* and seconds */

    /* This search: */
    int before; /* the best as it began; -1: it is the first */
    int rival;  /* the fastest of those that were tried and are not the best; -1: none */
    int direction, distance; /* of the next one from the best: 1 to fewer, -1 to more */
    int reach;               /* of distances */
    bool has_moved;          /* it has found a better one on its way */

    double elapsed;        /* seconds of all steps */
    double looked;         /* the same when a search ended last */
    double interval;       /* until the next one at the latest */
    double usual;          /* a step took by the best when it was found */
    double budget;         /* seconds that trials and changes may take now */
    double change_seconds; /* a change takes */
} dp_pace;

/* `most` ranks, which are at work now. */
void dp_pace_init(dp_pace *pace, int most);
/* The first turn, and the next one: those steps took so many seconds. */
dp_pace_turn dp_pace_begin(dp_pace *pace);
dp_pace_turn dp_pace_next(dp_pace *pace, uint64_t steps, double seconds);
/* A change has taken so many seconds beside. */
void dp_pace_note_change(dp_pace *pace, double seconds);

#endif
