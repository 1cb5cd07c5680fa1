/* h5writer: HDF5 files of named tensors, texts and attributes. The only file that calls HDF5's
 * library, and that only to write: what is read may come from anywhere (formats/h5reader).
 *
 * Files are of the earliest form of the format, which is the one that is read. Strings are UTF-8 of
 * fixed length, padded with zeros; numbers are little-endian. Files are opened without HDF5's own
 * locks, which fail on some network file systems. What HDF5 or the system refuses is DP_ERR_IO and
 * names file and object.
 */
#ifndef DP_FORMATS_H5WRITER_H
#define DP_FORMATS_H5WRITER_H

#include "formats/h5image.h"

#include <stddef.h>
#include <stdint.h>

#define DP_H5WRITER_ALIGNMENT 4096 /* of datasets in the file, so that a reader may map them */

typedef struct dp_h5writer dp_h5writer;

/* Creates or truncates a file. `path` is borrowed until it is closed. On failure *file is NULL. */
dp_status dp_h5writer_create(dp_h5writer **file, const char *path, dp_error *error) DP_CHECKED;
/* One that lies in memory, and errors name it by `path`: HDF5 cannot let go of a file that a full
 * disk has kept it from closing, so whoever goes on after that lets it write nothing. */
dp_status dp_h5writer_create_in_memory(dp_h5writer **file, const char *path,
                                       dp_error *error) DP_CHECKED;
/* The bytes of such a file; the caller frees them with dp_memory_free. */
dp_status dp_h5writer_image(dp_h5writer *file, char **bytes, size_t *size,
                            dp_error *error) DP_CHECKED;
/* Flushes and closes; the handle is gone even on failure. NULL is allowed. */
dp_status dp_h5writer_close(dp_h5writer *file, dp_error *error);

/* Attributes of the root. */
dp_status dp_h5writer_text_attribute(dp_h5writer *file, const char *name, const char *value,
                                     dp_error *error) DP_CHECKED;
dp_status dp_h5writer_unsigned_attribute(dp_h5writer *file, const char *name, uint64_t value,
                                         dp_error *error) DP_CHECKED;
dp_status dp_h5writer_real_attribute(dp_h5writer *file, const char *name, double value,
                                     dp_error *error) DP_CHECKED;

/* Objects are named by paths like "/params/W1"; missing groups are made. */

/* One text as a scalar dataset. */
dp_status dp_h5writer_text(dp_h5writer *file, const char *object, const char *text,
                           dp_error *error) DP_CHECKED;
/* A list of strings, rank 1: a table [count][width], zero-padded. */
dp_status dp_h5writer_strings(dp_h5writer *file, const char *object, const char *table,
                              size_t count, size_t width, dp_error *error) DP_CHECKED;
/* A whole float32 tensor, row-major. */
dp_status dp_h5writer_floats(dp_h5writer *file, const char *object, dp_h5shape shape,
                             const float *values, dp_error *error) DP_CHECKED;

/* Unsigned integers of `bytes` 1, 2, 4 or 8, contiguous and aligned, written rows [first, first +
 * count) at a time: creating it reserves the space, not the content. */
dp_status dp_h5writer_create_integers(dp_h5writer *file, const char *object, dp_h5shape shape,
                                      size_t bytes, dp_error *error) DP_CHECKED;
dp_status dp_h5writer_rows(dp_h5writer *file, const char *object, uint64_t first, uint64_t count,
                           const void *rows, dp_error *error) DP_CHECKED;

#endif
