#define _DEFAULT_SOURCE /* flock */
#include "system/filesystem.h"

#include "base/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TRIAL_NAME ".dptrain-trial"

dp_status dp_filesystem_nearest(const char *path, char folder[DP_PATH_SIZE], dp_error *error) {
    struct stat information;
    DP_TRY(dp_path_format(folder, error, "%s", path));
    while (stat(folder, &information) != 0) {
        size_t length = (size_t)(dp_path_base(folder) - folder);
        while (length > 1 && folder[length - 1] == '/')
            length--;
        if (length == 0)
            return dp_path_format(folder, error, ".");
        folder[length] = '\0';
    }
    return S_ISDIR(information.st_mode)
               ? DP_OK
               : dp_fail(error, DP_ERR_INPUT, "%s is not a folder", folder);
}

static dp_status trial_path(const char *folder, char path[DP_PATH_SIZE], dp_error *error) {
    char name[DP_PATH_SIZE];
    DP_TRY(dp_path_format(name, error, "%s/" TRIAL_NAME, folder));
    return dp_path_temporary(path, name, error);
}

dp_status dp_filesystem_try_replace(const char *folder, double *seconds, dp_error *error) {
    static const char content[] = "Written by dptrain to try this file system out.\n";
    char path[DP_PATH_SIZE];
    const double began = dp_timer_now();
    DP_TRY(trial_path(folder, path, error));
    DP_TRY(dp_file_write(path, content, strlen(content), error));
    *seconds = dp_timer_now() - began;
    return dp_file_remove(path, error);
}

dp_status dp_filesystem_try_lock(const char *folder, dp_error *error) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[DP_PATH_SIZE];
    DP_TRY(trial_path(folder, path, error));
    DP_OWNED(dp_file_close)
    const int descriptor = dp_file_open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY);
    if (descriptor < 0)
        return dp_fail_errno(error, errno, "cannot write %s", path);
    dp_status status = DP_OK;
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0)
        status = dp_fail_errno(error, errno, "flock");
    else if (fcntl(descriptor, F_SETLK, &whole) != 0)
        status = dp_fail_errno(error, errno, "fcntl(F_SETLK)");
    unlink(path);
    return status;
}

int dp_filesystem_hold_folder(const char *folder) {
    const int descriptor = dp_file_open(folder, O_RDONLY | O_DIRECTORY);
    int failed = 0;
    if (descriptor < 0)
        return -1;
    do
        failed = flock(descriptor, LOCK_EX) == 0 ? 0 : errno;
    while (failed == EINTR);
    if (failed == 0)
        return descriptor;
    close(descriptor);
    return -1;
}

dp_status dp_filesystem_free_bytes(const char *path, uint64_t *bytes, dp_error *error) {
    struct statvfs information;
    if (statvfs(path, &information) != 0)
        return dp_fail_errno(error, errno, "cannot tell the free space of %s", path);
    /* A file system of no blocks does not count them. */
    *bytes = information.f_blocks == 0 ? UINT64_MAX
                                       : (uint64_t)information.f_bavail * information.f_frsize;
    return DP_OK;
}

dp_status dp_filesystem_doubts(const char *folder, const char *doubts[DP_FILESYSTEM_DOUBTS],
                               dp_error *error) {
    uint64_t bytes = 0;
    bool syncs = true;
    if (dp_filesystem_free_bytes(folder, &bytes, error) != DP_OK || bytes == UINT64_MAX)
        *doubts++ = "the file system does not tell how much is free: that a file has no room shows "
                    "only when it is written";
    const int failed = dp_file_sync_folder(folder, &syncs);
    if (failed == 0 && !syncs)
        *doubts++ = "the file system does not sync folders: when the power fails, the newest files "
                    "may be gone";
    *doubts = NULL;
    return failed == 0 ? DP_OK : dp_fail_errno(error, failed, "cannot sync %s", folder);
}
