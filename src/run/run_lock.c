#define _DEFAULT_SOURCE /* flock */
#include "run/run_lock.h"

#include "base/text.h"
#include "system/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ATTEMPTS 200 /* of 10 ms each: others may be taking over the same lock */

/* --- what stands in it ---------------------------------------------------------------------- */

typedef struct lock_owner {
    dp_process_identity process;
    char job[128]; /* of Slurm, or NO_JOB */
    uint64_t restarts;
} lock_owner;

#define NO_JOB "-"

/* A cluster's jobs have numbers of their own. */
static void identify_job(lock_owner *self) {
    const char *cluster = getenv("SLURM_CLUSTER_NAME"), *job = getenv("SLURM_JOB_ID");
    const char *restarts = getenv("SLURM_RESTART_COUNT");
    snprintf(self->job, sizeof self->job, "%.64s/%.32s", cluster == NULL ? "" : cluster,
             job == NULL ? "" : job);
    if (job == NULL || strpbrk(self->job, " \t\n") != NULL)
        snprintf(self->job, sizeof self->job, NO_JOB);
    if (restarts == NULL || !dp_text_parse_unsigned(restarts, &self->restarts))
        self->restarts = 0;
}

static void format_lock(const lock_owner *owner, char text[DP_RUN_LOCK_TEXT_SIZE]) {
    const dp_process_identity *process = &owner->process;
    snprintf(text, DP_RUN_LOCK_TEXT_SIZE,
             "dptrain run lock 2\nhost %s\nprocess %" PRIu64 "\nstarted %" PRIu64
             "\nboot %s\nspace %s\njob %s\nrestarts %" PRIu64 "\n",
             process->host, process->number, process->started, process->boot, process->space,
             owner->job, owner->restarts);
}

/* Only what format_lock gives is a lock. */
static bool parse_lock(const char *text, lock_owner *owner) {
    char again[DP_RUN_LOCK_TEXT_SIZE];
    *owner = (lock_owner){0};
    dp_process_identity *process = &owner->process;
    if (sscanf(text,
               "dptrain run lock 2\nhost %255s\nprocess %" SCNu64 "\nstarted %" SCNu64
               "\nboot %63s\nspace %63s\njob %127s\nrestarts %" SCNu64 "\n",
               process->host, &process->number, &process->started, process->boot, process->space,
               owner->job, &owner->restarts) != 7)
        return false;
    format_lock(owner, again);
    return strcmp(text, again) == 0 && process->number >= 1 && process->number <= INT32_MAX;
}

/* Slurm puts a job into the queue again only when it has given up what ran of it before, also on a
 * host that is gone. */
static dp_process_state look_at(const lock_owner *owner) {
    lock_owner self = {0};
    identify_job(&self);
    if (strcmp(self.job, NO_JOB) != 0 && strcmp(owner->job, self.job) == 0 &&
        owner->restarts < self.restarts)
        return DP_PROCESS_ENDED;
    return dp_process_look(&owner->process);
}

/* Returns 0 or what errno says; a longer file is cut, and then no lock. */
static int read_lock(int descriptor, char text[DP_RUN_LOCK_TEXT_SIZE]) {
    ssize_t length = pread(descriptor, text, DP_RUN_LOCK_TEXT_SIZE - 1, 0);
    text[length < 0 ? 0 : length] = '\0';
    return length < 0 ? errno : 0;
}

/* --- taking it ------------------------------------------------------------------------------ */

/* A new file with our text, on the disk, so that a crash of the machine leaves no empty one. */
static int write_new(const char *path, const char *text) {
    const size_t length = strlen(text);
    bool syncs = false;
    int descriptor = dp_file_open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY);
    if (descriptor < 0)
        return errno;
    ssize_t written = write(descriptor, text, length);
    int failed = written == (ssize_t)length ? 0 : written < 0 ? errno : ENOSPC;
    if (failed == 0)
        failed = dp_file_sync(descriptor, &syncs);
    if (close(descriptor) != 0 && failed == 0)
        failed = errno;
    if (failed != 0)
        unlink(path);
    return failed;
}

/* Gives the temporary file the name of the lock, if nobody has it. NFS may lose the answer to a
 * link that was made: then the file has two names. */
static int link_lock(const dp_run_lock *lock, const char *temporary) {
    struct stat information;
    int failed = link(temporary, lock->path) == 0 ? 0 : errno;
    if (failed == 0 || (stat(temporary, &information) == 0 && information.st_nlink == 2))
        return 0;
    if (failed == EPERM || failed == EOPNOTSUPP || failed == ENOSYS)
        return write_new(lock->path, lock->text);
    return failed;
}

static bool is_same_file(int descriptor, const char *path) {
    struct stat ours, theirs;
    return fstat(descriptor, &ours) == 0 && stat(path, &theirs) == 0 &&
           ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* Puts the temporary file in the place of a stale lock. Of several processes that do so at once the
 * first wins: the others, when they are let to the file, find another one in its place. Where the
 * file system has no flock, two that come within a millisecond may both win. */
static int replace_stale(const dp_run_lock *lock, int descriptor, const char *temporary) {
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return EAGAIN;
    if (!is_same_file(descriptor, lock->path))
        return EAGAIN;
    return rename(temporary, lock->path) == 0 ? 0 : errno;
}

static dp_status refuse(const dp_run_lock *lock, const char *dir, const lock_owner *owner,
                        bool is_lock, dp_process_state state, dp_error *error) {
    const dp_process_identity *process = &owner->process;
    if (!is_lock)
        return dp_fail(error, DP_ERR_LOCKED,
                       "%s is no lock that we can read: if no run works in %s, remove it",
                       lock->path, dir);
    if (state == DP_PROCESS_RUNS)
        return dp_fail(error, DP_ERR_LOCKED,
                       "%s is in use by process %" PRIu64 " on this host, %s: one run at a time "
                       "works in a folder",
                       dir, process->number, process->host);
    return dp_fail(error, DP_ERR_LOCKED,
                   "%s is in use by process %" PRIu64 " on %s, which cannot be seen from here: if "
                   "it has ended, remove %s",
                   dir, process->number, process->host, lock->path);
}

/* What to do about the lock that is there: EAGAIN to try again, 0 where it has become ours, or what
 * errno says; *status is that of a refusal. */
static int examine(const dp_run_lock *lock, const char *dir, const char *temporary,
                   char notice[DP_RUN_LOCK_NOTICE_SIZE], dp_status *status, dp_error *error) {
    char text[DP_RUN_LOCK_TEXT_SIZE];
    lock_owner owner;
    DP_OWNED(dp_file_close)
    const int descriptor = dp_file_open(lock->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0)
        return errno == ENOENT ? EAGAIN : errno;
    int failed = read_lock(descriptor, text);
    const bool is_lock = failed == 0 && parse_lock(text, &owner);
    const dp_process_state state = is_lock ? look_at(&owner) : DP_PROCESS_UNKNOWN;
    if (failed == 0 && state != DP_PROCESS_ENDED)
        *status = refuse(lock, dir, &owner, is_lock, state, error);
    else if (failed == 0)
        failed = replace_stale(lock, descriptor, temporary);
    if (failed == 0 && *status == DP_OK)
        snprintf(notice, DP_RUN_LOCK_NOTICE_SIZE,
                 "notice: process %" PRIu64 " on %.64s ended without giving %.64s back; taken over",
                 owner.process.number, owner.process.host, DP_RUN_LOCK_NAME);
    return failed;
}

static int attempt(const dp_run_lock *lock, const char *dir, const char *temporary,
                   char notice[DP_RUN_LOCK_NOTICE_SIZE], dp_status *status, dp_error *error) {
    int failed = write_new(temporary, lock->text);
    if (failed != 0)
        return failed;
    failed = link_lock(lock, temporary);
    if (failed == EEXIST)
        failed = examine(lock, dir, temporary, notice, status, error);
    else if (failed == ENOENT) /* the new owner has tidied up */
        failed = EAGAIN;
    unlink(temporary);
    return failed;
}

dp_status dp_run_lock_take(dp_run_lock *lock, const char *dir, char notice[DP_RUN_LOCK_NOTICE_SIZE],
                           dp_error *error) {
    dp_status status = DP_OK;
    lock_owner self = {0};
    char temporary[DP_PATH_SIZE];
    int failed = EAGAIN;
    *lock = (dp_run_lock){0};
    notice[0] = '\0';
    dp_process_identify(&self.process);
    identify_job(&self);
    format_lock(&self, lock->text);
    DP_TRY(dp_path_format(lock->path, error, "%s/" DP_RUN_LOCK_NAME, dir));
    DP_TRY(dp_path_temporary(temporary, lock->path, error));
    for (int i = 0; failed == EAGAIN && status == DP_OK && i < ATTEMPTS; i++) {
        if (i > 0)
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        failed = attempt(lock, dir, temporary, notice, &status, error);
    }
    if (status == DP_OK && failed != 0)
        status = dp_fail_errno(error, failed, "cannot take %s", lock->path);
    lock->is_held = status == DP_OK;
    return status;
}

void dp_run_lock_release(dp_run_lock *lock) {
    char text[DP_RUN_LOCK_TEXT_SIZE];
    if (!lock->is_held)
        return;
    lock->is_held = false;
    DP_OWNED(dp_file_close)
    const int descriptor = dp_file_open(lock->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    /* Somebody may have removed ours and started another run. */
    if (descriptor >= 0 && read_lock(descriptor, text) == 0 && strcmp(text, lock->text) == 0)
        unlink(lock->path);
}
