/* One holder at a time, and a lock of the dead holds nobody up. */
#include "run/run_lock.h"

#include "support/expect.h"
#include "support/scratch.h"
#include "system/process.h"

#include <signal.h>
#include <sys/wait.h>

#define RIVALS 12

static const char *new_folder(const char *name) {
    dp_error error = {0};
    const char *dir = scratch_path(name);
    expect_ok(dp_file_make_directories(dir, &error), &error);
    return dir;
}

static const char *lock_path(const char *dir) {
    static char path[DP_PATH_SIZE];
    snprintf(path, sizeof path, "%s/run.lock", dir);
    return path;
}

/* A lock as this program writes it, of this owner and with these lines about its job. */
static void write_lock_of_job(const char *dir, const dp_process_identity *owner, const char *job) {
    dp_error error = {0};
    char text[DP_RUN_LOCK_TEXT_SIZE];
    snprintf(text, sizeof text,
             "dptrain run lock 2\nhost %s\nprocess %" PRIu64 "\nstarted %" PRIu64
             "\nboot %s\nspace %s\n%s",
             owner->host, owner->number, owner->started, owner->boot, owner->space, job);
    expect_ok(dp_file_write(lock_path(dir), text, strlen(text), &error), &error);
}

static void write_lock(const char *dir, const dp_process_identity *owner) {
    write_lock_of_job(dir, owner, "job -\nrestarts 0\n");
}

static void expect_taken(const char *dir, const char *part_of_notice) {
    dp_error error = {0};
    dp_run_lock lock;
    char notice[DP_RUN_LOCK_NOTICE_SIZE];
    expect_ok(dp_run_lock_take(&lock, dir, notice, &error), &error);
    if (part_of_notice == NULL)
        assert_string_equal(notice, "");
    else if (strstr(notice, part_of_notice) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", notice, part_of_notice);
    assert_true(dp_file_exists(lock_path(dir)));
    dp_run_lock_release(&lock);
    assert_false(dp_file_exists(lock_path(dir)));
}

static void expect_refused(const char *dir, const char *part) {
    dp_error error;
    dp_run_lock lock;
    char notice[DP_RUN_LOCK_NOTICE_SIZE];
    expect_failure(dp_run_lock_take(&lock, dir, notice, &error), DP_ERR_LOCKED, part, &error);
    assert_non_null(strstr(error.message, dir));
    assert_string_equal(notice, "");
    dp_run_lock_release(&lock); /* of what is not held does nothing */
    assert_true(dp_file_exists(lock_path(dir)));
}

static void test_run_lock_lets_one_in(void **state) {
    (void)state;
    dp_error error = {0};
    dp_run_lock lock;
    char notice[DP_RUN_LOCK_NOTICE_SIZE], part[64];
    const char *dir = new_folder("one");
    expect_ok(dp_run_lock_take(&lock, dir, notice, &error), &error);
    snprintf(part, sizeof part, "in use by process %ld on this host", (long)getpid());
    expect_refused(dir, part);
    dp_run_lock_release(&lock);
    dp_run_lock_release(&lock);
    expect_taken(dir, NULL);
}

static void test_run_lock_of_the_dead_is_taken_over(void **state) {
    (void)state;
    dp_process_identity owner;
    const char *dir = new_folder("dead");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dp_run_lock lock;
        dp_error error;
        char notice[DP_RUN_LOCK_NOTICE_SIZE];
        _exit(dp_run_lock_take(&lock, dir, notice, &error) != DP_OK);
    }
    siginfo_t information;
    assert_int_equal(waitid(P_PID, (id_t)child, &information, WEXITED | WNOWAIT), 0);
    assert_int_equal(information.si_status, 0);
    expect_taken(dir, "ended without"); /* it has ended, though nobody has looked */
    assert_int_equal(waitpid(child, NULL, 0), child);
    dp_process_identify(&owner);
    owner.number = (uint64_t)child; /* of nobody now */
    write_lock(dir, &owner);
    expect_taken(dir, "ended without");
}

static void test_run_lock_knows_a_process_of_the_same_number(void **state) {
    (void)state;
    dp_process_identity owner;
    const char *dir = new_folder("number");
    dp_process_identify(&owner);
    assert_true(owner.started != 0);
    owner.started--;
    write_lock(dir, &owner);
    expect_taken(dir, "ended without");
    dp_process_identify(&owner);
    snprintf(owner.boot, sizeof owner.boot, "another-boot");
    write_lock(dir, &owner);
    expect_taken(dir, "ended without");
}

static void test_run_lock_of_elsewhere_is_refused(void **state) {
    (void)state;
    dp_process_identity owner;
    const char *dir = new_folder("elsewhere");
    dp_process_identify(&owner);
    snprintf(owner.host, sizeof owner.host, "otherhost");
    write_lock(dir, &owner);
    expect_refused(dir, "on otherhost, which cannot be seen from here: if it has ended, remove");
    dp_process_identify(&owner);
    snprintf(owner.space, sizeof owner.space, "pid:[1]");
    write_lock(dir, &owner);
    expect_refused(dir, "cannot be seen from here");
}

/* NULL: not set. */
static void set_variable(const char *name, const char *value) {
    assert_int_equal(value == NULL ? unsetenv(name) : setenv(name, value, 1), 0);
}

static void set_job(const char *cluster, const char *job, const char *restarts) {
    set_variable("SLURM_CLUSTER_NAME", cluster);
    set_variable("SLURM_JOB_ID", job);
    set_variable("SLURM_RESTART_COUNT", restarts);
}

/* The job has lost its host and runs again on this one. */
static void test_run_lock_of_the_job_before_its_restart_is_taken_over(void **state) {
    (void)state;
    static const struct {
        const char *job, *restarts; /* of the environment */
        const char *lines;          /* in the lock */
        bool is_taken;
    } cases[] = {
        {"7", "1", "job c/7\nrestarts 0\n", true},  {"7", "3", "job c/7\nrestarts 1\n", true},
        {"7", "1", "job c/7\nrestarts 1\n", false}, {"7", NULL, "job c/7\nrestarts 0\n", false},
        {"8", "1", "job c/7\nrestarts 0\n", false}, {"7", "1", "job d/7\nrestarts 0\n", false},
        {NULL, "1", "job -\nrestarts 0\n", false},  {"7", "1", "job -\nrestarts 0\n", false},
    };
    dp_process_identity owner;
    const char *dir = new_folder("requeued");
    dp_process_identify(&owner);
    snprintf(owner.host, sizeof owner.host, "node17");
    snprintf(owner.boot, sizeof owner.boot, "another");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        set_job("c", cases[i].job, cases[i].restarts);
        write_lock_of_job(dir, &owner, cases[i].lines);
        if (cases[i].is_taken)
            expect_taken(dir, "on node17 ended without giving run.lock back");
        else
            expect_refused(dir, "on node17, which cannot be seen from here");
    }
    set_job(NULL, NULL, NULL);
}

static void test_run_lock_that_is_none_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"", "x", "dptrain run lock 2\n",
                                        ("dptrain run lock 2\nhost a\nprocess -1\nstarted 1\nboot "
                                         "b\nspace c\njob -\nrestarts 0\n"),
                                        ("dptrain run lock 2\nhost a\nprocess 0\nstarted 1\nboot "
                                         "b\nspace c\njob -\nrestarts 0\n")};
    dp_error error = {0};
    char large[2000];
    const char *dir = new_folder("none");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        expect_ok(dp_file_write(lock_path(dir), texts[i], strlen(texts[i]), &error), &error);
        expect_refused(dir, "no lock that we can read");
    }
    memset(large, 'a', sizeof large);
    expect_ok(dp_file_write(lock_path(dir), large, sizeof large, &error), &error);
    expect_refused(dir, "no lock that we can read");
}

static void test_run_lock_of_another_is_not_given_back(void **state) {
    (void)state;
    dp_error error = {0};
    dp_run_lock lock;
    dp_process_identity other;
    char notice[DP_RUN_LOCK_NOTICE_SIZE];
    const char *dir = new_folder("other");
    expect_ok(dp_run_lock_take(&lock, dir, notice, &error), &error);
    dp_process_identify(&other);
    snprintf(other.host, sizeof other.host, "otherhost");
    write_lock(dir, &other);
    dp_run_lock_release(&lock);
    assert_true(dp_file_exists(lock_path(dir)));
}

static void test_run_lock_that_cannot_be_written(void **state) {
    (void)state;
    dp_error error;
    dp_run_lock lock;
    char notice[DP_RUN_LOCK_NOTICE_SIZE];
    expect_failure(dp_run_lock_take(&lock, scratch_path("nowhere"), notice, &error), DP_ERR_IO,
                   "nowhere/run.lock", &error);
    const char *dir = new_folder("link");
    assert_int_equal(symlink("elsewhere", lock_path(dir)), 0);
    expect_failure(dp_run_lock_take(&lock, dir, notice, &error), DP_ERR_IO, "link/run.lock",
                   &error);
}

/* A process that waits for its start, tries, says how it went, and keeps the lock until all have.
 */
static void rival(const char *dir, int start, int answers, int end) {
    dp_error error;
    dp_run_lock lock;
    char notice[DP_RUN_LOCK_NOTICE_SIZE], nothing;
    bool started = read(start, &nothing, 1) == 0;
    char answer = (char)dp_run_lock_take(&lock, dir, notice, &error);
    bool told = write(answers, &answer, 1) == 1 && read(end, &nothing, 1) == 0;
    _exit(started && told ? 0 : 1);
}

/* Of many that take over one stale lock at once, one gets it. */
static void race(const char *dir) {
    int start[2], answers[2], end[2];
    int winners = 0;
    assert_int_equal(pipe(start) | pipe(answers) | pipe(end), 0);
    for (int i = 0; i < RIVALS; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(start[1]);
            close(end[1]);
            rival(dir, start[0], answers[1], end[0]);
        }
    }
    close(start[1]);
    for (int i = 0; i < RIVALS; i++) {
        char answer = -1;
        assert_int_equal(read(answers[0], &answer, 1), 1);
        winners += answer == DP_OK;
        if (answer != DP_OK && answer != DP_ERR_LOCKED)
            fail_msg("a rival ended with status %d", answer);
    }
    close(end[1]);
    for (int i = 0; i < RIVALS; i++) {
        int status = 0;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    close(start[0]);
    close(answers[0]);
    close(answers[1]);
    close(end[0]);
    assert_int_equal(winners, 1);
}

static void test_run_lock_that_many_want_goes_to_one(void **state) {
    (void)state;
    const char *dir = new_folder("race");
    for (int round = 0; round < 40; round++)
        race(dir); /* from the second on they find the lock of a dead winner */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_lock_lets_one_in),
        cmocka_unit_test(test_run_lock_of_the_dead_is_taken_over),
        cmocka_unit_test(test_run_lock_knows_a_process_of_the_same_number),
        cmocka_unit_test(test_run_lock_of_elsewhere_is_refused),
        cmocka_unit_test(test_run_lock_of_the_job_before_its_restart_is_taken_over),
        cmocka_unit_test(test_run_lock_that_is_none_is_refused),
        cmocka_unit_test(test_run_lock_of_another_is_not_given_back),
        cmocka_unit_test(test_run_lock_that_cannot_be_written),
        cmocka_unit_test(test_run_lock_that_many_want_goes_to_one),
    };
    return cmocka_run_group_tests_name("run_lock", tests, scratch_create, scratch_remove);
}
