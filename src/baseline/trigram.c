#include "baseline/trigram.h"

#include "base/real.h"
#include "base/workspace.h"
#include "baseline/tally.h"

#include <math.h>

#define STEPS_MAX 200 /* of EM; it takes some forty */
#define GAIN_MIN 1e-8 /* nats a row */

/* A bucket for each class of (u, v) and each of v. */
#define BUCKETS (DP_TRIGRAM_CLASSES * DP_TRIGRAM_CLASSES)

/* What EM needs of a row: it comes back to it in every iteration, and counts stay as they are. */
typedef struct held_row {
    double levels[DP_TRIGRAM_LEVELS - 1]; /* p1, p2, p3; p0 is the same for all */
    size_t bucket;
    double weight; /* as how many rows it counts */
} held_row;

/* One block: this and the arrays [vocab]; what grows has its own. */
struct dp_trigram {
    size_t vocab;
    size_t block_size;
    uint64_t rows;
    uint32_t *targets;   /* [vocab] rows with this target */
    uint32_t *followed;  /* [vocab] rows with this last token of the context */
    dp_tally contexts;   /* of (u, v) */
    dp_tally successors; /* of (v, w) */
    dp_tally trigrams;   /* of (number of (u, v), w) */
    double weights[BUCKETS][DP_TRIGRAM_LEVELS];
    held_row *held; /* [held_count], owned */
    size_t held_count;
    size_t held_capacity;
    double held_weight; /* of all of them */
};

dp_status dp_trigram_create(dp_trigram **trigram, size_t vocab, size_t block_size,
                            dp_error *error) {
    dp_trigram self = {.vocab = vocab, .block_size = block_size};
    dp_workspace room = {0};
    *trigram = NULL;
    DP_RESERVE(&room, self.targets, vocab);
    DP_RESERVE(&room, self.followed, vocab);
    for (size_t q = 0; q < BUCKETS; q++) {
        for (size_t i = 0; i < DP_TRIGRAM_LEVELS; i++)
            self.weights[q][i] = 1.0 / DP_TRIGRAM_LEVELS;
    }
    DP_TRY_BUILD(*trigram, &room, self);
    return DP_OK;
}

void dp_trigram_destroy(dp_trigram *trigram) {
    if (trigram == NULL)
        return;
    dp_tally_clear(&trigram->contexts);
    dp_tally_clear(&trigram->successors);
    dp_tally_clear(&trigram->trigrams);
    dp_memory_free(trigram->held);
    dp_memory_free(trigram);
}

/* --- counts --------------------------------------------------------------------------------- */

static uint64_t key_of(uint32_t first, uint32_t second) {
    return (uint64_t)first << 32 | second;
}

static uint32_t last_of(const dp_trigram *self, const uint32_t *context) {
    return context[self->block_size - 1];
}

/* The key of (u, v). */
static uint64_t pair_of(const dp_trigram *self, const uint32_t *context) {
    const uint32_t before = self->block_size > 1 ? context[self->block_size - 2] : 0;
    return key_of(before, last_of(self, context));
}

dp_status dp_trigram_count(dp_trigram *trigram, const uint32_t *context, uint32_t target,
                           uint64_t times, dp_error *error) {
    uint32_t pair, ignored;
    if (times > UINT32_MAX - trigram->rows)
        return dp_fail(error, DP_ERR_INPUT, "a trigram counts at most %u rows", UINT32_MAX);
    DP_TRY(dp_tally_add(&trigram->contexts, pair_of(trigram, context), times, &pair, error));
    DP_TRY(dp_tally_add(&trigram->trigrams, key_of(pair, target), times, &ignored, error));
    DP_TRY(dp_tally_add(&trigram->successors, key_of(last_of(trigram, context), target), times,
                        &ignored, error));
    trigram->followed[last_of(trigram, context)] += (uint32_t)times;
    trigram->targets[target] += (uint32_t)times;
    trigram->rows += times;
    return DP_OK;
}

/* --- levels --------------------------------------------------------------------------------- */

static size_t class_of(const dp_trigram *self, uint64_t count) {
    if (self->rows == 0)
        return 0;
    const double q = ceil(-dp_real_log((1.0 + (double)count) / (double)self->rows));
    return q > 0.0 ? (size_t)q : 0;
}

/* Of contexts (u, v), which have been seen so often. */
static size_t bucket_of(const dp_trigram *self, uint64_t seen, uint32_t last) {
    return class_of(self, seen) * DP_TRIGRAM_CLASSES + class_of(self, self->followed[last]);
}

/* How often (u, v) has been a context; *pair is its number. */
static uint64_t count_context(const dp_trigram *self, const uint32_t *context, uint32_t *pair) {
    *pair = dp_tally_find(&self->contexts, pair_of(self, context));
    return *pair == DP_TALLY_NONE ? 0 : self->contexts.entries[*pair].count;
}

/* part of whole, or what the level below says where there is no whole. */
static double share_of(uint64_t part, uint64_t whole, double below) {
    return whole == 0 ? below : (double)part / (double)whole;
}

/* p1, p2 and p3 of a row, and its bucket. */
static held_row look_up(const dp_trigram *self, const uint32_t *context, uint32_t target) {
    const uint32_t last = last_of(self, context);
    held_row row;
    uint32_t pair;
    const uint64_t seen = count_context(self, context, &pair);
    row.bucket = bucket_of(self, seen, last);
    row.levels[0] = share_of(self->targets[target], self->rows, 1.0 / (double)self->vocab);
    row.levels[1] = share_of(dp_tally_count(&self->successors, key_of(last, target)),
                             self->followed[last], row.levels[0]);
    row.levels[2] =
        seen == 0 ? row.levels[1]
                  : share_of(dp_tally_count(&self->trigrams, key_of(pair, target)), seen, 0.0);
    return row;
}

/* The terms of P. */
static double interpolate(const dp_trigram *self, const held_row *row,
                          double terms[DP_TRIGRAM_LEVELS]) {
    const double *weights = self->weights[row->bucket];
    double sum = terms[0] = weights[0] / (double)self->vocab;
    for (size_t i = 1; i < DP_TRIGRAM_LEVELS; i++) {
        terms[i] = weights[i] * row->levels[i - 1];
        sum += terms[i];
    }
    return sum;
}

double dp_trigram_probability(const dp_trigram *trigram, const uint32_t *context, uint32_t target) {
    double terms[DP_TRIGRAM_LEVELS];
    const held_row row = look_up(trigram, context, target);
    return interpolate(trigram, &row, terms);
}

const double *dp_trigram_weights(const dp_trigram *trigram, const uint32_t *context) {
    uint32_t pair;
    const uint64_t seen = count_context(trigram, context, &pair);
    return trigram->weights[bucket_of(trigram, seen, last_of(trigram, context))];
}

dp_trigram_size dp_trigram_get_size(const dp_trigram *trigram) {
    return (dp_trigram_size){.rows = trigram->rows,
                             .contexts = trigram->contexts.count,
                             .trigrams = trigram->trigrams.count};
}

/* --- weights, by EM (Dempster, Laird and Rubin 1977) ------------------------------------------ */

dp_status dp_trigram_hold_out(dp_trigram *trigram, const uint32_t *context, uint32_t target,
                              uint64_t times, dp_error *error) {
    DP_TRY_GROW(trigram->held, &trigram->held_capacity, trigram->held_count + 1);
    held_row *row = &trigram->held[trigram->held_count++];
    *row = look_up(trigram, context, target);
    row->weight = (double)times;
    trigram->held_weight += row->weight;
    return DP_OK;
}

/* What a bucket's rows owe to each level. */
typedef double claims[BUCKETS][DP_TRIGRAM_LEVELS];

/* The row that each bucket has more. Returns its part of the objective. */
static double claim_equally(const dp_trigram *self, claims owed) {
    const double share = 1.0 / DP_TRIGRAM_LEVELS;
    double objective = 0.0;
    for (size_t q = 0; q < BUCKETS; q++) {
        for (size_t i = 0; i < DP_TRIGRAM_LEVELS; i++) {
            owed[q][i] = share;
            objective += share * dp_real_log(self->weights[q][i]);
        }
    }
    return objective;
}

/* Each row is owed to the levels as they share in its probability. Returns the sum of its
 * logarithms, of which one is taken for as many rows as their product has room for. */
static double claim_rows(const dp_trigram *self, claims owed) {
    double likelihood = 0.0, product = 1.0;
    for (size_t r = 0; r < self->held_count; r++) {
        const held_row *row = &self->held[r];
        double terms[DP_TRIGRAM_LEVELS];
        const double sum = interpolate(self, row, terms);
        for (size_t i = 0; i < DP_TRIGRAM_LEVELS; i++)
            owed[row->bucket][i] += row->weight * terms[i] / sum;
        if (row->weight == 1.0)
            product *= sum;
        else
            likelihood += row->weight * dp_real_log(sum);
        if (product < 1e-200) {
            likelihood += dp_real_log(product);
            product = 1.0;
        }
    }
    return likelihood + dp_real_log(product);
}

double dp_trigram_fit_step(dp_trigram *trigram) {
    claims owed;
    double objective = claim_equally(trigram, owed);
    objective += claim_rows(trigram, owed);
    for (size_t q = 0; q < BUCKETS; q++) {
        double total = 0.0;
        for (size_t i = 0; i < DP_TRIGRAM_LEVELS; i++)
            total += owed[q][i];
        for (size_t i = 0; i < DP_TRIGRAM_LEVELS; i++)
            trigram->weights[q][i] = owed[q][i] / total;
    }
    return objective;
}

size_t dp_trigram_fit(dp_trigram *trigram) {
    const double gain_min = GAIN_MIN * trigram->held_weight;
    double before = -INFINITY, gain = INFINITY;
    size_t steps = 0;
    for (; steps < STEPS_MAX && gain > gain_min; steps++) {
        const double objective = dp_trigram_fit_step(trigram);
        gain = objective - before;
        before = objective;
    }
    dp_memory_free(trigram->held);
    trigram->held = NULL;
    trigram->held_count = trigram->held_capacity = 0;
    return steps;
}
