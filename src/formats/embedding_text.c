#include "formats/embedding_text.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Of the line that was read last. */
static uint64_t line_number(const dp_embedding_text *file) {
    return file->taken + 1;
}

/* The next line, 0-terminated; NULL at the end. */
static dp_status next_line(dp_embedding_text *file, char **line, size_t *length, dp_error *error) {
    bool more = true;
    while (!dp_line_reader_next(&file->reader, line, length)) {
        DP_TRY(dp_line_reader_fill(&file->reader, &more, error));
        if (more)
            continue;
        *line = NULL;
        return DP_OK;
    }
    return DP_OK;
}

/* Cuts the word at *rest off, behind which *rest then is; NULL where there is none. */
static char *cut_word(char **rest) {
    char *word = *rest + strspn(*rest, " \t");
    char *end = word + strcspn(word, " \t");
    *rest = *end == '\0' ? end : end + 1;
    *end = '\0';
    return end == word ? NULL : word;
}

static bool parse_heading(char *line, dp_embedding_text *file) {
    char *rest = line;
    const char *tokens = cut_word(&rest), *features = cut_word(&rest);
    return tokens != NULL && features != NULL && cut_word(&rest) == NULL &&
           dp_text_parse_unsigned(tokens, &file->tokens) &&
           dp_text_parse_unsigned(features, &file->features) && file->features > 0 &&
           file->features <= DP_EMBEDDING_TEXT_FEATURES_MAX;
}

dp_status dp_embedding_text_open(dp_embedding_text *file, const char *path, dp_error *error) {
    char *line = NULL;
    size_t length = 0;
    *file = (dp_embedding_text){.reader.descriptor = -1};
    DP_TRY(dp_line_reader_open(&file->reader, path, error));
    DP_TRY(next_line(file, &line, &length, error));
    if (line != NULL && strlen(line) == length && parse_heading(line, file))
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%s:1: not 'TOKENS FEATURES' with up to %d features, as word2vec's text begins: "
                   "put in front how many tokens follow, and how many numbers behind each",
                   file->reader.name, DP_EMBEDDING_TEXT_FEATURES_MAX);
}

void dp_embedding_text_close(dp_embedding_text *file) {
    dp_line_reader_close(&file->reader);
}

static dp_status parse_features(const dp_embedding_text *file, char *rest, float *features,
                                dp_error *error) {
    uint64_t count = 0;
    for (const char *word = cut_word(&rest); word != NULL; word = cut_word(&rest)) {
        double value = 0.0;
        if (count < file->features &&
            (!dp_text_parse_real(word, &value) || !isfinite((float)value)))
            return dp_fail(error, DP_ERR_INPUT,
                           "%s:%" PRIu64 ": feature %" PRIu64 " is '%.40s', not a finite number",
                           file->reader.name, line_number(file), count + 1, word);
        if (count < file->features)
            features[count] = (float)value;
        count++;
    }
    if (count == file->features)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%s:%" PRIu64 ": %" PRIu64 " numbers behind the token, not %" PRIu64
                   " as the first line says",
                   file->reader.name, line_number(file), count, file->features);
}

static dp_status check_end(const dp_embedding_text *file, bool ended, dp_error *error) {
    if (!ended)
        return dp_fail(error, DP_ERR_INPUT,
                       "%s:%" PRIu64 ": more than the %" PRIu64
                       " tokens that the first line tells of",
                       file->reader.name, line_number(file) + 1, file->tokens);
    if (file->taken == file->tokens)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%s ends after %" PRIu64 " of the %" PRIu64
                   " tokens that its first line tells of: is it cut short?",
                   file->reader.name, file->taken, file->tokens);
}

dp_status dp_embedding_text_next(dp_embedding_text *file, const char **token, size_t *length,
                                 float *features, dp_error *error) {
    char *line = NULL;
    size_t size = 0;
    *token = NULL;
    DP_TRY(next_line(file, &line, &size, error));
    if (line == NULL || file->taken == file->tokens)
        return check_end(file, line == NULL, error);
    file->taken++;
    *length = strcspn(line, " \t");
    if (strlen(line) < size || *length == 0)
        return dp_fail(error, DP_ERR_INPUT, "%s:%" PRIu64 ": %s", file->reader.name,
                       line_number(file),
                       *length == 0 ? "no token before the first blank" : "has a zero byte");
    DP_TRY(parse_features(file, line + *length, features, error));
    *token = line;
    return DP_OK;
}

size_t dp_embedding_text_blanks(const char *token, size_t length, char *out) {
    size_t count = 0;
    for (size_t at = 0; at < length; at++) {
        const unsigned char *byte = (const unsigned char *)token + at;
        const bool is_long = at + 2 < length && byte[0] == 0xE2;
        const bool is_space = is_long && byte[1] == 0x96 && byte[2] == 0x81;
        const bool is_other = is_long && byte[1] == 0x90 && byte[2] >= 0x89 && byte[2] <= 0x8D;
        out[count++] = is_space ? ' ' : is_other ? (char)(byte[2] - 0x80) : token[at];
        at += is_space || is_other ? 2 : 0;
    }
    out[count] = '\0';
    return count;
}
