#include "baseline/mixture.h"
#include "cli/checkpoint_argument.h"
#include "data/check_stamp.h"
#include "data/find_dataset.h"
#include "engine/open_dataset.h"
#include "eval_txt.h"
#include "jobs/jobs.h"
#include "pack/packing.h"
#include "run/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum split_choice { CHOICE_TRAIN, CHOICE_DEV, CHOICE_TEST, CHOICE_ALL } split_choice;
typedef enum model_choice { MODEL_NETWORK, MODEL_TRIGRAM } model_choice;
typedef enum mix_choice { MIX_NONE, MIX_TRIGRAM } mix_choice;

typedef struct eval_options {
    dp_checkpoint_choice ckpt;
    char data[DP_PATH_SIZE];
    char text[DP_PATH_SIZE];
    bool skip_unknown;
    split_choice split;
    model_choice model;
    mix_choice mix;
    const char *mix_weight;
    bool mix_weight_given;
    bool json;
} eval_options;

static const dp_option options[] = {
    DP_CHECKPOINT_OPTIONS(eval_options),
    DP_PATH(eval_options, data, "data", "", "FILE", "dataset; none: the one it was trained on"),
    DP_PATH(eval_options, text, "text", "", "FILE",
            "a text, by the vocabulary of the checkpoint, as pack_dataset --vocab-of packs it"),
    DP_SWITCH(eval_options, skip_unknown, "skip_unknown",
              "of that text, leave out lines with tokens that the checkpoint does not know"),
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

/* A checkpoint, and the path of its file. */
typedef struct member {
    dp_checkpoint checkpoint;
    char path[DP_PATH_SIZE];
} member;

typedef struct eval {
    dp_comm *comm;
    eval_options chosen;
    unsigned splits;
    size_t count; /* of checkpoints; 0: only a dataset is asked for */
    member *members;
    dp_dataset dataset;
    dp_trigram *trigram; /* NULL: not asked for */
    dp_network networks[DP_NETWORKS_MAX];
    dp_mixture mixture;
    dp_mixture_results results;
} eval;

static void clear(eval *self) {
    for (size_t i = 0; i < self->count; i++)
        dp_checkpoint_clear(&self->members[i].checkpoint);
    dp_memory_free(self->members);
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

static dp_status read_shares(eval *self, dp_error *error) {
    dp_checkpoint_choice *choice = &self->chosen.ckpt;
    const size_t count = choice->paths.count == 0 ? 1 : choice->paths.count;
    self->mixture.fits_shares = strcmp(choice->weights, "fit") == 0;
    if (self->mixture.fits_shares && count == 1)
        return dp_fail(error, DP_ERR_INPUT,
                       "--weights fit is for an ensemble: give --ckpt more than once");
    if (is_of_trigram(self) && choice->paths.count > 1)
        return dp_fail(error, DP_ERR_INPUT,
                       "one --ckpt leads to the dataset of a trigram, not several");
    if (self->mixture.fits_shares)
        choice->weights = ""; /* at first */
    return dp_checkpoint_argument_shares(choice, count, self->mixture.shares, error);
}

static dp_status read_request(eval *self, dp_error *error) {
    dp_mixture *mixture = &self->mixture;
    self->splits = self->chosen.split == CHOICE_ALL ? DP_SPLITS_ALL : 1u << self->chosen.split;
    DP_TRY(dp_mixture_read_weight(mixture, self->chosen.mix_weight, error));
    mixture->fits_weight = mixture->fits_weight && is_mixed(self);
    if (is_of_trigram(self) && (is_mixed(self) || self->chosen.mix_weight_given))
        return dp_fail(error, DP_ERR_INPUT,
                       "a mixture is one of the network with a trigram: leave out --model "
                       "trigram%s",
                       is_mixed(self) ? "" : ", and add --mix trigram");
    if (!is_mixed(self) && self->chosen.mix_weight_given)
        return dp_fail(error, DP_ERR_INPUT, "--mix-weight is for a mixture: add --mix trigram");
    return read_shares(self, error);
}

/* --- the checkpoint and the dataset ----------------------------------------------------------- */

/* The first of those with the longest context. */
static const member *leader(const eval *self) {
    const member *longest = &self->members[0];
    for (size_t i = 1; i < self->count; i++) {
        if (self->members[i].checkpoint.facts.block_size > longest->checkpoint.facts.block_size)
            longest = &self->members[i];
    }
    return longest;
}

/* What it was trained on; rank 0 looks where that is. */
static dp_status open_own(eval *self, dp_error *error) {
    const member *one = leader(self);
    char path[DP_PATH_SIZE];
    DP_TRY(
        DP_ON_ROOT(self->comm, dp_dataset_find(one->checkpoint.config.data_path, one->path,
                                               one->checkpoint.facts.dataset_sha256, path, error)));
    dp_comm_broadcast(self->comm, path, sizeof path);
    if (dp_open_dataset(self->comm, path, DP_CHECK_ONCE, &self->dataset, error) == DP_OK)
        return DP_OK;
    return dp_fail_prefix(error, "the dataset that %s was trained on (--data names another)",
                          one->path);
}

static dp_status load_members(eval *self, int count, char **positionals, dp_error *error) {
    const dp_checkpoint_choice *choice = &self->chosen.ckpt;
    const size_t wanted = choice->paths.count == 0 ? 1 : choice->paths.count;
    DP_TRY_NEW_ON_ALL(self->comm, self->members, wanted);
    while (self->count < wanted) {
        const size_t which = self->count++;
        member *one = &self->members[which];
        DP_TRY(dp_checkpoint_argument_load(self->comm, choice, which, count, positionals,
                                           &one->checkpoint, one->path, error));
        self->networks[which] = (dp_network){.layout = &one->checkpoint.layout,
                                             .highest = dp_config_level(&one->checkpoint.config),
                                             .params = one->checkpoint.params};
    }
    dp_comm_set_deadline(self->comm, self->members[0].checkpoint.config.deadline);
    return DP_OK;
}

/* That it can be evaluated there; rank 0 says where that is not what it was trained on. */
static dp_status check_member(eval *self, member *one, dp_error *error) {
    DP_TRY(dp_comm_agree(
        self->comm,
        dp_checkpoint_argument_check_fit(one->path, &one->checkpoint.facts, &self->dataset, error),
        error));
    if (dp_comm_rank(self->comm) == 0 && self->chosen.data[0] == '\0' &&
        self->chosen.text[0] == '\0' &&
        strcmp(self->dataset.info.sha256, one->checkpoint.facts.dataset_sha256) != 0)
        dp_text_print(stderr, "dptrain: notice: %s is not the dataset that %s was trained on\n",
                      self->dataset.path, one->path);
    return DP_OK;
}

/* --- a text -------------------------------------------------------------------------------------
 */

/* All of it is test. */
static dp_status pack_text(const eval *self, const char *path, dp_error *error) {
    dp_packing_request request;
    dp_packing packed;
    DP_TRY(dp_packing_request_init(&request, self->chosen.text, path, 1, error));
    DP_TRY(dp_packing_request_take_vocabulary(&request, leader(self)->path, error));
    request.split = (dp_option_real_list){.count = DP_SPLIT_COUNT, .values = {0.0, 0.0, 1.0}};
    request.skip_unknown = self->chosen.skip_unknown;
    if (dp_packing_run(&packed, &request, NULL, error) != DP_OK)
        return dp_fail_prefix(error, "--text");
    if (packed.unknown_tokens[0] != '\0')
        dp_text_print(stderr, "dptrain: notice: %s: %s\n", self->chosen.text,
                      packed.unknown_tokens);
    if (packed.skipped > 0)
        fprintf(stderr, "dptrain: notice: %s of %s lines are left out\n",
                DP_COUNT_TEXT(packed.skipped), DP_COUNT_TEXT(packed.lines));
    return DP_OK;
}

static dp_status check_text(const eval *self, dp_error *error) {
    const eval_options *chosen = &self->chosen;
    if (chosen->text[0] == '\0' && chosen->skip_unknown)
        return dp_fail(error, DP_ERR_INPUT, "--skip-unknown needs --text");
    if (chosen->text[0] == '\0')
        return DP_OK;
    if (chosen->data[0] != '\0' || chosen->split != CHOICE_ALL)
        return dp_fail(error, DP_ERR_INPUT, "either --text or %s, not both",
                       chosen->data[0] != '\0' ? "--data" : "--split");
    if (is_of_trigram(self) || is_mixed(self))
        return dp_fail(error, DP_ERR_INPUT,
                       "--text has no train and dev for a trigram: pack it by pack_dataset "
                       "--vocab-of and give --data");
    if (dp_comm_node_count(self->comm) > 1)
        return dp_fail(error, DP_ERR_INPUT,
                       "--text is for one host: pack it by pack_dataset --vocab-of where all hosts "
                       "see it and give --data");
    return DP_OK;
}

/* The first rank packs it into a file that has no name once all have it open. */
static dp_status open_text(eval *self, dp_error *error) {
    const char *folder = getenv("TMPDIR");
    char base[DP_PATH_SIZE], path[DP_PATH_SIZE];
    dp_error ignored;
    dp_status status = dp_path_format(base, error, "%s/dptrain-eval",
                                      folder == NULL || folder[0] == '\0' ? "/tmp" : folder);
    if (status == DP_OK)
        status = dp_path_temporary(path, base, error);
    DP_TRY(dp_comm_agree(self->comm, status, error));
    dp_comm_broadcast(self->comm, path, sizeof path);
    DP_TRY(DP_ON_ROOT(self->comm, pack_text(self, path, error)));
    status = dp_open_dataset(self->comm, path, DP_CHECK_ALWAYS, &self->dataset, error);
    if (dp_comm_rank(self->comm) == 0) {
        (void)!dp_check_stamp_remove(&self->dataset, &ignored);
        (void)!dp_file_remove(path, &ignored);
    }
    return status;
}

static dp_status load(eval *self, int count, char **positionals, dp_error *error) {
    const eval_options *chosen = &self->chosen;
    const char *data = chosen->data;
    const bool is_trained_on = data[0] == '\0';
    if (is_of_trigram(self) && !is_trained_on && chosen->ckpt.paths.count == 0 && count == 0)
        return dp_open_dataset(self->comm, data, DP_CHECK_ONCE, &self->dataset, error);
    DP_TRY(load_members(self, count, positionals, error));
    DP_TRY(chosen->text[0] != '\0' ? open_text(self, error)
           : is_trained_on
               ? open_own(self, error)
               : dp_open_dataset(self->comm, data, DP_CHECK_ONCE, &self->dataset, error));
    for (size_t i = 0; i < self->count; i++)
        DP_TRY(check_member(self, &self->members[i], error));
    return DP_OK;
}

/* Splits that were left empty are not asked for, or were asked for in vain. */
static dp_status choose_splits(eval *self, dp_error *error) {
    unsigned filled = 0;
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        filled |= (dp_dataset_rows(&self->dataset, (dp_split)split) > 0 ? 1u : 0u) << split;
    if ((self->splits & filled) == 0)
        return dp_fail(error, DP_ERR_INPUT, "%s has no rows in %s", self->dataset.path,
                       dp_split_name((dp_split)self->chosen.split));
    self->splits &= filled;
    if (self->mixture.fits_shares && (filled >> DP_SPLIT_DEV & 1u) == 0)
        return dp_fail(error, DP_ERR_INPUT, "%s has no rows in dev, where --weights fit looks",
                       self->chosen.text[0] != '\0' ? self->chosen.text : self->dataset.path);
    return DP_OK;
}

/* --- evaluating ------------------------------------------------------------------------------- */

static dp_status evaluate(eval *self, dp_error *error) {
    const dp_network *one = &self->networks[0];
    dp_mixture *mixture = &self->mixture;
    if (self->count == 1 && !is_of_trigram(self) && !is_mixed(self))
        return dp_evaluate(self->comm, &self->dataset, self->splits, one->layout, one->highest,
                           one->params, self->results.network, error);
    if (is_of_trigram(self) || is_mixed(self))
        DP_TRY(dp_trigram_of_dataset(self->comm, &self->dataset, &self->trigram, error));
    mixture->trigram = self->trigram;
    mixture->networks = self->networks;
    mixture->network_count = is_of_trigram(self) ? 0 : self->count;
    return dp_evaluate_mixture(self->comm, &self->dataset, self->splits, mixture, &self->results,
                               error);
}

/* --- printing --------------------------------------------------------------------------------- */

/* An ensemble: the share of each, and its own losses. */
static void add_members(dp_facts *facts, const eval *self) {
    dp_facts_note(facts, "ensemble", "%zu", self->count);
    dp_facts_note(facts, "fitted", self->mixture.fits_shares ? " that are best on dev" : "");
    dp_facts_begin(facts, "members");
    for (size_t i = 0; i < self->count; i++) {
        const member *one = &self->members[i];
        char number[24];
        snprintf(number, sizeof number, "%zu", i + 1);
        dp_facts_begin(facts, number);
        dp_facts_text(facts, "path", one->path);
        dp_summary_add_weights(facts, one->checkpoint.facts.progress.step,
                               one->checkpoint.facts.weights_hash);
        dp_facts_real(facts, "share", self->mixture.shares[i]);
        dp_summary_add_splits(facts, self->splits, self->results.members[i]);
        dp_facts_end(facts);
    }
    dp_facts_end(facts);
}

static void add_mixture(dp_facts *facts, const eval *self) {
    dp_facts_begin(facts, "trigram");
    dp_summary_add_splits(facts, self->splits, self->results.trigram);
    dp_facts_end(facts);
    dp_facts_begin(facts, "mixture");
    dp_facts_real(facts, "network_weight", self->mixture.weight);
    dp_facts_note(facts, "trigram_weight", "%.17g", 1.0 - self->mixture.weight);
    dp_facts_note(facts, "why", self->mixture.fits_weight ? ", as is best on dev" : "");
    dp_summary_add_splits(facts, self->splits, self->results.mixture);
    dp_facts_end(facts);
}

static void add_facts(dp_facts *facts, const eval *self) {
    const member *first = self->members;
    if (is_of_trigram(self)) {
        dp_facts_note(facts, "path", "%s", self->dataset.path);
        dp_facts_text(facts, "model", "trigram");
    } else if (self->count > 1) {
        add_members(facts, self);
    } else {
        dp_facts_note(facts, "path", "%s", first->path);
        dp_summary_add_weights(facts, first->checkpoint.facts.progress.step,
                               first->checkpoint.facts.weights_hash);
    }
    dp_summary_add_splits(facts, self->splits,
                          is_of_trigram(self) ? self->results.trigram : self->results.network);
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
    "[{path}:][ step {step:,}, weights {weights}]"                                                 \
    "[ensemble of {ensemble}, shares{fitted}:]\n"                                                  \
    "<<members {members.*.share:10.4f}  {members.*.path}, step {members.*.step:,}:"                \
    "[ train {members.*.splits.train.loss:.4f}][ dev {members.*.splits.dev.loss:.4f}]"             \
    "[ test {members.*.splits.test.loss:.4f}]\n>>"                                                 \
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
    DP_TRY(dp_comm_agree(comm, check_text(&self, error), error));
    DP_TRY(load(&self, positional_count, arguments, error));
    DP_TRY(dp_comm_agree(comm, choose_splits(&self, error), error));
    dp_comm_set_place(comm, "evaluate",
                      self.count == 0 ? 0 : self.members[0].checkpoint.facts.progress.step);
    DP_TRY(evaluate(&self, error));
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
