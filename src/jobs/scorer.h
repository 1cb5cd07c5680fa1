/* scorer: lines of text, and how likely each is. */
#ifndef DP_JOBS_SCORER_H
#define DP_JOBS_SCORER_H

#include "jobs/score_mix.h"

/* So many lines are scored at once, by all ranks, where so many have come. */
#define DP_SCORER_LINES_MAX 4096

typedef struct dp_scorer_lines {
    const char *lines[DP_SCORER_LINES_MAX]; /* whole, as they were read, each followed by a 0 */
    size_t line_lengths[DP_SCORER_LINES_MAX];
    const char *texts[DP_SCORER_LINES_MAX]; /* what is scored of them */
    size_t lengths[DP_SCORER_LINES_MAX];
    dptrain_text_score scores[DP_SCORER_LINES_MAX];
} dp_scorer_lines;

/* Who scores: one model, or several, by themselves or mixed with a trigram. Start with {0}; release
 * with dp_scorer_clear. */
typedef struct dp_scorer {
    dp_asked asked; /* set by who opens it */
    dptrain_description is;
    bool is_mixed;
    dp_score_mix mix;            /* set by who opens it, where it is */
    dptrain_token_score *tokens; /* [token_capacity] of the last text, owned */
    size_t token_capacity;
} dp_scorer;

void dp_scorer_clear(dp_scorer *scorer);

/* The scores of the first `count` texts. */
dp_status dp_scorer_score(dp_scorer *scorer, dp_scorer_lines *lines, size_t count,
                          dp_error *error) DP_CHECKED;

/* scorer->tokens [*count] of text[0, length). */
dp_status dp_scorer_score_tokens(dp_scorer *scorer, const char *text, size_t length, size_t *count,
                                 dp_error *error) DP_CHECKED;

/* The log-probability a token of a text with so many; 0 of one without any. */
double dp_scorer_per_token(double log_probability, uint64_t tokens);

/* *threshold is what a share `rate` of the lines of dev are below, a token, as a notice then says;
 * dev is that of the dataset `data`, or where it is "" of the one that the model was trained on. */
dp_status dp_scorer_find_threshold(dp_scorer *scorer, const char *data, double rate,
                                   double *threshold, dp_error *error) DP_CHECKED;

#endif
