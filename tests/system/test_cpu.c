#include "system/cpu.h"

#include "support/expect.h"
#include "support/scratch.h"
#include "system/file.h"

#include <limits.h>

static void write_text(const char *name, const char *text) {
    dp_error error = {0};
    char folder[DP_PATH_SIZE];
    const char *path = scratch_path(name);
    expect_ok(dp_path_folder(path, folder, &error), &error);
    expect_ok(dp_file_make_directories(folder, &error), &error);
    expect_ok(dp_file_write(path, text, strlen(text), &error), &error);
}

static void expect_quota(const char *groups, int processors) {
    write_text("groups", groups);
    assert_int_equal(dp_cpu_quota_of(scratch_path("groups"), scratch_folder), processors);
}

static void test_cpu_quota_of_one_hierarchy(void **state) {
    (void)state;
    write_text("job/cpu.max", "350000 100000\n");
    write_text("job/step/cpu.max", "max 100000\n");
    write_text("job/half/cpu.max", "50000 100000\n");
    expect_quota("0::/\n", INT_MAX);
    expect_quota("0::/job\n", 3);
    expect_quota("0::/job/step\n", 3);
    expect_quota("0::/job/half\n", 1);
    expect_quota("0::/job/half/task_0\n", 1);
    expect_quota("0::/elsewhere/known/to/the/host\n", INT_MAX);
}

static void test_cpu_quota_of_a_hierarchy_a_controller(void **state) {
    (void)state;
    write_text("cpu/a/cpu.cfs_quota_us", "200000\n");
    write_text("cpu/a/cpu.cfs_period_us", "50000\n");
    write_text("cpu/a/b/cpu.cfs_quota_us", "-1\n");
    write_text("cpu/a/b/cpu.cfs_period_us", "100000\n");
    expect_quota("3:memory:/a/b\n2:cpuset:/a/b\n", INT_MAX);
    expect_quota("4:cpu,cpuacct:/a/b\n3:memory:/\n", 4);
    expect_quota("1:cpu:/a\n0::/\n", 4);
}

static void test_cpu_quota_of_what_is_no_list_of_groups(void **state) {
    (void)state;
    expect_quota("", INT_MAX);
    expect_quota("::\n:\nx\n0::relative\n", INT_MAX);
    assert_int_equal(dp_cpu_quota_of(scratch_path("nowhere"), scratch_folder), INT_MAX);
    assert_true(dp_cpu_quota() >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu_quota_of_one_hierarchy),
        cmocka_unit_test(test_cpu_quota_of_a_hierarchy_a_controller),
        cmocka_unit_test(test_cpu_quota_of_what_is_no_list_of_groups),
    };
    return cmocka_run_group_tests_name("cpu", tests, scratch_create, scratch_remove);
}
