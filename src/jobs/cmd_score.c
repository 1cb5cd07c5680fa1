#include "base/memory.h"
#include "base/real.h"
#include "engine/evaluate.h"
#include "jobs/jobs.h"
#include "jobs/score_form.h"
#include "jobs/score_share.h"
#include "library/handle.h"
#include "score_txt.h"
#include "system/line_reader.h"
#include "system/terminal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef enum mix_choice { MIX_NONE, MIX_TRIGRAM } mix_choice;

typedef struct score_options {
    dp_checkpoint_choice ckpt;
    char data[DP_PATH_SIZE];
    unsigned base;
    double flag;
    bool flag_given;
    bool threshold_given;
    mix_choice mix;
    const char *mix_weight;
    bool mix_weight_given;
    dp_score_form form; /* but for its unit and flags, which follow from the others */
} score_options;

static const dp_option options[] = {
    DP_CHECKPOINT_OPTIONS(score_options),
    DP_CHOICE(score_options, form.format, "format", "tsv", DP_NAMES("tsv", "jsonl"), "FORMAT",
              "columns with tabs between, or a JSON object a line"),
    DP_CHOICE(score_options, base, "base", "e", DP_NAMES("e", "2", "10"), "BASE",
              "of logarithms and surprisals"),
    DP_SWITCH(score_options, form.per_token, "per_token", "the log-probability a token"),
    DP_SWITCH(score_options, form.tokens, "tokens",
              "a line a token: its surprisal, and its rank among all that might stand there"),
    DP_SWITCH(score_options, form.nbest, "nbest",
              "lines are 'id ||| text ||| features ||| score', as of Moses and Marian: adds a "
              "feature dptrain="),
    DP_SWITCH(score_options, form.summary, "summary", "only the sums of all lines"),
    DP_REAL(score_options, flag, "flag", "0.01", 0, 1, "RATE",
            "mark lines less likely a token than RATE of the lines of dev",
            .given = offsetof(score_options, flag_given)),
    DP_REAL(score_options, form.threshold, "threshold", "0", -1e300, 0, "X",
            "mark lines of which a token has a natural log-probability below X",
            .given = offsetof(score_options, threshold_given)),
    DP_CHOICE(
        score_options, mix, "mix", "none", DP_NAMES("none", "trigram"), "MODEL",
        "mix the network's probabilities with those of a trigram that is counted on train and "
        "weighted on dev, as eval does"),
    DP_TEXT(score_options, mix_weight, "mix_weight", "0.5", "W",
            "the network's share in the mixture, from 0 to 1; fit: what is best on dev",
            .given = offsetof(score_options, mix_weight_given)),
    DP_PATH(score_options, data, "data", "", "FILE",
            "the dataset of --flag and --mix; none: the one it was trained on"),
    DP_OPTIONS_END,
};

typedef struct score_job {
    score_options chosen;
    dp_score_share share;
    dp_comm *own; /* a job of one, for a trigram where there was none */
    dp_scorer scorer;
    dp_line_reader reader; /* of the first rank, as what follows but `lines` and `out` */
    dp_score_sums sums;
    int unwritten;  /* errno of the output; 0: all is written */
    bool have_left; /* the others, after a failure that all agreed on */
    dp_scorer_lines lines;
    dp_text out;
} score_job;

/* --- lines ---------------------------------------------------------------------------------- */

static dp_status find_text(score_job *self, size_t i, dp_error *error) {
    dp_scorer_lines *lines = &self->lines;
    lines->texts[i] = lines->lines[i];
    lines->lengths[i] = lines->line_lengths[i];
    if (self->chosen.form.nbest &&
        !dp_score_form_find_text(lines->lines[i], &lines->texts[i], &lines->lengths[i]))
        return dp_fail(error, DP_ERR_INPUT,
                       "%s:%" PRIu64 ": not 'id ||| text ||| features ...', as --nbest expects",
                       self->reader.name, self->sums.lines + i + 1);
    return DP_OK;
}

/* The lines that are there, up to DP_SCORER_LINES_MAX. */
static dp_status take_lines(score_job *self, size_t *count, dp_error *error) {
    char *line = NULL;
    size_t length = 0;
    *count = 0;
    while (*count < DP_SCORER_LINES_MAX && dp_line_reader_next(&self->reader, &line, &length)) {
        self->lines.lines[*count] = line;
        self->lines.line_lengths[*count] = length;
        DP_TRY(find_text(self, *count, error));
        ++*count;
    }
    return DP_OK;
}

/* Fills scores and `out` for the first `count` texts. */
static dp_status score_lines(score_job *self, size_t count, dp_error *error) {
    dp_text_cut(&self->out, 0);
    DP_TRY(dp_scorer_score(&self->scorer, &self->lines, count, error));
    for (size_t i = 0; i < count; i++)
        DP_TRY(dp_score_form_append(&self->chosen.form, &self->scorer, &self->lines, i, &self->out,
                                    error));
    return dp_text_check(&self->out, error);
}

/* Adds up the scores of the next `count` lines and prints what was made of them. */
static void take_result(score_job *self, size_t count, const char *out, size_t length) {
    dptrain_text_score *all = &self->sums.all;
    for (size_t i = 0; i < count; i++) {
        const dptrain_text_score *score = &self->lines.scores[i];
        all->log_probability += score->log_probability;
        all->known_log_probability += score->known_log_probability;
        all->tokens += score->tokens;
        all->unknown += score->unknown;
        self->sums.marked += dp_score_form_marks(&self->chosen.form, score);
    }
    self->sums.lines += count;
    dp_terminal_print_data(stdout, out, length);
    if (fflush(stdout) != 0 && self->unwritten == 0)
        self->unwritten = errno;
}

/* Collective: what is made of a call's lines, which the first rank has. It prints its own part and
 * then those of the others, as they come, in their order; a failure of that is for it alone to
 * tell, once all have sent theirs. */
static dp_status score_shared(score_job *self, const dp_score_call *of, dp_error *error) {
    dp_score_share *share = &self->share;
    const int rank = dp_comm_rank(share->comm);
    const size_t own = dp_score_share_count(share, of->count, rank);
    dp_status status = DP_OK;
    DP_TRY(dp_score_share_deal(share, of, &self->lines, error));
    for (size_t i = 0; i < own && rank > 0 && status == DP_OK; i++)
        status = find_text(self, i, error);
    if (status == DP_OK)
        status = score_lines(self, own, error);
    DP_TRY(dp_comm_agree(share->comm, status, error));
    DP_TRY(dp_score_share_give(share, &self->lines, own, &self->out, error));
    if (rank > 0)
        return DP_OK;
    take_result(self, own, dp_text_string(&self->out), self->out.length);
    for (int other = 1; other < dp_comm_size(share->comm); other++) {
        const size_t count = dp_score_share_count(share, of->count, other);
        dp_score_share_take(share, other, &self->lines, count);
        take_result(self, count, share->part, share->lengths[other]);
    }
    return DP_OK;
}

/* --- the first rank ------------------------------------------------------------------------- */

static dp_status score_taken(score_job *self, size_t count, dp_error *error) {
    if (self->share.comm == NULL) {
        DP_TRY(score_lines(self, count, error));
        take_result(self, count, dp_text_string(&self->out), self->out.length);
    } else {
        const dp_scorer_lines *lines = &self->lines;
        const size_t last = count - 1;
        const size_t begin = (size_t)(lines->lines[last] - lines->lines[0]);
        dp_score_call call = {
            .kind = DP_SCORE_LINES, .count = count, .bytes = begin + lines->line_lengths[last] + 1};
        dp_score_share_call(&self->share, &call);
        const dp_status status = score_shared(self, &call, error);
        self->have_left = status != DP_OK;
        DP_TRY(status);
    }
    if (self->unwritten != 0)
        return dp_fail_errno(error, self->unwritten, "cannot write the output");
    return DP_OK;
}

/* The others sleep where it may take long. */
static dp_status wait_for_lines(score_job *self, bool *more, dp_error *error) {
    const bool rests = self->share.comm != NULL && dp_line_reader_must_wait(&self->reader);
    if (rests)
        dp_score_share_call(&self->share, &(dp_score_call){.kind = DP_SCORE_REST});
    const dp_status status = dp_line_reader_fill(&self->reader, more, error);
    if (rests)
        dp_comm_rest(self->share.comm, NULL, NULL);
    return status;
}

static dp_status score_file(score_job *self, dp_error *error) {
    bool more = true;
    for (;;) {
        size_t count = 0;
        DP_TRY(wait_for_lines(self, &more, error));
        if (!more)
            return self->sums.marked == 0 ? DP_OK : dp_fail(error, DP_ANSWER_NO, "%s", "");
        do {
            DP_TRY(take_lines(self, &count, error));
            if (count > 0)
                DP_TRY(score_taken(self, count, error));
        } while (count == DP_SCORER_LINES_MAX);
    }
}

static dp_status lead(score_job *self, dp_error *error) {
    const dp_status status = score_file(self, error);
    if (!self->have_left)
        dp_score_share_call(&self->share, &(dp_score_call){.kind = DP_SCORE_END, .status = status});
    if (self->chosen.form.summary && (status == DP_OK || status == DP_ANSWER_NO))
        dp_score_form_print_sums(&self->chosen.form, &self->scorer, &self->sums);
    return status;
}

/* --- the others ----------------------------------------------------------------------------- */

static dp_status follow(score_job *self, dp_error *error) {
    for (;;) {
        dp_score_call next;
        dp_score_share_call(&self->share, &next);
        if (next.kind == DP_SCORE_END)
            return next.status == DP_OK ? DP_OK : dp_fail(error, next.status, "%s", "");
        if (next.kind == DP_SCORE_REST)
            dp_comm_rest(self->share.comm, NULL, NULL);
        else
            DP_TRY(score_shared(self, &next, error));
    }
}

/* --- the models ----------------------------------------------------------------------------- */

/* The files that the first rank has found, as the newest run may change while others look. */
static void name_found(score_job *self) {
    const dp_asked *asked = &self->scorer.asked;
    dp_option_path_list *paths = &self->chosen.ckpt.paths;
    paths->count = asked->count;
    for (size_t i = 0; i < asked->count; i++) {
        dptrain_description is;
        dptrain_describe(asked->members[i], &is, sizeof is);
        (void)!dp_text_copy(paths->values[i], sizeof paths->values[i], is.path);
    }
}

/* That all ranks have read the same weights, and that all compute alike. */
static dp_status match_models(score_job *self, dp_error *error) {
    dp_comm *comm = self->share.comm;
    dptrain_model *model = self->scorer.asked.model;
    const dp_cpu_level level = dp_evaluate_level(comm, DP_CPU_X86_64_V4);
    char weights[sizeof model->weights];
    memcpy(weights, model->weights, sizeof weights);
    dp_comm_broadcast(comm, weights, sizeof weights);
    dp_status status = dp_handle_use_level(model, level, error);
    if (memcmp(weights, model->weights, sizeof weights) != 0)
        status = dp_fail(error, DP_ERR_MISMATCH, "%s was replaced while ranks read it: start again",
                         model->path);
    return dp_comm_agree(comm, status, error);
}

static dp_status open_models(score_job *self, dp_error *error) {
    const bool first = dp_score_share_is_first(&self->share);
    dp_comm *comm = self->share.comm;
    dp_checkpoint_choice *choice = &self->chosen.ckpt;
    dp_asked *asked = &self->scorer.asked;
    dp_status status = DP_OK;
    if (first)
        status = dp_checkpoint_argument_open(choice, 0, NULL, asked, error);
    DP_TRY(dp_score_share_agree(&self->share, status, error));
    if (comm != NULL) {
        if (first)
            name_found(self);
        dp_comm_broadcast(comm, &choice->paths, sizeof choice->paths);
        if (!first)
            status = dp_checkpoint_argument_open(choice, 0, NULL, asked, error);
        DP_TRY(dp_comm_agree(comm, status, error));
        DP_TRY(match_models(self, error));
        DP_TRY(dp_score_share_init(&self->share, error));
    }
    dptrain_describe(asked->model, &self->scorer.is, sizeof self->scorer.is);
    return DP_OK;
}

/* --- the command ---------------------------------------------------------------------------- */

static dp_status check_options(const score_options *chosen, int files, char **arguments,
                               dp_error *error) {
    const dp_score_form *form = &chosen->form;
    if (files > 1)
        return dp_fail(error, DP_ERR_INPUT, "one file at a time, not also '%s'", arguments[1]);
    if (form->nbest && (form->tokens || form->format != DP_SCORE_TSV || form->summary))
        return dp_fail(error, DP_ERR_INPUT,
                       "--nbest has a form of its own: leave out --tokens, "
                       "--format and --summary");
    if (chosen->flag_given && chosen->threshold_given)
        return dp_fail(error, DP_ERR_INPUT, "--flag finds a threshold: leave out --threshold");
    if (chosen->mix == MIX_NONE && chosen->mix_weight_given)
        return dp_fail(error, DP_ERR_INPUT, "--mix-weight is for a mixture: add --mix trigram");
    return DP_OK;
}

/* A trigram is counted and weighed by the ranks of a job: alone, of one. */
static dp_status mix(score_job *self, dp_error *error) {
    const score_options *chosen = &self->chosen;
    dp_comm *comm = self->share.comm;
    if (comm == NULL) {
        DP_TRY(dp_comm_create(&self->own, error));
        comm = self->own;
    }
    self->scorer.is_mixed = true;
    return dp_score_mix_open(&self->scorer.mix, comm, &self->scorer.asked, chosen->data,
                             chosen->mix_weight, error);
}

/* What the first rank reads, and the threshold that it finds for all. */
static dp_status begin_reading(score_job *self, const char *name, dp_error *error) {
    const score_options *chosen = &self->chosen;
    double *threshold = &self->chosen.form.threshold;
    dp_status status = DP_OK;
    if (dp_score_share_is_first(&self->share)) {
        status = dp_line_reader_open(&self->reader, name, error);
        if (status == DP_OK && chosen->flag_given)
            status = dp_scorer_find_threshold(&self->scorer, chosen->data, chosen->flag, threshold,
                                              error);
    }
    DP_TRY(dp_score_share_agree(&self->share, status, error));
    if (self->share.comm != NULL)
        dp_comm_broadcast(self->share.comm, threshold, sizeof *threshold);
    return DP_OK;
}

static dp_status score(score_job *self, int count, char **arguments, dp_error *error) {
    static const double bases[] = {0.0, 2.0, 10.0}; /* the first is e */
    score_options *chosen = &self->chosen;
    int files = 0;
    self->reader.descriptor = -1;
    DP_TRY(dp_score_share_agree(
        &self->share, dp_options_parse_arguments(options, chosen, count, arguments, &files, error),
        error));
    DP_TRY(
        dp_score_share_agree(&self->share, check_options(chosen, files, arguments, error), error));
    DP_TRY(open_models(self, error));
    if (chosen->mix == MIX_TRIGRAM)
        DP_TRY(mix(self, error));
    chosen->form.unit = chosen->base == 0 ? 1.0 : dp_real_log(bases[chosen->base]);
    chosen->form.flags = chosen->flag_given || chosen->threshold_given;
    DP_TRY(begin_reading(self, files == 0 ? "-" : arguments[0], error));
    return dp_score_share_is_first(&self->share) ? lead(self, error) : follow(self, error);
}

static void destroy(score_job **job) {
    score_job *self = *job;
    if (self == NULL)
        return;
    dp_scorer_clear(&self->scorer);
    dp_score_share_clear(&self->share);
    dp_line_reader_close(&self->reader);
    dp_text_clear(&self->out);
    dp_comm_destroy(self->own);
    dp_memory_free(self);
}

static dp_status answer(int count, char **arguments, dp_error *error) {
    DP_OWNED(destroy) score_job *self = NULL;
    DP_TRY_NEW(self, 1);
    return score(self, count, arguments, error);
}

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    DP_OWNED(destroy) score_job *self = NULL;
    (void)signal;
    DP_TRY_NEW_ON_ALL(comm, self, 1);
    self->share.comm = comm;
    dp_comm_set_deadline(comm, 0.0); /* who reads what is printed may take any time */
    return score(self, count, arguments, error);
}

const dp_command dp_command_score = {
    .name = "score",
    .arguments = "[FILE]",
    .purpose = "how likely texts are, a line each",
    .details = score_txt,
    .examples = "dptrain score data/names.txt\n"
                "echo emma | dptrain score --tokens\n"
                "mpirun -np 2 dptrain score --mix trigram data/names.txt\n",
    .options = options,
    .needs = DP_NEEDS_JOB | DP_NEEDS_LAUNCH,
    .run = run,
    .answer = answer,
};
