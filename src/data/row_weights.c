#include "data/row_weights.h"

#include "base/size.h"

#include <string.h>

enum { ROW, EXAMPLE };

/* What is behind a line; 0 of line -1. */
static uint64_t end_of(const dp_row_weights *weights, uint64_t line, int of) {
    uint64_t end = 0;
    if (line != UINT64_MAX)
        memcpy(&end, weights->ends + 16 * line + 8 * (uint64_t)of, sizeof end);
    return end;
}

/* The first line whose end is above `value`, or the last one. Without a branch on what is found. */
static uint64_t line_of(const dp_row_weights *weights, uint64_t value, int of) {
    uint64_t first = 0;
    for (uint64_t left = weights->lines; left > 1;) {
        const uint64_t half = left / 2;
        first += end_of(weights, first + half - 1, of) <= value ? half : 0;
        left -= half;
    }
    return first;
}

bool dp_row_weights_take(dp_row_weights *weights) {
    uint64_t row = 0, example = 0;
    for (uint64_t line = 0; line < weights->lines; line++) {
        const uint64_t row_end = end_of(weights, line, ROW);
        const uint64_t example_end = end_of(weights, line, EXAMPLE);
        if (row_end <= row || example_end <= example || example_end > DP_EXAMPLES_MAX ||
            (example_end - example) % (row_end - row) != 0)
            return false;
        row = row_end;
        example = example_end;
    }
    weights->examples = example;
    return row == weights->rows;
}

uint64_t dp_row_weights_find(const dp_row_weights *weights, uint64_t example) {
    const uint64_t line = line_of(weights, example, EXAMPLE);
    const uint64_t first = end_of(weights, line - 1, ROW);
    const uint64_t rows = end_of(weights, line, ROW) - first;
    const uint64_t row =
        first + (example - end_of(weights, line - 1, EXAMPLE)) % (rows == 0 ? 1 : rows);
    return row < weights->rows ? row : 0;
}

uint64_t dp_row_weights_lines(const dp_row_weights *weights) {
    return weights->lines == 0 ? 1 : weights->lines;
}

dp_weighted_line dp_row_weights_line(const dp_row_weights *weights, uint64_t line) {
    if (weights->lines == 0)
        return (dp_weighted_line){.end = weights->rows, .weight = 1};
    const uint64_t first = dp_size_min(end_of(weights, line - 1, ROW), weights->rows);
    const uint64_t end = dp_size_min(end_of(weights, line, ROW), weights->rows);
    const uint64_t examples = end_of(weights, line, EXAMPLE) - end_of(weights, line - 1, EXAMPLE);
    return (dp_weighted_line){first, end, end > first ? examples / (end - first) : 0};
}

void dp_row_weights_get(const dp_row_weights *weights, uint64_t first, size_t count,
                        double *values) {
    uint64_t line = weights->lines == 0 ? 0 : line_of(weights, first, ROW);
    dp_weighted_line found = dp_row_weights_line(weights, line);
    for (size_t i = 0; i < count; i++) {
        while (first + i >= found.end && line + 1 < weights->lines)
            found = dp_row_weights_line(weights, ++line);
        values[i] = (double)found.weight;
    }
}
