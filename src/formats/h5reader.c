#include "formats/h5reader.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <string.h>

/* Numbers in files are little-endian, and copied as they are. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest");

dp_status dp_h5reader_open(dp_h5reader *reader, const char *path, dp_error *error) {
    DP_TRY(dp_file_map_open(&reader->map, path, error));
    dp_status status =
        dp_h5image_open(&reader->image, reader->map.data, reader->map.size, path, error);
    if (status != DP_OK)
        dp_h5reader_close(reader);
    return status;
}

void dp_h5reader_close(dp_h5reader *reader) {
    dp_file_map_close(&reader->map);
}

static dp_status demand(const dp_h5reader *reader, bool condition, const char *object,
                        const char *expectation, dp_error *error) {
    return condition ? DP_OK
                     : dp_fail(error, DP_ERR_INPUT, "%s: %s is not %s", reader->image.name, object,
                               expectation);
}

/* --- attributes ----------------------------------------------------------------------------- */

static dp_status find_attribute(const dp_h5reader *reader, const char *name, dp_h5value *value,
                                dp_error *error) {
    DP_TRY(dp_h5image_find_attribute(&reader->image, name, value, error));
    return demand(reader, value->shape.rank == 0, name, "a single value", error);
}

dp_status dp_h5reader_text_attribute(const dp_h5reader *reader, const char *name, char *value,
                                     size_t size, dp_error *error) {
    dp_h5value found;
    DP_TRY(find_attribute(reader, name, &found, error));
    DP_TRY(demand(reader, found.kind == DP_H5_STRING && found.width < size, name,
                  "a text of the expected length", error));
    memset(value, 0, size);
    memcpy(value, found.data, found.width);
    dp_utf8_clean(value);
    return DP_OK;
}

dp_status dp_h5reader_unsigned_attribute(const dp_h5reader *reader, const char *name,
                                         uint64_t *value, dp_error *error) {
    dp_h5value found;
    DP_TRY(find_attribute(reader, name, &found, error));
    DP_TRY(demand(reader, found.kind == DP_H5_UNSIGNED || found.kind == DP_H5_SIGNED, name,
                  "a whole number", error));
    DP_TRY(demand(reader, found.kind == DP_H5_UNSIGNED || found.data[found.width - 1] < 128, name,
                  "a whole number >= 0", error));
    *value = 0;
    memcpy(value, found.data, found.width);
    return DP_OK;
}

dp_status dp_h5reader_real_attribute(const dp_h5reader *reader, const char *name, double *value,
                                     dp_error *error) {
    dp_h5value found;
    float single;
    DP_TRY(find_attribute(reader, name, &found, error));
    DP_TRY(demand(reader, found.kind == DP_H5_FLOAT, name, "a number", error));
    if (found.width == sizeof *value) {
        memcpy(value, found.data, sizeof *value);
    } else {
        memcpy(&single, found.data, sizeof single);
        *value = (double)single;
    }
    return DP_OK;
}

/* --- datasets ------------------------------------------------------------------------------- */

dp_status dp_h5reader_text(const dp_h5reader *reader, const char *object, size_t limit,
                           dp_text *text, dp_error *error) {
    dp_h5value found;
    DP_TRY(dp_h5image_find(&reader->image, object, &found, error));
    DP_TRY(demand(reader,
                  found.kind == DP_H5_STRING && found.shape.rank == 0 && found.width <= limit,
                  object, "a text of the expected size", error));
    const char *content = (const char *)found.data;
    dp_text_append_bytes(text, content, strnlen(content, found.width));
    return dp_text_check(text, error);
}

dp_status dp_h5reader_strings(const dp_h5reader *reader, const char *object, size_t limit,
                              char **table, size_t *count, size_t *width, dp_error *error) {
    dp_h5value found;
    DP_TRY(dp_h5image_find(&reader->image, object, &found, error));
    DP_TRY(demand(reader,
                  found.kind == DP_H5_STRING && found.shape.rank == 1 && found.bytes > 0 &&
                      found.bytes <= limit,
                  object, "a list of strings of the expected size", error));
    *width = found.width;
    *count = found.shape.size[0];
    DP_TRY_NEW(*table, found.bytes);
    memcpy(*table, found.data, found.bytes);
    return DP_OK;
}

static bool same_shape(dp_h5shape a, dp_h5shape b) {
    bool same = a.rank == b.rank;
    for (int i = 0; same && i < a.rank; i++)
        same = a.size[i] == b.size[i];
    return same;
}

dp_status dp_h5reader_floats(const dp_h5reader *reader, const char *object, dp_h5shape shape,
                             float *values, dp_error *error) {
    dp_h5value found;
    DP_TRY(dp_h5image_find(&reader->image, object, &found, error));
    DP_TRY(demand(reader,
                  found.kind == DP_H5_FLOAT && found.width == sizeof *values &&
                      same_shape(found.shape, shape),
                  object, "float32 of the expected shape", error));
    if (values != NULL)
        memcpy(values, found.data, found.bytes);
    return DP_OK;
}

dp_status dp_h5reader_locate_integers(const dp_h5reader *reader, const char *object, int rank,
                                      dp_h5location *location, dp_error *error) {
    dp_h5value found;
    DP_TRY(dp_h5image_find(&reader->image, object, &found, error));
    DP_TRY(demand(reader, found.kind == DP_H5_UNSIGNED, object,
                  "made of little-endian unsigned integers", error));
    DP_TRY(demand(reader, found.shape.rank == rank, object, "of the expected rank", error));
    *location = (dp_h5location){.shape = found.shape,
                                .bytes = found.width,
                                .offset = (uint64_t)(found.data - reader->image.bytes)};
    return DP_OK;
}
