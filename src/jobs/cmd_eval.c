#include "baseline/mixture.h"
#include "cli/checkpoint_argument.h"
#include "data/find_dataset.h"
#include "engine/open_dataset.h"
#include "eval_txt.h"
#include "jobs/jobs.h"
#include "run/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef enum split_choice { CHOICE_TRAIN, CHOICE_DEV, CHOICE_TEST, CHOICE_ALL } split_choice;
typedef enum model_choice { MODEL_NETWORK, MODEL_TRIGRAM } model_choice;
typedef enum mix_choice { MIX_NONE, MIX_TRIGRAM } mix_choice;

typedef struct eval_options {
    char ckpt[DP_PATH_SIZE];
    char data[DP_PATH_SIZE];
    split_choice split;
    model_choice model;
    mix_choice mix;
    const char *mix_weight;
    bool mix_weight_given;
    bool json;
} eval_options;

static const dp_option options[] = {
    DP_CHECKPOINT_OPTION(eval_options),
    DP_PATH(eval_options, data, "data", "", "FILE", "dataset; none: the one it was trained on"),
    DP_CHOICE(eval_options, split, "split", "all", DP_NAMES(DP_SPLIT_NAMES, "all"), "SPLIT",
              "what to evaluate"),
    DP_CHOICE(eval_options, model, "model", "network", DP_NAMES("network", "trigram"), "MODEL",
              "trigram: not the checkpoint, but an interpolated trigram that is counted on train "
              "and weighted on dev; with --data no checkpoint is needed"),
    DP_CHOICE(eval_options, mix, "mix", "none", DP_NAMES("none", "trigram"), "MODEL",
              "mix the network's probabilities with those of such a trigram"),
    DP_TEXT(eval_options, mix_weight, "mix_weight", "0.5", "W",
            "the network's share in the mixture, from 0 to 1; fit: what is best on dev",
            .given = offsetof(eval_options, mix_weight_given)),
    DP_SWITCH(eval_options, json, "json", "print one JSON object"),
    DP_OPTIONS_END,
};

typedef struct eval {
    dp_comm *comm;
    eval_options chosen;
    unsigned splits;
    bool fit;                 /* the weight of the mixture, */
    double mix_weight;        /* which is this, then or from the start */
    dp_checkpoint checkpoint; /* zeroed where only a dataset is asked for */
    char path[DP_PATH_SIZE];  /* its */
    dp_dataset dataset;
    dp_trigram *trigram; /* NULL: not asked for */
    dp_mixture_results results;
} eval;

static void clear(eval *self) {
    dp_checkpoint_clear(&self->checkpoint);
    dp_dataset_close(&self->dataset);
    dp_trigram_destroy(self->trigram);
}

static bool is_mixed(const eval *self) {
    return self->chosen.mix == MIX_TRIGRAM;
}

static bool is_of_trigram(const eval *self) {
    return self->chosen.model == MODEL_TRIGRAM;
}

/* --- what is asked ---------------------------------------------------------------------------- */

static dp_status read_request(eval *self, dp_error *error) {
    const char *weight = self->chosen.mix_weight;
    self->splits = self->chosen.split == CHOICE_ALL ? DP_SPLITS_ALL : 1u << self->chosen.split;
    self->fit = strcmp(weight, "fit") == 0;
    if (!self->fit && (!dp_text_parse_real(weight, &self->mix_weight) || self->mix_weight < 0.0 ||
                       self->mix_weight > 1.0))
        return dp_fail(error, DP_ERR_INPUT,
                       "--mix-weight = '%s': must be a number from 0 to 1, or fit", weight);
    if (is_of_trigram(self) && (is_mixed(self) || self->chosen.mix_weight_given))
        return dp_fail(error, DP_ERR_INPUT,
                       "a mixture is one of the network with a trigram: leave out --model "
                       "trigram%s",
                       is_mixed(self) ? "" : ", and add --mix trigram");
    if (!is_mixed(self) && self->chosen.mix_weight_given)
        return dp_fail(error, DP_ERR_INPUT, "--mix-weight is for a mixture: add --mix trigram");
    return DP_OK;
}

/* --- the checkpoint and the dataset ----------------------------------------------------------- */

static dp_status fail_vocabulary(eval *self, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text difference = {0};
    DP_TRY(dp_vocabulary_difference(&self->checkpoint.facts.vocabulary, "the checkpoint",
                                    &self->dataset.vocabulary, "the dataset", &difference, error));
    return dp_fail(error, DP_ERR_MISMATCH, "%s and %s have different vocabularies: %s", self->path,
                   self->dataset.path, dp_text_string(&difference));
}

static dp_status check_fit(eval *self, dp_error *error) {
    const dp_dataset *dataset = &self->dataset;
    if (self->checkpoint.facts.block_size != dataset->info.block_size)
        return dp_fail(error, DP_ERR_MISMATCH, "%s has block size %" PRIu64 " but %s has %" PRIu64,
                       self->path, self->checkpoint.facts.block_size, dataset->path,
                       dataset->info.block_size);
    return dp_vocabulary_equal(&self->checkpoint.facts.vocabulary, &dataset->vocabulary)
               ? DP_OK
               : fail_vocabulary(self, error);
}

/* What it was trained on; rank 0 looks where that is. */
static dp_status open_own(eval *self, dp_error *error) {
    const dp_checkpoint *checkpoint = &self->checkpoint;
    char path[DP_PATH_SIZE];
    DP_TRY(DP_ON_ROOT(self->comm, dp_dataset_find(checkpoint->config.data_path, self->path,
                                                  checkpoint->facts.dataset_sha256, path, error)));
    dp_comm_broadcast(self->comm, path, sizeof path);
    if (dp_open_dataset(self->comm, path, DP_CHECK_ONCE, &self->dataset, error) == DP_OK)
        return DP_OK;
    return dp_fail_prefix(error, "the dataset that %s was trained on (--data names another)",
                          self->path);
}

static dp_status load(eval *self, int count, char **positionals, dp_error *error) {
    const eval_options *chosen = &self->chosen;
    const char *data = chosen->data;
    const bool is_trained_on = data[0] == '\0';
    if (is_of_trigram(self) && !is_trained_on && chosen->ckpt[0] == '\0' && count == 0)
        return dp_open_dataset(self->comm, data, DP_CHECK_ONCE, &self->dataset, error);
    DP_TRY(dp_checkpoint_argument_load(self->comm, chosen->ckpt, count, positionals,
                                       &self->checkpoint, self->path, error));
    dp_comm_set_deadline(self->comm, self->checkpoint.config.deadline);
    DP_TRY(is_trained_on ? open_own(self, error)
                         : dp_open_dataset(self->comm, data, DP_CHECK_ONCE, &self->dataset, error));
    DP_TRY(dp_comm_agree(self->comm, check_fit(self, error), error));
    if (dp_comm_rank(self->comm) == 0 && is_trained_on &&
        strcmp(self->dataset.info.sha256, self->checkpoint.facts.dataset_sha256) != 0)
        dp_text_print(stderr, "dptrain: notice: %s is not the dataset that %s was trained on\n",
                      self->dataset.path, self->path);
    return DP_OK;
}

/* --- evaluating ------------------------------------------------------------------------------- */

/* The trigram, alone or mixed with the network. */
static dp_status evaluate_trigram(eval *self, dp_error *error) {
    DP_TRY(dp_trigram_of_dataset(self->comm, &self->dataset, &self->trigram, error));
    dp_mixture mixture = {.trigram = self->trigram, .weight = self->mix_weight};
    if (is_mixed(self)) {
        mixture.layout = &self->checkpoint.layout;
        mixture.highest = dp_config_level(&self->checkpoint.config);
        mixture.params = self->checkpoint.params;
    }
    DP_TRY(dp_evaluate_mixture(self->comm, &self->dataset, self->splits, self->fit, &mixture,
                               &self->results, error));
    self->mix_weight = mixture.weight;
    return DP_OK;
}

/* --- printing --------------------------------------------------------------------------------- */

static void add_mixture(dp_facts *facts, const eval *self) {
    dp_facts_begin(facts, "trigram");
    dp_summary_add_splits(facts, self->splits, self->results.trigram);
    dp_facts_end(facts);
    dp_facts_begin(facts, "mixture");
    dp_facts_real(facts, "network_weight", self->mix_weight);
    dp_facts_note(facts, "trigram_weight", "%.17g", 1.0 - self->mix_weight);
    dp_facts_note(facts, "why", self->fit ? ", as is best on dev" : "");
    dp_summary_add_splits(facts, self->splits, self->results.mixture);
    dp_facts_end(facts);
}

static void add_facts(dp_facts *facts, const eval *self) {
    dp_facts_note(facts, "path", "%s", is_of_trigram(self) ? self->dataset.path : self->path);
    if (is_of_trigram(self)) {
        dp_facts_text(facts, "model", "trigram");
        dp_summary_add_splits(facts, self->splits, self->results.trigram);
    } else {
        dp_summary_add_weights(facts, self->checkpoint.facts.progress.step,
                               self->checkpoint.facts.weights_hash);
        dp_summary_add_splits(facts, self->splits, self->results.network);
    }
    if (self->trigram != NULL) {
        const dp_trigram_size size = dp_trigram_get_size(self->trigram);
        dp_facts_note(facts, "rows", "%" PRIu64, size.rows);
        dp_facts_note(facts, "contexts", "%zu", size.contexts);
        dp_facts_note(facts, "trigrams", "%zu", size.trigrams);
    }
    if (is_mixed(self))
        add_mixture(facts, self);
}

#define HEAD                                                                                       \
    "{path}:[ step {step:,}, weights {weights}]\n"                                                 \
    "[trigram: {rows:,} rows of train, {contexts:,} contexts, {trigrams:,} trigrams\n]"
#define MIXTURE                                                                                    \
    "mixture: {mixture.network_weight:.4g} network and {mixture.trigram_weight:.4g} "              \
    "trigram{mixture.why}\n"                                                                       \
    "      split   network  perplexity   trigram  perplexity   mixture  perplexity\n"              \
    "<<splits {splits.*:11} {splits.*.loss:9n} {splits.*.perplexity:11n}"                          \
    " {trigram.splits.*.loss:9n} {trigram.splits.*.perplexity:11n}"                                \
    " {mixture.splits.*.loss:9n} {mixture.splits.*.perplexity:11n}\n>>" DP_SUMMARY_UNKNOWN

static dp_status print(const eval *self, dp_error *error) {
    DP_OWNED(dp_facts_clear) dp_facts facts = {0};
    const char *text = is_mixed(self) ? HEAD MIXTURE : HEAD DP_SUMMARY_SPLITS;
    add_facts(&facts, self);
    DP_TRY(dp_summary_add_unknown(&facts, self->splits, &self->dataset, error));
    return dp_facts_print(&facts, self->chosen.json ? NULL : text, error);
}

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    DP_OWNED(clear) eval self = {.comm = comm};
    int positional_count = 0;
    (void)signal;
    DP_TRY(
        dp_command_parse(comm, options, &self.chosen, count, arguments, &positional_count, error));
    DP_TRY(dp_comm_agree(comm, read_request(&self, error), error));
    DP_TRY(load(&self, positional_count, arguments, error));
    dp_comm_set_place(comm, "evaluate", self.checkpoint.facts.progress.step);
    const dp_checkpoint *model = &self.checkpoint;
    if (is_of_trigram(&self) || is_mixed(&self))
        DP_TRY(evaluate_trigram(&self, error));
    else
        DP_TRY(dp_evaluate(comm, &self.dataset, self.splits, &model->layout,
                           dp_config_level(&model->config), model->params, self.results.network,
                           error));
    DP_TRY(dp_recheck_dataset(comm, &self.dataset, error));
    return DP_ON_ROOT(comm, print(&self, error));
}

const dp_command dp_command_eval = {
    .name = "eval",
    .arguments = "[PATH]",
    .purpose = "the loss and perplexity of a checkpoint",
    .details = eval_txt,
    .examples = "dptrain eval runs/base\n"
                "mpirun -np 2 dptrain eval runs/base --split test --mix trigram\n",
    .options = options,
    .needs = DP_NEEDS_JOB | DP_NEEDS_LAUNCH,
    .run = run,
};
