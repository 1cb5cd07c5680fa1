/* A journal holds whole lines, also where a disk is full for a while. */
#include "system/journal.h"

#include "support/failing_memory.h"
#include "support/scratch.h"

#include <signal.h>
#include <sys/resource.h>

static void expect_content(const char *path, const char *expected) {
    dp_error error = {0};
    dp_file_map map;
    expect_ok(dp_file_map_open(&map, path, &error), &error);
    if (map.size != strlen(expected) || (map.size > 0 && memcmp(map.data, expected, map.size) != 0))
        fail_msg("%s is \"%.*s\", not \"%s\"", path, (int)map.size, (const char *)map.data,
                 expected);
    dp_file_map_close(&map);
}

static dp_status add(dp_journal *journal, const char *lines, dp_error *error) {
    return dp_journal_add(journal, lines, strlen(lines), error);
}

/* The system refuses to let a file grow past this, as where a disk is full. */
static void limit_file_size(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_journal_goes_on_behind_what_is_there(void **state) {
    (void)state;
    dp_error error = {0};
    dp_journal journal;
    const char *path = scratch_path("on.txt");
    for (int start = 0; start < 2; start++) {
        expect_ok(dp_journal_open(&journal, path, &error), &error);
        expect_ok(add(&journal, "one\n", &error), &error);
        expect_ok(add(&journal, "two\nthree\n", &error), &error);
        expect_ok(dp_journal_sync(&journal, &error), &error);
        dp_journal_close(&journal);
        dp_journal_close(&journal); /* once more does nothing */
    }
    expect_content(path, "one\ntwo\nthree\none\ntwo\nthree\n");
}

static void test_journal_keeps_lines_until_there_is_room(void **state) {
    (void)state;
    dp_error error = {0};
    dp_journal journal;
    const char *path = scratch_path("full.txt");
    signal(SIGXFSZ, SIG_IGN); /* so that the write fails instead */
    expect_ok(dp_journal_open(&journal, path, &error), &error);
    expect_ok(add(&journal, "first\n", &error), &error);
    limit_file_size(9); /* room for a part of the second line */
    dp_status second = add(&journal, "second\n", &error);
    dp_status third = add(&journal, "third\n", &error);
    dp_status synced = dp_journal_sync(&journal, &error);
    limit_file_size(RLIM_INFINITY);
    assert_int_equal(second, DP_ERR_IO);
    assert_int_equal(third, DP_ERR_IO);
    assert_int_equal(synced, DP_ERR_IO);
    assert_non_null(strstr(error.message, path));
    expect_content(path, "first\n");
    expect_ok(add(&journal, "fourth\n", &error), &error);
    expect_content(path, "first\nsecond\nthird\nfourth\n");
    dp_journal_close(&journal);
}

static void test_journal_asks_for_no_memory_while_there_is_room(void **state) {
    (void)state;
    dp_error error = {0};
    dp_journal journal;
    const char *path = scratch_path("memory.txt");
    expect_ok(dp_journal_open(&journal, path, &error), &error);
    allocations_left = 0;
    const dp_status added = add(&journal, "line\n", &error);
    allocations_left = -1;
    expect_ok(added, &error);
    expect_content(path, "line\n");
    dp_journal_close(&journal);
}

static void test_journal_that_cannot_be_opened(void **state) {
    (void)state;
    dp_error error = {0};
    dp_journal journal = {0};
    expect_failure(dp_journal_open(&journal, scratch_path("nowhere/a.txt"), &error), DP_ERR_IO,
                   "nowhere/a.txt", &error);
    assert_false(journal.is_open);
    expect_failure(dp_journal_open(&journal, scratch_folder, &error), DP_ERR_IO, scratch_folder,
                   &error);
    dp_journal_close(&journal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_journal_goes_on_behind_what_is_there),
        cmocka_unit_test(test_journal_keeps_lines_until_there_is_room),
        cmocka_unit_test(test_journal_asks_for_no_memory_while_there_is_room),
        cmocka_unit_test(test_journal_that_cannot_be_opened),
    };
    return cmocka_run_group_tests_name("journal", tests, scratch_create, scratch_remove);
}
