/* work: which ranks of a job are at work; the others rest.
 *
 * Ranks are places where work can be done, not a promise that it is wise to use them. Who computes
 * decides no bit, so those are at work that are together the fastest: at most as many as there are
 * processors for them on each node, and as there are things to share, grains or blocks. Of as many
 * as make the longest share no longer only the fewest. Where a number is wished, so many; `all` are
 * all that get a share.
 *
 * Where it is left to us, how many of them are the fastest is then found by trying (parallel/pace),
 * between steps: the first ones remain at work.
 *
 * Those at work are a group of the job (parallel/comm): the whole job where nobody rests. A rank at
 * rest sleeps until rank 0, which is always at work, calls it.
 */
#ifndef DP_PARALLEL_WORK_H
#define DP_PARALLEL_WORK_H

#include "base/text.h"
#include "parallel/comm.h"
#include "parallel/pace.h"

/* What is wished: a number of ranks from 1 to DP_WORK_RANKS_MAX, or one of these. */
#define DP_WORK_RANKS_MAX 1000000
enum { DP_WORK_AUTO = DP_WORK_RANKS_MAX + 1, DP_WORK_ALL };
#define DP_WORK_NAMES "auto", "all"

/* What is shared among ranks, and how much of it there is. */
typedef struct dp_work_things {
    const char *name; /* one of them: "grain" */
    size_t count;
    bool stays; /* with the ranks that are chosen at first: another number is not tried */
} dp_work_things;

typedef struct dp_work {
    dp_comm *job;   /* borrowed */
    dp_comm *group; /* those at work: `job` where all are; NULL on a rank that rests */
    uint64_t wished;
    dp_work_things things;
    int *ranks; /* [job's size] owned: those that may be at work, in the order they are called in */
    int most;   /* how many there are */
    int count;  /* the first so many are at work */
    int could;  /* as `most`, before those were left out whose help makes no share shorter */

    bool is_trial; /* it is one, so far */
    /* Rank 0; on the others none is due: */
    uint64_t due_steps; /* when one looks at it again: both have to have passed */
    double due_seconds;
    dp_pace pace;
    uint64_t looked_steps; /* and seconds, as it did so last */
    double looked_seconds;
    double change_began;
} dp_work;

/* Collective over the job: chooses. For tests, DPTRAIN_WORK=all is what `auto` means, and with
 * DPTRAIN_WORK_CHANGES=N another number, drawn at random, is at work every N steps or sooner.
 * Where a number is not wished it changes, unless `things` say so. Agreed on; on failure there is
 * nothing to clear. */
dp_status dp_work_init(dp_work *work, dp_comm *job, uint64_t wished, dp_work_things things,
                       dp_error *error) DP_CHECKED;
/* Collective over those at work. */
void dp_work_clear(dp_work *work);

static inline bool dp_work_rests(const dp_work *work) {
    return work->group == NULL;
}

/* On a rank at rest: sleeps until it is called, and returns how many ranks are to be at work then;
 * 0: their work has ended. `signal` as in dp_comm_sleep. */
int dp_work_rest(dp_work *work, const volatile sig_atomic_t *signal);

/* How a change goes. First rank 0 finds that one has to look whether there is to be one, and tells
 * the others by the way of a step: `steps` will have been taken behind it; those before it took
 * `seconds` in all. Then those at work look, collectively: returns how many are to be at work. */
static inline bool dp_work_wants_look(const dp_work *work, uint64_t steps, double seconds) {
    return steps >= work->due_steps && seconds >= work->due_seconds;
}
int dp_work_look(dp_work *work, uint64_t steps, double seconds);
/* Collective over those who are to be at work, as many as dp_work_look or dp_work_rest has said:
 * they become a group. Agreed on over it. */
dp_status dp_work_form(dp_work *work, int count, dp_comm **group, dp_error *error) DP_CHECKED;
/* Collective over those at work before and after: these are, from now on. A group that was goes.
 * `group` is NULL on a rank that is not in it. */
void dp_work_take(dp_work *work, dp_comm *group, int count);
/* Collective likewise: it cannot be, nor any other change. */
void dp_work_stay(dp_work *work, dp_comm *group);
/* Whether this rank is among the first `count`. */
bool dp_work_has(const dp_work *work, int count);
/* Collective over the job: all have the status that those at work have agreed on. */
dp_status dp_work_agree(dp_work *work, dp_status status, dp_error *error) DP_CHECKED;
/* The same once all is done: those at rest are woken. */
dp_status dp_work_end(dp_work *work, dp_status status, dp_error *error) DP_CHECKED;

/* Appends "8 of 16 ranks at work: 8 grains", where some rest. */
void dp_work_describe(const dp_work *work, dp_text *out);

#endif
