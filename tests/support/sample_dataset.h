/* sample_dataset: a small dataset of made-up content for tests of what is done with its file. */
#ifndef DP_TESTS_SAMPLE_DATASET_H
#define DP_TESTS_SAMPLE_DATASET_H

#include "add_rows.h"
#include "expect.h"

#define SAMPLE_DATASET_VOCAB 4

/* `variant` changes the ids, but not the size of the file. */
static inline void sample_dataset_write(const char *path, uint32_t variant) {
    static const char *const tokens[SAMPLE_DATASET_VOCAB] = {".", "a", "e", "m"};
    const uint64_t rows[DP_SPLIT_COUNT] = {100, 100, 100};
    dp_error error = {0};
    dp_vocabulary vocabulary = {0};
    row_adder adder = {0};
    dp_dataset_info info = {.unit = DP_UNIT_CHAR, .block_size = 3};
    uint32_t ids[100];
    for (uint32_t i = 0; i < 100; i++)
        ids[i] = (i * i + variant) % SAMPLE_DATASET_VOCAB;
    expect_ok(dp_vocabulary_init(&vocabulary, tokens, SAMPLE_DATASET_VOCAB, &error), &error);
    expect_ok(dp_dataset_writer_create(&adder.writer, path, &info, &vocabulary, rows, &error),
              &error);
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        expect_ok(add_rows(&adder, (dp_split)split, ids, 100, &error), &error);
    expect_ok(commit_rows(&adder, &error), &error);
    clear_rows(&adder);
    dp_vocabulary_clear(&vocabulary);
}

#endif
