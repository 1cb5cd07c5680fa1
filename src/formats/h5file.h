/* h5file: HDF5 files of named tensors, texts and attributes. The only file that calls HDF5's
 * library, and that only to write: what is read may come from anywhere (formats/h5image).
 *
 * Offers the few shapes that datasets and checkpoints are made of, checked on reading: what is not
 * of the expected kind and size is DP_ERR_INPUT and names file and object. Strings are UTF-8 of
 * fixed length, padded with zeros. Numbers are little-endian in the file. Files are opened without
 * HDF5's own locks, which fail on some network file systems.
 */
#ifndef DP_FORMATS_H5FILE_H
#define DP_FORMATS_H5FILE_H

#include "base/text.h"
#include "formats/h5image.h"

#include <stddef.h>
#include <stdint.h>

#define DP_H5FILE_ALIGNMENT 4096 /* of datasets in the file, so that a reader may map them */

typedef struct dp_h5file dp_h5file;

/* Creates (or truncates) a file for writing, or opens one for reading. On failure *file is NULL. */
dp_status dp_h5file_create(dp_h5file **file, const char *path, dp_error *error) DP_CHECKED;
dp_status dp_h5file_open(dp_h5file **file, const char *path, dp_error *error) DP_CHECKED;
/* The same as the first, but the file lies in memory, and errors name it by `path`: HDF5 cannot let
 * go of a file that a full disk has kept it from closing, so whoever goes on after that lets it
 * write nothing. */
dp_status dp_h5file_create_in_memory(dp_h5file **file, const char *path,
                                     dp_error *error) DP_CHECKED;
/* The bytes of such a file; the caller frees them with dp_memory_free. */
dp_status dp_h5file_image(dp_h5file *file, char **bytes, size_t *size, dp_error *error) DP_CHECKED;
/* Flushes and closes; the handle is gone even on failure. NULL is allowed. */
dp_status dp_h5file_close(dp_h5file *file, dp_error *error);

/* The objects named here are paths like "/params/W1"; missing groups are made when writing. */

/* Attributes of the root. */
bool dp_h5file_has_attribute(const dp_h5file *file, const char *name);
dp_status dp_h5file_write_text_attribute(dp_h5file *file, const char *name, const char *value,
                                         dp_error *error) DP_CHECKED;
dp_status dp_h5file_write_unsigned_attribute(dp_h5file *file, const char *name, uint64_t value,
                                             dp_error *error) DP_CHECKED;
dp_status dp_h5file_write_real_attribute(dp_h5file *file, const char *name, double value,
                                         dp_error *error) DP_CHECKED;
/* `value` has room for `size` bytes with the 0. It is fit to be shown (dp_utf8_clean). */
dp_status dp_h5file_read_text_attribute(dp_h5file *file, const char *name, char *value, size_t size,
                                        dp_error *error) DP_CHECKED;
dp_status dp_h5file_read_unsigned_attribute(dp_h5file *file, const char *name, uint64_t *value,
                                            dp_error *error) DP_CHECKED;
dp_status dp_h5file_read_real_attribute(dp_h5file *file, const char *name, double *value,
                                        dp_error *error) DP_CHECKED;

/* One text as a scalar dataset. Reading appends to *text; longer than `limit` is an error. */
dp_status dp_h5file_write_text(dp_h5file *file, const char *object, const char *text,
                               dp_error *error) DP_CHECKED;
dp_status dp_h5file_read_text(dp_h5file *file, const char *object, size_t limit, dp_text *text,
                              dp_error *error) DP_CHECKED;

/* A list of strings, rank 1, as a table of `width` bytes a string (the longest one's length),
 * zero-padded. Reading returns a table that the caller frees with dp_memory_free; one of more than
 * `limit` bytes is an error. */
dp_status dp_h5file_write_strings(dp_h5file *file, const char *object, const char *table,
                                  size_t count, size_t width, dp_error *error) DP_CHECKED;
dp_status dp_h5file_read_strings(dp_h5file *file, const char *object, size_t limit, char **table,
                                 size_t *count, size_t *width, dp_error *error) DP_CHECKED;

/* Whole float32 tensors. Reading, and the check alone, demand exactly this shape. */
dp_status dp_h5file_check_floats(dp_h5file *file, const char *object, dp_h5shape shape,
                                 dp_error *error) DP_CHECKED;
dp_status dp_h5file_write_floats(dp_h5file *file, const char *object, dp_h5shape shape,
                                 const float *values, dp_error *error) DP_CHECKED;
dp_status dp_h5file_read_floats(dp_h5file *file, const char *object, dp_h5shape shape,
                                float *values, dp_error *error) DP_CHECKED;

/* Unsigned integers of `bytes` 1, 2, 4 or 8, contiguous and aligned, written rows [first, first +
 * count) at a time: creating it reserves the space, not the content. */
dp_status dp_h5file_create_integers(dp_h5file *file, const char *object, dp_h5shape shape,
                                    size_t bytes, dp_error *error) DP_CHECKED;
dp_status dp_h5file_write_rows(dp_h5file *file, const char *object, uint64_t first, uint64_t count,
                               const void *rows, dp_error *error) DP_CHECKED;

/* Where such integers lie in the file, for mapping: *offset from its beginning. The kind, the rank
 * and that the dataset lies in one piece inside the file are checked; sizes are the caller's. */
typedef struct dp_h5location {
    dp_h5shape shape;
    size_t bytes;
    uint64_t offset;
} dp_h5location;
dp_status dp_h5file_locate_integers(dp_h5file *file, const char *object, int rank,
                                    dp_h5location *location, dp_error *error) DP_CHECKED;

#endif
