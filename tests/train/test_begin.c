/* Ten steps from the weights of a checkpoint, by each optimizer and each engine, against what
 * PyTorch made in float64 of the same weights with the same rows (tests/golden/make_golden.py). On
 * one rank: what more of them compute has the same bits. */
#include "engine/engine_kind.h"
#include "run/checkpoint.h"
#include "support/drawn_dataset.h"
#include "support/expect.h"
#include "support/golden.h"
#include "train/init_from.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_from_a_checkpoint_are_those_of_pytorch)};
    dp_error error;
    if (dp_comm_create(&comm, &error) != DP_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    int failures = cmocka_run_group_tests_name("begin", tests, NULL, NULL);
    dp_comm_destroy(comm);
    return failures;
}
