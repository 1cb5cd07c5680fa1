/* Files that the reader must refuse, written by HDF5's library as somebody else might: an error
 * that names the object, nothing followed, nothing allocated. */
#include "base/memory.h"
#include "formats/h5reader.h"
#include "formats/h5writer.h"
#include "support/expect.h"
#include "support/scratch.h"
#include "system/file.h"

#include <hdf5.h>

static hid_t create(const char *path) {
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(file >= 0);
    return file;
}

/* Makes "/x" of this type and size, with these properties, unwritten. */
static void add_dataset(hid_t file, hid_t type, hsize_t rows, hid_t properties) {
    hid_t space = H5Screate_simple(1, &rows, NULL);
    hid_t dataset = H5Dcreate2(file, "x", type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    assert_true(dataset >= 0);
    H5Dclose(dataset);
    H5Sclose(space);
}

static hid_t early_properties(void) {
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY);
    return properties;
}

/* Every way of reading "/x" fails with this message. */
static void expect_refused(const char *path, const char *part) {
    dp_error error = {0};
    dp_h5reader file = {0};
    dp_h5location location;
    dp_text text = {0};
    char *table = NULL;
    size_t count = 0, width = 0;
    expect_ok(dp_h5reader_open(&file, path, &error), &error);
    expect_failure(dp_h5reader_locate_integers(&file, "/x", 1, &location, &error), DP_ERR_INPUT,
                   part, &error);
    assert_non_null(strstr(error.message, path));
    expect_failure(dp_h5reader_text(&file, "/x", 100, &text, &error), DP_ERR_INPUT, part, &error);
    expect_failure(dp_h5reader_strings(&file, "/x", 100, &table, &count, &width, &error),
                   DP_ERR_INPUT, part, &error);
    expect_failure(dp_h5reader_floats(&file, "/x", (dp_h5shape){1, {3}}, NULL, &error),
                   DP_ERR_INPUT, part, &error);
    dp_h5reader_close(&file);
}

/* --- what is stored otherwise ----------------------------------------------------------------- */

#define OTHER "/x is not stored in one piece"

static void test_h5image_refuses_chunks_that_unpack_to_terabytes(void **state) {
    (void)state;
    const char *path = scratch_path("bomb.h5");
    const hsize_t chunk = 1 << 20;
    hid_t file = create(path), properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(properties, 1, &chunk);
    H5Pset_deflate(properties, 9);
    add_dataset(file, H5T_STD_U8LE, (hsize_t)1 << 50, properties);
    H5Pclose(properties);
    H5Fclose(file);
    expect_refused(path, OTHER);
}

static void test_h5image_refuses_values_in_other_files(void **state) {
    (void)state;
    const char *path = scratch_path("outside.h5");
    hid_t file = create(path), properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(properties, "/etc/passwd", 0, 100);
    add_dataset(file, H5T_STD_U8LE, 100, properties);
    H5Pclose(properties);
    H5Fclose(file);
    expect_refused(path, OTHER);
}

static void test_h5image_refuses_values_of_a_virtual_dataset(void **state) {
    (void)state;
    const char *path = scratch_path("virtual.h5");
    const hsize_t rows = 100;
    hid_t file = create(path), properties = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(1, &rows, NULL);
    H5Pset_virtual(properties, space, "other.h5", "/x", space);
    add_dataset(file, H5T_STD_U8LE, rows, properties);
    H5Sclose(space);
    H5Pclose(properties);
    H5Fclose(file);
    expect_refused(path, OTHER);
}

static void test_h5image_refuses_values_that_were_never_written(void **state) {
    (void)state;
    const char *path = scratch_path("unwritten.h5");
    hid_t file = create(path);
    add_dataset(file, H5T_STD_U8LE, (hsize_t)1 << 50, H5P_DEFAULT);
    H5Fclose(file);
    expect_refused(path, OTHER);
}

static void test_h5image_refuses_other_types(void **state) {
    (void)state;
    hid_t variable = H5Tcopy(H5T_C_S1), compound = H5Tcreate(H5T_COMPOUND, 16), odd;
    odd = H5Tcopy(H5T_STD_U32LE);
    H5Tset_precision(odd, 17);
    H5Tset_size(variable, H5T_VARIABLE);
    H5Tinsert(compound, "a", 0, H5T_STD_U8LE);
    const hid_t types[] = {variable,       compound,       odd,
                           H5T_STD_U16BE,  H5T_IEEE_F32BE, H5T_STD_REF_OBJ,
                           H5T_UNIX_D32LE, H5T_STD_B8LE};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const char *path = scratch_path("types.h5");
        hid_t file = create(path), properties = early_properties();
        add_dataset(file, types[i], 3, properties);
        H5Pclose(properties);
        H5Fclose(file);
        expect_refused(path, OTHER);
    }
    H5Tclose(variable);
    H5Tclose(compound);
    H5Tclose(odd);
}

/* --- links and groups ------------------------------------------------------------------------- */

static void test_h5image_follows_no_link(void **state) {
    (void)state;
    const char *path = scratch_path("link.h5");
    hid_t file = create(path);
    H5Lcreate_soft("/x", file, "x", H5P_DEFAULT, H5P_DEFAULT); /* also round in a circle */
    H5Fclose(file);
    expect_refused(path, "/x is a link");
    file = create(path);
    H5Lcreate_external("/etc/passwd", "/x", file, "x", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    expect_refused(path, ""); /* in a group of a form that is not read */
}

static void test_h5image_takes_a_group_for_no_dataset(void **state) {
    (void)state;
    const char *path = scratch_path("group.h5");
    hid_t file = create(path);
    H5Gclose(H5Gcreate2(file, "x", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Fclose(file);
    expect_refused(path, "has no /x");
}

/* A group with many members, each deep: found all the same, and what is not there is not. */
static void test_h5image_finds_its_way_in_large_and_deep_groups(void **state) {
    (void)state;
    enum { MEMBERS = 1000, DEPTH = 100 };
    const char *path = scratch_path("deep.h5");
    dp_error error = {0};
    dp_h5reader opened = {0};
    dp_h5location location;
    dp_text object = {0};
    hid_t file = create(path), links = H5Pcreate(H5P_LINK_CREATE), properties = early_properties();
    const hsize_t rows = 3;
    hid_t space = H5Screate_simple(1, &rows, NULL);
    H5Pset_create_intermediate_group(links, 1);
    for (int i = 0; i < MEMBERS; i++) {
        char name[32];
        snprintf(name, sizeof name, "/a/member%d", i);
        H5Dclose(H5Dcreate2(file, name, H5T_STD_U8LE, space, links, properties, H5P_DEFAULT));
    }
    for (int i = 0; i < DEPTH; i++)
        dp_text_append(&object, "/a");
    dp_text_append(&object, "/x");
    H5Dclose(H5Dcreate2(file, dp_text_string(&object), H5T_STD_U8LE, space, links, properties,
                        H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(properties);
    H5Pclose(links);
    H5Fclose(file);

    expect_ok(dp_h5reader_open(&opened, path, &error), &error);
    expect_ok(dp_h5reader_locate_integers(&opened, "/a/member0", 1, &location, &error), &error);
    expect_ok(dp_h5reader_locate_integers(&opened, "/a/member999", 1, &location, &error), &error);
    expect_ok(dp_h5reader_locate_integers(&opened, dp_text_string(&object), 1, &location, &error),
              &error);
    expect_unsigned(location.shape.size[0], rows);
    expect_failure(dp_h5reader_locate_integers(&opened, "/a/member1000", 1, &location, &error),
                   DP_ERR_INPUT, "has no /a/member1000", &error);
    dp_h5reader_close(&opened);
    dp_text_clear(&object);
}

/* --- the file itself -------------------------------------------------------------------------- */

static void test_h5image_refuses_files_of_a_later_form(void **state) {
    (void)state;
    const char *path = scratch_path("later.h5");
    dp_error error = {0};
    dp_h5reader file = {0};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    H5Fclose(H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access));
    H5Pclose(access);
    expect_failure(dp_h5reader_open(&file, path, &error), DP_ERR_INPUT, "libver 'earliest'",
                   &error);
    assert_null(file.map.data);
}

/* Every cut and every change of a byte: an error, or what was there before. The sanitizers look for
 * reads outside. */
static void test_h5image_survives_any_damage(void **state) {
    (void)state;
    static const unsigned char values[] = {0, 1, 0x7F, 0x80, 0xFF};
    const char *path = scratch_path("damaged.h5");
    dp_error error = {0};
    dp_h5writer *file = NULL;
    dp_file_map map;
    const dp_h5shape shape = {1, {3}};
    const float numbers[3] = {1, 2, 3};
    expect_ok(dp_h5writer_create(&file, path, &error), &error);
    expect_ok(dp_h5writer_floats(file, "/group/x", shape, numbers, &error), &error);
    expect_ok(dp_h5writer_text_attribute(file, "text", "content", &error), &error);
    expect_ok(dp_h5writer_close(file, &error), &error);
    expect_ok(dp_file_map_open(&map, path, &error), &error);
    for (size_t i = 0; i < map.size * (1 + sizeof values); i++) {
        size_t at = i / (1 + sizeof values), kind = i % (1 + sizeof values);
        size_t size = kind == sizeof values ? at : map.size; /* cut, or changed */
        unsigned char *bytes = malloc(size + 1);
        assert_non_null(bytes);
        memcpy(bytes, map.data, size);
        if (size == map.size)
            bytes[at] = values[kind];
        dp_h5image image;
        dp_h5value value;
        if (dp_h5image_open(&image, bytes, size, path, &error) == DP_OK) {
            if (dp_h5image_find(&image, "/group/x", &value, &error) == DP_OK)
                assert_true(value.data >= bytes && value.data + value.bytes <= bytes + size);
            if (dp_h5image_find_attribute(&image, "text", &value, &error) == DP_OK)
                assert_true(value.data >= bytes && value.data + value.bytes <= bytes + size);
        }
        free(bytes);
    }
    dp_file_map_close(&map);
}

int main(void) {
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_h5image_refuses_chunks_that_unpack_to_terabytes),
        cmocka_unit_test(test_h5image_refuses_values_in_other_files),
        cmocka_unit_test(test_h5image_refuses_values_of_a_virtual_dataset),
        cmocka_unit_test(test_h5image_refuses_values_that_were_never_written),
        cmocka_unit_test(test_h5image_refuses_other_types),
        cmocka_unit_test(test_h5image_follows_no_link),
        cmocka_unit_test(test_h5image_takes_a_group_for_no_dataset),
        cmocka_unit_test(test_h5image_finds_its_way_in_large_and_deep_groups),
        cmocka_unit_test(test_h5image_refuses_files_of_a_later_form),
        cmocka_unit_test(test_h5image_survives_any_damage),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_remove);
}
