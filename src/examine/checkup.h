/* checkup: what would go wrong in a run, looked for before it begins.
 *
 * A list of findings, one a line: ok, a warning (the run works, but not as well as it could) or a
 * problem (it would fail), the latter two with what to do about it. Looks at the ranks and their
 * machines, the dataset and the run folder. Leaves nothing behind but the stamp of a checked
 * dataset.
 */
#ifndef DP_EXAMINE_CHECKUP_H
#define DP_EXAMINE_CHECKUP_H

#include "engine/config.h"
#include "parallel/comm.h"

typedef enum dp_verdict {
    DP_VERDICT_OK,
    DP_VERDICT_WARNING,
    DP_VERDICT_PROBLEM,
    DP_VERDICT_COUNT
} dp_verdict;

/* Start with {0}; release `lines` with dp_text_clear. */
typedef struct dp_checkup {
    dp_text lines;
    size_t counts[DP_VERDICT_COUNT];
} dp_checkup;

/* Adds a line; `subject` is a word or two. */
void dp_checkup_add(dp_checkup *checkup, dp_verdict verdict, const char *subject,
                    const char *format, ...) DP_PRINTF(4, 5);

/* Collective: looks at all that can be looked at, and without a config (NULL) at what needs none.
 * Rank 0 has all lines. Fails only where there is no memory; agreed on. */
dp_status dp_checkup_run(dp_checkup *checkup, dp_comm *comm, const dp_config *config,
                         dp_error *error) DP_CHECKED;

#endif
