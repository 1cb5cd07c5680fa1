/* failing_hdf5: makes the n-th call of HDF5's library fail. For programs that are linked with
 * --wrap for each of these functions (DP_HDF5_CALLS in CMakeLists.txt), which leads the calls of
 * formats/h5writer here; those of the library to itself are its own.
 */
#ifndef DP_TESTS_FAILING_HDF5_H
#define DP_TESTS_FAILING_HDF5_H

#include <hdf5.h>
#include <stdbool.h>

static int hdf5_calls_left = -1; /* until one fails, once; negative: none will */

static bool hdf5_fails(void) {
    if (hdf5_calls_left < 0)
        return false;
    return hdf5_calls_left-- == 0;
}

#define FAILING(type, name, parameters, arguments)                                                 \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters {                                                                \
        return hdf5_fails() ? -1 : __real_##name arguments;                                        \
    }

FAILING(hid_t, H5Fcreate, (const char *a, unsigned b, hid_t c, hid_t d), (a, b, c, d))
FAILING(hid_t, H5Acreate2, (hid_t a, const char *b, hid_t c, hid_t d, hid_t e, hid_t f),
        (a, b, c, d, e, f))
FAILING(herr_t, H5Awrite, (hid_t a, hid_t b, const void *c), (a, b, c))
FAILING(hid_t, H5Dcreate2, (hid_t a, const char *b, hid_t c, hid_t d, hid_t e, hid_t f, hid_t g),
        (a, b, c, d, e, f, g))
FAILING(hid_t, H5Dopen2, (hid_t a, const char *b, hid_t c), (a, b, c))
FAILING(herr_t, H5Dwrite, (hid_t a, hid_t b, hid_t c, hid_t d, hid_t e, const void *f),
        (a, b, c, d, e, f))
FAILING(hid_t, H5Dget_type, (hid_t a), (a))
FAILING(hid_t, H5Dget_space, (hid_t a), (a))
FAILING(hid_t, H5Pcreate, (hid_t a), (a))
FAILING(herr_t, H5Pset_libver_bounds, (hid_t a, H5F_libver_t b, H5F_libver_t c), (a, b, c))
FAILING(herr_t, H5Pset_alignment, (hid_t a, hsize_t b, hsize_t c), (a, b, c))
FAILING(herr_t, H5Pset_file_locking, (hid_t a, hbool_t b, hbool_t c), (a, b, c))
FAILING(herr_t, H5Pset_fclose_degree, (hid_t a, H5F_close_degree_t b), (a, b))
FAILING(herr_t, H5Pset_create_intermediate_group, (hid_t a, unsigned b), (a, b))
FAILING(herr_t, H5Pset_obj_track_times, (hid_t a, hbool_t b), (a, b))
FAILING(herr_t, H5Pset_layout, (hid_t a, H5D_layout_t b), (a, b))
FAILING(herr_t, H5Pset_alloc_time, (hid_t a, H5D_alloc_time_t b), (a, b))
FAILING(herr_t, H5Pset_fill_time, (hid_t a, H5D_fill_time_t b), (a, b))
FAILING(hid_t, H5Screate, (H5S_class_t a), (a))
FAILING(hid_t, H5Screate_simple, (int a, const hsize_t b[], const hsize_t c[]), (a, b, c))
FAILING(int, H5Sget_simple_extent_dims, (hid_t a, hsize_t b[], hsize_t c[]), (a, b, c))
FAILING(herr_t, H5Sselect_hyperslab,
        (hid_t a, H5S_seloper_t b, const hsize_t c[], const hsize_t d[], const hsize_t e[],
         const hsize_t f[]),
        (a, b, c, d, e, f))
FAILING(hid_t, H5Tcopy, (hid_t a), (a))
FAILING(herr_t, H5Tset_size, (hid_t a, size_t b), (a, b))
FAILING(herr_t, H5Tset_cset, (hid_t a, H5T_cset_t b), (a, b))
FAILING(herr_t, H5Tset_strpad, (hid_t a, H5T_str_t b), (a, b))

/* Closes, and says that it could not. */
herr_t __real_H5Fclose(hid_t file);
herr_t __wrap_H5Fclose(hid_t file);
herr_t __wrap_H5Fclose(hid_t file) {
    herr_t result = __real_H5Fclose(file);
    return hdf5_fails() ? -1 : result;
}

#endif
