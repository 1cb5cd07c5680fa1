/* dataset_lines: the texts of a split, put together from its targets: lines, each up to the
 * boundary that is its last one. A stream has none.
 */
#ifndef DP_DATA_DATASET_LINES_H
#define DP_DATA_DATASET_LINES_H

#include "data/dataset.h"

/* Begin with the first two set. Release with dp_text_clear(&lines->line). */
typedef struct dp_dataset_lines {
    const dp_dataset *dataset; /* borrowed; its ids are checked */
    dp_split split;
    uint64_t row;
    dp_text line;
} dp_dataset_lines;

/* Sets `line` to the next one, words with blanks between; false behind the last, or where memory is
 * short, which dp_text_check tells of the line. */
bool dp_dataset_lines_next(dp_dataset_lines *lines);

#endif
