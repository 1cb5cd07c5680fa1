/* gnuplot: what is written is what was asked for, and what goes wrong is told. A script stands in
 * for the program where its answer matters. */
#include "plots/gnuplot.h"

#include "support/expect.h"
#include "support/scratch.h"

static char old_path[4096];

static void expect_constant(const char *text, const char *expected) {
    dp_text script = {0};
    dp_gnuplot_append_string(&script, text);
    assert_string_equal(dp_text_string(&script), expected);
    dp_text_clear(&script);
}

static void test_gnuplot_strings_stand_for_themselves(void **state) {
    (void)state;
    expect_constant("", "''");
    expect_constant("plain {a}_b \"c\" \\n `d` $e @f", "'plain {a}_b \"c\" \\n `d` $e @f'");
    expect_constant("it's", "'it'.\"'\".'s'");
    expect_constant("'", "''.\"'\".''");
    expect_constant("two\nlines\x01", "'two\xEF\xBF\xBDlines\xEF\xBF\xBD'");
    expect_constant("\xC3\xA9\xFF", "'\xC3\xA9\xEF\xBF\xBD'");
}

static dp_gnuplot_figure make_figure(const char *commands) {
    dp_gnuplot_figure figure = {.name = "figure", .width = 200, .height = 100, .script = commands};
    dp_gnuplot_assign(&figure.values, "who", "%s", "a {");
    dp_text_append(&figure.data, "# curve\n1\t2\n2\t3\n");
    return figure;
}

/* PATH is a folder with this shell script for gnuplot, or for NULL with nothing. */
static void stand_in(const char *script) {
    const char *path = scratch_path("gnuplot");
    char here[4096], folder[4200];
    unlink(path);
    if (script != NULL) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fprintf(file, "#!/bin/sh\n%s\n", script);
        fclose(file);
        assert_int_equal(chmod(path, 0700), 0);
    }
    assert_non_null(getcwd(here, sizeof here));
    snprintf(folder, sizeof folder, "%s/%s", here, scratch_folder);
    assert_int_equal(setenv("PATH", folder, 1), 0);
}

static void use_real(void) {
    assert_int_equal(setenv("PATH", old_path, 1), 0);
}

static void expect_refusal(const char *script, const char *part) {
    dp_error error;
    dp_gnuplot_figure figure = make_figure("");
    stand_in(script);
    expect_failure(dp_gnuplot_draw(&figure, scratch_folder, &error), DP_ERR_IO, part, &error);
    use_real();
    dp_gnuplot_clear(&figure);
}

static void test_gnuplot_that_is_not_there(void **state) {
    (void)state;
    expect_refusal(NULL, "apt-get install gnuplot-nox");
    expect_refusal(NULL, "/figure.gp and figure.tsv");
    assert_int_equal(access(scratch_path("figure.gp"), R_OK), 0);
    assert_int_equal(access(scratch_path("figure.tsv"), R_OK), 0);
}

static void test_gnuplot_that_fails(void **state) {
    (void)state;
    expect_refusal("echo noise; printf 'line 3: no such thing\\n\\n' >&2; exit 1",
                   "/figure.gp: line 3: no such thing");
    expect_refusal("kill -9 $$", "was ended by signal 9");
    /* more than a pipe holds, and than is kept of it */
    expect_refusal("i=0; while [ $i -lt 9000 ]; do echo noise-noise-noise; i=$((i + 1)); done; "
                   "echo 'the end of it'; exit 1",
                   "/figure.gp: the end of it");
}

/* With the script's name, in its folder, without input or the user's settings. */
static void test_gnuplot_is_started_as_promised(void **state) {
    (void)state;
    dp_error error = {0};
    dp_gnuplot_figure figure = make_figure("");
    stand_in("[ \"$1 $2 $#\" = '-d figure.gp 2' ] && [ -f figure.gp ] && ! read line");
    expect_ok(dp_gnuplot_draw(&figure, scratch_folder, &error), &error);
    use_real();
    expect_failure(dp_gnuplot_draw(&figure, scratch_path("nowhere"), &error), DP_ERR_IO,
                   "nowhere/figure.gp", &error);
    dp_gnuplot_clear(&figure);
}

static long size_of(const char *name) {
    struct stat information;
    return stat(scratch_path(name), &information) == 0 ? (long)information.st_size : -1;
}

static void test_gnuplot_draws_both_formats(void **state) {
    (void)state;
    dp_error error = {0};
    dp_gnuplot_figure figure =
        make_figure("plot data index \"curve\" with linespoints ps marker title who\n");
    unlink(scratch_path("gnuplot"));
    if (system("gnuplot --version >/dev/null 2>&1") != 0) {
        print_message("skipped: no gnuplot here (apt-get install gnuplot-nox)\n");
        dp_gnuplot_clear(&figure);
        skip();
    }
    expect_ok(dp_gnuplot_draw(&figure, scratch_folder, &error), &error);
    assert_true(size_of("figure.png") > 500);
    assert_true(size_of("figure.svg") > 500);
    figure.script = "plot no_such_variable\n";
    expect_failure(dp_gnuplot_draw(&figure, scratch_folder, &error), DP_ERR_IO, "no_such_variable",
                   &error);
    dp_gnuplot_clear(&figure);
}

/* gnuplot 5.4 hides a PNG behind a box for a letter that no font has, as for this one of nobody's.
 */
static void test_gnuplot_replaces_letters_that_no_font_has(void **state) {
    (void)state;
    dp_error error = {0};
    dp_text shown = {0};
    dp_gnuplot_figure figure = {.name = "letters",
                                .width = 200,
                                .height = 100,
                                .script = "set print 'letters.txt' append\nprint who\nset print\n"
                                          "plot 1 title who\n"};
    if (system("gnuplot -e 'exit status strstrt(GPVAL_TERMINALS, \" pngcairo \") == 0' "
               ">/dev/null 2>&1") != 0) {
        print_message("skipped: no gnuplot with pngcairo here (apt-get install gnuplot-nox)\n");
        skip();
    }
    unlink(scratch_path("gnuplot"));
    dp_gnuplot_assign(&figure.values, "who", "%s", "a\xC3\xA9\xF3\xB0\x80\x80z");
    expect_ok(dp_gnuplot_draw(&figure, scratch_folder, &error), &error);
    expect_ok(dp_file_read(scratch_path("letters.txt"), &shown, &error), &error);
    assert_true(strcmp(dp_text_string(&shown), "a\xC3\xA9\xE2\x96\xA1z\n"
                                               "a\xC3\xA9\xF3\xB0\x80\x80z\n") == 0 ||
                strcmp(dp_text_string(&shown), "a??z\n"
                                               "a\xC3\xA9\xF3\xB0\x80\x80z\n") == 0);
    dp_text_clear(&shown);
    dp_gnuplot_clear(&figure);
}

static int set_up(void **state) {
    snprintf(old_path, sizeof old_path, "%s", getenv("PATH") == NULL ? "" : getenv("PATH"));
    return scratch_create(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gnuplot_strings_stand_for_themselves),
        cmocka_unit_test(test_gnuplot_that_is_not_there),
        cmocka_unit_test(test_gnuplot_that_fails),
        cmocka_unit_test(test_gnuplot_is_started_as_promised),
        cmocka_unit_test(test_gnuplot_draws_both_formats),
        cmocka_unit_test(test_gnuplot_replaces_letters_that_no_font_has),
    };
    return cmocka_run_group_tests_name("gnuplot", tests, set_up, scratch_remove);
}
