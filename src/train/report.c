#include "train/report.h"

#include "base/real.h"
#include "options/option_arguments.h"

#include "start_form_txt.h"
#include "system/output.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

dp_status dp_report_open(dp_report *report, bool quiet, const volatile sig_atomic_t *signal,
                         const char *path, dp_error *error) {
    *report = (dp_report){.quiet = quiet, .signal = signal};
    DP_TRY(dp_journal_open(&report->log, path, error));
    if (!quiet)
        dp_progress_line_open(&report->progress, stdout);
    return DP_OK;
}

void dp_report_close(dp_report *report) {
    dp_progress_line_close(&report->progress);
    dp_journal_close(&report->log);
}

/* Whether standard output takes more. Only asked where the run is to end: before, its reader may
 * take the time. */
static bool has_room(const dp_report *report) {
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return report->signal == NULL || *report->signal == 0 || poll(&output, 1, 0) > 0;
}

/* A run that is to end does not wait for a reader who has stopped reading, as mpirun does after
 * SIGTERM; the signal has interrupted the write that waited. Other failures are left to stdio,
 * which remembers them for the exit status, unless the reader is gone. */
static void print(const dp_report *report, const dp_text *line) {
    size_t done = 0;
    ssize_t count = 0;
    dp_output_look(stdout);
    while (done < line->length && has_room(report) && (count >= 0 || errno == EINTR)) {
        count = write(STDOUT_FILENO, line->data + done, line->length - done);
        done += count > 0 ? (size_t)count : 0;
    }
    if (count < 0 && errno != EINTR) {
        fputs(line->data + done, stdout);
        dp_output_flush(stdout);
    }
}

/* Lines for which there is no memory are told of once, and in the end. */
static void note_loss(dp_report *report, const dp_text *shown) {
    dp_error error;
    if (report->lost.status != DP_OK || dp_text_check(shown, &error) == DP_OK)
        return;
    report->lost = error;
    fprintf(stderr, "warning: what belongs here is not shown: %s\n", error.message);
}

/* Takes the text, of whole lines: all of them or none. */
static void emit(dp_report *report, dp_text *text) {
    DP_OWNED(dp_text_clear) dp_text shown = {0};
    dp_text_append_shown_lines(&shown, dp_text_string(text));
    shown.failed |= text->failed;
    if (shown.failed)
        dp_text_cut(&shown, 0);
    note_loss(report, &shown);
    /* A log that cannot be written ends no run; what it should have said stands on the terminal. */
    report->log_error.status =
        dp_journal_add(&report->log, dp_text_string(&shown), shown.length, &report->log_error);
    dp_progress_line_erase(&report->progress);
    if (!report->quiet)
        print(report, &shown);
    dp_text_clear(text);
}

void dp_report_line(dp_report *report, const char *format, ...) {
    dp_text line = {0};
    va_list arguments;
    if (!report->log.is_open)
        return;
    va_start(arguments, format);
    dp_text_append_arguments(&line, format, arguments);
    va_end(arguments);
    dp_text_append(&line, "\n");
    emit(report, &line);
}

void dp_report_facts(dp_report *report, const dp_facts *facts, const char *template) {
    dp_text text = {0};
    if (!report->log.is_open)
        return;
    dp_facts_to_text(facts, template, &text);
    emit(report, &text);
}

void dp_report_settings(dp_report *report, const dp_config *config) {
    dp_text text = {0};
    if (!report->log.is_open)
        return;
    dp_options_show(dp_config_options, config, &text);
    emit(report, &text);
}

/* --- the start of a run ----------------------------------------------------------------------- */

static void add_dataset(dp_facts *facts, const dp_dataset *dataset) {
    dp_facts_text(facts, "path", dataset->path);
    dp_facts_text(facts, "source", dataset->info.source);
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        dp_facts_unsigned(facts, dp_split_name((dp_split)split),
                          dp_dataset_rows(dataset, (dp_split)split));
    dp_facts_unsigned(facts, "vocabulary", dataset->vocabulary.count);
    dp_facts_unsigned(facts, "block_size", dataset->info.block_size);
}

static void add_model(dp_facts *facts, const dp_params_layout *layout) {
    DP_OWNED(dp_text_clear) dp_text tensors = {0};
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &layout->tensors[t];
        if (dp_tensor_size(tensor) == 0)
            continue;
        dp_text_append_format(&tensors, "%s%s ", t == 0 ? "" : ", ", tensor->name);
        if (tensor->rank == 2)
            dp_text_append_format(&tensors, "%sx", DP_COUNT_TEXT(tensor->rows));
        dp_text_append(&tensors, DP_COUNT_TEXT(tensor->cols));
    }
    dp_facts_unsigned(facts, "parameters", layout->parameter_count);
    dp_facts_text(facts, "tensors", dp_text_string(&tensors));
}

static void add_if(bool shown, dp_facts *facts, const char *name, double value) {
    if (shown)
        dp_facts_real(facts, name, value);
}

static void add_optimizer(dp_facts *facts, const dp_config *config) {
    const dp_optimizer_kind kind = config->optimizer.kind;
    const bool is_adamw = kind == DP_OPTIMIZER_ADAMW;
    dp_facts_text(facts, "optimizer", dp_optimizer_name(kind));
    add_if(kind == DP_OPTIMIZER_MOMENTUM || kind == DP_OPTIMIZER_NESTEROV, facts, "momentum",
           config->optimizer.momentum);
    add_if(is_adamw, facts, "beta1", config->optimizer.beta1);
    add_if(is_adamw, facts, "beta2", config->optimizer.beta2);
    add_if(config->optimizer.weight_decay > 0.0, facts, "weight_decay",
           config->optimizer.weight_decay);
    add_if(config->optimizer.clip_norm > 0.0, facts, "clip_norm", config->optimizer.clip_norm);
}

/* Of milestones all, where there is room on the line. */
static void add_schedule(dp_facts *facts, const dp_config *config) {
    const dp_schedule_kind kind = config->lr_schedule;
    const size_t count = kind == DP_SCHEDULE_STEP ? config->lr_milestones.count : 0;
    const uint64_t *milestones = config->lr_milestones.values;
    dp_facts_real(facts, "lr", config->lr);
    dp_facts_text(facts, "schedule", dp_schedule_name(kind));
    add_if(count > 0, facts, "gamma", config->lr_gamma);
    add_if(count > 2, facts, "milestones", (double)count);
    add_if(count == 1 || count == 2, facts, "milestone", (double)milestones[0]);
    add_if(count == 2, facts, "milestone2", (double)milestones[1]);
    add_if(kind == DP_SCHEDULE_COSINE, facts, "lr_end", config->lr * config->lr_final);
    add_if(kind == DP_SCHEDULE_COSINE, facts, "end", (double)config->steps);
    add_if(kind == DP_SCHEDULE_INVERSE, facts, "decay", config->lr_decay);
    add_if(config->lr_warmup > 0, facts, "warmup", (double)config->lr_warmup);
}

/* The batch, and what ranks share of its work. */
static void add_work(dp_facts *facts, const dp_subject *subject) {
    const dp_config *config = subject->config;
    DP_OWNED(dp_text_clear) dp_text at_work = {0};
    dp_facts_unsigned(facts, "batch", config->batch_size);
    if (subject->layout->shape.split)
        dp_facts_unsigned(facts, "blocks", subject->layout->output_blocks);
    else
        dp_facts_unsigned(facts, "grains", config->grains);
    dp_facts_unsigned(facts, "seed", config->seed);
    dp_facts_unsigned(facts, "ranks", (uint64_t)dp_comm_size(subject->work->job));
    dp_facts_unsigned(facts, "nodes", (uint64_t)dp_comm_node_count(subject->work->job));
    dp_work_describe(subject->work, &at_work);
    if (at_work.length > 0)
        dp_facts_text(facts, "work", dp_text_string(&at_work));
    if (dp_comm_oversubscribed(subject->comm))
        dp_facts_text(facts, "turns", "more than processors: they take turns");
    dp_facts_text(facts, "exchange", dp_exchange_name(config->exchange));
    dp_facts_text(facts, "promise",
                  config->exchange == DP_EXCHANGE_MPI
                      ? "no promise of the same bits at another rank count"
                      : "the same bits at any rank count");
}

void dp_report_start(dp_report *report, const dp_subject *subject) {
    DP_OWNED(dp_facts_clear) dp_facts facts = {0};
    report->of_words = subject->dataset->info.unit == DP_UNIT_WORD;
    add_dataset(&facts, subject->dataset);
    add_model(&facts, subject->layout);
    add_work(&facts, subject);
    add_optimizer(&facts, subject->config);
    add_schedule(&facts, subject->config);
    dp_facts_text(&facts, "processor", subject->build->processor);
    dp_report_facts(report, &facts, start_form_txt);
    if (!subject->build->uniform)
        dp_report_line(report,
                       "notice: processors differ: all compute with the lowest level, %s, which "
                       "gives the same bits",
                       dp_cpu_level_name(subject->build->level));
}

/* --- while it runs ---------------------------------------------------------------------------- */

/* A loss in at most 9 columns: four decimals, or what is left of them for one gone astray. */
static const char *format_loss(double loss, char buffer[32]) {
    snprintf(buffer, 32, fabs(loss) < 1e4 ? "%.4f" : "%.3g", loss);
    return buffer;
}

void dp_report_step_heading(dp_report *report) {
    dp_report_line(report, "%11s %9s %8s %9s %10s %11s", "step", "loss", "lr", "ms/step", "rows/s",
                   "left");
}

void dp_report_step(dp_report *report, const dp_metrics_row *row, uint64_t steps_left) {
    char loss[32];
    DP_OWNED(dp_text_clear) dp_text evaluated = {0};
    for (int split = 0; split < DP_SPLIT_COUNT && steps_left > 0; split++) {
        if (isnan(row->split_loss[split]))
            continue;
        dp_text_append_format(&evaluated, "  %s %s", dp_split_name((dp_split)split),
                              format_loss(row->split_loss[split], loss));
        if (report->of_words)
            dp_text_append_format(&evaluated, " (%.1f)", dp_real_exp(row->split_loss[split]));
    }
    dp_report_line(report, "%11s %9s %8.3g %9.3f %10s %11s%s", DP_COUNT_TEXT(row->step),
                   format_loss(row->loss, loss), row->lr, row->ms_per_step,
                   DP_COUNT_TEXT((uint64_t)row->examples_per_s),
                   DP_DURATION_TEXT((double)steps_left * row->ms_per_step * 1e-3),
                   dp_text_string(&evaluated));
}

void dp_report_progress(dp_report *report, dp_metrics_row row, uint64_t end) {
    char details[160], loss[32];
    snprintf(details, sizeof details, "step %*s  loss %s  %s left  lr %.3g  %.3f ms/step",
             (int)strlen(DP_COUNT_TEXT(end)), DP_COUNT_TEXT(row.step), format_loss(row.loss, loss),
             DP_DURATION_TEXT((double)(end - row.step) * row.ms_per_step * 1e-3), row.lr,
             row.ms_per_step);
    dp_progress_line_show(&report->progress, row.step, end, details);
}
