/* mixture: networks and a trigram of a dataset (baseline/trigram), evaluated alone or mixed,
 *
 *     P_network(w | context) = sum over k of s_k P_k(w | context)       an ensemble of networks
 *     P(w | context) = a P_network(w | context) + (1 - a) P_trigram(w | context)
 *
 * the latter as in Bengio et al. 2003, section 4. Every rank builds the trigram for itself from the
 * mapped rows; losses are summed as engine/evaluate does, so that all results have the same bits at
 * any rank count.
 *
 * The dev split fits the trigram's weights, and the s_k and a where that is wanted: its own loss is
 * flattered by that, as the train split's is by the counts. What may be compared is the loss of
 * test.
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

#define DP_NETWORKS_MAX 16

typedef struct dp_network {
    const dp_params_layout *layout;
    dp_cpu_level highest; /* as dp_evaluate */
    const float *params;
} dp_network;

/* What is mixed; at least one of the two kinds. */
typedef struct dp_mixture {
    const dp_network *networks;     /* [network_count], borrowed */
    size_t network_count;           /* up to DP_NETWORKS_MAX; 0: none, the trigram alone */
    double shares[DP_NETWORKS_MAX]; /* s_k: they sum up to 1 */
    bool fits_shares;               /* to dev, before all else */
    const dp_trigram *trigram;      /* NULL: none */
    double weight;                  /* a: of the networks, from 0 to 1 */
    bool fits_weight;               /* to dev; there must be a network and a trigram */
} dp_mixture;

/* Sets weight, or fits_weight, from what a user gives: a number from 0 to 1, or "fit". */
dp_status dp_mixture_read_weight(dp_mixture *mixture, const char *text, dp_error *error) DP_CHECKED;

/* The splits by each, and by their mixture; what is not there stays as it is. */
typedef struct dp_mixture_results {
    dp_evaluation members[DP_NETWORKS_MAX][DP_SPLIT_COUNT]; /* of several networks each */
    dp_evaluation network[DP_SPLIT_COUNT];                  /* of one the bits of dp_evaluate */
    dp_evaluation trigram[DP_SPLIT_COUNT];
    dp_evaluation mixture[DP_SPLIT_COUNT];
} dp_mixture_results;

/* Collective: evaluates the splits in the set `splits` (the others' results stay as they are), once
 * it has fitted what is to be, by EM from equal weights on. It holds 8 bytes for each row of a
 * split in turn and each of the networks and the trigram, and 8 more of an ensemble, shared out
 * over the ranks. Agreed on. */
dp_status dp_evaluate_mixture(dp_comm *comm, const dp_dataset *dataset, unsigned splits,
                              dp_mixture *mixture, dp_mixture_results *results,
                              dp_error *error) DP_CHECKED;

/* Collective: together[k] is the loss of a split by the ensemble of the first k + 1 of the
 * networks, with equal shares: the bits of dp_evaluate_mixture, but each network is asked once.
 * `count` is up to DP_NETWORKS_MAX. Agreed on. */
dp_status dp_evaluate_growing(dp_comm *comm, const dp_dataset *dataset, dp_split split,
                              const dp_network *networks, size_t count, double *together,
                              dp_error *error) DP_CHECKED;

#endif
