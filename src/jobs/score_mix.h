/* score_mix: models mixed with a trigram of their dataset (baseline/mixture), token by token. */
#ifndef DP_JOBS_SCORE_MIX_H
#define DP_JOBS_SCORE_MIX_H

#include "baseline/mixture.h"
#include "cli/checkpoint_argument.h"

/* Start with {0}; release with dp_score_mix_close. */
typedef struct dp_score_mix {
    dp_dataset dataset;
    dp_trigram *trigram;
    double weight;         /* of the models */
    double *probabilities; /* [vocab]: of the models, for ranks */
    uint32_t context[DP_BLOCK_SIZE_MAX];
} dp_score_mix;

/* Collective: counts and weighs the trigram on the dataset `data`, or where it is "" on what the
 * first model was trained on. `weight` is a number or "fit", on dev, as the first rank then says.
 * Agreed on. */
dp_status dp_score_mix_open(dp_score_mix *mix, dp_comm *comm, const dp_asked *asked,
                            const char *data, const char *weight, dp_error *error) DP_CHECKED;
void dp_score_mix_close(dp_score_mix *mix);

/* tokens [count] of a text from its beginning, as `model` has scored them, become those of the
 * mixture; ranks only where `ranks`, as the whole vocabulary is asked for each. */
dp_status dp_score_mix_tokens(dp_score_mix *mix, dptrain_model *model, bool ranks,
                              dptrain_token_score *tokens, size_t count,
                              dp_error *error) DP_CHECKED;

#endif
