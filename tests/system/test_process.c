#include "system/process.h"

#include "support/expect.h"
#include "support/scratch.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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
    enum { BYTES = 32 << 20 };
    const size_t resident = dp_process_resident_bytes(), share = dp_process_proportional_bytes(0);
    assert_in_range(share, 1, resident);
    char *memory = test_malloc(BYTES);
    memset(memory, 1, BYTES);
    assert_in_range(dp_process_resident_bytes(), resident + BYTES / 2,
                    resident + 2 * (size_t)BYTES);
    assert_in_range(dp_process_proportional_bytes(0), share + BYTES / 2, share + 2 * (size_t)BYTES);
    /* What is shared with a process that was forked is divided between the two. */
    const size_t alone = dp_process_proportional_bytes(0);
    const pid_t forked = fork();
    if (forked == 0)
        for (;;)
            pause();
    const size_t here = dp_process_proportional_bytes(0);
    const size_t both = here + dp_process_proportional_bytes(forked);
    kill(forked, SIGKILL);
    waitpid(forked, NULL, 0);
    assert_in_range(here, 1, alone - BYTES / 4);
    assert_in_range(both, alone - BYTES / 8, alone + BYTES / 8);
    test_free(memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process_finds_programs_in_path),
        cmocka_unit_test(test_process_tells_its_age_and_memory),
    };
    return cmocka_run_group_tests_name("process", tests, scratch_create, scratch_remove);
}
