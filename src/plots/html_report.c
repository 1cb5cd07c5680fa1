#include "plots/html_report.h"

#include "base/real.h"
#include "base/size.h"
#include "dptrain/dptrain.h"
#include "formats/facts.h"
#include "formats/json.h"
#include "plots/plot.h"
#include "report_css.h"
#include "report_html.h"
#include "run/run_folder.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct page {
    const char *dir;
    dp_facts facts;       /* what plots/report.html names */
    dp_text summary;      /* summary.json, or "" */
    dptrain_model *model; /* the best; NULL where there is none */
    dp_plot_outcome plots;
    dp_text *notices;
} page;

/* --- what is there ---------------------------------------------------------------------------- */

/* A file of the run; what is not there leaves *text as it is. */
static dp_status read_file(const page *self, const char *name, dp_text *text, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_path_format(path, error, "%s/%s", self->dir, name));
    return dp_file_exists(path) ? dp_file_read(path, text, error) : DP_OK;
}

static dp_status add_config(page *self, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text config = {0};
    DP_TRY(read_file(self, "config.ini", &config, error));
    if (config.data == NULL)
        return dp_fail(error, DP_ERR_INPUT, "%s holds no run: it has no config.ini", self->dir);
    dp_facts_note(&self->facts, "config", "%s", config.data);
    return DP_OK;
}

/* Goes on where something cannot be had, as the page is of what there is; not without memory. */
static dp_status note(page *self, const char *what, dp_status status, const dp_error *error) {
    if (status != DP_OK)
        dp_text_append_format(self->notices, "%s: %s\n", what, error->message);
    return status == DP_ERR_MEMORY ? status : DP_OK;
}

static dp_status load_model(page *self, dp_error *error) {
    dptrain_error said;
    const dptrain_status status = dptrain_open(&self->model, self->dir, &said);
    if (status != DPTRAIN_OK)
        return note(self, "no samples", dp_fail(error, (dp_status)status, "%s", said.message),
                    error);
    return DP_OK;
}

/* --- results ---------------------------------------------------------------------------------- */

/* A split's result: of the summary, or else the last evaluation in the metrics, where the count of
 * rows is not known. Nothing where it has not been evaluated. */
static void add_split(page *self, dp_split split) {
    char place[64];
    const char *summary = dp_text_string(&self->summary), *name = dp_split_name(split);
    double loss = NAN;
    uint64_t count = 0;
    snprintf(place, sizeof place, "splits.%s.loss", name);
    const bool summed_up = dp_json_read_real(summary, place, &loss);
    snprintf(place, sizeof place, "splits.%s.count", name);
    (void)(summed_up && dp_json_read_unsigned(summary, place, &count));
    for (size_t i = self->plots.history.metrics.count; i > 0 && isnan(loss); i--)
        loss = self->plots.history.metrics.rows[i - 1].split_loss[split];
    if (isnan(loss))
        return;
    dp_facts_begin(&self->facts, name);
    dp_facts_note(&self->facts, "loss", "%.4f", loss);
    dp_facts_note(&self->facts, "perplexity", "%.4f", dp_real_exp(loss));
    if (count > 0)
        dp_facts_unsigned(&self->facts, "count", count);
    dp_facts_end(&self->facts);
}

static void add_results(page *self) {
    dp_facts *facts = &self->facts;
    const char *summary = dp_text_string(&self->summary);
    const dp_metrics_table *metrics = &self->plots.history.metrics;
    uint64_t step = metrics->count == 0 ? 0 : metrics->rows[metrics->count - 1].step;
    uint64_t ranks = 0, starts = 0;
    double seconds = 0.0;
    const bool finished = dp_json_read_unsigned(summary, "step", &step);
    dp_facts_text(facts, "state", finished ? "Finished" : "Not finished; seen");
    dp_facts_unsigned(facts, "step", step);
    if (dp_json_read_real(summary, "seconds", &seconds))
        dp_facts_text(facts, "duration", DP_DURATION_TEXT(seconds));
    if (dp_json_read_unsigned(summary, "starts", &starts) && starts > 1)
        dp_facts_unsigned(facts, "starts", starts);
    if (dp_json_read_unsigned(summary, "ranks", &ranks))
        dp_facts_unsigned(facts, "ranks", ranks);
    dp_facts_begin(facts, "splits");
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        add_split(self, (dp_split)split);
    dp_facts_end(facts);
}

static void add_model(page *self) {
    dp_facts *facts = &self->facts;
    dptrain_description is;
    dptrain_describe(self->model, &is, sizeof is);
    if (is.best_step > 0) {
        dp_facts_begin(facts, "best");
        dp_facts_note(facts, "loss", "%.4f", is.best_loss);
        dp_facts_unsigned(facts, "step", is.best_step);
        dp_facts_end(facts);
    }
    dp_facts_unsigned(facts, "parameters", is.parameters);
    dp_facts_unsigned(facts, "vocabulary", is.vocab);
    dp_facts_unsigned(facts, "block_size", is.block_size);
    dp_facts_text(facts, "weights", is.weights);
    dp_facts_note(facts, "dataset", "%.16s", is.dataset_sha256);
    dp_facts_text(facts, "build", is.build);
}

/* Samples up to this one stand in columns, as names do; sentences take the width of the page. */
#define SHORT_SAMPLE 24

/* As `dptrain sample` shows them. */
static dp_status add_samples(page *self, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text shown = {0};
    dptrain_error said;
    dptrain_sampling how;
    char number[24];
    size_t longest = 0;
    dptrain_sampling_init(&how, sizeof how);
    dp_facts_begin(&self->facts, "samples");
    for (uint64_t i = 0; i < DP_REPORT_SAMPLES; i++) {
        const char *sample = NULL;
        const dptrain_status status = dptrain_sample(self->model, &how, i, &sample, &said);
        if (status != DPTRAIN_OK)
            return dp_fail(error, (dp_status)status, "%s", said.message);
        dp_text_cut(&shown, 0);
        dp_text_append_shown(&shown, sample);
        DP_TRY(dp_text_check(&shown, error));
        longest = dp_size_max(longest, shown.length);
        snprintf(number, sizeof number, "%" PRIu64, i);
        dp_facts_note(&self->facts, number, "%s", dp_text_string(&shown));
    }
    dp_facts_end(&self->facts);
    dp_facts_text(&self->facts, "sample_length", longest <= SHORT_SAMPLE ? "short" : "long");
    return DP_OK;
}

/* --- pictures --------------------------------------------------------------------------------- */

static const char *caption_of(const char *figure) {
    return strcmp(figure, "loss") == 0        ? "Loss and learning rate"
           : strcmp(figure, "train_dev") == 0 ? "Train against dev"
                                              : "Embedding";
}

/* Appends the picture with the names of its parts made the figure's own: several pictures share a
 * page, and gnuplot gives the same names in each. */
static void append_renamed(dp_text *html, const char *svg, const char *figure) {
    static const char *const marks[] = {" id='", " id=\"", "href='#", "href=\"#", "url(#"};
    for (const char *at = svg; *at != '\0';) {
        size_t mark = 0;
        for (size_t i = 0; i < sizeof marks / sizeof marks[0] && mark == 0; i++)
            mark = strncmp(at, marks[i], strlen(marks[i])) == 0 ? strlen(marks[i]) : 0;
        dp_text_append_bytes(html, at, mark == 0 ? 1 : mark);
        if (mark > 0)
            dp_text_append_format(html, "%s-", figure);
        at += mark == 0 ? 1 : mark;
    }
}

static dp_status add_picture(page *self, const char *figure, dp_error *error) {
    dp_facts *facts = &self->facts;
    char path[DP_PATH_SIZE];
    DP_OWNED(dp_text_clear) dp_text svg = {0};
    DP_OWNED(dp_text_clear) dp_text renamed = {0};
    DP_TRY(dp_path_format(path, error, "%s/%s.svg", self->plots.folder, figure));
    DP_TRY(dp_file_read_long(path, &svg, error));
    /* Without the declarations before it, which a page has once. */
    const char *begin = strstr(dp_text_string(&svg), "<svg");
    if (begin == NULL)
        return dp_fail(error, DP_ERR_IO, "%s: gnuplot has left no SVG there", path);
    append_renamed(&renamed, begin, figure);
    DP_TRY(dp_text_check(&renamed, error));
    dp_facts_begin(facts, figure);
    dp_facts_text(facts, "shape", strncmp(figure, "embedding", 9) == 0 ? "square" : "wide");
    dp_facts_text(facts, "caption", caption_of(figure));
    dp_facts_note(facts, "svg", "%s", dp_text_string(&renamed));
    dp_facts_end(facts);
    return DP_OK;
}

static dp_status add_pictures(page *self, dp_error *error) {
    const dp_status status = dp_plot_run(self->dir, "", false, &self->plots, error);
    if (status != DP_OK) {
        dp_facts_text(&self->facts, "plots_missing", error->message);
        return note(self, "no plots", status, error);
    }
    dp_facts_begin(&self->facts, "figures");
    for (size_t i = 0; i < self->plots.count; i++)
        DP_TRY(add_picture(self, self->plots.figures[i], error));
    dp_facts_end(&self->facts);
    return DP_OK;
}

/* --- the page --------------------------------------------------------------------------------- */

static dp_status add_all(page *self, dp_error *error) {
    char name[DP_PATH_SIZE];
    DP_TRY(dp_run_folder_name(self->dir, name, error));
    DP_TRY(add_config(self, error));
    DP_TRY(read_file(self, "summary.json", &self->summary, error));
    DP_TRY(load_model(self, error));
    DP_TRY(add_pictures(self, error));
    dp_facts_text(&self->facts, "name", name);
    dp_facts_text(&self->facts, "style", report_css);
    dp_facts_text(&self->facts, "version", DP_VERSION);
    add_results(self);
    if (self->model != NULL) {
        add_model(self);
        return add_samples(self, error);
    }
    dp_facts_text(&self->facts, "samples_missing", "there is no checkpoint yet");
    return DP_OK;
}

static void clear(page *self) {
    dp_facts_clear(&self->facts);
    dp_text_clear(&self->summary);
    dptrain_close(self->model);
    dp_plot_clear(&self->plots);
}

dp_status dp_html_report_write(const char *dir, const char *path, dp_text *notices,
                               dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text html = {0};
    DP_OWNED(clear) page self = {.dir = dir, .notices = notices};
    DP_TRY(add_all(&self, error));
    dp_facts_to_html(&self.facts, report_html, &html);
    DP_TRY(dp_text_check(notices, error));
    return dp_file_write_text(path, &html, error);
}
