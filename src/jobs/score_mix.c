#include "jobs/score_mix.h"

#include "base/memory.h"
#include "base/real.h"
#include "data/context.h"
#include "engine/open_dataset.h"
#include "library/handle.h"

#include <stdio.h>
#include <string.h>

/* --- opening -------------------------------------------------------------------------------- */

static dp_status check_dataset(dp_score_mix *self, const dp_asked *asked, const char *data,
                               dp_error *error) {
    dp_dataset *dataset = &self->dataset;
    const dptrain_model *leader = asked->leader;
    if (data[0] == '\0' && strcmp(dataset->info.sha256, leader->facts.dataset_sha256) != 0)
        return dp_fail(error, DP_ERR_MISMATCH, "%s is not the dataset that %s was trained on",
                       dataset->path, leader->path);
    for (size_t i = 0; i < asked->count; i++)
        DP_TRY(dp_checkpoint_argument_check_fit(asked->members[i]->path, &asked->members[i]->facts,
                                                dataset, error));
    return DP_OK;
}

static dp_status open_dataset(dp_score_mix *self, dp_comm *comm, const dp_asked *asked,
                              const char *data, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(DP_ON_ROOT(comm, dp_checkpoint_argument_find_dataset(asked, data, path, error)));
    dp_comm_broadcast(comm, path, sizeof path);
    if (dp_open_dataset(comm, path, DP_CHECK_ONCE, &self->dataset, error) != DP_OK)
        return dp_fail_prefix(error, "--mix trigram counts on the dataset (--data names another)");
    return dp_comm_agree(comm, check_dataset(self, asked, data, error), error);
}

static dp_status fit_weight(dp_score_mix *self, dp_comm *comm, const dp_asked *asked,
                            dp_mixture *mixture, dp_error *error) {
    dp_network networks[DP_NETWORKS_MAX];
    dp_mixture_results ignored;
    for (size_t i = 0; i < asked->count; i++) {
        const dptrain_model *member = asked->members[i];
        networks[i] = (dp_network){&member->layout, DP_CPU_X86_64_V4, member->params};
        mixture->shares[i] = asked->count == 1 ? 1.0 : asked->model->members[i].share;
    }
    mixture->networks = networks;
    mixture->network_count = asked->count;
    mixture->trigram = self->trigram;
    DP_TRY(dp_evaluate_mixture(comm, &self->dataset, 0, mixture, &ignored, error));
    if (dp_comm_rank(comm) == 0)
        fprintf(stderr, "dptrain: notice: --mix-weight %s is best on dev\n",
                DP_REAL_TEXT(mixture->weight));
    return DP_OK;
}

dp_status dp_score_mix_open(dp_score_mix *mix, dp_comm *comm, const dp_asked *asked,
                            const char *data, const char *weight, dp_error *error) {
    dp_mixture mixture = {0};
    DP_TRY(dp_comm_agree(comm, dp_mixture_read_weight(&mixture, weight, error), error));
    DP_TRY(open_dataset(mix, comm, asked, data, error));
    DP_TRY_NEW_ON_ALL(comm, mix->probabilities, mix->dataset.vocabulary.count);
    DP_TRY(dp_trigram_of_dataset(comm, &mix->dataset, &mix->trigram, error));
    if (mixture.fits_weight)
        DP_TRY(fit_weight(mix, comm, asked, &mixture, error));
    mix->weight = mixture.weight;
    return DP_OK;
}

void dp_score_mix_close(dp_score_mix *mix) {
    dp_dataset_close(&mix->dataset);
    dp_trigram_destroy(mix->trigram);
    dp_memory_free(mix->probabilities);
}

/* --- tokens --------------------------------------------------------------------------------- */

/* Of a token with this probability by the models. */
static double mixed(const dp_score_mix *self, uint32_t id, double probability) {
    return self->weight * probability +
           (1.0 - self->weight) * dp_trigram_probability(self->trigram, self->context, id);
}

static dp_status rank_token(dp_score_mix *self, dptrain_model *model, dptrain_token_score *token,
                            dp_error *error) {
    dptrain_error said;
    const size_t unseen = self->dataset.info.block_size - model->layout.shape.block_size;
    DP_TRY(dp_checkpoint_argument_status(
        dptrain_next(model, self->context + unseen, self->probabilities, &said), &said, error));
    const double own = mixed(self, token->id, self->probabilities[token->id]);
    token->rank = 1;
    for (uint32_t id = 0; id < self->dataset.vocabulary.count; id++)
        token->rank += mixed(self, id, self->probabilities[id]) > own;
    return DP_OK;
}

dp_status dp_score_mix_tokens(dp_score_mix *mix, dptrain_model *model, bool ranks,
                              dptrain_token_score *tokens, size_t count, dp_error *error) {
    const size_t block = (size_t)mix->dataset.info.block_size;
    memset(mix->context, 0, sizeof mix->context);
    for (size_t i = 0; i < count; i++) {
        dptrain_token_score *token = &tokens[i];
        const bool is_known = token->id != DPTRAIN_UNKNOWN;
        if (is_known && ranks)
            DP_TRY(rank_token(mix, model, token, error));
        if (is_known)
            token->log_probability =
                dp_real_log(mixed(mix, token->id, dp_real_exp(token->log_probability)));
        dp_context_shift(mix->context, block, is_known ? token->id : DP_BOUNDARY_ID);
    }
    return DP_OK;
}
