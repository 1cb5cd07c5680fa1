#include "base/process.h"

#include "support/expect.h"
#include "support/scratch.h"

static void test_process_finds_programs_in_path(void **state) {
    (void)state;
    dp_error error = {0};
    char path[DP_PATH_SIZE], folders[DP_PATH_SIZE];
    const char *program = scratch_path("dptrain-test-program");
    snprintf(folders, sizeof folders, "/no-such-folder:%s", scratch_folder);
    assert_int_equal(setenv("PATH", folders, 1), 0);
    expect_ok(dp_file_write(program, "", 0, &error), &error);
    assert_int_equal(chmod(program, 0644), 0);
    assert_false(dp_process_find_program("dptrain-test-program", path)); /* cannot be run */
    assert_int_equal(chmod(program, 0755), 0);
    assert_true(dp_process_find_program("dptrain-test-program", path));
    assert_string_equal(path, program);
    assert_false(dp_process_find_program("dptrain-test-progra", path));
    assert_int_equal(setenv("PATH", ".", 1), 0);
    assert_false(dp_process_find_program(scratch_folder, path)); /* a folder is no program */
    assert_int_equal(unsetenv("PATH"), 0);
    assert_false(dp_process_find_program("dptrain-test-program", path));
}

static void test_process_tells_its_age_and_memory(void **state) {
    (void)state;
    assert_true(dp_process_age() >= 0.0);
    assert_true(dp_process_resident_bytes() >= dp_process_proportional_bytes());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process_finds_programs_in_path),
        cmocka_unit_test(test_process_tells_its_age_and_memory),
    };
    return cmocka_run_group_tests_name("process", tests, scratch_create, scratch_remove);
}
