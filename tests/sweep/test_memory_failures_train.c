/* As test_memory_failures, for the layers above base: every allocation fails once, in turn. */
#include "base/memory.h"
#include "base/tree.h"
#include "baseline/trigram.h"
#include "dptrain/dptrain.h"
#include "model/model.h"
#include "model/occurrences.h"
#include "model/wide_model.h"
#include "pack/packing.h"
#include "plots/embedding_figure.h"
#include "plots/run_figures.h"
#include "run/checkpoint.h"
#include "run/metrics.h"
#include "run/run_folder.h"
#include "run/summary.h"
#include "support/expect.h"
#include "support/failing_memory.h"
#include "support/scratch.h"
#include "support/small_checkpoint.h"
#include "sweep/sweep_table.h"

static dp_checkpoint checkpoint;

static int set_up(void **state) {
    fill_small_checkpoint(&checkpoint);
    blocks_held = 0; /* what a test takes is counted from here */
    return scratch_create(state);
}

static int tear_down(void **state) {
    dp_checkpoint_clear(&checkpoint);
    return scratch_remove(state);
}

static dp_status save(dp_error *error) {
    return dp_checkpoint_save(&checkpoint, scratch_path("saved.h5"), error);
}

static void test_memory_failures_while_saving_a_checkpoint(void **state) {
    (void)state;
    dp_error error = {0};
    expect_ok(save(&error), &error);
    assert_true(fail_each_allocation(save) >= 3);
    assert_int_equal(scratch_count(), 1); /* no temporary file is left */
}

static dp_status load(dp_error *error) {
    dp_checkpoint loaded;
    dp_status status = dp_checkpoint_load(&loaded, scratch_path("loaded.h5"), true, error);
    if (status == DP_OK) {
        expect_hex(loaded.facts.weights_hash, checkpoint.facts.weights_hash);
        dp_checkpoint_clear(&loaded);
    }
    return status;
}

static void test_memory_failures_while_loading_a_checkpoint(void **state) {
    (void)state;
    dp_error error = {0};
    expect_ok(dp_checkpoint_save(&checkpoint, scratch_path("loaded.h5"), &error), &error);
    assert_true(fail_each_allocation(load) >= 7);
}

static dp_status create_model(dp_error *error) {
    /* Enough rows that they are shared, and with masks. */
    const dp_model_options options = {.grain_rows = 20, .dropout = {.hidden = 0.5}};
    dp_model *model = NULL;
    dp_status status = dp_model_create(&model, &checkpoint.layout, &options, error);
    if (status != DP_OK)
        assert_null(model);
    dp_model_destroy(model);
    return status;
}

static void test_memory_failures_while_creating_a_model(void **state) {
    (void)state;
    assert_true(fail_each_allocation(create_model) >= 1);
}

static dp_status count_trigrams(dp_error *error) {
    dp_status status = DP_OK;
    dp_trigram *trigram = NULL;
    DP_OR_DONE(dp_trigram_create(&trigram, 100, 2, error));
    for (uint32_t i = 0; i < 100; i++) {
        const uint32_t context[2] = {i, (i + 1) % 100};
        DP_OR_DONE(dp_trigram_count(trigram, context, i, 1, error));
        DP_OR_DONE(dp_trigram_hold_out(trigram, context, i, 1, error));
    }
    dp_trigram_fit(trigram);
done:
    dp_trigram_destroy(trigram);
    return status;
}

static void test_memory_failures_while_counting_trigrams(void **state) {
    (void)state;
    assert_true(fail_each_allocation(count_trigrams) >= 20);
}

static bool forward_only;

static dp_status create_wide_model(dp_error *error) {
    const dp_model_shape shape = {
        .vocab = 500, .block_size = 2, .embedding_dim = 2, .hidden_dim = 3, .split = true};
    const dp_model_options options = {.level = dp_cpu_level_detect(),
                                      .grain_rows = 20,
                                      .forward_only = forward_only,
                                      .dropout = {.embedding = 0.5, .hidden = 0.5}};
    dp_params_layout layout;
    dp_wide_model *model = NULL;
    dp_status status = dp_params_layout_init(&layout, shape, error);
    if (status == DP_OK)
        status = dp_wide_model_create(&model, &layout, &options, error);
    if (status != DP_OK)
        assert_null(model);
    dp_wide_model_destroy(model);
    return status;
}

static void test_memory_failures_while_creating_a_wide_model(void **state) {
    (void)state;
    forward_only = false;
    assert_int_equal(fail_each_allocation(create_wide_model), 1);
    forward_only = true;
    assert_int_equal(fail_each_allocation(create_wide_model), 1);
}

static dp_status list_occurrences(dp_error *error) {
    dp_occurrences occurrences;
    dp_workspace room = {0};
    void *memory = NULL;
    dp_status status = dp_occurrences_reserve(&occurrences, 100, 50, 16, &room, error);
    if (status == DP_OK)
        memory = dp_workspace_allocate(&room, error);
    if (memory == NULL)
        return error->status;
    dp_memory_free(memory);
    return status;
}

static void test_memory_failures_while_listing_occurrences(void **state) {
    (void)state;
    assert_int_equal(fail_each_allocation(list_occurrences), 1);
}

static dp_packing_request packing_request;

/* Packs a text as the request says, opens the dataset and checks it. */
static dp_status pack_text(dp_error *error) {
    dp_status status = DP_OK;
    dp_packing packing;
    dp_dataset dataset = {0};
    DP_OR_DONE(dp_packing_run(&packing, &packing_request, NULL, error));
    DP_OR_DONE(dp_dataset_open(&dataset, packing_request.output, error));
    DP_OR_DONE(dp_dataset_check(&dataset, 0, 1, error));
done:
    dp_dataset_close(&dataset);
    return status;
}

/* Many different words, so that tables grow. */
static void write_text(const char *path) {
    dp_error error = {0};
    dp_text text = {0};
    for (int i = 0; i < 3000; i++)
        dp_text_append_format(&text, "word%d%s", i, i % 3 == 2 ? "\n" : " ");
    dp_text_append(&text, "end\n");
    expect_ok(dp_text_check(&text, &error), &error);
    expect_ok(dp_file_write(path, dp_text_string(&text), text.length, &error), &error);
    dp_text_clear(&text);
}

static void test_memory_failures_while_packing(void **state) {
    (void)state;
    dp_error error = {0};
    const char *text = scratch_path("text"), *output = scratch_path("packed.h5");
    write_text(text);
    for (int kind = 0; kind < 6;
         kind++) { /* characters, words in lines, a stream of words; threads */
        const bool chars = kind % 3 == 0;
        expect_ok(dp_packing_request_init(&packing_request, text, output, 2, &error), &error);
        packing_request.unit = chars ? DP_UNIT_CHAR : DP_UNIT_WORD;
        snprintf(packing_request.boundary, sizeof packing_request.boundary, "%s",
                 chars ? "." : DP_PACKING_BOUNDARY_WORD);
        packing_request.stream = kind % 3 == 2;
        packing_request.threads = kind < 3 ? 1 : 3;
        packing_request.words =
            (dp_packing_words){.min_count = 1, .vocab_from = DP_VOCAB_FROM_TRAIN};
        const int before = scratch_count();
        unlink(output);
        dp_packing packing;
        allocations_left = 5;
        expect_failure(dp_packing_run(&packing, &packing_request, NULL, &error), DP_ERR_MEMORY,
                       "out of memory", &error);
        allocations_left = -1;
        assert_int_equal(scratch_count(), kind == 0 ? before : before - 1);
        assert_true(fail_each_allocation(pack_text) >= 20);
        assert_int_equal(scratch_count(), kind == 0 ? before + 1 : before);
    }
}

static dp_status load_config(dp_error *error) {
    dp_config config;
    char *assignments[] = {"train.lr_milestones=1,2,3"};
    return dp_config_load(&config, scratch_path("config.ini"), 1, assignments, error);
}

static void test_memory_failures_while_loading_a_config(void **state) {
    (void)state;
    static const char text[] = "[train]\nsteps = 5\n[run]\ndir = a/very/long\n   /folder\n";
    dp_error error = {0};
    expect_ok(dp_file_write(scratch_path("config.ini"), text, sizeof text - 1, &error), &error);
    assert_true(fail_each_allocation(load_config) >= 2);
}

static dp_status add_metrics(dp_error *error) {
    dp_journal metrics;
    dp_metrics_row row = {.step = 5};
    char notice[DP_METRICS_NOTICE_SIZE];
    dp_metrics_past past;
    dp_status status =
        dp_metrics_open(&metrics, scratch_path("metrics.csv"), 5, 0, &past, notice, error);
    if (status == DP_OK)
        status = dp_metrics_append(&metrics, &row, error);
    dp_journal_close(&metrics);
    return status;
}

static void test_memory_failures_while_writing_metrics(void **state) {
    (void)state;
    assert_true(fail_each_allocation(add_metrics) >= 2);
}

static dp_status write_summary(dp_error *error) {
    const dp_evaluation evaluations[DP_SPLIT_COUNT] = {{.count = 1}, {.count = 2}, {.count = 3}};
    const dp_summary summary = {
        .evaluations = evaluations, .progress.best_step = 1, .build = "a build"};
    dp_facts facts = {0};
    dp_summary_add(&facts, &summary);
    const dp_status status = dp_summary_write(&facts, scratch_path("summary.json"), error);
    dp_facts_clear(&facts);
    return status;
}

static void test_memory_failures_while_writing_the_summary(void **state) {
    (void)state;
    assert_true(fail_each_allocation(write_summary) >= 2);
}

static dp_status search_run(dp_error *error) {
    char path[DP_PATH_SIZE];
    dp_status status = dp_run_folder_find(scratch_path("run"), path, error);
    if (status == DP_OK)
        status = dp_run_folder_prune(scratch_path("run"), 100, 50, error);
    return status;
}

static void test_memory_failures_while_searching_a_run(void **state) {
    (void)state;
    dp_error error = {0};
    expect_ok(dp_run_folder_create(scratch_path("run"), &error), &error);
    for (uint64_t step = 1; step <= 20; step++) { /* more than the first room for them */
        char path[DP_PATH_SIZE];
        expect_ok(dp_checkpoint_files_path(scratch_path("run"), step, path, &error), &error);
        expect_ok(dp_file_write(path, "x", 1, &error), &error);
    }
    assert_true(fail_each_allocation(search_run) >= 2);
}

static dp_status read_summary(dp_error *error) {
    dp_summary_results results;
    return dp_summary_read(&results, scratch_path("summary.json"), error);
}

static void test_memory_failures_while_reading_a_summary(void **state) {
    (void)state;
    dp_error error = {0};
    expect_ok(write_summary(&error), &error);
    assert_true(fail_each_allocation(read_summary) >= 1);
}

/* Reads a plan and writes the table of its results, one of two trials being done. */
static dp_status sweep(dp_error *error) {
    dp_sweep_plan plan;
    dp_text table = {0};
    char *assignments[] = {"sweep.dir=swept", "train.steps=5"};
    dp_status status = dp_sweep_plan_read(&plan, scratch_path("sweep.ini"), 2, assignments, error);
    if (status != DP_OK)
        return status;
    status = dp_path_format(plan.settings.dir, error, "%s", scratch_path("swept"));
    const dp_sweep_ensemble ensemble = {.count = 2, .members = {1, 0}};
    const dp_sweep_outcome outcomes[2] = {{.state = DP_SWEEP_FAILED, .error.message = "why, oh"},
                                          {.state = DP_SWEEP_DONE}};
    if (status == DP_OK)
        status = dp_sweep_table_write(&plan, outcomes, &ensemble, &table, error);
    dp_text_clear(&table);
    dp_sweep_plan_clear(&plan);
    return status;
}

static void test_memory_failures_while_planning_a_sweep_and_telling_of_it(void **state) {
    (void)state;
    static const char text[] = "[sweep]\nconfig = base.ini\n[grid]\ntrain.seed = 1 2\n"
                               "[trials]\ncolumns = train.lr reference\na = 0.1 2\n";
    dp_error error = {0};
    expect_ok(dp_file_write(scratch_path("base.ini"), "", 0, &error), &error);
    expect_ok(dp_file_write(scratch_path("sweep.ini"), text, sizeof text - 1, &error), &error);
    assert_true(fail_each_allocation(sweep) >= 20);
}

/* A text that found no memory is noticed where it is used, which is when the figure is written. */
static dp_status check_figure(dp_gnuplot_figure *figure, dp_status status, dp_error *error) {
    if (status == DP_OK)
        status = dp_text_check(&figure->values, error);
    if (status == DP_OK)
        status = dp_text_check(&figure->data, error);
    dp_gnuplot_clear(figure);
    return status;
}

static dp_status make_figures(dp_error *error) {
    dp_status status = DP_OK;
    dp_history history[2];
    dp_run_curves curves[2];
    dp_gnuplot_figure figure;
    const char *const names[] = {"one", "two"};
    const uint64_t counts[] = {5, 1, 3};
    memset(history, 0, sizeof history);
    memset(curves, 0, sizeof curves);
    for (int i = 0; i < 2; i++) {
        DP_OR_DONE(dp_metrics_read(&history[i].metrics, scratch_path("curves.csv"), error));
        DP_OR_DONE(dp_losses_read(&history[i].losses, scratch_path("curves.f32"), error));
        DP_OR_DONE(dp_run_curves_find(&history[i], &curves[i], error));
    }
    DP_OR_DONE(check_figure(&figure, dp_figure_loss("one", history, &figure, error), error));
    DP_OR_DONE(check_figure(&figure, dp_figure_train_dev("one", history, &figure, error), error));
    DP_OR_DONE(check_figure(&figure, dp_figure_compare(2, names, curves, &figure, error), error));
    for (int pca = 0; pca < 2; pca++)
        DP_OR_DONE(check_figure(
            &figure, dp_figure_embedding("one", &checkpoint, counts, pca == 1, &figure, error),
            error));
done:
    for (int i = 0; i < 2; i++) {
        dp_history_clear(&history[i]);
        dp_run_curves_clear(&curves[i]);
    }
    return status;
}

static void test_memory_failures_while_making_figures(void **state) {
    (void)state;
    static const char content[] = "step,loss,batch_loss,lr,train_loss,dev_loss\n"
                                  "10,3,3.5,0.1,,\n20,2.5,2.75,0.1,,2.5\n30,2,2.25,0.01,,2.25\n";
    static dp_losses losses;
    dp_error error = {0};
    uint64_t known = 0;
    expect_ok(dp_file_write(scratch_path("curves.csv"), content, sizeof content - 1, &error),
              &error);
    expect_ok(dp_losses_open(&losses, scratch_path("curves.f32"), 1001, &known, &error), &error);
    for (int i = 0; i < 1100; i++) /* too many to be shown one by one */
        dp_losses_add(&losses, 2.5);
    expect_ok(dp_losses_sync(&losses, &error), &error);
    dp_losses_close(&losses);
    assert_true(fail_each_allocation(make_figures) >= 40);
}

static dp_status write_figure(dp_error *error) {
    dp_gnuplot_figure figure = {.name = "figure", .width = 1, .height = 1, .script = "plot x\n"};
    dp_text_append(&figure.values, "who = '\xE4\xB8\x80'\n");
    dp_status status = dp_text_check(&figure.values, error);
    if (status == DP_OK)
        status = dp_gnuplot_write(&figure, scratch_folder, error);
    dp_gnuplot_clear(&figure);
    return status;
}

static void test_memory_failures_while_writing_a_figure(void **state) {
    (void)state;
    assert_true(fail_each_allocation(write_figure) >= 4);
}

static dp_status draw_samples(dp_error *error) {
    dptrain_error said;
    dptrain_model *model = NULL;
    dptrain_sampling how;
    const char *text = NULL;
    dptrain_sampling_init(&how, sizeof how);
    how.prompt = "ab";
    dptrain_status status = dptrain_open(&model, scratch_path("asked.h5"), &said);
    if (status == DPTRAIN_OK)
        status = dptrain_sample(model, &how, 0, &text, &said);
    dptrain_close(model);
    return status == DPTRAIN_OK ? DP_OK : dp_fail(error, (dp_status)status, "%s", said.message);
}

static void test_memory_failures_while_drawing_samples(void **state) {
    (void)state;
    dp_error error = {0};
    expect_ok(dp_checkpoint_save(&checkpoint, scratch_path("asked.h5"), &error), &error);
    assert_true(fail_each_allocation(draw_samples) >= 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_failures_while_saving_a_checkpoint),
        cmocka_unit_test(test_memory_failures_while_loading_a_checkpoint),
        cmocka_unit_test(test_memory_failures_while_creating_a_model),
        cmocka_unit_test(test_memory_failures_while_counting_trigrams),
        cmocka_unit_test(test_memory_failures_while_creating_a_wide_model),
        cmocka_unit_test(test_memory_failures_while_listing_occurrences),
        cmocka_unit_test(test_memory_failures_while_packing),
        cmocka_unit_test(test_memory_failures_while_loading_a_config),
        cmocka_unit_test(test_memory_failures_while_writing_metrics),
        cmocka_unit_test(test_memory_failures_while_writing_the_summary),
        cmocka_unit_test(test_memory_failures_while_searching_a_run),
        cmocka_unit_test(test_memory_failures_while_reading_a_summary),
        cmocka_unit_test(test_memory_failures_while_planning_a_sweep_and_telling_of_it),
        cmocka_unit_test(test_memory_failures_while_making_figures),
        cmocka_unit_test(test_memory_failures_while_writing_a_figure),
        cmocka_unit_test(test_memory_failures_while_drawing_samples),
    };
    return cmocka_run_group_tests_name("memory_failures_train", tests, set_up, tear_down);
}
