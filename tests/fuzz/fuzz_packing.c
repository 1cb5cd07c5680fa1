/* A text for pack_dataset, behind a byte that chooses the options: it is refused, or the dataset
 * that comes of it is whole. */
#include "data/packing.h"
#include "fuzz.h"

static void expect_whole(const char *path, const dp_packing *packing) {
    dp_error error = {0};
    dp_dataset dataset;
    fuzz_demand(dp_dataset_open(&dataset, path, &error) == DP_OK);
    fuzz_demand(dp_dataset_check(&dataset, 0, 1, &error) == DP_OK);
    fuzz_demand(dataset.vocabulary.count == packing->vocab);
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        fuzz_demand(dp_dataset_rows(&dataset, (dp_split)split) == packing->rows[split]);
    dp_dataset_close(&dataset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const boundaries[] = {".", "a", "\xC3\xA9", "\n"};
    static dp_packing_request request; /* large: paths */
    char text[DP_PATH_SIZE], output[DP_PATH_SIZE];
    dp_packing packing;
    dp_error error = {0};
    if (size == 0)
        return 0;
    snprintf(text, sizeof text, "%s", fuzz_path("text"));
    snprintf(output, sizeof output, "%s", fuzz_path("packed"));
    fuzz_write(text, data + 1, size - 1);
    fuzz_demand(dp_packing_request_init(&request, text, output, 1 + data[0] / 4 % 4, &error) ==
                DP_OK);
    snprintf(request.boundary, sizeof request.boundary, "%s", boundaries[data[0] % 4]);
    dp_status status = dp_packing_run(&packing, &request, NULL, &error);
    if (status == DP_OK)
        expect_whole(output, &packing);
    else
        fuzz_check_error(status, &error);
    unlink(output);
    unlink(text);
    return 0;
}
