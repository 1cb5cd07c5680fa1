/* metrics: the curves of a run, in metrics.csv, one row a logging point.
 *
 * Columns: step; loss, the mean batch loss since the row before; batch_loss, that of the last step
 * alone; lr of the last step; train_loss, dev_loss, test_loss where they were evaluated, else
 * empty; weights, their hash; ms_per_step and examples_per_s since the row before; seconds that
 * the run has taken, its earlier starts up to the last row that stands of them; grad_norm, the
 * Euclidean length of the last step's gradient before it was clipped; start, the number of the
 * start of the program that has written the row; at_work, the ranks that computed its last step.
 * Losses in full precision. All columns up to
 * weights, and grad_norm, are the same at any rank count.
 *
 * Not collective; rank 0 writes.
 */
#ifndef DP_RUN_METRICS_H
#define DP_RUN_METRICS_H

#include "data/dataset.h"
#include "system/journal.h"

typedef struct dp_metrics_row {
    uint64_t step;
    double loss;
    double batch_loss;
    double lr;
    double split_loss[DP_SPLIT_COUNT]; /* NaN where not evaluated */
    uint64_t weights_hash;
    double ms_per_step;
    double examples_per_s;
    double seconds;
    double grad_norm; /* NaN where it is not known */
    uint64_t start;   /* from 1 on; 0 where it is not known */
    uint64_t at_work; /* likewise */
} dp_metrics_row;

/* What the rows of earlier starts of the program tell. */
typedef struct dp_metrics_past {
    double seconds;
    uint64_t starts;
} dp_metrics_past;

/* Opens the file for appending, cut back to the rows up to `step` (so that a resumed run does not
 * tell its steps twice), of which the last is of step `logged`; with `step` 0 a new file. One of
 * an earlier version, without the last columns, gets them. What a crash leaves behind those rows
 * goes; a header or a row among them that is not ours is DP_ERR_INPUT with its line, and nothing is
 * changed. *notice is a line about rows that are missing, or "". Sync the journal before a
 * checkpoint that is to stand behind its rows. */
#define DP_METRICS_NOTICE_SIZE 128
dp_status dp_metrics_open(dp_journal *metrics, const char *path, uint64_t step, uint64_t logged,
                          dp_metrics_past *past, char notice[DP_METRICS_NOTICE_SIZE],
                          dp_error *error) DP_CHECKED;
/* Hands a row to the system; one that cannot be written is tried again with the next. */
dp_status dp_metrics_append(dp_journal *metrics, const dp_metrics_row *row,
                            dp_error *error) DP_CHECKED;

/* The rows of a file. */
typedef struct dp_metrics_table {
    dp_metrics_row *rows; /* [count] owned, steps ascending */
    size_t count;
} dp_metrics_table;

/* Reads a file, also one that a run is still writing: what comes behind the last end of a line is
 * not yet a row. Columns are found by their names in the header, so that files of other versions
 * can be read; a number that is not there is NaN. DP_ERR_INPUT, with the line: not a metrics file,
 * or a damaged row. Release with dp_metrics_table_clear; on failure nothing is held. */
dp_status dp_metrics_read(dp_metrics_table *table, const char *path, dp_error *error) DP_CHECKED;
void dp_metrics_table_clear(dp_metrics_table *table);

#endif
