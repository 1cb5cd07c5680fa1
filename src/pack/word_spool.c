#include "pack/word_spool.h"

#include <errno.h>

#define BUFFER_BYTES ((size_t)1 << 20)

static dp_status fail(const dp_word_spool *spool, dp_error *error) {
    return dp_fail_errno(error, errno, "cannot write %s", spool->file.path);
}

dp_status dp_word_spool_create(dp_word_spool *spool, const char *path, dp_error *error) {
    DP_TRY(dp_file_replace_begin(&spool->file, path, error));
    spool->stream = fopen(spool->file.temporary, "wb");
    if (spool->stream == NULL || setvbuf(spool->stream, NULL, _IOFBF, BUFFER_BYTES) != 0)
        return fail(spool, error);
    return DP_OK;
}

dp_status dp_word_spool_add(dp_word_spool *spool, const uint32_t *numbers, size_t count,
                            dp_error *error) {
    spool->count += count;
    if (fwrite(numbers, sizeof *numbers, count, spool->stream) != count)
        return fail(spool, error);
    return DP_OK;
}

dp_status dp_word_spool_finish(dp_word_spool *spool, dp_error *error) {
    FILE *stream = spool->stream;
    spool->stream = NULL; /* gone even where closing fails */
    if (fclose(stream) != 0)
        return fail(spool, error);
    DP_TRY(dp_file_map_open(&spool->map, spool->file.temporary, error));
    spool->numbers = (const uint32_t *)(const void *)spool->map.data;
    dp_file_replace_abort(&spool->file);
    return DP_OK;
}

void dp_word_spool_clear(dp_word_spool *spool) {
    if (spool->stream != NULL)
        fclose(spool->stream);
    dp_file_map_close(&spool->map);
    dp_file_replace_abort(&spool->file);
    *spool = (dp_word_spool){0};
}
