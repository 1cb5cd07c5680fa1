/* checkpoint_files: where a run's checkpoints lie, and which of them a path means.
 *
 *   DIR/checkpoints/step-00010000.h5     the newest that are kept
 *   DIR/best.h5                          the best on dev
 */
#ifndef DP_LIBRARY_CHECKPOINT_FILES_H
#define DP_LIBRARY_CHECKPOINT_FILES_H

#include "system/file.h"

#include <stdint.h>

dp_status dp_checkpoint_files_path(const char *dir, uint64_t step, char path[DP_PATH_SIZE],
                                   dp_error *error) DP_CHECKED;

/* The step of a file by its name, "step-00010000.h5"; false for other names, "step-1.h5" too. */
bool dp_checkpoint_files_step(const char *name, uint64_t *step);

/* The steps of the checkpoints there, newest first; the caller frees *steps. A folder that does not
 * exist has none. */
dp_status dp_checkpoint_files_list(const char *dir, uint64_t **steps, size_t *count,
                                   dp_error *error) DP_CHECKED;

/* The checkpoint that PATH means: of a run folder its best, or without one its newest; else the
 * file itself. DP_ERR_INPUT where the folder has none. */
dp_status dp_checkpoint_files_find(const char *user_path, char path[DP_PATH_SIZE],
                                   dp_error *error) DP_CHECKED;

/* Whether the path is a directory. */
bool dp_checkpoint_files_is_folder(const char *path);

#endif
