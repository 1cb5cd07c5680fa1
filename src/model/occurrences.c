#include "model/occurrences.h"

#include "base/tree.h"

#include <string.h>

dp_status dp_occurrences_reserve(dp_occurrences *self, size_t vocab, size_t places, size_t ld,
                                 dp_workspace *room, dp_error *error) {
    *self = (dp_occurrences){.ld = ld};
    if (places >= UINT32_MAX)
        return dp_fail(error, DP_ERR_MEMORY, "%zu tokens in a batch are too many", places);
    DP_RESERVE(room, self->tokens, places);
    DP_RESERVE(room, self->first, vocab);
    DP_RESERVE(room, self->next, places);
    DP_RESERVE(room, self->run, ld);
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

static void add(size_t count, const float *restrict values, float *restrict sum) {
    for (size_t k = 0; k < count; k++)
        sum[k] += values[k];
}

/* Adds the values of a run of places, of which the first is at - 1; returns 1 + the one behind. */
static uint32_t add_run(const dp_occurrences *self, uint32_t at, const float *values, float *sum) {
    for (size_t i = 0; i < DP_TREE_RUN && at != 0; i++, at = self->next[at - 1])
        add(self->ld, values + (size_t)(at - 1) * self->ld, sum);
    return at;
}

void dp_occurrences_sum(const dp_occurrences *self, uint32_t token, const float *values,
                        float *sum) {
    memset(sum, 0, self->ld * sizeof *sum);
    uint32_t at = add_run(self, self->first[token], values, sum);
    while (at != 0) {
        memset(self->run, 0, self->ld * sizeof *self->run);
        at = add_run(self, at, values, self->run);
        add(self->ld, self->run, sum);
    }
}
