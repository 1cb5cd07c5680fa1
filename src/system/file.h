/* file: whole files in and out, and replacing a file so that a crash leaves the old one or the new
 * one, never a half (temporary file beside it, sync, rename, sync of the directory).
 */
#ifndef DP_SYSTEM_FILE_H
#define DP_SYSTEM_FILE_H

#include "base/text.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define DP_PATH_SIZE 4096

/* A file being replaced. Between begin and commit the new content is written to `temporary` by
 * whoever likes (stdio, HDF5); abort or commit must follow. */
typedef struct dp_file_replacement {
    char path[DP_PATH_SIZE];
    char temporary[DP_PATH_SIZE]; /* in the same directory; "" when there is nothing to remove */
} dp_file_replacement;

/* Chooses and creates the temporary file (dp_path_temporary), so that an unwritable directory shows
 * at once. */
dp_status dp_file_replace_begin(dp_file_replacement *file, const char *path,
                                dp_error *error) DP_CHECKED;
/* Adds bytes to the end of the temporary file. */
dp_status dp_file_replace_append(dp_file_replacement *file, const void *bytes, size_t count,
                                 dp_error *error) DP_CHECKED;
/* Syncs the temporary file, renames it over path and syncs the directory. On failure the old file
 * stands and the temporary one is removed. */
dp_status dp_file_replace_commit(dp_file_replacement *file, dp_error *error) DP_CHECKED;
/* Removes the temporary file; after a commit, or on a zeroed struct, it does nothing. */
void dp_file_replace_abort(dp_file_replacement *file);

/* DP_ERR_IO where the file could not be replaced, as far as can be told without trying: its folder
 * is missing or must not be written. */
dp_status dp_file_check_writable(const char *path, dp_error *error) DP_CHECKED;

/* Replaces path by these bytes, as above. */
dp_status dp_file_write(const char *path, const void *bytes, size_t count,
                        dp_error *error) DP_CHECKED;
/* By a text, if all of it could be built (dp_text_check). */
dp_status dp_file_write_text(const char *path, const dp_text *text, dp_error *error) DP_CHECKED;

/* Appends the bytes of a regular file that people write, or that is as short as such: of more than
 * DP_FILE_SHORT_MAX bytes it is DP_ERR_INPUT, at once. */
#define DP_FILE_SHORT_MAX ((size_t)16 << 20)
dp_status dp_file_read(const char *path, dp_text *content, dp_error *error) DP_CHECKED;
/* Of one that grows with a run, of at most DP_FILE_LONG_MAX bytes. */
#define DP_FILE_LONG_MAX ((size_t)4 << 30)
dp_status dp_file_read_long(const char *path, dp_text *content, dp_error *error) DP_CHECKED;

/* A file's bytes, mapped read-only. Start with {0}. */
typedef struct dp_file_map {
    const unsigned char *data; /* NULL for an empty file */
    size_t size;
} dp_file_map;

/* Regular files only: a directory, a pipe or a missing file is an error that names it. */
dp_status dp_file_map_open(dp_file_map *map, const char *path, dp_error *error) DP_CHECKED;
void dp_file_map_close(dp_file_map *map);

/* open() of a descriptor that programs we start do not get; a signal that comes meanwhile is no
 * failure. -1 with errno set. */
int dp_file_open(const char *path, int flags) DP_CHECKED;
/* For DP_OWNED: closes it, unless it is -1. */
void dp_file_close(const int *descriptor);

/* Writes all of the bytes at offset `at`: 0, or what errno says; *done of them are there. */
int dp_file_write_at(int descriptor, const void *bytes, size_t count, uint64_t at,
                     size_t *done) DP_CHECKED;

/* Waits until the disk has what was written through the descriptor: 0, or what errno says. Where
 * the file system has no such call for this file or folder there is nothing to wait for: 0, too,
 * with *syncs = false. */
int dp_file_sync(int descriptor, bool *syncs);
/* That of a folder, whose entries were changed; also one that cannot be opened for reading. */
int dp_file_sync_folder(const char *path, bool *syncs);

/* Opens a file of our own for writing, created where it is not there. A link, which might lead to
 * somebody else's file, or a pipe under its name is DP_ERR_IO. Else *descriptor is the caller's. */
dp_status dp_file_open_own(const char *path, int *descriptor, dp_error *error) DP_CHECKED;

bool dp_file_exists(const char *path);
/* Creates the directory and its missing parents. */
dp_status dp_file_make_directories(const char *path, dp_error *error) DP_CHECKED;
/* Removes a file; one that is not there is no error. */
dp_status dp_file_remove(const char *path, dp_error *error) DP_CHECKED;
/* Gives a file another name in its file system; one that has it is replaced. */
dp_status dp_file_move(const char *from, const char *to, dp_error *error) DP_CHECKED;

/* printf into a path buffer; too long a path is an error. */
dp_status dp_path_format(char path[DP_PATH_SIZE], dp_error *error, const char *format, ...)
    DP_PRINTF(3, 4) DP_CHECKED;
/* "PATH.NUMBER.tmp" with a random number that nobody can foresee and plant something under; by the
 * ending a later run knows leftovers. To be created with O_EXCL. */
dp_status dp_path_temporary(char temporary[DP_PATH_SIZE], const char *path,
                            dp_error *error) DP_CHECKED;
/* The part behind the last '/'. Points into path. */
const char *dp_path_base(const char *path);
/* The folder that holds it, to be opened: "a/." of "a/b", "." of "b". */
dp_status dp_path_folder(const char *path, char folder[DP_PATH_SIZE], dp_error *error) DP_CHECKED;
/* The base without its last ".ext", copied to stem. */
dp_status dp_path_stem(const char *path, char stem[DP_PATH_SIZE], dp_error *error) DP_CHECKED;

#endif
