#include "support/expect.h"
#include "support/scratch.h"
#include "system/file.h"

static void expect_content(const char *path, const char *wanted) {
    dp_error error = {0};
    dp_file_map map = {0};
    expect_ok(dp_file_map_open(&map, path, &error), &error);
    expect_unsigned(map.size, strlen(wanted));
    if (map.size > 0)
        assert_memory_equal(map.data, wanted, map.size);
    dp_file_map_close(&map);
    assert_null(map.data);
}

static void append_to(const char *path, const char *content) {
    FILE *stream = fopen(path, "ab");
    assert_non_null(stream);
    assert_true(fputs(content, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
}

static void test_file_commit_replaces_the_old_file(void **state) {
    (void)state;
    dp_error error = {0};
    dp_file_replacement file;
    const char *path = scratch_path("commit");
    expect_ok(dp_file_write(path, "old", 3, &error), &error);
    expect_ok(dp_file_replace_begin(&file, path, &error), &error);
    append_to(file.temporary, "new content");
    expect_content(path, "old");
    expect_ok(dp_file_replace_commit(&file, &error), &error);
    expect_content(path, "new content");
    assert_string_equal(file.temporary, "");
    dp_file_replace_abort(&file);
    expect_content(path, "new content");
    expect_ok(dp_file_remove(path, &error), &error);
    expect_unsigned((unsigned)scratch_count(), 0);
}

static void test_file_abort_keeps_the_old_file(void **state) {
    (void)state;
    dp_error error = {0};
    dp_file_replacement file;
    const char *path = scratch_path("abort");
    expect_ok(dp_file_write(path, "old", 3, &error), &error);
    expect_ok(dp_file_replace_begin(&file, path, &error), &error);
    append_to(file.temporary, "half");
    assert_true(dp_file_exists(file.temporary));
    dp_file_replace_abort(&file);
    dp_file_replace_abort(&file);
    expect_content(path, "old");
    expect_unsigned((unsigned)scratch_count(), 1);
    expect_ok(dp_file_remove(path, &error), &error);
}

static void test_file_abort_of_nothing_does_nothing(void **state) {
    (void)state;
    dp_file_replacement file = {.path = ""};
    dp_file_replace_abort(&file);
}

static void test_file_failed_commit_keeps_the_old_file(void **state) {
    (void)state;
    dp_error error = {0};
    dp_file_replacement file;
    const char *path = scratch_path("failed");
    expect_ok(dp_file_write(path, "old", 3, &error), &error);
    expect_ok(dp_file_replace_begin(&file, path, &error), &error);
    expect_ok(dp_file_remove(file.temporary, &error), &error); /* someone tidied up */
    expect_failure(dp_file_replace_commit(&file, &error), DP_ERR_IO, "No such file", &error);
    expect_content(path, "old");
    expect_ok(dp_file_remove(path, &error), &error);
}

static void test_file_does_not_replace_a_folder(void **state) {
    (void)state;
    dp_error error = {0};
    const char *path = scratch_path("folder");
    expect_ok(dp_file_make_directories(path, &error), &error);
    expect_failure(dp_file_write(path, "x", 1, &error), DP_ERR_IO, path, &error);
    assert_int_equal(rmdir(path), 0);
    expect_unsigned((unsigned)scratch_count(), 0);
}

static void test_file_unwritable_folder_shows_at_once(void **state) {
    (void)state;
    dp_error error = {0};
    dp_file_replacement file;
    const char *path = scratch_path("missing/file");
    expect_failure(dp_file_replace_begin(&file, path, &error), DP_ERR_IO, path, &error);
    assert_string_equal(file.temporary, "");
    const char *plain = scratch_path("plain");
    expect_ok(dp_file_write(plain, "x", 1, &error), &error);
    expect_failure(dp_file_write(scratch_path("plain/file"), "x", 1, &error), DP_ERR_IO,
                   "Not a directory", &error);
    expect_ok(dp_file_remove(plain, &error), &error);
}

static void test_file_forbidden_folder_says_so(void **state) {
    (void)state;
    if (geteuid() == 0)
        skip(); /* root may write anywhere */
    dp_error error = {0};
    const char *folder = scratch_path("forbidden");
    assert_int_equal(mkdir(folder, 0500), 0);
    expect_failure(dp_file_write(scratch_path("forbidden/file"), "x", 1, &error), DP_ERR_IO,
                   "Permission denied", &error);
    expect_failure(dp_file_make_directories(scratch_path("forbidden/a/b"), &error), DP_ERR_IO,
                   "Permission denied", &error);
    assert_int_equal(rmdir(folder), 0);
}

/* A path of the greatest length has no room for the temporary name: refused, and not removed. */
static void test_file_longest_path_is_left_alone(void **state) {
    (void)state;
    dp_error error = {0};
    char path[DP_PATH_SIZE];
    size_t used = (size_t)snprintf(path, sizeof path, "%s", scratch_path("longest"));
    expect_ok(dp_file_write(path, "precious", 8, &error), &error);
    char longest[DP_PATH_SIZE]; /* scratch/.//////longest */
    size_t folder = strlen(scratch_folder);
    memset(longest, '/', sizeof longest);
    memcpy(longest, path, folder);
    memcpy(longest + sizeof longest - 1 - (used - folder), path + folder, used - folder);
    longest[sizeof longest - 1] = '\0';
    expect_content(longest, "precious");
    expect_failure(dp_file_write(longest, "x", 1, &error), DP_ERR_INPUT, "too long", &error);
    expect_content(path, "precious");
    expect_ok(dp_file_remove(path, &error), &error);
}

static void test_file_writes_bytes_as_they_are(void **state) {
    (void)state;
    dp_error error = {0};
    const char *path = scratch_path("bytes");
    const char bytes[] = {0, '\r', '\n', (char)0xFF, 0};
    expect_ok(dp_file_write(path, bytes, sizeof bytes, &error), &error);
    dp_file_map map = {0};
    expect_ok(dp_file_map_open(&map, path, &error), &error);
    expect_unsigned(map.size, sizeof bytes);
    assert_memory_equal(map.data, bytes, sizeof bytes);
    dp_file_map_close(&map);
    expect_ok(dp_file_write(path, "", 0, &error), &error);
    expect_content(path, "");
    expect_ok(dp_file_remove(path, &error), &error);
}

static void test_file_maps_regular_files_only(void **state) {
    (void)state;
    dp_error error = {0};
    dp_file_map map = {0};
    const char *pipe_path = scratch_path("pipe");
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    expect_failure(dp_file_map_open(&map, pipe_path, &error), DP_ERR_INPUT, pipe_path, &error);
    assert_int_equal(unlink(pipe_path), 0);
    expect_failure(dp_file_map_open(&map, scratch_folder, &error), DP_ERR_INPUT,
                   "not a regular file", &error);
    expect_failure(dp_file_map_open(&map, scratch_path("missing"), &error), DP_ERR_IO,
                   "No such file", &error);
    assert_null(map.data);
    expect_unsigned(map.size, 0);
    dp_file_map_close(&map);
}

static void test_file_makes_folders_and_their_parents(void **state) {
    (void)state;
    dp_error error = {0};
    expect_ok(dp_file_make_directories(scratch_path("a//b/c/"), &error), &error);
    expect_ok(dp_file_make_directories(scratch_path("a/b/c"), &error), &error);
    expect_ok(dp_file_write(scratch_path("a/b/c/d"), "x", 1, &error), &error);
    assert_true(dp_file_exists(scratch_path("a/b/c/d")));
    expect_failure(dp_file_make_directories(scratch_path("a/b/c/d/e"), &error), DP_ERR_IO,
                   scratch_path("a/b/c/d"), &error);
    expect_failure(dp_file_make_directories("", &error), DP_ERR_IO, "folder", &error);
    scratch_remove_tree(scratch_path("a"));
}

static void test_file_removes_what_may_be_missing(void **state) {
    (void)state;
    dp_error error = {0};
    expect_ok(dp_file_remove(scratch_path("missing"), &error), &error);
    expect_failure(dp_file_remove(scratch_folder, &error), DP_ERR_IO, scratch_folder, &error);
}

static void test_file_formats_paths_that_fit(void **state) {
    (void)state;
    dp_error error = {0};
    char path[DP_PATH_SIZE];
    expect_ok(dp_path_format(path, &error, "%s/%d", "runs", 7), &error);
    assert_string_equal(path, "runs/7");
    expect_ok(dp_path_format(path, &error, "%4095d", 1), &error);
    expect_failure(dp_path_format(path, &error, "%4096d", 1), DP_ERR_INPUT, "4096", &error);
}

static void test_file_takes_paths_apart(void **state) {
    (void)state;
    static const struct {
        const char *path, *base, *stem;
    } cases[] = {{"a.txt", "a.txt", "a"},
                 {"x/y/names.txt", "names.txt", "names"},
                 {"x.d/plain", "plain", "plain"},
                 {"a.tar.gz", "a.tar.gz", "a.tar"},
                 {".hidden", ".hidden", ".hidden"},
                 {"x/", "", ""},
                 {"", "", ""}};
    dp_error error = {0};
    char stem[DP_PATH_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(dp_path_base(cases[i].path), cases[i].base);
        expect_ok(dp_path_stem(cases[i].path, stem, &error), &error);
        assert_string_equal(stem, cases[i].stem);
    }
}

/* What stands under the name that an earlier version took, foreseeable by anybody, is left alone.
 */
static void test_file_temporary_names_cannot_be_foreseen(void **state) {
    (void)state;
    dp_error error = {0};
    dp_file_replacement a, b;
    char planted[DP_PATH_SIZE];
    const char *path = scratch_path("secret"), *victim = scratch_path("victim");
    expect_ok(dp_file_write(victim, "precious", 8, &error), &error);
    expect_ok(dp_path_format(planted, &error, "%s.%ld.tmp", path, (long)getpid()), &error);
    assert_int_equal(symlink(victim, planted), 0);
    expect_ok(dp_file_replace_begin(&a, path, &error), &error);
    expect_ok(dp_file_replace_begin(&b, path, &error), &error);
    assert_string_not_equal(a.temporary, b.temporary);
    assert_string_not_equal(a.temporary, planted);
    dp_file_replace_abort(&a);
    expect_ok(dp_file_replace_append(&b, "new", 3, &error), &error);
    expect_ok(dp_file_replace_commit(&b, &error), &error);
    expect_content(path, "new");
    expect_content(victim, "precious");
    expect_ok(dp_file_remove(planted, &error), &error);
    expect_ok(dp_file_remove(path, &error), &error);
    expect_ok(dp_file_remove(victim, &error), &error);
}

static void test_file_of_our_own_is_no_link_and_no_pipe(void **state) {
    (void)state;
    dp_error error = {0};
    int descriptor = -1;
    const char *victim = scratch_path("victim"), *link = scratch_path("link");
    const char *dangling = scratch_path("dangling"), *pipe = scratch_path("pipe");
    expect_ok(dp_file_write(victim, "precious", 8, &error), &error);
    assert_int_equal(symlink(victim, link), 0);
    assert_int_equal(symlink("nowhere", dangling), 0);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    const char *const wrong[] = {link, dangling, pipe};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        expect_failure(dp_file_open_own(wrong[i], &descriptor, &error), DP_ERR_IO,
                       "it is a link or no regular file", &error);
        assert_int_equal(descriptor, -1);
        expect_ok(dp_file_remove(wrong[i], &error), &error);
    }
    expect_ok(dp_file_open_own(victim, &descriptor, &error), &error);
    dp_file_close(&descriptor);
    expect_content(victim, "precious");
    expect_ok(dp_file_remove(victim, &error), &error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_commit_replaces_the_old_file),
        cmocka_unit_test(test_file_abort_keeps_the_old_file),
        cmocka_unit_test(test_file_abort_of_nothing_does_nothing),
        cmocka_unit_test(test_file_failed_commit_keeps_the_old_file),
        cmocka_unit_test(test_file_does_not_replace_a_folder),
        cmocka_unit_test(test_file_unwritable_folder_shows_at_once),
        cmocka_unit_test(test_file_forbidden_folder_says_so),
        cmocka_unit_test(test_file_longest_path_is_left_alone),
        cmocka_unit_test(test_file_writes_bytes_as_they_are),
        cmocka_unit_test(test_file_maps_regular_files_only),
        cmocka_unit_test(test_file_makes_folders_and_their_parents),
        cmocka_unit_test(test_file_removes_what_may_be_missing),
        cmocka_unit_test(test_file_formats_paths_that_fit),
        cmocka_unit_test(test_file_takes_paths_apart),
        cmocka_unit_test(test_file_temporary_names_cannot_be_foreseen),
        cmocka_unit_test(test_file_of_our_own_is_no_link_and_no_pipe),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_remove);
}
