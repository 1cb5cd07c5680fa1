#include "sweep/sweep_plan.h"

#include "support/expect.h"
#include "support/scratch.h"

#define NOTEBOOK DP_TESTS_DIR "/../configs/sweeps/notebook.ini"

static void write_file(const char *name, const char *content) {
    dp_error error = {0};
    expect_ok(dp_file_write(scratch_path(name), content, strlen(content), &error), &error);
}

/* Writes the sweep file, beside a base config, and reads it with one assignment or none (NULL). */
static dp_status read_plan(dp_sweep_plan *plan, const char *content, const char *assignment,
                           dp_error *error) {
    char *assignments[] = {(char *)(uintptr_t)assignment};
    write_file("base.ini", "[train]\nsteps = 50\nlr = 0.2\n");
    write_file("sweep.ini", content);
    return dp_sweep_plan_read(plan, scratch_path("sweep.ini"), assignment != NULL, assignments,
                              error);
}

static void expect_refused(const char *content, const char *part) {
    dp_error error = {0};
    dp_sweep_plan plan;
    expect_failure(read_plan(&plan, content, NULL, &error), DP_ERR_INPUT, part, &error);
    assert_null(plan.trials);
}

static void test_sweep_plan_takes_rows_under_columns(void **state) {
    dp_error error = {0};
    dp_sweep_plan plan;
    (void)state;
    expect_ok(read_plan(&plan,
                        "[sweep]\nconfig = base.ini\nranks_per_trial = 3\n[trials]\n"
                        "columns = model.hidden_dim  train.lr  reference\n"
                        "wide = 300 0.1 2.25\nnarrow = 20 0.4 2.5 ; a comment\n",
                        "train.steps=7", &error),
              &error);
    expect_unsigned(plan.count, 2);
    expect_unsigned(plan.settings.ranks_per_trial, 3);
    assert_string_equal(plan.settings.dir, "runs/sweep");
    assert_string_equal(plan.trials[0].name, "wide");
    expect_unsigned(plan.trials[0].config.hidden_dim, 300);
    expect_unsigned(plan.trials[0].config.steps, 7); /* the command line's */
    assert_string_equal(plan.trials[0].config.run_dir, "runs/sweep/wide");
    expect_close(plan.trials[0].reference, 2.25, 0.0);
    expect_unsigned(plan.trials[1].config.hidden_dim, 20);
    expect_close(plan.trials[1].config.lr, 0.4, 0.0);
    expect_unsigned(plan.column_count, 2);
    assert_true(plan.has_reference);
    dp_sweep_plan_clear(&plan);
}

static void test_sweep_plan_takes_every_value_with_every_other(void **state) {
    static const char *const names[] = {"a_lr=0.1_seed=1", "a_lr=0.1_seed=2", "a_lr=0.3_seed=1",
                                        "a_lr=0.3_seed=2", "b_lr=0.1_seed=1", "b_lr=0.1_seed=2",
                                        "b_lr=0.3_seed=1", "b_lr=0.3_seed=2"};
    dp_error error = {0};
    dp_sweep_plan plan;
    (void)state;
    expect_ok(read_plan(&plan,
                        "[sweep]\nconfig = base.ini\n[grid]\ntrain.lr = 0.1 0.3\n"
                        "train.seed = 1 2\ntrain.steps = 9\n"
                        "[trials]\ncolumns = model.hidden_dim\na = 4\nb = 5\n",
                        NULL, &error),
              &error);
    expect_unsigned(plan.count, 8);
    for (size_t i = 0; i < plan.count; i++) {
        assert_string_equal(plan.trials[i].name, names[i]);
        expect_unsigned(plan.trials[i].config.hidden_dim, i < 4 ? 4 : 5);
        expect_close(plan.trials[i].config.lr, i / 2 % 2 == 0 ? 0.1 : 0.3, 0.0);
        expect_unsigned(plan.trials[i].config.seed, i % 2 + 1);
        expect_unsigned(plan.trials[i].config.steps, 9);
    }
    dp_sweep_plan_clear(&plan);
}

static void test_sweep_plan_names_datasets_by_block_size(void **state) {
    dp_error error = {0};
    dp_sweep_plan plan;
    const char *content = "[sweep]\nconfig = base.ini\ntext = some/names.txt\ndir = out\n"
                          "[grid]\nblock_size = 2 5\n";
    (void)state;
    expect_ok(read_plan(&plan, content, NULL, &error), &error);
    expect_unsigned(plan.trials[1].block_size, 5);
    assert_string_equal(plan.trials[1].config.data_path, "out/data/names-block5.h5");
    dp_sweep_plan_clear(&plan);
    expect_failure(read_plan(&plan, content, "data.path=x.h5", &error), DP_ERR_INPUT,
                   "data.path cannot be set", &error);
    expect_failure(read_plan(&plan, content, "sweep.text=", &error), DP_ERR_INPUT, "set sweep.text",
                   &error);
}

static void test_sweep_plan_repeats_with_the_next_seeds(void **state) {
    static const char *const names[] = {"a_lr=0.1", "a_lr=0.1_seed=8", "a_lr=0.1_seed=9",
                                        "a_lr=0.3", "a_lr=0.3_seed=8", "a_lr=0.3_seed=9",
                                        "b_lr=0.1", "b_lr=0.3"};
    dp_error error = {0};
    dp_sweep_plan plan;
    (void)state;
    expect_ok(read_plan(&plan,
                        "[sweep]\nconfig = base.ini\n[trials]\ncolumns = repeats model.hidden_dim\n"
                        "a = 3 4\nb = 1 4\n[grid]\ntrain.lr = 0.1 0.3\n",
                        "train.seed=7", &error),
              &error);
    expect_unsigned(plan.count, 8);
    expect_unsigned(dp_sweep_plan_distinct(&plan), 4);
    assert_string_equal(dp_sweep_plan_unit(&plan), "runs");
    for (size_t i = 0; i < plan.count; i++) {
        assert_string_equal(plan.trials[i].name, names[i]);
        assert_string_equal(strrchr(plan.trials[i].config.run_dir, '/') + 1, names[i]);
        expect_unsigned(plan.trials[i].repeat, i < 6 ? i % 3 : 0);
        expect_unsigned(plan.trials[i].config.seed, 7 + plan.trials[i].repeat);
        expect_close(plan.trials[i].config.lr, i < 3 || i == 6 ? 0.1 : 0.3, 0.0);
    }
    dp_sweep_plan_clear(&plan);
}

/* sweep.repeats is for trials with no number of their own; one that is no good fails once. */
static void test_sweep_plan_repeats_all_trials(void **state) {
    dp_error error = {0};
    dp_sweep_plan plan;
    (void)state;
    expect_ok(read_plan(&plan,
                        "[sweep]\nconfig = base.ini\n[grid]\ntrain.batch_size = 4 8\n"
                        "train.grains = 8\n",
                        "sweep.repeats=2", &error),
              &error);
    expect_unsigned(plan.count, 3);
    assert_int_equal(plan.trials[0].error.status, DP_ERR_INPUT);
    assert_string_equal(plan.trials[2].name, "batch_size=8_seed=43");
    dp_sweep_plan_clear(&plan);
    expect_ok(
        read_plan(&plan, "[sweep]\nconfig = base.ini\n[grid]\ntrain.lr = 0.1\n", NULL, &error),
        &error);
    assert_false(plan.has_repeats);
    assert_string_equal(dp_sweep_plan_unit(&plan), "trials");
    dp_sweep_plan_clear(&plan);
}

static void test_sweep_plan_refuses_with_line_and_nearest_name(void **state) {
    (void)state;
    expect_refused("[sweep]\nconfig = base.ini\n[trials]\ncolumns = train.stepz\n",
                   "sweep.ini:4: unknown key 'train.stepz': did you mean 'train.steps'?");
    expect_refused("[sweep]\nconfig = base.ini\n[trials]\n\ncolumns = train.lr\na = fast\n",
                   "sweep.ini:6: train.lr = 'fast': must be a number");
    expect_refused("[grid]\ntrain.lr = 0.1\ntrain.lrs = 1 2\n",
                   "sweep.ini:3: unknown key 'train.lrs'");
    expect_refused("[trials]\ncolumns = train.lr train.seed\na = 0.1\n",
                   "sweep.ini:3: trial a has 1 values for 2 columns");
    expect_refused("[trials]\na = 0.1\n", "sweep.ini:2: [trials] begins with a line 'columns");
    expect_refused("[trials]\ncolumns = train.lr\na = 1\na = 2\n",
                   "sweep.ini:4: trial a was already given on line 3");
    expect_refused("[trials]\ncolumns = train.lr\na/b = 1\n", "cannot be the name of a trial");
    expect_refused("[trials]\ncolumns = train.lr\ndata = 1\n", "the sweep has a file of that name");
    expect_refused("[trials]\ncolumns = run.dir\n", "set sweep.dir");
    expect_refused("[trials]\ncolumns = train.lr\na = 1\n[grid]\ntrain.lr = 1 2\n",
                   "train.lr is given twice");
    expect_refused("[trials]\ncolumns = repeats\na = 0\n",
                   "sweep.ini:3: repeats = '0': must be a whole number from 1 to 1000");
    expect_refused("[grid]\nrepeats = 1 2\n", "sweep.ini:2: repeats is no axis of the grid");
    expect_refused("[sweep]\nconfig = base.ini\nrepeats = 1000\n[grid]\n"
                   "train.lr = 1 2 3 4 5\n",
                   "asks for more than 4096 runs");
    expect_refused("[sweep]\nranks = 3\n",
                   "sweep.ini:2: unknown key 'sweep.ranks': did you mean 'sweep.ranks_per_trial'?");
    expect_refused("[sweep]\n[gird]\n", "sweep.ini:2: section [gird]");
    expect_refused("[grid] train.lr = 1 2\n",
                   "sweep.ini:1: 'train.lr = 1 2' stands behind the ']'");
    expect_refused("[sweep]\r  repeats = 2\r  repeats = 3\r",
                   "sweep.ini:3: sweep.repeats was already");
    expect_refused("[trials]\ncolumns =\n", "sweep.ini:2: columns names no keys");
    expect_refused("[trials]\ncolumns = repeats repeats\n", "sweep.ini:2: repeats is given twice");
    expect_refused("[trials]\ncolumns = blocksize\n", "did you mean 'block_size'?");
    expect_refused("[grid]\nlearning-rate = 1 2\n", "did you mean 'train.lr'?");
    expect_refused("[sweep]\ndir = a\ndir = b\n", "sweep.dir was already given on line 2");
    expect_refused("[train]\nlr = 3\n", "sweep.ini is a config, not a sweep file");
    expect_refused("[train]\nlr = 3\n[grid]\n", "sweep.ini:1: section [train]");
    expect_refused("[sweep]\nconfig = base.ini\n", "has no trials");
    expect_refused("[grid]\ntrain.lr = 1 2\n", "names no config");
    expect_refused("[sweep]\nconfig = base.ini\n[grid]\ntrain.seed = 1 1\n",
                   "two trials of the name 'seed=1'");
}

static void test_sweep_plan_refuses_a_wrong_base_or_command_line(void **state) {
    dp_error error = {0};
    dp_sweep_plan plan;
    const char *content = "[sweep]\nconfig = base.ini\n[grid]\ntrain.seed = 1 2\n";
    (void)state;
    expect_failure(read_plan(&plan, content, "train.lr=fast", &error), DP_ERR_INPUT,
                   "train.lr = 'fast'", &error);
    expect_failure(read_plan(&plan, content, "sweep.dirr=x", &error), DP_ERR_INPUT,
                   "did you mean 'sweep.dir'?", &error);
    expect_failure(read_plan(&plan,
                             "[sweep]\nconfig = base.ini\n[trials]\ncolumns = train.lr\n[grid]\n"
                             "train.seed = 1 2\n",
                             NULL, &error),
                   DP_ERR_INPUT, "sweep.ini:4: columns of no trial", &error);
    expect_failure(read_plan(&plan, content, "blocksize=2", &error), DP_ERR_INPUT,
                   "did you mean --block-size of pack_dataset?", &error);
    expect_failure(read_plan(&plan, content, "reference=2", &error), DP_ERR_INPUT,
                   "can only be set in", &error);
    expect_failure(read_plan(&plan, content, "sweep.config=none.ini", &error), DP_ERR_IO,
                   "none.ini", &error);
}

/* More grains than rows: the others can go on. */
static void test_sweep_plan_keeps_what_is_wrong_with_one_trial(void **state) {
    dp_error error = {0};
    dp_sweep_plan plan;
    (void)state;
    expect_ok(read_plan(&plan,
                        "[sweep]\nconfig = base.ini\n[trials]\ncolumns = train.batch_size "
                        "train.grains\na = 4 8\nb = 8 8\n",
                        NULL, &error),
              &error);
    assert_int_equal(plan.trials[0].error.status, DP_ERR_INPUT);
    assert_non_null(strstr(plan.trials[0].error.message, "a grain needs at least one row"));
    assert_int_equal(plan.trials[1].error.status, DP_OK);
    dp_sweep_plan_clear(&plan);
}

static void test_sweep_plan_orders_the_longest_first(void **state) {
    dp_sweep_trial trials[4] = {{.config = {.steps = 10, .batch_size = 32, .hidden_dim = 10}},
                                {.config = {.steps = 10, .batch_size = 32, .hidden_dim = 500}},
                                {.config = {.steps = 10, .batch_size = 32, .hidden_dim = 10}},
                                {.config = {.steps = 90, .batch_size = 2, .hidden_dim = 10}}};
    size_t order[4];
    (void)state;
    dp_sweep_plan_order(trials, 4, order);
    expect_unsigned(order[0], 1);
    expect_unsigned(order[1], 3);
    expect_unsigned(order[2], 0);
    expect_unsigned(order[3], 2);
}

static void test_sweep_plan_of_the_notebook_has_its_rows(void **state) {
    dp_error error = {0};
    dp_sweep_plan plan;
    (void)state;
    expect_ok(dp_sweep_plan_read(&plan, NOTEBOOK, 0, NULL, &error), &error);
    expect_unsigned(plan.count, 15 + 2 * 4);
    expect_unsigned(dp_sweep_plan_distinct(&plan), 15);
    double sum = 0.0;
    for (size_t i = 0; i < plan.count; i++) {
        const dp_config *config = &plan.trials[i].config;
        sum += plan.trials[i].repeat == 0 ? plan.trials[i].reference : 0.0;
        expect_unsigned(plan.trials[i].repeats, config->batch_size <= 8 ? 5 : 1);
        assert_int_equal(plan.trials[i].error.status, DP_OK);
        expect_unsigned(plan.trials[i].config.lr_milestones.values[0], 100000);
    }
    expect_close(sum, 33.8647, 1e-9);
    expect_unsigned(plan.trials[17].block_size, 4);
    expect_unsigned(plan.trials[17].config.steps, 400000);
    assert_true(plan.settings.show_test);
    dp_sweep_plan_clear(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sweep_plan_takes_rows_under_columns),
        cmocka_unit_test(test_sweep_plan_takes_every_value_with_every_other),
        cmocka_unit_test(test_sweep_plan_repeats_with_the_next_seeds),
        cmocka_unit_test(test_sweep_plan_repeats_all_trials),
        cmocka_unit_test(test_sweep_plan_names_datasets_by_block_size),
        cmocka_unit_test(test_sweep_plan_refuses_with_line_and_nearest_name),
        cmocka_unit_test(test_sweep_plan_refuses_a_wrong_base_or_command_line),
        cmocka_unit_test(test_sweep_plan_keeps_what_is_wrong_with_one_trial),
        cmocka_unit_test(test_sweep_plan_orders_the_longest_first),
        cmocka_unit_test(test_sweep_plan_of_the_notebook_has_its_rows),
    };
    return cmocka_run_group_tests_name("sweep_plan", tests, scratch_create, scratch_remove);
}
