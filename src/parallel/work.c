#include "parallel/work.h"

#include "base/memory.h"
#include "base/random.h"
#include "base/size.h"
#include "base/timer.h"

#include <stdlib.h>
#include <string.h>

/* The word by which a rank at rest is told that all is done. */
#define WORD_END 0

/* --- who may be at work ----------------------------------------------------------------------- */

/* Marks ranks that have a processor of their node each, or those that have none, until there are
 * `most` marks. Returns how many there are. */
static size_t mark(int *marks, const dp_comm *job, bool with_processor, size_t marked,
                   size_t most) {
    for (int node = 0; node < dp_comm_node_count(job); node++) {
        const int first = dp_comm_node_first(job, node);
        const int places = first + dp_comm_processors(job, node);
        for (int r = first; r < dp_comm_node_first(job, node + 1) && marked < most; r++) {
            if ((r < places) == with_processor) {
                marks[r] = 1;
                marked++;
            }
        }
    }
    return marked;
}

/* The fewest ranks that have no longer a longest share than so many. */
static size_t fewest(size_t things, size_t ranks) {
    const size_t longest = (things + ranks - 1) / ranks;
    return (things + longest - 1) / longest;
}

static void choose(dp_work *self) {
    const bool is_number = self->wished <= DP_WORK_RANKS_MAX;
    const size_t most =
        is_number ? dp_size_min(self->wished, self->things.count) : self->things.count;
    size_t count = mark(self->ranks, self->job, true, 0, most);
    if (self->wished != DP_WORK_AUTO)
        count = mark(self->ranks, self->job, false, count, most);
    self->could = (int)count;
    if (self->wished == DP_WORK_AUTO)
        count = fewest(self->things.count, count);
    for (int rank = 0; rank < dp_comm_size(self->job) && self->most < (int)count; rank++) {
        if (self->ranks[rank] != 0)
            self->ranks[self->most++] = rank;
    }
}

/* --- the group -------------------------------------------------------------------------------- */

bool dp_work_has(const dp_work *work, int count) {
    const int rank = dp_comm_rank(work->job);
    for (int i = 0; i < count; i++) {
        if (work->ranks[i] == rank)
            return true;
    }
    return false;
}

/* Collective over the first `count`. */
static dp_status form_group(dp_work *self, int count, dp_comm **group, dp_error *error) {
    *group = self->job;
    if (count == dp_comm_size(self->job))
        return DP_OK;
    return dp_comm_form(group, self->job, self->ranks, count, error);
}

static void destroy_group(const dp_work *self, dp_comm *group) {
    if (group != self->job)
        dp_comm_destroy(group);
}

/* For tests: how many steps there are between two changes at most; 0: there are none. */
static uint64_t changes_of_tests(void) {
    uint64_t steps = 0;
    const char *text = getenv("DPTRAIN_WORK_CHANGES");
    return text != NULL && dp_text_parse_unsigned(text, &steps) ? steps : 0;
}

/* After `steps` and `seconds` in all: what is to be until when. */
static void take_turn(dp_work *self, uint64_t steps, double seconds, dp_pace_turn turn) {
    const bool is_first = dp_comm_rank(self->job) == 0;
    self->is_trial = turn.is_trial;
    self->due_steps = is_first ? steps + turn.steps : UINT64_MAX;
    self->due_seconds = seconds + turn.seconds;
}

/* No more changes. */
static void stay(dp_work *self) {
    self->due_steps = UINT64_MAX;
    self->is_trial = false;
}

static void begin_pace(dp_work *self) {
    dp_pace_init(&self->pace, self->most);
    stay(self);
    if (changes_of_tests() > 0)
        take_turn(self, 0, 0.0, (dp_pace_turn){.is_trial = true, .steps = 1});
    else if (self->wished == DP_WORK_AUTO && self->most > 1 && !self->things.stays)
        take_turn(self, 0, 0.0, dp_pace_begin(&self->pace));
}

dp_status dp_work_init(dp_work *work, dp_comm *job, uint64_t wished, dp_work_things things,
                       dp_error *error) {
    const char *of_tests = getenv("DPTRAIN_WORK");
    dp_status status = DP_OK;
    *work = (dp_work){.job = job, .wished = wished, .things = things};
    if (wished == DP_WORK_AUTO && of_tests != NULL && strcmp(of_tests, "all") == 0)
        work->wished = DP_WORK_ALL;
    DP_TRY_NEW_ON_ALL(job, work->ranks, (size_t)dp_comm_size(job));
    choose(work);
    work->count = work->most;
    if (dp_work_has(work, work->count))
        status = form_group(work, work->count, &work->group, error);
    dp_comm_expect_sleep(job, work->ranks, work->count);
    begin_pace(work);
    status = dp_work_agree(work, status, error);
    if (status != DP_OK)
        dp_work_clear(work);
    return status;
}

void dp_work_clear(dp_work *work) {
    destroy_group(work, work->group);
    dp_memory_free(work->ranks);
    *work = (dp_work){0};
}

/* --- changes ---------------------------------------------------------------------------------- */

static uint64_t draw(uint64_t steps, uint64_t what, uint64_t bound) {
    return dp_random_below(0, DP_STREAM_BATCH, steps, what, bound);
}

/* What is next: on rank 0. */
static dp_pace_turn next_turn(dp_work *self, uint64_t steps, double seconds) {
    const uint64_t most = changes_of_tests();
    if (most > 0)
        return (dp_pace_turn){.count = 1 + (int)draw(steps, 0, (uint64_t)self->most),
                              .steps = 1 + draw(steps, 1, most)};
    const dp_pace_turn turn =
        dp_pace_next(&self->pace, steps - self->looked_steps, seconds - self->looked_seconds);
    self->looked_seconds = seconds;
    self->looked_steps = steps;
    return turn;
}

int dp_work_look(dp_work *work, uint64_t steps, double seconds) {
    dp_pace_turn turn = {0};
    if (dp_comm_rank(work->job) == 0)
        turn = next_turn(work, steps, seconds);
    dp_comm_broadcast(work->group, &turn, sizeof turn);
    take_turn(work, steps, seconds, turn);
    return turn.count;
}

dp_status dp_work_form(dp_work *work, int count, dp_comm **group, dp_error *error) {
    work->change_began = dp_timer_now();
    for (int i = work->count; i < count && dp_comm_rank(work->job) == 0; i++)
        dp_comm_wake(work->job, work->ranks[i], (uint64_t)count);
    return form_group(work, count, group, error);
}

void dp_work_take(dp_work *work, dp_comm *group, int count) {
    destroy_group(work, work->group);
    work->group = group;
    work->count = count;
    if (group != NULL) /* for those who have just come */
        dp_comm_broadcast(group, &work->is_trial, sizeof work->is_trial);
    dp_comm_expect_sleep(work->job, work->ranks, count);
    dp_pace_note_change(&work->pace, dp_timer_now() - work->change_began);
}

void dp_work_stay(dp_work *work, dp_comm *group) {
    destroy_group(work, group);
    dp_comm_expect_sleep(work->job, work->ranks, work->count);
    stay(work);
}

/* --- rest ----------------------------------------------------------------------------------- */

int dp_work_rest(dp_work *work, const volatile sig_atomic_t *signal) {
    return (int)dp_comm_sleep(work->job, signal);
}

/* Of those at work one has the message of a failure already; none gets another. */
dp_status dp_work_agree(dp_work *work, dp_status status, dp_error *error) {
    const dp_status agreed = (dp_status)dp_comm_max(work->job, (int)status);
    return status == DP_OK && agreed != DP_OK ? dp_fail(error, agreed, "%s", "") : status;
}

dp_status dp_work_end(dp_work *work, dp_status status, dp_error *error) {
    if (work->group != work->job && dp_comm_rank(work->job) == 0)
        dp_comm_wake_all(work->job, WORD_END);
    return dp_work_agree(work, status, error);
}

/* --- words ---------------------------------------------------------------------------------- */

static void append_count(dp_text *out, size_t count, const char *singular) {
    dp_text_append_format(out, "%s %s%s", DP_COUNT_TEXT(count), singular, count == 1 ? "" : "s");
}

void dp_work_describe(const dp_work *work, dp_text *out) {
    const int ranks = dp_comm_size(work->job);
    const size_t things = work->things.count;
    int processors = 0;
    if (work->count == ranks)
        return;
    for (int node = 0; node < dp_comm_node_count(work->job); node++)
        processors += dp_comm_processors(work->job, node);
    dp_text_append_format(out, "%s of %s ranks at work: ", DP_COUNT_TEXT((uint64_t)work->count),
                          DP_COUNT_TEXT((uint64_t)ranks));
    if (work->count < work->most)
        dp_text_append_format(out, "faster than %d", work->most);
    else if ((size_t)work->count == things || work->count < work->could)
        append_count(out, things, work->things.name);
    else if (work->wished <= DP_WORK_RANKS_MAX)
        dp_text_append(out, "parallel.work");
    else
        append_count(out, (size_t)processors, "processor");
    if (work->count == work->most && work->count < work->could)
        dp_text_append_format(out, ", at most %zu each",
                              (things + (size_t)work->count - 1) / (size_t)work->count);
}
