/* run_lock: one run at a time in a run folder.
 *
 * The lock is a small text file, run.lock, that says who holds it: host, process, when that process
 * was started, of which boot and which space of process numbers it is one, and which job of Slurm
 * it belongs to, restarted how often. It appears whole, by a hard link, which needs no locks of the
 * file system and works on NFS; where there are no hard links, by exclusive creation.
 *
 * A lock whose process has ended, on this host, is taken over; so is one of the same Slurm job
 * before it was put into the queue again, on whatever host. Of another process elsewhere nothing
 * can be known: such a lock is refused, with how to remove it.
 *
 * Not collective; rank 0 holds the lock.
 */
#ifndef DP_RUN_RUN_LOCK_H
#define DP_RUN_RUN_LOCK_H

#include "system/file.h"

#define DP_RUN_LOCK_NAME "run.lock"

#define DP_RUN_LOCK_TEXT_SIZE 832

/* Start with {0}. */
typedef struct dp_run_lock {
    bool is_held;
    char path[DP_PATH_SIZE];
    char text[DP_RUN_LOCK_TEXT_SIZE]; /* what stands in it */
} dp_run_lock;

/* Takes the lock of the folder, which must exist. *notice is a line about whose stale lock was
 * taken over, or "". DP_ERR_LOCKED names the owner. */
#define DP_RUN_LOCK_NOTICE_SIZE 256
dp_status dp_run_lock_take(dp_run_lock *lock, const char *dir, char notice[DP_RUN_LOCK_NOTICE_SIZE],
                           dp_error *error) DP_CHECKED;
/* Gives it back. On a zeroed struct, or twice, it does nothing. */
void dp_run_lock_release(dp_run_lock *lock);

#endif
