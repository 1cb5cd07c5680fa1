#include "answers/answers.h"
#include "base/digest.h"
#include "base/memory.h"
#include "dptrain/dptrain.h"
#include "engine/config.h"
#include "run/comparison.h"
#include "run/losses.h"
#include "run/run_folder.h"
#include "verify_txt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What is known of one of the two runs. */
typedef struct side {
    const char *path; /* as the user wrote it */
    char folder[DP_PATH_SIZE];
    dp_metrics_table metrics;
    dp_config config;
    bool has_config;
    dptrain_model *model; /* NULL where there is no checkpoint to tell of dataset and build */
    dptrain_description is;
} side;

/* --- reading -------------------------------------------------------------------------------- */

/* The run's folder, and its metrics: a user may name either. */
static dp_status find_files(side *self, char metrics[DP_PATH_SIZE], dp_error *error) {
    DP_TRY(dp_path_format(self->folder, error, "%s", self->path));
    if (dp_file_kind_of(self->path) != DP_FILE_METRICS)
        DP_TRY(dp_file_kind_expect(self->path, DP_FILE_RUN, error));
    if (dp_checkpoint_files_is_folder(self->path))
        return dp_path_format(metrics, error, "%s/metrics.csv", self->path);
    const int length = (int)(dp_path_base(self->path) - self->path);
    DP_TRY(dp_path_format(metrics, error, "%s", self->path));
    return dp_path_format(self->folder, error, "%.*s", length > 0 ? length : 1,
                          length > 0 ? self->path : ".");
}

static dp_status read_side(side *self, const char *path, dp_error *error) {
    char metrics[DP_PATH_SIZE];
    self->path = path;
    DP_TRY(find_files(self, metrics, error));
    DP_TRY(dp_metrics_read(&self->metrics, metrics, error));
    if (self->metrics.count > 0)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%s has no logging point yet: let the run go on to one (train.log_every)",
                   metrics);
}

/* Config, dataset and build explain a difference; where they are missing the hashes still tell. */
static void read_origin(side *self, dp_text *out) {
    dp_error error;
    char path[DP_PATH_SIZE];
    if (dp_path_format(path, &error, "%s/config.ini", self->folder) == DP_OK)
        self->has_config = dp_config_load(&self->config, path, 0, NULL, &error) == DP_OK;
    if (!self->has_config)
        dp_text_append_format(out, "keys are not compared: %s\n", error.message);
    if (dptrain_open(&self->model, self->folder, NULL) == DPTRAIN_OK)
        dptrain_describe(self->model, &self->is, sizeof self->is);
}

/* The first step whose losses differ: closer than logging points are. 0 where it is not known. */
static dp_status find_parting(const side *sides, uint64_t *step, dp_error *error) {
    DP_OWNED(dp_loss_record_clear) dp_loss_record a = {0};
    DP_OWNED(dp_loss_record_clear) dp_loss_record b = {0};
    dp_loss_record *records[] = {&a, &b};
    char path[DP_PATH_SIZE];
    for (int i = 0; i < 2; i++) {
        DP_TRY(dp_path_format(path, error, "%s/" DP_LOSSES_NAME, sides[i].folder));
        DP_TRY(dp_losses_read(records[i], path, error));
    }
    *step = dp_loss_record_parting(&a, &b);
    return DP_OK;
}

/* --- telling -------------------------------------------------------------------------------- */

static void append_row(const char *what, const char *a, const char *b, dp_text *out) {
    dp_text_append_format(out, "  %-22s %-26s %s\n", what, a, b);
}

static void append_reals(const char *what, double a, double b, dp_text *out) {
    append_row(what, isnan(a) ? "-" : DP_REAL_TEXT(a), isnan(b) ? "-" : DP_REAL_TEXT(b), out);
}

static void append_parting(const dp_comparison *comparison, uint64_t loss_step, dp_text *out) {
    const dp_metrics_row *a = comparison->a, *b = comparison->b;
    dp_text_append_format(out, "differ: the weights part at step %s,\n", DP_COUNT_TEXT(a->step));
    if (comparison->equal == 0)
        dp_text_append(out, "the first step that both runs have logged\n");
    else
        dp_text_append_format(out, "after %zu common point%s where they are equal, up to step %s\n",
                              comparison->equal, comparison->equal == 1 ? "" : "s",
                              DP_COUNT_TEXT(comparison->equal_step));
    if (loss_step > 0)
        dp_text_append_format(out, "the first loss that differs is that of step %s\n",
                              DP_COUNT_TEXT(loss_step));
    dp_text_append(out, "\n");
    append_row("there", "A", "B", out);
    append_row("weights", DP_HASH_TEXT(a->weights_hash), DP_HASH_TEXT(b->weights_hash), out);
    append_reals("batch_loss", a->batch_loss, b->batch_loss, out);
    append_reals("lr", a->lr, b->lr, out);
    append_reals("dev_loss", a->split_loss[DP_SPLIT_DEV], b->split_loss[DP_SPLIT_DEV], out);
}

static void append_identity(const side *sides, const dp_comparison *comparison, dp_text *out) {
    dp_text_append_format(out, "identical: the same weights at all %zu common point%s, ",
                          comparison->common, comparison->common == 1 ? "" : "s");
    if (comparison->common > 1)
        dp_text_append_format(out, "steps %s to ", DP_COUNT_TEXT(comparison->first_step));
    else
        dp_text_append(out, "step ");
    dp_text_append_format(out, "%s\n", DP_COUNT_TEXT(comparison->last_step));
    for (int i = 0; i < 2; i++) {
        uint64_t end = sides[i].metrics.rows[sides[i].metrics.count - 1].step;
        if (end > comparison->last_step)
            dp_text_append_format(out, "%c goes on to step %s\n", "AB"[i], DP_COUNT_TEXT(end));
    }
}

/* The keys whose values differ, but for the folder, which must. Returns whether one of them changes
 * the result. */
static bool append_keys(const side *sides, dp_text *out) {
    bool changes_result = false, begun = false;
    for (const dp_option *option = dp_config_options; option->key != NULL; option++) {
        DP_OWNED(dp_text_clear) dp_text a = {0};
        DP_OWNED(dp_text_clear) dp_text b = {0};
        dp_options_format(option, &sides[0].config, &a);
        dp_options_format(option, &sides[1].config, &b);
        if (strcmp(dp_text_string(&a), dp_text_string(&b)) != 0 &&
            strcmp(option->key, "run.dir") != 0) {
            if (!begun)
                append_row("key", "A", "B", out);
            append_row(option->key, dp_text_string(&a), dp_text_string(&b), out);
            begun = true;
            changes_result = changes_result || (option->flags & DP_OPTION_RESULT) != 0;
        }
        out->failed = out->failed || a.failed || b.failed;
    }
    if (!begun)
        dp_text_append(out, "  no key of the config differs\n");
    return changes_result;
}

/* Returns whether dataset or build differ. */
static bool append_origins(const side *sides, dp_text *out) {
    const dptrain_description *a = &sides[0].is, *b = &sides[1].is;
    const bool known = sides[0].model != NULL && sides[1].model != NULL;
    const bool dataset = known && strcmp(a->dataset_sha256, b->dataset_sha256) != 0;
    const bool build = known && strcmp(a->build, b->build) != 0;
    if (dataset)
        dp_text_append_format(out, "  %-22s %-26.12s %.12s\n", "dataset (SHA-256)",
                              a->dataset_sha256, b->dataset_sha256);
    if (build)
        dp_text_append_format(out, "  build of A             %s\n  build of B             %s\n",
                              a->build, b->build);
    return dataset || build;
}

static void append_explanation(side *sides, bool differ, dp_text *out) {
    bool explained = false;
    dp_text_append_format(out, "\n  A = %s\n  B = %s\n\n", sides[0].path, sides[1].path);
    for (int i = 0; i < 2; i++)
        read_origin(&sides[i], out);
    bool compared = sides[0].has_config && sides[1].has_config;
    if (compared)
        explained = append_keys(sides, out);
    explained = append_origins(sides, out) || explained;
    if (compared && differ && !explained)
        dp_text_append(out, "\nNothing of this should change the weights. Look at the dataset, at "
                            "parallel.exchange\n(mpi promises nothing) and at the log.txt of both "
                            "runs.\n");
}

static void clear_sides(side (*sides)[2]) {
    for (int i = 0; i < 2; i++) {
        dp_metrics_table_clear(&(*sides)[i].metrics);
        dptrain_close((*sides)[i].model);
    }
}

static dp_status verify(int count, char **paths, bool *differ, dp_text *out, dp_error *error) {
    DP_OWNED(clear_sides) side sides[2] = {0};
    uint64_t loss_step = 0;
    if (count != 2)
        return dp_fail(error, DP_ERR_INPUT, "%s: dptrain verify RUN_A RUN_B",
                       count < 2 ? "two runs are needed" : "two runs at a time");
    for (int i = 0; i < 2; i++)
        DP_TRY(read_side(&sides[i], paths[i], error));
    dp_comparison comparison = dp_comparison_of(&sides[0].metrics, &sides[1].metrics);
    if (comparison.common == 0)
        return dp_fail(error, DP_ERR_INPUT,
                       "%s and %s have logged no step in common: train one of them again with "
                       "the other's train.log_every",
                       paths[0], paths[1]);
    *differ = comparison.a != NULL;
    if (*differ) {
        DP_TRY(find_parting(sides, &loss_step, error));
        append_parting(&comparison, loss_step, out);
    } else {
        append_identity(sides, &comparison, out);
    }
    append_explanation(sides, *differ, out);
    return dp_text_check(out, error);
}

static dp_status answer(int count, char **arguments, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text out = {0};
    bool differ = false;
    int runs = 0;
    DP_TRY(dp_options_parse_arguments(dp_options_none, NULL, count, arguments, &runs, error));
    DP_TRY(verify(runs, arguments, &differ, &out, error));
    printf("%s", dp_text_string(&out));
    return differ ? dp_fail(error, DP_ANSWER_NO, "%s", "") : DP_OK;
}

const dp_command dp_command_verify = {
    .name = "verify",
    .arguments = "RUN_A RUN_B",
    .purpose = "whether two runs hold the same weights, step by step",
    .details = verify_txt,
    .examples = "dptrain verify runs/base runs/lower\n",
    .options = dp_options_none,
    .answer = answer,
};
