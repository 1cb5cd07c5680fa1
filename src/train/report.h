/* report: what a run tells its user, on standard output and in log.txt.
 *
 * One rank reports; on the others every call does nothing. Plain lines of at most 80 columns, no
 * control characters; where somebody watches, a line of progress stands below them, which never
 * gets into log.txt.
 */
#ifndef DP_TRAIN_REPORT_H
#define DP_TRAIN_REPORT_H

#include "engine/engine.h"
#include "formats/facts.h"
#include "run/metrics.h"
#include "system/journal.h"
#include "system/progress_line.h"

#include <signal.h>

typedef struct dp_report {
    bool quiet;                          /* only to the log */
    bool of_words;                       /* whose models are compared by perplexity */
    const volatile sig_atomic_t *signal; /* that asks the run to end, or NULL */
    dp_journal log;
    dp_error log_error; /* why its last line could not be written; status DP_OK: it was */
    dp_error lost;      /* why a line was not made at all, the first one; likewise */
    dp_progress_line progress;
} dp_report;

/* On the one rank that reports; on the others it stays zeroed. Appends to log.txt at `path`, and if
 * `quiet` nowhere else. Once *signal is not 0, lines that standard output would have to wait for
 * are in log.txt only. */
dp_status dp_report_open(dp_report *report, bool quiet, const volatile sig_atomic_t *signal,
                         const char *path, dp_error *error) DP_CHECKED;
void dp_report_close(dp_report *report);

/* One line, without the newline. */
void dp_report_line(dp_report *report, const char *format, ...) DP_PRINTF(2, 3);

/* The table at the start of a run, and a notice where hosts differ. */
void dp_report_start(dp_report *report, const dp_subject *subject);

/* Every setting, a line each. */
void dp_report_settings(dp_report *report, const dp_config *config);

/* The heading of the step lines, and one of them: with the splits evaluated there, except on the
 * last, which the table of the splits follows; of words with the perplexity in brackets. */
void dp_report_step_heading(dp_report *report);
void dp_report_step(dp_report *report, const dp_metrics_row *row, uint64_t steps_left);

/* Shows on the terminal where the run stands, as often as it is due (system/progress_line): of the
 * row that would end here, with its step of `end`. */
void dp_report_progress(dp_report *report, dp_metrics_row row, uint64_t end);

/* Lines made from facts. */
void dp_report_facts(dp_report *report, const dp_facts *facts, const char *template);

#endif
