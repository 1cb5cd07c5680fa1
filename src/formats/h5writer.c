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

/* Within a function with `file`, `object` and `error`: an HDF5 call that returns an id or status
 * below 0 on failure. */
#define WRITE(call) DP_TRY((call) < 0 ? fail_hdf5(file, "write", object, error) : DP_OK)

/* Of whatever kind it is; closing cannot fail in a way that we could act on. */
static void close_id(const hid_t *id) {
    if (*id >= 0)
        H5Idec_ref(*id);
}
#define OWNED_ID DP_OWNED(close_id) hid_t /* start with an invalid one */

/* --- files ---------------------------------------------------------------------------------- */

/* The earliest form of everything is the one that formats/h5image reads. */
static dp_status set_access(const dp_h5writer *file, hid_t access, dp_error *error) {
    const char *object = "the file";
    WRITE(H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST));
    WRITE(H5Pset_alignment(access, DP_H5WRITER_ALIGNMENT, DP_H5WRITER_ALIGNMENT));
    WRITE(H5Pset_file_locking(access, false, true));
    WRITE(H5Pset_fclose_degree(access, H5F_CLOSE_STRONG));
    return DP_OK;
}

#define MEMORY_INCREMENT ((size_t)1 << 20) /* by which a file in memory grows */

static dp_status create(dp_h5writer **writer, const char *path, bool in_memory, dp_error *error) {
    const char *object = "the file";
    DP_OWNED(dp_memory_release) dp_h5writer *file = NULL;
    OWNED_ID access = -1;
    *writer = NULL;
    /* HDF5 would close once more at exit what could not be closed, on a full disk, and crash. It
     * takes this before its first other call only; later it does nothing. */
    (void)H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* we report errors ourselves */
    DP_TRY_NEW(file, 1);
    file->path = path;
    WRITE(access = H5Pcreate(H5P_FILE_ACCESS));
    DP_TRY(set_access(file, access, error));
    if (in_memory)
        WRITE(H5Pset_fapl_core(access, MEMORY_INCREMENT, false));
    WRITE(file->id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access));
    *writer = file;
    file = NULL;
    return DP_OK;
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
    DP_OWNED(dp_memory_release) char *copy = NULL;
    ssize_t length = 0;
    *bytes = NULL;
    WRITE(H5Fflush(file->id, H5F_SCOPE_GLOBAL));
    WRITE(length = H5Fget_file_image(file->id, NULL, 0));
    *size = (size_t)length;
    DP_TRY_NEW(copy, *size);
    WRITE(H5Fget_file_image(file->id, copy, *size));
    *bytes = copy;
    copy = NULL;
    return DP_OK;
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
    const hid_t type = H5Tcopy(H5T_C_S1);
    if (type < 0 ||
        (H5Tset_size(type, width == 0 ? 1 : width) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0 &&
         H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0))
        return type;
    H5Tclose(type);
    return H5I_INVALID_HID;
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
    OWNED_ID space = -1;
    OWNED_ID links = -1;
    OWNED_ID creation = -1;
    WRITE(space = shape_space(shape));
    WRITE(links = H5Pcreate(H5P_LINK_CREATE));
    WRITE(H5Pset_create_intermediate_group(links, 1));
    WRITE(creation = H5Pcreate(H5P_DATASET_CREATE));
    WRITE(H5Pset_obj_track_times(creation, false)); /* the same content gives the same file */
    WRITE(H5Pset_layout(creation, H5D_CONTIGUOUS));
    WRITE(H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY));
    WRITE(H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER));
    WRITE(*dataset = H5Dcreate2(file->id, object, type, space, links, creation, H5P_DEFAULT));
    return DP_OK;
}

/* --- attributes ----------------------------------------------------------------------------- */

/* Values lie in memory as they do in the file: the processor is little-endian (formats/h5reader).
 */
static dp_status write_attribute(dp_h5writer *file, const char *object, hid_t type,
                                 const void *value, dp_error *error) {
    OWNED_ID space = -1;
    OWNED_ID attribute = -1;
    WRITE(space = H5Screate(H5S_SCALAR));
    WRITE(attribute = H5Acreate2(file->id, object, type, space, H5P_DEFAULT, H5P_DEFAULT));
    WRITE(H5Awrite(attribute, type, value));
    return DP_OK;
}

dp_status dp_h5writer_text_attribute(dp_h5writer *file, const char *name, const char *value,
                                     dp_error *error) {
    OWNED_ID type = string_type(strlen(value));
    return write_attribute(file, name, type, value, error);
}

dp_status dp_h5writer_unsigned_attribute(dp_h5writer *file, const char *name, uint64_t value,
                                         dp_error *error) {
    return write_attribute(file, name, H5T_STD_U64LE, &value, error);
}

dp_status dp_h5writer_real_attribute(dp_h5writer *file, const char *name, double value,
                                     dp_error *error) {
    return write_attribute(file, name, H5T_IEEE_F64LE, &value, error);
}

/* --- datasets ------------------------------------------------------------------------------- */

static dp_status write_whole(dp_h5writer *file, const char *object, hid_t type, dp_h5shape shape,
                             const void *values, dp_error *error) {
    OWNED_ID dataset = -1;
    DP_TRY(create_dataset(file, object, type, shape, &dataset, error));
    WRITE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
    return DP_OK;
}

dp_status dp_h5writer_text(dp_h5writer *file, const char *object, const char *text,
                           dp_error *error) {
    OWNED_ID type = string_type(strlen(text));
    return write_whole(file, object, type, (dp_h5shape){0}, text, error);
}

dp_status dp_h5writer_strings(dp_h5writer *file, const char *object, const char *table,
                              size_t count, size_t width, dp_error *error) {
    OWNED_ID type = string_type(width);
    return write_whole(file, object, type, (dp_h5shape){.rank = 1, .size = {count}}, table, error);
}

dp_status dp_h5writer_floats(dp_h5writer *file, const char *object, dp_h5shape shape,
                             const float *values, dp_error *error) {
    return write_whole(file, object, H5T_IEEE_F32LE, shape, values, error);
}

dp_status dp_h5writer_create_integers(dp_h5writer *file, const char *object, dp_h5shape shape,
                                      size_t bytes, dp_error *error) {
    OWNED_ID dataset = -1;
    return create_dataset(file, object, integer_type(bytes), shape, &dataset, error);
}

dp_status dp_h5writer_rows(dp_h5writer *file, const char *object, uint64_t first, uint64_t count,
                           const void *rows, dp_error *error) {
    hsize_t start[DP_H5_RANK_MAX] = {first, 0}, extent[DP_H5_RANK_MAX] = {0};
    int rank = 0;
    OWNED_ID dataset = -1;
    OWNED_ID type = -1;
    OWNED_ID space = -1;
    OWNED_ID memory = -1;                  /* the rows alone */
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* HDF5 may have that for each thread apart */
    WRITE(dataset = H5Dopen2(file->id, object, H5P_DEFAULT));
    WRITE(type = H5Dget_type(dataset));
    WRITE(space = H5Dget_space(dataset));
    WRITE(rank = H5Sget_simple_extent_dims(space, extent, NULL));
    extent[0] = count;
    WRITE(memory = H5Screate_simple(rank, extent, NULL));
    WRITE(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, extent, NULL));
    WRITE(H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, rows));
    return DP_OK;
}
