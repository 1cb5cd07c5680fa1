/* given_vocabulary: the vocabulary of a dataset or of a model, for a text that is packed with it
 * (dp_packing_request.vocab_of).
 */
#ifndef DP_PACK_GIVEN_VOCABULARY_H
#define DP_PACK_GIVEN_VOCABULARY_H

#include "pack/packing_job.h"

/* Reads it, sorted, to be released with dp_vocabulary_clear, and what a text needs to be packed
 * likewise, which is set in *request. Errors: those of reading the file. */
dp_status dp_given_vocabulary_read(dp_packing_request *request, const char *path,
                                   dp_vocabulary *vocabulary, dp_error *error) DP_CHECKED;

/* Leaves of the pieces of each text those whose tokens are all known; sets job->skipped. */
dp_status dp_given_vocabulary_skip(dp_packing_job *job, dp_error *error) DP_CHECKED;

/* Fails with the first line of the texts that has a token which is not in the job's vocabulary. */
dp_status dp_given_vocabulary_fail(const dp_packing_job *job, dp_error *error) DP_CHECKED;

#endif
