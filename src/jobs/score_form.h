/* score_form: how scores are written: columns, JSON, a feature of an n-best list, or their sums. */
#ifndef DP_JOBS_SCORE_FORM_H
#define DP_JOBS_SCORE_FORM_H

#include "jobs/scorer.h"

typedef enum dp_score_format { DP_SCORE_TSV, DP_SCORE_JSONL } dp_score_format;

typedef struct dp_score_form {
    dp_score_format format;
    bool tokens; /* each of a line's, too */
    bool per_token;
    bool nbest;   /* of such lists: the line with a feature more */
    bool summary; /* of no line anything */
    double unit;  /* of logarithms: ln of their base */
    bool flags;   /* marks what is less likely a token than this */
    double threshold;
} dp_score_form;

/* Whether a line with this score is marked. */
bool dp_score_form_marks(const dp_score_form *form, const dptrain_text_score *score);

/* Where an n-best list has the text of a line, "id ||| text ||| features ..."; false where it is no
 * such line. */
bool dp_score_form_find_text(const char *line, const char **text, size_t *length);

/* Appends what is said of line i. */
dp_status dp_score_form_append(const dp_score_form *form, dp_scorer *scorer,
                               const dp_scorer_lines *lines, size_t i, dp_text *out,
                               dp_error *error) DP_CHECKED;

/* What is said of all lines. */
typedef struct dp_score_sums {
    uint64_t lines, marked;
    dptrain_text_score all;
} dp_score_sums;

void dp_score_form_print_sums(const dp_score_form *form, const dp_scorer *scorer,
                              const dp_score_sums *sums);

#endif
