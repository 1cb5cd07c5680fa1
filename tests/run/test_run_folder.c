#include "run/run_folder.h"

#include "base/digest.h"
#include "base/memory.h"
#include "engine/config.h"
#include "support/expect.h"
#include "support/scratch.h"

#include <fcntl.h>

/* An empty folder of a run, of a name of its own for each test. */
static const char *new_run(const char *name) {
    dp_error error = {0};
    const char *dir = scratch_path(name);
    expect_ok(dp_run_folder_create(dir, &error), &error);
    return dir;
}

static void touch(const char *dir, const char *name) {
    dp_error error = {0};
    char path[DP_PATH_SIZE];
    expect_ok(dp_path_format(path, &error, "%s/%s", dir, name), &error);
    expect_ok(dp_file_write(path, name, strlen(name), &error), &error);
}

static void touch_steps(const char *dir, const uint64_t *steps, size_t count) {
    dp_error error = {0};
    char path[DP_PATH_SIZE];
    for (size_t i = 0; i < count; i++) {
        expect_ok(dp_checkpoint_files_path(dir, steps[i], path, &error), &error);
        expect_ok(dp_file_write(path, "x", 1, &error), &error);
    }
}

/* The seal of a checkpoint is that of all bytes before it, also where there are none. */
static void seal_steps(const char *dir, const uint64_t *steps, size_t count) {
    dp_error error = {0};
    char path[DP_PATH_SIZE], seal[64], hash[DP_HASH_TEXT_SIZE];
    snprintf(seal, sizeof seal, "dptrain-seal %s\n", dp_hash_format(dp_xxh3_of("", 0), hash));
    for (size_t i = 0; i < count; i++) {
        expect_ok(dp_checkpoint_files_path(dir, steps[i], path, &error), &error);
        expect_ok(dp_file_write(path, seal, strlen(seal), &error), &error);
    }
}

static bool has(const char *dir, const char *name) {
    dp_error error = {0};
    char path[DP_PATH_SIZE];
    expect_ok(dp_path_format(path, &error, "%s/%s", dir, name), &error);
    return dp_file_exists(path);
}

static void expect_steps(const char *dir, const uint64_t *expected, size_t expected_count) {
    dp_error error = {0};
    uint64_t *steps = NULL;
    size_t count = 0;
    expect_ok(dp_checkpoint_files_list(dir, &steps, &count, &error), &error);
    expect_unsigned(count, expected_count);
    for (size_t i = 0; i < expected_count; i++)
        expect_unsigned(steps[i], expected[i]);
    dp_memory_free(steps);
}

static void expect_found(const char *user_path, const char *expected) {
    dp_error error = {0};
    char path[DP_PATH_SIZE];
    expect_ok(dp_run_folder_find(user_path, path, &error), &error);
    assert_string_equal(path, expected);
}

static void test_run_folder_names_checkpoints_so_that_they_sort(void **state) {
    (void)state;
    dp_error error = {0};
    char path[DP_PATH_SIZE];
    expect_ok(dp_checkpoint_files_path("runs/a", 10000, path, &error), &error);
    assert_string_equal(path, "runs/a/checkpoints/step-00010000.h5");
    expect_ok(dp_checkpoint_files_path("runs/a", UINT64_MAX, path, &error), &error);
    assert_string_equal(path, "runs/a/checkpoints/step-18446744073709551615.h5");
}

static void test_run_folder_lists_the_newest_first(void **state) {
    (void)state;
    static const uint64_t steps[] = {500, 99999999, 10000, 1000000000000000, 123456789, 0};
    static const uint64_t sorted[] = {1000000000000000, 123456789, 99999999, 10000, 500, 0};
    const char *dir = new_run("list");
    touch_steps(dir, steps, 6);
    expect_steps(dir, sorted, 6);
}

static void test_run_folder_leaves_foreign_names_out(void **state) {
    (void)state;
    static const char *const foreign[] = {
        "checkpoints/step-5.h5",         "checkpoints/step-000000005.h5",
        "checkpoints/step-.h5",          "checkpoints/step-0000000a.h5",
        "checkpoints/step-+0000005.h5",  "checkpoints/step--0000005.h5",
        "checkpoints/Step-00000005.h5",  "checkpoints/step-00000005.h5.123.tmp",
        "checkpoints/step-00000005.hdf", "checkpoints/my-step-00000005.h5",
        "checkpoints/step-00000005h5",   "checkpoints/step-18446744073709551616.h5",
        "checkpoints/notes.txt",
    };
    static const uint64_t one[] = {7};
    const char *dir = new_run("foreign");
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        touch(dir, foreign[i]);
    expect_steps(dir, NULL, 0);
    touch_steps(dir, one, 1);
    expect_steps(dir, one, 1);
}

static void test_run_folder_that_does_not_exist_has_no_checkpoints(void **state) {
    (void)state;
    dp_error error = {0};
    uint64_t *steps = NULL;
    size_t count = 0;
    expect_steps(scratch_path("nowhere"), NULL, 0);
    touch(scratch_folder, "file");
    expect_failure(dp_checkpoint_files_list(scratch_path("file"), &steps, &count, &error),
                   DP_ERR_IO, "file/checkpoints", &error);
}

static void test_run_folder_prunes_the_oldest(void **state) {
    (void)state;
    static const uint64_t steps[] = {500, 400, 300, 200, 100};
    dp_error error = {0};
    const char *dir = new_run("prune");
    seal_steps(dir, steps, 5);
    touch(dir, "checkpoints/step-1.h5");
    touch(dir, "best.h5");
    expect_ok(dp_run_folder_prune(dir, 500, 9, &error), &error);
    expect_steps(dir, steps, 5);
    expect_ok(dp_run_folder_prune(dir, 500, UINT64_MAX, &error), &error);
    expect_steps(dir, steps, 5);
    expect_ok(dp_run_folder_prune(dir, 500, 3, &error), &error);
    expect_steps(dir, steps, 3);
    assert_true(has(dir, "checkpoints/step-1.h5"));
    assert_true(has(dir, "best.h5"));
}

static void test_run_folder_pruning_does_not_count_checkpoints_beyond_the_run(void **state) {
    (void)state;
    static const uint64_t steps[] = {500, 400, 300, 200}, kept[] = {500, 400, 300};
    dp_error error = {0};
    const char *dir = new_run("beyond");
    seal_steps(dir, steps, 4);
    expect_ok(dp_run_folder_prune(dir, 300, 1, &error), &error);
    expect_steps(dir, kept, 3);
}

static void test_run_folder_pruning_keeps_as_many_good_ones_as_asked(void **state) {
    (void)state;
    static const uint64_t good[] = {700, 400, 300, 200, 100}, damaged[] = {600, 500, 350};
    static const uint64_t kept[] = {700, 600, 500, 400, 350, 300};
    static const uint64_t last[] = {700};
    dp_error error = {0};
    const char *dir = new_run("good");
    seal_steps(dir, good, 5);
    touch_steps(dir, damaged, 3);
    expect_ok(dp_run_folder_prune(dir, 700, 3, &error), &error);
    expect_steps(dir, kept, 6);
    expect_ok(dp_run_folder_prune(dir, 700, 1, &error), &error);
    expect_steps(dir, last, 1);
}

static void write_file(const char *dir, const char *name, const char *content) {
    dp_error error = {0};
    char path[DP_PATH_SIZE];
    expect_ok(dp_path_format(path, &error, "%s/%s", dir, name), &error);
    expect_ok(dp_file_write(path, content, strlen(content), &error), &error);
}

static void write_config(const char *dir) {
    static char *const assignments[] = {"run.dir=a b"};
    DP_OWNED(dp_text_clear) dp_text text = {0};
    dp_error error = {0};
    dp_config config;
    expect_ok(dp_config_load(&config, NULL, 1, assignments, &error), &error);
    dp_config_write(&config, &text);
    expect_ok(dp_run_folder_write(dir, "config.ini", &text, &error), &error);
}

/* What a run leaves besides its checkpoints and config.ini, and --fresh removes. */
static const struct {
    const char *name, *content;
} ours[] = {
    {"metrics.csv", "step,loss,batch_loss,lr\n"},
    {"losses.f32", "dptrain-losses1\n"},
    {"log.txt", "  data       x.h5\n"},
    {"summary.json", "{\"step\":3,\"weights\":\"xxh3:\"}"},
    {"best.h5", "dptrain-seal xxh3:0123456789abcdef\n"},
    {"report.html", "<!DOCTYPE html><title>x – dptrain</title>"},
    {"plots/loss.gp", "# Draws loss.png: gnuplot loss.gp"},
    {"plots/embedding_pca.gp", NULL}, /* one of those that are not always there */
    {"plots/loss.svg", "<svg>"},      /* known by its script */
};
#define OURS (sizeof ours / sizeof ours[0])

static const char *new_full_run(const char *name) {
    static const uint64_t steps[] = {200, 100};
    dp_error error = {0};
    char path[DP_PATH_SIZE];
    const char *dir = new_run(name);
    snprintf(path, sizeof path, "%s/plots", dir);
    expect_ok(dp_file_make_directories(path, &error), &error);
    seal_steps(dir, steps, 2);
    write_config(dir);
    for (size_t i = 0; i < OURS; i++) {
        if (ours[i].content != NULL)
            write_file(dir, ours[i].name, ours[i].content);
    }
    return dir;
}

static void test_run_folder_clears_what_a_run_leaves_and_nothing_else(void **state) {
    (void)state;
    static const char *const foreign[] = {"notes.txt", "metrics.csv.old", "plots.png",
                                          "checkpoints/notes.txt", "checkpoints/step-1.h5"};
    dp_error error = {0};
    const char *dir = new_full_run("clear");
    for (size_t i = 0; i < 5; i++)
        touch(dir, foreign[i]);
    expect_ok(dp_run_folder_check(dir, true, &error), &error);
    expect_ok(dp_run_folder_clear(dir, &error), &error);
    expect_steps(dir, NULL, 0);
    for (size_t i = 0; i < OURS; i++) {
        if (has(dir, ours[i].name))
            fail_msg("%s is still there", ours[i].name);
    }
    assert_false(has(dir, "config.ini"));
    for (size_t i = 0; i < 5; i++) {
        if (!has(dir, foreign[i]))
            fail_msg("%s is gone", foreign[i]);
    }
    expect_ok(dp_run_folder_clear(dir, &error), &error); /* nothing to clear is no error */
    expect_ok(dp_run_folder_check(dir, false, &error), &error);
    expect_ok(dp_run_folder_check(scratch_path("nowhere"), false, &error), &error);
}

/* Each file of a run in turn is somebody else's. */
static void test_run_folder_names_what_is_not_a_runs(void **state) {
    (void)state;
    dp_error error = {0};
    char part[DP_PATH_SIZE];
    for (size_t i = 0; i + 1 < OURS; i++) {
        const char *dir = new_full_run("foreign");
        const bool is_trained =
            strchr(ours[i].name, '/') == NULL && strcmp(ours[i].name, "report.html") != 0;
        snprintf(part, sizeof part, "foreign/%.*s", (int)strcspn(ours[i].name, "."), ours[i].name);
        write_file(dir, ours[i].name, "mine");
        expect_failure(dp_run_folder_check(dir, true, &error), DP_ERR_INPUT, part, &error);
        expect_ok(dp_run_folder_prune(dir, UINT64_MAX, 0, &error), &error);
        write_file(dir, "summary.json", strcmp(ours[i].name, "summary.json") == 0 ? "mine" : "");
        if (is_trained)
            expect_failure(dp_run_folder_check(dir, false, &error), DP_ERR_INPUT, part, &error);
        else
            expect_ok(dp_run_folder_check(dir, false, &error), &error);
        static const uint64_t one[] = {7};
        seal_steps(dir, one, 1); /* where a run has a checkpoint it goes on */
        expect_ok(dp_run_folder_check(dir, false, &error), &error);
        scratch_remove_tree(dir);
    }
}

static void expect_config(const char *dir, const char *content, bool is_ours) {
    dp_error error = {0};
    write_file(dir, "config.ini", content);
    if (is_ours)
        expect_ok(dp_run_folder_check(dir, false, &error), &error);
    else
        expect_failure(dp_run_folder_check(dir, false, &error), DP_ERR_INPUT,
                       "config.ini is not a run's, and a run there would replace it: give it",
                       &error);
}

/* Those of earlier versions have fewer keys; a user's has other lines or few of them. */
static void test_run_folder_knows_the_config_that_a_run_has_written(void **state) {
    (void)state;
    DP_OWNED(dp_text_clear) dp_text content = {0};
    dp_error error = {0};
    char path[DP_PATH_SIZE];
    const char *dir = new_run("config");
    write_config(dir);
    snprintf(path, sizeof path, "%s/config.ini", dir);
    expect_ok(dp_file_read(path, &content, &error), &error);
    char *text = content.data;
    expect_config(dir, text, true);
    char *dropout = strstr(text, "dropout_embedding"), *next = strchr(dropout, '\n') + 1;
    memmove(dropout, next, strlen(next) + 1);
    expect_config(dir, text, true);
    expect_config(dir, "[data]\npath = d.h5\n\n[train]\nsteps = 40\n", false);
    expect_config(dir, "", true);
    dp_text_cut(&content, strlen(text));
    dp_text_append(&content, "; mine\n");
    expect_config(dir, content.data, false);
    dp_text_cut(&content, content.length - strlen("; mine\n"));
    memcpy(strstr(content.data, "steps = "), "steps=  ", 8);
    expect_config(dir, content.data, false);
}

/* One of another program under such a name stays; a damaged one of ours can be started over. */
static void test_run_folder_names_a_checkpoint_of_others(void **state) {
    (void)state;
    static const uint64_t step[] = {100};
    dp_error error = {0};
    const char *dir = new_run("others"), *name = "checkpoints/step-00000200.h5";
    seal_steps(dir, step, 1);
    write_file(dir, name, "mine");
    expect_failure(dp_run_folder_check(dir, true, &error), DP_ERR_INPUT,
                   "step-00000200.h5 is not a run's, and --fresh would remove it", &error);
    write_file(dir, name, "\x89HDF\r\n\x1A\n\x02 of another form");
    expect_failure(dp_run_folder_check(dir, true, &error), DP_ERR_INPUT, "step-00000200.h5",
                   &error);
    write_file(dir, name, "\x89HDF\r\n\x1A\n"); /* cut short */
    expect_ok(dp_run_folder_check(dir, true, &error), &error);
    write_file(dir, name, "\x01\x02");
    expect_ok(dp_run_folder_check(dir, true, &error), &error);
}

static void test_run_folder_of_a_finished_run_without_checkpoints(void **state) {
    (void)state;
    static const char *const summaries[] = {
        "{\"step\":3,\"weights\":\"xxh3:0123456789abcdef\",\"parameters\":4}", /* as before */
        "{\"step\":3,\"weights\":\"xxh3:0123456789abcdef\",\"parameters\":4,\"checkpoint\":3}",
        "{\"step\":3,\"weights\":\"xxh3:0123456789abcdef\",\"parameters\":4,\"checkpoint\":0}"};
    dp_error error = {0};
    const char *dir = new_run("finished");
    for (size_t i = 0; i < 3; i++) {
        write_file(dir, "summary.json", summaries[i]);
        expect_ok(dp_run_folder_check(dir, true, &error), &error);
        if (i == 2) /* none could be written */
            expect_ok(dp_run_folder_check(dir, false, &error), &error);
        else
            expect_failure(dp_run_folder_check(dir, false, &error), DP_ERR_INPUT,
                           "its checkpoints are gone: put the newest back into", &error);
    }
}

static void test_run_folder_removes_what_a_killed_program_left(void **state) {
    (void)state;
    static const char *const left[] = {
        "best.h5.1.tmp",      "metrics.csv.4194304.tmp", "config.ini.77.tmp",
        "summary.json.5.tmp", "run.lock.5123456789.tmp", "checkpoints/step-00000100.h5.77.tmp"};
    static const char *const foreign[] = {
        "notes.txt.1.tmp",   "best.h5.tmp", "best.h5.x.tmp", "checkpoints/step-1.h5.77.tmp",
        "best.h5.1.tmp.old", ".tmp",        "1.tmp"};
    static const uint64_t steps[] = {100};
    dp_error error = {0};
    const char *dir = new_run("left");
    touch_steps(dir, steps, 1);
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++)
        touch(dir, left[i]);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        touch(dir, foreign[i]);
    expect_ok(dp_run_folder_remove_leftovers(dir, &error), &error);
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        if (has(dir, left[i]))
            fail_msg("%s is still there", left[i]);
    }
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (!has(dir, foreign[i]))
            fail_msg("%s is gone", foreign[i]);
    }
    expect_steps(dir, steps, 1);
}

static void test_run_folder_finds_what_a_path_means(void **state) {
    (void)state;
    static const uint64_t steps[] = {100, 200};
    dp_error error = {0};
    char path[DP_PATH_SIZE], expected[DP_PATH_SIZE];
    const char *dir = new_run("find");
    expect_failure(dp_run_folder_find(dir, path, &error), DP_ERR_INPUT, "find holds no checkpoint",
                   &error);
    touch_steps(dir, steps, 2);
    snprintf(expected, sizeof expected, "%s/checkpoints/step-00000200.h5", dir);
    expect_found(dir, expected);
    touch(dir, "best.h5");
    snprintf(expected, sizeof expected, "%s/best.h5", dir);
    expect_found(dir, expected);
    expect_found("some/file.h5", "some/file.h5"); /* whether it is there, opening will tell */
}

/* When a file was last written, in seconds and nanoseconds of a clock made up here. */
static void set_time(const char *path, time_t seconds, long nanoseconds) {
    const struct timespec times[2] = {{.tv_sec = seconds, .tv_nsec = nanoseconds},
                                      {.tv_sec = seconds, .tv_nsec = nanoseconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void find_newest(void) {
    dp_error error;
    char path[DP_PATH_SIZE];
    expect_failure(dp_run_folder_find("", path, &error), DP_ERR_INPUT, "there is no folder runs/",
                   &error);
    expect_ok(dp_file_make_directories("runs/empty", &error), &error);
    expect_failure(dp_run_folder_find(NULL, path, &error), DP_ERR_INPUT, "no run in runs/", &error);
    static const char *const names[] = {"old", "new", "newer by a little", ".hidden"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "runs/%s", names[i]);
        expect_ok(dp_run_folder_create(path, &error), &error);
        touch(path, "best.h5");
    }
    set_time("runs/old/best.h5", 1000, 900);
    set_time("runs/new/best.h5", 2000, 100);
    set_time("runs/newer by a little/best.h5", 2000, 101);
    set_time("runs/.hidden/best.h5", 3000, 0);
    expect_found("", "runs/newer by a little/best.h5");
    expect_found(NULL, "runs/newer by a little/best.h5");
}

static void test_run_folder_finds_the_newest_run(void **state) {
    (void)state;
    assert_int_equal(chdir(scratch_folder), 0);
    find_newest();
    assert_int_equal(chdir(".."), 0);
}

static void test_run_folder_refuses_paths_that_are_too_long(void **state) {
    (void)state;
    dp_error error;
    char path[DP_PATH_SIZE], dir[DP_PATH_SIZE];
    memset(dir, 'a', sizeof dir - 1);
    dir[sizeof dir - 1] = '\0';
    uint64_t *steps = NULL;
    size_t count = 0;
    expect_failure(dp_checkpoint_files_path(dir, 1, path, &error), DP_ERR_INPUT, "too long",
                   &error);
    expect_failure(dp_run_folder_write(dir, "x", &(dp_text){0}, &error), DP_ERR_INPUT, "too long",
                   &error);
    expect_failure(dp_run_folder_create(dir, &error), DP_ERR_INPUT, "too long", &error);
    expect_failure(dp_checkpoint_files_list(dir, &steps, &count, &error), DP_ERR_INPUT, "too long",
                   &error);
    expect_failure(dp_run_folder_clear(dir, &error), DP_ERR_INPUT, "too long", &error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_folder_names_checkpoints_so_that_they_sort),
        cmocka_unit_test(test_run_folder_lists_the_newest_first),
        cmocka_unit_test(test_run_folder_leaves_foreign_names_out),
        cmocka_unit_test(test_run_folder_that_does_not_exist_has_no_checkpoints),
        cmocka_unit_test(test_run_folder_prunes_the_oldest),
        cmocka_unit_test(test_run_folder_pruning_does_not_count_checkpoints_beyond_the_run),
        cmocka_unit_test(test_run_folder_pruning_keeps_as_many_good_ones_as_asked),
        cmocka_unit_test(test_run_folder_clears_what_a_run_leaves_and_nothing_else),
        cmocka_unit_test(test_run_folder_names_what_is_not_a_runs),
        cmocka_unit_test(test_run_folder_knows_the_config_that_a_run_has_written),
        cmocka_unit_test(test_run_folder_names_a_checkpoint_of_others),
        cmocka_unit_test(test_run_folder_of_a_finished_run_without_checkpoints),
        cmocka_unit_test(test_run_folder_removes_what_a_killed_program_left),
        cmocka_unit_test(test_run_folder_finds_what_a_path_means),
        cmocka_unit_test(test_run_folder_finds_the_newest_run),
        cmocka_unit_test(test_run_folder_refuses_paths_that_are_too_long),
    };
    return cmocka_run_group_tests_name("run_folder", tests, scratch_create, scratch_remove);
}
