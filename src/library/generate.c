#include "library/generate.h"

#include "base/real.h"
#include "base/size.h"

#include <math.h>
#include <stdbool.h>

static uint32_t most_likely(const float *logits, size_t vocab) {
    uint32_t best = 0;
    for (uint32_t id = 1; id < vocab; id++)
        best = logits[id] > logits[best] ? id : best;
    return best;
}

enum { PART = 256 }; /* tokens that are weighed at once */

/* exp((logits - maximum) / temperature) of the tokens from `first` on; returns how many there are.
 */
static size_t weigh_part(const float *logits, size_t vocab, size_t first, double maximum,
                         double temperature, double weights[PART]) {
    const size_t count = dp_size_min(vocab - first, PART);
    for (size_t i = 0; i < count; i++)
        weights[i] = ((double)logits[first + i] - maximum) / temperature;
    dp_real_exp_all(count, weights);
    return count;
}

static double weigh_all(const float *logits, size_t vocab, double maximum, double temperature) {
    double weights[PART], total = 0.0;
    for (size_t first = 0; first < vocab; first += PART) {
        const size_t count = weigh_part(logits, vocab, first, maximum, temperature, weights);
        for (size_t i = 0; i < count; i++)
            total += weights[i];
    }
    return total;
}

uint32_t dp_generate_token(const float *logits, size_t vocab, double temperature, double uniform) {
    const uint32_t best = most_likely(logits, vocab);
    if (temperature <= 0.0)
        return best;
    const double maximum = (double)logits[best];
    double left = uniform * weigh_all(logits, vocab, maximum, temperature), weights[PART];
    for (size_t first = 0; first < vocab; first += PART) {
        const size_t count = weigh_part(logits, vocab, first, maximum, temperature, weights);
        for (size_t i = 0; i < count; i++) {
            left -= weights[i];
            if (left < 0.0)
                return (uint32_t)(first + i);
        }
    }
    return best; /* rounding used up the last of it */
}

/* --- the likeliest ones ---------------------------------------------------------------------
 * A heap gives them in their order, as usually few of many are wanted: what is taken off lies
 * behind it, the first at the end. */

typedef struct heap {
    const float *logits;
    uint32_t *ids;
    size_t count;
} heap;

static bool is_before(const heap *self, uint32_t a, uint32_t b) {
    const float x = self->logits[a], y = self->logits[b];
    return x != y ? x > y : a < b;
}

static void sift(heap *self, size_t at) {
    uint32_t *ids = self->ids;
    const uint32_t id = ids[at];
    for (size_t below; (below = 2 * at + 1) < self->count; at = below) {
        below += below + 1 < self->count && is_before(self, ids[below + 1], ids[below]);
        if (!is_before(self, ids[below], id))
            break;
        ids[at] = ids[below];
    }
    ids[at] = id;
}

static heap heap_of(const float *logits, size_t vocab, uint32_t *ids) {
    heap self = {.logits = logits, .ids = ids, .count = vocab};
    for (size_t i = 0; i < vocab; i++)
        ids[i] = (uint32_t)i;
    for (size_t i = vocab / 2; i-- > 0;)
        sift(&self, i);
    return self;
}

/* The likeliest that is left. */
static uint32_t heap_take(heap *self) {
    const uint32_t first = self->ids[0];
    self->ids[0] = self->ids[--self->count];
    self->ids[self->count] = first;
    sift(self, 0);
    return first;
}

void dp_generate_cut(const float *logits, size_t vocab, const dp_generate_choice *choice,
                     float *cut, uint32_t *order) {
    const size_t most = choice->top_k == 0 ? vocab : dp_size_min(choice->top_k, vocab);
    heap left = heap_of(logits, vocab, order);
    const double maximum = (double)logits[order[0]];
    const double temperature = choice->temperature;
    double total = most == vocab ? weigh_all(logits, vocab, maximum, temperature) : 0.0, sum = 0.0;
    size_t taken = 0, kept = 0;
    for (; most < vocab && taken < most; taken++)
        total += dp_real_exp(((double)logits[heap_take(&left)] - maximum) / temperature);
    for (; kept < most && (kept == 0 || choice->top_p >= 1.0 || sum < choice->top_p * total);
         kept++) {
        taken += kept == taken ? (heap_take(&left), 1u) : 0u;
        sum += dp_real_exp(((double)logits[order[vocab - 1 - kept]] - maximum) / temperature);
    }
    const uint32_t last = order[vocab - kept];
    const heap all = {.logits = logits};
    for (uint32_t id = 0; id < vocab; id++)
        cut[id] = is_before(&all, last, id) ? -INFINITY : logits[id];
}

/* --- how likely ------------------------------------------------------------------------------ */

void dp_generate_probabilities(const float *logits, size_t vocab, double *probabilities) {
    const double maximum = (double)logits[most_likely(logits, vocab)];
    double total = 0.0;
    for (size_t id = 0; id < vocab; id++)
        probabilities[id] = (double)logits[id] - maximum;
    dp_real_exp_all(vocab, probabilities);
    for (size_t id = 0; id < vocab; id++)
        total += probabilities[id];
    for (size_t id = 0; id < vocab; id++)
        probabilities[id] /= total;
}
