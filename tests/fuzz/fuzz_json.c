/* The summary.json of a run, which `plot` and `report` read. */
#include "fuzz.h"
#include "run/summary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[DP_PATH_SIZE];
    dp_summary_results results;
    dp_error error = {0};
    snprintf(path, sizeof path, "%s", fuzz_path("summary"));
    fuzz_write(path, data, size);
    dp_status status = dp_summary_read(&results, path, &error);
    if (status != DP_OK)
        fuzz_check_error(status, &error);
    unlink(path);
    return 0;
}
