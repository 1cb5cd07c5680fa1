#include "data/row_weights.h"

#include "base/size.h"

#include <string.h>

enum { ROW, EXAMPLE, FOUND_AT_ONCE = 32 };

static uint64_t load(const dp_row_weights *weights, uint64_t line, int of) {
    uint64_t end = 0;
    memcpy(&end, weights->ends + 16 * line + 8 * (uint64_t)of, sizeof end);
    return end;
}

/* What is behind a line; 0 of line -1. */
static uint64_t end_of(const dp_row_weights *weights, uint64_t line, int of) {
    return line == UINT64_MAX ? 0 : load(weights, line, of);
}

/* One step of a search for the first line whose end is above `value`, among `left` from *first on:
 * without a branch on what is found. */
static void halve(const dp_row_weights *weights, uint64_t value, int of, uint64_t left,
                  uint64_t *first) {
    const uint64_t half = left / 2;
    const uint64_t is_behind = load(weights, *first + half - 1, of) <= value;
    *first += half & -is_behind;
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

static uint64_t row_of(const dp_row_weights *weights, uint64_t line, uint64_t example) {
    const uint64_t first = end_of(weights, line - 1, ROW);
    const uint64_t rows = end_of(weights, line, ROW) - first;
    const uint64_t row =
        first + (example - end_of(weights, line - 1, EXAMPLE)) % (rows == 0 ? 1 : rows);
    return row < weights->rows ? row : 0;
}

/* All searches take the same steps, and do so side by side: none waits for the memory of another.
 */
static void find_some(const dp_row_weights *weights, uint64_t *examples, size_t count) {
    uint64_t lines[FOUND_AT_ONCE] = {0};
    for (uint64_t left = weights->lines; left > 1; left -= left / 2) {
        for (size_t i = 0; i < count; i++)
            halve(weights, examples[i], EXAMPLE, left, &lines[i]);
    }
    for (size_t i = 0; i < count; i++)
        examples[i] = row_of(weights, lines[i], examples[i]);
}

void dp_row_weights_find(const dp_row_weights *weights, uint64_t *examples, size_t count) {
    for (size_t at = 0; at < count && weights->lines > 0; at += FOUND_AT_ONCE)
        find_some(weights, examples + at, dp_size_min(count - at, FOUND_AT_ONCE));
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
    uint64_t line = 0;
    for (uint64_t left = weights->lines; left > 1; left -= left / 2)
        halve(weights, first, ROW, left, &line);
    dp_weighted_line found = dp_row_weights_line(weights, line);
    for (size_t i = 0; i < count; i++) {
        while (first + i >= found.end && line + 1 < weights->lines)
            found = dp_row_weights_line(weights, ++line);
        values[i] = (double)found.weight;
    }
}
