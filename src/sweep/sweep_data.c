#include "sweep/sweep_data.h"

#include "pack/packing.h"
#include "system/output.h"

#include <stdio.h>
#include <string.h>

static dp_status digest_text(const char *path, char sha256[DP_SHA256_TEXT_SIZE], dp_error *error) {
    DP_OWNED(dp_file_map_close) dp_file_map text = {0};
    DP_TRY(dp_file_map_open(&text, path, error));
    dp_sha256_of(text.data, text.size, sha256);
    return DP_OK;
}

/* Of a file that is there: whether it is what packing the text would give. The text's digest is
 * formed for the first one. */
static dp_status check(const char *path, const char *text, char text_sha256[DP_SHA256_TEXT_SIZE],
                       dp_error *error) {
    DP_OWNED(dp_dataset_close) dp_dataset dataset = {0};
    DP_TRY(dp_dataset_open(&dataset, path, error));
    if (text_sha256[0] == '\0')
        DP_TRY(digest_text(text, text_sha256, error));
    if (strcmp(dataset.info.source_sha256, text_sha256) == 0)
        return DP_OK;
    return dp_fail(error, DP_ERR_MISMATCH,
                   "%s was packed from another text than %s: remove it, or choose another "
                   "sweep.dir",
                   path, text);
}

static dp_status pack(const char *path, const char *text, uint64_t block_size, bool quiet,
                      dp_error *error) {
    dp_packing_request request;
    dp_packing packed;
    char folder[DP_PATH_SIZE];
    DP_TRY(dp_path_format(folder, error, "%.*s", (int)(dp_path_base(path) - path), path));
    DP_TRY(dp_file_make_directories(folder, error));
    DP_TRY(dp_packing_request_init(&request, text, path, block_size, error));
    DP_TRY(dp_packing_run(&packed, &request, NULL, error));
    if (quiet)
        return DP_OK;
    dp_text_print(stdout, "%s: packed from %s, %s rows to train on\n", path, text,
                  DP_COUNT_TEXT(packed.rows[DP_SPLIT_TRAIN]));
    dp_output_flush(stdout);
    return DP_OK;
}

/* Whether an earlier trial has the same block size. */
static bool is_repeated(const dp_sweep_plan *plan, size_t trial) {
    for (size_t i = 0; i < trial; i++) {
        if (plan->trials[i].block_size == plan->trials[trial].block_size)
            return true;
    }
    return false;
}

dp_status dp_sweep_data_prepare(const dp_sweep_plan *plan, bool quiet, dp_error *error) {
    const char *text = plan->settings.text;
    char sha256[DP_SHA256_TEXT_SIZE] = "";
    for (size_t i = 0; i < plan->count; i++) {
        const dp_sweep_trial *trial = &plan->trials[i];
        const char *path = trial->config.data_path;
        if (trial->block_size == 0 || is_repeated(plan, i))
            continue;
        if (dp_file_exists(path))
            DP_TRY(check(path, text, sha256, error));
        else
            DP_TRY(pack(path, text, trial->block_size, quiet, error));
    }
    return DP_OK;
}
