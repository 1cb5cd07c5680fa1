#include "data/check_stamp.h"

#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAMP_SIZE_MAX 1024

static dp_status stamp_path(const dp_dataset *dataset, char path[DP_PATH_SIZE], dp_error *error) {
    return dp_path_format(path, error, "%s" DP_CHECK_STAMP_SUFFIX, dataset->path);
}

/* The only text that is a valid stamp of this dataset. */
static dp_status format_stamp(const dp_dataset *dataset, dp_text *text, dp_error *error) {
    const dp_file_state *state = &dataset->state;
    dp_text_append_format(text,
                          "dptrain check stamp %d\nsize %" PRIu64 "\ninode %" PRIu64
                          "\nmodified %" PRId64 "\nchanged %" PRId64 "\nsha256 %s\n",
                          DP_CHECK_STAMP_VERSION, state->size, state->inode, state->modified,
                          state->changed, dataset->info.sha256);
    dp_text_append_format(text, "%s\n",
                          DP_HASH_TEXT(dp_xxh3_of(dp_text_string(text), text->length)));
    return dp_text_check(text, error);
}

/* --- believing ------------------------------------------------------------------------------ */

static bool is_trusted(const struct stat *information) {
    return S_ISREG(information->st_mode) && (information->st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
           (information->st_uid == geteuid() || information->st_uid == 0);
}

/* Reads up to `size` bytes of a file that we trust; 0 where there is none. */
static size_t read_trusted(const char *path, char *bytes, size_t size) {
    struct stat information;
    DP_OWNED(dp_file_close)
    const int descriptor = dp_file_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0 || fstat(descriptor, &information) != 0 || !is_trusted(&information))
        return 0;
    const ssize_t count = read(descriptor, bytes, size);
    return count < 0 ? 0 : (size_t)count;
}

bool dp_check_stamp_valid(const dp_dataset *dataset) {
    char path[DP_PATH_SIZE], found[STAMP_SIZE_MAX];
    DP_OWNED(dp_text_clear) dp_text wanted = {0};
    dp_error error;
    if (dataset->state.size == 0 || stamp_path(dataset, path, &error) != DP_OK ||
        format_stamp(dataset, &wanted, &error) != DP_OK)
        return false;
    const size_t count = read_trusted(path, found, sizeof found);
    return count == wanted.length && memcmp(found, wanted.data, count) == 0;
}

/* --- writing -------------------------------------------------------------------------------- */

/* What was checked is what is there, and a later change would be seen. */
static dp_status check_settled(const dp_dataset *dataset, dp_error *error) {
    dp_file_state now = dp_file_state_of(dataset->path);
    if (!dp_file_state_equal(&dataset->state, &now))
        return dp_fail(error, DP_ERR_IO, "%s was changed while it was checked", dataset->path);
    if (dataset->opened - now.changed < DP_CHECK_STAMP_SETTLED)
        return dp_fail(error, DP_ERR_IO, "%s was changed just before it was checked",
                       dataset->path);
    return DP_OK;
}

dp_status dp_check_stamp_write(const dp_dataset *dataset, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_OWNED(dp_text_clear) dp_text text = {0};
    DP_TRY(check_settled(dataset, error));
    DP_TRY(stamp_path(dataset, path, error));
    DP_TRY(format_stamp(dataset, &text, error));
    DP_TRY(dp_file_write_text(path, &text, error));
    /* Whatever the umask: one that others may write would not be believed. */
    if (chmod(path, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH) != 0)
        return dp_fail_errno(error, errno, "cannot write %s", path);
    return DP_OK;
}

dp_status dp_check_stamp_remove(const dp_dataset *dataset, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(stamp_path(dataset, path, error));
    return dp_file_remove(path, error);
}
