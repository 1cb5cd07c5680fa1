#include "data/dataset_lines.h"

bool dp_dataset_lines_next(dp_dataset_lines *lines) {
    const dp_dataset *dataset = lines->dataset;
    const char *separator = dataset->info.unit == DP_UNIT_WORD ? " " : "";
    const uint64_t rows = dp_dataset_rows(dataset, lines->split);
    uint32_t context[DP_BLOCK_SIZE_MAX];
    dp_text_cut(&lines->line, 0);
    while (lines->row < rows && !lines->line.failed) {
        uint32_t target = 0;
        dp_dataset_read_row(dataset, lines->split, lines->row++, context, &target);
        if (target == DP_BOUNDARY_ID)
            return true;
        dp_text_append(&lines->line, lines->line.length == 0 ? "" : separator);
        dp_text_append(&lines->line, dp_vocabulary_token(&dataset->vocabulary, target));
    }
    return false;
}
