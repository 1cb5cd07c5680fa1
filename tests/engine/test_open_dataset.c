/* One dataset on all ranks: run by mpirun, once for each rank count. Every rank checks. */
#include "engine/open_dataset.h"

#include "data/check_stamp.h"
#include "support/expect.h"
#include "support/sample_dataset.h"
#include "support/scratch.h"

#include <fcntl.h>
#include <time.h>

typedef struct job {
    dp_comm *comm;
    char shared[DP_PATH_SIZE]; /* a dataset that all ranks see */
    char own[DP_PATH_SIZE];    /* one at a path of this rank: as if nodes had copies */
} job;

static job the_job;

static bool is_root(void) {
    return dp_comm_rank(the_job.comm) == 0;
}

static void meet(void) {
    (void)dp_comm_max(the_job.comm, 0);
}

static bool has_stamp(const char *path) {
    char stamp[DP_PATH_SIZE];
    dp_error error;
    expect_ok(dp_path_format(stamp, &error, "%s" DP_CHECK_STAMP_SUFFIX, path), &error);
    return dp_file_exists(stamp);
}

/* Changes the last target of the last split, which the last part of a check has to find. */
static void damage(const char *path) {
    dp_error error = {0};
    dp_dataset dataset;
    expect_ok(dp_dataset_open(&dataset, path, &error), &error);
    const unsigned char *last = dataset.tensors[DP_TARGETS(DP_SPLIT_TEST)].data + 99;
    const unsigned char other = *last == 1 ? 2 : 1;
    int descriptor = open(path, O_WRONLY);
    assert_int_equal(pwrite(descriptor, &other, 1, last - dataset.map.data), 1);
    close(descriptor);
    dp_dataset_close(&dataset);
}

/* A stamp that is wrong in what it says. */
static void write_stamp(const char *path) {
    dp_error error = {0};
    dp_dataset dataset;
    expect_ok(dp_dataset_open(&dataset, path, &error), &error);
    dataset.opened += DP_CHECK_STAMP_SETTLED;
    expect_ok(dp_check_stamp_write(&dataset, &error), &error);
    dp_dataset_close(&dataset);
}

static void expect_opens(const char *path, dp_check_policy policy) {
    dp_error error = {0};
    dp_dataset dataset;
    expect_ok(dp_open_dataset(the_job.comm, path, policy, &dataset, &error), &error);
    expect_unsigned(dp_dataset_rows(&dataset, DP_SPLIT_TEST), 100);
    dp_dataset_close(&dataset);
}

static void expect_refused(const char *path, dp_check_policy policy, dp_status wanted) {
    dp_error error = {0};
    dp_dataset dataset;
    assert_int_equal(dp_open_dataset(the_job.comm, path, policy, &dataset, &error), wanted);
    assert_null(dataset.map.data);
    int speaks = error.message[0] != '\0', everyone[64] = {0}, speakers = 0;
    dp_comm_gather_all(the_job.comm, &speaks, sizeof speaks, everyone);
    for (int rank = 0; rank < dp_comm_size(the_job.comm); rank++)
        speakers += everyone[rank];
    assert_int_equal(speakers, 1);
}

/* --- the tests, in this order: the dataset must be some seconds old for the first ------------- */

static void test_open_dataset_leaves_a_stamp(void **state) {
    const job *self = *state;
    assert_false(has_stamp(self->shared));
    meet();
    expect_opens(self->shared, DP_CHECK_ONCE);
    meet();
    assert_true(has_stamp(self->shared));
    expect_opens(self->shared, DP_CHECK_ONCE);
    expect_opens(self->shared, DP_CHECK_ALWAYS);
}

static void test_open_dataset_believes_a_stamp_unless_told_otherwise(void **state) {
    const job *self = *state;
    if (is_root()) {
        damage(self->shared);
        write_stamp(self->shared);
    }
    meet();
    expect_opens(self->shared, DP_CHECK_ONCE);
    expect_refused(self->shared, DP_CHECK_ALWAYS, DP_ERR_INPUT);
    meet();
    assert_false(has_stamp(self->shared));
    expect_refused(self->shared, DP_CHECK_ONCE, DP_ERR_INPUT);
}

/* Each rank checks all of its copy: the damage is found on the rank that has it, whichever. */
static void test_open_dataset_checks_every_copy(void **state) {
    const job *self = *state;
    for (int rank = 0; rank < dp_comm_size(self->comm); rank++) {
        sample_dataset_write(self->own, 0);
        expect_opens(self->own, DP_CHECK_ONCE);
        if (rank == dp_comm_rank(self->comm))
            damage(self->own);
        else
            write_stamp(self->own);
        expect_refused(self->own, DP_CHECK_ONCE, DP_ERR_INPUT);
    }
}

static void test_open_dataset_demands_one_identity(void **state) {
    const job *self = *state;
    const bool is_last = dp_comm_rank(self->comm) == dp_comm_size(self->comm) - 1;
    if (dp_comm_size(self->comm) == 1)
        skip();
    sample_dataset_write(self->own, is_last ? 1 : 0);
    expect_refused(self->own, DP_CHECK_ONCE, DP_ERR_MISMATCH);
}

static void test_open_dataset_fails_on_all_ranks_together(void **state) {
    const job *self = *state;
    unlink(self->own);
    expect_refused(self->own, DP_CHECK_ONCE, DP_ERR_IO);
    if (!is_root())
        sample_dataset_write(self->own, 0);
    expect_refused(self->own, DP_CHECK_ONCE, DP_ERR_IO);
}

/* --- the folder ------------------------------------------------------------------------------- */

static int create_datasets(void **state) {
    const struct timespec settle = {.tv_sec = DP_CHECK_STAMP_SETTLED / 1000000000,
                                    .tv_nsec = 200000000};
    dp_error error = {0};
    if (is_root() && scratch_create(state) != 0)
        return -1;
    dp_comm_broadcast(the_job.comm, scratch_folder, sizeof scratch_folder);
    expect_ok(dp_path_format(the_job.shared, &error, "%s/shared.h5", scratch_folder), &error);
    expect_ok(dp_path_format(the_job.own, &error, "%s/own.%d.h5", scratch_folder,
                             dp_comm_rank(the_job.comm)),
              &error);
    if (is_root())
        sample_dataset_write(the_job.shared, 0);
    nanosleep(&settle, NULL);
    meet();
    return 0;
}

static int remove_datasets(void **state) {
    meet();
    return is_root() ? scratch_remove(state) : 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_open_dataset_leaves_a_stamp, &the_job),
        cmocka_unit_test_prestate(test_open_dataset_believes_a_stamp_unless_told_otherwise,
                                  &the_job),
        cmocka_unit_test_prestate(test_open_dataset_checks_every_copy, &the_job),
        cmocka_unit_test_prestate(test_open_dataset_demands_one_identity, &the_job),
        cmocka_unit_test_prestate(test_open_dataset_fails_on_all_ranks_together, &the_job),
    };
    dp_error error;
    if (dp_comm_create(&the_job.comm, &error) != DP_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    dp_comm_set_deadline(the_job.comm, 30);
    int failures =
        cmocka_run_group_tests_name("open_dataset", tests, create_datasets, remove_datasets);
    dp_comm_destroy(the_job.comm);
    return failures;
}
