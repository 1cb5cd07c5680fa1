#include "train/report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Lines are shorter, but for the paths in them. */
#define REPORT_LINE_SIZE (2 * DP_PATH_SIZE)

dp_status dp_report_open(dp_report *report, bool quiet, const volatile sig_atomic_t *signal,
                         const char *path, dp_error *error) {
    *report = (dp_report){.enabled = true, .quiet = quiet, .signal = signal};
    dp_status status = dp_journal_open(&report->log, path, error);
    if (status == DP_OK && !quiet)
        dp_progress_line_open(&report->progress, stdout);
    return status;
}

void dp_report_close(dp_report *report) {
    dp_progress_line_close(&report->progress);
    dp_journal_close(&report->log);
}

dp_status dp_report_check_log(const dp_report *report, dp_error *error) {
    if (!report->log_failed)
        return DP_OK;
    *error = report->log_error;
    return error->status;
}

/* A log that cannot be written ends no run; what it should have said stands on the terminal. */
static void add_to_log(dp_report *report, const dp_text *line) {
    if (report->log.is_open)
        report->log_failed = dp_journal_add(&report->log, dp_text_string(line), line->length,
                                            &report->log_error) != DP_OK;
}

/* Whether standard output takes more. Only asked where the run is to end: before, its reader may
 * take the time. */
static bool has_room(const dp_report *report) {
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return report->signal == NULL || *report->signal == 0 || poll(&output, 1, 0) > 0;
}

/* A run that is to end does not wait for a reader who has stopped reading, as mpirun does after
 * SIGTERM; the signal has interrupted the write that waited. Other failures are left to stdio,
 * which remembers them for the exit status. */
static void print(const dp_report *report, const dp_text *line) {
    size_t done = 0;
    ssize_t count = 0;
    while (done < line->length && has_room(report) && (count >= 0 || errno == EINTR)) {
        count = write(STDOUT_FILENO, line->data + done, line->length - done);
        done += count > 0 ? (size_t)count : 0;
    }
    if (count < 0 && errno != EINTR) {
        fputs(line->data + done, stdout);
        fflush(stdout);
    }
}

void dp_report_line(dp_report *report, const char *format, ...) {
    char text[REPORT_LINE_SIZE];
    dp_text line = {0};
    va_list arguments;
    if (!report->enabled)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    dp_text_append_format(&line, "%s\n", text);
    add_to_log(report, &line);
    dp_progress_line_erase(&report->progress);
    if (!report->quiet)
        print(report, &line);
    dp_text_clear(&line);
}

static void report_dataset(dp_report *report, const dp_dataset *dataset) {
    char rows[DP_SPLIT_COUNT][32];
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        dp_text_format_count(dp_dataset_rows(dataset, (dp_split)split), rows[split]);
    dp_report_line(report, "  data       %s, from %s", dataset->path, dataset->info.source);
    dp_report_line(report, "             %s / %s / %s rows, vocabulary %zu, block size %" PRIu64,
                   rows[DP_SPLIT_TRAIN], rows[DP_SPLIT_DEV], rows[DP_SPLIT_TEST],
                   dataset->vocabulary.count, dataset->info.block_size);
}

static void report_model(dp_report *report, const dp_params_layout *layout) {
    char count[32];
    dp_text tensors = {0};
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &layout->tensors[t];
        if (dp_tensor_size(tensor) == 0)
            continue;
        dp_text_append_format(&tensors, "%s%s", t == 0 ? "" : ", ", tensor->name);
        if (tensor->rank == 2)
            dp_text_append_format(&tensors, " %zux%zu", tensor->rows, tensor->cols);
        else
            dp_text_append_format(&tensors, " %zu", tensor->cols);
    }
    dp_report_line(report, "  model      %s parameters: %s",
                   dp_text_format_count(layout->parameter_count, count), dp_text_string(&tensors));
    dp_text_clear(&tensors);
}

static void append_real(dp_text *line, const char *what, double value) {
    dp_text_append_format(line, "%s%g", what, value);
}

static void append_steps(dp_text *line, const char *what, uint64_t steps) {
    char number[32];
    dp_text_append_format(line, "%s%s", what, dp_text_format_count(steps, number));
}

static void report_optimizer(dp_report *report, const dp_config *config) {
    dp_text line = {0};
    dp_text_append(&line, dp_optimizer_name(config->optimizer));
    if (config->optimizer == DP_OPTIMIZER_MOMENTUM || config->optimizer == DP_OPTIMIZER_NESTEROV)
        append_real(&line, " ", config->momentum);
    if (config->optimizer == DP_OPTIMIZER_ADAMW) {
        append_real(&line, ", beta ", config->beta1);
        append_real(&line, " and ", config->beta2);
    }
    if (config->weight_decay > 0.0)
        append_real(&line, ", weight decay ", config->weight_decay);
    if (config->clip_norm > 0.0)
        append_real(&line, ", norm at most ", config->clip_norm);
    dp_report_line(report, "  optimizer  %s", dp_text_string(&line));
    dp_text_clear(&line);
}

/* All of them, where there is room on the line. */
static void append_milestones(const dp_config *config, dp_text *line) {
    const size_t count = config->lr_milestones.count;
    if (count == 0)
        return;
    append_real(line, ", times ", config->lr_gamma);
    if (count > 2)
        dp_text_append_format(line, " at %zu milestones", count);
    for (size_t i = 0; i < count && count <= 2; i++)
        append_steps(line, i == 0 ? " at step " : " and ", config->lr_milestones.values[i]);
}

static void append_schedule(const dp_config *config, dp_text *line) {
    switch (config->lr_schedule) {
    case DP_SCHEDULE_STEP:
        append_milestones(config, line);
        break;
    case DP_SCHEDULE_CONSTANT:
        break;
    case DP_SCHEDULE_COSINE:
        append_real(line, " to ", config->lr * config->lr_final);
        append_steps(line, " at step ", config->steps);
        break;
    case DP_SCHEDULE_INVERSE:
        append_real(line, ", over 1 + ", config->lr_decay);
        dp_text_append(line, " t");
        break;
    }
}

static void report_schedule(dp_report *report, const dp_config *config) {
    dp_text line = {0};
    append_real(&line, "", config->lr);
    dp_text_append_format(&line, ", %s", dp_schedule_name(config->lr_schedule));
    append_schedule(config, &line);
    if (config->lr_warmup > 0)
        append_steps(&line, ", warm-up of ", config->lr_warmup);
    dp_report_line(report, "  rate       %s", dp_text_string(&line));
    dp_text_clear(&line);
}

/* The batch, and what ranks share of its work. */
static void report_batch(dp_report *report, const dp_config *config,
                         const dp_params_layout *layout) {
    if (layout->shape.split)
        dp_report_line(report,
                       "  batch      %" PRIu64 " rows, output split into %zu blocks, seed %" PRIu64,
                       config->batch_size, layout->output_blocks, config->seed);
    else
        dp_report_line(report, "  batch      %" PRIu64 " rows in %" PRIu64 " grains, seed %" PRIu64,
                       config->batch_size, config->grains, config->seed);
}

void dp_report_start(dp_report *report, const dp_config *config, const dp_dataset *dataset,
                     const dp_params_layout *layout, const dp_comm *comm, const char *processor) {
    int ranks = dp_comm_size(comm), nodes = dp_comm_node_count(comm);
    report->of_words = dataset->info.unit == DP_UNIT_WORD;
    report_dataset(report, dataset);
    report_model(report, layout);
    report_batch(report, config, layout);
    report_optimizer(report, config);
    report_schedule(report, config);
    dp_report_line(report, "  ranks      %d on %d host%s%s", ranks, nodes, nodes == 1 ? "" : "s",
                   dp_comm_oversubscribed(comm) ? ", more than processors: they take turns" : "");
    dp_report_line(report, "  exchange   %s, %s", dp_exchange_name(config->exchange),
                   config->exchange == DP_EXCHANGE_MPI
                       ? "no promise of the same bits at another rank count"
                       : "the same bits at any rank count");
    dp_report_line(report, "  processor  %s", processor);
}

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
    char step[32], loss[32], rows[32], left[32];
    dp_text evaluated = {0};
    for (int split = 0; split < DP_SPLIT_COUNT && steps_left > 0; split++) {
        if (isnan(row->split_loss[split]))
            continue;
        dp_text_append_format(&evaluated, "  %s %s", dp_split_name((dp_split)split),
                              format_loss(row->split_loss[split], loss));
        if (report->of_words)
            dp_text_append_format(&evaluated, " (%.1f)", exp(row->split_loss[split]));
    }
    dp_report_line(report, "%11s %9s %8.3g %9.3f %10s %11s%s",
                   dp_text_format_count(row->step, step), format_loss(row->loss, loss), row->lr,
                   row->ms_per_step, dp_text_format_count((uint64_t)row->examples_per_s, rows),
                   dp_text_format_duration((double)steps_left * row->ms_per_step * 1e-3, left),
                   dp_text_string(&evaluated));
    dp_text_clear(&evaluated);
}

void dp_report_progress(dp_report *report, uint64_t step, uint64_t end, double loss, double lr,
                        double ms_per_step) {
    char details[128], loss_text[32], left[32];
    dp_text_format_duration((double)(end - step) * ms_per_step * 1e-3, left);
    snprintf(details, sizeof details, "loss %s  %s left  lr %.3g  %.3f ms/step",
             format_loss(loss, loss_text), left, lr, ms_per_step);
    dp_progress_line_show(&report->progress, step, end, details);
}

void dp_report_facts(dp_report *report, const dp_facts *facts, const char *template) {
    dp_text text = {0};
    dp_facts_to_text(facts, template, &text);
    dp_report_line(report, "%s", dp_text_string(&text));
    dp_text_clear(&text);
}
