#include "system/file.h"

#include "system/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int dp_file_open(const char *path, int flags) {
    int descriptor = -1;
    do
        descriptor = open(path, flags | O_CLOEXEC, 0666);
    while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

void dp_file_close(const int *descriptor) {
    if (*descriptor >= 0)
        close(*descriptor);
}

dp_status dp_file_replace_begin(dp_file_replacement *file, const char *path, dp_error *error) {
    char temporary[DP_PATH_SIZE];
    *file = (dp_file_replacement){0};
    DP_TRY(dp_path_format(file->path, error, "%s", path));
    DP_TRY(dp_path_temporary(temporary, path, error));
    const int descriptor = dp_file_open(temporary, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY);
    if (descriptor < 0 || close(descriptor) != 0)
        return dp_fail_errno(error, errno, "cannot write %s", path);
    memcpy(file->temporary, temporary, sizeof temporary);
    return DP_OK;
}

dp_status dp_file_open_own(const char *path, int *descriptor, dp_error *error) {
    struct stat information;
    *descriptor = dp_file_open(path, O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_WRONLY);
    if (*descriptor < 0 && errno != ELOOP && errno != ENXIO)
        return dp_fail_errno(error, errno, "cannot write %s", path);
    if (*descriptor >= 0 && fstat(*descriptor, &information) == 0 && S_ISREG(information.st_mode))
        return DP_OK;
    dp_file_close(descriptor);
    *descriptor = -1;
    return dp_fail(error, DP_ERR_IO, "cannot write %s: it is a link or no regular file; remove it",
                   path);
}

/* Returns 0, or what errno says of the failure. */
static int write_all(int descriptor, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t written = write(descriptor, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? errno : EIO;
        bytes += written;
        count -= (size_t)written;
    }
    return 0;
}

int dp_file_write_at(int descriptor, const void *bytes, size_t count, uint64_t at, size_t *done) {
    for (*done = 0; *done < count;) {
        const ssize_t written =
            pwrite(descriptor, (const char *)bytes + *done, count - *done, (off_t)(at + *done));
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? errno : EIO;
        *done += (size_t)written;
    }
    return 0;
}

dp_status dp_file_replace_append(dp_file_replacement *file, const void *bytes, size_t count,
                                 dp_error *error) {
    int descriptor = dp_file_open(file->temporary, O_WRONLY | O_APPEND | O_NOFOLLOW);
    int failed = descriptor < 0 ? errno : write_all(descriptor, bytes, count);
    if (descriptor >= 0 && close(descriptor) != 0 && failed == 0)
        failed = errno;
    return failed == 0 ? DP_OK : dp_fail_errno(error, failed, "cannot write %s", file->path);
}

int dp_file_sync(int descriptor, bool *syncs) {
    int failed = 0;
    do
        failed = fsync(descriptor) == 0 ? 0 : errno;
    while (failed == EINTR);
    *syncs = failed != EINVAL && failed != ENOSYS && failed != ENOTSUP;
    return *syncs ? failed : 0;
}

int dp_file_sync_folder(const char *path, bool *syncs) {
    DP_OWNED(dp_file_close) const int descriptor = dp_file_open(path, O_RDONLY | O_DIRECTORY);
    *syncs = descriptor >= 0;
    if (descriptor < 0)
        return errno == EACCES ? 0 : errno;
    return dp_file_sync(descriptor, syncs);
}

static dp_status sync_file(const char *path, dp_error *error) {
    bool syncs = false;
    DP_OWNED(dp_file_close) const int descriptor = dp_file_open(path, O_WRONLY);
    const int failed = descriptor < 0 ? errno : dp_file_sync(descriptor, &syncs);
    return failed == 0 ? DP_OK : dp_fail_errno(error, failed, "cannot sync %s", path);
}

/* The folder that holds the entry `path`. */
static dp_status sync_parent(const char *path, dp_error *error) {
    char folder[DP_PATH_SIZE];
    bool syncs = false;
    DP_TRY(dp_path_folder(path, folder, error));
    const int failed = dp_file_sync_folder(folder, &syncs);
    return failed == 0 ? DP_OK : dp_fail_errno(error, failed, "cannot sync %s", folder);
}

dp_status dp_file_replace_commit(dp_file_replacement *file, dp_error *error) {
    DP_OWNED(dp_file_replace_abort) dp_file_replacement own = *file; /* removed on failure */
    file->temporary[0] = '\0';
    DP_TRY(sync_file(own.temporary, error));
    if (rename(own.temporary, own.path) != 0)
        return dp_fail_errno(error, errno, "cannot write %s", own.path);
    own.temporary[0] = '\0';
    return sync_parent(own.path, error);
}

void dp_file_replace_abort(dp_file_replacement *file) {
    if (file->temporary[0] != '\0')
        unlink(file->temporary);
    file->temporary[0] = '\0';
}

dp_status dp_file_check_writable(const char *path, dp_error *error) {
    char folder[DP_PATH_SIZE];
    DP_TRY(dp_path_folder(path, folder, error));
    if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0)
        return DP_OK;
    return dp_fail_errno(error, errno, "cannot write %s", path);
}

dp_status dp_file_write(const char *path, const void *bytes, size_t count, dp_error *error) {
    DP_OWNED(dp_file_replace_abort) dp_file_replacement file = {0};
    DP_TRY(dp_file_replace_begin(&file, path, error));
    DP_TRY(dp_file_replace_append(&file, bytes, count, error));
    return dp_file_replace_commit(&file, error);
}

dp_status dp_file_write_text(const char *path, const dp_text *text, dp_error *error) {
    DP_TRY(dp_text_check(text, error));
    return dp_file_write(path, text->data, text->length, error);
}

dp_status dp_file_map_open(dp_file_map *map, const char *path, dp_error *error) {
    struct stat information;
    *map = (dp_file_map){0};
    /* O_NONBLOCK: opening a pipe that nobody writes to would wait for ever. */
    DP_OWNED(dp_file_close) int descriptor = dp_file_open(path, O_RDONLY | O_NONBLOCK);
    if (descriptor < 0 || fstat(descriptor, &information) != 0)
        return dp_fail_errno(error, errno, "cannot read %s", path);
    if (!S_ISREG(information.st_mode))
        return dp_fail(error, DP_ERR_INPUT, "cannot read %s: not a regular file", path);
    if (information.st_size == 0)
        return DP_OK;
    const size_t size = (size_t)information.st_size;
    void *data = mmap(NULL, size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (data == MAP_FAILED)
        return dp_fail_errno(error, errno, "cannot map %s", path);
    *map = (dp_file_map){.data = data, .size = size};
    return DP_OK;
}

void dp_file_map_close(dp_file_map *map) {
    if (map->data != NULL)
        munmap((void *)(uintptr_t)map->data, map->size);
    *map = (dp_file_map){0};
}

static dp_status read_up_to(size_t most, const char *path, dp_text *content, dp_error *error) {
    DP_OWNED(dp_file_map_close) dp_file_map map = {0};
    DP_TRY(dp_file_map_open(&map, path, error));
    if (map.size > most)
        return dp_fail(error, DP_ERR_INPUT,
                       "cannot read %s: it has %zu bytes, a file of its kind at most %zu", path,
                       map.size, most);
    dp_text_append_bytes(content, map.data, map.size);
    return dp_text_check(content, error);
}

dp_status dp_file_read(const char *path, dp_text *content, dp_error *error) {
    return read_up_to(DP_FILE_SHORT_MAX, path, content, error);
}

dp_status dp_file_read_long(const char *path, dp_text *content, dp_error *error) {
    return read_up_to(DP_FILE_LONG_MAX, path, content, error);
}

bool dp_file_exists(const char *path) {
    return access(path, F_OK) == 0;
}

dp_status dp_file_make_directories(const char *path, dp_error *error) {
    char partial[DP_PATH_SIZE];
    struct stat information;
    DP_TRY(dp_path_format(partial, error, "%s", path));
    size_t end = 0;
    do {
        end += strspn(path + end, "/");
        end += strcspn(path + end, "/");
        partial[end] = '\0';
        const int failed = mkdir(partial, 0777) == 0 ? 0 : errno;
        if (failed != 0 && (stat(partial, &information) != 0 || !S_ISDIR(information.st_mode)))
            return dp_fail_errno(error, failed, "cannot create the folder %s", partial);
        partial[end] = path[end];
    } while (path[end] != '\0');
    return DP_OK;
}

dp_status dp_file_remove(const char *path, dp_error *error) {
    if (unlink(path) != 0 && errno != ENOENT)
        return dp_fail_errno(error, errno, "cannot remove %s", path);
    return DP_OK;
}

dp_status dp_file_move(const char *from, const char *to, dp_error *error) {
    if (rename(from, to) != 0)
        return dp_fail_errno(error, errno, "cannot rename %s to %s", from, to);
    return DP_OK;
}

dp_status dp_path_format(char path[DP_PATH_SIZE], dp_error *error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(path, DP_PATH_SIZE, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= DP_PATH_SIZE)
        return dp_fail(error, DP_ERR_INPUT, "path of %d bytes is too long: %.64s...", length, path);
    return DP_OK;
}

dp_status dp_path_temporary(char temporary[DP_PATH_SIZE], const char *path, dp_error *error) {
    uint64_t number = 0;
    DP_TRY(dp_process_random(&number, error));
    return dp_path_format(temporary, error, "%s.%" PRIu64 ".tmp", path, number);
}

const char *dp_path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

dp_status dp_path_folder(const char *path, char folder[DP_PATH_SIZE], dp_error *error) {
    return dp_path_format(folder, error, "%.*s.", (int)(dp_path_base(path) - path), path);
}

dp_status dp_path_stem(const char *path, char stem[DP_PATH_SIZE], dp_error *error) {
    DP_TRY(dp_path_format(stem, error, "%s", dp_path_base(path)));
    char *dot = strrchr(stem, '.');
    if (dot != NULL && dot != stem)
        *dot = '\0';
    return DP_OK;
}
