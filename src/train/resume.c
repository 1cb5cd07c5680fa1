#include "train/resume.h"

#include "base/memory.h"
#include "library/checkpoint_files.h"

#include <inttypes.h>
#include <string.h>

/* Loads the newest checkpoint that is whole; leaves *checkpoint zeroed where there is none at all.
 */
static dp_status load_newest_good(const char *dir, dp_report *report, dp_checkpoint *checkpoint,
                                  dp_error *error) {
    DP_OWNED(dp_memory_release) uint64_t *steps = NULL;
    size_t count = 0;
    char path[DP_PATH_SIZE];
    DP_TRY(dp_checkpoint_files_list(dir, &steps, &count, error));
    for (size_t i = 0; i < count; i++) {
        DP_TRY(dp_checkpoint_files_path(dir, steps[i], path, error));
        const dp_status status = dp_checkpoint_load(checkpoint, path, true, error);
        if (status != DP_ERR_INPUT && status != DP_ERR_IO)
            return status;
        dp_report_line(report, "skipped: %s", error->message);
    }
    if (count == 0)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "none of the %zu checkpoints in %s is good; --fresh starts over", count, dir);
}

/* Whether the tensors have the shapes that they have here, and the ids the same meaning. */
static bool fits(const dp_checkpoint *checkpoint, const dp_subject *subject) {
    return checkpoint->facts.block_size == subject->layout->shape.block_size &&
           checkpoint->layout.length == subject->layout->length &&
           checkpoint->facts.unit == subject->dataset->info.unit &&
           dp_vocabulary_equal(&checkpoint->facts.vocabulary, &subject->dataset->vocabulary);
}

/* What to do where the folder has the run of another config or dataset: most want both. */
#define ANOTHER_RUN "run.dir=DIR trains in a folder of its own, --fresh starts this one over"

static bool has_steps_left(const dp_progress *progress, const dp_config *config) {
    return progress->step < config->steps && !dp_progress_is_stopped_early(progress, config);
}

static dp_status fail_other_contract(const dp_checkpoint *checkpoint, const dp_config *config,
                                     dp_error *error) {
    const dp_progress *progress = &checkpoint->facts.progress;
    const char *build = checkpoint->facts.build; /* who it was, before the first comma */
    char path[DP_PATH_SIZE];
    DP_TRY(dp_checkpoint_files_path(config->run_dir, progress->step, path, error));
    return dp_fail(error, DP_ERR_MISMATCH,
                   "%s was computed by numerics contract %" PRIu64 " (%.*s), and this program has "
                   "contract %d: it would go on with other bits than promised; " ANOTHER_RUN
                   "; the former with train.init_from=%s from these weights",
                   path, progress->contract, (int)strcspn(build, ","), build, DP_NUMERICS_CONTRACT,
                   path);
}

/* Weights that do not fit the dataset are no beginning for it. */
static dp_status fail_other_dataset(const dp_checkpoint *checkpoint, const dp_subject *subject,
                                    dp_error *error) {
    const dp_dataset *dataset = subject->dataset;
    const char *dir = subject->config->run_dir;
    const bool may_begin = checkpoint->facts.block_size == subject->layout->shape.block_size &&
                           checkpoint->facts.unit == dataset->info.unit;
    const bool is_known = dp_vocabulary_equal(&checkpoint->facts.vocabulary, &dataset->vocabulary);
    DP_OWNED(dp_text_clear) dp_text beginning = {0};
    if (may_begin)
        dp_text_append_format(&beginning,
                              "; the former with train.init_from=%s%s from these weights", dir,
                              is_known ? "" : " train.remap=yes");
    return dp_fail(error, DP_ERR_MISMATCH,
                   "%s was trained on another dataset than %s (SHA-256 %.12s there, %.12s "
                   "here); " ANOTHER_RUN "%s",
                   dir, dataset->path, checkpoint->facts.dataset_sha256, dataset->info.sha256,
                   dp_text_string(&beginning));
}

static dp_status check(const dp_checkpoint *checkpoint, const dp_subject *subject,
                       dp_error *error) {
    const dp_config *config = subject->config;
    const dp_dataset *dataset = subject->dataset;
    if (dp_config_check_resumable(&checkpoint->config, config, error) != DP_OK)
        return dp_fail_prefix(error, "%s holds a run that cannot go on (" ANOTHER_RUN ")",
                              config->run_dir);
    if (strcmp(checkpoint->facts.dataset_sha256, dataset->info.sha256) != 0)
        return fail_other_dataset(checkpoint, subject, error);
    if (!fits(checkpoint, subject))
        return dp_fail(error, DP_ERR_MISMATCH,
                       "%s has another vocabulary or block_size than %s, though it names the same "
                       "dataset; " ANOTHER_RUN,
                       config->run_dir, dataset->path);
    if (checkpoint->facts.progress.contract != DP_NUMERICS_CONTRACT &&
        has_steps_left(&checkpoint->facts.progress, config))
        return fail_other_contract(checkpoint, config, error);
    if (checkpoint->facts.progress.step > config->steps)
        return dp_fail(error, DP_ERR_MISMATCH,
                       "%s is at step %" PRIu64 ", beyond train.steps = %" PRIu64, config->run_dir,
                       checkpoint->facts.progress.step, config->steps);
    if (config->eval_patience != 0 &&
        checkpoint->facts.progress.evaluations_since_best > config->eval_patience)
        return dp_fail(error, DP_ERR_MISMATCH,
                       "%s has had %" PRIu64 " evaluations without a better dev loss, more than "
                       "eval.patience = %" PRIu64,
                       config->run_dir, checkpoint->facts.progress.evaluations_since_best,
                       config->eval_patience);
    return DP_OK;
}

/* Rank 0's part. */
static dp_status restore(const dp_subject *subject, dp_report *report, dp_progress *progress,
                         bool *found, dp_error *error) {
    DP_OWNED(dp_checkpoint_clear) dp_checkpoint checkpoint = {0};
    const size_t bytes = subject->layout->length * sizeof *subject->params;
    DP_TRY(load_newest_good(subject->config->run_dir, report, &checkpoint, error));
    *found = checkpoint.params != NULL;
    if (!*found)
        return DP_OK;
    DP_TRY(check(&checkpoint, subject, error));
    if (strcmp(checkpoint.facts.build, subject->build->text) != 0)
        dp_report_line(report, "notice: steps so far were computed by %s", checkpoint.facts.build);
    *progress = checkpoint.facts.progress;
    memcpy(subject->params, checkpoint.params, bytes);
    for (size_t slab = 0; slab < dp_optimizer_slabs(subject->config->optimizer.kind); slab++)
        memcpy(subject->state[slab], checkpoint.state[slab], bytes);
    return DP_OK;
}

dp_status dp_resume(const dp_subject *subject, dp_report *report, dp_progress *progress,
                    bool *found, dp_error *error) {
    *found = false;
    DP_TRY(DP_ON_ROOT(subject->comm, restore(subject, report, progress, found, error)));
    dp_comm_broadcast(subject->comm, found, sizeof *found);
    dp_comm_broadcast(subject->comm, progress, sizeof *progress);
    return DP_OK;
}
