/* comparison: whether two runs hold the same weights, by the hashes in their metrics.
 *
 * Runs are compared at the steps that both have a row of: runs that log at other steps, or that
 * were stopped earlier, are compared at what they share. Not collective; no files.
 */
#ifndef DP_RUN_COMPARISON_H
#define DP_RUN_COMPARISON_H

#include "run/metrics.h"

typedef struct dp_comparison {
    size_t common;       /* steps that both have a row of */
    uint64_t first_step; /* of those; 0 where there is none */
    uint64_t last_step;
    size_t equal;                /* how many of them come before the first difference */
    uint64_t equal_step;         /* the last of these; 0 where there is none */
    const dp_metrics_row *a, *b; /* where the weights first differ; NULL: nowhere. Borrowed. */
} dp_comparison;

dp_comparison dp_comparison_of(const dp_metrics_table *a, const dp_metrics_table *b);

#endif
