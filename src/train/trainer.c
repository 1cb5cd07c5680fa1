#include "train/trainer.h"

#include "base/memory.h"
#include "base/timer.h"
#include "engine/engine.h"
#include "engine/evaluate.h"
#include "run/checkpoint.h"
#include "run/losses.h"
#include "run/metrics.h"
#include "run/run_folder.h"
#include "run/run_lock.h"
#include "run/summary.h"
#include "system/filesystem.h"
#include "train/init_from.h"
#include "train/phases.h"
#include "train/replicas.h"
#include "train/report.h"
#include "train/resume.h"
#include "train/time_limit.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* What all ranks at work know of where the run stands, and one that comes to work is told. */
typedef struct standing {
    dp_progress progress;
    dp_step_result result; /* of the last step */
    dp_evaluation evaluations[DP_SPLIT_COUNT];
    uint64_t weights_hash;
    uint64_t end;
    uint64_t steps_taken;
} standing;

typedef struct trainer {
    dp_comm *job;
    dp_comm *comm; /* of the ranks at work; NULL on one that rests */
    const dp_config *config;
    const dp_train_request *request;
    dp_train_outcome *outcome;
    double started;
    dp_engine *engine;
    const dp_subject *subject; /* its */
    dp_schedule schedule;
    dp_step step; /* the last one, and what came of it */
    dp_step_result result;
    dp_profile profile;
    dp_progress progress;
    dp_evaluation evaluations[DP_SPLIT_COUNT]; /* at the last logging point; count 0: not there */
    uint64_t weights_hash;                     /* and the weights as they were checked last */
    uint64_t end;                              /* step at which this start of the program ends */
    bool summed_up;                            /* by an earlier one: there is nothing left to do */
    dp_time_limit limit;                       /* rank 0 */
    double step_seconds;                       /* spent in steps */
    uint64_t steps_taken;                      /* and how many, by this start of the program */
    double window_seconds;                     /* the same since the last row of metrics */
    uint64_t window_steps;

    /* Of rank 0. */
    dp_run_lock lock;
    dp_journal metrics;
    dp_metrics_past past; /* what its rows tell of earlier starts of the program */
    uint64_t start; /* the number of this one; that of the last where no step was left to take */
    dp_losses losses;
    dp_report report;
    int told_at_work;    /* how many ranks were said to be at work */
    uint64_t saved_step; /* of the newest checkpoint that is known to be good, */
    bool is_saved;       /* where there is one; else 0 */
    uint64_t unsaved;    /* writes that failed, and the first of them */
    dp_error first_unsaved;
} trainer;

/* --- what is due ---------------------------------------------------------------------------- */

static bool is_due(uint64_t step, uint64_t every) {
    return every != 0 && step % every == 0;
}

/* Whether there is a row of metrics at this step, in a run of more steps, too. */
static bool is_row_due(const trainer *self, uint64_t step) {
    return is_due(step, self->config->log_every) || is_due(step, self->config->eval_every);
}

/* --- one step ------------------------------------------------------------------------------- */

/* Every so many steps one is profiled, so that the clock's own time does not count. While there is
 * room for events of a trace, every step is. */
#define STEPS_PER_PROFILE 61
#define TRACE_EVENTS 2000

static dp_profile *profile_of_step(trainer *self) {
    bool traced = self->profile.event_count < self->profile.event_capacity;
    return traced || self->progress.step % STEPS_PER_PROFILE == 0 ? &self->profile : NULL;
}

/* What the run has taken, as far as its rows know. */
static double seconds_taken(const trainer *self) {
    return self->past.seconds + (dp_timer_now() - self->started);
}

/* The row of metrics that would end here. */
static dp_metrics_row current_row(const trainer *self) {
    const dp_progress *progress = &self->progress;
    const double steps = (double)self->window_steps;
    dp_metrics_row row = {.step = progress->step,
                          .loss = progress->loss_sum / (double)progress->loss_count,
                          .batch_loss = self->result.loss,
                          .lr = self->step.lr,
                          .weights_hash = self->weights_hash,
                          .ms_per_step = 1e3 * self->window_seconds / steps,
                          .examples_per_s =
                              steps * (double)self->config->batch_size / self->window_seconds,
                          .seconds = seconds_taken(self),
                          .grad_norm = self->result.norm,
                          .start = self->start,
                          .at_work = (uint64_t)dp_comm_size(self->comm)};
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        row.split_loss[split] =
            self->evaluations[split].count > 0 ? self->evaluations[split].loss : NAN;
    return row;
}

/* That this rank, or one that rests, has got: 0, none. */
static int own_signal(const trainer *self) {
    return dp_engine_signal(self->engine, self->request->signal);
}

static void take_step(trainer *self) {
    const uint64_t next = self->progress.step + 1;
    double before = dp_timer_now();
    self->step = (dp_step){
        .number = self->progress.step,
        .lr = dp_schedule_lr(&self->schedule, self->progress.step),
        .wants_stop = own_signal(self) != 0 || dp_time_limit_is_reached(&self->limit, before),
        .wants_look =
            dp_work_wants_look(self->subject->work, self->steps_taken + 1, self->step_seconds),
        .measures = is_row_due(self, next) || next == self->config->steps,
        .profile = profile_of_step(self)};
    self->result = dp_engine_step(self->engine, &self->step);
    dp_losses_add(&self->losses, self->result.loss);
    self->progress.loss_sum += self->result.loss;
    self->progress.loss_count++;
    self->progress.step++;
    double after = dp_timer_now();
    self->step_seconds += after - before;
    self->steps_taken++;
    self->window_seconds += after - before;
    self->window_steps++;
    if (dp_progress_line_is_due(&self->report.progress, after))
        dp_report_progress(&self->report, current_row(self), self->end);
}

static dp_status fail_diverged(trainer *self, const char *what, dp_error *error) {
    char checkpoint[DP_PATH_SIZE] = "none";
    dp_error ignored;
    (void)!dp_losses_flush(&self->losses, &ignored); /* how it came to this can be seen */
    if (self->is_saved)
        (void)!dp_checkpoint_files_path(self->config->run_dir, self->saved_step, checkpoint,
                                        &ignored);
    dp_status status =
        dp_fail(error, DP_ERR_DIVERGED,
                "%s not finite at step %" PRIu64 ": try a smaller train.lr, "
                "train.clip_norm=1 or model.init=scaled, with --fresh; last good checkpoint: %s",
                what, self->progress.step, checkpoint);
    return dp_comm_agree(self->comm, status, error);
}

/* --- what is looked at ---------------------------------------------------------------------- */

static bool is_stopped_early(const trainer *self) {
    return dp_progress_is_stopped_early(&self->progress, self->config);
}

static bool is_finished(const trainer *self) {
    return self->progress.step == self->config->steps || is_stopped_early(self);
}

static bool is_going_on(const trainer *self) {
    return self->progress.step < self->end && !is_stopped_early(self);
}

/* The loss of a step is that before its update, so weights are looked at too before they are saved.
 * All ranks hold the same ones. */
static dp_status check_finite(trainer *self, dp_error *error) {
    return dp_params_are_finite(self->subject->layout, self->subject->params)
               ? DP_OK
               : fail_diverged(self, "weights are", error);
}

/* What was computed since the last look at a dataset that has changed is thrown away. */
static dp_status check_dataset(trainer *self, dp_error *error) {
    if (dp_engine_check_dataset(self->engine, error) == DP_OK)
        return DP_OK;
    return dp_fail_prefix(error, "ended at step %" PRIu64 ", newest checkpoint of step %" PRIu64,
                          self->progress.step, self->saved_step);
}

/* Compares the weights of all ranks, and looks whether they are numbers. */
static dp_status check_weights(trainer *self, dp_error *error) {
    const size_t ranks = (size_t)dp_comm_size(self->comm);
    DP_OWNED(dp_memory_release) uint64_t *hashes = NULL;
    dp_comm_set_place(self->comm, "comparing weights", self->progress.step);
    DP_TRY(check_dataset(self, error));
    DP_TRY_NEW_ON_ALL(self->comm, hashes, ranks);
    dp_engine_collect(self->engine);
    self->weights_hash = dp_params_hash(self->subject->layout, self->subject->params);
    dp_comm_gather_all(self->comm, &self->weights_hash, sizeof hashes[0], hashes);
    const dp_status status =
        dp_replicas_judge(hashes, ranks, (size_t)dp_comm_rank(self->comm), dp_comm_host(self->comm),
                          self->progress.step, error);
    DP_TRY(dp_comm_agree(self->comm, status, error));
    return check_finite(self, error);
}

/* Evaluates the splits in this set. */
static dp_status evaluate(trainer *self, unsigned splits, dp_error *error) {
    const dp_subject *subject = self->subject;
    dp_comm_set_place(self->comm, "evaluate", self->progress.step);
    if (splits == 0)
        return DP_OK;
    dp_engine_collect(self->engine);
    return dp_evaluate(self->comm, subject->dataset, splits, subject->layout, subject->build->level,
                       subject->params, self->evaluations, error);
}

/* --- what rank 0 writes --------------------------------------------------------------------- */

/* A run goes on where rank 0 cannot write: the system may let it later, and what was saved before
 * stands. It is told at once and makes the exit status in the end. Other failures are passed on. */
static dp_status tolerate(trainer *self, dp_status status, const dp_error *error) {
    if (status != DP_ERR_IO && status != DP_ERR_MEMORY)
        return status;
    if (self->unsaved++ == 0)
        self->first_unsaved = *error;
    dp_report_line(&self->report, "warning: %s; training goes on", error->message);
    return DP_OK;
}

/* The state as it is now. */
static dp_status write_state(const trainer *self, const dp_progress *progress, const char *path,
                             dp_error *error) {
    const dp_subject *subject = self->subject;
    const dp_dataset_info *info = &subject->dataset->info;
    dp_checkpoint checkpoint = {.facts = {.progress = *progress,
                                          .weights_hash = self->weights_hash,
                                          .unit = info->unit,
                                          .stream = info->stream,
                                          .preparation = info->preparation,
                                          .block_size = info->block_size,
                                          .vocabulary = subject->dataset->vocabulary},
                                .config = *self->config,
                                .layout = *subject->layout,
                                .params = subject->params};
    memcpy(checkpoint.state, subject->state, sizeof checkpoint.state);
    memcpy(checkpoint.facts.dataset_sha256, info->sha256, DP_SHA256_TEXT_SIZE);
    memcpy(checkpoint.facts.build, subject->build->text, DP_BUILD_SIZE);
    return dp_checkpoint_save(&checkpoint, path, error);
}

/* The rows of metrics and the losses up to here are on the disk before the checkpoint is; older
 * ones go only once it is there. */
static dp_status write_checkpoint(trainer *self, dp_error *error) {
    const char *dir = self->config->run_dir;
    const uint64_t step = self->progress.step;
    char path[DP_PATH_SIZE];
    DP_TRY(tolerate(self, dp_journal_sync(&self->metrics, error), error));
    DP_TRY(tolerate(self, dp_losses_sync(&self->losses, error), error));
    DP_TRY(dp_checkpoint_files_path(dir, step, path, error));
    DP_TRY(write_state(self, &self->progress, path, error));
    self->saved_step = step;
    self->is_saved = true;
    return dp_run_folder_prune(dir, step, self->config->checkpoint_keep, error);
}

static dp_status save_checkpoint(trainer *self, dp_error *error) {
    const double before = dp_timer_now();
    DP_TRY(check_weights(self, error));
    dp_comm_set_place(self->comm, "checkpoint", self->progress.step);
    DP_TRY(DP_ON_ROOT(self->comm, tolerate(self, write_checkpoint(self, error), error)));
    dp_time_limit_note_save(&self->limit, dp_timer_now() - before);
    return DP_OK;
}

static dp_status write_best(trainer *self, const dp_progress *progress, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_path_format(path, error, "%s/best.h5", self->config->run_dir));
    return tolerate(self, write_state(self, progress, path, error), error);
}

static dp_status write_row(trainer *self, const dp_metrics_row *row, bool is_best,
                           dp_error *error) {
    DP_TRY(tolerate(self, dp_metrics_append(&self->metrics, row, error), error));
    DP_TRY(tolerate(self, dp_losses_flush(&self->losses, error), error));
    dp_report_step(&self->report, row, self->end - row->step);
    if (self->request->watch != NULL)
        self->request->watch(self->request->context, row);
    return is_best ? write_best(self, &self->progress, error) : DP_OK;
}

/* --- logging points ------------------------------------------------------------------------- */

/* What is to be evaluated at this step: a bit per split. */
static unsigned due_splits(const trainer *self) {
    if (is_finished(self))
        return DP_SPLITS_ALL;
    return is_due(self->progress.step, self->config->eval_every) ? self->config->eval_splits : 0u;
}

/* Whether dev was evaluated here and is better than ever before. */
static bool is_better(const trainer *self) {
    const dp_progress *progress = &self->progress;
    const dp_evaluation *dev = &self->evaluations[DP_SPLIT_DEV];
    return dev->count > 0 && isfinite(dev->loss) &&
           (progress->best_step == 0 || dev->loss < progress->best_loss);
}

static void note_better(const trainer *self, dp_progress *progress) {
    progress->best_loss = self->evaluations[DP_SPLIT_DEV].loss;
    progress->best_step = progress->step;
    progress->evaluations_since_best = 0;
}

/* Takes note of the loss on dev, where it is to be evaluated, and says whether it is the best so
 * far. What the end of a run alone has brought, a run of more steps would not have. */
static bool note_dev_loss(trainer *self) {
    dp_progress *progress = &self->progress;
    const bool is_counted = is_due(progress->step, self->config->eval_every) &&
                            (self->config->eval_splits >> DP_SPLIT_DEV & 1u) != 0;
    if (!is_counted)
        return false;
    if (is_better(self)) {
        note_better(self, progress);
        return true;
    }
    progress->evaluations_since_best += progress->best_step != 0;
    return false;
}

static dp_status log_if_due(trainer *self, dp_error *error) {
    const unsigned splits = due_splits(self);
    if (splits == 0 && !is_due(self->progress.step, self->config->log_every))
        return DP_OK;
    memset(self->evaluations, 0, sizeof self->evaluations);
    DP_TRY(evaluate(self, splits, error));
    DP_TRY(check_weights(self, error));
    dp_comm_set_place(self->comm, "writing metrics", self->progress.step);
    const dp_metrics_row row = current_row(self);
    if (is_row_due(self, self->progress.step)) {
        self->progress.loss_sum = 0.0;
        self->progress.loss_count = 0;
    }
    self->window_seconds = 0.0;
    self->window_steps = 0;
    const bool is_best = note_dev_loss(self);
    return DP_ON_ROOT(self->comm, write_row(self, &row, is_best, error));
}

/* --- the run -------------------------------------------------------------------------------- */

static dp_status report_doubts(trainer *self, const char *dir, dp_error *error) {
    const char *doubts[DP_FILESYSTEM_DOUBTS];
    DP_TRY(dp_filesystem_doubts(dir, doubts, error));
    for (const char **doubt = doubts; *doubt != NULL; doubt++)
        dp_report_line(&self->report, "warning: %s: %s", dir, *doubt);
    return DP_OK;
}

static dp_status open_run_folder(trainer *self, dp_error *error) {
    const char *dir = self->config->run_dir;
    char path[DP_PATH_SIZE], notice[DP_RUN_LOCK_NOTICE_SIZE];
    DP_TRY(dp_run_folder_check(dir, self->request->fresh, error));
    DP_TRY(dp_run_folder_create(dir, error));
    DP_TRY(dp_run_lock_take(&self->lock, dir, notice, error));
    DP_TRY(dp_run_folder_remove_leftovers(dir, error));
    if (self->request->fresh)
        DP_TRY(dp_run_folder_clear(dir, error));
    DP_TRY(dp_path_format(path, error, "%s/log.txt", dir));
    DP_TRY(dp_report_open(&self->report, self->request->quiet, self->request->signal, path, error));
    if (notice[0] != '\0')
        dp_report_line(&self->report, "%s", notice);
    return report_doubts(self, dir, error);
}

/* What is not known of the losses so far, a run of an earlier version has no file of, or a full
 * disk or somebody has taken it: that is said, and no reason not to go on. */
static dp_status begin_losses(trainer *self, dp_error *error) {
    const uint64_t step = self->progress.step;
    uint64_t known = 0;
    char path[DP_PATH_SIZE];
    DP_TRY(dp_path_format(path, error, "%s/" DP_LOSSES_NAME, self->config->run_dir));
    DP_TRY(dp_losses_open(&self->losses, path, step, &known, error));
    if (known < step)
        dp_report_line(&self->report, "notice: %s has no losses of steps %s to %s", path,
                       DP_COUNT_TEXT(known + 1), DP_COUNT_TEXT(step));
    return DP_OK;
}

/* Begins the files that this start of the program writes. A row that only the end has brought goes
 * where the run has not ended any more. */
static dp_status begin_files(trainer *self, dp_error *error) {
    const char *dir = self->config->run_dir;
    char path[DP_PATH_SIZE], notice[DP_METRICS_NOTICE_SIZE];
    DP_OWNED(dp_text_clear) dp_text config = {0};
    dp_config_write(self->config, &config);
    DP_TRY(dp_run_folder_write(dir, "config.ini", &config, error));
    DP_TRY(dp_path_format(path, error, "%s/metrics.csv", dir));
    const uint64_t logged = self->progress.step - self->progress.loss_count;
    DP_TRY(dp_metrics_open(&self->metrics, path, is_finished(self) ? self->progress.step : logged,
                           logged, &self->past, notice, error));
    self->start = self->past.starts + (is_going_on(self) || self->past.starts == 0);
    if (notice[0] != '\0')
        dp_report_line(&self->report, "%s", notice);
    return begin_losses(self, error);
}

static dp_status initialise_or_resume(trainer *self, dp_error *error) {
    bool resumed = false;
    DP_TRY(dp_resume(self->subject, &self->report, &self->progress, &resumed, error));
    if (!resumed)
        DP_TRY(dp_init_run(self->engine, &self->report, error));
    self->saved_step = self->progress.step;
    self->is_saved = resumed;
    dp_engine_publish(self->engine);
    dp_report_line(&self->report, "  run        %s, %s%s", self->config->run_dir,
                   resumed ? "resumed at step " : "new",
                   resumed ? DP_COUNT_TEXT(self->progress.step) : "");
    self->end = self->config->steps;
    if (self->request->stops && self->request->stop_at < self->end)
        self->end = self->request->stop_at;
    return DP_OK;
}

/* What made the ranks stop, for all of them: rank 0 alone has a limit of time. */
static void note_outcome(trainer *self) {
    if (is_finished(self)) /* was not ended early, whatever has come meanwhile */
        return;
    self->outcome->signal = dp_comm_max(self->comm, own_signal(self));
    self->outcome->out_of_time = self->outcome->signal == 0;
}

/* How many ranks are at work, where that is another number than was told. */
static void report_work(trainer *self) {
    const dp_work *work = self->subject->work;
    DP_OWNED(dp_text_clear) dp_text line = {0};
    const int told = self->told_at_work != 0 ? self->told_at_work : work->most;
    self->told_at_work = work->count;
    if (told == work->count)
        return;
    dp_work_describe(work, &line);
    if (line.length == 0)
        dp_text_append(&line, "all ranks at work");
    dp_report_line(&self->report, "  from step %s on %s", DP_COUNT_TEXT(self->progress.step + 1),
                   dp_text_string(&line));
}

/* Lets ranks come to work, or rest. Whether this one is at work. */
static bool take_turn(trainer *self) {
    if (!dp_engine_rests(self->engine) && !self->result.must_look)
        return true;
    standing now = {.progress = self->progress,
                    .result = self->result,
                    .weights_hash = self->weights_hash,
                    .end = self->end,
                    .steps_taken = self->steps_taken};
    const dp_turn turn = {.must_look = self->result.must_look,
                          .steps = self->steps_taken,
                          .seconds = self->step_seconds,
                          .state = &now,
                          .size = sizeof now,
                          .signal = self->request->signal};
    memcpy(now.evaluations, self->evaluations, sizeof now.evaluations);
    const bool is_at_work = dp_engine_turn(self->engine, &turn);
    self->subject = dp_engine_subject(self->engine);
    self->comm = self->subject->comm;
    self->progress = now.progress;
    self->result = now.result;
    self->weights_hash = now.weights_hash;
    self->end = now.end;
    self->steps_taken = now.steps_taken;
    memcpy(self->evaluations, now.evaluations, sizeof now.evaluations);
    if (is_at_work && !dp_engine_is_trying(self->engine))
        report_work(self);
    return is_at_work;
}

/* Steps up to the end, a signal or the end of the time. A rank at rest returns when the others have
 * come to the end of all. */
static dp_status train(trainer *self, dp_error *error) {
    const size_t slabs = 1 + dp_optimizer_slabs(self->config->optimizer.kind);
    if (is_going_on(self))
        dp_report_step_heading(&self->report);
    if (dp_comm_rank(self->job) == 0)
        dp_time_limit_init(&self->limit, self->request->max_time, self->started,
                           slabs * self->subject->layout->length * sizeof(float));
    while (take_turn(self) && is_going_on(self) && !self->result.must_stop) {
        take_step(self);
        if (!isfinite(self->result.loss)) /* the same on every rank */
            return fail_diverged(self, "the loss is", error);
        DP_TRY(log_if_due(self, error));
        if (self->result.must_stop || !is_going_on(self) ||
            is_due(self->progress.step, self->config->checkpoint_every))
            DP_TRY(save_checkpoint(self, error));
    }
    if (self->result.must_stop && !dp_engine_rests(self->engine))
        note_outcome(self);
    return DP_OK;
}

static void report_early_stop(trainer *self) {
    dp_report_line(&self->report,
                   "stopped early at step %s: %" PRIu64 " evaluations without a better dev loss "
                   "than\n  %.4f at step %s",
                   DP_COUNT_TEXT(self->progress.step), self->progress.evaluations_since_best,
                   self->progress.best_loss, DP_COUNT_TEXT(self->progress.best_step));
}

static dp_status write_summary(trainer *self, const dp_progress *progress, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_OWNED(dp_facts_clear) dp_facts facts = {0};
    const dp_summary summary = {.progress = *progress,
                                .weights_hash = self->weights_hash,
                                .evaluations = self->evaluations,
                                .stopped_early = is_stopped_early(self),
                                .parameters = self->subject->layout->parameter_count,
                                .ranks = (uint64_t)dp_comm_size(self->job),
                                .at_work = (uint64_t)dp_comm_size(self->comm),
                                .checkpoint = self->saved_step,
                                .seconds = seconds_taken(self),
                                .starts = self->start,
                                .build = self->subject->build->text};
    dp_summary_add(&facts, &summary);
    DP_TRY(dp_summary_add_unknown(&facts, DP_SPLITS_ALL, self->subject->dataset, error));
    dp_facts_note(&facts, "time", summary.starts == 1 ? "%s" : "%s, in %" PRIu64 " starts",
                  DP_DURATION_TEXT(summary.seconds), summary.starts);
    DP_TRY(dp_path_format(path, error, "%s/summary.json", self->config->run_dir));
    DP_TRY(tolerate(self, dp_summary_write(&facts, path, error), error));
    if (summary.stopped_early)
        report_early_stop(self);
    dp_report_facts(&self->report, &facts,
                    DP_SUMMARY_SPLITS "weights {weights}\n"
                                      "time {time}\n");
    return DP_OK;
}

/* --- the end of a run ------------------------------------------------------------------------- */

/* Where best.h5 waits while one stands in its place that a run of more steps would not have. */
static dp_status path_of_best_before(const trainer *self, char best[DP_PATH_SIZE],
                                     char before[DP_PATH_SIZE], dp_error *error) {
    DP_TRY(dp_path_format(best, error, "%s/best.h5", self->config->run_dir));
    return dp_path_format(before, error, "%s/" DP_BEST_BEFORE_END_NAME, self->config->run_dir);
}

/* The weights of the end are the best ones of this run. They do not count in its progress, so that
 * it may go on with more steps as if there were no end here. */
static dp_status write_best_of_end(trainer *self, const dp_progress *progress, dp_error *error) {
    char best[DP_PATH_SIZE], before[DP_PATH_SIZE];
    DP_TRY(path_of_best_before(self, best, before, error));
    if (self->progress.best_step != 0 && !dp_file_exists(before) && dp_file_exists(best))
        DP_TRY(tolerate(self, dp_file_move(best, before, error), error));
    return write_best(self, progress, error);
}

/* The run goes on: best.h5 is again what it was before the end. */
static dp_status take_back_best(const trainer *self, dp_error *error) {
    char best[DP_PATH_SIZE], before[DP_PATH_SIZE];
    DP_TRY(path_of_best_before(self, best, before, error));
    if (dp_file_exists(before))
        return dp_file_move(before, best, error);
    return self->progress.step > 0 && self->progress.best_step == 0 ? dp_file_remove(best, error)
                                                                    : DP_OK;
}

/* What is told of the run. */
static dp_status write_end(trainer *self, dp_error *error) {
    dp_progress progress = self->progress;
    if (is_better(self)) {
        note_better(self, &progress);
        DP_TRY(write_best_of_end(self, &progress, error));
    }
    return write_summary(self, &progress, error);
}

/* The run is at its end: evaluates what was not where it stands now, and sums up. A run that has
 * all its steps evaluated all splits at the last one; one that stopped early only those that are
 * evaluated on the way, and one that is resumed at its end none. */
static dp_status finish(trainer *self, dp_error *error) {
    unsigned missing = 0;
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        missing |= self->evaluations[split].count == 0 ? 1u << split : 0u;
    DP_TRY(evaluate(self, missing, error));
    DP_TRY(check_weights(self, error));
    return DP_ON_ROOT(self->comm, write_end(self, error));
}

/* Whether an earlier start of the program has finished this run, summary and all: one that cannot
 * be read, or that tells of another step, is written again. What the end has left of a run that is
 * to go on is taken back. */
static dp_status look_for_summary(trainer *self, dp_error *error) {
    char path[DP_PATH_SIZE];
    dp_summary_results results;
    dp_error ignored;
    DP_TRY(dp_path_format(path, error, "%s/summary.json", self->config->run_dir));
    self->summed_up = is_finished(self) && dp_summary_read(&results, path, &ignored) == DP_OK &&
                      results.step == self->progress.step;
    if (is_finished(self))
        return DP_OK;
    DP_TRY(dp_file_remove(path, error));
    return take_back_best(self, error);
}

/* A damaged best.h5 is not written again unless dev gets better: that is told, and makes the status
 * in the end, as where it could not be written. */
static dp_status look_at_best(trainer *self, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_path_format(path, error, "%s/best.h5", self->config->run_dir));
    if (self->progress.best_step == 0 || !dp_file_exists(path) ||
        dp_model_file_check_seal(path, error) == DP_OK)
        return DP_OK;
    dp_error damaged;
    const dp_status status =
        dp_fail(&damaged, DP_ERR_IO, "%s; remove it to go on without", error->message);
    return tolerate(self, status, &damaged);
}

static void report_stop(trainer *self) {
    dp_report_line(&self->report, "stopped at step %s of %s%s; the same command goes on from there",
                   DP_COUNT_TEXT(self->progress.step), DP_COUNT_TEXT(self->config->steps),
                   self->outcome->signal != 0   ? " by a signal"
                   : self->outcome->out_of_time ? " before --max-time is over"
                                                : "");
}

/* That there is nothing left to do, and what would give something. */
static void report_finished(trainer *self) {
    if (is_stopped_early(self)) {
        report_early_stop(self);
        dp_report_line(&self->report, "finished (see summary.json; raise eval.patience to go on, "
                                      "--fresh to start over)");
        return;
    }
    dp_report_line(
        &self->report,
        "finished: all %s steps are done (see summary.json; "
        "%s--fresh to start over)",
        DP_COUNT_TEXT(self->config->steps),
        self->config->lr_schedule == DP_SCHEDULE_COSINE ? "" : "raise train.steps to go on, ");
}

/* The status of a run that has come to its end or was stopped, where files of it are missing. */
static dp_status check_saved(trainer *self, dp_error *error) {
    const dp_error logged = self->report.log_error, lost = self->report.lost;
    DP_TRY(tolerate(self, logged.status, &logged));
    DP_TRY(tolerate(self, lost.status, &lost));
    if (self->unsaved == 0)
        return DP_OK;
    return dp_fail(error, DP_ERR_UNSAVED,
                   "%s at step %" PRIu64 ", but %" PRIu64 " write%s failed, first: %s; "
                   "newest checkpoint: step %" PRIu64,
                   is_finished(self) ? "training finished" : "stopped", self->progress.step,
                   self->unsaved, self->unsaved == 1 ? "" : "s", self->first_unsaved.message,
                   self->saved_step);
}

/* Before the first step. */
static dp_status begin(trainer *self, dp_error *error) {
    DP_TRY(DP_ON_ROOT(self->comm, open_run_folder(self, error)));
    dp_report_start(&self->report, self->subject);
    if (self->request->verbose)
        dp_report_settings(&self->report, self->config);
    DP_TRY(initialise_or_resume(self, error));
    DP_TRY(DP_ON_ROOT(self->comm, look_for_summary(self, error)));
    DP_TRY(DP_ON_ROOT(self->comm, look_at_best(self, error)));
    dp_comm_broadcast(self->comm, &self->summed_up, sizeof self->summed_up);
    if (self->summed_up) {
        report_finished(self);
        return DP_OK;
    }
    DP_TRY(DP_ON_ROOT(self->comm, begin_files(self, error)));
    return self->end == 0 && self->progress.step == 0 ? save_checkpoint(self, error) : DP_OK;
}

/* What is done by whoever is at work. */
static dp_status work(trainer *self, dp_error *error) {
    if (!dp_engine_rests(self->engine))
        DP_TRY(begin(self, error));
    if (self->summed_up)
        return DP_OK;
    DP_TRY(train(self, error));
    if (dp_engine_rests(self->engine))
        return DP_OK;
    DP_TRY(dp_phases_report(self->subject, &self->profile, &self->report, error));
    if (is_finished(self))
        return finish(self, error);
    report_stop(self);
    return DP_OK;
}

/* A trace is written by all, and so late that what it says of the run is all. */
static dp_status run(trainer *self, dp_error *error) {
    const bool is_traced = self->request->trace[0] != '\0';
    if (is_traced)
        DP_TRY(DP_ON_ROOT(self->job,
                          dp_file_kind_check_output(self->request->trace, DP_FILE_TRACE, error)));
    DP_TRY(dp_engine_create(&self->engine, self->job, self->config, error));
    self->subject = dp_engine_subject(self->engine);
    self->comm = self->subject->comm;
    DP_TRY(dp_phases_begin(self->job, &self->profile, is_traced ? TRACE_EVENTS : 0, error));
    DP_TRY(dp_engine_end(self->engine, work(self, error), error));
    dp_comm_broadcast(self->job, self->outcome, sizeof *self->outcome);
    dp_comm_broadcast(self->job, &self->summed_up, sizeof self->summed_up);
    if (is_traced && !self->summed_up)
        DP_TRY(dp_phases_write_trace(self->job, &self->profile, self->request->trace, error));
    return DP_ON_ROOT(self->job, check_saved(self, error));
}

static void clear(trainer *self) {
    dp_journal_close(&self->metrics);
    dp_losses_close(&self->losses);
    dp_report_close(&self->report);
    dp_profile_clear(&self->profile);
    dp_engine_destroy(self->engine);
    dp_run_lock_release(&self->lock);
}

dp_status dp_trainer_run(dp_comm *comm, const dp_config *config, const dp_train_request *request,
                         dp_train_outcome *outcome, dp_error *error) {
    DP_OWNED(clear)
    trainer self = {.job = comm,
                    .config = config,
                    .request = request,
                    .outcome = outcome,
                    .started = dp_timer_now(),
                    .progress = {.contract = DP_NUMERICS_CONTRACT},
                    .schedule = dp_config_schedule(config)};
    *outcome = (dp_train_outcome){0};
    return run(&self, error);
}
