#include "formats/h5file.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "system/file.h"

#include <hdf5.h>
#include <stdio.h>
#include <string.h>

/* Numbers in files are little-endian, and copied as they are. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest");

struct dp_h5file {
    hid_t id;         /* of a file that is written */
    dp_file_map map;  /* of one that is read */
    dp_h5image image; /* the same */
    char path[DP_PATH_SIZE];
};

/* --- errors --------------------------------------------------------------------------------- */

/* The innermost record of HDF5's error stack says what the system refused. */
static herr_t take_description(unsigned depth, const H5E_error2_t *record, void *description) {
    (void)depth;
    const char *text = record->desc == NULL ? "" : record->desc;
    const char *message = strstr(text, "error message = '");
    if (message != NULL)
        text = message + strlen("error message = '");
    snprintf(description, 160, "%.*s", (int)(message == NULL ? 159 : strcspn(text, "'")), text);
    return 1; /* stop */
}

static dp_status fail_hdf5(const dp_h5file *file, const char *verb, const char *object,
                           dp_error *error) {
    char description[160] = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_description, description);
    return dp_fail(error, DP_ERR_IO, "%s: cannot %s %s%s%s", file->path, verb, object,
                   description[0] == '\0' ? "" : ": ", description);
}

/* Within a function with `file`, `object`, `error`, `status` and `done`: an HDF5 call that returns
 * an id or status below 0 on failure. */
#define WRITE(call)                                                                                \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
            status = fail_hdf5(file, "write", object, error);                                      \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

#define DEMAND(condition, expectation)                                                             \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            status =                                                                               \
                dp_fail(error, DP_ERR_INPUT, "%s: %s is not %s", file->path, object, expectation); \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

/* Ids are closed whatever they are; closing cannot fail in a way that we could act on. */
static void close_type(hid_t id) {
    if (id >= 0)
        H5Tclose(id);
}

static void close_space(hid_t id) {
    if (id >= 0)
        H5Sclose(id);
}

static void close_dataset(hid_t id) {
    if (id >= 0)
        H5Dclose(id);
}

static void close_attribute(hid_t id) {
    if (id >= 0)
        H5Aclose(id);
}

static void close_properties(hid_t id) {
    if (id >= 0)
        H5Pclose(id);
}

/* --- files ---------------------------------------------------------------------------------- */

/* The earliest form of everything is the one that formats/h5image reads. */
static dp_status access_properties(const dp_h5file *file, hid_t *properties, dp_error *error) {
    const char *object = "the file";
    dp_status status = DP_OK;
    WRITE(*properties = H5Pcreate(H5P_FILE_ACCESS));
    WRITE(H5Pset_libver_bounds(*properties, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST));
    WRITE(H5Pset_alignment(*properties, DP_H5FILE_ALIGNMENT, DP_H5FILE_ALIGNMENT));
    WRITE(H5Pset_file_locking(*properties, false, true));
    WRITE(H5Pset_fclose_degree(*properties, H5F_CLOSE_STRONG));
done:
    return status;
}

static dp_status new_handle(dp_h5file **file, const char *path, dp_error *error) {
    *file = NULL;
    /* HDF5 would close once more at exit what could not be closed, on a full disk, and crash. It
     * takes this before its first other call only; later it does nothing. */
    (void)H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* we report errors ourselves */
    dp_h5file *self = dp_memory_zeroed(1, sizeof *self, error);
    if (self == NULL)
        return DP_ERR_MEMORY;
    self->id = H5I_INVALID_HID;
    dp_status status = dp_path_format(self->path, error, "%s", path);
    if (status != DP_OK) {
        dp_memory_free(self);
        return status;
    }
    *file = self;
    return DP_OK;
}

static void release(dp_h5file *file) {
    if (file == NULL)
        return;
    dp_file_map_close(&file->map);
    dp_memory_free(file);
}

#define MEMORY_INCREMENT ((size_t)1 << 20) /* by which a file in memory grows */

static dp_status create(dp_h5file **file_out, const char *path, bool in_memory, dp_error *error) {
    const char *object = "the file";
    dp_h5file *file = NULL;
    hid_t access = H5I_INVALID_HID;
    dp_status status = new_handle(&file, path, error);
    if (status != DP_OK)
        goto done;
    DP_OR_DONE(access_properties(file, &access, error));
    if (in_memory)
        WRITE(H5Pset_fapl_core(access, MEMORY_INCREMENT, false));
    WRITE(file->id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access));
done:
    close_properties(access);
    if (status != DP_OK) {
        release(file);
        file = NULL;
    }
    *file_out = file;
    return status;
}

dp_status dp_h5file_create(dp_h5file **file, const char *path, dp_error *error) {
    return create(file, path, false, error);
}

dp_status dp_h5file_create_in_memory(dp_h5file **file, const char *path, dp_error *error) {
    return create(file, path, true, error);
}

/* A copy, as HDF5 marks what it holds as being written. */
dp_status dp_h5file_image(dp_h5file *file, char **bytes, size_t *size, dp_error *error) {
    const char *object = "the image of the file";
    dp_status status = DP_OK;
    ssize_t length = 0;
    *bytes = NULL;
    WRITE(H5Fflush(file->id, H5F_SCOPE_GLOBAL));
    WRITE(length = H5Fget_file_image(file->id, NULL, 0));
    *size = (size_t)length;
    DP_NEW_OR_DONE(*bytes, *size);
    WRITE(H5Fget_file_image(file->id, *bytes, *size));
done:
    if (status != DP_OK) {
        dp_memory_free(*bytes);
        *bytes = NULL;
    }
    return status;
}

dp_status dp_h5file_open(dp_h5file **file_out, const char *path, dp_error *error) {
    dp_h5file *file = NULL;
    dp_status status = new_handle(&file, path, error);
    if (status != DP_OK)
        goto done;
    DP_OR_DONE(dp_file_map_open(&file->map, path, error));
    DP_OR_DONE(dp_h5image_open(&file->image, file->map.data, file->map.size, file->path, error));
done:
    if (status != DP_OK) {
        release(file);
        file = NULL;
    }
    *file_out = file;
    return status;
}

dp_status dp_h5file_close(dp_h5file *file, dp_error *error) {
    dp_status status = DP_OK;
    if (file == NULL)
        return DP_OK;
    if (file->id >= 0 && H5Fclose(file->id) < 0)
        status = fail_hdf5(file, "close", "the file", error);
    release(file);
    return status;
}

/* --- types and spaces ----------------------------------------------------------------------- */

static hid_t string_type(size_t width) {
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type < 0)
        return type;
    if (H5Tset_size(type, width == 0 ? 1 : width) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0 ||
        H5Tset_strpad(type, H5T_STR_NULLPAD) < 0) {
        H5Tclose(type);
        return H5I_INVALID_HID;
    }
    return type;
}

static hid_t integer_type(size_t bytes) {
    return bytes == 1   ? H5T_STD_U8LE
           : bytes == 2 ? H5T_STD_U16LE
           : bytes == 4 ? H5T_STD_U32LE
                        : H5T_STD_U64LE;
}

static hid_t shape_space(dp_h5shape shape) {
    hsize_t size[DP_H5_RANK_MAX];
    for (int i = 0; i < shape.rank; i++)
        size[i] = shape.size[i];
    return shape.rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(shape.rank, size, NULL);
}

static bool same_shape(dp_h5shape a, dp_h5shape b) {
    bool same = a.rank == b.rank;
    for (int i = 0; same && i < a.rank; i++)
        same = a.size[i] == b.size[i];
    return same;
}

/* Creates a dataset of this type and shape; contiguous, its space reserved at once. */
static dp_status create_dataset(dp_h5file *file, const char *object, hid_t type, dp_h5shape shape,
                                hid_t *dataset, dp_error *error) {
    dp_status status = DP_OK;
    hid_t space = -1, links = -1, creation = -1;
    *dataset = -1;
    WRITE(space = shape_space(shape));
    WRITE(links = H5Pcreate(H5P_LINK_CREATE));
    WRITE(H5Pset_create_intermediate_group(links, 1));
    WRITE(creation = H5Pcreate(H5P_DATASET_CREATE));
    WRITE(H5Pset_obj_track_times(creation, false)); /* the same content gives the same file */
    WRITE(H5Pset_layout(creation, H5D_CONTIGUOUS));
    WRITE(H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY));
    WRITE(H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER));
    WRITE(*dataset = H5Dcreate2(file->id, object, type, space, links, creation, H5P_DEFAULT));
done:
    close_properties(creation);
    close_properties(links);
    close_space(space);
    return status;
}

/* --- attributes ----------------------------------------------------------------------------- */

bool dp_h5file_has_attribute(const dp_h5file *file, const char *name) {
    return dp_h5image_has_attribute(&file->image, name);
}

static dp_status write_attribute(dp_h5file *file, const char *object, hid_t file_type,
                                 hid_t memory_type, const void *value, dp_error *error) {
    dp_status status = DP_OK;
    hid_t space = -1, attribute = -1;
    WRITE(space = H5Screate(H5S_SCALAR));
    WRITE(attribute = H5Acreate2(file->id, object, file_type, space, H5P_DEFAULT, H5P_DEFAULT));
    WRITE(H5Awrite(attribute, memory_type, value));
done:
    close_attribute(attribute);
    close_space(space);
    return status;
}

dp_status dp_h5file_write_text_attribute(dp_h5file *file, const char *name, const char *value,
                                         dp_error *error) {
    hid_t type = string_type(strlen(value));
    dp_status status = write_attribute(file, name, type, type, value, error);
    close_type(type);
    return status;
}

dp_status dp_h5file_write_unsigned_attribute(dp_h5file *file, const char *name, uint64_t value,
                                             dp_error *error) {
    return write_attribute(file, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, &value, error);
}

dp_status dp_h5file_write_real_attribute(dp_h5file *file, const char *name, double value,
                                         dp_error *error) {
    return write_attribute(file, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value, error);
}

static dp_status find_attribute(const dp_h5file *file, const char *object, dp_h5value *value,
                                dp_error *error) {
    dp_status status = DP_OK;
    DP_OR_DONE(dp_h5image_find_attribute(&file->image, object, value, error));
    DEMAND(value->shape.rank == 0, "a single value");
done:
    return status;
}

dp_status dp_h5file_read_text_attribute(dp_h5file *file, const char *object, char *value,
                                        size_t size, dp_error *error) {
    dp_h5value found;
    dp_status status = find_attribute(file, object, &found, error);
    if (status != DP_OK)
        goto done;
    DEMAND(found.kind == DP_H5_STRING && found.width < size, "a text of the expected length");
    memset(value, 0, size);
    memcpy(value, found.data, found.width);
    dp_utf8_clean(value);
done:
    return status;
}

dp_status dp_h5file_read_unsigned_attribute(dp_h5file *file, const char *object, uint64_t *value,
                                            dp_error *error) {
    dp_h5value found;
    dp_status status = find_attribute(file, object, &found, error);
    if (status != DP_OK)
        goto done;
    DEMAND(found.kind == DP_H5_UNSIGNED || found.kind == DP_H5_SIGNED, "a whole number");
    DEMAND(found.kind == DP_H5_UNSIGNED || found.data[found.width - 1] < 128,
           "a whole number >= 0");
    *value = 0;
    memcpy(value, found.data, found.width);
done:
    return status;
}

dp_status dp_h5file_read_real_attribute(dp_h5file *file, const char *object, double *value,
                                        dp_error *error) {
    dp_h5value found;
    float single;
    dp_status status = find_attribute(file, object, &found, error);
    if (status != DP_OK)
        goto done;
    DEMAND(found.kind == DP_H5_FLOAT, "a number");
    if (found.width == sizeof *value) {
        memcpy(value, found.data, sizeof *value);
    } else {
        memcpy(&single, found.data, sizeof single);
        *value = (double)single;
    }
done:
    return status;
}

/* --- texts ---------------------------------------------------------------------------------- */

static dp_status write_whole(dp_h5file *file, const char *object, hid_t file_type,
                             hid_t memory_type, dp_h5shape shape, const void *values,
                             dp_error *error) {
    hid_t dataset = -1;
    dp_status status = create_dataset(file, object, file_type, shape, &dataset, error);
    if (status != DP_OK)
        goto done;
    WRITE(H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
done:
    close_dataset(dataset);
    return status;
}

dp_status dp_h5file_write_text(dp_h5file *file, const char *object, const char *text,
                               dp_error *error) {
    hid_t type = string_type(strlen(text));
    dp_status status = write_whole(file, object, type, type, (dp_h5shape){0}, text, error);
    close_type(type);
    return status;
}

dp_status dp_h5file_read_text(dp_h5file *file, const char *object, size_t limit, dp_text *text,
                              dp_error *error) {
    dp_h5value found;
    dp_status status = dp_h5image_find(&file->image, object, &found, error);
    if (status != DP_OK)
        goto done;
    DEMAND(found.kind == DP_H5_STRING && found.shape.rank == 0 && found.width <= limit,
           "a text of the expected size");
    const char *content = (const char *)found.data;
    dp_text_append_bytes(text, content, strnlen(content, found.width));
    status = dp_text_check(text, error);
done:
    return status;
}

dp_status dp_h5file_write_strings(dp_h5file *file, const char *object, const char *table,
                                  size_t count, size_t width, dp_error *error) {
    hid_t type = string_type(width);
    dp_h5shape shape = {.rank = 1, .size = {count}};
    dp_status status = write_whole(file, object, type, type, shape, table, error);
    close_type(type);
    return status;
}

dp_status dp_h5file_read_strings(dp_h5file *file, const char *object, size_t limit, char **table,
                                 size_t *count, size_t *width, dp_error *error) {
    dp_h5value found;
    *table = NULL;
    dp_status status = dp_h5image_find(&file->image, object, &found, error);
    if (status != DP_OK)
        goto done;
    DEMAND(found.kind == DP_H5_STRING && found.shape.rank == 1 && found.bytes > 0 &&
               found.bytes <= limit,
           "a list of strings of the expected size");
    *width = found.width;
    *count = found.shape.size[0];
    DP_NEW_OR_DONE(*table, found.bytes);
    memcpy(*table, found.data, found.bytes);
done:
    return status;
}

/* --- tensors -------------------------------------------------------------------------------- */

dp_status dp_h5file_write_floats(dp_h5file *file, const char *object, dp_h5shape shape,
                                 const float *values, dp_error *error) {
    return write_whole(file, object, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, shape, values, error);
}

static dp_status find_floats(dp_h5file *file, const char *object, dp_h5shape shape,
                             dp_h5value *found, dp_error *error) {
    dp_status status = DP_OK;
    DP_OR_DONE(dp_h5image_find(&file->image, object, found, error));
    DEMAND(found->kind == DP_H5_FLOAT && found->width == sizeof(float) &&
               same_shape(found->shape, shape),
           "float32 of the expected shape");
done:
    return status;
}

dp_status dp_h5file_check_floats(dp_h5file *file, const char *object, dp_h5shape shape,
                                 dp_error *error) {
    dp_h5value found;
    return find_floats(file, object, shape, &found, error);
}

dp_status dp_h5file_read_floats(dp_h5file *file, const char *object, dp_h5shape shape,
                                float *values, dp_error *error) {
    dp_h5value found;
    dp_status status = find_floats(file, object, shape, &found, error);
    if (status == DP_OK)
        memcpy(values, found.data, found.bytes);
    return status;
}

dp_status dp_h5file_create_integers(dp_h5file *file, const char *object, dp_h5shape shape,
                                    size_t bytes, dp_error *error) {
    hid_t dataset = -1;
    dp_status status = create_dataset(file, object, integer_type(bytes), shape, &dataset, error);
    close_dataset(dataset);
    return status;
}

/* Selects in the dataset's space its rows [first, first + count); *memory is a space of them
 * alone. */
static dp_status select_rows(dp_h5file *file, const char *object, uint64_t first, uint64_t count,
                             hid_t space, hid_t *memory, dp_error *error) {
    dp_status status = DP_OK;
    hsize_t start[DP_H5_RANK_MAX] = {first, 0}, extent[DP_H5_RANK_MAX] = {0};
    int rank = 0;
    WRITE(rank = H5Sget_simple_extent_dims(space, extent, NULL));
    extent[0] = count;
    WRITE(*memory = H5Screate_simple(rank, extent, NULL));
    WRITE(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, extent, NULL));
done:
    return status;
}

dp_status dp_h5file_write_rows(dp_h5file *file, const char *object, uint64_t first, uint64_t count,
                               const void *rows, dp_error *error) {
    dp_status status = DP_OK;
    hid_t dataset = -1, type = -1, space = -1, memory = -1;
    WRITE(dataset = H5Dopen2(file->id, object, H5P_DEFAULT));
    WRITE(type = H5Dget_type(dataset));
    WRITE(space = H5Dget_space(dataset));
    DP_OR_DONE(select_rows(file, object, first, count, space, &memory, error));
    WRITE(H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, rows));
done:
    close_space(memory);
    close_space(space);
    close_type(type);
    close_dataset(dataset);
    return status;
}

dp_status dp_h5file_locate_integers(dp_h5file *file, const char *object, int rank,
                                    dp_h5location *location, dp_error *error) {
    dp_h5value found;
    dp_status status = dp_h5image_find(&file->image, object, &found, error);
    if (status != DP_OK)
        goto done;
    DEMAND(found.kind == DP_H5_UNSIGNED, "made of little-endian unsigned integers");
    DEMAND(found.shape.rank == rank, "of the expected rank");
    *location = (dp_h5location){.shape = found.shape,
                                .bytes = found.width,
                                .offset = (uint64_t)(found.data - file->image.bytes)};
done:
    return status;
}
