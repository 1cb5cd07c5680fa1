#include "base/memory.h"
#include "base/real.h"
#include "base/size.h"
#include "base/utf8.h"
#include "cli/checkpoint_argument.h"
#include "data/dataset_lines.h"
#include "engine/evaluate.h"
#include "formats/json.h"
#include "jobs/jobs.h"
#include "library/handle.h"
#include "score_txt.h"
#include "system/line_reader.h"
#include "system/terminal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum score_format { FORMAT_TSV, FORMAT_JSONL } score_format;

typedef struct score_options {
    dp_checkpoint_choice ckpt;
    char data[DP_PATH_SIZE];
    score_format format;
    unsigned base;
    bool tokens;
    bool per_token;
    bool nbest;
    bool summary;
    double flag;
    bool flag_given;
    double threshold;
    bool threshold_given;
} score_options;

static const dp_option options[] = {
    DP_CHECKPOINT_OPTIONS(score_options),
    DP_CHOICE(score_options, format, "format", "tsv", DP_NAMES("tsv", "jsonl"), "FORMAT",
              "columns with tabs between, or a JSON object a line"),
    DP_CHOICE(score_options, base, "base", "e", DP_NAMES("e", "2", "10"), "BASE",
              "of logarithms and surprisals"),
    DP_SWITCH(score_options, per_token, "per_token", "the log-probability a token"),
    DP_SWITCH(score_options, tokens, "tokens",
              "a line a token: its surprisal, and its rank among all that might stand there"),
    DP_SWITCH(score_options, nbest, "nbest",
              "lines are 'id ||| text ||| features ||| score', as of Moses and Marian: adds a "
              "feature dptrain="),
    DP_SWITCH(score_options, summary, "summary", "only the sums of all lines"),
    DP_REAL(score_options, flag, "flag", "0.01", 0, 1, "RATE",
            "mark lines less likely a token than RATE of the lines of dev",
            .given = offsetof(score_options, flag_given)),
    DP_REAL(score_options, threshold, "threshold", "0", -1e300, 0, "X",
            "mark lines of which a token has a natural log-probability below X",
            .given = offsetof(score_options, threshold_given)),
    DP_PATH(score_options, data, "data", "", "FILE",
            "the dataset of --flag; none: the one it was trained on"),
    DP_OPTIONS_END,
};

/* So many lines are scored at once, by all ranks, where so many have come. */
#define LINES_MAX 4096

/* Where a line of a part is, from the first one on. */
typedef struct line_place {
    uint64_t begin, length;
} line_place;

typedef struct score_job {
    dp_comm *comm; /* NULL: one process, without a job */
    score_options chosen;
    dp_asked asked;
    dptrain_description is;
    double unit; /* of logarithms: ln of their base */
    bool flags;
    dp_line_reader reader;
    uint64_t line_count, flagged; /* of the first rank, as what is read and `sum` */
    dptrain_text_score sum;
    char *lines[LINES_MAX]; /* whole, of an n-best list */
    const char *texts[LINES_MAX];
    size_t lengths[LINES_MAX];
    dptrain_text_score scores[LINES_MAX];
    dp_text out;
    int unwritten; /* errno of the output; 0: all is written */
    /* Where ranks share the lines: */
    bool have_left; /* the others, after a failure that all agreed on */
    char *part; /* [part_capacity]: the lines of this rank, or what another has made of its own */
    size_t part_capacity;
    uint64_t *part_lengths; /* [ranks]: of what each has made */
    line_place places[LINES_MAX];
    dptrain_token_score *tokens; /* [token_capacity] */
    size_t token_capacity;
} score_job;

/* --- numbers -------------------------------------------------------------------------------- */

static double per_token(double log_probability, uint64_t tokens) {
    return tokens == 0 ? 0.0 : log_probability / (double)tokens;
}

static double perplexity(double log_probability, uint64_t tokens) {
    return dp_real_exp(-per_token(log_probability, tokens));
}

static double shown_log_probability(const score_job *self, const dptrain_text_score *score) {
    const double value = score->log_probability / self->unit;
    return self->chosen.per_token ? per_token(value, score->tokens) : value;
}

static bool is_flagged(const score_job *self, const dptrain_text_score *score) {
    return self->flags && per_token(score->log_probability, score->tokens) < self->chosen.threshold;
}

/* --- lines ---------------------------------------------------------------------------------- */

/* A text of any bytes, as JSON has it. */
static void add_text(const char *text, size_t length, dp_text *out) {
    DP_OWNED(dp_text_clear) dp_text valid = {0};
    for (size_t at = 0; at < length;) {
        const size_t good = dp_utf8_valid_bytes(text + at, strnlen(text + at, length - at));
        dp_text_append_bytes(&valid, text + at, good);
        at += good;
        if (at < length)
            dp_text_append(&valid, "\xEF\xBF\xBD");
        at += at < length;
    }
    dp_json_string(out, dp_text_string(&valid));
    out->failed = out->failed || valid.failed;
}

static void append_token(const score_job *self, const dptrain_token_score *token, const char *text,
                         dp_text *out) {
    const bool is_known = token->id != DPTRAIN_UNKNOWN;
    const char *name = is_known ? dptrain_token(self->asked.model, token->id) : text + token->begin;
    const size_t length = is_known ? strlen(name) : token->length;
    const double surprisal = -token->log_probability / self->unit;
    if (self->chosen.format == FORMAT_TSV) {
        dp_text_append_bytes(out, name, length);
        dp_text_append_format(out, "\t%.6f\t%" PRIu64 "\n", surprisal, token->rank);
        return;
    }
    dp_json_begin_object(out);
    dp_json_key(out, "token");
    add_text(name, length, out);
    dp_json_key(out, "surprisal");
    dp_json_real(out, surprisal);
    dp_json_key(out, "rank");
    dp_json_unsigned(out, token->rank);
    dp_json_end_object(out);
}

static dp_status append_tokens(score_job *self, size_t i, dp_error *error) {
    size_t count = 0;
    dptrain_error said;
    DP_TRY_GROW(self->tokens, &self->token_capacity, self->lengths[i] + 1);
    DP_TRY(dp_checkpoint_argument_status(
        dptrain_score_tokens(self->asked.model, self->texts[i], self->lengths[i], self->tokens,
                             self->token_capacity, sizeof *self->tokens, &count, &said),
        &said, error));
    for (size_t t = 0; t < count; t++)
        append_token(self, &self->tokens[t], self->texts[i], &self->out);
    return DP_OK;
}

static dp_status append_json(score_job *self, size_t i, dp_error *error) {
    const dptrain_text_score *score = &self->scores[i];
    dp_text *out = &self->out;
    dp_json_begin_object(out);
    dp_json_key(out, "text");
    add_text(self->texts[i], self->lengths[i], out);
    dp_json_key(out, "log_probability");
    dp_json_real(out, shown_log_probability(self, score));
    dp_json_key(out, "tokens");
    dp_json_unsigned(out, score->tokens);
    dp_json_key(out, "unknown");
    dp_json_unsigned(out, score->unknown);
    dp_json_key(out, "perplexity");
    dp_json_real(out, perplexity(score->log_probability, score->tokens));
    if (self->flags) {
        dp_json_key(out, "flagged");
        dp_json_bool(out, is_flagged(self, score));
    }
    if (self->chosen.tokens) {
        dp_json_key(out, "by_token");
        dp_json_begin_array(out);
        DP_TRY(append_tokens(self, i, error));
        dp_json_end_array(out);
    }
    dp_json_end_object(out);
    dp_text_append(out, "\n");
    return DP_OK;
}

static void append_columns(score_job *self, size_t i) {
    const dptrain_text_score *score = &self->scores[i];
    dp_text_append_format(&self->out, "%.6f\t%" PRIu64 "\t%" PRIu64 "\t%.4f\t",
                          shown_log_probability(self, score), score->tokens, score->unknown,
                          perplexity(score->log_probability, score->tokens));
    if (self->flags)
        dp_text_append(&self->out, is_flagged(self, score) ? "!\t" : "\t");
    dp_text_append_bytes(&self->out, self->texts[i], self->lengths[i]);
    dp_text_append(&self->out, "\n");
}

/* The line with a feature more, behind those that it has. */
static void append_nbest(score_job *self, size_t i) {
    const char *features = self->texts[i] + self->lengths[i] + strlen(" ||| ");
    const char *behind = strstr(features, " ||| ");
    const size_t front =
        (size_t)((behind == NULL ? features + strlen(features) : behind) - self->lines[i]);
    dp_text_append_bytes(&self->out, self->lines[i], front);
    dp_text_append_format(&self->out, " dptrain= %.6f%s\n",
                          shown_log_probability(self, &self->scores[i]),
                          behind == NULL ? "" : behind);
}

static dp_status append_line(score_job *self, size_t i, dp_error *error) {
    if (self->chosen.nbest) {
        append_nbest(self, i);
    } else if (self->chosen.format == FORMAT_JSONL) {
        DP_TRY(append_json(self, i, error));
    } else if (self->chosen.tokens) {
        DP_TRY(append_tokens(self, i, error));
        dp_text_append(&self->out, "\n");
    } else {
        append_columns(self, i);
    }
    return DP_OK;
}

/* --- reading -------------------------------------------------------------------------------- */

static dp_status find_text(score_job *self, size_t i, dp_error *error) {
    const char *begin = strstr(self->lines[i], " ||| ");
    const char *end = begin == NULL ? NULL : strstr(begin + strlen(" ||| "), " ||| ");
    if (end == NULL)
        return dp_fail(error, DP_ERR_INPUT,
                       "%s:%" PRIu64 ": not 'id ||| text ||| features ...', as --nbest expects",
                       self->reader.name, self->line_count + i + 1);
    self->texts[i] = begin + strlen(" ||| ");
    self->lengths[i] = (size_t)(end - self->texts[i]);
    return DP_OK;
}

/* The lines that are there, up to LINES_MAX. */
static dp_status take_lines(score_job *self, size_t *count, dp_error *error) {
    *count = 0;
    while (*count < LINES_MAX &&
           dp_line_reader_next(&self->reader, &self->lines[*count], &self->lengths[*count])) {
        self->texts[*count] = self->lines[*count];
        if (self->chosen.nbest)
            DP_TRY(find_text(self, *count, error));
        ++*count;
    }
    return DP_OK;
}

/* Fills scores and `out` for the first `count` texts. */
static dp_status score_lines(score_job *self, size_t count, dp_error *error) {
    dptrain_error said;
    dp_text_cut(&self->out, 0);
    DP_TRY(dp_checkpoint_argument_status(dptrain_score_texts(self->asked.model, self->texts,
                                                             self->lengths, count, self->scores,
                                                             sizeof self->scores[0], &said),
                                         &said, error));
    for (size_t i = 0; i < count && !self->chosen.summary; i++)
        DP_TRY(append_line(self, i, error));
    return dp_text_check(&self->out, error);
}

/* Adds up the scores of the next `count` lines and prints what was made of them. */
static void take_result(score_job *self, size_t count, const char *out, size_t length) {
    for (size_t i = 0; i < count; i++) {
        const dptrain_text_score *score = &self->scores[i];
        self->sum.log_probability += score->log_probability;
        self->sum.known_log_probability += score->known_log_probability;
        self->sum.tokens += score->tokens;
        self->sum.unknown += score->unknown;
        self->flagged += is_flagged(self, score);
    }
    self->line_count += count;
    dp_terminal_print_data(stdout, out, length);
    if (fflush(stdout) != 0 && self->unwritten == 0)
        self->unwritten = errno;
}

/* --- the sums -------------------------------------------------------------------------------- */

static void print_summary(const score_job *self) {
    const dptrain_text_score *sum = &self->sum;
    const uint64_t known = sum->tokens - sum->unknown;
    printf("lines                      %s\n"
           "tokens                     %s%s\n"
           "unknown                    %s\n"
           "log-probability            %.6f\n"
           "perplexity                 %.4f\n"
           "  without unknown tokens   %.4f\n",
           DP_COUNT_TEXT(self->line_count), DP_COUNT_TEXT(sum->tokens),
           self->is.stream ? "" : ", the ends of lines among them", DP_COUNT_TEXT(sum->unknown),
           sum->log_probability / self->unit, perplexity(sum->log_probability, sum->tokens),
           perplexity(sum->known_log_probability, known));
    if (self->flags)
        printf("marked                     %s\n", DP_COUNT_TEXT(self->flagged));
}

/* --- lines that ranks share ------------------------------------------------------------------
 * The first rank reads and prints; each scores a part of the lines that have come. What comes next
 * the first says by a call. */

typedef enum call_kind { CALL_LINES, CALL_REST, CALL_END } call_kind;

typedef struct call {
    call_kind kind;
    dp_status status;      /* of CALL_END */
    uint64_t count, bytes; /* of CALL_LINES: how many lines, and all of them */
} call;

static bool is_first(const score_job *self) {
    return self->comm == NULL || dp_comm_rank(self->comm) == 0;
}

static dp_status agree(const score_job *self, dp_status status, dp_error *error) {
    return self->comm == NULL ? status : dp_comm_agree(self->comm, status, error);
}

static void make_call(const score_job *self, call next) {
    if (self->comm != NULL)
        dp_comm_broadcast(self->comm, &next, sizeof next);
}

/* Where the part of a rank begins. */
static size_t part_of(const score_job *self, size_t count, int rank) {
    return count * (size_t)rank / (size_t)dp_comm_size(self->comm);
}

/* The lines [first, end), which lie behind one another as they were read. */
static void send_lines(score_job *self, size_t first, size_t end, int rank) {
    const size_t count = end - first;
    for (size_t i = 0; i < count; i++) {
        char *line = self->lines[first + i];
        const size_t length = self->chosen.nbest ? strlen(line) : self->lengths[first + i];
        self->places[i] = (line_place){(uint64_t)(line - self->lines[first]), length};
    }
    dp_comm_send(self->comm, rank, self->places, count * sizeof *self->places);
    if (count > 0)
        dp_comm_send(self->comm, rank, self->lines[first],
                     self->places[count - 1].begin + self->places[count - 1].length + 1);
}

static dp_status receive_lines(score_job *self, size_t count, dp_error *error) {
    const line_place *places = self->places;
    dp_comm_receive(self->comm, 0, self->places, count * sizeof *places);
    if (count > 0)
        dp_comm_receive(self->comm, 0, self->part,
                        places[count - 1].begin + places[count - 1].length + 1);
    for (size_t i = 0; i < count; i++) {
        self->texts[i] = self->lines[i] = self->part + places[i].begin;
        self->lengths[i] = places[i].length;
        if (self->chosen.nbest)
            DP_TRY(find_text(self, i, error));
    }
    return DP_OK;
}

/* The first rank prints its own part and then those of the others, as they come, in their order. A
 * failure of that is for it alone to tell, once all have sent theirs. */
static void print_parts(score_job *self, size_t count) {
    const int ranks = dp_comm_size(self->comm);
    take_result(self, part_of(self, count, 1), dp_text_string(&self->out), self->out.length);
    for (int rank = 1; rank < ranks; rank++) {
        const size_t lines = part_of(self, count, rank + 1) - part_of(self, count, rank);
        dp_comm_receive(self->comm, rank, self->scores, lines * sizeof self->scores[0]);
        dp_comm_receive(self->comm, rank, self->part, self->part_lengths[rank]);
        take_result(self, lines, self->part, self->part_lengths[rank]);
    }
}

static dp_status grow_for_parts(score_job *self, dp_error *error) {
    uint64_t longest = 0;
    for (int rank = 0; is_first(self) && rank < dp_comm_size(self->comm); rank++)
        longest = self->part_lengths[rank] > longest ? self->part_lengths[rank] : longest;
    DP_TRY_GROW(self->part, &self->part_capacity, longest);
    return DP_OK;
}

/* Collective: what is made of a call's lines, which the first rank has. */
static dp_status score_shared(score_job *self, size_t count, size_t bytes, dp_error *error) {
    dp_comm *comm = self->comm;
    const int rank = dp_comm_rank(comm);
    const size_t own = part_of(self, count, rank + 1) - part_of(self, count, rank);
    dp_status status = dp_memory_grow((void **)&self->part, &self->part_capacity, bytes, 1, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    for (int other = 1; rank == 0 && other < dp_comm_size(comm); other++)
        send_lines(self, part_of(self, count, other), part_of(self, count, other + 1), other);
    if (rank > 0)
        status = receive_lines(self, own, error);
    if (status == DP_OK)
        status = score_lines(self, own, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    const uint64_t length = self->out.length;
    dp_comm_gather_all(comm, &length, sizeof length, self->part_lengths);
    DP_TRY(dp_comm_agree(comm, grow_for_parts(self, error), error));
    if (rank == 0) {
        print_parts(self, count);
    } else {
        dp_comm_send(comm, 0, self->scores, own * sizeof self->scores[0]);
        dp_comm_send(comm, 0, dp_text_string(&self->out), length);
    }
    return DP_OK;
}

/* --- the first rank ------------------------------------------------------------------------- */

static dp_status score_taken(score_job *self, size_t count, dp_error *error) {
    if (self->comm == NULL) {
        DP_TRY(score_lines(self, count, error));
        take_result(self, count, dp_text_string(&self->out), self->out.length);
    } else {
        const char *last = self->lines[count - 1];
        const size_t length = self->chosen.nbest ? strlen(last) : self->lengths[count - 1];
        const size_t bytes = (size_t)(last - self->lines[0]) + length + 1;
        make_call(self, (call){.kind = CALL_LINES, .count = count, .bytes = bytes});
        const dp_status status = score_shared(self, count, bytes, error);
        self->have_left = status != DP_OK;
        DP_TRY(status);
    }
    if (self->unwritten != 0)
        return dp_fail_errno(error, self->unwritten, "cannot write the output");
    return DP_OK;
}

/* The others sleep where it may take long. */
static dp_status wait_for_lines(score_job *self, bool *more, dp_error *error) {
    const bool rests = self->comm != NULL && dp_line_reader_must_wait(&self->reader);
    if (rests)
        make_call(self, (call){.kind = CALL_REST});
    const dp_status status = dp_line_reader_fill(&self->reader, more, error);
    if (rests)
        dp_comm_rest(self->comm, NULL, NULL);
    return status;
}

static dp_status score_file(score_job *self, dp_error *error) {
    bool more = true;
    for (;;) {
        size_t count = 0;
        DP_TRY(wait_for_lines(self, &more, error));
        if (!more)
            return self->flagged == 0 ? DP_OK : dp_fail(error, DP_ANSWER_NO, "%s", "");
        do {
            DP_TRY(take_lines(self, &count, error));
            if (count > 0)
                DP_TRY(score_taken(self, count, error));
        } while (count == LINES_MAX);
    }
}

static dp_status lead(score_job *self, dp_error *error) {
    const dp_status status = score_file(self, error);
    if (!self->have_left)
        make_call(self, (call){.kind = CALL_END, .status = status});
    if (self->chosen.summary && (status == DP_OK || status == DP_ANSWER_NO))
        print_summary(self);
    return status;
}

/* --- the others ----------------------------------------------------------------------------- */

static dp_status follow(score_job *self, dp_error *error) {
    for (;;) {
        call next;
        dp_comm_broadcast(self->comm, &next, sizeof next);
        if (next.kind == CALL_END)
            return next.status == DP_OK ? DP_OK : dp_fail(error, next.status, "%s", "");
        if (next.kind == CALL_REST)
            dp_comm_rest(self->comm, NULL, NULL);
        else
            DP_TRY(score_shared(self, next.count, next.bytes, error));
    }
}

/* --- the lines of dev ----------------------------------------------------------------------- */

static int lowest_first(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The log-probabilities of the lines, a token. */
static dp_status score_dev(score_job *self, dp_dataset_lines *lines, double *values, size_t *count,
                           dp_error *error) {
    while (dp_dataset_lines_next(lines)) {
        dptrain_text_score score;
        dptrain_error said;
        DP_TRY(dp_checkpoint_argument_status(
            dptrain_score(self->asked.model, dp_text_string(&lines->line), lines->line.length,
                          &score, sizeof score, &said),
            &said, error));
        values[(*count)++] = per_token(score.log_probability, score.tokens);
    }
    return dp_text_check(&lines->line, error);
}

static void clear_lines(dp_dataset_lines *lines) {
    dp_text_clear(&lines->line);
}

static dp_status fit_threshold(score_job *self, dp_error *error) {
    DP_OWNED(dp_dataset_close) dp_dataset dataset = {0};
    DP_OWNED(dp_memory_release) double *values = NULL;
    DP_OWNED(clear_lines) dp_dataset_lines lines = {.dataset = &dataset, .split = DP_SPLIT_DEV};
    size_t count = 0;
    if (self->is.stream)
        return dp_fail(error, DP_ERR_INPUT,
                       "--flag is for models of lines, and this one was trained on running text");
    if (dp_checkpoint_argument_dataset(&self->asked, self->chosen.data, &dataset, error) != DP_OK)
        return dp_fail_prefix(error,
                              "--flag needs the dev split (--data names it, or --threshold)");
    DP_TRY_NEW(values, dp_dataset_rows(&dataset, DP_SPLIT_DEV));
    DP_TRY(score_dev(self, &lines, values, &count, error));
    if (count == 0)
        return dp_fail(error, DP_ERR_INPUT, "%s: dev has no whole line", dataset.path);
    qsort(values, count, sizeof *values, lowest_first);
    self->chosen.threshold =
        values[dp_size_min((size_t)(self->chosen.flag * (double)count), count - 1)];
    fprintf(stderr, "dptrain: notice: --threshold %s: %zu of the %zu lines of dev are below\n",
            DP_REAL_TEXT(self->chosen.threshold), (size_t)(self->chosen.flag * (double)count),
            count);
    return DP_OK;
}

/* --- the command ---------------------------------------------------------------------------- */

static dp_status check_options(const score_options *chosen, int files, char **arguments,
                               dp_error *error) {
    if (files > 1)
        return dp_fail(error, DP_ERR_INPUT, "one file at a time, not also '%s'", arguments[1]);
    if (chosen->nbest && (chosen->tokens || chosen->format != FORMAT_TSV || chosen->summary))
        return dp_fail(error, DP_ERR_INPUT,
                       "--nbest has a form of its own: leave out --tokens, "
                       "--format and --summary");
    if (chosen->flag_given && chosen->threshold_given)
        return dp_fail(error, DP_ERR_INPUT, "--flag finds a threshold: leave out --threshold");
    return DP_OK;
}

static void clear(score_job *self) {
    dp_checkpoint_argument_close(&self->asked);
    dp_line_reader_close(&self->reader);
    dp_text_clear(&self->out);
    dp_memory_free(self->tokens);
    dp_memory_free(self->part);
    dp_memory_free(self->part_lengths);
}

/* The files that the first rank has found, as the newest run may change while others look. */
static void name_found(score_job *self) {
    dp_option_path_list *paths = &self->chosen.ckpt.paths;
    paths->count = self->asked.count;
    for (size_t i = 0; i < self->asked.count; i++) {
        dptrain_description is;
        dptrain_describe(self->asked.members[i], &is, sizeof is);
        (void)!dp_text_copy(paths->values[i], sizeof paths->values[i], is.path);
    }
}

/* That all ranks have read the same weights, and that all compute alike. */
static dp_status match_models(score_job *self, dp_error *error) {
    const dp_cpu_level level = dp_evaluate_level(self->comm, DP_CPU_X86_64_V4);
    char weights[sizeof self->asked.model->weights];
    memcpy(weights, self->asked.model->weights, sizeof weights);
    dp_comm_broadcast(self->comm, weights, sizeof weights);
    dp_status status = dp_handle_use_level(self->asked.model, level, error);
    if (memcmp(weights, self->asked.model->weights, sizeof weights) != 0)
        status = dp_fail(error, DP_ERR_MISMATCH, "%s was replaced while ranks read it: start again",
                         self->asked.model->path);
    return dp_comm_agree(self->comm, status, error);
}

static dp_status open_models(score_job *self, dp_error *error) {
    const bool first = is_first(self);
    dp_status status = DP_OK;
    if (first)
        status = dp_checkpoint_argument_open(&self->chosen.ckpt, 0, NULL, &self->asked, error);
    DP_TRY(agree(self, status, error));
    if (self->comm != NULL) {
        if (first)
            name_found(self);
        dp_comm_broadcast(self->comm, &self->chosen.ckpt.paths, sizeof self->chosen.ckpt.paths);
        if (!first)
            status = dp_checkpoint_argument_open(&self->chosen.ckpt, 0, NULL, &self->asked, error);
        DP_TRY(agree(self, status, error));
        DP_TRY(match_models(self, error));
        DP_TRY_NEW_ON_ALL(self->comm, self->part_lengths, (size_t)dp_comm_size(self->comm));
    }
    dptrain_describe(self->asked.model, &self->is, sizeof self->is);
    return DP_OK;
}

/* What the first rank reads, and the threshold that it finds for all. */
static dp_status begin_reading(score_job *self, const char *name, dp_error *error) {
    dp_status status = DP_OK;
    if (is_first(self)) {
        status = dp_line_reader_open(&self->reader, name, error);
        if (status == DP_OK && self->chosen.flag_given)
            status = fit_threshold(self, error);
    }
    DP_TRY(agree(self, status, error));
    if (self->comm != NULL)
        dp_comm_broadcast(self->comm, &self->chosen.threshold, sizeof self->chosen.threshold);
    return DP_OK;
}

static dp_status score(score_job *self, int count, char **arguments, dp_error *error) {
    static const double bases[] = {0.0, 2.0, 10.0}; /* the first is e */
    int files = 0;
    self->reader.descriptor = -1;
    DP_TRY(self->comm == NULL
               ? dp_options_parse_arguments(options, &self->chosen, count, arguments, &files, error)
               : dp_command_parse(self->comm, options, &self->chosen, count, arguments, &files,
                                  error));
    DP_TRY(agree(self, check_options(&self->chosen, files, arguments, error), error));
    DP_TRY(open_models(self, error));
    self->unit = self->chosen.base == 0 ? 1.0 : dp_real_log(bases[self->chosen.base]);
    self->flags = self->chosen.flag_given || self->chosen.threshold_given;
    DP_TRY(begin_reading(self, files == 0 ? "-" : arguments[0], error));
    return is_first(self) ? lead(self, error) : follow(self, error);
}

static dp_status answer(int count, char **arguments, dp_error *error) {
    DP_OWNED(dp_memory_release) score_job *self = NULL;
    DP_TRY_NEW(self, 1);
    const dp_status status = score(self, count, arguments, error);
    clear(self);
    return status;
}

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    DP_OWNED(dp_memory_release) score_job *self = NULL;
    (void)signal;
    DP_TRY_NEW_ON_ALL(comm, self, 1);
    self->comm = comm;
    dp_comm_set_deadline(comm, 0.0); /* who reads what is printed may take any time */
    const dp_status status = score(self, count, arguments, error);
    clear(self);
    return status;
}

const dp_command dp_command_score = {
    .name = "score",
    .arguments = "[FILE]",
    .purpose = "how likely texts are, a line each",
    .details = score_txt,
    .examples = "dptrain score data/names.txt\n"
                "echo emma | dptrain score --tokens\n"
                "mpirun -np 2 dptrain score data/names.txt\n",
    .options = options,
    .needs = DP_NEEDS_JOB | DP_NEEDS_LAUNCH,
    .run = run,
    .answer = answer,
};
