/* Every allocation fails once, in turn: the call must report it or succeed without, and give all
 * memory back. */
#include "base/digest.h"
#include "base/memory.h"
#include "formats/json.h"
#include "options/option_arguments.h"
#include "options/option_file.h"
#include "support/expect.h"
#include "support/failing_memory.h"
#include "support/sample_options.h"
#include "support/scratch.h"
#include "system/journal.h"

#include <signal.h>
#include <sys/resource.h>

static sample values, other_values;

static dp_status read_config(dp_error *error) {
    static const char text[] = "[train]\nsteps = 200\nmilestones = 100,2\n  00,300\n"
                               "[data]\npath = some/where\n   /else\n[report]\ncolour = blue\n";
    dp_status status = dp_options_init(sample_config, &values, error);
    if (status == DP_OK)
        status = dp_options_read_ini(sample_config, &values, text, sizeof text - 1, "x", error);
    if (status == DP_OK) {
        expect_unsigned(values.steps, 200);
        expect_unsigned(values.milestones.values[1], 200);
        assert_string_equal(values.path, "some/where/else");
    }
    return status;
}

static void test_memory_failures_while_reading_a_config(void **state) {
    (void)state;
    assert_true(fail_each_allocation(read_config) >= 5);
}

/* A mistake in the config, found while memory is short: any status will do. */
static void test_memory_failures_while_refusing_a_config(void **state) {
    (void)state;
    static const char text[] = "[train]\nsteps = many\n";
    for (int allowed = 0; allowed < 10; allowed++) {
        dp_error error = {0};
        allocations_left = allowed;
        dp_status status =
            dp_options_read_ini(sample_config, &values, text, sizeof text - 1, "x", &error);
        allocations_left = -1;
        assert_int_not_equal(status, DP_OK);
        assert_int_equal(status, error.status);
        assert_int_not_equal(error.message[0], '\0');
        expect_unsigned((uint64_t)blocks_held, 0);
    }
}

static dp_status write_config(dp_error *error) {
    dp_text text = {0};
    dp_options_write_ini(sample_config, &values, &text);
    dp_status status = dp_text_check(&text, error);
    if (status == DP_OK)
        assert_non_null(strstr(dp_text_string(&text), "colour = blue\n"));
    dp_text_clear(&text);
    return status;
}

static void test_memory_failures_while_writing_a_config(void **state) {
    (void)state;
    dp_error error = {0};
    expect_ok(read_config(&error), &error);
    assert_true(fail_each_allocation(write_config) >= 8);
}

static dp_status compare_configs(dp_error *error) {
    dp_text text = {0};
    for (const dp_option *option = sample_config; option->key != NULL; option++)
        (void)dp_option_compare(option, &values, &other_values, &text);
    dp_status status = dp_text_check(&text, error);
    if (status == DP_OK)
        assert_string_equal(dp_text_string(&text), "train.steps: 200 there, 300 here");
    dp_text_clear(&text);
    return status;
}

static void test_memory_failures_while_comparing_configs(void **state) {
    (void)state;
    dp_error error = {0};
    expect_ok(read_config(&error), &error);
    other_values = values;
    other_values.steps = 300;
    assert_true(fail_each_allocation(compare_configs) >= 3);
}

static dp_status print_help(dp_error *error) {
    dp_text text = {0};
    dp_options_help(sample_config, &text);
    dp_status status = dp_text_check(&text, error);
    dp_text_clear(&text);
    return status;
}

static void test_memory_failures_while_printing_help(void **state) {
    (void)state;
    assert_true(fail_each_allocation(print_help) >= 8);
}

static dp_status build_text(dp_error *error) {
    dp_text text = {0};
    size_t wanted = 0;
    for (int i = 0; i < 200; i++) {
        dp_text_append(&text, "abc");
        dp_text_append_format(&text, "%02d", i % 100);
        dp_text_append_bytes(&text, "\0", 1);
        wanted += 6;
        assert_int_equal(dp_text_string(&text)[text.length], '\0');
    }
    dp_status status = dp_text_check(&text, error);
    if (status == DP_OK)
        expect_unsigned(text.length, wanted);
    dp_text_clear(&text);
    return status;
}

static void test_memory_failures_while_building_a_text(void **state) {
    (void)state;
    assert_true(fail_each_allocation(build_text) >= 5);
}

static dp_status build_json(dp_error *error) {
    dp_text json = {0};
    dp_json_begin_object(&json);
    for (int i = 0; i < 50; i++) {
        dp_json_key(&json, "key");
        dp_json_string(&json, "a \"value\"");
        dp_json_key(&json, "number");
        dp_json_real(&json, 0.1);
    }
    dp_json_end_object(&json);
    dp_status status = dp_text_check(&json, error);
    dp_text_clear(&json);
    return status;
}

static void test_memory_failures_while_building_json(void **state) {
    (void)state;
    assert_true(fail_each_allocation(build_json) >= 5);
}

static void limit_file_size(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A line for which the disk has no room, so that it is to be kept. */
static dp_status add_kept(dp_journal *journal, const char *line, size_t length, dp_error *error) {
    limit_file_size(0);
    const dp_status status = dp_journal_add(journal, line, length, error);
    limit_file_size(RLIM_INFINITY);
    return status == DP_ERR_IO ? DP_OK : status;
}

/* What was told to the user as failed does not come back later, half of it. */
static dp_status add_lines(dp_error *error) {
    dp_status status = DP_OK;
    dp_journal journal = {0};
    char line[100];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    DP_OR_DONE(dp_journal_open(&journal, scratch_path("journal"), error));
    const uint64_t before = journal.size;
    for (int i = 0; i < 3; i++)
        DP_OR_DONE(add_kept(&journal, line, sizeof line, error));
    DP_OR_DONE(dp_journal_add(&journal, line, sizeof line, error));
    expect_unsigned(journal.size - before, 4 * sizeof line);
done:
    if (journal.is_open && journal.size % sizeof line != 0)
        fail_msg("the journal ends within a line, at byte %" PRIu64, journal.size);
    dp_journal_close(&journal);
    return status;
}

static void test_memory_failures_while_adding_lines_to_a_journal(void **state) {
    (void)state;
    signal(SIGXFSZ, SIG_IGN); /* so that the write fails instead */
    assert_true(fail_each_allocation(add_lines) >= 2);
}

static void test_memory_refuses_sizes_that_overflow(void **state) {
    (void)state;
    dp_error error = {0};
    assert_null(dp_memory_zeroed(SIZE_MAX / 2, 3, &error));
    assert_int_equal(error.status, DP_ERR_MEMORY);
    assert_null(dp_memory_zeroed(SIZE_MAX, 1, &error));
    assert_null(dp_memory_zeroed(SIZE_MAX - DP_ALIGNMENT + 1, 1, &error));
}

static void test_memory_is_aligned_and_zeroed(void **state) {
    (void)state;
    dp_error error = {0};
    for (size_t count = 0; count < 200; count += 7) {
        unsigned char *block = dp_memory_zeroed(count, 1, &error);
        assert_non_null(block);
        expect_unsigned((uintptr_t)block % DP_ALIGNMENT, 0);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(block[i], 0);
        memset(block, 0xFF, count);
        dp_memory_free(block);
    }
}

static void test_memory_failed_growth_changes_nothing(void **state) {
    (void)state;
    dp_error error = {0};
    void *block = NULL;
    size_t capacity = 0;
    expect_ok(dp_memory_grow(&block, &capacity, 20, sizeof(int), &error), &error);
    expect_unsigned(capacity, 20);
    ((int *)block)[19] = 7;
    allocations_left = 0;
    void *before = block;
    expect_failure(dp_memory_grow(&block, &capacity, 21, sizeof(int), &error), DP_ERR_MEMORY,
                   "out of memory", &error);
    allocations_left = -1;
    assert_ptr_equal(block, before);
    expect_unsigned(capacity, 20);
    expect_ok(dp_memory_grow(&block, &capacity, 21, sizeof(int), &error), &error);
    expect_unsigned(capacity, 40);
    assert_int_equal(((int *)block)[19], 7);
    assert_int_equal(((int *)block)[39], 0);
    dp_memory_free(block);
    expect_unsigned((uint64_t)blocks_held, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_failures_while_reading_a_config),
        cmocka_unit_test(test_memory_failures_while_refusing_a_config),
        cmocka_unit_test(test_memory_failures_while_writing_a_config),
        cmocka_unit_test(test_memory_failures_while_comparing_configs),
        cmocka_unit_test(test_memory_failures_while_printing_help),
        cmocka_unit_test(test_memory_failures_while_building_a_text),
        cmocka_unit_test(test_memory_failures_while_building_json),
        cmocka_unit_test(test_memory_failures_while_adding_lines_to_a_journal),
        cmocka_unit_test(test_memory_refuses_sizes_that_overflow),
        cmocka_unit_test(test_memory_is_aligned_and_zeroed),
        cmocka_unit_test(test_memory_failed_growth_changes_nothing),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_remove);
}
