#include "baseline/mixture.h"

#include "base/size.h"
#include "base/workspace.h"

#include <math.h>

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
                           dp_error *error);

static dp_status take_split(dp_trigram *trigram, const dp_dataset *dataset, dp_split split,
                            take_row *take, dp_error *error) {
    const size_t rows = (size_t)dp_dataset_rows(dataset, split);
    DP_OWNED(clear_rows) dp_evaluate_rows read = {0};
    DP_TRY(dp_evaluate_rows_init(&read, dataset, split, error));
    for (size_t first = 0; first < rows; first += DP_EVALUATE_ROWS) {
        const size_t count = dp_size_min(rows - first, DP_EVALUATE_ROWS);
        dp_evaluate_rows_read(&read, first, count);
        for (size_t i = 0; i < count; i++)
            DP_TRY(take(trigram, context_of(&read, i), read.targets[i], error));
    }
    return DP_OK;
}

static dp_status build(const dp_dataset *dataset, dp_trigram **trigram, dp_error *error) {
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

/* --- the mixture ------------------------------------------------------------------------------ */

/* What is said of the targets of a split, for the rows of this rank. The network is asked once,
 * however often the weight changes. */
typedef struct scores {
    size_t rows; /* of the split */
    dp_tree_range share;
    double *losses;        /* [share] the network's; NULL: there is none */
    double *probabilities; /* [share] the trigram's */
    void *memory;          /* of both */
    double weight;
    /* While they are filled: */
    dp_model *model; /* NULL: no network */
    dp_evaluate_rows read;
} scores;

static void scores_clear(scores *self) {
    dp_model_destroy(self->model);
    clear_rows(&self->read);
    dp_memory_free(self->memory);
    *self = (scores){0};
}

/* Memory, and a model where there is a network. Collective, as the level is, but not agreed on. */
static dp_status prepare(scores *self, dp_comm *comm, const dp_dataset *dataset, dp_split split,
                         const dp_mixture *mixture, dp_error *error) {
    const dp_model_options options = {.level = dp_evaluate_level(comm, mixture->highest),
                                      .grain_rows = DP_EVALUATE_ROWS,
                                      .forward_only = true};
    dp_workspace room = {0};
    DP_RESERVE(&room, self->probabilities, self->share.end - self->share.first);
    if (mixture->layout != NULL)
        DP_RESERVE(&room, self->losses, self->share.end - self->share.first);
    self->memory = dp_workspace_allocate(&room, error);
    if (self->memory == NULL)
        return error->status;
    if (mixture->layout != NULL)
        DP_TRY(dp_model_create(&self->model, mixture->layout, &options, error));
    return dp_evaluate_rows_init(&self->read, dataset, split, error);
}

/* Chunk by chunk, so that a row's loss has the bits that it has in dp_evaluate. */
static void fill(scores *self, const dp_mixture *mixture) {
    dp_evaluate_rows *read = &self->read;
    for (size_t first = self->share.first; first < self->share.end; first += DP_EVALUATE_ROWS) {
        const size_t at = first - self->share.first;
        const size_t count = dp_size_min(self->share.end - first, DP_EVALUATE_ROWS);
        dp_evaluate_rows_read(read, first, count);
        if (self->model != NULL)
            dp_model_row_losses(self->model, mixture->params, count, read->contexts, read->targets,
                                self->losses + at);
        for (size_t i = 0; i < count; i++)
            self->probabilities[at + i] =
                dp_trigram_probability(mixture->trigram, context_of(read, i), read->targets[i]);
    }
}

/* Collective, agreed on; to be cleared whatever comes of it. */
static dp_status score(scores *self, dp_comm *comm, const dp_dataset *dataset, dp_split split,
                       const dp_mixture *mixture, dp_error *error) {
    const size_t rows = (size_t)dp_dataset_rows(dataset, split);
    *self = (scores){.rows = rows, .share = dp_evaluate_share(comm, rows)};
    DP_TRY(dp_comm_agree(comm, prepare(self, comm, dataset, split, mixture, error), error));
    fill(self, mixture);
    return DP_OK;
}

enum { NETWORK, TRIGRAM, MIXTURE, LOSSES };

static void losses_chunk(void *context, size_t first, size_t rows, double *sums) {
    const scores *self = context;
    for (size_t i = first - self->share.first; i < first - self->share.first + rows; i++) {
        const double trigram = self->probabilities[i];
        sums[TRIGRAM] -= log(trigram);
        if (self->losses == NULL)
            continue;
        const double network = self->losses[i];
        sums[NETWORK] += network;
        sums[MIXTURE] -= log(self->weight * exp(-network) + (1.0 - self->weight) * trigram);
    }
}

/* How much of each row's probability comes from the network. */
static void claims_chunk(void *context, size_t first, size_t rows, double *sums) {
    const scores *self = context;
    for (size_t i = first - self->share.first; i < first - self->share.first + rows; i++) {
        const double network = self->weight * exp(-self->losses[i]);
        sums[0] += network / (network + (1.0 - self->weight) * self->probabilities[i]);
    }
}

static dp_status fit_weight(dp_comm *comm, scores *dev, double *weight, dp_error *error) {
    double change = 1.0;
    dev->weight = 0.5;
    for (int step = 0; step < STEPS_MAX && change > CHANGE_MIN; step++) {
        double claims = 0.0;
        DP_TRY(dp_evaluate_sums(comm, dev->rows, 1, claims_chunk, dev, &claims, error));
        change = fabs(claims / (double)dev->rows - dev->weight);
        dev->weight = claims / (double)dev->rows;
    }
    *weight = dev->weight;
    return DP_OK;
}

static dp_status sum_up(dp_comm *comm, scores *self, dp_split split, double weight,
                        dp_mixture_results *results, dp_error *error) {
    double sums[LOSSES] = {0};
    self->weight = weight;
    DP_TRY(dp_evaluate_sums(comm, self->rows, LOSSES, losses_chunk, self, sums, error));
    results->network[split] = dp_evaluation_of(sums[NETWORK], self->rows);
    results->trigram[split] = dp_evaluation_of(sums[TRIGRAM], self->rows);
    results->mixture[split] = dp_evaluation_of(sums[MIXTURE], self->rows);
    return DP_OK;
}

dp_status dp_evaluate_mixture(dp_comm *comm, const dp_dataset *dataset, unsigned splits, bool fit,
                              dp_mixture *mixture, dp_mixture_results *results, dp_error *error) {
    /* Dev comes first, as the weight of all may be fitted there. */
    static const dp_split order[DP_SPLIT_COUNT] = {DP_SPLIT_DEV, DP_SPLIT_TRAIN, DP_SPLIT_TEST};
    DP_OWNED(scores_clear) scores current = {0};
    for (int i = 0; i < DP_SPLIT_COUNT; i++) {
        const dp_split split = order[i];
        const bool fits = fit && split == DP_SPLIT_DEV, wanted = (splits >> split & 1u) != 0;
        if (!fits && !wanted)
            continue;
        DP_TRY(score(&current, comm, dataset, split, mixture, error));
        if (fits)
            DP_TRY(fit_weight(comm, &current, &mixture->weight, error));
        if (wanted)
            DP_TRY(sum_up(comm, &current, split, mixture->weight, results, error));
        scores_clear(&current);
    }
    return DP_OK;
}
