/* token_table: the tokens of a vocabulary that score highest, as lines with bars or as JSON. */
#ifndef DP_CLI_TOKEN_TABLE_H
#define DP_CLI_TOKEN_TABLE_H

#include "base/text.h"
#include "data/vocabulary.h"

/* Appends a heading that calls the score `score_name` and then up to `count` lines, the highest of
 * scores [vocabulary->count] first, equal ones in the order of ids; NaN are left out. Bars are in
 * proportion to the highest score; lines have at most 80 columns unless a token alone is longer.
 * As JSON it is the array of them instead, [{"token":"a","score_name":0.5},...], in full precision.
 * *shown is the sum of the scores shown and *left the number of tokens that were not. */
dp_status dp_token_table_append(const dp_vocabulary *vocabulary, const double *scores,
                                const char *score_name, uint64_t count, bool json, dp_text *out,
                                double *shown, uint64_t *left, dp_error *error) DP_CHECKED;

#endif
