#include "jobs/scorer.h"

#include "base/memory.h"
#include "base/size.h"
#include "data/dataset_lines.h"
#include "library/handle.h"

#include <stdio.h>
#include <stdlib.h>

void dp_scorer_clear(dp_scorer *scorer) {
    dp_checkpoint_argument_close(&scorer->asked);
    dp_score_mix_close(&scorer->mix);
    dp_memory_free(scorer->tokens);
}

/* scorer->tokens [*count]; without their ranks where those are not asked for. */
static dp_status score_tokens(dp_scorer *scorer, const char *text, size_t length, bool ranks,
                              size_t *count, dp_error *error) {
    dptrain_model *model = scorer->asked.model;
    dptrain_error said;
    DP_TRY_GROW(scorer->tokens, &scorer->token_capacity, length + 1);
    DP_TRY(dp_checkpoint_argument_status(dptrain_score_tokens(model, text, length, scorer->tokens,
                                                              scorer->token_capacity,
                                                              sizeof *scorer->tokens, count, &said),
                                         &said, error));
    return scorer->is_mixed
               ? dp_score_mix_tokens(&scorer->mix, model, ranks, scorer->tokens, *count, error)
               : DP_OK;
}

dp_status dp_scorer_score_tokens(dp_scorer *scorer, const char *text, size_t length, size_t *count,
                                 dp_error *error) {
    return score_tokens(scorer, text, length, true, count, error);
}

static dp_status score_texts(dp_scorer *scorer, const char *const *texts, const size_t *lengths,
                             size_t count, dptrain_text_score *scores, dp_error *error) {
    dptrain_error said;
    if (!scorer->is_mixed)
        return dp_checkpoint_argument_status(dptrain_score_texts(scorer->asked.model, texts,
                                                                 lengths, count, scores,
                                                                 sizeof *scores, &said),
                                             &said, error);
    for (size_t i = 0, tokens = 0; i < count; i++) {
        scores[i] = (dptrain_text_score){0};
        DP_TRY(score_tokens(scorer, texts[i], lengths[i], false, &tokens, error));
        for (size_t t = 0; t < tokens; t++)
            dp_handle_add(scorer->asked.model, &scores[i], scorer->tokens[t].id,
                          scorer->tokens[t].log_probability);
    }
    return DP_OK;
}

dp_status dp_scorer_score(dp_scorer *scorer, dp_scorer_lines *lines, size_t count,
                          dp_error *error) {
    return score_texts(scorer, lines->texts, lines->lengths, count, lines->scores, error);
}

double dp_scorer_per_token(double log_probability, uint64_t tokens) {
    return tokens == 0 ? 0.0 : log_probability / (double)tokens;
}

/* --- the lines of dev ----------------------------------------------------------------------- */

static int lowest_first(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The log-probabilities of the lines, a token. */
static dp_status score_dev(dp_scorer *scorer, dp_dataset_lines *lines, double *values,
                           size_t *count, dp_error *error) {
    while (dp_dataset_lines_next(lines)) {
        const char *text = dp_text_string(&lines->line);
        dptrain_text_score score;
        DP_TRY(score_texts(scorer, &text, &lines->line.length, 1, &score, error));
        values[(*count)++] = dp_scorer_per_token(score.log_probability, score.tokens);
    }
    return dp_text_check(&lines->line, error);
}

static void clear_lines(dp_dataset_lines *lines) {
    dp_text_clear(&lines->line);
}

dp_status dp_scorer_find_threshold(dp_scorer *scorer, const char *data, double rate,
                                   double *threshold, dp_error *error) {
    DP_OWNED(dp_dataset_close) dp_dataset dataset = {0};
    DP_OWNED(dp_memory_release) double *values = NULL;
    DP_OWNED(clear_lines) dp_dataset_lines lines = {.dataset = &dataset, .split = DP_SPLIT_DEV};
    size_t count = 0;
    if (scorer->is.stream)
        return dp_fail(error, DP_ERR_INPUT,
                       "--flag is for models of lines, and this one was trained on running text");
    if (dp_checkpoint_argument_dataset(&scorer->asked, data, &dataset, error) != DP_OK)
        return dp_fail_prefix(error,
                              "--flag needs the dev split (--data names it, or --threshold)");
    DP_TRY_NEW(values, dp_dataset_rows(&dataset, DP_SPLIT_DEV));
    DP_TRY(score_dev(scorer, &lines, values, &count, error));
    if (count == 0)
        return dp_fail(error, DP_ERR_INPUT, "%s: dev has no whole line", dataset.path);
    qsort(values, count, sizeof *values, lowest_first);
    const size_t below = (size_t)(rate * (double)count);
    *threshold = values[dp_size_min(below, count - 1)];
    fprintf(stderr, "dptrain: notice: --threshold %s: %zu of the %zu lines of dev are below\n",
            DP_REAL_TEXT(*threshold), below, count);
    return DP_OK;
}
