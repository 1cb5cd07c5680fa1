#include "base/digest.h"
#include "base/memory.h"
#include "cli/command.h"
#include "data/dataset.h"
#include "formats/h5reader.h"
#include "formats/json.h"
#include "options/option_file.h"
#include "run/checkpoint.h"
#include "run/run_folder.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct info_options {
    bool json;
} info_options;

static const dp_option options[] = {
    DP_SWITCH(info_options, json, "json", "print one JSON object"),
    DP_OPTIONS_END,
};

static void append_json_text(dp_text *json, const char *key, const char *value) {
    dp_json_key(json, key);
    dp_json_string(json, value);
}

static void append_json_unsigned(dp_text *json, const char *key, uint64_t value) {
    dp_json_key(json, key);
    dp_json_unsigned(json, value);
}

/* --- a dataset ------------------------------------------------------------------------------ */

static void dataset_to_json(const dp_dataset *dataset, dp_text *out) {
    const dp_dataset_info *info = &dataset->info;
    dp_json_begin_object(out);
    append_json_text(out, "format", DP_DATASET_FORMAT);
    append_json_text(out, "path", dataset->path);
    append_json_text(out, "unit", dp_unit_name(info->unit));
    append_json_unsigned(out, "stream", info->stream);
    append_json_unsigned(out, "block_size", info->block_size);
    append_json_unsigned(out, "seed", info->seed);
    append_json_text(out, "source", info->source);
    append_json_text(out, "source_sha256", info->source_sha256);
    append_json_text(out, "sha256", info->sha256);
    append_json_text(out, "made_by", info->made_by);
    append_json_unsigned(out, "vocabulary", dataset->vocabulary.count);
    append_json_unsigned(out, "id_bits", 8 * dataset->id_bytes);
    dp_json_key(out, "rows");
    dp_json_begin_object(out);
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        append_json_unsigned(out, dp_split_name((dp_split)split),
                             dp_dataset_rows(dataset, (dp_split)split));
    dp_json_end_object(out);
    dp_json_end_object(out);
    dp_text_append(out, "\n");
}

static void dataset_to_text(const dp_dataset *dataset, dp_text *out) {
    const dp_dataset_info *info = &dataset->info;
    char count[32];
    dp_text_append_format(out, "%s: dptrain dataset\n", dataset->path);
    dp_text_append_format(out, "  made by     %s from %s\n", info->made_by, info->source);
    dp_text_append_format(out, "  unit        %s, block size %" PRIu64, dp_unit_name(info->unit),
                          info->block_size);
    if (info->stream)
        dp_text_append(out, ", a stream\n");
    else
        dp_text_append_format(out, ", shuffled with seed %" PRIu64 "\n", info->seed);
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        dp_text_append_format(
            out, "  %-11s %s rows\n", dp_split_name((dp_split)split),
            dp_text_format_count(dp_dataset_rows(dataset, (dp_split)split), count));
    dp_text_append_format(out, "  vocabulary  %zu tokens of %zu bits:", dataset->vocabulary.count,
                          8 * dataset->id_bytes);
    for (uint32_t id = 0; id < dataset->vocabulary.count && id < 32; id++) {
        dp_text_append(out, " ");
        dp_text_append_shown(out, dp_vocabulary_token(&dataset->vocabulary, id));
    }
    dp_text_append_format(out, "%s\n", dataset->vocabulary.count > 32 ? " ..." : "");
    dp_text_append_format(out, "  sha256      %s\n", info->sha256);
    dp_text_append_format(out, "  source      %s\n", info->source_sha256);
}

static dp_status describe_dataset(const char *path, bool json, dp_text *out, dp_error *error) {
    DP_OWNED(dp_dataset_close) dp_dataset dataset = {0};
    dp_status status = dp_dataset_open(&dataset, path, error);
    if (status != DP_OK)
        return status;
    DP_TRY(dp_dataset_check(&dataset, 0, 1, error));
    if (json)
        dataset_to_json(&dataset, out);
    else
        dataset_to_text(&dataset, out);
    return status;
}

/* --- a checkpoint, alone or as the best of a run folder --------------------------------------- */

/* The checkpoints of a run folder; none for a file. */
typedef struct run_steps {
    uint64_t *steps; /* newest first */
    size_t count;
} run_steps;

/* Where the run stands by its newest checkpoint, as the best one cannot know; a file on its own, or
 * where the newest is damaged, by itself. */
typedef struct ending {
    bool stopped_early;
    uint64_t evaluations_since_best;
} ending;

static ending ending_of(const dp_checkpoint *checkpoint) {
    const dp_progress *progress = &checkpoint->progress;
    return (ending){.stopped_early = dp_progress_is_stopped_early(progress, &checkpoint->config),
                    .evaluations_since_best = progress->evaluations_since_best};
}

static ending ending_of_run(const char *dir, run_steps run, const dp_checkpoint *shown) {
    char path[DP_PATH_SIZE];
    dp_error ignored;
    dp_checkpoint newest;
    ending result = ending_of(shown);
    if (run.count == 0 || shown->config.eval_patience == 0 ||
        dp_checkpoint_files_path(dir, run.steps[0], path, &ignored) != DP_OK ||
        dp_checkpoint_load(&newest, path, &ignored) != DP_OK)
        return result;
    result = ending_of(&newest);
    dp_checkpoint_clear(&newest);
    return result;
}

static void checkpoint_to_json(const dp_checkpoint *checkpoint, const char *path, run_steps run,
                               ending end, dp_text *out) {
    char hash[DP_HASH_TEXT_SIZE];
    dp_json_begin_object(out);
    append_json_text(out, "format", "dptrain-checkpoint");
    append_json_text(out, "path", path);
    append_json_unsigned(out, "step", checkpoint->progress.step);
    append_json_text(out, "weights", dp_hash_format(checkpoint->weights_hash, hash));
    append_json_unsigned(out, "parameters", checkpoint->layout.parameter_count);
    append_json_unsigned(out, "block_size", checkpoint->block_size);
    append_json_unsigned(out, "vocabulary", checkpoint->vocabulary.count);
    append_json_text(out, "unit", dp_unit_name(checkpoint->unit));
    append_json_unsigned(out, "stream", checkpoint->stream);
    append_json_text(out, "dataset_sha256", checkpoint->dataset_sha256);
    append_json_text(out, "build", checkpoint->build);
    if (checkpoint->progress.best_step != 0) {
        append_json_unsigned(out, "best_step", checkpoint->progress.best_step);
        dp_json_key(out, "best_dev_loss");
        dp_json_real(out, checkpoint->progress.best_loss);
    }
    if (checkpoint->config.eval_patience != 0)
        append_json_unsigned(out, "evaluations_since_best", end.evaluations_since_best);
    dp_json_key(out, "stopped_early");
    dp_json_bool(out, end.stopped_early);
    if (run.steps != NULL) {
        dp_json_key(out, "checkpoints");
        dp_json_begin_array(out);
        for (size_t i = 0; i < run.count; i++)
            dp_json_unsigned(out, run.steps[i]);
        dp_json_end_array(out);
    }
    dp_json_key(out, "config");
    dp_options_write_json(dp_config_options, &checkpoint->config, out);
    dp_json_end_object(out);
    dp_text_append(out, "\n");
}

static void checkpoint_to_text(const dp_checkpoint *checkpoint, const char *path, run_steps run,
                               ending end, dp_text *out) {
    const dp_progress *progress = &checkpoint->progress;
    char hash[DP_HASH_TEXT_SIZE], count[32];
    dp_text_append_format(out, "%s: dptrain checkpoint\n", path);
    dp_text_append_format(out, "  step        %s\n", dp_text_format_count(progress->step, count));
    dp_text_append_format(out, "  weights     %s\n",
                          dp_hash_format(checkpoint->weights_hash, hash));
    if (progress->best_step != 0)
        dp_text_append_format(out, "  best so far dev %.4f (perplexity %.4g) at step %s\n",
                              progress->best_loss, exp(progress->best_loss),
                              dp_text_format_count(progress->best_step, count));
    if (end.stopped_early)
        dp_text_append_format(
            out, "  stopped     early, after %" PRIu64 " evaluations without a better dev loss\n",
            end.evaluations_since_best);
    dp_text_append_format(out, "  parameters  %s\n",
                          dp_text_format_count(checkpoint->layout.parameter_count, count));
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &checkpoint->layout.tensors[t];
        if (dp_tensor_size(tensor) == 0)
            continue;
        dp_text_append_format(out, "    %-4s", tensor->name);
        if (tensor->rank == 2)
            dp_text_append_format(out, "%zu x ", tensor->rows);
        dp_text_append_format(out, "%zu\n", tensor->cols);
    }
    dp_text_append_format(out, "  vocabulary  %zu, %s%s, block size %" PRIu64 "\n",
                          checkpoint->vocabulary.count, dp_unit_name(checkpoint->unit),
                          checkpoint->stream ? " in a stream" : "", checkpoint->block_size);
    dp_text_append_format(out, "  dataset     %s\n", checkpoint->dataset_sha256);
    dp_text_append_format(out, "  build       %s\n", checkpoint->build);
    if (run.steps != NULL) {
        dp_text_append(out, "  checkpoints");
        for (size_t i = 0; i < run.count; i++)
            dp_text_append_format(out, " %s", dp_text_format_count(run.steps[i], count));
        dp_text_append(out, "\n");
    }
    dp_text_append(out, "\n");
    dp_config_write(&checkpoint->config, out);
}

/* The checkpoint at `path`, shown for the run folder `dir` where there is a run. */
static dp_status describe_checkpoint(const char *dir, const char *path, run_steps run, bool json,
                                     dp_text *out, dp_error *error) {
    dp_checkpoint checkpoint;
    dp_status status = dp_checkpoint_load(&checkpoint, path, error);
    if (status != DP_OK)
        return status;
    const ending end = ending_of_run(dir, run, &checkpoint);
    if (json)
        checkpoint_to_json(&checkpoint, path, run, end, out);
    else
        checkpoint_to_text(&checkpoint, path, run, end, out);
    dp_checkpoint_clear(&checkpoint);
    return status;
}

/* --- whatever PATH is ----------------------------------------------------------------------- */

static dp_status read_format(const char *path, char format[64], dp_error *error) {
    dp_h5reader file = {0};
    dp_error missing;
    dp_status status = dp_h5reader_open(&file, path, error);
    if (status == DP_ERR_INPUT)
        return dp_fail(error, status,
                       "%s is neither a checkpoint nor a dataset of pack_dataset, nor a run folder",
                       path);
    if (status != DP_OK)
        return status;
    if (dp_h5reader_text_attribute(&file, "format", format, 64, &missing) != DP_OK)
        format[0] = '\0';
    dp_h5reader_close(&file);
    return DP_OK;
}

static dp_status describe(const char *user_path, bool json, dp_text *out, dp_error *error) {
    dp_status status = DP_OK;
    char path[DP_PATH_SIZE], format[64] = "";
    run_steps run = {0};
    DP_OR_DONE(dp_run_folder_find(user_path, path, error));
    if (user_path != NULL && dp_checkpoint_files_is_folder(user_path))
        DP_OR_DONE(dp_checkpoint_files_list(user_path, &run.steps, &run.count, error));
    if (!dp_model_file_has_seal(path)) /* HDF5 is not to see a damaged checkpoint */
        DP_OR_DONE(read_format(path, format, error));
    if (strcmp(format, DP_DATASET_FORMAT) == 0)
        DP_OR_DONE(describe_dataset(path, json, out, error));
    else
        DP_OR_DONE(describe_checkpoint(user_path, path, run, json, out, error));
    DP_OR_DONE(dp_text_check(out, error));
done:
    dp_memory_free(run.steps);
    return status;
}

static dp_status answer(int count, char **arguments, dp_error *error) {
    info_options chosen;
    DP_OWNED(dp_text_clear) dp_text out = {0};
    int paths = 0;
    DP_TRY(dp_command_options(options, &chosen, count, arguments, &paths, error));
    if (paths > 1)
        return dp_fail(error, DP_ERR_INPUT, "one path at a time, not also '%s'", arguments[1]);
    DP_TRY(describe(paths == 0 ? NULL : arguments[0], chosen.json, &out, error));
    printf("%s", dp_text_string(&out));
    return DP_OK;
}

const dp_command dp_command_info = {
    .name = "info",
    .arguments = "[PATH]",
    .purpose = "what is in a checkpoint, a run folder or a dataset",
    .details = "Without PATH: the best checkpoint of the newest run.\n",
    .options = options,
    .answer = answer,
};
