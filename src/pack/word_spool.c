#include "pack/word_spool.h"

#include "base/memory.h"
#include "base/size.h"

#include <string.h>

#define ADDED_MOST ((size_t)1 << 18)

dp_status dp_word_spool_create(dp_word_spool *spool, const char *path, dp_error *error) {
    DP_TRY_NEW(spool->added, ADDED_MOST);
    return dp_file_replace_begin(&spool->file, path, error);
}

static dp_status write_added(dp_word_spool *spool, dp_error *error) {
    dp_status status = dp_file_replace_append(&spool->file, spool->added,
                                              spool->added_count * sizeof *spool->added, error);
    spool->count += spool->added_count;
    spool->added_count = 0;
    return status;
}

dp_status dp_word_spool_add(dp_word_spool *spool, const uint32_t *numbers, size_t count,
                            dp_error *error) {
    while (count > 0) {
        const size_t now = dp_size_min(count, ADDED_MOST - spool->added_count);
        memcpy(spool->added + spool->added_count, numbers, now * sizeof *numbers);
        spool->added_count += now;
        numbers += now;
        count -= now;
        if (spool->added_count == ADDED_MOST)
            DP_TRY(write_added(spool, error));
    }
    return DP_OK;
}

dp_status dp_word_spool_finish(dp_word_spool *spool, dp_error *error) {
    dp_status status = DP_OK;
    DP_OR_DONE(write_added(spool, error));
    DP_OR_DONE(dp_file_map_open(&spool->map, spool->file.temporary, error));
    spool->numbers = (const uint32_t *)(const void *)spool->map.data;
done:
    dp_file_replace_abort(&spool->file);
    return status;
}

void dp_word_spool_clear(dp_word_spool *spool) {
    dp_file_map_close(&spool->map);
    dp_file_replace_abort(&spool->file);
    dp_memory_free(spool->added);
    *spool = (dp_word_spool){0};
}
