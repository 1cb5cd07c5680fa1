#include "cli/checkpoint_argument.h"

#include "data/find_dataset.h"
#include "run/run_folder.h"

#include <string.h>

static dp_status choose(const char *option, int count, char *const *positionals,
                        char path[DP_PATH_SIZE], dp_error *error) {
    if (count > 1 || (count == 1 && option[0] != '\0'))
        return dp_fail(error, DP_ERR_INPUT, "one checkpoint or run folder at a time, not also '%s'",
                       positionals[count - 1]);
    const char *given = count == 1 ? positionals[0] : option;
    DP_TRY(dp_run_folder_find(given, path, error));
    return dp_file_kind_expect(path, DP_FILE_CHECKPOINT, error);
}

dp_status dp_checkpoint_argument_status(dptrain_status status, const dptrain_error *said,
                                        dp_error *error) {
    return status == DPTRAIN_OK ? DP_OK : dp_fail(error, (dp_status)status, "%s", said->message);
}

dp_status dp_checkpoint_argument_open(const char *option, int count, char *const *positionals,
                                      dptrain_model **model, dp_error *error) {
    char path[DP_PATH_SIZE];
    dptrain_error said;
    DP_TRY(choose(option, count, positionals, path, error));
    return dp_checkpoint_argument_status(dptrain_open(model, path, &said), &said, error);
}

void dp_checkpoint_argument_close(dptrain_model **model) {
    dptrain_close(*model);
}

dp_status dp_checkpoint_argument_load(dp_comm *comm, const char *option, int count,
                                      char *const *positionals, dp_checkpoint *checkpoint,
                                      char path[DP_PATH_SIZE], dp_error *error) {
    /* Rank 0 looks for it, as the newest run may change while others look. */
    DP_TRY(DP_ON_ROOT(comm, choose(option, count, positionals, path, error)));
    dp_comm_broadcast(comm, path, DP_PATH_SIZE);
    DP_TRY(DP_ON_ROOT(comm, dp_checkpoint_load(checkpoint, path, false, error)));
    return dp_checkpoint_share(comm, checkpoint, error);
}

/* --- its dataset ---------------------------------------------------------------------------- */

static dp_status find_own(const dptrain_description *is, char path[DP_PATH_SIZE], dp_error *error) {
    dp_config config;
    DP_TRY(dp_config_parse(&config, is->config, strlen(is->config), is->path, error));
    return dp_dataset_find(config.data_path, is->path, is->dataset_sha256, path, error);
}

dp_status dp_checkpoint_argument_dataset(const dptrain_description *is, const char *data,
                                         dp_dataset *dataset, dp_error *error) {
    char path[DP_PATH_SIZE];
    const bool is_own = data[0] == '\0';
    DP_TRY(is_own ? find_own(is, path, error) : dp_path_format(path, error, "%s", data));
    DP_TRY(dp_dataset_open(dataset, path, error));
    if (is_own && strcmp(dataset->info.sha256, is->dataset_sha256) != 0)
        return dp_fail(error, DP_ERR_MISMATCH, "%s is not the dataset that %s was trained on", path,
                       is->path);
    return dp_dataset_check(dataset, 0, 1, error);
}
