#include "sweep/sweep_table.h"

#include "support/expect.h"
#include "support/scratch.h"

enum { TRIALS = 5 };

static const dp_option hidden = {.key = "model.hidden_dim",
                                 .type = DP_OPTION_UNSIGNED,
                                 .offset = offsetof(dp_config, hidden_dim)};

static dp_sweep_trial trials[TRIALS] = {
    {.name = "a", .config = {.hidden_dim = 10}, .reference = 2.5},
    {.name = "b", .config = {.hidden_dim = 20}, .reference = 2.25},
    {.name = "c", .config = {.hidden_dim = 30}, .reference = 2.0},
    {.name = "d", .config = {.hidden_dim = 40}, .reference = 2.0},
    {.name = "e", .config = {.hidden_dim = 50}, .reference = 2.0},
};

static dp_sweep_outcome done(double dev, double test) {
    return (dp_sweep_outcome){.state = DP_SWEEP_DONE,
                              .results = {.step = 9,
                                          .weights_hash = 255,
                                          .losses = {1.0, dev, test},
                                          .parameters = 77,
                                          .best_step = 8,
                                          .best_loss = 0.5}};
}

/* a and b are equal on dev, c has failed, d was not reached, e is the best. */
static dp_sweep_outcome outcomes[TRIALS];

static dp_sweep_plan plan(bool show_test) {
    dp_sweep_plan self = {.settings = {.show_test = show_test, .reference = "paper"},
                          .trials = trials,
                          .count = TRIALS,
                          .has_reference = true,
                          .columns = {&hidden},
                          .column_count = 1};
    assert_true(dp_text_copy(self.settings.dir, DP_PATH_SIZE, scratch_path("swept")));
    outcomes[0] = done(2.5, 2.625);
    outcomes[1] = done(2.5, 2.125);
    outcomes[2] = (dp_sweep_outcome){.state = DP_SWEEP_FAILED,
                                     .error = {DP_ERR_DIVERGED, "not \"finite\", at all"}};
    outcomes[3] = (dp_sweep_outcome){.state = DP_SWEEP_STOPPED};
    outcomes[4] = done(2.25, 2.375);
    return self;
}

static void expect_content(const char *name, const char *expected) {
    dp_error error = {0};
    dp_file_map map = {0};
    char content[2048];
    expect_ok(dp_file_map_open(&map, scratch_path(name), &error), &error);
    assert_true(map.size < sizeof content);
    memcpy(content, map.data, map.size);
    content[map.size] = '\0';
    dp_file_map_close(&map);
    assert_string_equal(content, expected);
}

static const dp_sweep_ensemble none;

static void write_table(bool show_test, const char *expected) {
    dp_error error = {0};
    dp_text table = {0};
    const dp_sweep_plan self = plan(show_test);
    expect_ok(dp_sweep_table_write(&self, outcomes, &none, &table, &error), &error);
    assert_string_equal(dp_text_string(&table), expected);
    dp_text_clear(&table);
}

static void test_sweep_table_shows_the_test_loss_of_the_best_alone(void **state) {
    (void)state;
    write_table(false, "  trial  hidden     dev    test   paper  differs\n"
                       "  e          50  2.2500  2.3750  2.0000  +0.3750\n"
                       "  a          10  2.5000          2.5000\n"
                       "  b          20  2.5000          2.2500\n"
                       "  c          30  failed          2.0000\n");
    expect_content("swept/results.csv",
                   "trial,model.hidden_dim,parameters,step,dev_loss,best_dev_loss,best_dev_step,"
                   "test_loss,reference,weights,failure\n"
                   "e,50,77,9,2.25,0.5,8,2.375,2,xxh3:00000000000000ff,\n"
                   "a,10,77,9,2.5,0.5,8,,2.5,xxh3:00000000000000ff,\n"
                   "b,20,77,9,2.5,0.5,8,,2.25,xxh3:00000000000000ff,\n"
                   "c,30,,,,,,,2,,\"not \"\"finite\"\", at all\"\n");
}

static void test_sweep_table_shows_all_where_it_is_asked_to(void **state) {
    (void)state;
    write_table(true, "  trial  hidden     dev    test   paper  differs\n"
                      "  e          50  2.2500  2.3750  2.0000  +0.3750\n"
                      "  a          10  2.5000  2.6250  2.5000  +0.1250\n"
                      "  b          20  2.5000  2.1250  2.2500  -0.1250\n"
                      "  c          30  failed          2.0000\n");
    expect_content("swept/results.md", "| trial | hidden | dev | test | paper | differs |\n"
                                       "|---|---:|---:|---:|---:|---:|\n"
                                       "| e | 50 | 2.2500 | 2.3750 | 2.0000 | +0.3750 |\n"
                                       "| a | 10 | 2.5000 | 2.6250 | 2.5000 | +0.1250 |\n"
                                       "| b | 20 | 2.5000 | 2.1250 | 2.2500 | -0.1250 |\n"
                                       "| c | 30 | failed |  | 2.0000 |  |\n"
                                       "\n- c: not \"finite\", at all\n");
}

static void test_sweep_table_shows_what_runs_reach_together(void **state) {
    (void)state;
    dp_error error = {0};
    dp_text table = {0};
    dp_sweep_plan self = plan(false);
    self.column_count = 0;
    self.has_reference = false;
    const dp_sweep_ensemble two = {.count = 2, .members = {4, 0}, .together = {2.25, 2.125}};
    expect_ok(dp_sweep_table_write(&self, outcomes, &two, &table, &error), &error);
    assert_string_equal(dp_text_string(&table), "  trial     dev    test\n"
                                                "  e      2.2500  2.3750\n"
                                                "  a      2.5000\n"
                                                "  b      2.5000\n"
                                                "  c      failed\n"
                                                "\n"
                                                "  together  with     dev\n"
                                                "  1            e  2.2500\n"
                                                "  2            a  2.1250\n");
    dp_text_clear(&table);
    expect_content("swept/results.md", "| trial | dev | test |\n"
                                       "|---|---:|---:|\n"
                                       "| e | 2.2500 | 2.3750 |\n"
                                       "| a | 2.5000 |  |\n"
                                       "| b | 2.5000 |  |\n"
                                       "| c | failed |  |\n"
                                       "\n"
                                       "| together | with | dev |\n"
                                       "|---|---:|---:|\n"
                                       "| 1 | e | 2.2500 |\n"
                                       "| 2 | a | 2.1250 |\n"
                                       "\n- c: not \"finite\", at all\n");
}

/* Of a twice repeated trial and one of which a run has failed. */
static void test_sweep_table_shows_medians_and_ends(void **state) {
    dp_error error = {0};
    dp_text table = {0};
    dp_sweep_plan self = plan(true);
    (void)state;
    dp_sweep_trial repeated[7] = {trials[0], trials[0], trials[0], trials[1],
                                  trials[1], trials[1], trials[4]};
    const uint64_t repeats[7] = {0, 1, 2, 0, 1, 2, 0};
    for (size_t i = 0; i < 7; i++) {
        repeated[i].repeat = repeats[i];
        repeated[i].config.seed = 42 + repeats[i];
        repeated[i].name[1] = repeats[i] == 0 ? '\0' : (char)('0' + repeats[i]);
    }
    const dp_sweep_outcome ends[7] = {done(2.75, 3.0), done(2.25, 3.5), done(2.5, 3.25),
                                      done(2.0, 2.5),  outcomes[2],     done(2.25, 2.25),
                                      done(2.25, 2.0)};
    self.trials = repeated;
    self.count = 7;
    self.has_repeats = true;
    expect_ok(dp_sweep_table_write(&self, ends, &none, &table, &error), &error);
    assert_string_equal(dp_text_string(&table),
                        "  trial  hidden  runs     dev    test   paper  differs\n"
                        "  b          20   2/3  2.1250  2.3750  2.2500  +0.1250\n"
                        "    min                2.0000  2.2500\n"
                        "    max                2.2500  2.5000\n"
                        "  e          50     1  2.2500  2.0000  2.0000  +0.0000\n"
                        "  a          10     3  2.5000  3.2500  2.5000  +0.7500\n"
                        "    min                2.2500  3.0000\n"
                        "    max                2.7500  3.5000\n");
    dp_text_clear(&table);
    expect_content("swept/results.csv",
                   "trial,model.hidden_dim,parameters,step,dev_loss,best_dev_loss,best_dev_step,"
                   "test_loss,reference,repeat_of,seed,median_dev_loss,median_test_loss,weights,"
                   "failure\n"
                   "b,20,77,9,2,0.5,8,2.5,2.25,b,42,2.125,2.375,xxh3:00000000000000ff,\n"
                   "b1,20,,,,,,,2.25,b,43,2.125,2.375,,\"not \"\"finite\"\", at all\"\n"
                   "b2,20,77,9,2.25,0.5,8,2.25,2.25,b,44,2.125,2.375,xxh3:00000000000000ff,\n"
                   "e,50,77,9,2.25,0.5,8,2,2,e,42,2.25,2,xxh3:00000000000000ff,\n"
                   "a,10,77,9,2.75,0.5,8,3,2.5,a,42,2.5,3.25,xxh3:00000000000000ff,\n"
                   "a1,10,77,9,2.25,0.5,8,3.5,2.5,a,43,2.5,3.25,xxh3:00000000000000ff,\n"
                   "a2,10,77,9,2.5,0.5,8,3.25,2.5,a,44,2.5,3.25,xxh3:00000000000000ff,\n");
    self.settings.show_test = false;
    expect_ok(dp_sweep_table_write(&self, ends, &none, &table, &error), &error);
    assert_string_equal(dp_text_string(&table),
                        "  trial  hidden  runs     dev    test   paper  differs\n"
                        "  b          20   2/3  2.1250  2.3750  2.2500  +0.1250\n"
                        "    min                2.0000  2.2500\n"
                        "    max                2.2500  2.5000\n"
                        "  e          50     1  2.2500          2.0000\n"
                        "  a          10     3  2.5000          2.5000\n"
                        "    min                2.2500\n"
                        "    max                2.7500\n");
    dp_text_clear(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sweep_table_shows_what_runs_reach_together),
        cmocka_unit_test(test_sweep_table_shows_the_test_loss_of_the_best_alone),
        cmocka_unit_test(test_sweep_table_shows_all_where_it_is_asked_to),
        cmocka_unit_test(test_sweep_table_shows_medians_and_ends),
    };
    return cmocka_run_group_tests_name("sweep_table", tests, scratch_create, scratch_remove);
}
