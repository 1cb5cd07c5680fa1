#include "answers/answers.h"
#include "base/memory.h"
#include "base/real.h"
#include "cli/checkpoint_argument.h"
#include "data/dataset.h"
#include "formats/facts.h"
#include "formats/json.h"
#include "info_checkpoint_txt.h"
#include "info_dataset_txt.h"
#include "library/checkpoint_files.h"
#include "options/option_file.h"
#include "run/run_folder.h"

#include <inttypes.h>
#include <string.h>

#define TOKENS_SHOWN 32 /* of a dataset */

typedef struct info_options {
    bool json;
} info_options;

static const dp_option options[] = {
    DP_SWITCH(info_options, json, "json", "print one JSON object"),
    DP_OPTIONS_END,
};

/* What was done to the text; a file of before does not know. */
static void add_packing(dp_facts *facts, const char *packed_with, bool lowercase,
                        const char *normalize) {
    if (packed_with[0] == '\0')
        return;
    dp_facts_note(facts, "packed", "%s", packed_with);
    dp_facts_text(facts, "packed_with", packed_with);
    dp_facts_bool(facts, "lowercase", lowercase);
    dp_facts_text(facts, "normalize", normalize);
}

/* --- a dataset ------------------------------------------------------------------------------ */

static void add_tokens(dp_facts *facts, const dp_vocabulary *vocabulary) {
    DP_OWNED(dp_text_clear) dp_text tokens = {0};
    for (uint32_t id = 0; id < vocabulary->count && id < TOKENS_SHOWN; id++) {
        dp_text_append(&tokens, " ");
        dp_text_append_shown(&tokens, dp_vocabulary_token(vocabulary, id));
    }
    dp_text_append(&tokens, vocabulary->count > TOKENS_SHOWN ? " ..." : "");
    dp_facts_note_text(facts, "tokens", &tokens);
}

static void add_warnings(dp_facts *facts, const dp_dataset_info *info) {
    DP_OWNED(dp_text_clear) dp_text lines = {0};
    dp_json_key(&facts->json, "warnings");
    dp_json_begin_array(&facts->json);
    for (size_t i = 0; i < info->warning_count; i++) {
        dp_json_string(&facts->json, info->warnings[i]);
        dp_text_append_format(&lines, "  warning     %s\n", info->warnings[i]);
    }
    dp_json_end_array(&facts->json);
    dp_facts_note_text(facts, "warnings", &lines);
}

static void add_overlap(dp_facts *facts, const dp_dataset_info *info) {
    DP_OWNED(dp_text_clear) dp_text line = {0};
    dp_overlap overlap = info->overlap;
    dp_overlap_field fields[DP_OVERLAP_FIELDS];
    dp_overlap_list(&overlap, fields);
    for (size_t i = 0; i < DP_OVERLAP_FIELDS && overlap.known; i++)
        dp_facts_unsigned(facts, fields[i].name, *fields[i].value);
    dp_dataset_tell_overlap(info, &line);
    if (line.length > 0)
        dp_facts_note_text(facts, "overlap", &line);
}

/* What the rows of each split are with their weights. */
static void add_weights(dp_facts *facts, const dp_dataset *dataset) {
    DP_OWNED(dp_text_clear) dp_text line = {0};
    if (!dataset->info.weighted)
        return;
    dp_facts_begin(facts, "examples");
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        const dp_row_weights *weights = &dataset->weights[split];
        dp_facts_unsigned(facts, dp_split_name((dp_split)split), weights->examples);
        dp_text_append_format(&line, "%s%s of %s",
                              split == 0                    ? "of lines: with them rows are "
                              : split == DP_SPLIT_COUNT - 1 ? " and "
                                                            : ", ",
                              DP_COUNT_TEXT(weights->examples), dp_split_name((dp_split)split));
    }
    dp_facts_end(facts);
    dp_facts_note_text(facts, "weights", &line);
}

static dp_status describe_dataset(const char *path, dp_facts *facts, dp_error *error) {
    DP_OWNED(dp_dataset_close) dp_dataset dataset = {0};
    static const char *const forms[] = {DP_NORMAL_FORM_NAMES};
    const dp_dataset_info *info = &dataset.info;
    DP_TRY(dp_dataset_open(&dataset, path, error));
    DP_TRY(dp_dataset_check(&dataset, 0, 1, error));
    dp_facts_text(facts, "format", DP_DATASET_FORMAT);
    dp_facts_text(facts, "path", path);
    dp_facts_text(facts, "unit", dp_unit_name(info->unit));
    dp_facts_unsigned(facts, "stream", info->stream);
    dp_facts_unsigned(facts, "block_size", info->block_size);
    dp_facts_unsigned(facts, "seed", info->seed);
    if (info->stream)
        dp_facts_note(facts, "order", "a stream");
    else
        dp_facts_note(facts, "order", "shuffled with seed %" PRIu64, info->seed);
    add_packing(facts, info->preparation.packed_with, info->preparation.folding.lowercase,
                forms[info->preparation.folding.normalize]);
    dp_facts_text(facts, "source", info->source);
    dp_facts_text(facts, "source_sha256", info->source_sha256);
    dp_facts_text(facts, "sha256", info->sha256);
    dp_facts_text(facts, "made_by", info->made_by);
    dp_facts_unsigned(facts, "vocabulary", dataset.vocabulary.count);
    dp_facts_unsigned(facts, "id_bits", 8 * dataset.id_bytes);
    add_tokens(facts, &dataset.vocabulary);
    add_overlap(facts, info);
    add_warnings(facts, info);
    dp_facts_begin(facts, "rows");
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        dp_facts_unsigned(facts, dp_split_name((dp_split)split),
                          dp_dataset_rows(&dataset, (dp_split)split));
    dp_facts_end(facts);
    add_weights(facts, &dataset);
    return DP_OK;
}

/* --- a checkpoint, alone or as the best of a run folder --------------------------------------- */

static void add_model(dp_facts *facts, const dptrain_model *model, const dptrain_description *is) {
    DP_OWNED(dp_text_clear) dp_text tensors = {0};
    dptrain_tensor tensor;
    dp_facts_text(facts, "format", DP_MODEL_FILE_FORMAT);
    dp_facts_text(facts, "path", is->path);
    dp_facts_unsigned(facts, "step", is->step);
    dp_facts_text(facts, "weights", is->weights);
    dp_facts_unsigned(facts, "parameters", is->parameters);
    dp_facts_unsigned(facts, "block_size", is->block_size);
    dp_facts_unsigned(facts, "vocabulary", is->vocab);
    dp_facts_text(facts, "unit", is->unit);
    dp_facts_unsigned(facts, "stream", (uint64_t)is->stream);
    dp_facts_note(facts, "in_a_stream", "%s", is->stream ? " in a stream" : "");
    dp_facts_text(facts, "dataset_sha256", is->dataset_sha256);
    add_packing(facts, is->packed_with, is->lowercase != 0, is->normalize);
    dp_facts_text(facts, "build", is->build);
    dp_facts_unsigned(facts, "contract", is->contract);
    for (size_t i = 0; dptrain_get_tensor(model, i, &tensor, sizeof tensor); i++) {
        dp_text_append_format(&tensors, "    %-4s", tensor.name);
        if (tensor.rank == 2)
            dp_text_append_format(&tensors, "%s x ", DP_COUNT_TEXT(tensor.rows));
        dp_text_append_format(&tensors, "%s\n", DP_COUNT_TEXT(tensor.columns));
    }
    dp_facts_note_text(facts, "tensors", &tensors);
}

static void add_best(dp_facts *facts, const dptrain_description *is) {
    if (is->best_step == 0)
        return;
    dp_facts_unsigned(facts, "best_step", is->best_step);
    dp_facts_real(facts, "best_dev_loss", is->best_loss);
    dp_facts_note(facts, "perplexity", "%.4g", dp_real_exp(is->best_loss));
}

/* The checkpoints of a run folder; none for a file. */
typedef struct run_steps {
    const uint64_t *steps; /* newest first */
    size_t count;
} run_steps;

/* Where the run stands by its newest checkpoint, as the best one cannot know; a file on its own, or
 * where the newest is damaged, by itself. */
static uint64_t evaluations_since_best(const char *dir, run_steps run,
                                       const dptrain_description *shown) {
    char path[DP_PATH_SIZE];
    dp_error ignored;
    DP_OWNED(dp_checkpoint_argument_release) dptrain_model *newest = NULL;
    dptrain_description is = *shown;
    if (run.count > 0 && dp_checkpoint_files_path(dir, run.steps[0], path, &ignored) == DP_OK &&
        dptrain_open(&newest, path, NULL) == DPTRAIN_OK)
        dptrain_describe(newest, &is, sizeof is);
    return is.without_better;
}

static void add_ending(dp_facts *facts, const char *dir, run_steps run,
                       const dptrain_description *is, const dp_config *config) {
    dp_progress progress = {.evaluations_since_best = is->without_better};
    if (config->eval_patience != 0) {
        progress.evaluations_since_best = evaluations_since_best(dir, run, is);
        dp_facts_unsigned(facts, "evaluations_since_best", progress.evaluations_since_best);
    }
    const bool stopped = dp_progress_is_stopped_early(&progress, config);
    dp_facts_bool(facts, "stopped_early", stopped);
    if (stopped)
        dp_facts_note(facts, "evaluations", "%" PRIu64, progress.evaluations_since_best);
}

static void add_steps(dp_facts *facts, run_steps run) {
    DP_OWNED(dp_text_clear) dp_text steps = {0};
    if (run.steps == NULL)
        return;
    dp_json_key(&facts->json, "checkpoints");
    dp_json_begin_array(&facts->json);
    for (size_t i = 0; i < run.count; i++) {
        dp_json_unsigned(&facts->json, run.steps[i]);
        dp_text_append_format(&steps, " %s", DP_COUNT_TEXT(run.steps[i]));
    }
    dp_json_end_array(&facts->json);
    dp_facts_note_text(facts, "steps", &steps);
}

static void add_config(dp_facts *facts, const dp_config *config) {
    DP_OWNED(dp_text_clear) dp_text text = {0};
    dp_json_key(&facts->json, "config");
    dp_options_write_json(dp_config_options, config, &facts->json);
    dp_config_write(config, &text);
    dp_facts_note_text(facts, "config", &text);
}

/* The checkpoint at `path`, shown for the run folder `dir` where there is a run. */
static dp_status describe_checkpoint(const char *dir, const char *path, run_steps run,
                                     dp_facts *facts, dp_error *error) {
    dptrain_error said;
    DP_OWNED(dp_checkpoint_argument_release) dptrain_model *model = NULL;
    dptrain_description is;
    dp_config config;
    DP_TRY(dp_checkpoint_argument_status(dptrain_open(&model, path, &said), &said, error));
    dptrain_describe(model, &is, sizeof is);
    DP_TRY(dp_config_parse(&config, is.config, strlen(is.config), path, error));
    add_model(facts, model, &is);
    add_best(facts, &is);
    add_ending(facts, dir, run, &is, &config);
    add_steps(facts, run);
    add_config(facts, &config);
    return DP_OK;
}

/* --- whatever PATH is ----------------------------------------------------------------------- */

static dp_status fail_unknown(const char *path, dp_file_kind kind, dp_error *error) {
    DP_OWNED(dp_h5reader_close) dp_h5reader file = {0};
    const dp_status status = dp_h5reader_open(&file, path, error);
    if (status == DP_ERR_IO || (status != DP_OK && dp_file_kind_name(kind) == NULL) ||
        (status != DP_OK && kind == DP_FILE_HDF5))
        return status;
    return dp_fail(error, DP_ERR_INPUT,
                   "%s is %s%sneither a checkpoint nor a dataset of pack_dataset, nor a run folder",
                   path, dp_file_kind_name(kind) != NULL ? dp_file_kind_name(kind) : "",
                   dp_file_kind_name(kind) != NULL ? ", " : "");
}

static dp_status describe(const char *user_path, const char **form, dp_facts *facts,
                          dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_OWNED(dp_memory_release) uint64_t *steps = NULL;
    run_steps run = {0};
    DP_TRY(dp_run_folder_find(user_path, path, error));
    const dp_file_kind kind = dp_file_kind_of(path);
    *form = kind == DP_FILE_DATASET ? info_dataset_txt : info_checkpoint_txt;
    if (kind == DP_FILE_DATASET)
        return describe_dataset(path, facts, error);
    if (kind != DP_FILE_CHECKPOINT)
        return fail_unknown(path, kind, error);
    if (user_path != NULL && dp_checkpoint_files_is_folder(user_path))
        DP_TRY(dp_checkpoint_files_list(user_path, &steps, &run.count, error));
    run.steps = steps;
    return describe_checkpoint(user_path, path, run, facts, error);
}

static dp_status answer(int count, char **arguments, dp_error *error) {
    info_options chosen;
    DP_OWNED(dp_facts_clear) dp_facts facts = {0};
    const char *form = NULL;
    int paths = 0;
    DP_TRY(dp_options_parse_arguments(options, &chosen, count, arguments, &paths, error));
    if (paths > 1)
        return dp_fail(error, DP_ERR_INPUT, "one path at a time, not also '%s'", arguments[1]);
    DP_TRY(describe(paths == 0 ? NULL : arguments[0], &form, &facts, error));
    return dp_facts_print(&facts, chosen.json ? NULL : form, error);
}

const dp_command dp_command_info = {
    .name = "info",
    .arguments = "[PATH]",
    .purpose = "what is in a checkpoint, a run folder or a dataset",
    .details = "Without PATH: the best checkpoint of the newest run.\n",
    .examples = "dptrain info runs/base\n"
                "dptrain info names.h5 --json\n",
    .options = options,
    .answer = answer,
};
