#include "request.h"

#include "options/option_arguments.h"
#include "system/cpu.h"
#include "words/word_vocabulary.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* Neither one character nor a word, so that nobody can mean it. */
#define BOUNDARY_DEFAULT DP_PACKING_BOUNDARY_DEFAULT ", " DP_PACKING_BOUNDARY_WORD " or U+2402"

const dp_option dp_request_options[] = {
    DP_PATH(dp_request, packing.output, "output", "", "FILE",
            "dataset to write [the text's name with .h5, here]", .alias = 'o'),
    DP_UNSIGNED(dp_request, packing.block_size, "block_size", "3", 1, DP_BLOCK_SIZE_MAX, "N",
                "tokens of context in a row", .given = offsetof(dp_request, block_size_given)),
    DP_REAL_LIST(dp_request, packing.split, "split", DP_PACKING_SPLIT_DEFAULT, 0, 100, "A,B,C",
                 "shares of train, dev and test", .given = offsetof(dp_request, split_given)),
    DP_UNSIGNED(dp_request, packing.seed, "seed", "42", 0, 18446744073709551615.0, "N",
                "of the shuffle, as in Python's random", .given = offsetof(dp_request, seed_given)),
    DP_PATH(dp_request, packing.boundary, "boundary", BOUNDARY_DEFAULT, "C",
            "what stands for the ends of a word or line", .flags = DP_OPTION_LITERAL),
    DP_CHOICE(dp_request, packing.unit, "unit", "char", DP_NAMES(DP_UNIT_NAMES), NULL,
              "what a token is"),
    DP_UNSIGNED(dp_request, packing.words.min_count, "min_count", "1", 1, 1e15, "N",
                "words: rarer ones become " DP_UNKNOWN_WORD),
    DP_UNSIGNED(dp_request, packing.words.max_vocab, "max_vocab", "0", 0, 1e9, "N",
                "words: keep the most frequent, V tokens in all, at least 4; 0: no limit"),
    DP_SWITCH(dp_request, packing.folding.lowercase, "lowercase",
              "turn capitals of all scripts into small letters"),
    DP_CHOICE(dp_request, packing.folding.normalize, "normalize", "none",
              DP_NAMES(DP_NORMAL_FORM_NAMES), NULL,
              "one form of what Unicode has several for; nfkc: plain letters and blanks, too"),
    DP_SWITCH(dp_request, packing.unique, "unique", "drop words or lines that stand there before"),
    DP_CHOICE(dp_request, packing.words.vocab_from, "vocab_from", "all",
              DP_NAMES(DP_VOCAB_FROM_NAMES), NULL, "words: what is counted"),
    DP_SWITCH(dp_request, packing.stream, "stream", "the text is one sequence, over ends of lines"),
    DP_SWITCH(dp_request, packing.words.no_eol, "no_eol",
              "words of a stream: ends of lines are no " DP_END_OF_LINE),
    DP_UNSIGNED_LIST(dp_request, packing.split_tokens, "split_tokens", "", 1, 1e15, "A,B",
                     "stream: tokens of train and of dev"),
    DP_PATH(dp_request, packing.vocab_of, "vocab_of", "", "PATH",
            "with the tokens of this dataset, checkpoint or run"),
    DP_SWITCH(dp_request, packing.skip_unknown, "skip_unknown",
              "leave out lines with other tokens"),
    DP_TEXT(dp_request, column, "column", "", "N",
            "the text is this column of tables, by number or name"),
    DP_TEXT(dp_request, weight_column, "weight_column", "", "M",
            "how often each line counts is this column, in whole numbers"),
    DP_PATH(dp_request, separator, "separator", "", "C",
            "between columns, or tab [, of *.csv, else tab]", .flags = DP_OPTION_LITERAL),
    DP_PATH(dp_request, packing.inputs[DP_SPLIT_TRAIN], "train", "", "FILE",
            "ready-made training split, kept in its order"),
    DP_PATH(dp_request, packing.inputs[DP_SPLIT_DEV], "dev", "", "FILE",
            "ready-made development split"),
    DP_PATH(dp_request, packing.inputs[DP_SPLIT_TEST], "test", "", "FILE", "ready-made test split"),
    DP_UNSIGNED(dp_request, packing.threads, "threads", "0", 0, DP_CPU_THREADS_MAX, "N",
                "that pack; 0: as many as are of use"),
    DP_SWITCH(dp_request, quiet, "quiet", "print nothing but what is wrong", .alias = 'q'),
    DP_SWITCH(dp_request, verbose, "verbose", "also print the value of every option", .alias = 'v'),
    DP_SWITCH(dp_request, help, "help", "print this and end", .alias = 'h'),
    DP_SWITCH(dp_request, version, "version", "print the version and end"),
    DP_PATH(dp_request, write_to, "write_to", "", "DIR",
            "write man page and completion below this folder and end", .flags = DP_OPTION_HIDDEN),
    DP_OPTIONS_END,
};

/* --- checks ----------------------------------------------------------------------------------- */

/* Also takes 80,10,10. */
static dp_status take_shares(dp_option_real_list *split, dp_error *error) {
    const double tolerance = 1e-6; /* thirds may be written with six digits */
    if (split->count != DP_SPLIT_COUNT)
        return dp_fail(error, DP_ERR_INPUT,
                       "--split has %zu numbers: must be three, such as " DP_PACKING_SPLIT_DEFAULT,
                       split->count);
    double sum = dp_packing_share_sum(dp_packing_share_sum(split->values[0], split->values[1]),
                                      split->values[2]);
    const double whole = fabs(sum - 100.0) <= 100.0 * tolerance ? 100.0 : 1.0;
    for (size_t i = 0; i < split->count; i++)
        split->values[i] /= whole;
    if (whole == 1.0 && fabs(sum - 1.0) > tolerance)
        return dp_fail(
            error, DP_ERR_INPUT,
            "--split %g,%g,%g sums to %.9g: must be 1 or 100, such as " DP_PACKING_SPLIT_DEFAULT,
            split->values[0], split->values[1], split->values[2], sum);
    return DP_OK;
}

static dp_status take_column(dp_request *self, dp_error *error) {
    dp_packing_request *request = &self->packing;
    const char *separator = strcmp(self->separator, "tab") == 0 ? "\t" : self->separator;
    if (self->column[0] == '\0' && separator[0] != '\0')
        return dp_fail(error, DP_ERR_INPUT, "--separator is for tables: add --column");
    if (self->column[0] == '\0' && self->weight_column[0] != '\0')
        return dp_fail(error, DP_ERR_INPUT, "--weight-column is for tables: add --column");
    if (strlen(separator) > 1 || (unsigned char)separator[0] >= 0x80u || separator[0] == '"' ||
        separator[0] == '\n')
        return dp_fail(error, DP_ERR_INPUT,
                       "--separator = '%.80s': must be one character of ASCII, or tab", separator);
    request->column = self->column[0] == '\0' ? NULL : self->column;
    request->weight_column = self->weight_column[0] == '\0' ? NULL : self->weight_column;
    request->separator = separator[0];
    return DP_OK;
}

/* Takes the texts, which become one, from the arguments. */
static dp_status take_text(dp_packing_request *request, int count, char **arguments,
                           dp_error *error) {
    char stem[DP_PATH_SIZE];
    if (count == 0)
        return dp_fail(error, DP_ERR_INPUT, "which text? pack_dataset TEXT (see --help)");
    DP_TRY(dp_path_format(request->inputs[0], error, "%s", arguments[0]));
    request->more = (const char *const *)(arguments + 1);
    request->more_count = (size_t)count - 1;
    DP_TRY(take_shares(&request->split, error));
    if (request->output[0] == '\0' && (count > 1 || arguments[0][0] == '-' ||
                                       strncmp(arguments[0], "/dev/", strlen("/dev/")) == 0))
        return dp_fail(error, DP_ERR_INPUT, "--output is missing: %s",
                       count > 1 ? "several texts need it" : "what has no name needs it");
    if (request->output[0] == '\0') {
        DP_TRY(dp_path_stem(arguments[0], stem, error));
        DP_TRY(dp_path_format(request->output, error, "%s.h5", stem));
    }
    return DP_OK;
}

static dp_status check_ready_made(dp_request *self, int count, char **arguments, dp_error *error) {
    dp_packing_request *request = &self->packing;
    if (count > 0)
        return dp_fail(error, DP_ERR_INPUT,
                       "either one text or --train, --dev and --test, not also '%.200s'",
                       arguments[0]);
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        if (request->inputs[split][0] == '\0')
            return dp_fail(error, DP_ERR_INPUT,
                           "--%s is missing: ready-made splits need --train, --dev and --test",
                           dp_split_name((dp_split)split));
    }
    if (request->output[0] == '\0')
        return dp_fail(error, DP_ERR_INPUT, "--output is missing: ready-made splits need it");
    if (self->split_given || self->seed_given)
        return dp_fail(error, DP_ERR_INPUT,
                       "--split and --seed are for one text: ready-made splits are kept as they "
                       "are");
    request->seed = 0; /* nothing is shuffled */
    return DP_OK;
}

/* The first option given that is for a stream, or NULL. */
static const char *stream_option(const dp_packing_request *request) {
    return request->words.no_eol             ? "--no-eol"
           : request->split_tokens.count > 0 ? "--split-tokens"
                                             : NULL;
}

/* The first one given that says how words become tokens, or NULL. */
static const char *words_option(const dp_packing_request *request) {
    const dp_packing_words *words = &request->words;
    return words->no_eol                            ? "--no-eol"
           : words->min_count != 1                  ? "--min-count"
           : words->max_vocab != 0                  ? "--max-vocab"
           : words->vocab_from != DP_VOCAB_FROM_ALL ? "--vocab-from"
                                                    : NULL;
}

/* The first one given of what a vocabulary brings with it, or NULL. */
static const char *vocabulary_option(const dp_packing_request *request) {
    return request->unit != DP_UNIT_CHAR                      ? "--unit"
           : strcmp(request->boundary, BOUNDARY_DEFAULT) != 0 ? "--boundary"
           : request->folding.lowercase                       ? "--lowercase"
           : request->folding.normalize != DP_NORMAL_NONE     ? "--normalize"
           : request->stream                                  ? "--stream"
                                                              : words_option(request);
}

/* What a text is packed with that has a vocabulary already, but for a block size of its own. */
static dp_status take_vocabulary(dp_request *self, dp_error *error) {
    dp_packing_request *request = &self->packing;
    const uint64_t block_size = request->block_size;
    char path[DP_PATH_SIZE];
    if (request->vocab_of[0] == '\0' && request->skip_unknown)
        return dp_fail(error, DP_ERR_INPUT, "--skip-unknown needs --vocab-of");
    if (request->vocab_of[0] == '\0')
        return DP_OK;
    if (vocabulary_option(request) != NULL)
        return dp_fail(error, DP_ERR_INPUT, "%s comes with the vocabulary of %s: leave it out",
                       vocabulary_option(request), request->vocab_of);
    DP_TRY(dp_path_format(path, error, "%s", request->vocab_of));
    DP_TRY(dp_packing_request_take_vocabulary(request, path, error));
    if (self->block_size_given)
        request->block_size = block_size;
    if (request->skip_unknown && request->stream)
        return dp_fail(error, DP_ERR_INPUT,
                       "--skip-unknown leaves out lines, which the stream of %s has not",
                       request->vocab_of);
    return DP_OK;
}

/* What cannot be given together or is no value whatever else is added: asked first, so that nothing
 * is added in vain. */
static dp_status check_conflicts(const dp_request *self, dp_error *error) {
    const dp_packing_request *request = &self->packing;
    const dp_packing_words *words = &request->words;
    const size_t numbers = request->split_tokens.count;
    if (words->max_vocab != 0 && words->max_vocab < DP_MAX_VOCAB_MINIMUM)
        return dp_fail(error, DP_ERR_INPUT, "--max-vocab = %u: must be at least %u, or 0",
                       (unsigned)words->max_vocab, DP_MAX_VOCAB_MINIMUM);
    if (numbers != 0 && numbers != 2)
        return dp_fail(error, DP_ERR_INPUT,
                       "--split-tokens has %zu numbers: must be two, such as 800000,200000",
                       numbers);
    if (numbers > 0 && (request->ready_made || self->split_given))
        return dp_fail(error, DP_ERR_INPUT, "either --split-tokens or %s, not both",
                       request->ready_made ? "ready-made splits" : "--split");
    if (request->unique && (request->ready_made || request->stream))
        return dp_fail(error, DP_ERR_INPUT, "--unique is for one text that is cut by lines: %s",
                       request->stream ? "a stream is kept as it is"
                                       : "ready-made splits are kept as they are");
    if (request->weight_column != NULL && request->stream)
        return dp_fail(
            error, DP_ERR_INPUT,
            "--weight-column is for lines, which a stream has not: leave out one of them");
    if (self->seed_given && (request->stream || stream_option(request) != NULL))
        return dp_fail(error, DP_ERR_INPUT,
                       "--seed is for a shuffle: leave it out, as a stream is cut in order");
    return DP_OK;
}

/* What an option needs beside it: all of that at once. */
static dp_status check_needs(const dp_packing_request *request, dp_error *error) {
    const char *of_words = words_option(request), *of_stream = stream_option(request);
    const bool is_words = request->unit == DP_UNIT_WORD, stream = request->stream;
    const bool needs_words = request->words.no_eol && !is_words;
    if (of_stream != NULL && (needs_words || !stream))
        return dp_fail(error, DP_ERR_INPUT, "%s is for a stream%s: add %s%s%s", of_stream,
                       request->words.no_eol ? " of words" : "", needs_words ? "--unit word" : "",
                       needs_words && !stream ? " " : "", stream ? "" : "--stream");
    if (is_words || of_words == NULL)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%s is for words: add --unit word, which makes each word a token", of_words);
}

static dp_status check_unit(dp_request *self, dp_error *error) {
    dp_packing_request *request = &self->packing;
    DP_TRY(take_vocabulary(self, error));
    if (strcmp(request->boundary, BOUNDARY_DEFAULT) == 0)
        DP_TRY(dp_path_format(request->boundary, error, "%s",
                              request->unit == DP_UNIT_WORD ? DP_PACKING_BOUNDARY_WORD
                              : request->stream             ? DP_PACKING_BOUNDARY_STREAM
                                                            : DP_PACKING_BOUNDARY_DEFAULT));
    DP_TRY(check_conflicts(self, error));
    DP_TRY(check_needs(request, error));
    if (request->stream)
        request->seed = 0; /* nothing is shuffled */
    return DP_OK;
}

static bool is_same_file(const char *path, const struct stat *other) {
    struct stat own;
    return path[0] != '\0' && stat(path, &own) == 0 && own.st_dev == other->st_dev &&
           own.st_ino == other->st_ino;
}

/* Replacing the output must not destroy what is read or something that is no file. */
static dp_status check_output(const dp_packing_request *request, dp_error *error) {
    struct stat output;
    const bool exists = stat(request->output, &output) == 0;
    for (int i = 0; i < DP_SPLIT_COUNT && exists; i++) {
        if (is_same_file(request->inputs[i], &output))
            return dp_fail(error, DP_ERR_INPUT,
                           "output '%.200s' is the text itself; name another file with -o",
                           request->output);
    }
    for (size_t i = 0; i < request->more_count && exists; i++) {
        if (is_same_file(request->more[i], &output))
            return dp_fail(error, DP_ERR_INPUT,
                           "output '%.200s' is one of the texts; name another file with -o",
                           request->output);
    }
    if (exists && is_same_file(request->vocab_of, &output))
        return dp_fail(error, DP_ERR_INPUT,
                       "output '%.200s' is what --vocab-of names; name another file with -o",
                       request->output);
    return dp_file_kind_check_output(request->output, DP_FILE_DATASET, error);
}

dp_status dp_request_parse(dp_request *request, int count, char **arguments, dp_error *error) {
    dp_packing_request *packing = &request->packing;
    int texts = 0;
    memset(request, 0, sizeof *request);
    DP_TRY(
        dp_options_parse_arguments(dp_request_options, request, count, arguments, &texts, error));
    if (request->help || request->version || request->write_to[0] != '\0')
        return DP_OK;
    DP_TRY(take_column(request, error));
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        packing->ready_made = packing->ready_made || packing->inputs[split][0] != '\0';
    if (packing->ready_made)
        DP_TRY(check_ready_made(request, texts, arguments, error));
    else
        DP_TRY(take_text(packing, texts, arguments, error));
    DP_TRY(check_unit(request, error));
    return check_output(packing, error);
}
