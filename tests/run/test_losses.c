/* The loss of every step: on the disk as it is promised, cut back and filled up on resuming, kept
 * while a disk is full. */
#include "run/losses.h"

#include "support/expect.h"
#include "support/scratch.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

static uint64_t open_at(dp_losses *losses, const char *path, uint64_t step) {
    dp_error error = {0};
    uint64_t known = UINT64_MAX;
    *losses = (dp_losses){0};
    expect_ok(dp_losses_open(losses, path, step, &known, &error), &error);
    return known;
}

/* Adds step, step + 1, ... as the losses of as many steps. */
static void add_steps(dp_losses *losses, size_t count) {
    for (size_t i = 0; i < count; i++)
        dp_losses_add(losses, (double)(losses->step + 1));
}

/* The file holds `count` steps; a loss is its step, or NaN in (from, to]. */
static void expect_steps(const char *path, size_t count, size_t from, size_t to) {
    dp_error error = {0};
    dp_loss_record record;
    expect_ok(dp_losses_read(&record, path, &error), &error);
    expect_unsigned(record.count, count);
    for (size_t i = 0; i < count; i++) {
        if (i >= from && i < to)
            assert_true(isnan(record.values[i]));
        else
            expect_close((double)record.values[i], (double)(i + 1), 0.0);
    }
    dp_loss_record_clear(&record);
}

static void write_steps(const char *path, size_t count) {
    dp_error error = {0};
    dp_losses losses;
    expect_unsigned(open_at(&losses, path, 0), 0);
    add_steps(&losses, count);
    expect_ok(dp_losses_sync(&losses, &error), &error);
    dp_losses_close(&losses);
}

static void test_losses_has_the_bytes_that_are_promised(void **state) {
    (void)state;
    dp_error error = {0};
    dp_losses losses;
    dp_text content = {0};
    static const unsigned char wanted[] = "dptrain-losses1\n"
                                          "\x00\x00\x20\x40\xcd\xcc\xcc\x3d\x00\x00\x80\x7f";
    const char *path = scratch_path("bytes.f32");
    open_at(&losses, path, 0);
    dp_losses_add(&losses, 2.5);
    dp_losses_add(&losses, 0.1);
    dp_losses_add(&losses, INFINITY);
    expect_ok(dp_losses_flush(&losses, &error), &error);
    expect_ok(dp_file_read(path, &content, &error), &error);
    expect_unsigned(content.length, 16 + 3 * 4);
    assert_memory_equal(content.data, wanted, 16 + 3 * 4);
    dp_text_clear(&content);
    dp_losses_close(&losses);
}

/* More steps than wait for a write at once. */
static void test_losses_goes_on_where_it_is_resumed(void **state) {
    (void)state;
    dp_error error = {0};
    dp_losses losses;
    const size_t many = 3 * DP_LOSSES_WAITING + 5;
    const char *path = scratch_path("resumed.f32");
    write_steps(path, many);
    expect_steps(path, many, 0, 0);
    expect_unsigned(open_at(&losses, path, 100), 100); /* what lies beyond is cut off */
    expect_steps(path, 100, 0, 0);
    add_steps(&losses, many);
    expect_steps(path, 100 + 3 * DP_LOSSES_WAITING, 0, 0); /* written on the way */
    expect_ok(dp_losses_sync(&losses, &error), &error);
    dp_losses_close(&losses);
    expect_steps(path, 100 + many, 0, 0);
    expect_unsigned(open_at(&losses, path, 0), 0); /* a new run */
    dp_losses_close(&losses);
    expect_steps(path, 0, 0, 0);
}

/* What a version without this file has trained, or a crash has left: not known, and in its place.
 */
static void test_losses_fills_up_what_is_not_known(void **state) {
    (void)state;
    dp_error error = {0};
    dp_losses losses;
    const char *path = scratch_path("filled.f32");
    expect_unsigned(open_at(&losses, path, 5000), 0);
    add_steps(&losses, 10);
    expect_ok(dp_losses_flush(&losses, &error), &error);
    dp_losses_close(&losses);
    expect_steps(path, 5010, 0, 5000);
    write_steps(path, 7);
    assert_int_equal(truncate(path, 16 + 4 * 6 + 3), 0); /* within the seventh */
    expect_unsigned(open_at(&losses, path, 7), 6);
    add_steps(&losses, 2);
    expect_ok(dp_losses_flush(&losses, &error), &error);
    dp_losses_close(&losses);
    expect_steps(path, 9, 6, 7);
    assert_int_equal(truncate(path, 9), 0); /* within the header */
    expect_unsigned(open_at(&losses, path, 3), 0);
    dp_losses_close(&losses);
    expect_steps(path, 3, 0, 3);
}

static void limit_file_size(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_losses_waits_for_room(void **state) {
    (void)state;
    dp_error error = {0};
    dp_losses losses;
    const char *path = scratch_path("full.f32");
    signal(SIGXFSZ, SIG_IGN);
    open_at(&losses, path, 0);
    add_steps(&losses, 10);
    expect_ok(dp_losses_flush(&losses, &error), &error);
    limit_file_size(16 + 4 * 10 + 2);
    add_steps(&losses, 2 * DP_LOSSES_WAITING); /* fails on the way, and says nothing yet */
    const dp_status flushed = dp_losses_flush(&losses, &error);
    const dp_status synced = dp_losses_sync(&losses, &error);
    limit_file_size(RLIM_INFINITY);
    assert_int_equal(flushed, DP_ERR_IO);
    assert_int_equal(synced, DP_ERR_IO);
    assert_non_null(strstr(error.message, path));
    expect_steps(path, 10, 0, 0);
    add_steps(&losses, 1);
    expect_ok(dp_losses_sync(&losses, &error), &error);
    dp_losses_close(&losses);
    expect_steps(path, 11 + 2 * DP_LOSSES_WAITING, 0, 0);
}

static void test_losses_leaves_other_files_alone(void **state) {
    (void)state;
    dp_error error = {0};
    dp_losses losses = {0};
    dp_loss_record record;
    dp_text content = {0};
    uint64_t known = 0;
    const char *path = scratch_path("other.f32"), *said = "is not the losses of a run";
    expect_ok(dp_file_write(path, "my own numbers", 14, &error), &error);
    expect_failure(dp_losses_open(&losses, path, 0, &known, &error), DP_ERR_INPUT, said, &error);
    expect_failure(dp_losses_read(&record, path, &error), DP_ERR_INPUT, said, &error);
    dp_losses_close(&losses);
    expect_ok(dp_file_read(path, &content, &error), &error);
    assert_string_equal(dp_text_string(&content), "my own numbers");
    dp_text_clear(&content);
    expect_ok(dp_losses_read(&record, scratch_path("none.f32"), &error), &error);
    expect_unsigned(record.count, 0);
    dp_loss_record_clear(&record);
}

/* The other ranks have none: every call does nothing. */
static void test_losses_that_are_not_open(void **state) {
    (void)state;
    dp_error error = {0};
    dp_losses losses = {0};
    add_steps(&losses, 2 * DP_LOSSES_WAITING);
    expect_unsigned(losses.step, 0);
    expect_ok(dp_losses_sync(&losses, &error), &error);
    dp_losses_close(&losses);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses_has_the_bytes_that_are_promised),
        cmocka_unit_test(test_losses_goes_on_where_it_is_resumed),
        cmocka_unit_test(test_losses_fills_up_what_is_not_known),
        cmocka_unit_test(test_losses_waits_for_room),
        cmocka_unit_test(test_losses_leaves_other_files_alone),
        cmocka_unit_test(test_losses_that_are_not_open),
    };
    return cmocka_run_group_tests_name("losses", tests, scratch_create, scratch_remove);
}
