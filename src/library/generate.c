#include "library/generate.h"

#include <math.h>

static uint32_t most_likely(const float *logits, size_t vocab) {
    uint32_t best = 0;
    for (uint32_t id = 1; id < vocab; id++)
        best = logits[id] > logits[best] ? id : best;
    return best;
}

uint32_t dp_generate_token(const float *logits, size_t vocab, double temperature, double uniform) {
    const uint32_t best = most_likely(logits, vocab);
    if (temperature <= 0.0)
        return best;
    const double maximum = (double)logits[best];
    double total = 0.0;
    for (size_t id = 0; id < vocab; id++)
        total += exp(((double)logits[id] - maximum) / temperature);
    double left = uniform * total;
    for (uint32_t id = 0; id < vocab; id++) {
        left -= exp(((double)logits[id] - maximum) / temperature);
        if (left < 0.0)
            return id;
    }
    return best; /* rounding used up the last of it */
}

static double maximum_of(const float *logits, size_t vocab) {
    float maximum = logits[0];
    for (size_t id = 1; id < vocab; id++)
        maximum = logits[id] > maximum ? logits[id] : maximum;
    return (double)maximum;
}

void dp_generate_probabilities(const float *logits, size_t vocab, double *probabilities) {
    const double maximum = maximum_of(logits, vocab);
    double total = 0.0;
    for (size_t id = 0; id < vocab; id++) {
        probabilities[id] = exp((double)logits[id] - maximum);
        total += probabilities[id];
    }
    for (size_t id = 0; id < vocab; id++)
        probabilities[id] /= total;
}

double dp_generate_log_probability(const float *logits, size_t vocab, uint32_t id) {
    const double maximum = maximum_of(logits, vocab);
    double total = 0.0;
    for (size_t i = 0; i < vocab; i++)
        total += exp((double)logits[i] - maximum);
    return (double)logits[id] - maximum - log(total);
}
