/* mixture: a trigram of a dataset (baseline/trigram), evaluated alone or mixed with the network,
 *
 *     P(w | context) = a P_network(w | context) + (1 - a) P_trigram(w | context)
 *
 * as in Bengio et al. 2003, section 4. Every rank builds the trigram for itself from the mapped
 * rows; losses are summed as engine/evaluate does, so that all results have the same bits at any
 * rank count.
 *
 * The dev split fits the trigram's weights, and a where that is wanted: its own loss is flattered
 * by that, as the train split's is by the counts. What may be compared is the loss of test.
 */
#ifndef DP_BASELINE_MIXTURE_H
#define DP_BASELINE_MIXTURE_H

#include "baseline/trigram.h"
#include "data/dataset.h"
#include "engine/evaluate.h"

/* Collective: counts train and fits the weights on dev; every rank owns one. Agreed on; on failure
 * *trigram is NULL. */
dp_status dp_trigram_of_dataset(dp_comm *comm, const dp_dataset *dataset, dp_trigram **trigram,
                                dp_error *error) DP_CHECKED;

/* The network and what it is mixed with. */
typedef struct dp_mixture {
    const dp_params_layout *layout; /* NULL: no network, the trigram alone */
    dp_cpu_level highest;           /* as dp_evaluate */
    const float *params;
    const dp_trigram *trigram;
    double weight; /* a: of the network, from 0 to 1 */
} dp_mixture;

/* The splits by each of the two, and by their mixture; without a network only by the trigram. */
typedef struct dp_mixture_results {
    dp_evaluation network[DP_SPLIT_COUNT]; /* the bits of dp_evaluate */
    dp_evaluation trigram[DP_SPLIT_COUNT];
    dp_evaluation mixture[DP_SPLIT_COUNT];
} dp_mixture_results;

/* Collective: evaluates the splits in the set `splits` (the others' results stay as they are).
 * With `fit`, for which there must be a network, the weight is first set to what is best on dev, by
 * EM from 0.5. It holds 16 bytes for each row of a split in turn, shared out over the ranks. Agreed
 * on. */
dp_status dp_evaluate_mixture(dp_comm *comm, const dp_dataset *dataset, unsigned splits, bool fit,
                              dp_mixture *mixture, dp_mixture_results *results,
                              dp_error *error) DP_CHECKED;

#endif
