/* row_weights: how often each row of a split counts.
 *
 * Lines may have weights: a line that weighs 17 is as if it stood there 17 times, one behind the
 * other. Its rows are then 17 `examples` each, and what is said of a split of weights is what would
 * be said of those: its draws are uniform over the examples, an epoch has each of them once, a loss
 * is the mean over them, tokens are counted so. Nothing is written or evaluated 17 times: this says
 * which row an example is, by bisection, and what a row weighs.
 *
 * The examples of a line of n rows that begins at example e and at row r: example e + i is row
 * r + i % n. So the draws from ready-made splits are, bit for bit, those from texts in which each
 * line is written so often.
 *
 * Without weights each row is one example, and both have the same number.
 */
#ifndef DP_DATA_ROW_WEIGHTS_H
#define DP_DATA_ROW_WEIGHTS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_EXAMPLES_MAX ((uint64_t)1 << 53) /* of a split, so that a double holds each number */

typedef struct dp_row_weights {
    uint64_t rows;
    uint64_t examples;         /* = rows without weights */
    uint64_t lines;            /* 0: there are no weights */
    const unsigned char *ends; /* [lines, 2] 64 bits, little-endian, mapped: the row behind the last
                                  of a line, and the example */
} dp_row_weights;

/* Rows [first, end) that weigh the same. */
typedef struct dp_weighted_line {
    uint64_t first, end;
    uint64_t weight;
} dp_weighted_line;

/* Whether each line has rows, and examples that are whole weights of them, and all of them are
 * those of the split; sets weights->examples. */
bool dp_row_weights_take(dp_row_weights *weights);

/* Examples [count], each below weights->examples, become their rows. Below `rows`, which are not 0,
 * whatever has become of the mapped file. Many at once are found several times as fast. */
void dp_row_weights_find(const dp_row_weights *weights, uint64_t *examples, size_t count);

/* Where the rows are asked for line by line: without weights there is one, of all rows. */
uint64_t dp_row_weights_lines(const dp_row_weights *weights);
/* One of these; inside of the rows, whatever has become of the file. */
dp_weighted_line dp_row_weights_line(const dp_row_weights *weights, uint64_t line);

/* The weights of the rows [first, first + count), which are there: values [count]. */
void dp_row_weights_get(const dp_row_weights *weights, uint64_t first, size_t count,
                        double *values);

#endif
