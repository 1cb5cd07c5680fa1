#include "run/metrics.h"

#include "support/expect.h"
#include "support/scratch.h"

#include <fcntl.h>
#include <sys/stat.h>

#define HEADER                                                                                     \
    "step,loss,batch_loss,lr,train_loss,dev_loss,test_loss,weights,ms_per_step,examples_per_s,"    \
    "seconds,grad_norm,start,at_work\n"

/* A row as the writer leaves it, with the step's digits put in. */
#define ROW(step) step ",2.5,2.25,0.1,,,,xxh3:0000000000000007,1.0000,2000,3.000,,2,4\n"

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

/* Of the last that was opened. */
static char notice[DP_METRICS_NOTICE_SIZE];
static dp_metrics_past past;

static void append(const char *path, uint64_t open_at, const dp_metrics_row *row) {
    dp_error error = {0};
    dp_journal metrics;
    expect_ok(dp_metrics_open(&metrics, path, open_at, 0, &past, notice, &error), &error);
    assert_string_equal(notice, "");
    if (row != NULL)
        expect_ok(dp_metrics_append(&metrics, row, &error), &error);
    dp_journal_close(&metrics);
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
                            .seconds = 3.0,
                            .grad_norm = NAN,
                            .start = 2,
                            .at_work = 4};
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
    expect_content(path,
                   HEADER ROW("100") "18446744073709551615,0.3333333333333333,2.25,0.1,0.1,"
                                     ",1e-300,xxh3:0000000000000007,1.0000,2000,3.000,,2,4\n");
}

static void test_metrics_writes_through_at_once(void **state) {
    (void)state;
    dp_error error = {0};
    dp_journal metrics;
    dp_metrics_row row = row_of(100);
    const char *path = scratch_path("through.csv");
    expect_ok(dp_metrics_open(&metrics, path, 0, 0, &past, notice, &error), &error);
    expect_ok(dp_metrics_append(&metrics, &row, &error), &error);
    expect_content(path, HEADER ROW("100"));
    dp_journal_close(&metrics);
}

static void test_metrics_leaves_out_what_is_no_number(void **state) {
    (void)state;
    dp_metrics_row row = row_of(100);
    const char *path = scratch_path("nan.csv");
    row.loss = INFINITY;
    row.batch_loss = -NAN;
    append(path, 0, &row);
    expect_content(path, HEADER "100,,,0.1,,,,xxh3:0000000000000007,1.0000,2000,3.000,,2,4\n");
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
}

/* Opens a file of this content at step 1000, whose rows go up to step 900, and looks that it is
 * refused by this line, as it was. */
static void expect_kept(const char *content, const char *line) {
    dp_error error = {0};
    dp_journal metrics;
    const char *path = scratch_path("kept.csv");
    write_text(path, content);
    expect_failure(dp_metrics_open(&metrics, path, 1000, 900, &past, notice, &error), DP_ERR_INPUT,
                   line, &error);
    expect_content(path, content);
}

static void test_metrics_with_a_damaged_row_among_its_own_are_kept(void **state) {
    (void)state;
    expect_kept(HEADER ROW("100") "\n" ROW("900"), "kept.csv:3: not a row of metrics");
    expect_kept(HEADER ROW("1x0") ROW("200") ROW("900"), "kept.csv:2: not a row of metrics");
    expect_kept(HEADER ROW("200") ROW("100") ROW("900"), "kept.csv:3: not a row of metrics");
    expect_kept(HEADER ROW("100") ROW("90x") ROW("1100"), "kept.csv:3: not a row of metrics");
}

/* What an editor has saved with other line ends. */
static void test_metrics_with_carriage_returns_go_on(void **state) {
    (void)state;
    expect_cut("step,loss,batch_loss,lr,train_loss,dev_loss,test_loss,weights,ms_per_step,"
               "examples_per_s,seconds,grad_norm,start,at_work\r\n"
               "100,2.5,2.25,0.1,,,,xxh3:0000000000000007,1.0000,2000,3.000,,2,4\r\n"
               "200,2.5,2.25,0.1,,,,xxh3:0000000000000007,1.0000,2000,3.000,,2,4\r\n",
               100, HEADER ROW("100"));
}

static void test_metrics_that_are_missing_are_told(void **state) {
    (void)state;
    static const struct {
        const char *content, *kept, *notice;
    } cases[] = {
        {NULL, HEADER, "notice: metrics.csv is not there or empty, so the rows up to step 900"},
        {"", HEADER, "notice: metrics.csv is not there or empty, so the rows up to step 900"},
        {HEADER, HEADER, "notice: metrics.csv is not there or empty, so the rows up to step 900"},
        {HEADER ROW("100") "200,", HEADER ROW("100"),
         "notice: metrics.csv was cut short, so the rows up to step 900 are lost"},
        {HEADER ROW("900") "x\n", HEADER ROW("900"), ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dp_error error = {0};
        dp_journal metrics;
        const char *path = scratch_path("missing.csv");
        expect_ok(dp_file_remove(path, &error), &error);
        if (cases[i].content != NULL)
            write_text(path, cases[i].content);
        expect_ok(dp_metrics_open(&metrics, path, 1000, 900, &past, notice, &error), &error);
        dp_journal_close(&metrics);
        expect_content(path, cases[i].kept);
        assert_memory_equal(notice, cases[i].notice, strlen(cases[i].notice));
    }
}

/* Runs begun by versions that had no grad_norm, start or at_work go on with their curves. */
static void test_metrics_gives_an_earlier_file_the_columns(void **state) {
    (void)state;
    static const char before[] =
        "step,loss,batch_loss,lr,train_loss,dev_loss,test_loss,weights,ms_per_step,examples_per_s,"
        "seconds\n100,2.5,,,,,,,,,3.000\n200,2.25,,,,,,,,,4.000\n300,2.125,,";
    expect_cut(before, 200,
               HEADER "100,2.5,,,,,,,,,3.000,,,\n"
                      "200,2.25,,,,,,,,,4.000,,,\n");
    expect_cut(before, 100, HEADER "100,2.5,,,,,,,,,3.000,,,\n");
    expect_cut(before, 0, HEADER);
    expect_cut("step,loss,batch_loss,lr,train_loss,dev_loss,test_loss,weights,ms_per_step,"
               "examples_per_s,seconds,grad_norm\n100,2.5,,,,,,,,,3.000,0.5\n",
               100, HEADER "100,2.5,,,,,,,,,3.000,0.5,,\n");
    expect_cut("step,loss,batch_loss,lr,train_loss,dev_loss,test_loss,weights,ms_per_step,"
               "examples_per_s,seconds,grad_norm,start\n100,2.5,,,,,,,,,3.000,0.5,2\n",
               100, HEADER "100,2.5,,,,,,,,,3.000,0.5,2,\n");
}

/* What earlier starts have taken adds up: those that told their number tell the sum, those before
 * began with 0 each. */
static void test_metrics_tell_what_earlier_starts_have_taken(void **state) {
    (void)state;
    static const struct {
        const char *rows;
        uint64_t step, starts;
        double seconds;
    } cases[] = {
        {"", 900, 0, 0.0},
        {"100,,,,,,,,,,3.000,,,\n200,,,,,,,,,,4.500,,,\n", 900, 1, 4.5},
        {"100,,,,,,,,,,3.000,,,\n200,,,,,,,,,,4.500,,,\n300,,,,,,,,,,1.000,,,\n"
         "400,,,,,,,,,,2.000,,,\n",
         900, 2, 6.5},
        {"100,,,,,,,,,,3.000,,,\n200,,,,,,,,,,1.000,,,\n300,,,,,,,,,,5.000,,3,\n", 900, 3, 5.0},
        {"100,,,,,,,,,,3.000,,1,\n200,,,,,,,,,,5.000,,2,\n300,,,,,,,,,,6.000,,2,\n", 250, 2, 5.0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dp_error error = {0};
        dp_journal metrics;
        char content[512];
        const char *path = scratch_path("past.csv");
        snprintf(content, sizeof content, HEADER "%s", cases[i].rows);
        write_text(path, content);
        expect_ok(dp_metrics_open(&metrics, path, cases[i].step, 0, &past, notice, &error), &error);
        dp_journal_close(&metrics);
        expect_unsigned(past.starts, cases[i].starts);
        expect_close(past.seconds, cases[i].seconds, 1e-12);
    }
}

static void test_metrics_of_a_header_alone_or_a_part_of_it(void **state) {
    (void)state;
    expect_cut(HEADER, 100, HEADER);
    expect_cut("step,loss", 100, HEADER);
    expect_cut("", 100, HEADER);
}

static void test_metrics_keeps_a_file_that_is_not_its_own(void **state) {
    (void)state;
    expect_kept("epoch,accuracy\n1,0.5\n", "kept.csv:1: not the metrics of a run");
    expect_kept("step,losz\n1,0.5\n", "kept.csv:1: not the metrics of a run");
    expect_kept("\x89HDF\r\n\x1a\n", "kept.csv:1: not the metrics of a run");
}

static void test_metrics_cuts_a_long_file_in_a_moment(void **state) {
    (void)state;
    dp_error error = {0};
    dp_text content = {0};
    dp_journal metrics;
    const char *path = scratch_path("long.csv");
    dp_text_append(&content, HEADER);
    for (unsigned step = 1; step <= 100000; step++)
        dp_text_append_format(&content, "%u,2.5,2.25,0.1,,,,xxh3:0000000000000007,1,2,3,,1,1\n",
                              step);
    write_text(path, dp_text_string(&content));
    expect_ok(dp_metrics_open(&metrics, path, 100000, 100000, &past, notice, &error), &error);
    dp_journal_close(&metrics);
    expect_content(path, dp_text_string(&content));
    dp_text_clear(&content);
}

static void test_metrics_names_a_file_that_it_cannot_write(void **state) {
    (void)state;
    dp_error error;
    dp_journal metrics;
    dp_metrics_row row = row_of(1);
    expect_failure(
        dp_metrics_open(&metrics, scratch_path("nowhere/metrics.csv"), 0, 0, &past, notice, &error),
        DP_ERR_IO, "nowhere/metrics.csv", &error);
    dp_journal_close(&metrics);
    expect_failure(dp_metrics_open(&metrics, scratch_folder, 5, 0, &past, notice, &error),
                   DP_ERR_INPUT, "not a regular file", &error);
    dp_journal_close(&metrics);
    struct stat device;
    if (stat("/dev/full", &device) != 0 || !S_ISCHR(device.st_mode)) {
        print_message("skipped: no device /dev/full here to write to\n");
        skip();
    }
    expect_ok(dp_journal_open(&metrics, scratch_path("full.csv"), &error), &error);
    const int full = open("/dev/full", O_WRONLY);
    assert_true(dup2(full, metrics.descriptor) >= 0);
    close(full);
    expect_failure(dp_metrics_append(&metrics, &row, &error), DP_ERR_IO, "full.csv: No space left",
                   &error);
    dp_journal_close(&metrics);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Reads a file of this content; released with dp_metrics_table_clear. */
static dp_metrics_table read_rows(const char *content) {
    dp_error error = {0};
    dp_metrics_table table;
    const char *path = scratch_path("read.csv");
    write_text(path, content);
    expect_ok(dp_metrics_read(&table, path, &error), &error);
    return table;
}

static void expect_unreadable(const char *content, const char *part) {
    dp_error error;
    dp_metrics_table table;
    const char *path = scratch_path("bad.csv");
    write_text(path, content);
    expect_failure(dp_metrics_read(&table, path, &error), DP_ERR_INPUT, part, &error);
    assert_null(table.rows);
}

static void test_metrics_reads_what_was_appended(void **state) {
    (void)state;
    dp_error error = {0};
    dp_metrics_table table;
    dp_metrics_row first = row_of(100), second = row_of(UINT64_MAX);
    const char *path = scratch_path("round_trip.csv");
    second.loss = 1.0 / 3.0;
    second.split_loss[DP_SPLIT_DEV] = 1e-300;
    second.weights_hash = UINT64_MAX;
    second.grad_norm = 0.25;
    append(path, 0, &first);
    append(path, 100, &second);
    expect_ok(dp_metrics_read(&table, path, &error), &error);
    expect_unsigned(table.count, 2);
    expect_unsigned(table.rows[0].step, 100);
    expect_close(table.rows[0].batch_loss, 2.25, 0.0);
    expect_close(table.rows[0].lr, 0.1, 0.0);
    assert_true(isnan(table.rows[0].split_loss[DP_SPLIT_DEV]));
    expect_unsigned(table.rows[1].step, UINT64_MAX);
    expect_close(table.rows[1].loss, 1.0 / 3.0, 0.0);
    expect_close(table.rows[1].split_loss[DP_SPLIT_DEV], 1e-300, 0.0);
    expect_hex(table.rows[1].weights_hash, UINT64_MAX);
    expect_close(table.rows[1].seconds, 3.0, 0.0);
    assert_true(isnan(table.rows[0].grad_norm));
    expect_close(table.rows[1].grad_norm, 0.25, 0.0);
    dp_metrics_table_clear(&table);
}

static void test_metrics_reads_no_row_that_is_still_being_written(void **state) {
    (void)state;
    static const char *const unfinished[] = {"", "3", "300,2.5,2", "not yet", ROW("300")};
    for (size_t i = 0; i < sizeof unfinished / sizeof unfinished[0]; i++) {
        char content[1024];
        snprintf(content, sizeof content, "%s%s", HEADER ROW("100") ROW("200"), unfinished[i]);
        if (i == 4)
            content[strlen(content) - 1] = '\0'; /* only its end is missing */
        dp_metrics_table table = read_rows(content);
        expect_unsigned(table.count, 2);
        dp_metrics_table_clear(&table);
    }
    dp_metrics_table empty = read_rows(HEADER);
    expect_unsigned(empty.count, 0);
    dp_metrics_table_clear(&empty);
}

static void test_metrics_finds_columns_by_their_names(void **state) {
    (void)state;
    dp_metrics_table table = read_rows("step,gradient_norm,loss\n7,0.25,2.5\n9,,\n");
    expect_unsigned(table.count, 2);
    expect_close(table.rows[0].loss, 2.5, 0.0);
    assert_true(isnan(table.rows[0].lr));
    assert_true(isnan(table.rows[1].loss));
    expect_hex(table.rows[1].weights_hash, 0);
    dp_metrics_table_clear(&table);
}

static void test_metrics_names_the_line_that_is_damaged(void **state) {
    (void)state;
    expect_unreadable("", "bad.csv:1: not the metrics of a run");
    expect_unreadable("step,loss", "bad.csv:1:");
    expect_unreadable("epoch,accuracy\n1,0.5\n", "bad.csv:1:");
    static const char *const damaged[] = {
        "\n",
        "200\n",
        "x,2.5,2.25,0.1,,,,xxh3:0000000000000007,1,2,3,,1,1\n",
        "-2,2.5,2.25,0.1,,,,xxh3:0000000000000007,1,2,3,,1,1\n",
        "200,2.5.1,2.25,0.1,,,,xxh3:0000000000000007,1,2,3,,1,1\n",
        "200,2.5,2.25,0.1,,,,xxh3:7,1,2,3,,1,1\n",
        "200,2.5,2.25,0.1,,,,xxh3:0000000000000007,1,2,3,4,5,6,7\n",
        ROW("100"), /* the step before again */
        ROW("99")};
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        char content[1024];
        snprintf(content, sizeof content, "%s%s%s", HEADER ROW("100"), damaged[i], ROW("300"));
        expect_unreadable(content, "bad.csv:3: not a row of metrics");
    }
}

/* As a file system may leave it after a crash: they must not hide the rows behind them. */
static void test_metrics_with_zeros_inside(void **state) {
    (void)state;
    static const char content[] = HEADER ROW("100") "200,2.5\0\0\0\n" ROW("300");
    dp_error error;
    dp_metrics_table table;
    expect_ok(dp_file_write(scratch_path("zeros.csv"), content, sizeof content - 1, &error),
              &error);
    expect_failure(dp_metrics_read(&table, scratch_path("zeros.csv"), &error), DP_ERR_INPUT,
                   "zeros.csv:3: not a row of metrics", &error);
}

static void test_metrics_that_cannot_be_read(void **state) {
    (void)state;
    dp_error error;
    dp_metrics_table table;
    expect_failure(dp_metrics_read(&table, scratch_path("nowhere.csv"), &error), DP_ERR_IO,
                   "nowhere.csv", &error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics_appends_rows_to_a_new_file),
        cmocka_unit_test(test_metrics_writes_through_at_once),
        cmocka_unit_test(test_metrics_leaves_out_what_is_no_number),
        cmocka_unit_test(test_metrics_cuts_back_to_a_step),
        cmocka_unit_test(test_metrics_drops_what_a_crash_left_unfinished),
        cmocka_unit_test(test_metrics_gives_an_earlier_file_the_columns),
        cmocka_unit_test(test_metrics_tell_what_earlier_starts_have_taken),
        cmocka_unit_test(test_metrics_of_a_header_alone_or_a_part_of_it),
        cmocka_unit_test(test_metrics_keeps_a_file_that_is_not_its_own),
        cmocka_unit_test(test_metrics_with_a_damaged_row_among_its_own_are_kept),
        cmocka_unit_test(test_metrics_with_carriage_returns_go_on),
        cmocka_unit_test(test_metrics_that_are_missing_are_told),
        cmocka_unit_test(test_metrics_cuts_a_long_file_in_a_moment),
        cmocka_unit_test(test_metrics_names_a_file_that_it_cannot_write),
        cmocka_unit_test(test_metrics_reads_what_was_appended),
        cmocka_unit_test(test_metrics_reads_no_row_that_is_still_being_written),
        cmocka_unit_test(test_metrics_finds_columns_by_their_names),
        cmocka_unit_test(test_metrics_names_the_line_that_is_damaged),
        cmocka_unit_test(test_metrics_with_zeros_inside),
        cmocka_unit_test(test_metrics_that_cannot_be_read),
    };
    return cmocka_run_group_tests_name("metrics", tests, scratch_create, scratch_remove);
}
