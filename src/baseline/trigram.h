/* trigram: a count-based model of the next token, to compare the network with and to mix with it.
 *
 * Deleted interpolation (Jelinek and Mercer 1980), in the form of Bengio et al. 2003, section 4:
 *
 *     P(w | v, u) = a0(q) p0 + a1(q) p1(w) + a2(q) p2(w | v) + a3(q) p3(w | u, v)
 *
 * v is the last token of the context and u the one before. p0 = 1 / vocab; p1, p2 and p3 are the
 * relative frequencies of what was counted. A level that has never seen its context gives what the
 * level below gives, so that P sums to 1 over w whatever the context. The weights depend on how
 * often the pair has been a context, and, as Bengio et al. do not say of theirs, on how often v
 * has: q is a pair of classes ceil(-log((1 + count) / T)), T being the rows counted. Where (u, v)
 * is new, it is the second that tells what p2 is worth. They are fitted by EM on rows held out from
 * the counts.
 *
 * Of contexts of one token u is not known and is taken as always the same: a bigram.
 *
 * Use: create, count each row of one split, hold out each row of another, fit.
 */
#ifndef DP_BASELINE_TRIGRAM_H
#define DP_BASELINE_TRIGRAM_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct dp_trigram dp_trigram;

#define DP_TRIGRAM_LEVELS 4
#define DP_TRIGRAM_CLASSES 24 /* from 0: T is below 2^32 */

/* Contexts are [block_size] ids, oldest first; ids are below vocab. On failure *trigram is NULL. */
dp_status dp_trigram_create(dp_trigram **trigram, size_t vocab, size_t block_size,
                            dp_error *error) DP_CHECKED;
void dp_trigram_destroy(dp_trigram *trigram); /* NULL is allowed */

/* Counts a row so many times. DP_ERR_MEMORY, DP_ERR_INPUT where that makes 2^32; of no use
 * afterwards. */
dp_status dp_trigram_count(dp_trigram *trigram, const uint32_t *context, uint32_t target,
                           uint64_t times, dp_error *error) DP_CHECKED;

/* Takes a row, as so many, to fit weights on, when all have been counted. It costs 40 bytes until
 * then. */
dp_status dp_trigram_hold_out(dp_trigram *trigram, const uint32_t *context, uint32_t target,
                              uint64_t times, dp_error *error) DP_CHECKED;

/* One iteration of EM, from equal weights at first. Returns what it maximises, at the weights
 * before: the log-likelihood of the rows held out, and of one row more in each bucket that is
 * shared equally by the levels: sum over buckets and levels of log(a) / DP_TRIGRAM_LEVELS. That row
 * keeps every weight above 0, as a token may come that held-out rows did not prepare for. */
double dp_trigram_fit_step(dp_trigram *trigram);

/* Iterates until a step gains less than 1e-8 a row, and gives back the rows held out. Returns the
 * number of iterations. */
size_t dp_trigram_fit(dp_trigram *trigram);

/* P(target | context). */
double dp_trigram_probability(const dp_trigram *trigram, const uint32_t *context, uint32_t target);

/* The weights [DP_TRIGRAM_LEVELS] of a context, a0 first. */
const double *dp_trigram_weights(const dp_trigram *trigram, const uint32_t *context);

/* What was counted: rows, different contexts (u, v), and different (u, v, w). */
typedef struct dp_trigram_size {
    uint64_t rows;
    size_t contexts;
    size_t trigrams;
} dp_trigram_size;

dp_trigram_size dp_trigram_get_size(const dp_trigram *trigram);

#endif
