#include "run/run_check.h"

#include "base/digest.h"
#include "base/memory.h"
#include "data/find_dataset.h"
#include "run/checkpoint.h"
#include "run/losses.h"
#include "run/metrics.h"
#include "run/run_folder.h"
#include "run/summary.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What is known of the run; of what could not be read the step, count or name is 0 or "". */
typedef struct run_check {
    const char *dir;
    dp_findings *findings;
    dp_config config;
    bool has_config;
    dp_metrics_table metrics;
    bool has_metrics;
    dp_progress progress; /* of the newest checkpoint that is good */
    uint64_t weights_hash;
    char dataset_sha256[DP_SHA256_TEXT_SIZE];
} run_check;

#define GOOD(...) dp_findings_add(self->findings, DP_VERDICT_OK, __VA_ARGS__)
#define WARN(...) dp_findings_add(self->findings, DP_VERDICT_WARNING, __VA_ARGS__)
#define PROBLEM(...) dp_findings_add(self->findings, DP_VERDICT_PROBLEM, __VA_ARGS__)

static bool find_file(const run_check *self, const char *name, char path[DP_PATH_SIZE]) {
    dp_error ignored;
    return dp_path_format(path, &ignored, "%s/%s", self->dir, name) == DP_OK &&
           dp_file_exists(path);
}

static void check_config(run_check *self) {
    dp_error error;
    char path[DP_PATH_SIZE];
    self->has_config = find_file(self, "config.ini", path) &&
                       dp_config_load(&self->config, path, 0, NULL, &error) == DP_OK;
    if (self->has_config)
        GOOD("config.ini", "%s", path);
    else
        PROBLEM("config.ini", "%s", dp_file_exists(path) ? error.message : "is missing");
}

static void check_metrics(run_check *self) {
    dp_error error;
    char path[DP_PATH_SIZE];
    if (!find_file(self, "metrics.csv", path)) {
        PROBLEM("metrics.csv", "is missing: the run has no curves");
        return;
    }
    self->has_metrics = dp_metrics_read(&self->metrics, path, &error) == DP_OK;
    if (self->has_metrics)
        GOOD("metrics.csv", "%zu row%s", self->metrics.count, self->metrics.count == 1 ? "" : "s");
    else
        PROBLEM("metrics.csv", "%s", error.message);
}

/* The row of this step, or NULL. */
static const dp_metrics_row *find_row(const run_check *self, uint64_t step) {
    for (size_t i = 0; i < self->metrics.count; i++) {
        if (self->metrics.rows[i].step == step)
            return &self->metrics.rows[i];
    }
    return NULL;
}

/* The first row whose batch_loss is not the loss of its step, or NULL. */
static const dp_metrics_row *find_other_loss(const run_check *self, const dp_loss_record *record) {
    for (size_t i = 0; i < self->metrics.count; i++) {
        const dp_metrics_row *row = &self->metrics.rows[i];
        const float loss =
            row->step == 0 || row->step > record->count ? NAN : record->values[row->step - 1];
        if (isfinite(loss) && isfinite(row->batch_loss) &&
            fabs((double)loss - row->batch_loss) > 1e-6 * fabs(row->batch_loss))
            return row;
    }
    return NULL;
}

/* Behind the checkpoints. */
static void check_losses(run_check *self) {
    dp_error error;
    DP_OWNED(dp_loss_record_clear) dp_loss_record record = {0};
    const dp_metrics_row *other = NULL;
    char path[DP_PATH_SIZE];
    if (!find_file(self, DP_LOSSES_NAME, path))
        WARN(DP_LOSSES_NAME, "is missing: curves are drawn from metrics.csv alone");
    else if (dp_losses_read(&record, path, &error) != DP_OK)
        PROBLEM(DP_LOSSES_NAME, "%s", error.message);
    else if ((other = find_other_loss(self, &record)) != NULL)
        PROBLEM(DP_LOSSES_NAME, "has another loss of step %s than metrics.csv",
                DP_COUNT_TEXT(other->step));
    else if (record.count < self->progress.step)
        WARN(DP_LOSSES_NAME, "ends at step %s, the newest checkpoint is of step %s",
             DP_COUNT_TEXT(record.count), DP_COUNT_TEXT(self->progress.step));
    else
        GOOD(DP_LOSSES_NAME, "%s steps", DP_COUNT_TEXT(record.count));
}

/* Takes over what the newest good checkpoint tells. */
static void take_newest(run_check *self, const dp_model_file *facts) {
    if (self->dataset_sha256[0] != '\0' && facts->progress.step <= self->progress.step)
        return;
    self->progress = facts->progress;
    self->weights_hash = facts->weights_hash;
    memcpy(self->dataset_sha256, facts->dataset_sha256, sizeof self->dataset_sha256);
}

static bool check_checkpoint(run_check *self, const char *path, const char *subject) {
    dp_error error;
    DP_OWNED(dp_checkpoint_clear) dp_checkpoint checkpoint = {0};
    if (dp_checkpoint_load(&checkpoint, path, true, &error) != DP_OK) {
        PROBLEM(subject, "%s", error.message);
        return false;
    }
    const dp_model_file *facts = &checkpoint.facts;
    const dp_metrics_row *row = find_row(self, facts->progress.step);
    take_newest(self, facts);
    if (row != NULL && row->weights_hash != facts->weights_hash) {
        PROBLEM(subject, "%s holds the weights %s, but metrics.csv has %s at step %s", path,
                DP_HASH_TEXT(facts->weights_hash), DP_HASH_TEXT(row->weights_hash),
                DP_COUNT_TEXT(facts->progress.step));
        return false;
    }
    GOOD(subject, "step %s, weights %s%s", DP_COUNT_TEXT(facts->progress.step),
         DP_HASH_TEXT(facts->weights_hash), row == NULL ? "" : ", as in metrics.csv");
    return true;
}

static void check_checkpoints(run_check *self) {
    dp_error error;
    DP_OWNED(dp_memory_release) uint64_t *steps = NULL;
    size_t count = 0;
    char path[DP_PATH_SIZE];
    if (dp_checkpoint_files_list(self->dir, &steps, &count, &error) != DP_OK) {
        PROBLEM("checkpoints", "%s", error.message);
        return;
    }
    if (count == 0)
        PROBLEM("checkpoints", "there is none: the run cannot go on");
    for (size_t i = 0; i < count; i++) {
        if (dp_checkpoint_files_path(self->dir, steps[i], path, &error) == DP_OK)
            (void)check_checkpoint(self, path, "checkpoint");
    }
}

static void check_best(run_check *self) {
    char path[DP_PATH_SIZE];
    if (find_file(self, "best.h5", path))
        (void)check_checkpoint(self, path, "best.h5");
    else if (self->progress.best_step > 0)
        PROBLEM("best.h5", "is missing: dev was best at step %s",
                DP_COUNT_TEXT(self->progress.best_step));
    if (find_file(self, DP_BEST_BEFORE_END_NAME, path))
        (void)check_checkpoint(self, path, DP_BEST_BEFORE_END_NAME);
}

static void check_summary(run_check *self) {
    dp_error error;
    char path[DP_PATH_SIZE];
    dp_summary_results results;
    if (!find_file(self, "summary.json", path)) {
        if (self->has_config && self->progress.step == self->config.steps)
            WARN("summary.json", "is missing: the run's command writes it");
    } else if (dp_summary_read(&results, path, &error) != DP_OK) {
        PROBLEM("summary.json", "%s: remove it, and the run's command writes it", error.message);
    } else if (results.step != self->progress.step || results.weights_hash != self->weights_hash) {
        PROBLEM("summary.json", "tells of step %s and weights %s, the newest checkpoint of others",
                DP_COUNT_TEXT(results.step), DP_HASH_TEXT(results.weights_hash));
    } else {
        GOOD("summary.json", "that of the newest checkpoint");
    }
}

static void check_dataset(run_check *self) {
    dp_error error;
    DP_OWNED(dp_dataset_close) dp_dataset dataset = {0};
    char path[DP_PATH_SIZE];
    if (!self->has_config)
        return;
    if (dp_dataset_find(self->config.data_path, self->dir, self->dataset_sha256, path, &error) !=
            DP_OK ||
        dp_dataset_open(&dataset, path, &error) != DP_OK ||
        dp_dataset_check(&dataset, 0, 1, &error) != DP_OK)
        PROBLEM("dataset", "%s", error.message);
    else if (self->dataset_sha256[0] != '\0' &&
             strcmp(self->dataset_sha256, dataset.info.sha256) != 0)
        PROBLEM("dataset", "%s is another than the run was trained on (SHA-256 %.12s, not %.12s)",
                path, dataset.info.sha256, self->dataset_sha256);
    else
        GOOD("dataset", "%s: all checksums are right", path);
}

static void clear(run_check *self) {
    dp_metrics_table_clear(&self->metrics);
}

void dp_run_check(const char *dir, bool with_dataset, dp_findings *findings) {
    DP_OWNED(clear) run_check run = {.dir = dir, .findings = findings};
    check_config(&run);
    check_metrics(&run);
    check_checkpoints(&run);
    check_losses(&run);
    check_best(&run);
    check_summary(&run);
    if (with_dataset)
        check_dataset(&run);
}
