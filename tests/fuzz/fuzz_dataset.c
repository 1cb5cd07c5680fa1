/* A dataset file: it is refused, or every row of it can be read and holds ids of the vocabulary.
 * What is made up has a seal that does not match, as a damaged file has; so it is also tried with
 * the right one, as a hostile file has it. */
#include "data/dataset.h"
#include "data/dataset_seal.h"
#include "fuzz.h"

#define SEAL_WORD "dptrain-dataset-seal"

static void read_rows(const dp_dataset *dataset) {
    uint32_t context[DP_BLOCK_SIZE_MAX], target = 0;
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        for (uint64_t row = 0; row < dp_dataset_rows(dataset, (dp_split)split); row++) {
            dp_dataset_read_row(dataset, (dp_split)split, row, context, &target);
            fuzz_demand(target < dataset->vocabulary.count);
            for (uint64_t i = 0; i < dataset->info.block_size; i++)
                fuzz_demand(context[i] < dataset->vocabulary.count);
        }
        const dp_row_weights *weights = &dataset->weights[split];
        for (uint64_t part = 0; part < 64 && weights->examples > 0; part++)
            fuzz_demand(dp_row_weights_row(weights, part * (weights->examples / 64)) <
                        weights->rows);
        for (uint64_t line = 0; line < dp_row_weights_lines(weights); line++)
            fuzz_demand(dp_row_weights_line(weights, line).end <= weights->rows);
    }
}

static void open_and_read(const char *path) {
    static dp_dataset dataset; /* large: paths */
    dp_error error = {0};
    dp_status status = dp_dataset_open(&dataset, path, &error);
    if (status != DP_OK) {
        fuzz_check_error(status, &error);
        return;
    }
    status = dp_dataset_check(&dataset, 0, 1, &error);
    if (status == DP_OK)
        read_rows(&dataset);
    else
        fuzz_check_error(status, &error);
    dp_dataset_close(&dataset);
}

static size_t unsealed_size(const uint8_t *data, size_t size) {
    bool sealed = size >= DP_DATASET_SEAL_SIZE &&
                  memcmp(data + size - DP_DATASET_SEAL_SIZE, SEAL_WORD, strlen(SEAL_WORD)) == 0;
    return sealed ? size - DP_DATASET_SEAL_SIZE : size;
}

/* The seal is one over all bytes: nobody says that a hostile file has to leave out its ids. */
static void write_sealed(const char *path, const uint8_t *data, size_t size) {
    const dp_byte_range nothing_left_out[DP_DATASET_SEAL_TENSORS] = {{0}};
    const dp_file_map map = {.data = data, .size = size};
    char seal[DP_DATASET_SEAL_SIZE + 1];
    dp_error error = {0};
    fuzz_write(path, data, size);
    fuzz_demand(dp_dataset_seal_make(&map, path, nothing_left_out, seal, &error) == DP_OK);
    fuzz_append(path, seal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[DP_PATH_SIZE];
    snprintf(path, sizeof path, "%s", fuzz_path("dataset"));
    fuzz_write(path, data, size);
    open_and_read(path);
    if (unsealed_size(data, size) > 0) {
        write_sealed(path, data, unsealed_size(data, size));
        open_and_read(path);
    }
    unlink(path);
    return 0;
}
