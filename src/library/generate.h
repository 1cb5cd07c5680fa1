/* generate: the next token from a model's logits, and how likely each is. */
#ifndef DP_LIBRARY_GENERATE_H
#define DP_LIBRARY_GENERATE_H

#include <stddef.h>
#include <stdint.h>

/* The token at the point `uniform`, in [0, 1), of the distribution softmax(logits / temperature),
 * tokens laid end to end in id order. temperature 0 gives the most likely token. logits [vocab];
 * temperature >= 0. Sums are in double. */
uint32_t dp_generate_token(const float *logits, size_t vocab, double temperature, double uniform);

/* Which tokens may be drawn. */
typedef struct dp_generate_choice {
    double temperature; /* above 0 */
    uint64_t top_k;     /* so many likeliest ones; 0: all */
    double top_p;       /* of these the likeliest, until they sum up to this share; 1: all */
} dp_generate_choice;

/* cut [vocab] = logits [vocab], but -infinity for each token that may not be drawn; one at least
 * may. Of tokens that are equally likely those of lower ids come first. order [vocab] is room. */
void dp_generate_cut(const float *logits, size_t vocab, const dp_generate_choice *choice,
                     float *cut, uint32_t *order);

/* probabilities [vocab] = softmax(logits [vocab]), in double. */
void dp_generate_probabilities(const float *logits, size_t vocab, double *probabilities);

#endif
