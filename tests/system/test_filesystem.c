#include "system/filesystem.h"

#include "support/expect.h"
#include "support/scratch.h"

static void expect_nearest(const char *path, const char *wanted) {
    dp_error error = {0};
    char folder[DP_PATH_SIZE];
    expect_ok(dp_filesystem_nearest(path, folder, &error), &error);
    assert_string_equal(folder, wanted);
}

static void test_filesystem_finds_the_nearest_folder(void **state) {
    (void)state;
    dp_error error;
    char folder[DP_PATH_SIZE];
    expect_nearest("/", "/");
    expect_nearest("/no-such-folder/below", "/");
    expect_nearest("no-such-folder", ".");
    expect_nearest("no-such-folder/below/it", ".");
    expect_nearest(scratch_folder, scratch_folder);
    expect_nearest(scratch_path("a/b//c"), scratch_folder);
    expect_ok(dp_file_write(scratch_path("file"), "x", 1, &error), &error);
    expect_failure(dp_filesystem_nearest(scratch_path("file/run"), folder, &error), DP_ERR_INPUT,
                   "file is not a folder", &error);
    unlink(scratch_path("file"));
}

static void test_filesystem_tries_and_leaves_nothing(void **state) {
    (void)state;
    dp_error error = {0};
    double seconds = -1.0;
    uint64_t bytes = 0;
    expect_ok(dp_filesystem_try_replace(scratch_folder, &seconds, &error), &error);
    assert_true(seconds > 0.0);
    expect_ok(dp_filesystem_try_lock(scratch_folder, &error), &error);
    expect_ok(dp_filesystem_free_bytes(scratch_folder, &bytes, &error), &error);
    assert_true(bytes > 0);
    DIR *folder = opendir(scratch_folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            fail_msg("%s is left", entry->d_name);
    }
    closedir(folder);
}

static void test_filesystem_says_what_does_not_work(void **state) {
    (void)state;
    dp_error error;
    double seconds = 0.0;
    uint64_t bytes = 0;
    const char *nowhere = scratch_path("nowhere");
    expect_failure(dp_filesystem_try_replace(nowhere, &seconds, &error), DP_ERR_IO, nowhere,
                   &error);
    expect_failure(dp_filesystem_try_lock(nowhere, &error), DP_ERR_IO, nowhere, &error);
    expect_failure(dp_filesystem_free_bytes(nowhere, &bytes, &error), DP_ERR_IO, nowhere, &error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filesystem_finds_the_nearest_folder),
        cmocka_unit_test(test_filesystem_tries_and_leaves_nothing),
        cmocka_unit_test(test_filesystem_says_what_does_not_work),
    };
    return cmocka_run_group_tests_name("filesystem", tests, scratch_create, scratch_remove);
}
