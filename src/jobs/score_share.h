/* score_share: lines that ranks share. The first reads and prints; each scores a part of the lines
 * that have come. What comes next the first says by a call. */
#ifndef DP_JOBS_SCORE_SHARE_H
#define DP_JOBS_SCORE_SHARE_H

#include "jobs/scorer.h"

/* Where a line of a part is, from the first one on. */
typedef struct dp_score_place {
    uint64_t begin, length;
} dp_score_place;

/* Start with the first one set; release with dp_score_share_clear. */
typedef struct dp_score_share {
    dp_comm *comm; /* NULL: one process, without a job */
    char *part;    /* [capacity]: the lines of this rank, or what another has made of its own */
    size_t capacity;
    uint64_t *lengths; /* [ranks]: of what each has made */
    dp_score_place places[DP_SCORER_LINES_MAX];
} dp_score_share;

typedef enum dp_score_call_kind { DP_SCORE_LINES, DP_SCORE_REST, DP_SCORE_END } dp_score_call_kind;

typedef struct dp_score_call {
    dp_score_call_kind kind;
    dp_status status;      /* of DP_SCORE_END */
    uint64_t count, bytes; /* of DP_SCORE_LINES: how many lines, and all of them */
} dp_score_call;

dp_status dp_score_share_init(dp_score_share *share, dp_error *error) DP_CHECKED;
void dp_score_share_clear(dp_score_share *share);

bool dp_score_share_is_first(const dp_score_share *share);
/* The outcome of all ranks. */
dp_status dp_score_share_agree(const dp_score_share *share, dp_status status,
                               dp_error *error) DP_CHECKED;

/* Collective: what comes next, which the first gives; nothing without a job. */
void dp_score_share_call(const dp_score_share *share, dp_score_call *next);

/* How many lines of a call are a rank's. */
size_t dp_score_share_count(const dp_score_share *share, size_t count, int rank);

/* Collective: each gets its own of a call's lines, which the first rank has. Agreed on. */
dp_status dp_score_share_deal(dp_score_share *share, const dp_score_call *of,
                              dp_scorer_lines *lines, dp_error *error) DP_CHECKED;

/* Collective: gives what a rank has made of its lines, and their scores, to the first, which then
 * takes them, rank by rank from 1 on. Agreed on. */
dp_status dp_score_share_give(dp_score_share *share, const dp_scorer_lines *lines, size_t count,
                              const dp_text *out, dp_error *error) DP_CHECKED;
/* On the first: share->part [share->lengths[rank]], and the scores of `count` lines. */
void dp_score_share_take(dp_score_share *share, int rank, dp_scorer_lines *lines, size_t count);

#endif
