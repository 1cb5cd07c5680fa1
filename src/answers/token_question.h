/* token_question: commands that ask a model about tokens, `[PATH] WHAT`: a score for each token of
 * the vocabulary, of which the highest are shown, as lines with bars or as JSON. */
#ifndef DP_ANSWERS_TOKEN_QUESTION_H
#define DP_ANSWERS_TOKEN_QUESTION_H

#include "dptrain/dptrain.h"
#include "formats/facts.h"
#include "options/options.h"

typedef struct dp_token_question {
    const char *what;       /* the argument, "CONTEXT", for messages */
    const char *score_name; /* "probability" */
    /* The text of the facts: path, step and weights of the checkpoint, what `ask` adds, the table,
     * what `end` adds. */
    const char *form;
    /* Fills scores [vocab], NaN for a token that is not to be shown, for what the user has written,
     * and adds what stands before the table, in JSON up to the key of its array. */
    dp_status (*ask)(dptrain_model *model, const char *text, double *scores, dp_facts *facts,
                     dp_error *error);
    /* Adds what stands behind it, where `others` tokens are not shown, and the scores of those that
     * are leave `rest` of 1. NULL: nothing. */
    void (*end)(const dptrain_model *model, size_t others, double rest, dp_facts *facts);
} dp_token_question;

/* --ckpt, --count, --json and --from. */
extern const dp_option dp_token_question_options[];

/* What such a command does with its arguments, all of it. Bars are in proportion to the highest
 * score; lines have at most 80 columns unless a token alone is longer. JSON has full precision.
 *
 * With --from there is a question a line, and a line is the answer: what was asked, and the tokens
 * and their scores with tabs between, or the JSON that the question alone would get. They come in
 * order and at once where a pipe has no more lines yet; one line is held at a time. The first that
 * has no answer ends it, with file and line. */
dp_status dp_token_question_answer(const dp_token_question *question, int count, char **arguments,
                                   dp_error *error) DP_CHECKED;

#endif
