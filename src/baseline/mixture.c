#include "baseline/mixture.h"

#include "base/real.h"
#include "base/size.h"
#include "base/workspace.h"

#include <math.h>
#include <string.h>

#define STEPS_MAX 1000  /* of EM */
#define CHANGE_MIN 1e-6 /* of the weight in a step */

static const uint32_t *context_of(const dp_evaluate_rows *rows, size_t row) {
    return rows->contexts + row * (size_t)rows->dataset->info.block_size;
}

static void clear_rows(dp_evaluate_rows *rows) {
    dp_memory_free(rows->contexts);
}

/* --- the trigram ------------------------------------------------------------------------------ */

typedef dp_status take_row(dp_trigram *trigram, const uint32_t *context, uint32_t target,
                           uint64_t times, dp_error *error);

static dp_status take_split(dp_trigram *trigram, const dp_dataset *dataset, dp_split split,
                            take_row *take, dp_error *error) {
    const size_t rows = (size_t)dp_dataset_rows(dataset, split);
    DP_OWNED(clear_rows) dp_evaluate_rows read = {0};
    DP_TRY(dp_evaluate_rows_init(&read, dataset, split, error));
    for (size_t first = 0; first < rows; first += DP_EVALUATE_ROWS) {
        const size_t count = dp_size_min(rows - first, DP_EVALUATE_ROWS);
        dp_evaluate_rows_read(&read, first, count, (size_t)dataset->info.block_size);
        for (size_t i = 0; i < count; i++)
            DP_TRY(take(trigram, context_of(&read, i), read.targets[i], (uint64_t)read.weights[i],
                        error));
    }
    return DP_OK;
}

static dp_status build(const dp_dataset *dataset, dp_trigram **trigram, dp_error *error) {
    for (int split = 0; split <= DP_SPLIT_DEV; split++) {
        if (dp_dataset_rows(dataset, (dp_split)split) == 0)
            return dp_fail(
                error, DP_ERR_INPUT,
                "%s has no rows in %s: a trigram is counted on train and weighted on dev",
                dataset->path, dp_split_name((dp_split)split));
    }
    DP_TRY(dp_trigram_create(trigram, dataset->vocabulary.count, (size_t)dataset->info.block_size,
                             error));
    DP_TRY(take_split(*trigram, dataset, DP_SPLIT_TRAIN, dp_trigram_count, error));
    DP_TRY(take_split(*trigram, dataset, DP_SPLIT_DEV, dp_trigram_hold_out, error));
    (void)dp_trigram_fit(*trigram);
    return DP_OK;
}

dp_status dp_trigram_of_dataset(dp_comm *comm, const dp_dataset *dataset, dp_trigram **trigram,
                                dp_error *error) {
    dp_status status = dp_comm_agree(comm, build(dataset, trigram, error), error);
    if (status != DP_OK) {
        dp_trigram_destroy(*trigram);
        *trigram = NULL;
    }
    return status;
}

dp_status dp_mixture_read_weight(dp_mixture *mixture, const char *text, dp_error *error) {
    mixture->fits_weight = strcmp(text, "fit") == 0;
    if (mixture->fits_weight || (dp_text_parse_real(text, &mixture->weight) &&
                                 mixture->weight >= 0.0 && mixture->weight <= 1.0))
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT, "--mix-weight = '%s': must be a number from 0 to 1, or fit",
                   text);
}

/* --- the mixture ------------------------------------------------------------------------------ */

/* What is said of the targets of a split, for the rows of this rank. Networks are asked once,
 * however often a weight changes. */
typedef struct scores {
    const dp_mixture *mixture;
    size_t rows;       /* of the split */
    uint64_t examples; /* these, as often as they weigh */
    dp_tree_range share;
    size_t count;          /* of rows in the share */
    double *members;       /* [networks, count]: the loss of each; NULL: there is none */
    double *losses;        /* [count]: of their ensemble */
    double *probabilities; /* [count]: the trigram's; NULL: there is none */
    void *memory;          /* of these */
    dp_evaluate_rows read;
} scores;

static void scores_clear(scores *self) {
    clear_rows(&self->read);
    dp_memory_free(self->memory);
    *self = (scores){0};
}

static dp_status prepare(scores *self, const dp_dataset *dataset, dp_split split, dp_error *error) {
    const size_t networks = self->mixture->network_count;
    dp_workspace room = {0};
    if (self->mixture->trigram != NULL)
        DP_RESERVE(&room, self->probabilities, self->count);
    if (networks > 0)
        DP_RESERVE_ROWS(&room, self->members, networks, self->count);
    if (networks > 1)
        DP_RESERVE(&room, self->losses, self->count);
    self->memory = dp_workspace_allocate(&room, error);
    if (self->memory == NULL)
        return error->status;
    if (networks == 1)
        self->losses = self->members;
    return dp_evaluate_rows_init(&self->read, dataset, split, error);
}

/* --- each of them --------------------------------------------------------------------------- */

static void destroy_model(dp_model **model) {
    dp_model_destroy(*model);
}

/* Chunk by chunk, so that a row's loss has the bits that it has in dp_evaluate. Collective. */
static dp_status score_network(scores *self, dp_comm *comm, const dp_network *network,
                               double *losses, dp_error *error) {
    const dp_model_options options = {.level = dp_evaluate_level(comm, network->highest),
                                      .grain_rows = DP_EVALUATE_ROWS,
                                      .forward_only = true};
    DP_OWNED(destroy_model) dp_model *model = NULL;
    DP_TRY(dp_comm_agree(comm, dp_model_create(&model, network->layout, &options, error), error));
    for (size_t at = 0; at < self->count; at += DP_EVALUATE_ROWS) {
        const size_t rows = dp_size_min(self->count - at, DP_EVALUATE_ROWS);
        dp_evaluate_rows_read(&self->read, self->share.first + at, rows,
                              network->layout->shape.block_size);
        dp_model_row_losses(model, network->params, rows, self->read.contexts, self->read.targets,
                            losses + at);
    }
    return DP_OK;
}

static void score_trigram(scores *self) {
    const size_t width = (size_t)self->read.dataset->info.block_size;
    for (size_t at = 0; at < self->count; at += DP_EVALUATE_ROWS) {
        const size_t rows = dp_size_min(self->count - at, DP_EVALUATE_ROWS);
        dp_evaluate_rows_read(&self->read, self->share.first + at, rows, width);
        for (size_t i = 0; i < rows; i++)
            self->probabilities[at + i] = dp_trigram_probability(
                self->mixture->trigram, context_of(&self->read, i), self->read.targets[i]);
    }
}

/* Collective, agreed on; to be cleared whatever comes of it. */
static dp_status score(scores *self, dp_comm *comm, const dp_dataset *dataset, dp_split split,
                       const dp_mixture *mixture, dp_error *error) {
    const size_t rows = (size_t)dp_dataset_rows(dataset, split);
    *self = (scores){.mixture = mixture,
                     .rows = rows,
                     .examples = dataset->weights[split].examples,
                     .share = dp_evaluate_share(comm, rows)};
    self->count = self->share.end - self->share.first;
    DP_TRY(dp_comm_agree(comm, prepare(self, dataset, split, error), error));
    for (size_t k = 0; k < mixture->network_count; k++)
        DP_TRY(score_network(self, comm, &mixture->networks[k], self->members + k * self->count,
                             error));
    if (mixture->trigram != NULL)
        score_trigram(self);
    return DP_OK;
}

/* --- an ensemble ---------------------------------------------------------------------------- */

/* The parts [networks] of a row's probability, and their sum, over that of the network that finds
 * the target likeliest; returns the loss of that one. */
static double weigh(const scores *self, size_t i, double *parts, double *sum) {
    const size_t networks = self->mixture->network_count;
    double least = self->members[i];
    *sum = 0.0;
    for (size_t k = 1; k < networks; k++)
        least = fmin(least, self->members[k * self->count + i]);
    for (size_t k = 0; k < networks; k++) {
        parts[k] =
            self->mixture->shares[k] * dp_real_exp(least - self->members[k * self->count + i]);
        *sum += parts[k];
    }
    return least;
}

static void combine(scores *self) {
    double parts[DP_NETWORKS_MAX], sum = 0.0;
    for (size_t i = 0; i < self->count && self->losses != self->members; i++) {
        const double least = weigh(self, i, parts, &sum);
        self->losses[i] = least - dp_real_log(sum);
    }
}

/* How often the rows [first, first + rows) count, of which the one at *at of the share is the
 * first.
 */
static void weights_of(const scores *self, size_t first, size_t rows,
                       double weights[DP_EVALUATE_ROWS], size_t *at) {
    dp_row_weights_get(&self->read.dataset->weights[self->read.split], first, rows, weights);
    *at = first - self->share.first;
}

/* How much of each row's probability comes from each network. */
static void network_claims_chunk(void *context, size_t first, size_t rows, double *sums) {
    const scores *self = context;
    double parts[DP_NETWORKS_MAX], weights[DP_EVALUATE_ROWS], sum = 0.0;
    size_t at = 0;
    weights_of(self, first, rows, weights, &at);
    for (size_t i = 0; i < rows; i++) {
        (void)weigh(self, at + i, parts, &sum);
        for (size_t k = 0; k < self->mixture->network_count; k++)
            sums[k] += weights[i] * parts[k] / sum;
    }
}

static dp_status fit_shares(dp_comm *comm, scores *dev, dp_mixture *mixture, dp_error *error) {
    const size_t networks = mixture->network_count;
    double change = 1.0;
    for (size_t k = 0; k < networks; k++)
        mixture->shares[k] = 1.0 / (double)networks;
    for (int step = 0; step < STEPS_MAX && change > CHANGE_MIN; step++) {
        double claims[DP_NETWORKS_MAX] = {0};
        DP_TRY(
            dp_evaluate_sums(comm, dev->rows, networks, network_claims_chunk, dev, claims, error));
        change = 0.0;
        for (size_t k = 0; k < networks; k++) {
            change = fmax(change, fabs(claims[k] / (double)dev->examples - mixture->shares[k]));
            mixture->shares[k] = claims[k] / (double)dev->examples;
        }
    }
    return DP_OK;
}

/* --- with the trigram ----------------------------------------------------------------------- */

/* How much of each row's probability comes from the networks. */
static void claims_chunk(void *context, size_t first, size_t rows, double *sums) {
    const scores *self = context;
    const double weight = self->mixture->weight;
    double network[DP_EVALUATE_ROWS], weights[DP_EVALUATE_ROWS];
    size_t at = 0;
    weights_of(self, first, rows, weights, &at);
    for (size_t i = 0; i < rows; i++)
        network[i] = -self->losses[at + i];
    dp_real_exp_all(rows, network);
    for (size_t i = 0; i < rows; i++) {
        const double claim = weight * network[i];
        sums[0] += weights[i] * claim / (claim + (1.0 - weight) * self->probabilities[at + i]);
    }
}

static dp_status fit_weight(dp_comm *comm, scores *dev, dp_mixture *mixture, dp_error *error) {
    double change = 1.0;
    mixture->weight = 0.5;
    for (int step = 0; step < STEPS_MAX && change > CHANGE_MIN; step++) {
        double claims = 0.0;
        DP_TRY(dp_evaluate_sums(comm, dev->rows, 1, claims_chunk, dev, &claims, error));
        change = fabs(claims / (double)dev->examples - mixture->weight);
        mixture->weight = claims / (double)dev->examples;
    }
    return DP_OK;
}

/* --- all of it ------------------------------------------------------------------------------ */

enum { NETWORK, TRIGRAM, MIXTURE, MEMBERS, LOSSES_MAX = MEMBERS + DP_NETWORKS_MAX };

static void losses_chunk(void *context, size_t first, size_t rows, double *sums) {
    const scores *self = context;
    const double share = self->mixture->weight;
    double weights[DP_EVALUATE_ROWS];
    size_t at = 0;
    weights_of(self, first, rows, weights, &at);
    for (size_t i = 0; i < rows; i++) {
        const double trigram = self->probabilities == NULL ? 0.0 : self->probabilities[at + i];
        if (self->probabilities != NULL)
            sums[TRIGRAM] -= weights[i] * dp_real_log(trigram);
        if (self->losses == NULL)
            continue;
        const double network = self->losses[at + i];
        sums[NETWORK] += weights[i] * network;
        if (self->probabilities != NULL)
            sums[MIXTURE] -=
                weights[i] * dp_real_log(share * dp_real_exp(-network) + (1.0 - share) * trigram);
        for (size_t k = 0; k < self->mixture->network_count; k++)
            sums[MEMBERS + k] += weights[i] * self->members[k * self->count + at + i];
    }
}

static dp_status sum_up(dp_comm *comm, scores *self, dp_split split, dp_mixture_results *results,
                        dp_error *error) {
    const size_t networks = self->mixture->network_count;
    double sums[LOSSES_MAX] = {0};
    DP_TRY(dp_evaluate_sums(comm, self->rows, MEMBERS + networks, losses_chunk, self, sums, error));
    results->network[split] = dp_evaluation_of(sums[NETWORK], self->examples);
    results->trigram[split] = dp_evaluation_of(sums[TRIGRAM], self->examples);
    results->mixture[split] = dp_evaluation_of(sums[MIXTURE], self->examples);
    for (size_t k = 0; k < networks; k++)
        results->members[k][split] = dp_evaluation_of(sums[MEMBERS + k], self->examples);
    return DP_OK;
}

static dp_status fit(dp_comm *comm, scores *dev, dp_mixture *mixture, dp_error *error) {
    if (mixture->fits_shares)
        DP_TRY(fit_shares(comm, dev, mixture, error));
    combine(dev);
    return mixture->fits_weight ? fit_weight(comm, dev, mixture, error) : DP_OK;
}

dp_status dp_evaluate_mixture(dp_comm *comm, const dp_dataset *dataset, unsigned splits,
                              dp_mixture *mixture, dp_mixture_results *results, dp_error *error) {
    /* Dev comes first, as weights of all may be fitted there. */
    static const dp_split order[DP_SPLIT_COUNT] = {DP_SPLIT_DEV, DP_SPLIT_TRAIN, DP_SPLIT_TEST};
    DP_OWNED(scores_clear) scores current = {0};
    for (int i = 0; i < DP_SPLIT_COUNT; i++) {
        const dp_split split = order[i];
        const bool fits = split == DP_SPLIT_DEV && (mixture->fits_shares || mixture->fits_weight);
        const bool wanted = (splits >> split & 1u) != 0;
        if (!fits && !wanted)
            continue;
        DP_TRY(score(&current, comm, dataset, split, mixture, error));
        if (fits)
            DP_TRY(fit(comm, &current, mixture, error));
        else
            combine(&current);
        if (wanted)
            DP_TRY(sum_up(comm, &current, split, results, error));
        scores_clear(&current);
    }
    return DP_OK;
}

dp_status dp_evaluate_growing(dp_comm *comm, const dp_dataset *dataset, dp_split split,
                              const dp_network *networks, size_t count, double *together,
                              dp_error *error) {
    dp_mixture mixture = {.networks = networks, .network_count = count};
    dp_mixture_results results;
    DP_OWNED(scores_clear) scores current = {0};
    DP_TRY(score(&current, comm, dataset, split, &mixture, error));
    for (size_t first = 1; first <= count; first++) {
        mixture.network_count = first;
        for (size_t k = 0; k < first; k++)
            mixture.shares[k] = 1.0 / (double)first;
        combine(&current);
        DP_TRY(sum_up(comm, &current, split, &results, error));
        together[first - 1] = results.network[split].loss;
    }
    return DP_OK;
}
