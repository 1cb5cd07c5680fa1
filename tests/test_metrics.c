#include "train/metrics.h"

#include "base/memory.h"

#include "support/expect.h"
#include "support/scratch.h"

#include <sys/stat.h>

#define HEADER                                                                                     \
    "step,loss,batch_loss,lr,train_loss,dev_loss,test_loss,weights,ms_per_step,examples_per_s,"    \
    "seconds\n"

/* A row as the writer leaves it, with the step's digits put in. */
#define ROW(step) step ",2.5,2.25,0.1,,,,xxh3:0000000000000007,1.0000,2000,3.000\n"

static void write_text(const char *path, const char *content) {
    dp_error error = {0};
    expect_ok(dp_file_write(path, content, strlen(content), &error), &error);
}

static void expect_content(const char *path, const char *expected) {
    dp_error error = {0};
    dp_file_map map;
    dp_text content = {0};
    expect_ok(dp_file_map_open(&map, path, &error), &error);
    dp_text_append_bytes(&content, map.data, map.size);
    assert_string_equal(dp_text_string(&content), expected);
    dp_text_clear(&content);
    dp_file_map_close(&map);
}

static void append(const char *path, uint64_t open_at, const dp_metrics_row *row) {
    dp_error error = {0};
    dp_metrics metrics;
    expect_ok(dp_metrics_open(&metrics, path, open_at, &error), &error);
    if (row != NULL)
        expect_ok(dp_metrics_append(&metrics, row, &error), &error);
    dp_metrics_close(&metrics);
}

static dp_metrics_row row_of(uint64_t step) {
    return (dp_metrics_row){.step = step,
                            .loss = 2.5,
                            .batch_loss = 2.25,
                            .lr = 0.1,
                            .split_loss = {NAN, NAN, NAN},
                            .weights_hash = 7,
                            .ms_per_step = 1.0,
                            .examples_per_s = 2000.0,
                            .seconds = 3.0};
}

/* Opens a file of this content at a step, and looks at what it holds then. */
static void expect_cut(const char *content, uint64_t step, const char *expected) {
    const char *path = scratch_path("cut.csv");
    write_text(path, content);
    append(path, step, NULL);
    expect_content(path, expected);
}

static void test_metrics_appends_rows_to_a_new_file(void **state) {
    (void)state;
    const char *path = scratch_path("new.csv");
    dp_metrics_row first = row_of(100), second = row_of(UINT64_MAX);
    second.loss = 1.0 / 3.0;
    second.split_loss[DP_SPLIT_TRAIN] = 0.1;
    second.split_loss[DP_SPLIT_TEST] = 1e-300;
    append(path, 0, &first);
    expect_content(path, HEADER ROW("100"));
    append(path, 100, &second);
    expect_content(path, HEADER ROW("100") "18446744073709551615,0.3333333333333333,2.25,0.1,0.1,"
                                           ",1e-300,xxh3:0000000000000007,1.0000,2000,3.000\n");
}

static void test_metrics_writes_through_at_once(void **state) {
    (void)state;
    dp_error error = {0};
    dp_metrics metrics;
    dp_metrics_row row = row_of(100);
    const char *path = scratch_path("through.csv");
    expect_ok(dp_metrics_open(&metrics, path, 0, &error), &error);
    expect_ok(dp_metrics_append(&metrics, &row, &error), &error);
    expect_content(path, HEADER ROW("100"));
    dp_metrics_close(&metrics);
}

static void test_metrics_leaves_out_what_is_no_number(void **state) {
    (void)state;
    dp_metrics_row row = row_of(100);
    const char *path = scratch_path("nan.csv");
    row.loss = INFINITY;
    row.batch_loss = -NAN;
    append(path, 0, &row);
    expect_content(path, HEADER "100,,,0.1,,,,xxh3:0000000000000007,1.0000,2000,3.000\n");
}

static void test_metrics_cuts_back_to_a_step(void **state) {
    (void)state;
    static const char three[] = HEADER ROW("100") ROW("200") ROW("300");
    expect_cut(three, 1000, three);
    expect_cut(three, 300, three);
    expect_cut(three, 299, HEADER ROW("100") ROW("200"));
    expect_cut(three, 200, HEADER ROW("100") ROW("200"));
    expect_cut(three, 50, HEADER);
    expect_cut(three, 0, HEADER); /* a new run */
}

static void test_metrics_drops_what_a_crash_left_unfinished(void **state) {
    (void)state;
    static const char *const unfinished[] = {
        "3",     "300",      "300,2.5,2", ",",     "\n",
        "x,1\n", "-300,1\n", " 300,1\n",  "300\n", "18446744073709551616,1\n"};
    for (size_t i = 0; i < sizeof unfinished / sizeof unfinished[0]; i++) {
        char content[512];
        snprintf(content, sizeof content, "%s%s", HEADER ROW("100") ROW("200"), unfinished[i]);
        expect_cut(content, 1000, HEADER ROW("100") ROW("200"));
    }
    expect_cut(HEADER ROW("100") "\n" ROW("200"), 1000, HEADER ROW("100"));
}

static void test_metrics_of_a_header_alone_or_a_part_of_it(void **state) {
    (void)state;
    expect_cut(HEADER, 100, HEADER);
    expect_cut("step,loss", 100, HEADER);
    expect_cut("", 100, HEADER);
}

static void test_metrics_replaces_a_file_that_is_not_its_own(void **state) {
    (void)state;
    expect_cut("epoch,accuracy\n1,0.5\n", 100, HEADER);
    static const char binary[] = "\x89HDF\r\n\x1a\n";
    expect_cut(binary, 100, HEADER);
}

static void test_metrics_cuts_a_long_file_in_a_moment(void **state) {
    (void)state;
    dp_error error = {0};
    dp_text content = {0};
    dp_metrics metrics;
    const char *path = scratch_path("long.csv");
    dp_text_append(&content, HEADER);
    for (unsigned step = 1; step <= 100000; step++)
        dp_text_append_format(&content, "%u,2.5,2.25,0.1,,,,xxh3:0000000000000007,1,2,3\n", step);
    write_text(path, dp_text_string(&content));
    expect_ok(dp_metrics_open(&metrics, path, 100000, &error), &error);
    dp_metrics_close(&metrics);
    expect_content(path, dp_text_string(&content));
    dp_text_clear(&content);
}

static void test_metrics_names_a_file_that_it_cannot_write(void **state) {
    (void)state;
    dp_error error;
    dp_metrics metrics;
    dp_metrics_row row = row_of(1);
    expect_failure(dp_metrics_open(&metrics, scratch_path("nowhere/metrics.csv"), 0, &error),
                   DP_ERR_IO, "nowhere/metrics.csv", &error);
    dp_metrics_close(&metrics);
    expect_failure(dp_metrics_open(&metrics, scratch_folder, 5, &error), DP_ERR_INPUT,
                   "not a regular file", &error);
    dp_metrics_close(&metrics);
    struct stat device;
    if (stat("/dev/full", &device) != 0 || !S_ISCHR(device.st_mode)) {
        print_message("skipped: no device /dev/full here to write to\n");
        skip();
    }
    metrics = (dp_metrics){.stream = fopen("/dev/full", "a"), .path = "full.csv"};
    assert_non_null(metrics.stream);
    expect_failure(dp_metrics_append(&metrics, &row, &error), DP_ERR_IO, "cannot write full.csv",
                   &error);
    dp_metrics_close(&metrics);
}

/* --- reading -------------------------------------------------------------------------------- */

static void test_metrics_reads_what_was_written(void **state) {
    (void)state;
    dp_error error = {0};
    dp_metrics_row first = row_of(100), second = row_of(UINT64_MAX), *rows = NULL;
    size_t count = 0;
    const char *path = scratch_path("read.csv");
    second.loss = 1.0 / 3.0;
    second.batch_loss = INFINITY; /* left out */
    second.split_loss[DP_SPLIT_TRAIN] = 0.1;
    second.split_loss[DP_SPLIT_DEV] = 0.2;
    second.split_loss[DP_SPLIT_TEST] = 1e-300;
    second.weights_hash = 0xfedcba9876543210u;
    append(path, 0, &first);
    append(path, 100, &second);
    expect_ok(dp_metrics_read(path, &rows, &count, &error), &error);
    expect_unsigned(count, 2);
    expect_unsigned(rows[0].step, 100);
    expect_close(rows[0].loss, 2.5, 0.0);
    expect_close(rows[0].batch_loss, 2.25, 0.0);
    expect_close(rows[0].lr, 0.1, 0.0);
    assert_true(isnan(rows[0].split_loss[DP_SPLIT_TEST]));
    expect_hex(rows[0].weights_hash, 7);
    expect_close(rows[0].ms_per_step, 1.0, 0.0);
    expect_close(rows[0].examples_per_s, 2000.0, 0.0);
    expect_close(rows[0].seconds, 3.0, 0.0);
    expect_unsigned(rows[1].step, UINT64_MAX);
    expect_close(rows[1].loss, 1.0 / 3.0, 0.0);
    assert_true(isnan(rows[1].batch_loss));
    expect_close(rows[1].split_loss[DP_SPLIT_TRAIN], 0.1, 0.0);
    expect_close(rows[1].split_loss[DP_SPLIT_DEV], 0.2, 0.0);
    expect_close(rows[1].split_loss[DP_SPLIT_TEST], 1e-300, 0.0);
    expect_hex(rows[1].weights_hash, 0xfedcba9876543210u);
    dp_memory_free(rows);
}

static void test_metrics_reads_no_unfinished_line(void **state) {
    (void)state;
    static const char *const unfinished[] = {"", "3", "300,2.5,2", "300,2.5,2.25,0.1,,,,xxh3:00"};
    const char *path = scratch_path("partial.csv");
    for (size_t i = 0; i < sizeof unfinished / sizeof unfinished[0]; i++) {
        dp_error error = {0};
        dp_metrics_row *rows = NULL;
        size_t count = 0;
        char content[512];
        snprintf(content, sizeof content, "%s%s", HEADER ROW("100") ROW("200"), unfinished[i]);
        write_text(path, content);
        expect_ok(dp_metrics_read(path, &rows, &count, &error), &error);
        expect_unsigned(count, 2);
        expect_unsigned(rows[1].step, 200);
        dp_memory_free(rows);
    }
}

static void test_metrics_reads_a_header_alone(void **state) {
    (void)state;
    dp_error error = {0};
    dp_metrics_row *rows = NULL;
    size_t count = 1;
    const char *path = scratch_path("alone.csv");
    write_text(path, HEADER);
    expect_ok(dp_metrics_read(path, &rows, &count, &error), &error);
    expect_unsigned(count, 0);
    assert_null(rows);
}

static void test_metrics_names_the_line_that_it_cannot_read(void **state) {
    (void)state;
    static const struct {
        const char *content;
        const char *part;
    } cases[] = {
        {"", "bad.csv:1: not the columns"},
        {"step,loss\n100,2.5\n", "bad.csv:1: not the columns"},
        {HEADER ROW("100") "\n" ROW("200"), "bad.csv:3: not a row of 11 columns"},
        {HEADER "100,2.5,2.25,0.1,,,,xxh3:0000000000000007,1,2000\n", "bad.csv:2: not a row"},
        {HEADER "100,2.5,2.25,0.1,,,,xxh3:0000000000000007,1,2000,3,4\n", "bad.csv:2: not a row"},
        {HEADER "100,2.5,2.25,0.1,,,,xxh3:7,1,2000,3\n", "bad.csv:2: not a row"},
        {HEADER "-1,2.5,2.25,0.1,,,,xxh3:0000000000000007,1,2000,3\n", "bad.csv:2: not a row"},
        {HEADER "100,2.5x,2,0.1,,,,xxh3:0000000000000007,1,2000,3\n", "bad.csv:2: not a row"},
        {HEADER ROW("100") ROW("100"), "bad.csv:3: step 100 does not follow"},
        {HEADER ROW("200") ROW("100"), "bad.csv:3: step 100 does not follow"},
    };
    const char *path = scratch_path("bad.csv");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dp_error error;
        dp_metrics_row *rows = NULL;
        size_t count = 1;
        write_text(path, cases[i].content);
        expect_failure(dp_metrics_read(path, &rows, &count, &error), DP_ERR_INPUT, cases[i].part,
                       &error);
        expect_unsigned(count, 0);
        assert_null(rows);
    }
}

static void test_metrics_reads_no_binary_file(void **state) {
    (void)state;
    static const char content[] = HEADER ROW("100") "2\0" ROW("00");
    dp_error error = {0};
    dp_metrics_row *rows = NULL;
    size_t count = 0;
    const char *path = scratch_path("binary.csv");
    expect_ok(dp_file_write(path, content, sizeof content - 1, &error), &error);
    expect_failure(dp_metrics_read(path, &rows, &count, &error), DP_ERR_INPUT,
                   "binary.csv: not a text file", &error);
    expect_failure(dp_metrics_read(scratch_path("none.csv"), &rows, &count, &error), DP_ERR_IO,
                   "none.csv", &error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics_appends_rows_to_a_new_file),
        cmocka_unit_test(test_metrics_writes_through_at_once),
        cmocka_unit_test(test_metrics_leaves_out_what_is_no_number),
        cmocka_unit_test(test_metrics_cuts_back_to_a_step),
        cmocka_unit_test(test_metrics_drops_what_a_crash_left_unfinished),
        cmocka_unit_test(test_metrics_of_a_header_alone_or_a_part_of_it),
        cmocka_unit_test(test_metrics_replaces_a_file_that_is_not_its_own),
        cmocka_unit_test(test_metrics_cuts_a_long_file_in_a_moment),
        cmocka_unit_test(test_metrics_names_a_file_that_it_cannot_write),
        cmocka_unit_test(test_metrics_reads_what_was_written),
        cmocka_unit_test(test_metrics_reads_no_unfinished_line),
        cmocka_unit_test(test_metrics_reads_a_header_alone),
        cmocka_unit_test(test_metrics_names_the_line_that_it_cannot_read),
        cmocka_unit_test(test_metrics_reads_no_binary_file),
    };
    return cmocka_run_group_tests_name("metrics", tests, scratch_create, scratch_remove);
}
