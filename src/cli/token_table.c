#include "cli/token_table.h"

#include "base/memory.h"
#include "formats/json.h"

#include <math.h>
#include <stdlib.h>

#define LINE_WIDTH 80
#define TOKEN_WIDTH_MAX 40 /* columns; a longer token pushes its line to the right */

typedef struct scored {
    double score;
    uint32_t id;
} scored;

static int highest_first(const void *a, const void *b) {
    const scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Columns of a token: its code points. */
static int width_of(const char *token) {
    int width = 0;
    for (const char *c = token; *c != '\0'; c++)
        width += ((unsigned char)*c & 0xC0u) != 0x80u;
    return width;
}

static void append_line(const char *token, int token_width, double score, double highest,
                        int score_width, dp_text *out) {
    static const char bar[] = "########################################";
    int room = LINE_WIDTH - 2 - token_width - 2 - score_width - 2;
    int longest = room < (int)sizeof bar - 1 ? room : (int)sizeof bar - 1;
    int length = highest > 0.0 ? (int)lround(score / highest * longest) : 0;
    int padding = token_width - width_of(token);
    dp_text_append(out, "  ");
    dp_text_append_shown(out, token);
    dp_text_append_format(out, "%*s  %*.4f", padding > 0 ? padding : 0, "", score_width, score);
    if (length > 0)
        dp_text_append_format(out, "  %.*s", length, bar);
    dp_text_append(out, "\n");
}

static void append_lines(const dp_vocabulary *vocabulary, const scored *list, size_t count,
                         const char *score_name, dp_text *out) {
    int token_width = width_of("token"), score_width = width_of(score_name);
    for (size_t i = 0; i < count; i++) {
        int width = width_of(dp_vocabulary_token(vocabulary, list[i].id));
        token_width = width > token_width ? width : token_width;
    }
    token_width = token_width < TOKEN_WIDTH_MAX ? token_width : TOKEN_WIDTH_MAX;
    score_width = score_width < 7 ? 7 : score_width;
    dp_text_append_format(out, "  %-*s  %*s\n", token_width, "token", score_width, score_name);
    for (size_t i = 0; i < count; i++)
        append_line(dp_vocabulary_token(vocabulary, list[i].id), token_width, list[i].score,
                    list[0].score, score_width, out);
}

static void append_array(const dp_vocabulary *vocabulary, const scored *list, size_t count,
                         const char *score_name, dp_text *json) {
    dp_json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        dp_json_begin_object(json);
        dp_json_key(json, "token");
        dp_json_string(json, dp_vocabulary_token(vocabulary, list[i].id));
        dp_json_key(json, score_name);
        dp_json_real(json, list[i].score);
        dp_json_end_object(json);
    }
    dp_json_end_array(json);
}

dp_status dp_token_table_append(const dp_vocabulary *vocabulary, const double *scores,
                                const char *score_name, uint64_t count, bool json, dp_text *out,
                                double *shown, uint64_t *left, dp_error *error) {
    DP_OWNED(dp_memory_release) scored *list = NULL;
    size_t length = 0;
    *shown = 0.0;
    DP_TRY_NEW(list, vocabulary->count);
    for (uint32_t id = 0; id < vocabulary->count; id++) {
        if (!isnan(scores[id]))
            list[length++] = (scored){.score = scores[id], .id = id};
    }
    qsort(list, length, sizeof *list, highest_first);
    size_t lines = count < length ? (size_t)count : length;
    if (json)
        append_array(vocabulary, list, lines, score_name, out);
    else
        append_lines(vocabulary, list, lines, score_name, out);
    for (size_t i = 0; i < lines; i++)
        *shown += list[i].score;
    *left = length - lines;
    return dp_text_check(out, error);
}
