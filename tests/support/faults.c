/* faults: a library to be preloaded (LD_PRELOAD) into a program under test. It counts what the
 * program asks the system to change below the folder FAULTS_FOLDER (create, write, sync, truncate,
 * rename, link, remove, make a folder), and makes one such request go wrong:
 *
 *   FAULTS_POINT    number of the request, from 1; 0 or not set: none
 *   FAULTS_KIND     kill: the process is killed, as by kill -9, before the request is carried out
 *                   torn: a write is carried out to its half, then the process is killed
 *                   enospc, eio: the request fails with this error (a removal never does for want
 *                   of space; it goes well then)
 *                   modest: none fails, but no folder can be synced (EINVAL), and nothing is told
 *                   of the free space, as by some file systems of FUSE
 *   FAULTS_REPORT   a file that gets a line for each request, "NUMBER WHAT PATH"
 *
 * Works on calls to the C library, so that what stdio writes is not seen. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned long counted;

/* Whether a path, as the program gives it, lies below the folder. */
static bool is_watched(const char *path) {
    const char *folder = getenv("FAULTS_FOLDER");
    return folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

static bool is_watched_descriptor(int descriptor, char path[PATH_MAX]) {
    char link[64], here[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0 || getcwd(here, sizeof here) == NULL)
        return false;
    path[length] = '\0';
    size_t root = strlen(here);
    if (strncmp(path, here, root) != 0 || path[root] != '/')
        return false;
    memmove(path, path + root + 1, (size_t)length - root);
    return is_watched(path);
}

static void note(const char *what, const char *path) {
    const char *report = getenv("FAULTS_REPORT");
    char line[PATH_MAX + 64];
    if (report == NULL)
        return;
    int length = snprintf(line, sizeof line, "%lu %s %s\n", counted, what, path);
    int descriptor =
        (int)syscall(SYS_openat, AT_FDCWD, report, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (descriptor >= 0 && syscall(SYS_write, descriptor, line, (size_t)length) != length)
        abort();
    if (descriptor >= 0)
        syscall(SYS_close, descriptor);
}

static bool is_kind(const char *kind) {
    const char *wanted = getenv("FAULTS_KIND");
    return wanted != NULL && strcmp(wanted, kind) == 0;
}

static void die(void) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
}

/* Counts a request; returns 0 where it is to be carried out, 1 where it is to be torn, -1 with
 * errno where it is to fail. */
static int pass(const char *what, const char *path, bool takes_space) {
    const char *point = getenv("FAULTS_POINT");
    counted++;
    note(what, path);
    if (point == NULL || strtoul(point, NULL, 10) != counted)
        return 0;
    if (is_kind("torn"))
        return 1;
    if (is_kind("kill"))
        die();
    if (is_kind("enospc") && !takes_space)
        return 0;
    errno = is_kind("enospc") ? ENOSPC : EIO;
    return -1;
}

static int pass_whole(const char *what, const char *path, bool takes_space) {
    int passed = pass(what, path, takes_space);
    if (passed == 1)
        die();
    return passed;
}

/* The C library's function of this name. */
#define REAL(name, type) ((type)(uintptr_t)dlsym(RTLD_NEXT, name))

/* --- requests with a path -----------------------------------------------------------------------
 */

static int open_any(const char *name, const char *path, int flags, mode_t mode) {
    typedef int (*function)(const char *, int, ...);
    if ((flags & (O_CREAT | O_TRUNC)) != 0 && is_watched(path) &&
        pass_whole("create", path, true) != 0)
        return -1;
    return REAL(name, function)(path, flags, mode);
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        mode_t mode = 0;                                                                           \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        if ((flags & O_CREAT) != 0)                                                                \
            mode = va_arg(arguments, mode_t);                                                      \
        va_end(arguments);                                                                         \
        return open_any(#name, path, flags, mode);                                                 \
    }
OPEN(open)
OPEN(open64)

int unlink(const char *path) {
    typedef int (*function)(const char *);
    if (is_watched(path) && pass_whole("remove", path, false) != 0)
        return -1;
    return REAL("unlink", function)(path);
}

int mkdir(const char *path, mode_t mode) {
    typedef int (*function)(const char *, mode_t);
    if (is_watched(path) && pass_whole("folder", path, true) != 0)
        return -1;
    return REAL("mkdir", function)(path, mode);
}

int rename(const char *old, const char *new) {
    typedef int (*function)(const char *, const char *);
    if (is_watched(new) && pass_whole("rename", new, true) != 0)
        return -1;
    return REAL("rename", function)(old, new);
}

int link(const char *old, const char *new) {
    typedef int (*function)(const char *, const char *);
    if (is_watched(new) && pass_whole("link", new, true) != 0)
        return -1;
    return REAL("link", function)(old, new);
}

/* --- requests with a descriptor -----------------------------------------------------------------
 */

ssize_t write(int descriptor, const void *bytes, size_t count) {
    typedef ssize_t (*function)(int, const void *, size_t);
    char path[PATH_MAX];
    int passed = is_watched_descriptor(descriptor, path) ? pass("write", path, true) : 0;
    if (passed < 0)
        return -1;
    ssize_t written = REAL("write", function)(descriptor, bytes, passed == 0 ? count : count / 2);
    if (passed > 0)
        die();
    return written;
}

static ssize_t pwrite_any(const char *name, int descriptor, const void *bytes, size_t count,
                          off_t at) {
    typedef ssize_t (*function)(int, const void *, size_t, off_t);
    char path[PATH_MAX];
    int passed = is_watched_descriptor(descriptor, path) ? pass("write", path, true) : 0;
    if (passed < 0)
        return -1;
    ssize_t written = REAL(name, function)(descriptor, bytes, passed == 0 ? count : count / 2, at);
    if (passed > 0)
        die();
    return written;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t at) {
    return pwrite_any("pwrite", descriptor, bytes, count, at);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t at) {
    return pwrite_any("pwrite64", descriptor, bytes, count, at);
}

static bool is_folder(int descriptor) {
    struct stat information;
    return fstat(descriptor, &information) == 0 && S_ISDIR(information.st_mode);
}

int statvfs(const char *path, struct statvfs *information) {
    typedef int (*function)(const char *, struct statvfs *);
    int status = REAL("statvfs", function)(path, information);
    if (status == 0 && is_watched(path) && is_kind("modest")) {
        information->f_blocks = information->f_bfree = information->f_bavail = 0;
        information->f_frsize = 0;
    }
    return status;
}

static int sync_any(const char *name, int descriptor) {
    typedef int (*function)(int);
    char path[PATH_MAX];
    if (is_watched_descriptor(descriptor, path) && pass_whole("sync", path, true) != 0)
        return -1;
    if (is_kind("modest") && is_folder(descriptor)) {
        errno = EINVAL;
        return -1;
    }
    return REAL(name, function)(descriptor);
}

int fsync(int descriptor) {
    return sync_any("fsync", descriptor);
}

int fdatasync(int descriptor) {
    return sync_any("fdatasync", descriptor);
}

static int truncate_any(const char *name, int descriptor, off_t size) {
    typedef int (*function)(int, off_t);
    char path[PATH_MAX];
    if (is_watched_descriptor(descriptor, path) && pass_whole("truncate", path, true) != 0)
        return -1;
    return REAL(name, function)(descriptor, size);
}

int ftruncate(int descriptor, off_t size) {
    return truncate_any("ftruncate", descriptor, size);
}

int ftruncate64(int descriptor, off64_t size) {
    return truncate_any("ftruncate64", descriptor, size);
}
