#include "pack/prepared_text.h"

#include "base/size.h"
#include "base/utf8.h"

#include <inttypes.h>

#define BYTES_AT_ONCE ((size_t)1 << 18)

static dp_status fail_byte(const dp_packing_text *text, size_t at, dp_error *error) {
    uint64_t line = 1;
    for (size_t i = 0; i < at; i++)
        line += text->source.data[i] == '\n';
    return dp_fail(error, DP_ERR_INPUT,
                   "%s:%" PRIu64 ": byte 0x%02x at offset %zu is not valid UTF-8; convert the text "
                   "(iconv -t UTF-8)",
                   text->path, line, text->source.data[at], at);
}

/* Where the next part ends: some bytes further on, before a character of ASCII. */
static size_t part_end(const dp_file_map *source, size_t at) {
    size_t end = dp_size_min(source->size, at + BYTES_AT_ONCE);
    while (end < source->size && source->data[end] >= 0x80u)
        end++;
    return end;
}

static dp_status fold(const dp_packing_job *job, const dp_packing_text *text,
                      dp_file_replacement *file, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text folded = {0};
    const dp_file_map *source = &text->source;
    for (size_t at = 0, end = 0; at < source->size; at = end) {
        DP_TRY(dp_packing_check(job, error));
        end = part_end(source, at);
        const size_t valid = dp_utf8_valid_bytes(source->data + at, end - at);
        if (valid < end - at)
            return fail_byte(text, at + valid, error);
        dp_text_cut(&folded, 0);
        dp_unicode_fold(job->request->folding, (const char *)source->data + at, end - at, &folded);
        DP_TRY(dp_text_check(&folded, error));
        DP_TRY(dp_file_replace_append(file, folded.data, folded.length, error));
    }
    return DP_OK;
}

dp_status dp_prepared_text_make(const dp_packing_job *job, dp_packing_text *text, dp_error *error) {
    DP_OWNED(dp_file_replace_abort) dp_file_replacement file = {0};
    if (!dp_folding_changes(job->request->folding)) {
        text->map = text->source;
        return DP_OK;
    }
    DP_TRY(dp_file_replace_begin(&file, job->request->output, error));
    DP_TRY(fold(job, text, &file, error));
    return dp_file_map_open(&text->map, file.temporary, error);
}
