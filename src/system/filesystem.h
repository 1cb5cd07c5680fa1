/* filesystem: what that of a folder can do, tried out with a file that is then removed. */
#ifndef DP_SYSTEM_FILESYSTEM_H
#define DP_SYSTEM_FILESYSTEM_H

#include "system/file.h"

#include <stdint.h>

/* The folder that `path` is, or the nearest one above it that exists. */
dp_status dp_filesystem_nearest(const char *path, char folder[DP_PATH_SIZE],
                                dp_error *error) DP_CHECKED;

/* Writes, syncs and renames a file in the folder as system/file does; *seconds is what it took. */
dp_status dp_filesystem_try_replace(const char *folder, double *seconds,
                                    dp_error *error) DP_CHECKED;

/* Locks a file in the folder, by flock and by fcntl. */
dp_status dp_filesystem_try_lock(const char *folder, dp_error *error) DP_CHECKED;

/* Waits until no other process holds the folder in this way, and holds it until the descriptor is
 * closed, also by the end of the process. -1 where the file system has no such locks. */
int dp_filesystem_hold_folder(const char *folder);

/* Bytes that this user may still write below the path; UINT64_MAX where that is not told. */
dp_status dp_filesystem_free_bytes(const char *path, uint64_t *bytes, dp_error *error) DP_CHECKED;

/* What files in the folder have to do without, that its user should know of: that free space is
 * told, that folders are synced. Constant texts, and a NULL behind them. A sync that fails is an
 * error. */
#define DP_FILESYSTEM_DOUBTS 3
dp_status dp_filesystem_doubts(const char *folder, const char *doubts[DP_FILESYSTEM_DOUBTS],
                               dp_error *error) DP_CHECKED;

#endif
