#include "jobs/score_form.h"

#include "base/real.h"
#include "base/utf8.h"
#include "formats/json.h"

#include <stdio.h>
#include <string.h>

static double perplexity(double log_probability, uint64_t tokens) {
    return dp_real_exp(-dp_scorer_per_token(log_probability, tokens));
}

static double shown_log_probability(const dp_score_form *form, const dptrain_text_score *score) {
    const double value = score->log_probability / form->unit;
    return form->per_token ? dp_scorer_per_token(value, score->tokens) : value;
}

bool dp_score_form_marks(const dp_score_form *form, const dptrain_text_score *score) {
    return form->flags &&
           dp_scorer_per_token(score->log_probability, score->tokens) < form->threshold;
}

/* --- tokens --------------------------------------------------------------------------------- */

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

static void append_token(const dp_score_form *form, const dptrain_model *model,
                         const dptrain_token_score *token, const char *text, dp_text *out) {
    const bool is_known = token->id != DPTRAIN_UNKNOWN;
    const char *name = is_known ? dptrain_token(model, token->id) : text + token->begin;
    const size_t length = is_known ? strlen(name) : token->length;
    const double surprisal = -token->log_probability / form->unit;
    if (form->format == DP_SCORE_TSV) {
        dp_text_append_bytes(out, name, length);
        dp_text_append(out, "\t");
        dp_text_append_fixed(out, surprisal, 6);
        dp_text_append(out, "\t");
        dp_text_append_unsigned(out, token->rank);
        dp_text_append(out, "\n");
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

static dp_status append_tokens(const dp_score_form *form, dp_scorer *scorer,
                               const dp_scorer_lines *lines, size_t i, dp_text *out,
                               dp_error *error) {
    size_t count = 0;
    DP_TRY(dp_scorer_score_tokens(scorer, lines->texts[i], lines->lengths[i], &count, error));
    for (size_t t = 0; t < count; t++)
        append_token(form, scorer->asked.model, &scorer->tokens[t], lines->texts[i], out);
    return DP_OK;
}

/* --- lines ---------------------------------------------------------------------------------- */

static dp_status append_json(const dp_score_form *form, dp_scorer *scorer,
                             const dp_scorer_lines *lines, size_t i, dp_text *out,
                             dp_error *error) {
    const dptrain_text_score *score = &lines->scores[i];
    dp_json_begin_object(out);
    dp_json_key(out, "text");
    add_text(lines->texts[i], lines->lengths[i], out);
    dp_json_key(out, "log_probability");
    dp_json_real(out, shown_log_probability(form, score));
    dp_json_key(out, "tokens");
    dp_json_unsigned(out, score->tokens);
    dp_json_key(out, "unknown");
    dp_json_unsigned(out, score->unknown);
    dp_json_key(out, "perplexity");
    dp_json_real(out, perplexity(score->log_probability, score->tokens));
    if (form->flags) {
        dp_json_key(out, "flagged");
        dp_json_bool(out, dp_score_form_marks(form, score));
    }
    if (form->tokens) {
        dp_json_key(out, "by_token");
        dp_json_begin_array(out);
        DP_TRY(append_tokens(form, scorer, lines, i, out, error));
        dp_json_end_array(out);
    }
    dp_json_end_object(out);
    dp_text_append(out, "\n");
    return DP_OK;
}

static void append_columns(const dp_score_form *form, const dp_scorer_lines *lines, size_t i,
                           dp_text *out) {
    const dptrain_text_score *score = &lines->scores[i];
    dp_text_append_fixed(out, shown_log_probability(form, score), 6);
    dp_text_append(out, "\t");
    dp_text_append_unsigned(out, score->tokens);
    dp_text_append(out, "\t");
    dp_text_append_unsigned(out, score->unknown);
    dp_text_append(out, "\t");
    dp_text_append_fixed(out, perplexity(score->log_probability, score->tokens), 4);
    dp_text_append(out, "\t");
    if (form->flags)
        dp_text_append(out, dp_score_form_marks(form, score) ? "!\t" : "\t");
    dp_text_append_bytes(out, lines->texts[i], lines->lengths[i]);
    dp_text_append(out, "\n");
}

bool dp_score_form_find_text(const char *line, const char **text, size_t *length) {
    const char *begin = strstr(line, " ||| ");
    const char *end = begin == NULL ? NULL : strstr(begin + strlen(" ||| "), " ||| ");
    if (end == NULL)
        return false;
    *text = begin + strlen(" ||| ");
    *length = (size_t)(end - *text);
    return true;
}

/* The line with a feature more, behind those that it has. */
static void append_nbest(const dp_score_form *form, const dp_scorer_lines *lines, size_t i,
                         dp_text *out) {
    const char *features = lines->texts[i] + lines->lengths[i] + strlen(" ||| ");
    const char *behind = strstr(features, " ||| ");
    const size_t front =
        (size_t)((behind == NULL ? features + strlen(features) : behind) - lines->lines[i]);
    dp_text_append_bytes(out, lines->lines[i], front);
    dp_text_append_format(out, " dptrain= %.6f%s\n", shown_log_probability(form, &lines->scores[i]),
                          behind == NULL ? "" : behind);
}

dp_status dp_score_form_append(const dp_score_form *form, dp_scorer *scorer,
                               const dp_scorer_lines *lines, size_t i, dp_text *out,
                               dp_error *error) {
    if (form->summary)
        return DP_OK;
    if (form->format == DP_SCORE_JSONL)
        return append_json(form, scorer, lines, i, out, error);
    if (form->nbest) {
        append_nbest(form, lines, i, out);
    } else if (form->tokens) {
        DP_TRY(append_tokens(form, scorer, lines, i, out, error));
        dp_text_append(out, "\n");
    } else {
        append_columns(form, lines, i, out);
    }
    return DP_OK;
}

/* --- the sums -------------------------------------------------------------------------------- */

void dp_score_form_print_sums(const dp_score_form *form, const dp_scorer *scorer,
                              const dp_score_sums *sums) {
    const dptrain_text_score *all = &sums->all;
    const uint64_t known = all->tokens - all->unknown;
    printf("lines                      %s\n"
           "tokens                     %s%s\n"
           "unknown                    %s\n"
           "log-probability            %.6f\n"
           "perplexity                 %.4f\n"
           "  without unknown tokens   %.4f\n",
           DP_COUNT_TEXT(sums->lines), DP_COUNT_TEXT(all->tokens),
           scorer->is.stream ? "" : ", the ends of lines among them", DP_COUNT_TEXT(all->unknown),
           all->log_probability / form->unit, perplexity(all->log_probability, all->tokens),
           perplexity(all->known_log_probability, known));
    if (form->flags)
        printf("marked                     %s\n", DP_COUNT_TEXT(sums->marked));
}
