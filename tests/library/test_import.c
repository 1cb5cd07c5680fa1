/* Weights from elsewhere in a checkpoint like another: what is written is read as any other, and
 * what cannot be is refused without a trace. */
#include "dptrain/dptrain.h"

#include "base/memory.h"
#include "run/checkpoint.h"
#include "support/expect.h"
#include "support/scratch.h"
#include "support/small_checkpoint.h"

#include <math.h>

enum { TENSORS = 5, ROOM = 64 };

static dp_checkpoint saved;
static char saved_path[512], path[512];
static dptrain_model *model;
static float tensors[TENSORS][ROOM]; /* those of the model, row-major */
static const float *values[TENSORS];

static int set_up(void **state) {
    dp_error error = {0};
    if (scratch_create(state) != 0)
        return -1;
    fill_small_checkpoint(&saved);
    saved.facts.progress = (dp_progress){.step = 7,
                                         .loss_sum = 5.0,
                                         .loss_count = 2,
                                         .best_loss = 2.5,
                                         .best_step = 6,
                                         .evaluations_since_best = 1,
                                         .contract = 2};
    snprintf(saved.facts.build, sizeof saved.facts.build,
             "dptrain of a test, and what computed it");
    for (size_t i = 0; i < saved.layout.length; i++)
        saved.state[0][i] = 3.0f;
    snprintf(saved_path, sizeof saved_path, "%s", scratch_path("c.h5"));
    snprintf(path, sizeof path, "%s", scratch_path("imported.h5"));
    expect_ok(dp_checkpoint_save(&saved, saved_path, &error), &error);
    return 0;
}

static int tear_down(void **state) {
    dp_checkpoint_clear(&saved);
    return scratch_remove(state);
}

static int open_saved(void **state) {
    (void)state;
    dptrain_tensor tensor;
    if (dptrain_open(&model, saved_path, NULL) != DPTRAIN_OK)
        return -1;
    for (size_t i = 0; dptrain_get_tensor(model, i, &tensor, sizeof tensor); i++) {
        for (size_t k = 0; k < tensor.rows * tensor.columns; k++)
            tensors[i][k] = tensor.values[k / tensor.columns * tensor.row_stride +
                                          k % tensor.columns * tensor.column_stride];
        values[i] = tensors[i];
    }
    return 0;
}

static int close_saved(void **state) {
    (void)state;
    unlink(path);
    dptrain_close(model);
    return 0;
}

static void import(void) {
    dptrain_error error;
    if (dptrain_import(model, values, TENSORS, path, &error) != DPTRAIN_OK)
        fail_msg("%s", error.message);
}

static void test_import_of_the_same_weights_has_their_hash(void **state) {
    (void)state;
    dptrain_model *same = NULL;
    dptrain_description before, after;
    import();
    expect_unsigned(dptrain_open(&same, path, NULL), DPTRAIN_OK);
    dptrain_describe(model, &before, sizeof before);
    dptrain_describe(same, &after, sizeof after);
    assert_string_equal(after.weights, before.weights);
    assert_string_equal(after.config, before.config);
    dptrain_close(same);
}

/* As at the beginning of a run, with the state that the config's optimizer then has. */
static void test_import_stands_at_the_beginning(void **state) {
    (void)state;
    dp_error error = {0};
    dp_checkpoint loaded;
    for (int i = 0; i < TENSORS; i++)
        for (int k = 0; k < ROOM; k++)
            tensors[i][k] = (float)(i + 1) + (float)k / 64.0f;
    import();
    expect_ok(dp_checkpoint_load(&loaded, path, true, &error), &error);
    for (int t = 0; t < TENSORS; t++)
        for (size_t k = 0; k < dp_tensor_size(&loaded.layout.tensors[t]); k++) {
            const size_t at = dp_tensor_index(&loaded.layout.tensors[t], k);
            expect_close((double)loaded.params[at], (double)tensors[t][k], 0.0);
            expect_close((double)loaded.state[0][at], 0.0, 0.0);
        }
    const dp_progress *progress = &loaded.facts.progress;
    expect_unsigned(progress->step + progress->loss_count + progress->best_step, 0);
    expect_unsigned(progress->evaluations_since_best, 0);
    expect_close(progress->loss_sum + progress->best_loss, 0.0, 0.0);
    expect_unsigned(progress->contract, 2);
    assert_string_equal(loaded.facts.build, "imported by dptrain " DP_VERSION);
    assert_string_equal(dp_vocabulary_token(&loaded.facts.vocabulary, 2), "b");
    dp_checkpoint_clear(&loaded);
}

static void expect_refusal(dptrain_model *like, size_t count, const char *to, const char *message) {
    dptrain_error error = {0};
    const int files = scratch_count();
    expect_unsigned(dptrain_import(like, values, count, to, &error), DPTRAIN_ERR_INPUT);
    if (strstr(error.message, message) == NULL)
        fail_msg("'%s' where '%s' was expected", error.message, message);
    assert_int_equal(scratch_count(), files);
}

static void test_import_refuses_what_is_no_model(void **state) {
    (void)state;
    dp_error error = {0};
    dptrain_model *ensemble = NULL;
    expect_refusal(model, 4, path, "4 tensors for a model that has 5");
    expect_refusal(model, 6, path, "6 tensors for a model that has 5");
    expect_refusal(model, TENSORS, scratch_path("step-00000007.h5"), "the name says step 7");
    tensors[2][1] = INFINITY;
    expect_refusal(model, TENSORS, path, "b1 has values that are not finite");
    tensors[2][1] = 3e38f;
    expect_refusal(model, TENSORS, path, "so large that no probabilities come of them");
    tensors[2][1] = 0.0f;
    expect_unsigned(dptrain_ensemble(&ensemble, &model, NULL, 1, NULL), DPTRAIN_OK);
    expect_refusal(ensemble, TENSORS, path, "an ensemble has no tensors");
    dptrain_close(ensemble);
    saved.params[0] += 1.0f;
    saved.facts.weights_hash = dp_params_hash(&saved.layout, saved.params);
    expect_ok(dp_checkpoint_save(&saved, saved_path, &error), &error);
    expect_refusal(model, TENSORS, path, "is another file than when it was opened");
}

/* A file from before there were optimizers has no state, and builds may say little. */
static void test_import_notes_itself_or_is_refused(void **state) {
    (void)state;
    dp_error error = {0};
    dptrain_model *terse = NULL;
    saved.facts.build[0] = '\0';
    expect_ok(dp_checkpoint_save(&saved, scratch_path("terse.h5"), &error), &error);
    expect_unsigned(dptrain_open(&terse, scratch_path("terse.h5"), NULL), DPTRAIN_OK);
    expect_refusal(terse, TENSORS, path, "build has no room for 'imported by dptrain");
    dptrain_close(terse);
}

static void test_import_replaces_a_file_whole_or_not(void **state) {
    (void)state;
    dptrain_error error = {0};
    dp_file_map before, after;
    dp_error failure = {0};
    expect_unsigned(dptrain_import(model, values, TENSORS, scratch_path("none/a.h5"), &error),
                    DPTRAIN_ERR_IO);
    assert_non_null(strstr(error.message, "none/a.h5"));
    FILE *notes = fopen(scratch_path("notes.h5"), "w");
    assert_non_null(notes);
    fputs("not a checkpoint\n", notes);
    fclose(notes);
    expect_refusal(model, TENSORS, scratch_path("notes.h5"), "notes.h5");
    import();
    expect_ok(dp_file_map_open(&before, path, &failure), &failure);
    tensors[0][0] = NAN;
    expect_refusal(model, TENSORS, path, "C has values that are not finite");
    expect_ok(dp_file_map_open(&after, path, &failure), &failure);
    expect_unsigned(after.size, before.size);
    assert_memory_equal(after.data, before.data, before.size);
    dp_file_map_close(&before);
    dp_file_map_close(&after);
}

#define WITH_MODEL(test) cmocka_unit_test_setup_teardown(test, open_saved, close_saved)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_MODEL(test_import_of_the_same_weights_has_their_hash),
        WITH_MODEL(test_import_stands_at_the_beginning),
        WITH_MODEL(test_import_replaces_a_file_whole_or_not),
        WITH_MODEL(test_import_notes_itself_or_is_refused),
        WITH_MODEL(test_import_refuses_what_is_no_model),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
