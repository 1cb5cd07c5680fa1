#include "base/random.h"
#include "options/option_arguments.h"
#include "options/option_file.h"
#include "support/expect.h"
#include "support/sample_options.h"

#include <stdio.h>
#include <stdlib.h>

static sample defaults(void) {
    dp_error error = {0};
    sample values;
    memset(&values, 0xAA, sizeof values);
    expect_ok(dp_options_init(sample_config, &values, &error), &error);
    return values;
}

static dp_status set(sample *values, const char *key, const char *value, dp_error *error) {
    return dp_options_set(sample_config, values, key, value, error);
}

static dp_status read_ini(sample *values, const char *text, dp_error *error) {
    return dp_options_read_ini(sample_config, values, text, strlen(text), "x.ini", error);
}

/* The values as they are written to a file: says all, and easy to compare. */
static void expect_same(const sample *got, const sample *wanted) {
    dp_text got_text = {0}, wanted_text = {0};
    dp_options_write_ini(sample_config, got, &got_text);
    dp_options_write_ini(sample_config, wanted, &wanted_text);
    assert_string_equal(dp_text_string(&got_text), dp_text_string(&wanted_text));
    dp_text_clear(&got_text);
    dp_text_clear(&wanted_text);
}

/* --- values --------------------------------------------------------------------------------- */

static void test_options_init_sets_every_default(void **state) {
    (void)state;
    sample values = defaults();
    expect_unsigned(values.steps, 100);
    expect_close(values.rate, 0.1, 0.0);
    assert_string_equal(values.path, "");
    assert_false(values.quiet);
    assert_int_equal(values.colour, SAMPLE_GREEN);
    expect_hex(values.splits, 2);
    expect_unsigned(values.milestones.count, 0);
    expect_unsigned(values.factors.count, 1);
    expect_close(values.factors.values[0], 0.5, 0.0);
}

static void test_options_init_shows_a_wrong_table(void **state) {
    (void)state;
    static const dp_option wrong[] = {{.key = "a.b",
                                       .type = DP_OPTION_UNSIGNED,
                                       .initial = "0",
                                       .minimum = 1,
                                       .maximum = 2,
                                       .help = ""},
                                      DP_OPTIONS_END};
    dp_error error = {0};
    uint64_t value = 0;
    expect_failure(dp_options_init(wrong, &value, &error), DP_ERR_INTERNAL, "a.b", &error);
}

static void test_options_durations_are_seconds(void **state) {
    (void)state;
    static const dp_option table[] = {
        {.key = "a.limit", .type = DP_OPTION_DURATION, .initial = "0", .maximum = 3600, .help = ""},
        DP_OPTIONS_END};
    dp_error error = {0};
    double seconds = -1.0;
    dp_text out = {0};
    expect_ok(dp_options_init(table, &seconds, &error), &error);
    expect_close(seconds, 0.0, 0.0);
    dp_options_write_ini(table, &seconds, &out);
    expect_ok(dp_options_set(table, &seconds, "a.limit", "1:00:00", &error), &error);
    expect_close(seconds, 3600.0, 0.0);
    dp_options_write_ini(table, &seconds, &out);
    assert_string_equal(dp_text_string(&out), "[a]\nlimit = 0\n[a]\nlimit = 3600s\n");
    expect_failure(dp_options_set(table, &seconds, "a.limit", "61m", &error), DP_ERR_INPUT,
                   "a.limit = '61m': must be a time such as 90s", &error);
    expect_failure(dp_options_set(table, &seconds, "a.limit", "5", &error), DP_ERR_INPUT,
                   "such as 90s", &error);
    expect_close(seconds, 3600.0, 0.0);
    dp_text_clear(&out);
}

static void test_options_set_takes_what_is_allowed(void **state) {
    (void)state;
    dp_error error = {0};
    sample values = defaults();
    expect_ok(set(&values, "train.steps", "10", &error), &error);
    expect_ok(set(&values, "train.rate", "-1", &error), &error);
    expect_ok(set(&values, "data.path", "a b#c;d", &error), &error);
    expect_ok(set(&values, "report.quiet", "yes", &error), &error);
    expect_ok(set(&values, "report.colour", "blue", &error), &error);
    expect_ok(set(&values, "data.splits", "test,train", &error), &error);
    expect_ok(set(&values, "train.milestones", "10, 20,1000000000000000000", &error), &error);
    expect_ok(set(&values, "train.factors", "", &error), &error);
    expect_unsigned(values.steps, 10);
    expect_close(values.rate, -1.0, 0.0);
    assert_string_equal(values.path, "a b#c;d");
    assert_true(values.quiet);
    assert_int_equal(values.colour, SAMPLE_BLUE);
    expect_hex(values.splits, 5);
    expect_unsigned(values.milestones.count, 3);
    expect_unsigned(values.milestones.values[1], 20);
    expect_unsigned(values.milestones.values[2], 1000000000000000000u);
    expect_unsigned(values.factors.count, 0);
}

/* As people write round numbers. */
static void test_options_set_takes_exponents(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } cases[] = {{"1e3", 1000}, {"2.5e4", 25000}, {"1E+2", 100}, {"1e9", 1000000000}, {"20.0", 20}};
    dp_error error = {0};
    sample values = defaults();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_ok(set(&values, "train.steps", cases[i].text, &error), &error);
        expect_unsigned(values.steps, cases[i].value);
    }
    expect_ok(set(&values, "train.milestones", "1e5,2e5", &error), &error);
    expect_unsigned(values.milestones.values[1], 200000);
}

static void test_options_set_refuses_the_rest_and_changes_nothing(void **state) {
    (void)state;
    static const struct {
        const char *key, *value, *part;
    } cases[] = {
        {"train.steps", "9", "train.steps = '9': must be a whole number from 10 to 1000000000"},
        {"train.steps", "1000000001", "from 10"},
        {"train.steps", "", "whole number"},
        {"train.steps", "10.5", "whole number"},
        {"train.steps", "1e-3", "whole number"},
        {"train.steps", "1e10", "from 10"},
        {"train.steps", "1e999", "whole number"},
        {"train.steps", "0x10", "whole number"},
        {"train.steps", "+10", "whole number"},
        {"train.steps", "1e", "whole number"},
        {"train.steps", "-10", "whole number"},
        {"train.rate", "10.001", "a number from -1 to 10"},
        {"train.rate", "nan", "a number"},
        {"train.rate", "fast", "'fast'"},
        {"data.path", "a\nb", "one line"},
        {"data.path", "a\rb", "one line"},
        {"data.path", "a\x1b[1mb", "control characters"},
        {"data.path", "a\x7f", "control characters"},
        {"report.quiet", "maybe", "yes or no"},
        {"report.quiet", "", "yes or no"},
        {"report.colour", "gre", "one of red, green, blue"},
        {"report.colour", "green|blue", "one of red, green, blue"},
        {"report.colour", "", "one of"},
        {"data.splits", "train,val", "list of train, dev, test"},
        {"data.splits", "train,,dev", "list of"},
        {"train.milestones", "10,", "comma-separated"},
        {"train.milestones", ",10", "comma-separated"},
        {"train.milestones", "10,9", "from 10"},
        {"train.milestones", "10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26", "up to 16"},
        {"train.factors", "0.5;0.6", "comma-separated"},
    };
    dp_error error = {0};
    const sample wanted = defaults();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sample values = defaults();
        expect_failure(set(&values, cases[i].key, cases[i].value, &error), DP_ERR_INPUT,
                       cases[i].part, &error);
        expect_same(&values, &wanted);
    }
}

static void test_options_set_refuses_too_long_a_text(void **state) {
    (void)state;
    dp_error error = {0};
    sample values = defaults();
    char path[DP_PATH_SIZE + 1];
    memset(path, 'p', sizeof path);
    path[DP_PATH_SIZE] = '\0';
    expect_failure(set(&values, "data.path", path, &error), DP_ERR_INPUT, "data.path", &error);
    assert_string_equal(values.path, "");
    path[DP_PATH_SIZE - 1] = '\0';
    expect_ok(set(&values, "data.path", path, &error), &error);
    assert_string_equal(values.path, path);
}

static void test_options_expand_the_home_of_a_path(void **state) {
    (void)state;
    static const struct {
        const char *home, *given, *wanted;
    } cases[] = {
        {"/home/me", "~/x y", "/home/me/x y"}, {"/home/me", "~", "/home/me"},
        {"/home/me", "./~/x", "./~/x"},        {"/home/me", "a/~/x", "a/~/x"},
        {"/home/me", "~you/x", "~you/x"},      {"", "~x", "~x"},
    };
    dp_error error = {0};
    sample values = defaults();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char file[64];
        assert_int_equal(setenv("HOME", cases[i].home, 1), 0);
        expect_ok(set(&values, "data.path", cases[i].given, &error), &error);
        assert_string_equal(values.path, cases[i].wanted);
        snprintf(file, sizeof file, "[data]\npath = %s # c\n", cases[i].given);
        values.path[0] = '\0';
        expect_ok(read_ini(&values, file, &error), &error);
        assert_string_equal(values.path, cases[i].wanted);
    }
    expect_failure(set(&values, "data.path", "~/x", &error), DP_ERR_INPUT, "HOME be set", &error);
    assert_int_equal(setenv("HOME", "/a\nb", 1), 0);
    expect_failure(set(&values, "data.path", "~/x", &error), DP_ERR_INPUT, "one line", &error);
    assert_int_equal(unsetenv("HOME"), 0);
    expect_failure(set(&values, "data.path", "~/x", &error), DP_ERR_INPUT, "HOME be set", &error);
    assert_string_equal(values.path, "~x");
}

static void test_options_keep_what_is_no_path(void **state) {
    (void)state;
    static const dp_option table[] = {
        DP_PATH(sample, path, "a.name", "", "NAME", "", .flags = DP_OPTION_LITERAL),
        DP_OPTIONS_END};
    dp_error error = {0};
    sample values;
    expect_ok(dp_options_init(table, &values, &error), &error);
    expect_ok(dp_options_set(table, &values, "a.name", "~/x", &error), &error);
    assert_string_equal(values.path, "~/x");
}

static void test_options_unknown_key_names_the_nearest(void **state) {
    (void)state;
    static const struct {
        const char *key, *part;
    } cases[] = {{"train.setps", "unknown key 'train.setps': did you mean 'train.steps'?"},
                 {"steps", "did you mean 'train.steps'?"},
                 {"colour", "did you mean 'report.colour'?"},
                 {"data.steps", "did you mean 'train.steps'?"},
                 {"reprot.quiet", "did you mean 'report.quiet'?"},
                 {"train.epochs", "did you mean 'train.steps'?"},
                 {"train.context", "did you mean --block-size of pack_dataset?"},
                 {"wholly_unlike", "see --help"},
                 {"", "unknown key ''"}};
    dp_error error = {0};
    sample values = defaults();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_failure(set(&values, cases[i].key, "1", &error), DP_ERR_INPUT, cases[i].part,
                       &error);
}

/* --- the config file ------------------------------------------------------------------------ */

static void test_options_ini_reads_sections_and_comments(void **state) {
    (void)state;
    dp_error error = {0};
    sample values = defaults();
    expect_ok(read_ini(&values,
                       "# a comment\n"
                       "; another\n"
                       "\n"
                       "[train]\n"
                       "steps = 200 ; behind a value\n"
                       "rate=0.25\n"
                       "[data]  \n"
                       "path = a;b#c   \n"
                       "   # indented comment\n"
                       "splits : train, test\n",
                       &error),
              &error);
    expect_unsigned(values.steps, 200);
    expect_close(values.rate, 0.25, 0.0);
    assert_string_equal(values.path, "a;b#c");
    expect_hex(values.splits, 5);
    assert_int_equal(values.colour, SAMPLE_GREEN);
}

static void test_options_ini_reads_any_line_ends(void **state) {
    (void)state;
    static const char *const texts[] = {
        "[train]\nsteps = 200\n[report]\ncolour = blue", /* no newline at the end */
        "[train]\r\nsteps = 200\r\n[report]\r\ncolour = blue\r\n",
        "\xEF\xBB\xBF[train]\nsteps = 200\n\n\n[report]\ncolour = blue\n\n", /* byte order mark */
    };
    dp_error error = {0};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        sample values = defaults();
        expect_ok(read_ini(&values, texts[i], &error), &error);
        expect_unsigned(values.steps, 200);
        assert_int_equal(values.colour, SAMPLE_BLUE);
    }
}

static void test_options_ini_empty_text_keeps_defaults(void **state) {
    (void)state;
    dp_error error = {0};
    sample values = defaults();
    const sample wanted = defaults();
    expect_ok(read_ini(&values, "", &error), &error);
    expect_ok(read_ini(&values, "\n\n# nothing\n", &error), &error);
    expect_same(&values, &wanted);
}

static void test_options_ini_messages_have_the_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"\n[train]\nsteps = many\n", "x.ini:3: train.steps = 'many': must be"},
        {"[train]\nsteps = 5", "x.ini:2: train.steps = '5'"},
        {"[trian]\n", "x.ini:1: unknown section [trian]: did you mean [train]?"},
        {"[train]\n[trian]\nsteps = 200\n", "x.ini:2: unknown section [trian]"},
        {"[trai]\n", "did you mean [train]"},
        {"[]\n", "x.ini:1: unknown section []"},
        {"[model]\n", "x.ini:1: unknown section [model]"},
        {"[train] steps = 200\n", "x.ini:1: 'steps = 200' stands behind the ']'"},
        {"\r\r[train]\rsteps = 5\r", "x.ini:4: train.steps = '5'"},
        {"[train]\n  steps = 200\n  rate = x\n", "x.ini:3: train.rate = 'x'"},
        {"[train]\nspets = 5\n", "x.ini:2: unknown key 'train.spets': did you mean 'train.steps'"},
        {"steps = 200\n", "x.ini:1: unknown key 'steps': did you mean 'train.steps'"},
        {"[train]\nsteps 200\nrate = 1\n", "x.ini:2: neither"},
        {"[train\nsteps = 200\n", "x.ini:1: neither"},
        {"[train]\nsteps = 200\nrate = 1\nsteps = 200\n",
         "x.ini:4: train.steps was already given on line 2"},
        {"[train]\nsteps = 200\nsteps = 300\n", "x.ini:3: train.steps was already given on line 2"},
        {"[train]\nsteps = 200\n[train]\nsteps = 300\n",
         "x.ini:4: train.steps was already given on line 2"},
        /* the value of two lines is wrong as a whole, and stands where it begins */
        {"[train]\nsteps = 20\n  x\nrate = 1\n", "x.ini:2: train.steps = '20x'"},
        {"[train]\nsteps = 20\n\n  0\n", "x.ini:4: neither '[section]' nor"},
        {"[data]\npath = a\npath = b\n", "x.ini:3: data.path was already given on line 2"},
    };
    dp_error error = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sample values = defaults();
        expect_failure(read_ini(&values, cases[i].text, &error), DP_ERR_INPUT, cases[i].part,
                       &error);
    }
}

static void test_options_ini_continues_indented_lines(void **state) {
    (void)state;
    dp_error error = {0};
    sample values = defaults();
    expect_ok(read_ini(&values,
                       "[train]\n"
                       "milestones = 100,2\n"
                       "    00,\n"
                       "\t300\n"
                       "steps = 4\n"
                       "  00\n",
                       &error),
              &error);
    expect_unsigned(values.milestones.count, 3);
    expect_unsigned(values.milestones.values[1], 200);
    expect_unsigned(values.milestones.values[2], 300);
    expect_unsigned(values.steps, 400);
}

static void test_options_ini_reads_lines_of_any_length(void **state) {
    (void)state;
    static char text[200000];
    dp_error error = {0};
    for (int length = 1; length <= 4095; length += length < 250 ? 1 : 769) {
        sample values = defaults();
        snprintf(text, sizeof text, "[data]\n;%0*d\npath = %0*d\n  # %0*d\n[train]\nsteps = 200\n",
                 40 * length, 0, length, 0, 7 * length, 0);
        expect_ok(read_ini(&values, text, &error), &error);
        expect_unsigned(strlen(values.path), (unsigned)length);
        expect_unsigned(values.steps, 200);
    }
    sample values = defaults();
    snprintf(text, sizeof text, "[data]\npath = %0*d\n", DP_PATH_SIZE, 0);
    expect_failure(read_ini(&values, text, &error), DP_ERR_INPUT, "x.ini:2: data.path = '0000",
                   &error);
}

static void test_options_ini_refuses_binary_files(void **state) {
    (void)state;
    dp_error error = {0};
    sample values = defaults();
    expect_failure(dp_options_read_ini(sample_config, &values, "[train]\nst\0eps", 14, "b", &error),
                   DP_ERR_INPUT, "b:2: not a text file", &error);
    static const char h5[] = "\x89HDF\r\n\x1a\n\0\0\0\0\0";
    expect_failure(dp_options_read_ini(sample_config, &values, h5, sizeof h5, "b", &error),
                   DP_ERR_INPUT, "b:", &error);
}

/* Garbage of many kinds ends in success or a message, and never reads beyond its end. */
static void test_options_ini_survives_garbage(void **state) {
    (void)state;
    static const char alphabet[] = "[]=:;# \n\r\t.a10train.steps\xFF\xEF\xBB\xBF";
    for (uint64_t run = 0; run < 3000; run++) {
        dp_error error = {0};
        sample values = defaults();
        size_t size = dp_random_below(1, DP_STREAM_SAMPLE, run, 0, 300);
        char *text = test_malloc(size + 1); /* exact, for the address sanitizer */
        for (size_t i = 0; i < size; i++) {
            uint64_t word = dp_random_below(2, DP_STREAM_SAMPLE, run, i, 256);
            text[i] = run % 2 == 0 ? alphabet[word % (sizeof alphabet - 1)] : (char)word;
        }
        dp_status status = dp_options_read_ini(sample_config, &values, text, size, "g", &error);
        if (status != DP_OK && (status != DP_ERR_INPUT || strncmp(error.message, "g:", 2) != 0))
            fail_msg("garbage %" PRIu64 ": status %d, '%s'", run, (int)status, error.message);
        test_free(text);
    }
}

static void test_options_write_ini_has_sections_in_order(void **state) {
    (void)state;
    sample values = defaults();
    dp_text text = {0};
    dp_options_write_ini(sample_config, &values, &text);
    assert_string_equal(dp_text_string(&text), "[train]\n"
                                               "steps = 100\n"
                                               "rate = 0.1\n"
                                               "milestones = \n"
                                               "factors = 0.5\n"
                                               "\n"
                                               "[data]\n"
                                               "path = \n"
                                               "splits = dev\n"
                                               "\n"
                                               "[report]\n"
                                               "quiet = no\n"
                                               "colour = green\n");
    dp_text_clear(&text);
}

/* A text that is as hard to store as possible: long, with blanks, '#' and ';' anywhere. */
static void fill_path(sample *values, uint64_t run) {
    static const char alphabet[] = "ab/ .;#[]=:\\\"'\xC3";
    char path[DP_PATH_SIZE];
    size_t length = dp_random_below(3, DP_STREAM_SAMPLE, run, 0, run % 7 == 0 ? 4095 : 400);
    for (size_t i = 0; i < length; i++)
        path[i] = alphabet[dp_random_below(4, DP_STREAM_SAMPLE, run, i, sizeof alphabet - 1)];
    path[length] = '\0';
    dp_error error = {0};
    expect_ok(set(values, "data.path", path, &error), &error);
}

static void fill_lists(sample *values, uint64_t run) {
    values->milestones.count = dp_random_below(5, DP_STREAM_SAMPLE, run, 0, 17);
    values->factors.count = dp_random_below(5, DP_STREAM_SAMPLE, run, 1, 17);
    for (size_t i = 0; i < DP_OPTION_LIST_MAX; i++) {
        values->milestones.values[i] =
            10 + dp_random_below(6, DP_STREAM_SAMPLE, run, i, 900000000000000000u);
        values->factors.values[i] = 0.25 + dp_random_uniform(7, DP_STREAM_SAMPLE, run, i);
    }
}

static void test_options_ini_reads_back_what_it_writes(void **state) {
    (void)state;
    for (uint64_t run = 0; run < 300; run++) {
        dp_error error = {0};
        sample written = defaults(), read = defaults();
        fill_path(&written, run);
        fill_lists(&written, run);
        written.steps = 10 + dp_random_below(8, DP_STREAM_SAMPLE, run, 0, 1000000);
        written.rate = 10.0 * dp_random_uniform(9, DP_STREAM_SAMPLE, run, 0);
        written.quiet = run % 2 == 0;
        written.colour = (sample_colour)(run % 3);
        written.splits = run % 8;
        dp_text text = {0};
        dp_options_write_ini(sample_config, &written, &text);
        expect_ok(read_ini(&read, dp_text_string(&text), &error), &error);
        assert_string_equal(read.path, written.path);
        expect_unsigned(read.factors.count, written.factors.count);
        assert_memory_equal(read.factors.values, written.factors.values,
                            written.factors.count * sizeof(double));
        expect_same(&read, &written);
        dp_text_clear(&text);
    }
}

/* As earlier versions wrote a path: cut after each 120 bytes. */
static void test_options_ini_reads_values_that_were_cut(void **state) {
    (void)state;
    static const char alphabet[] = "ab/=_1[]:\".";
    for (uint64_t run = 0; run < 3000; run++) {
        dp_error error = {0};
        sample read = defaults();
        char path[500];
        dp_text text = {0};
        const size_t length = 1 + dp_random_below(10, DP_STREAM_SAMPLE, run, 0, sizeof path - 1);
        for (size_t i = 0; i < length; i++)
            path[i] = alphabet[dp_random_below(11, DP_STREAM_SAMPLE, run, i, sizeof alphabet - 1)];
        path[0] = 'p';
        path[length] = '\0';
        dp_text_append(&text, "[data]\npath = ");
        for (size_t at = 0; at < length; at += 120)
            dp_text_append_format(&text, "%s%.120s\n", at == 0 ? "" : "    ", path + at);
        dp_text_append(&text, "[train]\nsteps = 200\n");
        expect_ok(read_ini(&read, dp_text_string(&text), &error), &error);
        assert_string_equal(read.path, path);
        expect_unsigned(read.steps, 200);
        dp_text_clear(&text);
    }
}

static void test_options_write_json_keeps_every_digit(void **state) {
    (void)state;
    dp_error error = {0};
    sample values = defaults();
    dp_text json = {0};
    expect_ok(set(&values, "train.milestones", "10,900000000000000001", &error), &error);
    expect_ok(set(&values, "data.path", "a \"b\"", &error), &error);
    expect_ok(set(&values, "data.splits", "train,test", &error), &error);
    dp_options_write_json(sample_config, &values, &json);
    assert_string_equal(dp_text_string(&json),
                        "{\"train\":{\"steps\":100,\"rate\":0.1,"
                        "\"milestones\":[10,900000000000000001],\"factors\":[0.5]},"
                        "\"data\":{\"path\":\"a \\\"b\\\"\",\"splits\":[\"train\",\"test\"]},"
                        "\"report\":{\"quiet\":false,\"colour\":\"green\"}}");
    dp_text_clear(&json);
}

static void test_options_compare_names_what_differs(void **state) {
    (void)state;
    sample a = defaults(), b = defaults();
    dp_text differences = {0};
    a.steps = 1000;
    b.rate = 0.2;
    for (const dp_option *option = sample_config; option->key != NULL; option++) {
        assert_false(dp_option_compare(option, &a, &a, &differences));
        const bool differs =
            option->offset == offsetof(sample, steps) || option->offset == offsetof(sample, rate);
        assert_int_equal(dp_option_compare(option, &a, &b, &differences), differs);
    }
    assert_string_equal(dp_text_string(&differences),
                        "train.steps: 1000 there, 100 here; train.rate: 0.1 there, 0.2 here");
    dp_text_clear(&differences);
}

/* --- the command line ----------------------------------------------------------------------- */

typedef struct command {
    uint64_t count;
    bool count_given;
    double shift;
    bool verbose;
    bool verbose_given;
    char out[DP_PATH_SIZE];
    const char *say;
    uint64_t stop_at;
    bool hidden;
} command;

static const dp_option command_table[] = {
    DP_UNSIGNED(command, count, "count", "1", 1, 100, "N", "How many", .alias = 'n',
                .given = offsetof(command, count_given)),
    DP_REAL(command, shift, "shift", "0", -5, 5, NULL, "Shift"),
    DP_SWITCH(command, verbose, "verbose", "Say more", .alias = 'v',
              .given = offsetof(command, verbose_given)),
    DP_PATH(command, out, "out", "", "FILE", "Output", .alias = 'o'),
    DP_TEXT(command, say, "say", "hello", "TEXT", "What to say"),
    DP_UNSIGNED(command, stop_at, "stop_at", "0", 0, 9, "STEP", "End early"),
    DP_SWITCH(command, hidden, "hidden", "For the build", .flags = DP_OPTION_HIDDEN),
    DP_OPTIONS_END_BEFORE(sample_config),
};

typedef struct parsed {
    command values;
    char *arguments[16];
    int positional;
    dp_status status;
    dp_error error;
} parsed;

/* Parses a command line given as one string, cut at '|'. */
static parsed parse(const char *line) {
    static char words[512];
    parsed result = {.positional = 0};
    int count = 0;
    snprintf(words, sizeof words, "%s", line);
    for (char *word = words; *line != '\0' && word != NULL;) {
        char *end = strchr(word, '|');
        if (end != NULL)
            *end++ = '\0';
        result.arguments[count++] = word;
        word = end;
    }
    result.status = dp_options_parse_arguments(command_table, &result.values, count,
                                               result.arguments, &result.positional, &result.error);
    return result;
}

static void expect_parse_failure(const char *line, const char *part) {
    parsed result = parse(line);
    if (result.status != DP_ERR_INPUT || strstr(result.error.message, part) == NULL)
        fail_msg("'%s': status %d and \"%s\", not %d and \"%s\"", line, (int)result.status,
                 result.error.message, DP_ERR_INPUT, part);
}

/* Also where that is the default. */
static void test_options_arguments_tell_what_was_given(void **state) {
    (void)state;
    static const char *const lines[] = {"--count|1|first", "--count=1", "-n|1|-o|x"};
    parsed result = parse("first|-o|x|--shift|0");
    assert_false(result.values.count_given || result.values.verbose_given);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        result = parse(lines[i]);
        assert_true(result.values.count_given && !result.values.verbose_given);
    }
    assert_true(parse("--verbose=no").values.verbose_given);
    expect_ok(dp_options_init(command_table, &result.values, &result.error), &result.error);
    assert_false(result.values.count_given);
    expect_ok(dp_options_set(command_table, &result.values, "count", "1", &result.error),
              &result.error);
    assert_true(result.values.count_given);
}

static void test_options_arguments_take_all_forms(void **state) {
    (void)state;
    static const char *const lines[] = {"--count|7|--out|x y|-v|first|second",
                                        "--count=7|first|--out=x y|second|--verbose",
                                        "first|-n|7|-o|x y|second|-v",
                                        "-v|-n|7|--out|x y|--|first|second",
                                        "--verbose=yes|-n|3|-n|7|-o|x y|first|second",
                                        "-n7|-ox y|-v|first|second",
                                        "--count|7e0|--out|x y|-v|first|second"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        parsed result = parse(lines[i]);
        expect_ok(result.status, &result.error);
        expect_unsigned(result.values.count, 7);
        assert_string_equal(result.values.out, "x y");
        assert_true(result.values.verbose);
        assert_int_equal(result.positional, 2);
        assert_string_equal(result.arguments[0], "first");
        assert_string_equal(result.arguments[1], "second");
    }
}

static void test_options_arguments_take_dashes_for_underscores(void **state) {
    (void)state;
    static const char *const lines[] = {"--stop_at|7", "--stop-at|7", "--stop-at=7"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        parsed result = parse(lines[i]);
        expect_ok(result.status, &result.error);
        expect_unsigned(result.values.stop_at, 7);
    }
    expect_parse_failure("--train.rate|7", "'--train.rate' needs its value behind a '=': "
                                           "--train.rate=VALUE");
    expect_parse_failure("--train.rats|7", "did you mean 'train.rate=VALUE'?");
    expect_parse_failure("--stop.at|7", "unknown option '--stop.at': did you mean '--stop-at'?");
    expect_parse_failure("--stop_at|x", "--stop-at = 'x': must be a whole number from 0 to 9");
}

static void test_options_arguments_pass_on_keys_of_a_config(void **state) {
    (void)state;
    parsed result = parse("--train.lr=0.1|-v|--data.path=a=b|--out=x.y=z|--|--train.lr=0.2");
    expect_ok(result.status, &result.error);
    assert_int_equal(result.positional, 3);
    assert_string_equal(result.arguments[0], "train.lr=0.1");
    assert_string_equal(result.arguments[1], "data.path=a=b");
    assert_string_equal(result.arguments[2], "--train.lr=0.2");
    assert_string_equal(result.values.out, "x.y=z");
}

/* No rule of config files counts here. */
static void test_options_arguments_take_any_text(void **state) {
    (void)state;
    static char longest[DP_PATH_SIZE + 7000], name[] = "--say";
    static char texts[][16] = {"", " ;", "mary ", "\ta\nb\x1b", "\"", "=\xFF"};
    parsed result = parse("");
    assert_string_equal(result.values.say, "hello");
    memset(longest, 'x', sizeof longest - 1);
    for (size_t i = 0; i <= sizeof texts / sizeof texts[0]; i++) {
        char *arguments[] = {name, i == 0 ? longest : texts[i - 1]};
        expect_ok(dp_options_parse_arguments(command_table, &result.values, 2, arguments,
                                             &result.positional, &result.error),
                  &result.error);
        assert_string_equal(result.values.say, i == 0 ? longest : texts[i - 1]);
    }
}

static void test_options_arguments_may_be_none(void **state) {
    (void)state;
    parsed result = parse("");
    expect_ok(result.status, &result.error);
    assert_int_equal(result.positional, 0);
    expect_unsigned(result.values.count, 1);
}

static void test_options_arguments_take_negative_numbers(void **state) {
    (void)state;
    parsed result = parse("--shift|-2.5");
    expect_ok(result.status, &result.error);
    expect_close(result.values.shift, -2.5, 0.0);
    result = parse("--shift=-1e-1");
    expect_ok(result.status, &result.error);
    expect_close(result.values.shift, -0.1, 0.0);
    expect_parse_failure("--shift|-6", "from -5 to 5");
}

static void test_options_arguments_end_at_two_dashes(void **state) {
    (void)state;
    parsed result = parse("-|--|--count|--|-v");
    expect_ok(result.status, &result.error);
    assert_int_equal(result.positional, 4);
    assert_string_equal(result.arguments[0], "-");
    assert_string_equal(result.arguments[1], "--count");
    assert_string_equal(result.arguments[2], "--");
    assert_string_equal(result.arguments[3], "-v");
    assert_false(result.values.verbose);
}

static void test_options_arguments_say_what_is_wrong(void **state) {
    (void)state;
    expect_parse_failure("--count", "option '--count' needs a value (N)");
    expect_parse_failure("--shift", "option '--shift' needs a value");
    expect_parse_failure("--out|--verbose", "option '--out' needs a value (FILE)");
    expect_parse_failure("-o|--", "option '-o' needs a value");
    expect_parse_failure("--count|0", "count = '0': must be a whole number from 1 to 100");
    expect_parse_failure("--count=", "count = ''");
    expect_parse_failure("--coutn|3", "unknown option '--coutn': did you mean '--count'?");
    expect_parse_failure("--coutn=3", "unknown option '--coutn': did you mean '--count'?");
    expect_parse_failure("--epochs|3",
                         "unknown option '--epochs': did you mean 'train.steps=VALUE'?");
    expect_parse_failure("--hiden", "unknown option '--hiden' (see --help)");
    expect_parse_failure("--say|-x", "'--say' needs a value (TEXT); if that is '-x': --say=-x");
    expect_parse_failure("--=3", "unknown option '--'");
    expect_parse_failure("-x", "unknown option '-x'");
    expect_parse_failure("-x7", "unknown option '-x7'");
    expect_parse_failure("-vn", "unknown option '-vn'");
    expect_parse_failure("-n7x", "--count = '7x'");
    expect_parse_failure("--verbose=loud", "yes or no");
}

static void test_options_help_has_a_line_each(void **state) {
    (void)state;
    dp_text help = {0};
    dp_options_help(command_table, &help);
    assert_non_null(strstr(dp_text_string(&help), "-n, --count N"));
    assert_non_null(strstr(dp_text_string(&help), "How many [1]\n"));
    assert_non_null(strstr(dp_text_string(&help), "-v, --verbose "));
    assert_null(strstr(dp_text_string(&help), "hidden"));
    dp_text_clear(&help);
    dp_options_help(sample_config, &help);
    assert_non_null(strstr(dp_text_string(&help), "  report.colour "));
    assert_non_null(strstr(dp_text_string(&help), "Of the plot: red|green|blue [green]\n"));
    dp_text_clear(&help);
}

static void test_options_help_has_a_line_a_section(void **state) {
    (void)state;
    dp_text help = {0};
    dp_options_help_sections(sample_config, &help);
    assert_string_equal(dp_text_string(&help),
                        "  train       steps=100 rate=0.1 milestones= factors=0.5\n"
                        "  data        path= splits=dev\n"
                        "  report      quiet=no colour=green\n");
    dp_text_clear(&help);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_init_sets_every_default),
        cmocka_unit_test(test_options_init_shows_a_wrong_table),
        cmocka_unit_test(test_options_durations_are_seconds),
        cmocka_unit_test(test_options_set_takes_what_is_allowed),
        cmocka_unit_test(test_options_set_takes_exponents),
        cmocka_unit_test(test_options_set_refuses_the_rest_and_changes_nothing),
        cmocka_unit_test(test_options_set_refuses_too_long_a_text),
        cmocka_unit_test(test_options_expand_the_home_of_a_path),
        cmocka_unit_test(test_options_keep_what_is_no_path),
        cmocka_unit_test(test_options_unknown_key_names_the_nearest),
        cmocka_unit_test(test_options_ini_reads_sections_and_comments),
        cmocka_unit_test(test_options_ini_reads_any_line_ends),
        cmocka_unit_test(test_options_ini_empty_text_keeps_defaults),
        cmocka_unit_test(test_options_ini_messages_have_the_line),
        cmocka_unit_test(test_options_ini_continues_indented_lines),
        cmocka_unit_test(test_options_ini_reads_lines_of_any_length),
        cmocka_unit_test(test_options_ini_refuses_binary_files),
        cmocka_unit_test(test_options_ini_survives_garbage),
        cmocka_unit_test(test_options_write_ini_has_sections_in_order),
        cmocka_unit_test(test_options_ini_reads_back_what_it_writes),
        cmocka_unit_test(test_options_ini_reads_values_that_were_cut),
        cmocka_unit_test(test_options_write_json_keeps_every_digit),
        cmocka_unit_test(test_options_compare_names_what_differs),
        cmocka_unit_test(test_options_arguments_tell_what_was_given),
        cmocka_unit_test(test_options_arguments_take_all_forms),
        cmocka_unit_test(test_options_arguments_take_dashes_for_underscores),
        cmocka_unit_test(test_options_arguments_pass_on_keys_of_a_config),
        cmocka_unit_test(test_options_arguments_take_any_text),
        cmocka_unit_test(test_options_arguments_may_be_none),
        cmocka_unit_test(test_options_arguments_take_negative_numbers),
        cmocka_unit_test(test_options_arguments_end_at_two_dashes),
        cmocka_unit_test(test_options_arguments_say_what_is_wrong),
        cmocka_unit_test(test_options_help_has_a_line_each),
        cmocka_unit_test(test_options_help_has_a_line_a_section),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
