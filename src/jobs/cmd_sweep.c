#include "base/memory.h"
#include "jobs/jobs.h"
#include "run/run_lock.h"
#include "sweep/sweep.h"
#include "sweep/sweep_data.h"
#include "sweep/sweep_plan.h"
#include "sweep/sweep_table.h"
#include "sweep_txt.h"
#include "system/terminal.h"
#include "system/termination.h"

#include <stdio.h>
#include <string.h>

typedef struct sweep_options {
    bool fresh;
    bool show_test;
    bool quiet;
} sweep_options;

static const dp_option options[] = {
    DP_SWITCH(sweep_options, fresh, "fresh",
              "start over: remove what the run folders of the trials hold"),
    DP_SWITCH(sweep_options, show_test, "show_test",
              "as sweep.show_test=yes: test losses of all trials"),
    DP_SWITCH(sweep_options, quiet, "quiet",
              "nothing on the terminal but what is wrong; results.md has the table", .alias = 'q'),
    DP_OPTIONS_END_BEFORE(dp_sweep_options),
};

/* One sweep at a time works in its folder. */
static dp_status take_lock(dp_run_lock *lock, const char *dir, dp_error *error) {
    char notice[DP_RUN_LOCK_NOTICE_SIZE];
    DP_TRY(dp_file_make_directories(dir, error));
    DP_TRY(dp_run_lock_take(lock, dir, notice, error));
    if (notice[0] != '\0')
        printf("%s\n", notice);
    return DP_OK;
}

static dp_status read_plan(const sweep_options *chosen, int count, char *const *positionals,
                           dp_sweep_plan *plan, dp_run_lock *lock, dp_error *error) {
    if (count == 0 || strchr(positionals[0], '=') != NULL)
        return dp_fail(error, DP_ERR_INPUT,
                       "no sweep file given: dptrain sweep SWEEP.ini [section.key=value ...]");
    DP_TRY(dp_sweep_plan_read(plan, positionals[0], count - 1, positionals + 1, error));
    plan->settings.show_test = plan->settings.show_test || chosen->show_test;
    DP_TRY(dp_sweep_table_check(plan, error));
    DP_TRY(take_lock(lock, plan->settings.dir, error));
    return dp_sweep_data_prepare(plan, chosen->quiet, error);
}

static size_t count_state(const dp_sweep_plan *plan, const dp_sweep_outcome *outcomes,
                          dp_sweep_state state) {
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++)
        count += outcomes[i].state == state;
    return count;
}

static void print_failures(const dp_sweep_plan *plan, const dp_sweep_outcome *outcomes) {
    for (size_t i = 0; i < plan->count; i++) {
        if (outcomes[i].state == DP_SWEEP_FAILED)
            dp_text_print(stdout, "%s failed: %s\n", plan->trials[i].name,
                          outcomes[i].error.message);
    }
}

/* Rank 0's part. Where nobody watches, failures have been told as they came. */
static dp_status tell(const dp_sweep_plan *plan, const dp_sweep_outcome *outcomes,
                      const dp_sweep_ensemble *ensemble, bool quiet, int signal, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text table = {0};
    const bool has_ended = count_state(plan, outcomes, DP_SWEEP_DONE) > 0 ||
                           count_state(plan, outcomes, DP_SWEEP_FAILED) > 0;
    DP_TRY(dp_sweep_table_write(plan, outcomes, ensemble, &table, error));
    if (quiet)
        return DP_OK;
    if (dp_terminal_is_watched(stdout))
        print_failures(plan, outcomes);
    dp_text_print(stdout, "%s%s/results.csv, %s/results.md\n",
                  has_ended ? dp_text_string(&table) : "", plan->settings.dir, plan->settings.dir);
    if (signal != 0)
        printf("stopped with %zu of %zu %s done; the same command goes on from there\n",
               count_state(plan, outcomes, DP_SWEEP_DONE), plan->count, dp_sweep_plan_unit(plan));
    return DP_OK;
}

/* The first trial of the file that has failed, if any, makes the exit status. */
static dp_status judge(const dp_sweep_plan *plan, const dp_sweep_outcome *outcomes,
                       dp_error *error) {
    for (size_t i = 0; i < plan->count; i++) {
        if (outcomes[i].state == DP_SWEEP_FAILED)
            return dp_fail(
                error, outcomes[i].error.status,
                "%zu of %zu %s failed, the first of them %s; the same command tries them again",
                count_state(plan, outcomes, DP_SWEEP_FAILED), plan->count, dp_sweep_plan_unit(plan),
                plan->trials[i].name);
    }
    return DP_OK;
}

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    sweep_options chosen;
    DP_OWNED(dp_sweep_plan_clear) dp_sweep_plan plan = {0};
    DP_OWNED(dp_run_lock_release) dp_run_lock lock = {0}; /* rank 0's */
    DP_OWNED(dp_memory_release) dp_sweep_outcome *outcomes = NULL;
    dp_sweep_ensemble ensemble = {0};
    int positional_count = 0;
    DP_TRY(dp_command_parse(comm, options, &chosen, count, arguments, &positional_count, error));
    DP_TRY(DP_ON_ROOT(comm, read_plan(&chosen, positional_count, arguments, &plan, &lock, error)));
    const dp_sweep_request request = {
        .fresh = chosen.fresh, .quiet = chosen.quiet, .signal = dp_termination_catch()};
    DP_TRY(dp_sweep_run(comm, &plan, &request, &outcomes, signal, error));
    dp_error missed = {0}; /* to try runs together, which does not keep their results back */
    if (*signal == 0 && dp_sweep_ensemble_try(comm, &plan, outcomes, &ensemble, &missed) != DP_OK)
        ensemble.count = 0;
    DP_TRY(DP_ON_ROOT(comm, tell(&plan, outcomes, &ensemble, chosen.quiet, *signal, error)));
    *error = missed;
    if (missed.status != DP_OK)
        return dp_fail_prefix(error, "the best runs together (sweep.ensemble=0 leaves that out)");
    return *signal == 0 ? DP_ON_ROOT(comm, judge(&plan, outcomes, error)) : DP_OK;
}

const dp_command dp_command_sweep = {
    .name = "sweep",
    .arguments = "SWEEP.ini [section.key=value ...]",
    .purpose = "train many configs, several at once, and compare them",
    .details = sweep_txt,
    .examples = "dptrain sweep configs/sweeps/notebook.ini sweep.text=data/names.txt\n",
    .options = options,
    .needs = DP_NEEDS_JOB | DP_NEEDS_LAUNCH | DP_OUTLIVES_READER,
    .run = run,
};
