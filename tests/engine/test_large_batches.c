/* Steps with batches of 8,192 rows by every way of computing them, against what PyTorch computed in
 * float64 (tests/golden/make_golden.py): errors do not grow with the number of rows. On one rank:
 * what more of them compute has the same bits. */
#include "base/memory.h"
#include "engine/engine_kind.h"
#include "support/drawn_dataset.h"
#include "support/expect.h"
#include "support/golden.h"

#include <stdio.h>

/* Two blocks of the output. */
enum { VOCAB = 250, BLOCK_SIZE = 3, BATCH = 8192, STEPS = 3 };

static dp_comm *comm;
static drawn_dataset drawn;
static uint32_t contexts[STEPS * BATCH * BLOCK_SIZE], targets[STEPS * BATCH];

/* A way to compute. */
typedef struct way {
    const char *name, *group; /* of golden values */
    const dp_engine_kind *kind;
    const char *keys;
    dp_layer1 layer1;
} way;

/* Models with direct connections share nothing of layer 1 between examples. */
static const way ways[] = {
    {"split", "large", &dp_split_engine_kind, "parallel.output=split", DP_LAYER1_CHOSEN},
    {"split, direct", "large_direct", &dp_split_engine_kind,
     "parallel.output=split model.direct=yes", DP_LAYER1_CHOSEN},
    {"split, clipping", "large", &dp_split_engine_kind,
     "parallel.output=split train.clip_norm=1000", DP_LAYER1_CHOSEN},
    {"1 grain, by rows", "large", &dp_grain_engine_kind, "train.grains=1", DP_LAYER1_BY_ROWS},
    {"1 grain, by contexts", "large", &dp_grain_engine_kind, "train.grains=1",
     DP_LAYER1_BY_CONTEXTS},
    {"256 grains, forward by pairs", "large", &dp_grain_engine_kind, "train.grains=256",
     DP_LAYER1_FORWARD_BY_PAIRS},
    {"256 grains, by pairs", "large", &dp_grain_engine_kind, "train.grains=256",
     DP_LAYER1_BY_PAIRS},
    {"1 grain, direct", "large_direct", &dp_grain_engine_kind, "train.grains=1 model.direct=yes",
     DP_LAYER1_CHOSEN},
    {"8 grains, direct", "large_direct", &dp_grain_engine_kind, "train.grains=8 model.direct=yes",
     DP_LAYER1_CHOSEN},
    {"64 grains, direct", "large_direct", &dp_grain_engine_kind, "train.grains=64 model.direct=yes",
     DP_LAYER1_CHOSEN},
    {"256 grains, direct", "large_direct", &dp_grain_engine_kind,
     "train.grains=256 model.direct=yes", DP_LAYER1_CHOSEN},
};

static void load_config(dp_config *config, const char *of_way, const char *of_optimizer) {
    char shape[96];
    snprintf(shape, sizeof shape, "train.batch_size=%d model.embedding_dim=4 model.hidden_dim=8",
             BATCH);
    golden_config(config, shape, of_way, of_optimizer);
}

/* A few tokens are half of all that are drawn. */
static uint32_t skewed(uint32_t number, uint32_t few) {
    return number % 2 == 0 ? number / 2 % few : number / 2 % VOCAB;
}

/* The same for all cases, as are seed and batch. */
static void make_dataset(void) {
    dp_config config;
    load_config(&config, "", "");
    drawn_dataset_begin(&drawn, &config, STEPS, VOCAB, BLOCK_SIZE, contexts, targets);
    for (uint32_t step = 0; step < STEPS; step++) {
        for (uint32_t r = 0; r < BATCH; r++) {
            uint32_t context[BLOCK_SIZE];
            for (uint32_t k = 0; k < BLOCK_SIZE; k++)
                context[k] = skewed(golden_token(step, r, k), 2);
            drawn_dataset_put(&drawn, step, r, context, skewed(golden_target(step, r), 8));
        }
    }
}

static int try_steps(const dp_h5reader *file, const way *by, size_t optimizer) {
    dp_error error = {0};
    dp_config config;
    dp_params_layout layout;
    void *engine = NULL;
    dp_build_info build = {.level = dp_cpu_level_detect()}; /* all have the same bits */
    load_config(&config, by->keys, golden_optimizers[optimizer].keys);
    config.sampling = drawn.sampler.sampling;
    config.layer1 = by->layer1;
    expect_ok(dp_params_layout_init(&layout, dp_config_shape(&config, VOCAB, BLOCK_SIZE), &error),
              &error);
    dp_subject subject = {.comm = comm,
                          .config = &config,
                          .build = &build,
                          .dataset = &drawn.dataset,
                          .layout = &layout};
    expect_ok(by->kind->create(&engine, &subject, &error), &error);
    golden_params(&layout, subject.params);
    by->kind->publish(engine);
    for (uint64_t number = 0; number < STEPS; number++) {
        const dp_step step = {.number = number, .lr = golden_optimizers[optimizer].rate};
        (void)by->kind->step(engine, &step);
    }
    by->kind->collect(engine);
    const int failures = golden_count_failures(file, by->group, by->name, optimizer, 0.0, &subject);
    by->kind->destroy(engine);
    return failures;
}

static void test_large_batches_lose_no_precision(void **state) {
    (void)state;
    dp_error error = {0};
    dp_h5reader file = {0};
    int failures = 0;
    make_dataset();
    expect_ok(dp_h5reader_open(&file, DP_GOLDEN_FILE, &error), &error);
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        for (size_t o = 0; o < DP_GOLDEN_OPTIMIZERS; o++) {
            failures += try_steps(&file, &ways[w], o);
        }
    }
    dp_h5reader_close(&file);
    assert_int_equal(failures, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_large_batches_lose_no_precision)};
    dp_error error;
    if (dp_comm_create(&comm, &error) != DP_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    int failures = cmocka_run_group_tests_name("large_batches", tests, NULL, NULL);
    dp_comm_destroy(comm);
    return failures;
}
