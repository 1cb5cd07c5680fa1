#include "model/pairs.h"

#include <string.h>

size_t dp_pairs_max(size_t vocab, size_t block_size, size_t grains_max, size_t grain_rows) {
    return block_size * grains_max * (grain_rows < vocab ? grain_rows : vocab);
}

dp_status dp_pairs_reserve(dp_pairs *pairs, size_t vocab, size_t block_size, size_t grains_max,
                           size_t grain_rows, dp_workspace *room, dp_error *error) {
    const size_t most = dp_pairs_max(vocab, block_size, grains_max, grain_rows);
    const size_t uses = grains_max * grain_rows * block_size;
    *pairs = (dp_pairs){.block_size = block_size};
    if (uses > UINT32_MAX)
        return dp_fail(error, DP_ERR_MEMORY, "%zu rows at once are too many", grain_rows);
    DP_RESERVE(room, pairs->tokens, most);
    DP_RESERVE(room, pairs->pair_of, uses);
    DP_RESERVE_ROWS(room, pairs->starts, block_size, grains_max + 1);
    DP_RESERVE(room, pairs->row_starts, most + 2);
    DP_RESERVE(room, pairs->listed, uses);
    DP_RESERVE(room, pairs->seen, vocab);
    return DP_OK;
}

/* The pairs of some rows at one position; a token seen before in this round has its pair already.
 */
static void collect_rows(dp_pairs *pairs, size_t position, size_t first, size_t end,
                         const uint32_t *contexts) {
    const size_t block = pairs->block_size;
    const uint64_t round = ++pairs->round;
    size_t count = pairs->count;
    for (size_t r = first; r < end; r++) {
        const uint32_t token = contexts[r * block + position];
        dp_pairs_seen *seen = &pairs->seen[token];
        if (seen->round != round) {
            *seen = (dp_pairs_seen){.round = round, .pair = (uint32_t)count};
            pairs->tokens[count++] = token;
        }
        pairs->pair_of[r * block + position] = seen->pair;
    }
    pairs->count = count;
}

void dp_pairs_collect(dp_pairs *pairs, size_t grains, const size_t *starts,
                      const uint32_t *contexts) {
    size_t *first = pairs->starts;
    pairs->count = 0;
    pairs->grains = grains;
    for (size_t position = 0; position < pairs->block_size; position++) {
        for (size_t g = 0; g < grains; g++) {
            *first++ = pairs->count;
            collect_rows(pairs, position, starts[g], starts[g + 1], contexts);
        }
        *first++ = pairs->count;
    }
}

/* A counting sort of rows by pair. */
void dp_pairs_list_rows(dp_pairs *pairs, size_t rows) {
    const size_t block = pairs->block_size;
    uint32_t *next = pairs->row_starts + 1; /* filling turns each start into its end */
    memset(next, 0, (pairs->count + 1) * sizeof *next);
    for (size_t i = 0; i < rows * block; i++)
        next[pairs->pair_of[i] + 1]++;
    for (size_t pair = 0; pair < pairs->count; pair++)
        next[pair + 1] += next[pair];
    for (size_t r = 0, i = 0; r < rows; r++) {
        for (size_t position = 0; position < block; position++, i++)
            pairs->listed[next[pairs->pair_of[i]]++] = (uint32_t)r;
    }
    pairs->row_starts[0] = 0;
}

size_t dp_pairs_first(const dp_pairs *pairs, size_t position, size_t grain) {
    return pairs->starts[position * (pairs->grains + 1) + grain];
}
