#include "system/cpu.h"

#include "support/expect.h"
#include "support/scratch.h"
#include "system/file.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

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

/* --- work side by side -------------------------------------------------------------------------
 */

static int threads_left = -1; /* that may be made; below 0: all */
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*begin)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*begin)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*begin)(void *), void *argument) {
    if (threads_left == 0)
        return EAGAIN;
    threads_left--;
    return __real_pthread_create(thread, attributes, begin, argument);
}

#define ITEMS 1000

typedef struct work_log {
    atomic_int times[ITEMS];
    atomic_int busy[DP_CPU_THREADS_MAX]; /* workers */
    size_t workers;
    size_t fails_at, fails_also; /* items */
} work_log;

static dp_status note_item(void *context, size_t item, size_t worker, dp_error *error) {
    work_log *log = context;
    if (worker >= log->workers || atomic_fetch_add(&log->busy[worker], 1) != 0)
        return dp_fail(error, DP_ERR_INTERNAL, "worker %zu has two items", worker);
    atomic_fetch_add(&log->times[item], 1);
    atomic_fetch_sub(&log->busy[worker], 1);
    if (item == log->fails_at || item == log->fails_also)
        return dp_fail(error, DP_ERR_IO, "item %zu", item);
    return DP_OK;
}

static void expect_each_once(size_t threads, int allowed) {
    static work_log log;
    dp_error error = {0};
    log = (work_log){.workers = threads, .fails_at = ITEMS, .fails_also = ITEMS};
    threads_left = allowed;
    expect_ok(dp_cpu_run(threads, ITEMS, note_item, &log, &error), &error);
    threads_left = -1;
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(atomic_load(&log.times[i]), 1);
}

static void test_cpu_run_does_each_item_once(void **state) {
    (void)state;
    for (size_t threads = 1; threads <= DP_CPU_THREADS_MAX; threads = 2 * threads + 1)
        expect_each_once(threads, -1);
    expect_ok(dp_cpu_run(3, 0, note_item, NULL, &(dp_error){0}), &(dp_error){0});
}

static void test_cpu_run_does_with_fewer_threads(void **state) {
    (void)state;
    for (int allowed = 0; allowed < 4; allowed++)
        expect_each_once(5, allowed);
}

static void test_cpu_run_fails_as_a_loop_would(void **state) {
    (void)state;
    static work_log log;
    dp_error error = {0};
    for (size_t i = 0; i < 50; i++) {
        log = (work_log){.workers = 4, .fails_at = 100 + i, .fails_also = 101};
        char message[32];
        snprintf(message, sizeof message, "item %zu", i == 0 ? (size_t)100 : (size_t)101);
        expect_failure(dp_cpu_run(4, ITEMS, note_item, &log, &error), DP_ERR_IO, message, &error);
        for (size_t item = 0; item < 100; item++)
            assert_int_equal(atomic_load(&log.times[item]), 1);
        assert_int_equal(atomic_load(&log.times[ITEMS - 1]), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu_quota_of_one_hierarchy),
        cmocka_unit_test(test_cpu_quota_of_a_hierarchy_a_controller),
        cmocka_unit_test(test_cpu_quota_of_what_is_no_list_of_groups),
        cmocka_unit_test(test_cpu_run_does_each_item_once),
        cmocka_unit_test(test_cpu_run_does_with_fewer_threads),
        cmocka_unit_test(test_cpu_run_fails_as_a_loop_would),
    };
    return cmocka_run_group_tests_name("cpu", tests, scratch_create, scratch_remove);
}
