#include "sweep/sweep.h"

#include "base/memory.h"
#include "run/run_folder.h"
#include "run/run_lock.h"
#include "sweep/sweep_view.h"
#include "system/output.h"
#include "system/terminal.h"
#include "train/trainer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct sweep {
    dp_comm *comm;
    const dp_sweep_plan *plan;
    const dp_sweep_request *request;
    dp_comm *group;
    bool is_idle;     /* left over when the ranks were divided */
    size_t *order;    /* [count] in which the trials are taken */
    dp_error *errors; /* [ranks of the group] */
    dp_comm_board *board;
    dp_sweep_view view;
    size_t running; /* the trial at work */
    int signal;     /* that this group was ended by */

    dp_sweep_outcome *outcomes; /* [count] of the trials that this rank speaks for, then of all */
} sweep;

/* --- one trial -------------------------------------------------------------------------------- */

static void watch(void *context, const dp_metrics_row *row) {
    sweep *self = context;
    dp_sweep_view_progress(&self->view, self->running, row->step, row->loss);
}

static dp_status train(sweep *self, const dp_sweep_trial *trial, dp_error *error) {
    dp_train_outcome outcome = {0};
    const dp_train_request request = {
        .signal = self->request->signal, .quiet = true, .watch = watch, .context = self};
    dp_status status = dp_trainer_run(self->group, &trial->config, &request, &outcome, error);
    self->signal = outcome.signal;
    return status;
}

/* The message of a failure is with one rank of the group; *error gets it on all. */
static void share_message(sweep *self, dp_error *error) {
    dp_comm_gather_all(self->group, error, sizeof *error, self->errors);
    for (int rank = 0; rank < dp_comm_size(self->group); rank++) {
        if (self->errors[rank].message[0] != '\0') {
            *error = self->errors[rank];
            break;
        }
    }
}

static dp_status read_results(const dp_sweep_trial *trial, dp_summary_results *results,
                              dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_path_format(path, error, "%s/summary.json", trial->config.run_dir));
    return dp_summary_read(results, path, error);
}

/* Collective over the group; its rank 0 keeps the outcome. */
static void run_trial(sweep *self, size_t index) {
    const dp_sweep_trial *trial = &self->plan->trials[index];
    dp_sweep_outcome *outcome = &self->outcomes[index];
    dp_error error = trial->error;
    dp_status status = error.status;
    self->running = index;
    if (dp_comm_rank(self->group) == 0)
        dp_sweep_view_progress(&self->view, index, 0, 0.0);
    if (status == DP_OK) {
        status = train(self, trial, &error);
        if (status != DP_OK)
            share_message(self, &error);
    }
    if (dp_comm_rank(self->group) != 0)
        return;
    if (status == DP_OK && self->signal == 0)
        status = read_results(trial, &outcome->results, &error);
    outcome->state = status != DP_OK     ? DP_SWEEP_FAILED
                     : self->signal != 0 ? DP_SWEEP_STOPPED
                                         : DP_SWEEP_DONE;
    if (status != DP_OK)
        outcome->error = error;
    dp_sweep_view_end(&self->view, index, outcome);
}

/* --- the queue -------------------------------------------------------------------------------- */

/* Rank 0 of the group draws the next trial for it; false when there is none. */
static bool take_trial(sweep *self, size_t *index) {
    int64_t place = 0;
    if (dp_comm_rank(self->group) == 0)
        place = dp_comm_board_add(self->board, DP_SWEEP_CELL_QUEUE, 1);
    dp_comm_broadcast(self->group, &place, sizeof place);
    if (place >= (int64_t)self->plan->count)
        return false;
    *index = self->order[place];
    return true;
}

static void run_trials(sweep *self) {
    size_t index = 0;
    while (!self->is_idle && self->signal == 0 && take_trial(self, &index))
        run_trial(self, index);
    if (self->signal != 0 && dp_comm_rank(self->group) == 0) /* no group begins another trial */
        (void)dp_comm_board_add(self->board, DP_SWEEP_CELL_QUEUE, (int64_t)self->plan->count);
}

/* --- starting over ---------------------------------------------------------------------------- */

typedef struct run_locks {
    dp_run_lock *locks; /* [count] */
    size_t count;
} run_locks;

static void release_locks(run_locks *self) {
    for (size_t i = 0; i < self->count; i++)
        dp_run_lock_release(&self->locks[i]);
    dp_memory_free(self->locks);
}

static dp_status remove_tables(const char *dir, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_path_format(path, error, "%s/results.csv", dir));
    DP_TRY(dp_file_remove(path, error));
    DP_TRY(dp_path_format(path, error, "%s/results.md", dir));
    return dp_file_remove(path, error);
}

/* All before the first trial, so that nothing of an earlier sweep is ever taken for a result of
 * this one, wherever this one ends; and nothing at all where a run works in one of the folders. */
static dp_status start_over(const dp_sweep_plan *plan, dp_error *error) {
    DP_OWNED(release_locks) run_locks held = {0};
    char notice[DP_RUN_LOCK_NOTICE_SIZE];
    DP_TRY_NEW(held.locks, plan->count);
    for (held.count = 0; held.count < plan->count; held.count++) {
        const char *dir = plan->trials[held.count].config.run_dir;
        DP_TRY(dp_run_folder_check(dir, true, error));
        if (dp_file_exists(dir))
            DP_TRY(dp_run_lock_take(&held.locks[held.count], dir, notice, error));
    }
    for (size_t i = 0; i < plan->count; i++) {
        if (held.locks[i].is_held)
            DP_TRY(dp_run_folder_clear(plan->trials[i].config.run_dir, error));
    }
    return remove_tables(plan->settings.dir, error);
}

/* --- before and after ------------------------------------------------------------------------- */

/* The ranks other than 0 get the plan, as far as they need it. */
static dp_status share_plan(dp_comm *comm, dp_sweep_plan *plan, dp_error *error) {
    dp_status status = DP_OK;
    dp_comm_broadcast(comm, &plan->settings, sizeof plan->settings);
    dp_comm_broadcast(comm, &plan->count, sizeof plan->count);
    if (dp_comm_rank(comm) != 0) {
        plan->trials = dp_memory_zeroed(plan->count, sizeof *plan->trials, error);
        status = plan->trials == NULL ? error->status : DP_OK;
    }
    DP_TRY(dp_comm_agree(comm, status, error));
    for (size_t i = 0; i < plan->count; i++)
        dp_comm_broadcast(comm, &plan->trials[i], sizeof plan->trials[i]);
    return status;
}

/* Whether the bits of some trial depend on how many ranks it has: then it has one unless it is
 * said, whatever there is. */
static bool depends_on_ranks(const dp_sweep_plan *plan) {
    bool depends = false;
    for (size_t i = 0; i < plan->count; i++)
        depends = depends || plan->trials[i].config.exchange == DP_EXCHANGE_MPI;
    return depends;
}

/* How the ranks are divided: into groups that have at least `each`, and some one more where all
 * ranks are shared. */
typedef struct division {
    uint64_t ranks, groups, each;
    bool shares_all;
} division;

static division divide(const dp_comm *comm, const dp_sweep_plan *plan) {
    const uint64_t ranks = (uint64_t)dp_comm_size(comm);
    const bool is_auto = plan->settings.ranks_per_trial == DP_SWEEP_RANKS_AUTO;
    const uint64_t wanted = is_auto ? 1 : plan->settings.ranks_per_trial;
    division found = {.ranks = ranks, .shares_all = is_auto && !depends_on_ranks(plan)};
    found.each = wanted < ranks ? wanted : ranks;
    found.groups = ranks / found.each;
    if (found.shares_all && plan->count > 0) {
        found.groups = plan->count < ranks ? plan->count : ranks;
        found.each = ranks / found.groups;
    }
    return found;
}

static void report_division(const sweep *self, const division *by) {
    const uint64_t wanted = self->plan->settings.ranks_per_trial, left = by->ranks % by->each;
    printf("%zu %s", self->plan->count, dp_sweep_plan_unit(self->plan));
    if (self->plan->has_repeats)
        printf(" of %zu trials", dp_sweep_plan_distinct(self->plan));
    dp_text_print(stdout, " in %s; %" PRIu64 " rank%s, %" PRIu64, self->plan->settings.dir,
                  by->ranks, by->ranks == 1 ? "" : "s", by->each);
    if (by->shares_all && by->ranks % by->groups != 0)
        printf(" or %" PRIu64, by->each + 1);
    printf(" a trial");
    if (by->each < wanted && wanted != DP_SWEEP_RANKS_AUTO)
        printf(" (ranks_per_trial = %" PRIu64 ")", wanted);
    if (!by->shares_all && left != 0)
        printf(", %" PRIu64 " idle", left);
    printf("\n");
    dp_output_flush(stdout);
}

static dp_status divide_ranks(sweep *self, dp_error *error) {
    const division by = divide(self->comm, self->plan);
    const uint64_t rank = (uint64_t)dp_comm_rank(self->comm);
    const uint64_t group = by.shares_all ? rank * by.groups / by.ranks : rank / by.each;
    self->is_idle = group >= by.groups;
    DP_TRY(dp_comm_split(&self->group, self->comm, (int)group, error));
    DP_TRY_NEW_ON_ALL(self->comm, self->errors, (size_t)dp_comm_size(self->group));
    if (rank == 0 && !self->request->quiet)
        report_division(self, &by);
    return DP_OK;
}

static dp_status prepare(sweep *self, dp_error *error) {
    const size_t count = self->plan->count;
    DP_TRY_NEW_ON_ALL(self->comm, self->order, count);
    DP_TRY_NEW_ON_ALL(self->comm, self->outcomes, count);
    dp_sweep_plan_order(self->plan->trials, count, self->order);
    DP_TRY(divide_ranks(self, error));
    DP_TRY(dp_comm_board_create(&self->board, self->comm, DP_SWEEP_CELLS(count), error));
    const bool is_root = dp_comm_rank(self->comm) == 0;
    bool live = is_root && !self->request->quiet && dp_terminal_is_watched(stdout);
    dp_comm_broadcast(self->comm, &live, sizeof live);
    dp_sweep_view_init(&self->view, self->plan, self->board, live, is_root);
    self->view.only_failures = self->request->quiet;
    return DP_OK;
}

/* A trial is kept where rank 0 of its group is, and looked for where rank 0 of all is: that has to
 * be one folder. It is tried with a file whose name nobody has looked for before, as NFS remembers
 * what was not there. */
static dp_status check_folder(const sweep *self, dp_error *error) {
    char path[DP_PATH_SIZE] = "";
    const char *dir = self->plan->settings.dir;
    DP_OWNED(dp_file_replace_abort) dp_file_replacement trial = {0}; /* rank 0's */
    DP_TRY(DP_ON_ROOT(self->comm, dp_path_format(path, error, "%s/trial", dir)));
    DP_TRY(DP_ON_ROOT(self->comm, dp_file_replace_begin(&trial, path, error)));
    memcpy(path, trial.temporary, sizeof path);
    dp_comm_broadcast(self->comm, path, sizeof path);
    dp_status status = DP_OK;
    if (!self->is_idle && dp_comm_rank(self->group) == 0 && !dp_file_exists(path))
        status = dp_fail(
            error, DP_ERR_INPUT,
            "%s does not see the folder of the sweep, sweep.dir = %s, of the host where mpirun "
            "was started: choose one on a file system that all hosts share, or give each trial "
            "all ranks with sweep.ranks_per_trial=%d",
            dp_comm_host(self->comm), dir, dp_comm_size(self->comm));
    return dp_comm_agree(self->comm, status, error);
}

/* Everyone learns the outcomes of all trials. */
static dp_status share_outcomes(sweep *self, dp_error *error) {
    const size_t ranks = (size_t)dp_comm_size(self->comm);
    DP_OWNED(dp_memory_release) dp_sweep_outcome *all = NULL;
    DP_TRY_NEW_ON_ALL(self->comm, all, ranks);
    for (size_t i = 0; i < self->plan->count; i++) {
        dp_comm_gather_all(self->comm, &self->outcomes[i], sizeof all[0], all);
        for (size_t rank = 0; rank < ranks; rank++) {
            if (all[rank].state != DP_SWEEP_WAITING)
                self->outcomes[i] = all[rank];
        }
    }
    return DP_OK;
}

static void draw(void *context) {
    dp_sweep_view_draw(context);
}

static void release(sweep *self) {
    dp_comm_board_destroy(self->board);
    dp_comm_destroy(self->group);
    dp_memory_free(self->errors);
    dp_memory_free(self->order);
    dp_memory_free(self->outcomes);
}

dp_status dp_sweep_run(dp_comm *comm, dp_sweep_plan *plan, const dp_sweep_request *request,
                       dp_sweep_outcome **outcomes, int *signal, dp_error *error) {
    DP_OWNED(release) sweep self = {.comm = comm, .plan = plan, .request = request};
    *outcomes = NULL;
    *signal = 0;
    /* Groups wait for each other as long as their trials take; a group has its own deadline. */
    dp_comm_set_deadline(comm, 0.0);
    DP_TRY(share_plan(comm, plan, error));
    if (request->fresh)
        DP_TRY(DP_ON_ROOT(comm, start_over(plan, error)));
    DP_TRY(prepare(&self, error));
    DP_TRY(check_folder(&self, error));
    run_trials(&self);
    dp_comm_rest(comm, draw, &self.view);
    dp_sweep_view_close(&self.view);
    DP_TRY(share_outcomes(&self, error));
    *signal = dp_comm_max(comm, self.signal);
    *outcomes = self.outcomes;
    self.outcomes = NULL;
    return DP_OK;
}
