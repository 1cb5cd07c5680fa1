#include "system/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

dp_status dp_journal_open(dp_journal *journal, const char *path, dp_error *error) {
    *journal = (dp_journal){0};
    DP_TRY(dp_path_format(journal->path, error, "%s", path));
    DP_TRY(dp_file_open_own(path, &journal->descriptor, error));
    journal->is_open = true;
    const off_t end = lseek(journal->descriptor, 0, SEEK_END);
    if (end < 0) {
        dp_fail_errno(error, errno, "cannot write %s", path);
        dp_journal_close(journal);
        return error->status;
    }
    journal->size = (uint64_t)end;
    return DP_OK;
}

/* Writes at the place that is known to be the end of what is whole, so that a part of a line that
 * could not be cut off is covered by the next attempt. */
static dp_status write_at_end(dp_journal *journal, const char *lines, size_t length,
                              dp_error *error) {
    size_t done = 0;
    const int failed = dp_file_write_at(journal->descriptor, lines, length, journal->size, &done);
    if (failed != 0) {
        dp_fail_errno(error, failed, "cannot write %s", journal->path);
        if (done > 0 && ftruncate(journal->descriptor, (off_t)journal->size) != 0)
            dp_fail_prefix(error, "%s ends with a part of a line", journal->path);
        return error->status;
    }
    journal->size += length;
    return DP_OK;
}

static dp_status write_pending(dp_journal *journal, dp_error *error) {
    dp_text *pending = &journal->pending;
    DP_TRY(write_at_end(journal, dp_text_string(pending), pending->length, error));
    dp_text_clear(pending);
    return DP_OK;
}

/* Memory is asked for only where the disk refuses. */
dp_status dp_journal_add(dp_journal *journal, const char *lines, size_t length, dp_error *error) {
    dp_status status = write_pending(journal, error);
    if (status == DP_OK)
        status = write_at_end(journal, lines, length, error);
    if (status != DP_OK) {
        dp_error refused = *error;
        dp_text_append_bytes(&journal->pending, lines, length);
        DP_TRY(dp_text_check(&journal->pending, error));
        *error = refused;
    }
    return status;
}

dp_status dp_journal_sync(dp_journal *journal, dp_error *error) {
    bool syncs = false;
    DP_TRY(write_pending(journal, error));
    const int failed = dp_file_sync(journal->descriptor, &syncs);
    return failed == 0 ? DP_OK : dp_fail_errno(error, failed, "cannot sync %s", journal->path);
}

dp_status dp_journal_cut(dp_journal *journal, uint64_t size, dp_error *error) {
    if (size >= journal->size)
        return DP_OK;
    if (ftruncate(journal->descriptor, (off_t)size) != 0)
        return dp_fail_errno(error, errno, "cannot write %s", journal->path);
    journal->size = size;
    return DP_OK;
}

void dp_journal_close(dp_journal *journal) {
    if (journal->is_open)
        close(journal->descriptor);
    dp_text_clear(&journal->pending);
    journal->is_open = false;
}
