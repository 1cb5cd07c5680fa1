#include "model/distinct.h"

#include <string.h>

dp_status dp_distinct_reserve(dp_distinct *distinct, size_t block_size, size_t grains_max,
                              size_t grain_rows, dp_workspace *room, dp_error *error) {
    const size_t examples = grains_max * grain_rows;
    size_t places = 4;
    if (grain_rows > UINT32_MAX / grains_max)
        return dp_fail(error, DP_ERR_MEMORY, "%zu rows at once are too many", grain_rows);
    while (places < 2 * grain_rows) /* at most half of them are filled */
        places *= 2;
    *distinct = (dp_distinct){.block_size = block_size, .place_mask = places - 1};
    DP_RESERVE(room, distinct->starts, grains_max + 1);
    DP_RESERVE_ROWS(room, distinct->contexts, examples, block_size);
    DP_RESERVE(room, distinct->target_starts, examples + 2);
    DP_RESERVE(room, distinct->targets, examples);
    DP_RESERVE(room, distinct->row_of, examples);
    DP_RESERVE(room, distinct->places, places);
    return DP_OK;
}

/* The row of this context in the current round: the one that has it, or a new one at the end. */
static uint32_t find_row(dp_distinct *distinct, const uint32_t *context, uint32_t *rows) {
    const size_t block = distinct->block_size;
    uint64_t hash = 0;
    for (size_t i = 0; i < block; i++)
        hash = (hash + context[i]) * 0x9E3779B97F4A7C15u; /* the golden ratio (Knuth, 6.4) */
    for (size_t at = (size_t)(hash >> 40);; at++) {
        dp_distinct_place *place = &distinct->places[at & distinct->place_mask];
        if (place->round != distinct->round) {
            *place = (dp_distinct_place){.round = distinct->round, .row = *rows};
            memcpy(distinct->contexts + *rows * block, context, block * sizeof *context);
            return (*rows)++;
        }
        if (memcmp(distinct->contexts + place->row * block, context, block * sizeof *context) == 0)
            return place->row;
    }
}

/* Lists the targets of each row, in order, from row_of: a counting sort. */
static void list_targets(dp_distinct *distinct, size_t examples, size_t rows,
                         const uint32_t *targets) {
    uint32_t *next = distinct->target_starts + 1; /* filling turns each start into its end */
    memset(next, 0, (rows + 1) * sizeof *next);
    for (size_t i = 0; i < examples; i++)
        next[distinct->row_of[i] + 1]++;
    for (size_t row = 0; row < rows; row++)
        next[row + 1] += next[row];
    for (size_t i = 0; i < examples; i++)
        distinct->targets[next[distinct->row_of[i]]++] = targets[i];
    distinct->target_starts[0] = 0;
}

void dp_distinct_collect(dp_distinct *distinct, size_t grains, const size_t *starts,
                         const uint32_t *contexts, const uint32_t *targets) {
    uint32_t rows = 0;
    for (size_t g = 0; g < grains; g++) {
        distinct->starts[g] = rows;
        distinct->round++;
        for (size_t i = starts[g]; i < starts[g + 1]; i++)
            distinct->row_of[i] = find_row(distinct, contexts + i * distinct->block_size, &rows);
    }
    distinct->starts[grains] = rows;
    list_targets(distinct, starts[grains], rows, targets);
}
