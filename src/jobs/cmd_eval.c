#include "baseline/mixture.h"
#include "cli/checkpoint_argument.h"
#include "engine/open_dataset.h"
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

/* --- what is asked ---------------------------------------------------------------------------- */

typedef struct eval_request {
    const eval_options *chosen;
    unsigned splits;
    double mix_weight; /* unless to be fitted */
    bool fit;
    bool without_checkpoint;
} eval_request;

static dp_status read_mix_weight(eval_request *self, dp_error *error) {
    const char *text = self->chosen->mix_weight;
    self->fit = strcmp(text, "fit") == 0;
    if (!self->fit && (!dp_text_parse_real(text, &self->mix_weight) || self->mix_weight < 0.0 ||
                       self->mix_weight > 1.0))
        return dp_fail(error, DP_ERR_INPUT,
                       "mix_weight = '%s': must be a number from 0 to 1, or fit", text);
    return DP_OK;
}

static dp_status read_request(eval_request *self, const eval_options *chosen, int positional_count,
                              dp_error *error) {
    *self = (eval_request){.chosen = chosen};
    self->splits = chosen->split == CHOICE_ALL ? DP_SPLITS_ALL : 1u << chosen->split;
    self->without_checkpoint = chosen->model == MODEL_TRIGRAM && chosen->data[0] != '\0' &&
                               chosen->ckpt[0] == '\0' && positional_count == 0;
    if (chosen->mix == MIX_NONE && chosen->mix_weight_given)
        return dp_fail(error, DP_ERR_INPUT, "--mix_weight is for --mix trigram");
    if (chosen->mix == MIX_TRIGRAM && chosen->model == MODEL_TRIGRAM)
        return dp_fail(error, DP_ERR_INPUT,
                       "--mix trigram is for the network: leave out --model trigram");
    return read_mix_weight(self, error);
}

/* --- the dataset ------------------------------------------------------------------------------ */

static dp_status check_fit(const dp_checkpoint *checkpoint, const char *path,
                           const dp_dataset *dataset, dp_error *error) {
    if (checkpoint->block_size != dataset->info.block_size)
        return dp_fail(error, DP_ERR_MISMATCH, "%s has block size %" PRIu64 " but %s has %" PRIu64,
                       path, checkpoint->block_size, dataset->path, dataset->info.block_size);
    if (!dp_vocabulary_equal(&checkpoint->vocabulary, &dataset->vocabulary))
        return dp_fail(error, DP_ERR_MISMATCH, "%s and %s have different vocabularies", path,
                       dataset->path);
    return DP_OK;
}

static dp_status open_dataset(dp_comm *comm, const char *data, const dp_checkpoint *checkpoint,
                              const char *path, dp_dataset *dataset, dp_error *error) {
    const char *data_path = data[0] != '\0' ? data : checkpoint->config.data_path;
    dp_status status = dp_open_dataset(comm, data_path, DP_CHECK_ONCE, dataset, error);
    if (status != DP_OK)
        return status;
    DP_TRY(dp_comm_agree(comm, check_fit(checkpoint, path, dataset, error), error));
    if (dp_comm_rank(comm) == 0 && data[0] == '\0' &&
        strcmp(dataset->info.sha256, checkpoint->dataset_sha256) != 0)
        fprintf(stderr, "dptrain: notice: %s is not the dataset that %s was trained on\n",
                dataset->path, path);
    return status;
}

/* --- printing --------------------------------------------------------------------------------- */

/* What was evaluated. Without a checkpoint there is only the trigram. */
typedef struct eval_outcome {
    const dp_checkpoint *checkpoint;
    const char *path; /* of the checkpoint or dataset */
    const dp_trigram *trigram;
    double mix_weight;
    dp_mixture_results results;
} eval_outcome;

static void add_mixture(dp_facts *facts, const eval_request *asked, const eval_outcome *outcome) {
    dp_facts_begin(facts, "trigram");
    dp_summary_add_splits(facts, asked->splits, outcome->results.trigram);
    dp_facts_end(facts);
    dp_facts_begin(facts, "mixture");
    dp_facts_real(facts, "network_weight", outcome->mix_weight);
    dp_facts_note(facts, "trigram_weight", "%.17g", 1.0 - outcome->mix_weight);
    dp_facts_note(facts, "why", asked->fit ? ", as is best on dev" : "");
    dp_summary_add_splits(facts, asked->splits, outcome->results.mixture);
    dp_facts_end(facts);
}

static void add_facts(dp_facts *facts, const eval_request *asked, const eval_outcome *outcome) {
    dp_facts_note(facts, "path", "%s", outcome->path);
    if (asked->chosen->model == MODEL_TRIGRAM) {
        dp_facts_text(facts, "model", "trigram");
        dp_summary_add_splits(facts, asked->splits, outcome->results.trigram);
    } else {
        dp_summary_add_weights(facts, outcome->checkpoint->progress.step,
                               outcome->checkpoint->weights_hash);
        dp_summary_add_splits(facts, asked->splits, outcome->results.network);
    }
    if (outcome->trigram != NULL) {
        const dp_trigram_size size = dp_trigram_get_size(outcome->trigram);
        dp_facts_note(facts, "rows", "%" PRIu64, size.rows);
        dp_facts_note(facts, "contexts", "%zu", size.contexts);
        dp_facts_note(facts, "trigrams", "%zu", size.trigrams);
    }
    if (asked->chosen->mix == MIX_TRIGRAM)
        add_mixture(facts, asked, outcome);
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
    " {mixture.splits.*.loss:9n} {mixture.splits.*.perplexity:11n}\n>>"

static dp_status print(const eval_request *asked, const eval_outcome *outcome, dp_error *error) {
    const char *text = asked->chosen->mix == MIX_TRIGRAM ? HEAD MIXTURE : HEAD DP_SUMMARY_SPLITS;
    dp_facts facts = {0};
    add_facts(&facts, asked, outcome);
    const dp_status status = dp_facts_print(&facts, asked->chosen->json ? NULL : text, error);
    dp_facts_clear(&facts);
    return status;
}

/* --- evaluating ------------------------------------------------------------------------------- */

static dp_status evaluate_network(dp_comm *comm, const eval_request *asked,
                                  const dp_dataset *dataset, eval_outcome *outcome,
                                  dp_error *error) {
    const dp_checkpoint *checkpoint = outcome->checkpoint;
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        if ((asked->splits >> split & 1u) != 0)
            DP_TRY(dp_evaluate(comm, dataset, (dp_split)split, &checkpoint->layout,
                               dp_config_level(&checkpoint->config), checkpoint->params,
                               &outcome->results.network[split], error));
    }
    return DP_OK;
}

/* The trigram, alone or mixed with the network. */
static dp_status evaluate_mixture(dp_comm *comm, const eval_request *asked,
                                  const dp_dataset *dataset, eval_outcome *outcome,
                                  dp_error *error) {
    const dp_checkpoint *checkpoint = outcome->checkpoint;
    dp_mixture mixture = {.trigram = outcome->trigram, .weight = asked->mix_weight};
    if (asked->chosen->mix == MIX_TRIGRAM) {
        mixture.layout = &checkpoint->layout;
        mixture.highest = dp_config_level(&checkpoint->config);
        mixture.params = checkpoint->params;
    }
    dp_status status = dp_evaluate_mixture(comm, dataset, asked->splits, asked->fit, &mixture,
                                           &outcome->results, error);
    outcome->mix_weight = mixture.weight;
    return status;
}

static dp_status evaluate_and_print(dp_comm *comm, const eval_request *asked,
                                    const dp_dataset *dataset, eval_outcome *outcome,
                                    dp_error *error) {
    dp_status status = DP_OK;
    dp_trigram *trigram = NULL;
    dp_comm_set_place(comm, "evaluate", outcome->checkpoint->progress.step);
    if (asked->chosen->model == MODEL_TRIGRAM || asked->chosen->mix == MIX_TRIGRAM) {
        DP_OR_DONE(dp_trigram_of_dataset(comm, dataset, &trigram, error));
        outcome->trigram = trigram;
        DP_OR_DONE(evaluate_mixture(comm, asked, dataset, outcome, error));
    } else {
        DP_OR_DONE(evaluate_network(comm, asked, dataset, outcome, error));
    }
    if (dp_comm_rank(comm) == 0)
        status = print(asked, outcome, error);
    status = dp_comm_agree(comm, status, error);
done:
    dp_trigram_destroy(trigram);
    return status;
}

static dp_status evaluate(dp_comm *comm, const eval_request *asked, int count, char **positionals,
                          dp_error *error) {
    DP_OWNED(dp_checkpoint_clear) dp_checkpoint checkpoint = {0};
    DP_OWNED(dp_dataset_close) dp_dataset dataset = {0};
    char path[DP_PATH_SIZE];
    eval_outcome outcome = {.checkpoint = &checkpoint, .path = path};
    if (asked->without_checkpoint) {
        DP_TRY(dp_open_dataset(comm, asked->chosen->data, DP_CHECK_ONCE, &dataset, error));
    } else {
        DP_TRY(dp_checkpoint_argument_load(comm, asked->chosen->ckpt, count, positionals,
                                           &checkpoint, path, error));
        dp_comm_set_deadline(comm, checkpoint.config.deadline);
        DP_TRY(open_dataset(comm, asked->chosen->data, &checkpoint, path, &dataset, error));
    }
    if (asked->chosen->model == MODEL_TRIGRAM)
        outcome.path = dataset.path;
    return evaluate_and_print(comm, asked, &dataset, &outcome, error);
}

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    eval_options chosen;
    eval_request asked;
    int positional_count = 0;
    (void)signal;
    DP_TRY(dp_command_parse(comm, options, &chosen, count, arguments, &positional_count, error));
    DP_TRY(dp_comm_agree(comm, read_request(&asked, &chosen, positional_count, error), error));
    return evaluate(comm, &asked, positional_count, arguments, error);
}

const dp_command dp_command_eval = {
    .name = "eval",
    .arguments = "[PATH]",
    .purpose = "the loss and perplexity of a checkpoint",
    .details = "The trigram of --model and --mix is that of Jelinek and Mercer (1980):\n"
               "frequencies of one, two and three tokens, interpolated with weights that depend\n"
               "on how often the last two have been seen. It is counted on train; its weights,\n"
               "and W where fitted, are the best on dev. So look at test to compare.\n",
    .options = options,
    .needs = DP_NEEDS_JOB | DP_NEEDS_LAUNCH | DP_NEEDS_BLAS,
    .run = run,
};
