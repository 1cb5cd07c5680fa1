#include "formats/h5writer.h"

#include "base/memory.h"

#include <hdf5.h>
#include <stdio.h>
#include <string.h>

struct dp_h5writer {
    hid_t id;
    const char *path;
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

static dp_status fail_hdf5(const dp_h5writer *file, const char *verb, const char *object,
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

/* Of whatever kind it is; closing cannot fail in a way that we could act on. */
static void close_id(hid_t id) {
    if (id >= 0)
        H5Idec_ref(id);
}

/* --- files ---------------------------------------------------------------------------------- */

/* The earliest form of everything is the one that formats/h5image reads. */
static dp_status access_properties(const dp_h5writer *file, hid_t *properties, dp_error *error) {
    const char *object = "the file";
    dp_status status = DP_OK;
    WRITE(*properties = H5Pcreate(H5P_FILE_ACCESS));
    WRITE(H5Pset_libver_bounds(*properties, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST));
    WRITE(H5Pset_alignment(*properties, DP_H5WRITER_ALIGNMENT, DP_H5WRITER_ALIGNMENT));
    WRITE(H5Pset_file_locking(*properties, false, true));
    WRITE(H5Pset_fclose_degree(*properties, H5F_CLOSE_STRONG));
done:
    return status;
}

#define MEMORY_INCREMENT ((size_t)1 << 20) /* by which a file in memory grows */

static dp_status create(dp_h5writer **writer, const char *path, bool in_memory, dp_error *error) {
    const char *object = "the file";
    dp_status status = DP_OK;
    dp_h5writer *file = NULL;
    hid_t access = H5I_INVALID_HID;
    *writer = NULL;
    /* HDF5 would close once more at exit what could not be closed, on a full disk, and crash. It
     * takes this before its first other call only; later it does nothing. */
    (void)H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* we report errors ourselves */
    DP_NEW_OR_DONE(file, 1);
    file->path = path;
    DP_OR_DONE(access_properties(file, &access, error));
    if (in_memory)
        WRITE(H5Pset_fapl_core(access, MEMORY_INCREMENT, false));
    WRITE(file->id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access));
    *writer = file;
    file = NULL;
done:
    close_id(access);
    dp_memory_free(file);
    return status;
}

dp_status dp_h5writer_create(dp_h5writer **file, const char *path, dp_error *error) {
    return create(file, path, false, error);
}

dp_status dp_h5writer_create_in_memory(dp_h5writer **file, const char *path, dp_error *error) {
    return create(file, path, true, error);
}

/* A copy, as HDF5 marks what it holds as being written. */
dp_status dp_h5writer_image(dp_h5writer *file, char **bytes, size_t *size, dp_error *error) {
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

dp_status dp_h5writer_close(dp_h5writer *file, dp_error *error) {
    dp_status status = DP_OK;
    if (file == NULL)
        return DP_OK;
    if (H5Fclose(file->id) < 0)
        status = fail_hdf5(file, "close", "the file", error);
    dp_memory_free(file);
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

/* Creates a dataset of this type and shape; contiguous, its space reserved at once. */
static dp_status create_dataset(dp_h5writer *file, const char *object, hid_t type, dp_h5shape shape,
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
    close_id(creation);
    close_id(links);
    close_id(space);
    return status;
}

/* --- attributes ----------------------------------------------------------------------------- */

static dp_status write_attribute(dp_h5writer *file, const char *object, hid_t file_type,
                                 hid_t memory_type, const void *value, dp_error *error) {
    dp_status status = DP_OK;
    hid_t space = -1, attribute = -1;
    WRITE(space = H5Screate(H5S_SCALAR));
    WRITE(attribute = H5Acreate2(file->id, object, file_type, space, H5P_DEFAULT, H5P_DEFAULT));
    WRITE(H5Awrite(attribute, memory_type, value));
done:
    close_id(attribute);
    close_id(space);
    return status;
}

dp_status dp_h5writer_text_attribute(dp_h5writer *file, const char *name, const char *value,
                                     dp_error *error) {
    hid_t type = string_type(strlen(value));
    dp_status status = write_attribute(file, name, type, type, value, error);
    close_id(type);
    return status;
}

dp_status dp_h5writer_unsigned_attribute(dp_h5writer *file, const char *name, uint64_t value,
                                         dp_error *error) {
    return write_attribute(file, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, &value, error);
}

dp_status dp_h5writer_real_attribute(dp_h5writer *file, const char *name, double value,
                                     dp_error *error) {
    return write_attribute(file, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value, error);
}

/* --- texts ---------------------------------------------------------------------------------- */

static dp_status write_whole(dp_h5writer *file, const char *object, hid_t file_type,
                             hid_t memory_type, dp_h5shape shape, const void *values,
                             dp_error *error) {
    hid_t dataset = -1;
    dp_status status = create_dataset(file, object, file_type, shape, &dataset, error);
    if (status != DP_OK)
        goto done;
    WRITE(H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
done:
    close_id(dataset);
    return status;
}

dp_status dp_h5writer_text(dp_h5writer *file, const char *object, const char *text,
                           dp_error *error) {
    hid_t type = string_type(strlen(text));
    dp_status status = write_whole(file, object, type, type, (dp_h5shape){0}, text, error);
    close_id(type);
    return status;
}

dp_status dp_h5writer_strings(dp_h5writer *file, const char *object, const char *table,
                              size_t count, size_t width, dp_error *error) {
    hid_t type = string_type(width);
    dp_h5shape shape = {.rank = 1, .size = {count}};
    dp_status status = write_whole(file, object, type, type, shape, table, error);
    close_id(type);
    return status;
}

/* --- tensors -------------------------------------------------------------------------------- */

dp_status dp_h5writer_floats(dp_h5writer *file, const char *object, dp_h5shape shape,
                             const float *values, dp_error *error) {
    return write_whole(file, object, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, shape, values, error);
}

dp_status dp_h5writer_create_integers(dp_h5writer *file, const char *object, dp_h5shape shape,
                                      size_t bytes, dp_error *error) {
    hid_t dataset = -1;
    dp_status status = create_dataset(file, object, integer_type(bytes), shape, &dataset, error);
    close_id(dataset);
    return status;
}

/* Selects in the dataset's space its rows [first, first + count); *memory is a space of them
 * alone. */
static dp_status select_rows(dp_h5writer *file, const char *object, uint64_t first, uint64_t count,
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

dp_status dp_h5writer_rows(dp_h5writer *file, const char *object, uint64_t first, uint64_t count,
                           const void *rows, dp_error *error) {
    dp_status status = DP_OK;
    hid_t dataset = -1, type = -1, space = -1, memory = -1;
    WRITE(dataset = H5Dopen2(file->id, object, H5P_DEFAULT));
    WRITE(type = H5Dget_type(dataset));
    WRITE(space = H5Dget_space(dataset));
    DP_OR_DONE(select_rows(file, object, first, count, space, &memory, error));
    WRITE(H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, rows));
done:
    close_id(memory);
    close_id(space);
    close_id(type);
    close_id(dataset);
    return status;
}
