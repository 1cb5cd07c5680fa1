#include "plots/html_report.h"

#include "dptrain/dptrain.h"
#include "engine/evaluate.h"
#include "formats/html.h"
#include "formats/json_reader.h"
#include "plots/plot.h"
#include "run/metrics.h"
#include "run/run_folder.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Pictures shrink as far as they can be read and are scrolled in their own box from there on; lines
 * of the config wrap. On paper nothing is cut in two that fits on a page. */
static const char style[] =
    "body{font:16px/1.5 system-ui,sans-serif;color:#222;background:#fff;max-width:62rem;"
    "margin:0 auto;padding:1rem}\n"
    "h1{font-size:1.6rem;margin:.5rem 0;overflow-wrap:anywhere}\n"
    "h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid #ccc}\n"
    "p{margin:.5rem 0;overflow-wrap:anywhere}\n"
    ".facts{color:#555}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.25rem .9rem .25rem 0;text-align:right}\n"
    "th:first-child{text-align:left}\n"
    "thead th{border-bottom:1px solid #999;font-weight:600}\n"
    "tbody tr+tr>*{border-top:1px solid #e4e4e4}\n"
    "figure{margin:1rem 0;overflow-x:auto}\n"
    "svg{display:block;width:100%;height:auto;min-width:38rem}\n"
    ".square{max-width:44rem}\n.square svg{min-width:28rem}\n"
    "ol{columns:9rem;padding-left:2rem;margin:.5rem 0}\n"
    "li{overflow-wrap:anywhere;break-inside:avoid}\n"
    "pre{background:#f6f6f6;padding:.8rem;white-space:pre-wrap;overflow-wrap:anywhere;"
    "font-size:.85rem;line-height:1.4}\n"
    "@media(min-width:50rem){.config{columns:2}}\n"
    "@media print{body{max-width:none;padding:0;font-size:11pt}figure,table{break-inside:avoid}"
    "h2{break-after:avoid}}\n";

typedef struct page {
    const char *dir;
    dp_text html;
    dp_text config;           /* config.ini */
    dp_text summary;          /* summary.json, or "" */
    dp_metrics_table metrics; /* or empty */
    dptrain_model *model;     /* the best; NULL where there is none */
    dptrain_description is;   /* what it is */
    dp_plot_outcome plots;
    dp_text plots_missing; /* why there are none */
    dp_text *notices;
} page;

/* --- what is there ---------------------------------------------------------------------------- */

static dp_status read_config(page *self, dp_error *error) {
    dp_status status = DP_OK;
    char path[DP_PATH_SIZE];
    DP_TRY(dp_run_folder_file(self->dir, "config.ini", path, error));
    if (!dp_file_exists(path))
        status = dp_fail(error, DP_ERR_INPUT, "%s holds no run: it has no config.ini", self->dir);
    else
        status = dp_file_read(path, &self->config, error);
    return status;
}

static dp_status read_summary(page *self, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_run_folder_file(self->dir, "summary.json", path, error));
    return dp_file_exists(path) ? dp_file_read(path, &self->summary, error) : DP_OK;
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
    dptrain_describe(self->model, &self->is, sizeof self->is);
    return DP_OK;
}

static void read_metrics(page *self) {
    dp_error ignored; /* the plots need it too and say so */
    char path[DP_PATH_SIZE];
    if (dp_run_folder_file(self->dir, "metrics.csv", path, &ignored) != DP_OK ||
        dp_metrics_read(&self->metrics, path, &ignored) != DP_OK)
        self->metrics.count = 0;
}

static dp_status draw_plots(page *self, dp_error *error) {
    dp_status status = dp_plot_run(self->dir, "", false, &self->plots, error);
    if (status != DP_OK) {
        self->plots.count = 0;
        dp_text_append(&self->plots_missing, error->message);
    }
    return note(self, "no plots", status, error);
}

/* --- results ---------------------------------------------------------------------------------- */

/* A split's result: of the summary, or else the last evaluation in the metrics; count 0 is then not
 * known. False where it has not been evaluated. */
static bool find_result(const page *self, dp_split split, dp_evaluation *result) {
    char key[64];
    const char *summary = dp_text_string(&self->summary);
    *result = (dp_evaluation){.loss = NAN};
    snprintf(key, sizeof key, "splits.%s.loss", dp_split_name(split));
    const bool summed_up = dp_json_read_real(summary, key, &result->loss);
    snprintf(key, sizeof key, "splits.%s.count", dp_split_name(split));
    (void)(summed_up && dp_json_read_unsigned(summary, key, &result->count));
    for (size_t i = self->metrics.count; i > 0 && isnan(result->loss); i--)
        result->loss = self->metrics.rows[i - 1].split_loss[split];
    result->perplexity = exp(result->loss);
    return !isnan(result->loss);
}

static void append_results(page *self) {
    dp_text *html = &self->html;
    dp_text_append(html, "<table>\n<thead><tr><th>split</th><th>loss</th><th>perplexity</th>"
                         "<th>rows</th></tr></thead>\n<tbody>\n");
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        dp_evaluation result;
        if (!find_result(self, (dp_split)split, &result))
            continue;
        dp_text_append_format(html, "<tr><th>%s</th><td>%.4f</td><td>%.4f</td><td>%s</td></tr>\n",
                              dp_split_name((dp_split)split), result.loss, result.perplexity,
                              result.count == 0 ? "" : DP_COUNT_TEXT(result.count));
    }
    dp_text_append(html, "</tbody>\n</table>\n");
}

/* "Finished at step 200,000 of 200,000 in 9.2 s on 2 ranks." */
static void append_state(page *self) {
    dp_text *html = &self->html;
    const char *summary = dp_text_string(&self->summary);
    const size_t rows = self->metrics.count;
    uint64_t step = rows == 0 ? 0 : self->metrics.rows[rows - 1].step, ranks = 0;
    double seconds = 0.0;
    bool finished = dp_json_read_unsigned(summary, "step", &step);
    dp_text_append_format(html, "<p>%s at step %s", finished ? "Finished" : "Not finished; seen",
                          DP_COUNT_TEXT(step));
    if (dp_json_read_real(summary, "seconds", &seconds))
        dp_text_append_format(html, ", in %s", DP_DURATION_TEXT(seconds));
    if (dp_json_read_unsigned(summary, "ranks", &ranks))
        dp_text_append_format(html, " on %s rank%s", DP_COUNT_TEXT(ranks), ranks == 1 ? "" : "s");
    dp_text_append(html, ".");
    if (self->model != NULL && self->is.best_step > 0)
        dp_text_append_format(html, " Best on dev: <b>%.4f</b> at step %s.", self->is.best_loss,
                              DP_COUNT_TEXT(self->is.best_step));
    dp_text_append(html, "</p>\n");
}

static void append_checkpoint(page *self) {
    const dptrain_description *is = &self->is;
    dp_text *html = &self->html;
    if (self->model == NULL)
        return;
    dp_text_append_format(html,
                          "<p class=\"facts\">%s parameters, vocabulary %zu, block size %zu; best "
                          "checkpoint: weights %s; dataset %.16s…; ",
                          DP_COUNT_TEXT(is->parameters), is->vocab, is->block_size, is->weights,
                          is->dataset_sha256);
    dp_html_append(html, is->build);
    dp_text_append(html, "</p>\n");
}

/* --- pictures --------------------------------------------------------------------------------- */

static const char *caption_of(const char *figure) {
    return strcmp(figure, "loss") == 0        ? "Loss and learning rate"
           : strcmp(figure, "train_dev") == 0 ? "Train against dev"
                                              : "Embedding";
}

/* Appends [from, to) with the names of its parts made the figure's own: several pictures share a
 * page, and gnuplot gives the same names in each. */
static void append_renamed(dp_text *html, const char *from, const char *to, const char *figure) {
    static const char *const marks[] = {" id='", " id=\"", "href='#", "href=\"#", "url(#"};
    for (const char *at = from; at < to;) {
        size_t length = 1;
        bool name_follows = false;
        for (size_t i = 0; i < sizeof marks / sizeof marks[0] && !name_follows; i++) {
            name_follows = strncmp(at, marks[i], strlen(marks[i])) == 0;
            length = name_follows ? strlen(marks[i]) : 1;
        }
        dp_text_append_bytes(html, at, length);
        if (name_follows)
            dp_text_append_format(html, "%s-", figure);
        at += length;
    }
}

static dp_status append_picture(page *self, const char *figure, dp_error *error) {
    dp_status status = DP_OK;
    char path[DP_PATH_SIZE];
    DP_OWNED(dp_text_clear) dp_text svg = {0};
    DP_TRY(dp_path_format(path, error, "%s/%s.svg", self->plots.folder, figure));
    DP_TRY(dp_file_read(path, &svg, error));
    /* Without the declarations before it, which a page has once. */
    const char *begin = strstr(dp_text_string(&svg), "<svg");
    if (begin == NULL) {
        status = dp_fail(error, DP_ERR_IO, "%s: gnuplot has left no SVG there", path);
        return status;
    }
    dp_text_append_format(&self->html, "<figure class=\"%s\" aria-label=\"%s\">\n",
                          strncmp(figure, "embedding", 9) == 0 ? "square" : "wide",
                          caption_of(figure));
    append_renamed(&self->html, begin, svg.data + svg.length, figure);
    dp_text_append(&self->html, "</figure>\n");
    return status;
}

static dp_status append_pictures(page *self, dp_error *error) {
    dp_text_append(&self->html, "<h2>Curves and embedding</h2>\n");
    for (size_t i = 0; i < self->plots.count; i++)
        DP_TRY(append_picture(self, self->plots.figures[i], error));
    if (self->plots.count == 0) {
        dp_text_append(&self->html, "<p class=\"facts\">None: ");
        dp_html_append(&self->html, dp_text_string(&self->plots_missing));
        dp_text_append(&self->html, ".</p>\n");
    }
    return DP_OK;
}

/* --- samples ---------------------------------------------------------------------------------- */

/* As `dptrain sample` shows them. */
static dp_status append_sample_list(page *self, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text shown = {0};
    dptrain_error said;
    dptrain_sampling how;
    dptrain_sampling_init(&how, sizeof how);
    dp_text_append(&self->html, "<ol>\n");
    for (uint64_t i = 0; i < DP_REPORT_SAMPLES; i++) {
        const char *sample = NULL;
        const dptrain_status status = dptrain_sample(self->model, &how, i, &sample, &said);
        if (status != DPTRAIN_OK)
            return dp_fail(error, (dp_status)status, "%s", said.message);
        dp_text_cut(&shown, 0);
        dp_text_append_shown(&shown, sample);
        DP_TRY(dp_text_check(&shown, error));
        dp_text_append(&self->html, "<li>");
        dp_html_append(&self->html, dp_text_string(&shown));
        dp_text_append(&self->html, "</li>\n");
    }
    dp_text_append(&self->html, "</ol>\n");
    return DP_OK;
}

static dp_status append_samples(page *self, dp_error *error) {
    dp_text_append(&self->html, "<h2>Samples</h2>\n");
    if (self->model != NULL)
        return append_sample_list(self, error);
    dp_text_append(&self->html, "<p class=\"facts\">None: there is no checkpoint yet.</p>\n");
    return DP_OK;
}

/* --- the page --------------------------------------------------------------------------------- */

static void append_head(page *self, const char *name) {
    dp_text *html = &self->html;
    dp_text_append(html, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    dp_html_append(html, name);
    dp_text_append_format(html, " – dptrain</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>",
                          style);
    dp_html_append(html, name);
    dp_text_append(html, "</h1>\n");
}

static void append_config(page *self) {
    dp_text_append(&self->html, "<h2>Config</h2>\n<pre class=\"config\">");
    dp_html_append(&self->html, dp_text_string(&self->config));
    dp_text_append(&self->html, "</pre>\n");
}

static dp_status write_page(page *self, const char *name, const char *path, dp_error *error) {
    append_head(self, name);
    append_state(self);
    append_results(self);
    append_checkpoint(self);
    DP_TRY(append_pictures(self, error));
    DP_TRY(append_samples(self, error));
    append_config(self);
    dp_text_append(&self->html, "<p class=\"facts\">Made by dptrain " DP_VERSION ".</p>\n"
                                "</body>\n</html>\n");
    DP_TRY(dp_text_check(&self->html, error));
    return dp_file_write(path, self->html.data, self->html.length, error);
}

static void clear(page *self) {
    dp_text_clear(&self->html);
    dp_text_clear(&self->config);
    dp_text_clear(&self->summary);
    dp_text_clear(&self->plots_missing);
    dp_metrics_table_clear(&self->metrics);
    dptrain_close(self->model);
    dp_plot_clear(&self->plots);
}

dp_status dp_html_report_write(const char *dir, const char *path, dp_text *notices,
                               dp_error *error) {
    char name[DP_PATH_SIZE];
    DP_OWNED(clear) page self = {.dir = dir, .notices = notices};
    DP_TRY(dp_run_folder_name(dir, name, error));
    DP_TRY(read_config(&self, error));
    DP_TRY(read_summary(&self, error));
    read_metrics(&self);
    DP_TRY(load_model(&self, error));
    DP_TRY(draw_plots(&self, error));
    DP_TRY(dp_text_check(&self.plots_missing, error));
    DP_TRY(dp_text_check(notices, error));
    return write_page(&self, name, path, error);
}
