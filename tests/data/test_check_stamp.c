/* The stamp beside a dataset: believed as long as dataset and stamp are as they were, and never
 * otherwise. */
#include "data/check_stamp.h"
#include "support/expect.h"
#include "support/sample_dataset.h"
#include "support/scratch.h"

#include <fcntl.h>
#include <time.h>

#define SOMEBODY ((uid_t)12345) /* neither root nor, most likely, us */

static const char *data_path(void) {
    return scratch_path("d.h5");
}

static const char *stamp_path(void) {
    return scratch_path("d.h5" DP_CHECK_STAMP_SUFFIX);
}

/* The times of a file move on only every few milliseconds. */
static void let_time_pass(void) {
    const struct timespec pause = {.tv_nsec = 30000000};
    nanosleep(&pause, NULL);
}

/* Opens the dataset as if it had been there for long. */
static void open_dataset(dp_dataset *dataset) {
    dp_error error = {0};
    expect_ok(dp_dataset_open(dataset, data_path(), &error), &error);
    dataset->opened += DP_CHECK_STAMP_SETTLED;
}

static bool is_valid(void) {
    dp_dataset dataset;
    open_dataset(&dataset);
    bool valid = dp_check_stamp_valid(&dataset);
    dp_dataset_close(&dataset);
    return valid;
}

static void write_stamp(void) {
    dp_error error = {0};
    dp_dataset dataset;
    open_dataset(&dataset);
    expect_ok(dp_check_stamp_write(&dataset, &error), &error);
    dp_dataset_close(&dataset);
}

/* In the file: what opening it does not look at. */
static off_t place_of_an_id(void) {
    dp_dataset dataset;
    open_dataset(&dataset);
    off_t place = (off_t)(dataset.tensors[DP_CONTEXTS(DP_SPLIT_TRAIN)].data - dataset.map.data);
    dp_dataset_close(&dataset);
    return place;
}

/* A dataset and its stamp, which is valid. */
static void make_stamped(void) {
    unlink(stamp_path());
    sample_dataset_write(data_path(), 0);
    assert_false(is_valid());
    write_stamp();
    assert_true(is_valid());
    let_time_pass();
}

static void write_byte(const char *path, off_t offset, unsigned char byte) {
    int descriptor = open(path, O_WRONLY);
    assert_true(descriptor >= 0);
    assert_int_equal(pwrite(descriptor, &byte, 1, offset), 1);
    close(descriptor);
}

static struct stat status_of(const char *path) {
    struct stat information;
    assert_int_equal(stat(path, &information), 0);
    return information;
}

static void set_times(const char *path, const struct stat *like) {
    const struct timespec times[2] = {like->st_atim, like->st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* --- the dataset changes ---------------------------------------------------------------------- */

static void test_check_stamp_is_believed_until_removed(void **state) {
    (void)state;
    dp_error error = {0};
    dp_dataset dataset;
    make_stamped();
    write_stamp(); /* over the one that is there */
    assert_true(is_valid());
    expect_unsigned((uint64_t)scratch_count(), 2);
    expect_unsigned(status_of(stamp_path()).st_mode & 0777, 0644);
    open_dataset(&dataset);
    expect_ok(dp_check_stamp_remove(&dataset, &error), &error);
    assert_false(dp_check_stamp_valid(&dataset));
    expect_ok(dp_check_stamp_remove(&dataset, &error), &error); /* none there */
    dp_dataset_close(&dataset);
}

static void test_check_stamp_ends_when_the_dataset_is_touched(void **state) {
    (void)state;
    make_stamped();
    assert_int_equal(utimensat(AT_FDCWD, data_path(), NULL, 0), 0);
    assert_false(is_valid());
}

/* Its times are set back, so that only the system's own time of change tells. */
static void test_check_stamp_ends_when_the_dataset_is_written_to(void **state) {
    (void)state;
    make_stamped();
    struct stat before = status_of(data_path());
    write_byte(data_path(), place_of_an_id(), 1);
    set_times(data_path(), &before);
    expect_unsigned((uint64_t)status_of(data_path()).st_size, (uint64_t)before.st_size);
    assert_false(is_valid());
}

static void test_check_stamp_ends_when_the_dataset_is_replaced(void **state) {
    (void)state;
    make_stamped();
    struct stat before = status_of(data_path());
    const char *other = scratch_path("other.h5");
    sample_dataset_write(other, 1);
    set_times(other, &before);
    expect_unsigned((uint64_t)status_of(other).st_size, (uint64_t)before.st_size);
    assert_int_equal(rename(other, data_path()), 0);
    expect_unsigned((uint64_t)status_of(data_path()).st_mtim.tv_nsec,
                    (uint64_t)before.st_mtim.tv_nsec);
    assert_false(is_valid());
}

/* Cut and filled up again: the size that it had, and its inode. */
static void test_check_stamp_ends_when_the_dataset_is_cut(void **state) {
    (void)state;
    make_stamped();
    struct stat before = status_of(data_path());
    dp_dataset dataset;
    dp_error error = {0};
    assert_int_equal(truncate(data_path(), before.st_size - 1), 0);
    expect_failure(dp_dataset_open(&dataset, data_path(), &error), DP_ERR_INPUT,
                   "its end is missing", &error);
    write_byte(data_path(), before.st_size - 1, '\n'); /* the end of the seal */
    set_times(data_path(), &before);
    assert_false(is_valid());
}

/* A stamp that comes along with a copy is that of another file. */
static void test_check_stamp_does_not_go_with_a_copy(void **state) {
    (void)state;
    make_stamped();
    dp_error error = {0};
    dp_file_map map;
    struct stat before = status_of(data_path());
    expect_ok(dp_file_map_open(&map, data_path(), &error), &error);
    expect_ok(dp_file_write(data_path(), map.data, map.size, &error), &error);
    dp_file_map_close(&map);
    set_times(data_path(), &before);
    assert_false(is_valid());
}

static void test_check_stamp_covers_every_fact(void **state) {
    (void)state;
    make_stamped();
    dp_dataset dataset;
    open_dataset(&dataset);
    const dp_dataset good = dataset;
    dataset.state.size++;
    assert_false(dp_check_stamp_valid(&dataset));
    dataset = good;
    dataset.state.inode++;
    assert_false(dp_check_stamp_valid(&dataset));
    dataset = good;
    dataset.state.modified++;
    assert_false(dp_check_stamp_valid(&dataset));
    dataset = good;
    dataset.state.changed--;
    assert_false(dp_check_stamp_valid(&dataset));
    dataset = good;
    dataset.info.sha256[63] ^= 1;
    assert_false(dp_check_stamp_valid(&dataset));
    dataset = good;
    assert_true(dp_check_stamp_valid(&dataset));
    dp_dataset_close(&dataset);
}

/* --- the stamp changes ------------------------------------------------------------------------ */

static void test_check_stamp_damaged_anywhere_is_not_believed(void **state) {
    (void)state;
    make_stamped();
    dp_error error = {0};
    dp_file_map map;
    char text[1024];
    expect_ok(dp_file_map_open(&map, stamp_path(), &error), &error);
    const size_t size = map.size;
    assert_in_range(size, 1, sizeof text - 1);
    memcpy(text, map.data, size);
    dp_file_map_close(&map);
    dp_dataset dataset;
    open_dataset(&dataset);
    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            write_byte(stamp_path(), (off_t)i, (unsigned char)(text[i] ^ 1 << bit));
            if (dp_check_stamp_valid(&dataset))
                fail_msg("believed with bit %d of byte %zu changed", bit, i);
        }
        write_byte(stamp_path(), (off_t)i, (unsigned char)text[i]);
    }
    assert_true(dp_check_stamp_valid(&dataset));
    write_byte(stamp_path(), (off_t)size, '\n');
    assert_false(dp_check_stamp_valid(&dataset));
    for (size_t length = size; length-- > 0;) {
        assert_int_equal(truncate(stamp_path(), (off_t)length), 0);
        assert_false(dp_check_stamp_valid(&dataset));
    }
    dp_dataset_close(&dataset);
}

static void test_check_stamp_behind_a_link_is_not_believed(void **state) {
    (void)state;
    make_stamped();
    assert_int_equal(rename(stamp_path(), scratch_path("elsewhere")), 0);
    assert_int_equal(symlink("elsewhere", stamp_path()), 0);
    assert_false(is_valid());
    write_stamp(); /* replaces the link, not what it leads to */
    assert_true(is_valid());
    assert_int_equal(unlink(scratch_path("elsewhere")), 0);
    assert_true(is_valid());
}

static void test_check_stamp_that_others_may_write_is_not_believed(void **state) {
    (void)state;
    make_stamped();
    assert_int_equal(chmod(stamp_path(), 0664), 0);
    assert_false(is_valid());
    assert_int_equal(chmod(stamp_path(), 0646), 0);
    assert_false(is_valid());
    assert_int_equal(chmod(stamp_path(), 0600), 0);
    assert_true(is_valid());
    mode_t mask = umask(0);
    write_stamp();
    umask(mask);
    assert_true(is_valid());
}

/* Only root can give files away, and try. */
static void test_check_stamp_of_somebody_else_is_not_believed(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip();
    make_stamped();
    assert_int_equal(chown(stamp_path(), SOMEBODY, (gid_t)-1), 0);
    assert_false(is_valid());
    assert_int_equal(chown(stamp_path(), 0, (gid_t)-1), 0);
    assert_true(is_valid());
    assert_int_equal(chmod(scratch_folder, 0755), 0);
    assert_int_equal(seteuid(SOMEBODY), 0);
    bool of_root = is_valid();
    assert_int_equal(seteuid(0), 0);
    assert_true(of_root);
}

static void test_check_stamp_is_no_folder_and_no_pipe(void **state) {
    (void)state;
    make_stamped();
    dp_error error = {0};
    dp_dataset dataset;
    unlink(stamp_path());
    assert_int_equal(mkfifo(stamp_path(), 0600), 0);
    assert_false(is_valid());
    unlink(stamp_path());
    assert_int_equal(mkdir(stamp_path(), 0700), 0);
    open_dataset(&dataset);
    assert_false(dp_check_stamp_valid(&dataset));
    expect_failure(dp_check_stamp_write(&dataset, &error), DP_ERR_IO, stamp_path(), &error);
    dp_dataset_close(&dataset);
    expect_unsigned((uint64_t)scratch_count(), 2); /* no temporary file */
    rmdir(stamp_path());
}

/* --- when none is written --------------------------------------------------------------------- */

static void test_check_stamp_needs_a_folder_to_write_in(void **state) {
    (void)state;
    dp_error error = {0};
    dp_dataset dataset;
    unlink(stamp_path());
    sample_dataset_write(data_path(), 0);
    open_dataset(&dataset);
    assert_int_equal(chmod(scratch_folder, 0555), 0);
    const bool is_root = geteuid() == 0; /* may write everywhere */
    if (is_root)
        assert_int_equal(seteuid(SOMEBODY), 0);
    dp_status status = dp_check_stamp_write(&dataset, &error);
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(scratch_folder, 0700), 0);
    assert_int_equal(status, DP_ERR_IO);
    assert_non_null(strstr(error.message, stamp_path()));
    assert_false(dp_check_stamp_valid(&dataset));
    dp_dataset_close(&dataset);
    expect_unsigned((uint64_t)scratch_count(), 1);
}

static void test_check_stamp_waits_until_the_dataset_has_settled(void **state) {
    (void)state;
    dp_error error = {0};
    dp_dataset dataset;
    unlink(stamp_path());
    sample_dataset_write(data_path(), 0);
    expect_ok(dp_dataset_open(&dataset, data_path(), &error), &error);
    expect_failure(dp_check_stamp_write(&dataset, &error), DP_ERR_IO, "just before", &error);
    dp_dataset_close(&dataset);
    assert_false(is_valid());
}

static void test_check_stamp_is_not_written_when_the_dataset_changed_meanwhile(void **state) {
    (void)state;
    dp_error error = {0};
    dp_dataset dataset;
    unlink(stamp_path());
    sample_dataset_write(data_path(), 0);
    open_dataset(&dataset);
    let_time_pass();
    struct stat before = status_of(data_path());
    set_times(data_path(), &before); /* to what they are: only the time of change moves on */
    expect_failure(dp_check_stamp_write(&dataset, &error), DP_ERR_IO, "while it was checked",
                   &error);
    assert_int_equal(unlink(data_path()), 0);
    expect_failure(dp_check_stamp_write(&dataset, &error), DP_ERR_IO, "while it was checked",
                   &error);
    dataset.state = (dp_file_state){0}; /* changed while it was opened */
    expect_failure(dp_check_stamp_write(&dataset, &error), DP_ERR_IO, "while it was checked",
                   &error);
    assert_false(dp_check_stamp_valid(&dataset));
    dp_dataset_close(&dataset);
    expect_unsigned((uint64_t)scratch_count(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_stamp_is_believed_until_removed),
        cmocka_unit_test(test_check_stamp_ends_when_the_dataset_is_touched),
        cmocka_unit_test(test_check_stamp_ends_when_the_dataset_is_written_to),
        cmocka_unit_test(test_check_stamp_ends_when_the_dataset_is_replaced),
        cmocka_unit_test(test_check_stamp_ends_when_the_dataset_is_cut),
        cmocka_unit_test(test_check_stamp_does_not_go_with_a_copy),
        cmocka_unit_test(test_check_stamp_covers_every_fact),
        cmocka_unit_test(test_check_stamp_damaged_anywhere_is_not_believed),
        cmocka_unit_test(test_check_stamp_behind_a_link_is_not_believed),
        cmocka_unit_test(test_check_stamp_that_others_may_write_is_not_believed),
        cmocka_unit_test(test_check_stamp_of_somebody_else_is_not_believed),
        cmocka_unit_test(test_check_stamp_is_no_folder_and_no_pipe),
        cmocka_unit_test(test_check_stamp_needs_a_folder_to_write_in),
        cmocka_unit_test(test_check_stamp_waits_until_the_dataset_has_settled),
        cmocka_unit_test(test_check_stamp_is_not_written_when_the_dataset_changed_meanwhile),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_remove);
}
