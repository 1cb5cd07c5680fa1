#include "sweep/sweep_ensemble.h"

#include "base/memory.h"
#include "engine/open_dataset.h"
#include "library/checkpoint_files.h"
#include "run/checkpoint.h"

#include <math.h>
#include <string.h>

#define AUTO_COUNT 8 /* of runs, where a plan has repeats */

/* The loss on dev of a run's best checkpoint; NaN where it is not done or has none. */
static double dev_loss(const dp_sweep_outcome *outcome) {
    const dp_summary_results *results = &outcome->results;
    if (outcome->state != DP_SWEEP_DONE)
        return NAN;
    return results->best_step > 0 ? results->best_loss : results->losses[DP_SPLIT_DEV];
}

static size_t wanted_count(const dp_sweep_plan *plan) {
    const uint64_t wanted = plan->settings.ensemble;
    if (wanted == DP_SWEEP_ENSEMBLE_AUTO)
        return plan->has_repeats ? AUTO_COUNT : 0;
    return (size_t)wanted;
}

/* Or of datasets that the sweep has packed from its text, whose splits are the same whatever the
 * block size. */
static bool have_one_dataset(const dp_sweep_plan *plan, size_t a, size_t b) {
    const dp_sweep_trial *one = &plan->trials[a], *other = &plan->trials[b];
    return (one->block_size != 0 && other->block_size != 0) ||
           strcmp(one->config.data_path, other->config.data_path) == 0;
}

/* The best run of all or, behind members, the next one that has the dataset of the first; false
 * where there is none. Equal ones keep the file's order. */
static bool find_next(const dp_sweep_plan *plan, const dp_sweep_outcome *outcomes,
                      const dp_sweep_ensemble *ensemble, size_t *next) {
    const size_t *members = ensemble->members, count = ensemble->count;
    bool found = false;
    for (size_t i = 0; i < plan->count; i++) {
        bool is_candidate =
            !isnan(dev_loss(&outcomes[i])) && (count == 0 || have_one_dataset(plan, members[0], i));
        for (size_t k = 0; k < count; k++)
            is_candidate = is_candidate && members[k] != i;
        if (is_candidate && (!found || dev_loss(&outcomes[i]) < dev_loss(&outcomes[*next]))) {
            *next = i;
            found = true;
        }
    }
    return found;
}

static void choose(const dp_sweep_plan *plan, const dp_sweep_outcome *outcomes,
                   dp_sweep_ensemble *ensemble) {
    const size_t wanted = wanted_count(plan);
    size_t next = 0;
    while (ensemble->count < wanted && find_next(plan, outcomes, ensemble, &next))
        ensemble->members[ensemble->count++] = next;
    if (ensemble->count < 2)
        ensemble->count = 0;
}

static dp_status load(dp_comm *comm, const dp_sweep_trial *trial, dp_checkpoint *checkpoint,
                      dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(DP_ON_ROOT(comm, dp_checkpoint_files_find(trial->config.run_dir, path, error)));
    return dp_checkpoint_load_on_all(comm, checkpoint, path, error);
}

typedef struct members {
    dp_checkpoint checkpoints[DP_NETWORKS_MAX];
    dp_network networks[DP_NETWORKS_MAX];
    size_t count;
    dp_dataset dataset;
} members;

static void clear(members *self) {
    for (size_t k = 0; k < self->count; k++)
        dp_checkpoint_clear(&self->checkpoints[k]);
    dp_dataset_close(&self->dataset);
}

static void release(members **self) {
    if (*self != NULL)
        clear(*self);
    dp_memory_free(*self);
}

dp_status dp_sweep_ensemble_try(dp_comm *comm, const dp_sweep_plan *plan,
                                const dp_sweep_outcome *outcomes, dp_sweep_ensemble *ensemble,
                                dp_error *error) {
    DP_OWNED(release) members *self = NULL;
    *ensemble = (dp_sweep_ensemble){0};
    if (dp_comm_rank(comm) == 0) /* who knows all of the plan */
        choose(plan, outcomes, ensemble);
    dp_comm_broadcast(comm, ensemble, sizeof *ensemble);
    if (ensemble->count == 0)
        return DP_OK;
    DP_TRY_NEW_ON_ALL(comm, self, 1);
    size_t longest = 0; /* context: what the others see is a part of it */
    while (self->count < ensemble->count) {
        const size_t k = self->count++;
        dp_checkpoint *one = &self->checkpoints[k];
        DP_TRY(load(comm, &plan->trials[ensemble->members[k]], one, error));
        if (one->facts.block_size > self->checkpoints[longest].facts.block_size)
            longest = k;
        self->networks[k] = (dp_network){.layout = &one->layout,
                                         .highest = dp_config_level(&one->config),
                                         .params = one->params};
    }
    DP_TRY(dp_open_dataset(comm, plan->trials[ensemble->members[longest]].config.data_path,
                           DP_CHECK_ONCE, &self->dataset, error));
    return dp_evaluate_growing(comm, &self->dataset, DP_SPLIT_DEV, self->networks, self->count,
                               ensemble->together, error);
}
