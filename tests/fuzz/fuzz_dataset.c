/* A dataset file: it is refused, or every row of it can be read and holds ids of the vocabulary. */
#include "data/dataset.h"
#include "fuzz.h"

static void read_rows(const dp_dataset *dataset) {
    uint32_t context[DP_BLOCK_SIZE_MAX], target = 0;
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        for (uint64_t row = 0; row < dp_dataset_rows(dataset, (dp_split)split); row++) {
            dp_dataset_read_row(dataset, (dp_split)split, row, context, &target);
            fuzz_demand(target < dataset->vocabulary.count);
            for (uint64_t i = 0; i < dataset->info.block_size; i++)
                fuzz_demand(context[i] < dataset->vocabulary.count);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dp_dataset dataset; /* large: paths */
    char path[DP_PATH_SIZE];
    dp_error error = {0};
    snprintf(path, sizeof path, "%s", fuzz_path("dataset"));
    fuzz_write(path, data, size);
    dp_status status = dp_dataset_open(&dataset, path, &error);
    if (status != DP_OK) {
        fuzz_check_error(status, &error);
    } else {
        status = dp_dataset_check(&dataset, 0, 1, &error);
        if (status == DP_OK)
            read_rows(&dataset);
        else
            fuzz_check_error(status, &error);
        dp_dataset_close(&dataset);
    }
    unlink(path);
    return 0;
}
