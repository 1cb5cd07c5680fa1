/* check_stamp: remembers that a dataset was checked, so that the next start need not do it again.
 *
 * The stamp is a small text file beside the dataset, "names.h5.checked". It says which file was
 * checked: its size, its times and its number in the file system, to the nanosecond, and the
 * dataset's identity; its last line is the XXH3 of the lines before it. It is believed only where
 * it is, byte for byte, what would be written for the file as it was opened now. So a dataset that
 * was written to, replaced, cut, copied or only touched is checked again, and so is one whose stamp
 * is damaged or of another version.
 *
 * Ids index tables: who believes a false stamp may read outside of them. So a stamp counts only
 * where it is a regular file, no link, that belongs to the current user or to root and that nobody
 * else may write. It does not guard against those who may do worse anyway: root, the user, a file
 * server that lies about the time of last change, and whoever may write the dataset (he can do so
 * after a check as well, while it is in use). What the disk damages later is not noticed either.
 *
 * To have a dataset checked again: remove its stamp, `dptrain info FILE` (which always checks), or
 * DP_CHECK_ALWAYS (engine/open_dataset). In a folder that may not be written there is no stamp and
 * each start checks; a link to the dataset in a folder of one's own has a stamp of its own.
 *
 * Not collective; no MPI.
 */
#ifndef DP_DATA_CHECK_STAMP_H
#define DP_DATA_CHECK_STAMP_H

#include "data/dataset.h"

#define DP_CHECK_STAMP_VERSION 1
#define DP_CHECK_STAMP_SUFFIX ".checked"

/* File systems may keep times as coarse as this (nanoseconds). A dataset that was changed so
 * shortly before it was opened may be changed once more without a trace, so it gets no stamp yet.
 */
#define DP_CHECK_STAMP_SETTLED ((int64_t)2000000000)

/* Whether an opened dataset has a stamp that is believed: it was checked as it is. */
bool dp_check_stamp_valid(const dp_dataset *dataset) DP_CHECKED;

/* Writes the stamp of an opened dataset of which all parts have been checked since, in one piece
 * (system/file). DP_ERR_IO where the folder does not let us, or where the file has been changed
 * since it was opened or less than DP_CHECK_STAMP_SETTLED before. Without a stamp all goes on as
 * well, but is checked again: a caller need not take that for an error. */
dp_status dp_check_stamp_write(const dp_dataset *dataset, dp_error *error);

/* Removes the stamp of a dataset, if there is one: what was believed has proved to be damaged. */
dp_status dp_check_stamp_remove(const dp_dataset *dataset, dp_error *error);

#endif
