/* journal: a file that grows by whole lines, or records of bytes, while a program works.
 *
 * A line that cannot be written, on a full disk, is kept in memory and written before the next one;
 * the file never ends with a part of a line, unless the system does not even let us cut that off.
 */
#ifndef DP_SYSTEM_JOURNAL_H
#define DP_SYSTEM_JOURNAL_H

#include "system/file.h"

#include <stdint.h>

/* Start with {0}. */
typedef struct dp_journal {
    bool is_open;
    int descriptor;
    uint64_t size;   /* bytes that are in the file */
    dp_text pending; /* that are not yet */
    char path[DP_PATH_SIZE];
} dp_journal;

/* Creates the file, or goes on behind what it holds. */
dp_status dp_journal_open(dp_journal *journal, const char *path, dp_error *error) DP_CHECKED;
/* Hands whole lines, and those still pending, to the system. On failure all of them are pending. */
dp_status dp_journal_add(dp_journal *journal, const char *lines, size_t length,
                         dp_error *error) DP_CHECKED;
/* Hands the pending lines to the system and waits for the disk. On failure they stay pending. */
dp_status dp_journal_sync(dp_journal *journal, dp_error *error) DP_CHECKED;
/* Cuts the file, of which nothing is pending, back to its first `size` bytes. */
dp_status dp_journal_cut(dp_journal *journal, uint64_t size, dp_error *error) DP_CHECKED;
/* Lines that are still pending are lost. On a zeroed struct it does nothing. */
void dp_journal_close(dp_journal *journal);

#endif
