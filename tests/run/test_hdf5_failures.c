/* Every call of HDF5's library fails once, in turn, while a checkpoint or a dataset is written: an
 * error that names the file, the older one stands, nothing is left open, held or lying about. */
#include "base/memory.h"
#include "run/checkpoint.h"
#include "support/add_rows.h"
#include "support/expect.h"
#include "support/failing_hdf5.h"
#include "support/failing_memory.h"
#include "support/scratch.h"
#include "support/small_checkpoint.h"

static dp_checkpoint checkpoint;

static int set_up(void **state) {
    fill_small_checkpoint(&checkpoint);
    blocks_held = 0; /* what a test takes is counted from here */
    return scratch_create(state);
}

static int tear_down(void **state) {
    dp_checkpoint_clear(&checkpoint);
    return scratch_remove(state);
}

/* Fails the first, second, ... call of HDF5; returns how many there are. */
static int fail_each_hdf5_call(fallible write, const char *path) {
    dp_error error = {0};
    expect_ok(dp_file_write(path, "older", 5, &error), &error);
    for (int allowed = 0; allowed < 10000; allowed++) {
        dp_file_map map;
        hdf5_calls_left = allowed;
        error = (dp_error){0};
        dp_status status = write(&error);
        bool failed = hdf5_calls_left < 0;
        hdf5_calls_left = -1;
        if (blocks_held != 0 || scratch_count() != 1)
            fail_msg("after call %d failed %ld blocks are held and %d files there", allowed,
                     blocks_held, scratch_count());
        expect_unsigned((uint64_t)H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
        if (!failed) {
            expect_ok(status, &error);
            return allowed;
        }
        if (status != DP_ERR_IO || strstr(error.message, path) == NULL)
            fail_msg("call %d failed: status %d (%s)", allowed, (int)status, error.message);
        expect_ok(dp_file_map_open(&map, path, &error), &error);
        expect_unsigned(map.size, 5);
        dp_file_map_close(&map);
    }
    fail_msg("does not get through with 10000 calls");
    return 0;
}

static dp_status write_checkpoint(dp_error *error) {
    return dp_checkpoint_save(&checkpoint, scratch_path("written.h5"), error);
}

static dp_status write_dataset(dp_error *error) {
    static const uint32_t ids[4] = {1, 2, 1, 0};
    const uint64_t rows[DP_SPLIT_COUNT] = {4, 4, 4};
    const dp_dataset_info info = {.unit = DP_UNIT_CHAR, .block_size = 3};
    row_adder adder = {0};
    dp_status status = DP_OK;
    DP_OR_DONE(dp_dataset_writer_create(&adder.writer, scratch_path("written.h5"), &info,
                                        &checkpoint.facts.vocabulary, rows, error));
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        DP_OR_DONE(add_rows(&adder, (dp_split)split, ids, 4, error));
    DP_OR_DONE(commit_rows(&adder, error));
done:
    clear_rows(&adder);
    return status;
}

static void test_hdf5_failures_while_saving_a_checkpoint(void **state) {
    (void)state;
    assert_true(fail_each_hdf5_call(write_checkpoint, scratch_path("written.h5")) >= 100);
}

static void test_hdf5_failures_while_writing_a_dataset(void **state) {
    (void)state;
    assert_true(fail_each_hdf5_call(write_dataset, scratch_path("written.h5")) >= 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hdf5_failures_while_saving_a_checkpoint),
        cmocka_unit_test(test_hdf5_failures_while_writing_a_dataset),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
