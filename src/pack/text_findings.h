/* text_findings: what a text holds that its owner may not have seen: characters that are invisible,
 * two ways to write one character, columns of a table, line ends that end no line. Each is told
 * once, with how often, the first line, and the fix; nothing is changed.
 *
 * Whether there is something to look for is known from the characters and words that were found
 * (dp_text_suspects_add) and from the beginning of a text, so that others are not read again.
 */
#ifndef DP_PACK_TEXT_FINDINGS_H
#define DP_PACK_TEXT_FINDINGS_H

#include "pack/packing_job.h"

/* What the characters of a text make worth a look. Start with {0}. */
typedef struct dp_text_suspects {
    bool unseen;   /* a character that is not seen */
    bool composed; /* one that could be several, */
    bool joining;  /* and one that joins the one before it */
} dp_text_suspects;

void dp_text_suspects_add(dp_text_suspects *suspects, uint32_t code_point);

/* Sets job->info.warnings to what is found in the texts of the job, which have been read. */
dp_status dp_text_findings_make(dp_packing_job *job, dp_error *error) DP_CHECKED;

/* Fails, of a text whose lines end in CR alone, so that it is one line; DP_OK of others. */
dp_status dp_text_findings_check_lines(const dp_packing_text *text, dp_error *error) DP_CHECKED;

#endif
