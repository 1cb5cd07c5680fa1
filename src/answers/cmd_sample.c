#include "answers/answers.h"
#include "base/memory.h"
#include "base/real.h"
#include "cli/checkpoint_argument.h"
#include "data/dataset_lines.h"
#include "formats/json.h"
#include "sample_txt.h"
#include "system/process.h"
#include "system/terminal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SEED_MAX ((uint64_t)9000000000000000)
#define SEED_DRAWN_MAX ((uint64_t)1000000000) /* can be typed again */

typedef struct sample_options {
    dp_checkpoint_choice ckpt;
    char data[DP_PATH_SIZE];
    uint64_t count;
    const char *seed;
    double temperature;
    const char *prompt;
    uint64_t length;
    uint64_t top_k;
    double top_p;
    uint64_t min_length;
    uint64_t max_length;
    bool unique;
    bool novel;
    bool json;
} sample_options;

static const dp_option options[] = {
    DP_CHECKPOINT_OPTIONS(sample_options),
    DP_UNSIGNED(sample_options, count, "count", "20", 0, 1e9, "N", "samples to draw", .alias = 'n'),
    DP_TEXT(sample_options, seed, "seed", "42", "S", "of the draws; random: one that is shown"),
    DP_REAL(sample_options, temperature, "temperature", "1", 0, 100, "T",
            "below 1: likelier tokens; 0: the likeliest only"),
    DP_UNSIGNED(sample_options, top_k, "top_k", "0", 0, 1e9, "K",
                "only the K likeliest tokens at each place; 0: all"),
    DP_REAL(sample_options, top_p, "top_p", "1", 0, 1, "P",
            "of these the likeliest, until their probabilities sum up to P"),
    DP_TEXT(sample_options, prompt, "prompt", "", "TEXT", "begin each sample with this"),
    DP_UNSIGNED(sample_options, length, "length", "0", 0, 1e9, "N",
                "cut a sample behind so many tokens; 0: 1000, of running text 40"),
    DP_UNSIGNED(sample_options, min_length, "min_length", "0", 0, 1e9, "N",
                "only whole samples of so many tokens or more"),
    DP_UNSIGNED(sample_options, max_length, "max_length", "0", 0, 1e9, "N",
                "only whole samples of so many tokens or fewer; 0: any"),
    DP_SWITCH(sample_options, unique, "unique", "none twice"),
    DP_SWITCH(sample_options, novel, "novel", "none that is a line of the dataset, of any split"),
    DP_PATH(sample_options, data, "data", "", "FILE",
            "the dataset of --novel; none: the one it was trained on"),
    DP_SWITCH(sample_options, json, "json", "a JSON object a line, with how likely the sample is"),
    DP_OPTIONS_END,
};

typedef struct sample_job {
    sample_options chosen;
    dp_asked asked;
    dptrain_description is;
    dptrain_sampling how;
    dptrain_texts *unlike;
    dp_text line;
} sample_job;

static void clear(sample_job *self) {
    dp_checkpoint_argument_close(&self->asked);
    dptrain_texts_destroy(self->unlike);
    dp_text_clear(&self->line);
}

/* --- what is asked -------------------------------------------------------------------------- */

static dp_status read_seed(sample_job *self, dp_error *error) {
    const char *seed = self->chosen.seed;
    if (strcmp(seed, "random") == 0) {
        DP_TRY(dp_process_random(&self->how.seed, error));
        self->how.seed %= SEED_DRAWN_MAX;
        fprintf(stderr, "dptrain: notice: --seed %" PRIu64 "\n", self->how.seed);
        return DP_OK;
    }
    if (dp_text_parse_unsigned(seed, &self->how.seed) && self->how.seed <= SEED_MAX)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "--seed = '%s': must be a whole number from 0 to %" PRIu64 ", or random", seed,
                   SEED_MAX);
}

static dp_status check_options(const sample_job *self, dp_error *error) {
    const sample_options *chosen = &self->chosen;
    if (chosen->data[0] != '\0' && !chosen->novel)
        return dp_fail(error, DP_ERR_INPUT, "--data is the dataset of --novel: add that");
    if (self->is.stream && (chosen->novel || chosen->min_length > 0 || chosen->max_length > 0))
        return dp_fail(error, DP_ERR_INPUT,
                       "%s is for models of lines, and this one was trained on running text%s",
                       chosen->novel            ? "--novel"
                       : chosen->min_length > 0 ? "--min-length"
                                                : "--max-length",
                       chosen->novel ? "" : ": --length says how long a sample is");
    return DP_OK;
}

/* Refuses a prompt that the model cannot read, and tells of words that it does not know. */
static dp_status read_prompt(const sample_job *self, dp_error *error) {
    DP_OWNED(dp_memory_release) uint32_t *context = NULL;
    const char *prompt = self->chosen.prompt;
    dptrain_error said;
    size_t unknown = 0;
    DP_TRY_NEW(context, self->is.block_size);
    if (dp_checkpoint_argument_status(
            dptrain_context(self->asked.model, prompt, strlen(prompt), context, &said), &said,
            error) != DP_OK)
        return dp_fail_prefix(error, "--prompt");
    const size_t count =
        dptrain_encode(self->asked.model, prompt, strlen(prompt), NULL, 0, &unknown);
    if (unknown > 0)
        fprintf(stderr,
                "dptrain: notice: --prompt: %zu of %zu words are not in the vocabulary: <unk>\n",
                unknown, count);
    return DP_OK;
}

/* --- what shall not be drawn ---------------------------------------------------------------- */

static void clear_lines(dp_dataset_lines *lines) {
    dp_text_clear(&lines->line);
}

static dp_status avoid_split(sample_job *self, const dp_dataset *dataset, dp_split split,
                             dp_error *error) {
    DP_OWNED(clear_lines) dp_dataset_lines lines = {.dataset = dataset, .split = split};
    dptrain_error said;
    while (dp_dataset_lines_next(&lines))
        DP_TRY(dp_checkpoint_argument_status(dptrain_texts_add(self->unlike,
                                                               dp_text_string(&lines.line),
                                                               lines.line.length, NULL, &said),
                                             &said, error));
    return dp_text_check(&lines.line, error);
}

static dp_status avoid_dataset(sample_job *self, dp_error *error) {
    DP_OWNED(dp_dataset_close) dp_dataset dataset = {0};
    if (dp_checkpoint_argument_dataset(&self->asked, self->chosen.data, &dataset, error) != DP_OK)
        return dp_fail_prefix(error, "--novel needs the dataset (--data names it)");
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        DP_TRY(avoid_split(self, &dataset, (dp_split)split, error));
    return DP_OK;
}

static dp_status begin(sample_job *self, dp_error *error) {
    const sample_options *chosen = &self->chosen;
    dptrain_error said;
    dptrain_describe(self->asked.model, &self->is, sizeof self->is);
    dptrain_sampling_init(&self->how, sizeof self->how);
    DP_TRY(check_options(self, error));
    DP_TRY(read_prompt(self, error));
    DP_TRY(read_seed(self, error));
    self->how.temperature = chosen->temperature;
    self->how.prompt = chosen->prompt;
    self->how.length = chosen->length;
    self->how.top_k = chosen->top_k;
    self->how.top_p = chosen->top_p;
    self->how.min_length = chosen->min_length;
    self->how.max_length = chosen->max_length;
    self->how.unique = chosen->unique;
    if (chosen->unique || chosen->novel)
        DP_TRY(dp_checkpoint_argument_status(dptrain_texts_create(&self->unlike, &said), &said,
                                             error));
    self->how.unlike = self->unlike;
    return chosen->novel ? avoid_dataset(self, error) : DP_OK;
}

/* --- samples -------------------------------------------------------------------------------- */

static void append_json(const dptrain_drawn *drawn, dp_text *line) {
    dp_json_begin_object(line);
    dp_json_key(line, "text");
    dp_json_string(line, drawn->text);
    dp_json_key(line, "tokens");
    dp_json_unsigned(line, drawn->tokens);
    dp_json_key(line, "log_probability");
    dp_json_real(line, drawn->log_probability);
    dp_json_key(line, "probability");
    dp_json_real(line, dp_real_exp(drawn->log_probability));
    dp_json_end_object(line);
}

static dp_status print_samples(sample_job *self, dp_error *error) {
    const uint64_t wanted = self->chosen.count;
    dptrain_drawn drawn = {0};
    dptrain_error said;
    for (uint64_t i = 0, index = 0; i < wanted; i++, index = drawn.index + 1) {
        if (dp_checkpoint_argument_status(
                dptrain_draw(self->asked.model, &self->how, index, &drawn, sizeof drawn, &said),
                &said, error) != DP_OK)
            return dp_fail_prefix(error, "%s of %s samples", DP_COUNT_TEXT(i),
                                  DP_COUNT_TEXT(wanted));
        if (self->chosen.json)
            append_json(&drawn, &self->line);
        else
            dp_text_append(&self->line, drawn.text);
        dp_text_append(&self->line, "\n");
        DP_TRY(dp_text_check(&self->line, error));
        dp_terminal_print_data(stdout, dp_text_string(&self->line), self->line.length);
        dp_text_cut(&self->line, 0);
    }
    return DP_OK;
}

static dp_status answer(int count, char **arguments, dp_error *error) {
    DP_OWNED(clear) sample_job self = {0};
    int positionals = 0;
    DP_TRY(
        dp_options_parse_arguments(options, &self.chosen, count, arguments, &positionals, error));
    DP_TRY(
        dp_checkpoint_argument_open(&self.chosen.ckpt, positionals, arguments, &self.asked, error));
    DP_TRY(begin(&self, error));
    return print_samples(&self, error);
}

const dp_command dp_command_sample = {
    .name = "sample",
    .arguments = "[PATH]",
    .purpose = "draw words, lines or running text from a checkpoint",
    .details = sample_txt,
    .examples = "dptrain sample runs/base -n 20\n"
                "dptrain sample runs/base --prompt em --temperature 0.8\n"
                "dptrain sample runs/base --novel --unique --max-length 8\n",
    .options = options,
    .answer = answer,
};
