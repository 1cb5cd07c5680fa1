/* findings: what an examination has found, one a line: ok, a warning (it works, but not as well as
 * it could) or a problem (it would fail), the latter two with what to do about it.
 */
#ifndef DP_FORMATS_FINDINGS_H
#define DP_FORMATS_FINDINGS_H

#include "base/text.h"

typedef enum dp_verdict {
    DP_VERDICT_OK,
    DP_VERDICT_WARNING,
    DP_VERDICT_PROBLEM,
    DP_VERDICT_COUNT
} dp_verdict;

/* Start with {0}; release with dp_findings_clear. */
typedef struct dp_findings {
    dp_text lines;
    size_t counts[DP_VERDICT_COUNT];
} dp_findings;

/* Adds a line; `subject` is a word or two. */
void dp_findings_add(dp_findings *findings, dp_verdict verdict, const char *subject,
                     const char *format, ...) DP_PRINTF(4, 5);
/* Adds the line "1 problem, 2 warnings", and `good` where there is no problem. */
void dp_findings_conclude(dp_findings *findings, const char *good);
void dp_findings_clear(dp_findings *findings);

#endif
