#include "adapters/h5file.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <hdf5.h>
#include <string.h>

struct dp_h5file {
    hid_t id;
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

static dp_status fail_hdf5(const dp_h5file *file, dp_status failure, const char *verb,
                           const char *object, dp_error *error) {
    char description[160] = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_description, description);
    return dp_fail(error, failure, "%s: cannot %s %s%s%s", file->path, verb, object,
                   description[0] == '\0' ? "" : ": ", description);
}

/* Within a function with `file`, `object`, `error`, `status` and `done`: an HDF5 call that returns
 * an id or status below 0 on failure. */
#define WRITE(call)                                                                                \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
            status = fail_hdf5(file, DP_ERR_IO, "write", object, error);                           \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

#define READ(call)                                                                                 \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
            status = fail_hdf5(file, DP_ERR_INPUT, "read", object, error);                         \
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

static hid_t access_properties(void) {
    hid_t properties = H5Pcreate(H5P_FILE_ACCESS);
    if (properties < 0)
        return properties;
    H5Pset_alignment(properties, DP_H5FILE_ALIGNMENT, DP_H5FILE_ALIGNMENT);
    H5Pset_file_locking(properties, false, true);
    H5Pset_fclose_degree(properties, H5F_CLOSE_STRONG);
    return properties;
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

#define MEMORY_INCREMENT ((size_t)1 << 20) /* by which a file in memory grows */

static dp_status create(dp_h5file **file_out, const char *path, bool in_memory, dp_error *error) {
    const char *object = "the file";
    dp_h5file *file = NULL;
    hid_t access = H5I_INVALID_HID;
    dp_status status = new_handle(&file, path, error);
    if (status != DP_OK)
        goto done;
    WRITE(access = access_properties());
    if (in_memory)
        WRITE(H5Pset_fapl_core(access, MEMORY_INCREMENT, false));
    WRITE(file->id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access));
done:
    close_properties(access);
    if (status != DP_OK) {
        dp_memory_free(file);
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
    DP_NEW_ARRAY(*bytes, *size);
    WRITE(H5Fget_file_image(file->id, *bytes, *size));
done:
    if (status != DP_OK) {
        dp_memory_free(*bytes);
        *bytes = NULL;
    }
    return status;
}

dp_status dp_h5file_open(dp_h5file **file_out, const char *path, dp_error *error) {
    const char *object = "the file";
    dp_h5file *file = NULL;
    hid_t access = H5I_INVALID_HID;
    dp_file_map map = {0};
    dp_status status = new_handle(&file, path, error);
    if (status != DP_OK)
        goto done;
    DP_TRY(dp_file_map_open(&map, path, error)); /* says it better when the file is not there */
    DEMAND(H5Fis_hdf5(path) > 0, "an HDF5 file");
    READ(access = access_properties());
    READ(file->id = H5Fopen(path, H5F_ACC_RDONLY, access));
done:
    dp_file_map_close(&map);
    close_properties(access);
    if (status != DP_OK) {
        dp_memory_free(file);
        file = NULL;
    }
    *file_out = file;
    return status;
}

dp_status dp_h5file_close(dp_h5file *file, dp_error *error) {
    dp_status status = DP_OK;
    if (file == NULL)
        return DP_OK;
    if (H5Fclose(file->id) < 0)
        status = fail_hdf5(file, DP_ERR_IO, "close", "the file", error);
    dp_memory_free(file);
    return status;
}

/* Each part of the path must be there: HDF5 wants the groups asked for one by one. */
bool dp_h5file_has(const dp_h5file *file, const char *object) {
    char partial[256];
    if (!dp_text_copy(partial, sizeof partial, object))
        return false;
    for (char *c = partial + 1;; c++) {
        if (*c != '/' && *c != '\0')
            continue;
        char kept = *c;
        *c = '\0';
        if (H5Lexists(file->id, partial, H5P_DEFAULT) <= 0)
            return false;
        if (kept == '\0')
            return true;
        *c = kept;
    }
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
    hsize_t size[DP_H5FILE_RANK_MAX];
    for (int i = 0; i < shape.rank; i++)
        size[i] = shape.size[i];
    return shape.rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(shape.rank, size, NULL);
}

/* The shape of a dataspace; false where it has more dimensions than we know. */
static bool space_shape(hid_t space, dp_h5shape *shape) {
    hsize_t size[DP_H5FILE_RANK_MAX] = {0};
    int rank = H5Sget_simple_extent_ndims(space);
    if (rank < 0 || rank > DP_H5FILE_RANK_MAX || H5Sget_simple_extent_type(space) == H5S_NULL ||
        H5Sget_simple_extent_dims(space, size, NULL) < 0)
        return false;
    shape->rank = rank;
    for (int i = 0; i < DP_H5FILE_RANK_MAX; i++)
        shape->size[i] = size[i];
    return true;
}

static bool same_shape(dp_h5shape a, dp_h5shape b) {
    bool same = a.rank == b.rank;
    for (int i = 0; same && i < a.rank; i++)
        same = a.size[i] == b.size[i];
    return same;
}

/* Opens an existing dataset and its parts for reading. */
typedef struct opened_dataset {
    hid_t id, type, space;
    dp_h5shape shape;
} opened_dataset;

static dp_status open_dataset(const dp_h5file *file, const char *object, opened_dataset *dataset,
                              dp_error *error) {
    dp_status status = DP_OK;
    *dataset = (opened_dataset){.id = -1, .type = -1, .space = -1};
    if (!dp_h5file_has(file, object))
        return dp_fail(error, DP_ERR_INPUT, "%s: has no %s", file->path, object);
    READ(dataset->id = H5Dopen2(file->id, object, H5P_DEFAULT));
    READ(dataset->type = H5Dget_type(dataset->id));
    READ(dataset->space = H5Dget_space(dataset->id));
    DEMAND(space_shape(dataset->space, &dataset->shape), "of a known shape");
done:
    return status;
}

static void close_opened(opened_dataset *dataset) {
    close_space(dataset->space);
    close_type(dataset->type);
    close_dataset(dataset->id);
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
    return H5Aexists(file->id, name) > 0;
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

/* Opens a scalar attribute whose type is of this class and at most `limit` bytes. */
static dp_status open_attribute(const dp_h5file *file, const char *object, H5T_class_t class,
                                size_t limit, hid_t *attribute, hid_t *type, dp_error *error) {
    dp_status status = DP_OK;
    hid_t space = -1;
    *attribute = *type = -1;
    DEMAND(H5Aexists(file->id, object) > 0, "among its attributes");
    READ(*attribute = H5Aopen(file->id, object, H5P_DEFAULT));
    READ(*type = H5Aget_type(*attribute));
    READ(space = H5Aget_space(*attribute));
    DEMAND(H5Sget_simple_extent_type(space) == H5S_SCALAR && H5Tget_class(*type) == class &&
               H5Tis_variable_str(*type) <= 0 && H5Tget_size(*type) <= limit,
           "an attribute of the expected type");
done:
    close_space(space);
    return status;
}

dp_status dp_h5file_read_text_attribute(dp_h5file *file, const char *object, char *value,
                                        size_t size, dp_error *error) {
    hid_t attribute = -1, type = -1;
    dp_status status = open_attribute(file, object, H5T_STRING, size - 1, &attribute, &type, error);
    if (status != DP_OK)
        goto done;
    memset(value, 0, size);
    READ(H5Aread(attribute, type, value));
done:
    close_type(type);
    close_attribute(attribute);
    return status;
}

static dp_status read_number(dp_h5file *file, const char *object, H5T_class_t class,
                             hid_t memory_type, void *value, dp_error *error) {
    hid_t attribute = -1, type = -1;
    dp_status status = open_attribute(file, object, class, 8, &attribute, &type, error);
    if (status != DP_OK)
        goto done;
    READ(H5Aread(attribute, memory_type, value));
done:
    close_type(type);
    close_attribute(attribute);
    return status;
}

dp_status dp_h5file_read_unsigned_attribute(dp_h5file *file, const char *object, uint64_t *value,
                                            dp_error *error) {
    return read_number(file, object, H5T_INTEGER, H5T_NATIVE_UINT64, value, error);
}

dp_status dp_h5file_read_real_attribute(dp_h5file *file, const char *object, double *value,
                                        dp_error *error) {
    return read_number(file, object, H5T_FLOAT, H5T_NATIVE_DOUBLE, value, error);
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
    char *buffer = NULL;
    opened_dataset dataset;
    dp_status status = open_dataset(file, object, &dataset, error);
    if (status != DP_OK)
        goto done;
    size_t size = H5Tget_size(dataset.type);
    DEMAND(H5Tget_class(dataset.type) == H5T_STRING && H5Tis_variable_str(dataset.type) == 0 &&
               dataset.shape.rank == 0 && size <= limit,
           "a text of the expected size");
    DP_NEW_ARRAY(buffer, size + 1);
    READ(H5Dread(dataset.id, dataset.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer));
    dp_text_append(text, buffer);
    status = dp_text_check(text, error);
done:
    dp_memory_free(buffer);
    close_opened(&dataset);
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
    opened_dataset dataset;
    *table = NULL;
    dp_status status = open_dataset(file, object, &dataset, error);
    if (status != DP_OK)
        goto done;
    *width = H5Tget_size(dataset.type);
    *count = dataset.shape.size[0];
    size_t bytes = 0;
    DEMAND(H5Tget_class(dataset.type) == H5T_STRING && H5Tis_variable_str(dataset.type) == 0 &&
               dataset.shape.rank == 1 && !__builtin_mul_overflow(*count, *width, &bytes) &&
               bytes > 0 && bytes <= limit,
           "a list of strings of the expected size");
    DP_NEW_ARRAY(*table, bytes);
    READ(H5Dread(dataset.id, dataset.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *table));
done:
    close_opened(&dataset);
    if (status != DP_OK) {
        dp_memory_free(*table);
        *table = NULL;
    }
    return status;
}

/* --- tensors -------------------------------------------------------------------------------- */

dp_status dp_h5file_write_floats(dp_h5file *file, const char *object, dp_h5shape shape,
                                 const float *values, dp_error *error) {
    return write_whole(file, object, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, shape, values, error);
}

static dp_status open_floats(dp_h5file *file, const char *object, dp_h5shape shape,
                             opened_dataset *dataset, dp_error *error) {
    dp_status status = open_dataset(file, object, dataset, error);
    if (status != DP_OK)
        goto done;
    DEMAND(H5Tequal(dataset->type, H5T_IEEE_F32LE) > 0 && same_shape(dataset->shape, shape),
           "float32 of the expected shape");
done:
    return status;
}

dp_status dp_h5file_check_floats(dp_h5file *file, const char *object, dp_h5shape shape,
                                 dp_error *error) {
    opened_dataset dataset;
    dp_status status = open_floats(file, object, shape, &dataset, error);
    close_opened(&dataset);
    return status;
}

dp_status dp_h5file_read_floats(dp_h5file *file, const char *object, dp_h5shape shape,
                                float *values, dp_error *error) {
    opened_dataset dataset;
    dp_status status = open_floats(file, object, shape, &dataset, error);
    if (status != DP_OK)
        goto done;
    READ(H5Dread(dataset.id, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
done:
    close_opened(&dataset);
    return status;
}

dp_status dp_h5file_create_integers(dp_h5file *file, const char *object, dp_h5shape shape,
                                    size_t bytes, dp_error *error) {
    hid_t dataset = -1;
    dp_status status = create_dataset(file, object, integer_type(bytes), shape, &dataset, error);
    close_dataset(dataset);
    return status;
}

dp_status dp_h5file_write_rows(dp_h5file *file, const char *object, uint64_t first, uint64_t count,
                               const void *rows, dp_error *error) {
    hid_t memory = -1;
    opened_dataset dataset;
    dp_status status = open_dataset(file, object, &dataset, error);
    if (status != DP_OK)
        goto done;
    hsize_t start[DP_H5FILE_RANK_MAX] = {first, 0};
    hsize_t extent[DP_H5FILE_RANK_MAX] = {count, dataset.shape.size[1]};
    WRITE(memory = H5Screate_simple(dataset.shape.rank, extent, NULL));
    WRITE(H5Sselect_hyperslab(dataset.space, H5S_SELECT_SET, start, NULL, extent, NULL));
    WRITE(H5Dwrite(dataset.id, dataset.type, memory, dataset.space, H5P_DEFAULT, rows));
done:
    close_space(memory);
    close_opened(&dataset);
    return status;
}

static bool lies_inside(const dp_h5file *file, hid_t dataset, uint64_t bytes, uint64_t *offset) {
    hsize_t file_size = 0;
    haddr_t address = H5Dget_offset(dataset);
    if (address == HADDR_UNDEF || H5Fget_filesize(file->id, &file_size) < 0)
        return false;
    *offset = address;
    return H5Dget_storage_size(dataset) == bytes && address <= file_size &&
           bytes <= file_size - address;
}

dp_status dp_h5file_locate_integers(dp_h5file *file, const char *object, int rank,
                                    dp_h5location *location, dp_error *error) {
    opened_dataset dataset;
    dp_status status = open_dataset(file, object, &dataset, error);
    if (status != DP_OK)
        goto done;
    location->shape = dataset.shape;
    location->bytes = H5Tget_size(dataset.type);
    DEMAND(H5Tequal(dataset.type, integer_type(location->bytes)) > 0,
           "made of little-endian unsigned integers");
    DEMAND(dataset.shape.rank == rank, "of the expected rank");
    uint64_t total = location->bytes;
    bool fits = true;
    for (int i = 0; i < rank; i++)
        fits = fits && !__builtin_mul_overflow(total, dataset.shape.size[i], &total);
    DEMAND(fits && lies_inside(file, dataset.id, total, &location->offset),
           "in one piece inside the file");
done:
    close_opened(&dataset);
    return status;
}
