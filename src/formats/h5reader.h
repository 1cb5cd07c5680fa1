/* h5reader: tensors, texts and attributes of an HDF5 file that may come from anywhere, without
 * HDF5's library (formats/h5image).
 *
 * What is not of the expected kind and size is DP_ERR_INPUT, and the message names file and object.
 * Objects are named by paths like "/params/W1".
 */
#ifndef DP_FORMATS_H5READER_H
#define DP_FORMATS_H5READER_H

#include "base/text.h"
#include "formats/h5image.h"
#include "system/file.h"

/* A file that is mapped. Start with {0}; it holds nothing else, so it may be copied and dropped. */
typedef struct dp_h5reader {
    dp_file_map map;
    dp_h5image image;
} dp_h5reader;

/* `path` is borrowed, for messages. On failure nothing is held. */
dp_status dp_h5reader_open(dp_h5reader *reader, const char *path, dp_error *error) DP_CHECKED;
void dp_h5reader_close(dp_h5reader *reader);

/* Attributes of the root. `value` has room for `size` bytes with the 0; a text is fit to be shown
 * (dp_utf8_clean). */
dp_status dp_h5reader_text_attribute(const dp_h5reader *reader, const char *name, char *value,
                                     size_t size, dp_error *error) DP_CHECKED;
dp_status dp_h5reader_unsigned_attribute(const dp_h5reader *reader, const char *name,
                                         uint64_t *value, dp_error *error) DP_CHECKED;
dp_status dp_h5reader_real_attribute(const dp_h5reader *reader, const char *name, double *value,
                                     dp_error *error) DP_CHECKED;

/* One text, a scalar dataset, is appended to *text; longer than `limit` is an error. */
dp_status dp_h5reader_text(const dp_h5reader *reader, const char *object, size_t limit,
                           dp_text *text, dp_error *error) DP_CHECKED;

/* A list of strings, rank 1: a table of *count times *width bytes, zero-padded, that the caller
 * frees with dp_memory_free. One of more than `limit` bytes is an error. */
dp_status dp_h5reader_strings(const dp_h5reader *reader, const char *object, size_t limit,
                              char **table, size_t *count, size_t *width,
                              dp_error *error) DP_CHECKED;

/* A whole float32 tensor of exactly this shape; `values` may be NULL, to check alone. */
dp_status dp_h5reader_floats(const dp_h5reader *reader, const char *object, dp_h5shape shape,
                             float *values, dp_error *error) DP_CHECKED;

/* Where unsigned integers lie in the file, for mapping: *offset from its beginning. The kind, the
 * rank and that the dataset lies in one piece inside the file are checked; sizes are the caller's.
 */
typedef struct dp_h5location {
    dp_h5shape shape;
    size_t bytes;
    uint64_t offset;
} dp_h5location;
dp_status dp_h5reader_locate_integers(const dp_h5reader *reader, const char *object, int rank,
                                      dp_h5location *location, dp_error *error) DP_CHECKED;

#endif
