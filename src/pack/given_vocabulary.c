#include "pack/given_vocabulary.h"

#include "base/utf8.h"
#include "library/checkpoint_files.h"
#include "library/model_file.h"
#include "pack/text_source.h"
#include "words/word_vocabulary.h"

#include <inttypes.h>
#include <string.h>

/* --- reading ---------------------------------------------------------------------------------- */

static dp_status read_dataset(dp_packing_request *request, const char *path,
                              dp_vocabulary *vocabulary, dp_error *error) {
    DP_OWNED(dp_dataset_close) dp_dataset dataset = {0};
    DP_TRY(dp_dataset_open(&dataset, path, error));
    request->unit = dataset.info.unit;
    request->stream = dataset.info.stream;
    request->folding = dataset.info.preparation.folding;
    request->block_size = dataset.info.block_size;
    *vocabulary = dataset.vocabulary;
    dataset.vocabulary = (dp_vocabulary){0};
    return DP_OK;
}

static dp_status read_model(dp_packing_request *request, const char *path,
                            dp_vocabulary *vocabulary, dp_error *error) {
    DP_OWNED(dp_model_file_close) dp_model_file file = {0};
    DP_TRY(dp_model_file_open(&file, path, error));
    request->unit = file.unit;
    request->stream = file.stream;
    request->folding = file.preparation.folding;
    request->block_size = file.block_size;
    *vocabulary = file.vocabulary;
    file.vocabulary = (dp_vocabulary){0};
    return DP_OK;
}

static bool has_token(const dp_vocabulary *vocabulary, const char *token) {
    uint32_t id = 0;
    return dp_vocabulary_find(vocabulary, token, strlen(token), &id);
}

dp_status dp_given_vocabulary_read(dp_packing_request *request, const char *user_path,
                                   dp_vocabulary *vocabulary, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_checkpoint_files_find(user_path, path, error));
    DP_TRY(dp_file_kind_of(path) == DP_FILE_CHECKPOINT
               ? read_model(request, path, vocabulary, error)
               : read_dataset(request, path, vocabulary, error));
    DP_TRY(dp_vocabulary_sort(vocabulary, error));
    request->words.no_eol =
        request->unit == DP_UNIT_WORD && request->stream && !has_token(vocabulary, DP_END_OF_LINE);
    return dp_path_format(request->boundary, error, "%s",
                          dp_vocabulary_token(vocabulary, DP_BOUNDARY_ID));
}

dp_status dp_packing_request_take_vocabulary(dp_packing_request *request, const char *path,
                                             dp_error *error) {
    DP_OWNED(dp_vocabulary_clear) dp_vocabulary vocabulary = {0};
    DP_TRY(dp_path_format(request->vocab_of, error, "%s", path));
    if (dp_given_vocabulary_read(request, path, &vocabulary, error) != DP_OK)
        return dp_fail_prefix(error, "--vocab-of");
    return DP_OK;
}

/* --- what is not known ------------------------------------------------------------------------ */

dp_status dp_given_vocabulary_skip(dp_packing_job *job, dp_error *error) {
    for (int i = 0; i < job->text_count; i++) {
        dp_packing_text *text = &job->texts[i];
        size_t kept = 0;
        DP_TRY(dp_packing_check(job, error));
        for (size_t at = 0; at < text->count; at++) {
            dp_packing_move(text, kept, at);
            kept += job->kind->is_known(job->state, text, text->pieces[at]);
        }
        job->skipped += text->count - kept;
        text->count = kept;
    }
    return DP_OK;
}

/* The length of the token that begins at bytes[0]; 0 of a blank between words or at the end of a
 * line, and of that end, where they are none. */
static size_t token_bytes(const dp_packing_request *request, const unsigned char *bytes,
                          size_t size) {
    const dp_unit unit = request->unit;
    const char *blanks = unit == DP_UNIT_WORD ? " \t\v\f\r\n" : " \t\r";
    uint32_t code_point = 0;
    size_t length = 0;
    if (unit == DP_UNIT_CHAR && request->stream)
        return size > 1 && bytes[0] == '\r' && bytes[1] == '\n'
                   ? 0
                   : dp_utf8_decode(bytes, size, &code_point);
    while (length < size && (strchr(blanks, bytes[length]) != NULL) == (unit == DP_UNIT_CHAR))
        length++;
    if (unit == DP_UNIT_WORD)
        return length;
    return length == size || bytes[length] == '\n' ? 0 : dp_utf8_decode(bytes, size, &code_point);
}

/* Whether the text has a token that is not known: the first one, and its line. */
static bool find_unknown(const dp_packing_job *job, const dp_file_map *map, uint64_t *line,
                         dp_text *token) {
    size_t length = 0;
    uint32_t id = 0;
    *line = 1;
    for (size_t at = dp_utf8_mark_bytes(map->data, map->size); at < map->size;
         at += length == 0 ? 1 : length) {
        const unsigned char *bytes = map->data + at;
        length = token_bytes(job->request, bytes, map->size - at);
        if (length > 0 && !dp_vocabulary_find(&job->vocabulary, (const char *)bytes, length, &id)) {
            dp_text_append_bytes(token, bytes, length);
            return true;
        }
        *line += bytes[0] == '\n';
    }
    return false;
}

dp_status dp_given_vocabulary_fail(const dp_packing_job *job, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text token = {0};
    DP_OWNED(dp_text_clear) dp_text shown = {0};
    uint64_t line = 0;
    int i = 0;
    while (i + 1 < job->text_count && !find_unknown(job, &job->texts[i].map, &line, &token))
        i++;
    if (token.length == 0)
        (void)find_unknown(job, &job->texts[i].map, &line, &token);
    dp_text_append_shown(&shown, dp_text_string(&token));
    DP_TRY(dp_text_check(&shown, error));
    const char *name = dp_text_source_place(&job->texts[i], &line);
    return dp_fail(
        error, DP_ERR_MISMATCH, "%s:%" PRIu64 ": '%.80s' is not in the vocabulary of %s%s", name,
        line, dp_text_string(&shown), job->request->vocab_of,
        job->request->stream ? "" : "; --skip-unknown leaves out lines with such tokens");
}
