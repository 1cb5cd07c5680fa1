#include "answers/token_question.h"

#include "base/memory.h"
#include "base/size.h"
#include "cli/checkpoint_argument.h"
#include "cli/command.h"
#include "data/unicode.h"
#include "formats/json.h"
#include "library/checkpoint_files.h"
#include "system/line_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct question_options {
    dp_checkpoint_choice ckpt;
    uint64_t count;
    bool json;
    char from[DP_PATH_SIZE];
} question_options;

const dp_option dp_token_question_options[] = {
    DP_CHECKPOINT_OPTIONS(question_options),
    DP_UNSIGNED(question_options, count, "count", "10", 1, 1e9, "N", "tokens to show",
                .alias = 'n'),
    DP_SWITCH(question_options, json, "json", "print one JSON object"),
    DP_PATH(question_options, from, "from", "", "FILE",
            "ask about each line of FILE, a line an answer; - is the standard input"),
    DP_OPTIONS_END,
};

/* --- the table ------------------------------------------------------------------------------ */

#define LINE_WIDTH 80
#define TOKEN_WIDTH_MAX 40 /* columns; a longer token pushes its line to the right */

typedef struct scored {
    double score;
    uint32_t id;
    const char *token;
} scored;

static int highest_first(const void *a, const void *b) {
    const scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* A token as it is shown; one that would join the blank before it has a circle to stand on. */
static void append_token(const char *token, dp_text *out) {
    if (dp_unicode_columns(token) == 0)
        dp_text_append(out, "\xE2\x97\x8C");
    dp_text_append_shown(out, token);
}

static int width_of(const char *token) {
    DP_OWNED(dp_text_clear) dp_text shown = {0};
    append_token(token, &shown);
    return dp_unicode_columns(dp_text_string(&shown));
}

static void append_line(const char *token, int token_width, double score, double highest,
                        int score_width, dp_text *out) {
    static const char bar[] = "########################################";
    int room = LINE_WIDTH - 2 - token_width - 2 - score_width - 2;
    int longest = room < (int)sizeof bar - 1 ? room : (int)sizeof bar - 1;
    int length = highest > 0.0 ? (int)lround(score / highest * longest) : 0;
    int padding = token_width - width_of(token);
    dp_text_append(out, "  ");
    append_token(token, out);
    dp_text_append_format(out, "%*s  %*.4f", padding > 0 ? padding : 0, "", score_width, score);
    if (length > 0)
        dp_text_append_format(out, "  %.*s", length, bar);
    dp_text_append(out, "\n");
}

static void append_lines(const scored *list, size_t count, const char *score_name, dp_text *out) {
    int token_width = (int)strlen("token"), score_width = (int)strlen(score_name);
    for (size_t i = 0; i < count; i++) {
        int width = width_of(list[i].token);
        token_width = width > token_width ? width : token_width;
    }
    token_width = token_width < TOKEN_WIDTH_MAX ? token_width : TOKEN_WIDTH_MAX;
    score_width = score_width < 7 ? 7 : score_width;
    dp_text_append_format(out, "  %-*s  %*s\n", token_width, "token", score_width, score_name);
    for (size_t i = 0; i < count; i++)
        append_line(list[i].token, token_width, list[i].score, list[0].score, score_width, out);
}

static void add_tokens(const scored *list, size_t count, const char *score_name, dp_facts *facts) {
    DP_OWNED(dp_text_clear) dp_text lines = {0};
    dp_json_begin_array(&facts->json);
    for (size_t i = 0; i < count; i++) {
        dp_json_begin_object(&facts->json);
        dp_json_key(&facts->json, "token");
        dp_json_string(&facts->json, list[i].token);
        dp_json_key(&facts->json, score_name);
        dp_json_real(&facts->json, list[i].score);
        dp_json_end_object(&facts->json);
    }
    dp_json_end_array(&facts->json);
    append_lines(list, count, score_name, &lines);
    dp_facts_note_text(facts, "table", &lines);
}

/* Lists the tokens that have a score, the highest first, equal ones in the order of ids. */
static size_t sort_tokens(const dptrain_model *model, const double *scores, size_t vocab,
                          scored *list) {
    size_t length = 0;
    for (uint32_t id = 0; id < vocab; id++) {
        if (!isnan(scores[id]))
            list[length++] = (scored){scores[id], id, dptrain_token(model, id)};
    }
    qsort(list, length, sizeof *list, highest_first);
    return length;
}

/* --- the answer ----------------------------------------------------------------------------- */

static void append_columns(const char *text, const scored *list, size_t count, dp_text *out) {
    dp_text_append(out, text);
    for (size_t i = 0; i < count; i++) {
        dp_text_append(out, "\t");
        dp_text_append_shown(out, list[i].token);
        dp_text_append_format(out, "\t%.6f", list[i].score);
    }
    dp_text_append(out, "\n");
}

static dp_status reply(const dp_token_question *question, dptrain_model *model, const char *text,
                       size_t count_max, dp_facts *facts, dp_error *error) {
    DP_OWNED(dp_memory_release) double *scores = NULL;
    DP_OWNED(dp_memory_release) scored *list = NULL;
    DP_OWNED(dp_text_clear) dp_text columns = {0};
    dptrain_description is;
    double rest = 1.0;
    dptrain_describe(model, &is, sizeof is);
    DP_TRY_NEW(scores, is.vocab);
    DP_TRY_NEW(list, is.vocab);
    dp_facts_text(facts, "path", is.path);
    if (is.members == 0) /* of an ensemble each has its own */
        dp_facts_unsigned(facts, "step", is.step);
    dp_facts_text(facts, "weights", is.weights);
    DP_TRY(question->ask(model, text, scores, facts, error));
    const size_t length = sort_tokens(model, scores, is.vocab, list);
    const size_t lines = dp_size_min(count_max, length);
    add_tokens(list, lines, question->score_name, facts);
    append_columns(text, list, lines, &columns);
    dp_facts_note_text(facts, "columns", &columns);
    for (size_t i = 0; i < lines; i++)
        rest -= list[i].score;
    if (question->end != NULL)
        question->end(model, length - lines, rest, facts);
    return DP_OK;
}

/* Whether this cannot be meant but as a place: a folder, or an existing checkpoint file. */
static bool is_place(const char *argument) {
    return dp_checkpoint_files_is_folder(argument) ||
           dp_file_kind_of(argument) == DP_FILE_CHECKPOINT;
}

/* The last positional is what the question is about, so that one alone is not the checkpoint. *last
 * points to it, and *count is the number of those before it. DP_ERR_INPUT where there is none, or
 * where all there is is a checkpoint. */
static dp_status take_last(const dp_checkpoint_choice *choice, int *count, char *const *positionals,
                           const char *what, const char **last, dp_error *error) {
    if (*count == 0)
        return dp_fail(error, DP_ERR_INPUT, "%s is missing (see --help)", what);
    if (*count == 1 && choice->paths.count == 0 && is_place(positionals[0]))
        return dp_fail(error, DP_ERR_INPUT,
                       "'%s' is a checkpoint or run folder, and %s is missing behind it; where it "
                       "is meant as %s, give the checkpoint by --ckpt",
                       positionals[0], what, what);
    *last = positionals[--*count];
    return DP_OK;
}

/* As JSON, where that is chosen, or in this form. */
static dp_status answer_one(const dp_token_question *question, dptrain_model *model,
                            const char *text, const question_options *chosen, const char *form,
                            dp_error *error) {
    DP_OWNED(dp_facts_clear) dp_facts facts = {0};
    DP_TRY(reply(question, model, text, (size_t)chosen->count, &facts, error));
    return dp_facts_print(&facts, chosen->json ? NULL : form, error);
}

/* A zero byte in a line is none of a text. */
static dp_status answer_line(const dp_token_question *question, dptrain_model *model,
                             const char *line, size_t length, const question_options *chosen,
                             dp_error *error) {
    if (strlen(line) < length)
        return dp_fail(error, DP_ERR_INPUT, "%s: has a zero byte", question->what);
    return answer_one(question, model, line, chosen, "{columns}", error);
}

/* What is printed is on its way before the next line is waited for. */
static dp_status answer_lines(const dp_token_question *question, dptrain_model *model,
                              const question_options *chosen, dp_error *error) {
    DP_OWNED(dp_line_reader_close) dp_line_reader reader = {.descriptor = -1};
    uint64_t number = 0;
    bool more = true;
    DP_TRY(dp_line_reader_open(&reader, chosen->from, error));
    while (more) {
        char *line = NULL;
        size_t length = 0;
        while (dp_line_reader_next(&reader, &line, &length)) {
            number++;
            if (answer_line(question, model, line, length, chosen, error) != DP_OK)
                return dp_fail_prefix(error, "%s:%" PRIu64, reader.name, number);
        }
        if (fflush(stdout) != 0)
            return dp_fail_errno(error, errno, "cannot write the output");
        DP_TRY(dp_line_reader_fill(&reader, &more, error));
    }
    return DP_OK;
}

dp_status dp_token_question_answer(const dp_token_question *question, int count, char **arguments,
                                   dp_error *error) {
    question_options chosen;
    DP_OWNED(dp_checkpoint_argument_close) dp_asked asked = {0};
    const char *text = NULL;
    int paths = 0;
    DP_TRY(dp_options_parse_arguments(dp_token_question_options, &chosen, count, arguments, &paths,
                                      error));
    if (chosen.from[0] == '\0')
        DP_TRY(take_last(&chosen.ckpt, &paths, arguments, question->what, &text, error));
    DP_TRY(dp_checkpoint_argument_open(&chosen.ckpt, paths, arguments, &asked, error));
    return text == NULL ? answer_lines(question, asked.model, &chosen, error)
                        : answer_one(question, asked.model, text, &chosen, question->form, error);
}
