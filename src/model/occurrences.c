#include "model/occurrences.h"

#include <string.h>

dp_status dp_occurrences_reserve(dp_occurrences *self, size_t vocab, size_t places,
                                 dp_workspace *room, dp_error *error) {
    *self = (dp_occurrences){0};
    if (places >= UINT32_MAX)
        return dp_fail(error, DP_ERR_MEMORY, "%zu tokens in a batch are too many", places);
    DP_RESERVE(room, self->tokens, places);
    DP_RESERVE(room, self->first, vocab);
    DP_RESERVE(room, self->next, places);
    return DP_OK;
}

/* From the last place to the first, so that each new one goes to the head of its chain. */
void dp_occurrences_collect(dp_occurrences *self, size_t count, const uint32_t *tokens) {
    for (size_t i = 0; i < self->count; i++)
        self->first[self->tokens[i]] = 0;
    self->count = 0;
    for (size_t place = count; place-- > 0;) {
        const uint32_t token = tokens[place];
        if (self->first[token] == 0)
            self->tokens[self->count++] = token;
        self->next[place] = self->first[token];
        self->first[token] = (uint32_t)place + 1;
    }
}

void dp_occurrences_sum(const dp_occurrences *self, uint32_t token, size_t ld, const float *values,
                        float *sum) {
    memset(sum, 0, ld * sizeof *sum);
    for (uint32_t at = self->first[token]; at != 0; at = self->next[at - 1]) {
        const float *value = values + (size_t)(at - 1) * ld;
        for (size_t k = 0; k < ld; k++)
            sum[k] += value[k];
    }
}
