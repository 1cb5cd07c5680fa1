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

/* Whether an example is the same number of the same units. */
static bool has_rows_of(const dp_checkpoint *checkpoint, const dp_dataset *dataset) {
    return checkpoint->facts.block_size == dataset->info.block_size &&
           checkpoint->facts.unit == dataset->info.unit;
}

/* Appends in what a dataset is another than the run's: "block size 3 of chars there, ...". */
static dp_status append_difference(const dp_checkpoint *checkpoint, const dp_dataset *dataset,
                                   dp_text *out, dp_error *error) {
    const dp_vocabulary *there = &checkpoint->facts.vocabulary, *here = &dataset->vocabulary;
    if (!has_rows_of(checkpoint, dataset))
        dp_text_append_format(out, "block size %" PRIu64 " of %ss there, %" PRIu64 " of %ss here",
                              checkpoint->facts.block_size, dp_unit_name(checkpoint->facts.unit),
                              dataset->info.block_size, dp_unit_name(dataset->info.unit));
    else if (!dp_vocabulary_equal(there, here))
        return dp_vocabulary_difference(there, "the run", here, "the dataset", out, error);
    else
        dp_text_append(out, "tensors of other shapes");
    return dp_text_check(out, error);
}

/* Weights that do not fit the dataset are no beginning for it. */
static dp_status fail_other_dataset(const dp_checkpoint *checkpoint, const dp_subject *subject,
                                    dp_error *error) {
    const dp_dataset *dataset = subject->dataset;
    const char *dir = subject->config->run_dir;
    const bool may_begin = has_rows_of(checkpoint, dataset);
    const bool is_known = dp_vocabulary_equal(&checkpoint->facts.vocabulary, &dataset->vocabulary);
    DP_OWNED(dp_text_clear) dp_text beginning = {0};
    DP_OWNED(dp_text_clear) dp_text difference = {0};
    if (!may_begin || !is_known) {
        dp_text_append(&difference, ": ");
        DP_TRY(append_difference(checkpoint, dataset, &difference, error));
    }
    if (may_begin)
        dp_text_append_format(&beginning,
                              "; the former with train.init_from=%s%s from these weights", dir,
                              is_known ? "" : " train.remap=yes");
    return dp_fail(error, DP_ERR_MISMATCH,
                   "%s was trained on another dataset than %s (SHA-256 %.12s there, %.12s "
                   "here)%s; " ANOTHER_RUN "%s",
                   dir, dataset->path, checkpoint->facts.dataset_sha256, dataset->info.sha256,
                   dp_text_string(&difference), dp_text_string(&beginning));
}

/* Whether the tensors have the shapes that they have here, and the ids the same meaning. */
static bool fits(const dp_checkpoint *checkpoint, const dp_subject *subject) {
    return has_rows_of(checkpoint, subject->dataset) &&
           checkpoint->layout.length == subject->layout->length &&
           dp_vocabulary_equal(&checkpoint->facts.vocabulary, &subject->dataset->vocabulary);
}

/* No pair of files that dptrain has written is so. */
static dp_status fail_altered_dataset(const dp_checkpoint *checkpoint, const dp_subject *subject,
                                      dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text difference = {0};
    DP_TRY(append_difference(checkpoint, subject->dataset, &difference, error));
    return dp_fail(error, DP_ERR_MISMATCH,
                   "%s does not fit %s, though it names the same dataset: %s; " ANOTHER_RUN,
                   subject->config->run_dir, subject->dataset->path, dp_text_string(&difference));
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
        return fail_altered_dataset(checkpoint, subject, error);
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
