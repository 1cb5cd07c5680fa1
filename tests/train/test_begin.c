/* What a run begins with and goes on with, on one rank: what more of them compute has the same
 * bits. Ten steps from the weights of a checkpoint, by each optimizer and each engine, against what
 * PyTorch made in float64 of the same weights with the same rows (tests/golden/make_golden.py). */
#include "engine/engine_kind.h"
#include "run/checkpoint.h"
#include "support/drawn_dataset.h"
#include "support/expect.h"
#include "support/golden.h"
#include "support/scratch.h"
#include "support/small_checkpoint.h"
#include "train/init_from.h"
#include "train/resume.h"

#include <stdio.h>

#define CHECKPOINT DP_TESTS_DIR "/golden/contract_1.h5"

/* Those of the checkpoint, but for the batch. */
enum { VOCAB = 27, BLOCK_SIZE = 3, BATCH = 33, STEPS = 10 };

/* A gradient whose elements are about epsilon has few digits here, of sums of 33 numbers up to
 * 1e-2: the last of them, 1e-9, is divided by 1e-3 and taken ten times with a rate of 0.1. */
#define ADAMW_LEAST 2e-6

static dp_comm *comm;
static drawn_dataset drawn;
static uint32_t contexts[STEPS * BATCH * BLOCK_SIZE], targets[STEPS * BATCH];

static const struct way {
    const char *name, *keys;
    const dp_engine_kind *kind;
} ways[] = {
    {"5 grains", "parallel.output=replicated train.grains=5", &dp_grain_engine_kind},
    {"split", "parallel.output=split", &dp_split_engine_kind},
};

static void load_config(dp_config *config, const char *of_way, const char *of_optimizer) {
    char text[512];
    snprintf(text, sizeof text,
             "train.batch_size=%d model.embedding_dim=2 model.hidden_dim=3 train.init_from=%s",
             BATCH, CHECKPOINT);
    golden_config(config, text, of_way, of_optimizer);
}

/* Its tokens are the checkpoint's. */
static void make_dataset(const dp_vocabulary *tokens) {
    dp_config config;
    load_config(&config, "", "");
    drawn_dataset_begin(&drawn, &config, STEPS, VOCAB, BLOCK_SIZE, contexts, targets);
    drawn.dataset.vocabulary = *tokens;
    for (uint32_t step = 0; step < STEPS; step++) {
        for (uint32_t r = 0; r < BATCH; r++) {
            uint32_t context[BLOCK_SIZE];
            for (uint32_t k = 0; k < BLOCK_SIZE; k++)
                context[k] = golden_token(step, r, k) % VOCAB;
            drawn_dataset_put(&drawn, step, r, context, golden_target(step, r) % VOCAB);
        }
    }
}

static int try_steps(const dp_h5reader *file, const struct way *by, size_t optimizer) {
    dp_error error = {0};
    dp_report silent = {0};
    dp_config config;
    dp_params_layout layout;
    void *engine = NULL;
    dp_build_info build = {.level = dp_cpu_level_detect()}; /* all have the same bits */
    load_config(&config, by->keys, golden_optimizers[optimizer].keys);
    config.sampling = drawn.sampler.sampling;
    expect_ok(dp_params_layout_init(&layout, dp_config_shape(&config, VOCAB, BLOCK_SIZE), &error),
              &error);
    dp_subject subject = {.comm = comm,
                          .config = &config,
                          .build = &build,
                          .dataset = &drawn.dataset,
                          .layout = &layout};
    expect_ok(by->kind->create(&engine, &subject, &error), &error);
    dp_params_init(&layout, DP_INIT_NORMAL, 1, subject.params);
    expect_ok(dp_init_from(&subject, &silent, &error), &error);
    by->kind->publish(engine);
    for (uint64_t number = 0; number < STEPS; number++) {
        const dp_step step = {.number = number, .lr = golden_optimizers[optimizer].rate};
        (void)by->kind->step(engine, &step);
    }
    by->kind->collect(engine);
    const int failures =
        golden_count_failures(file, "begin", by->name, optimizer, ADAMW_LEAST, &subject);
    by->kind->destroy(engine);
    return failures;
}

static void test_steps_from_a_checkpoint_are_those_of_pytorch(void **state) {
    (void)state;
    dp_error error = {0};
    dp_h5reader file = {0};
    dp_checkpoint from = {0};
    int failures = 0;
    expect_ok(dp_checkpoint_load(&from, CHECKPOINT, false, &error), &error);
    make_dataset(&from.facts.vocabulary);
    expect_ok(dp_h5reader_open(&file, DP_GOLDEN_FILE, &error), &error);
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        for (size_t o = 0; o < DP_GOLDEN_OPTIMIZERS; o++)
            failures += try_steps(&file, &ways[w], o);
    }
    dp_h5reader_close(&file);
    dp_checkpoint_clear(&from);
    assert_int_equal(failures, 0);
}

/* Goes on with a run whose checkpoint, of step 0 and ".", "a", "b", names the same dataset. */
static dp_status resume(const char *const *tokens, size_t count, uint64_t block_size, bool *found,
                        dp_error *error) {
    enum { LENGTH_MAX = 1024 };
    static float params[LENGTH_MAX], state[LENGTH_MAX];
    char run[DP_PATH_SIZE];
    char *keys[] = {"model.embedding_dim=2", "model.hidden_dim=3", "train.optimizer=momentum", run};
    dp_config config;
    dp_params_layout layout;
    dp_report silent = {0};
    dp_progress progress = {0};
    dp_build_info build = {.level = dp_cpu_level_detect()};
    dp_dataset dataset = {.path = "other.h5", .info = {.block_size = block_size, .sha256 = "same"}};
    expect_ok(dp_path_format(run, error, "run.dir=%s", scratch_path("run")), error);
    expect_ok(dp_config_load(&config, NULL, 4, keys, error), error);
    expect_ok(dp_vocabulary_init(&dataset.vocabulary, tokens, count, error), error);
    expect_ok(dp_params_layout_init(&layout, dp_config_shape(&config, count, block_size), error),
              error);
    assert_in_range(layout.length, 1, LENGTH_MAX);
    const dp_subject subject = {.comm = comm,
                                .config = &config,
                                .build = &build,
                                .dataset = &dataset,
                                .layout = &layout,
                                .params = params,
                                .state = {state}};
    const dp_status status = dp_resume(&subject, &silent, &progress, found, error);
    dp_vocabulary_clear(&dataset.vocabulary);
    return status;
}

static void test_resume_says_what_an_altered_checkpoint_differs_in(void **state) {
    (void)state;
    static const char *const tokens[] = {".", "a", "b"}, *const others[] = {".", "a", "c"};
    dp_error error = {0};
    bool found = true;
    dp_checkpoint from = {0};
    expect_ok(resume(tokens, 3, 2, &found, &error), &error);
    assert_false(found);
    fill_small_checkpoint(&from);
    from.facts.progress.contract = DP_NUMERICS_CONTRACT;
    memcpy(from.facts.dataset_sha256, "same", sizeof "same");
    expect_ok(dp_file_make_directories(scratch_path("run/checkpoints"), &error), &error);
    expect_ok(dp_checkpoint_save(&from, scratch_path("run/checkpoints/step-00000000.h5"), &error),
              &error);
    dp_checkpoint_clear(&from);
    expect_ok(resume(tokens, 3, 2, &found, &error), &error);
    assert_true(found); /* step 0 is one to go on from */
    expect_failure(resume(others, 3, 2, &found, &error), DP_ERR_MISMATCH,
                   "does not fit other.h5, though it names the same dataset: only the run has 'b'; "
                   "only the dataset has 'c'; run.dir=DIR",
                   &error);
    expect_failure(resume(tokens, 3, 4, &found, &error), DP_ERR_MISMATCH,
                   "same dataset: block size 2 of chars there, 4 of chars here; run.dir=DIR",
                   &error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_from_a_checkpoint_are_those_of_pytorch),
        cmocka_unit_test(test_resume_says_what_an_altered_checkpoint_differs_in),
    };
    dp_error error;
    if (dp_comm_create(&comm, &error) != DP_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    int failures = cmocka_run_group_tests_name("begin", tests, scratch_create, scratch_remove);
    dp_comm_destroy(comm);
    return failures;
}
