/* sample_text: words, lines or running text that a model makes up, token by token until it draws
 * the boundary; a model of a stream has never seen one end anything, so it is cut off.
 *
 * Sample i is a function of (weights, seed, temperature, prompt, length, i) alone. Not collective.
 */
#ifndef DP_TRAIN_SAMPLE_TEXT_H
#define DP_TRAIN_SAMPLE_TEXT_H

#include "run/checkpoint.h"

/* Tokens of a sample at most, unless it is told otherwise. */
#define DP_SAMPLE_TOKENS_MAX 1000
#define DP_SAMPLE_TOKENS_STREAM 40 /* of a stream */

typedef struct dp_sample_text dp_sample_text;

/* The checkpoint is borrowed. BLAS must have been made ready (dp_linalg_init). */
dp_status dp_sample_text_create(dp_sample_text **sampler, const dp_checkpoint *checkpoint,
                                dp_error *error) DP_CHECKED;
void dp_sample_text_destroy(dp_sample_text *sampler); /* NULL is allowed */

typedef struct dp_sample_request {
    uint64_t seed;
    double temperature; /* 0: the likeliest token always */
    const char *prompt; /* what each sample begins with; "": nothing */
    uint64_t length;    /* tokens behind the prompt at most; 0: as above */
} dp_sample_request;

#define DP_SAMPLE_SEED 42 /* of `dptrain sample`, unless it is told another */

/* Appends sample `index`, without an end of line. DP_ERR_INPUT where the prompt has a token that
 * is not in the vocabulary. */
dp_status dp_sample_text_draw(dp_sample_text *sampler, const dp_sample_request *request,
                              uint64_t index, dp_text *out, dp_error *error) DP_CHECKED;

#endif
