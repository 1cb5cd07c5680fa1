/* The metrics.csv of a run, which `plot` reads and a run that goes on cuts back and appends to: it
 * is refused, or its steps ascend; and what a run has appended to can be read, with the new row
 * last. */
#include "fuzz.h"
#include "run/metrics.h"

#define NEXT_STEP 25

static dp_status read_table(const char *path, uint64_t *last) {
    dp_metrics_table table;
    dp_error error = {0};
    dp_status status = dp_metrics_read(&table, path, &error);
    if (status != DP_OK) {
        fuzz_check_error(status, &error);
        return status;
    }
    *last = 0;
    for (size_t i = 0; i < table.count; i++) {
        fuzz_demand(i == 0 || table.rows[i].step > table.rows[i - 1].step);
        *last = table.rows[i].step;
    }
    dp_metrics_table_clear(&table);
    return DP_OK;
}

/* As a run that resumes at the step before NEXT_STEP does. */
static dp_status append_row(const char *path) {
    static dp_journal metrics; /* large: paths */
    const dp_metrics_row row = {.step = NEXT_STEP, .loss = 1.0};
    dp_error error = {0};
    char notice[DP_METRICS_NOTICE_SIZE];
    dp_metrics_past past;
    dp_status status = dp_metrics_open(&metrics, path, NEXT_STEP - 1, 0, &past, notice, &error);
    if (status == DP_OK)
        status = dp_metrics_append(&metrics, &row, &error);
    if (status != DP_OK)
        fuzz_check_error(status, &error);
    dp_journal_close(&metrics);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[DP_PATH_SIZE];
    uint64_t last = 0;
    snprintf(path, sizeof path, "%s", fuzz_path("metrics"));
    fuzz_write(path, data, size);
    const bool was_good = read_table(path, &last) == DP_OK;
    if (append_row(path) == DP_OK && was_good) {
        fuzz_demand(read_table(path, &last) == DP_OK);
        fuzz_demand(last == NEXT_STEP);
    }
    unlink(path);
    return 0;
}
