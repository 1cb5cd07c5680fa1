#include "cli/checkpoint_argument.h"

#include "train/run_folder.h"

static dp_status choose(const char *option, int count, char *const *positionals,
                        char path[DP_PATH_SIZE], dp_error *error) {
    if (count > 1 || (count == 1 && option[0] != '\0'))
        return dp_fail(error, DP_ERR_INPUT, "one checkpoint or run folder at a time, not also '%s'",
                       positionals[count - 1]);
    return dp_run_folder_find(count == 1 ? positionals[0] : option, path, error);
}

dp_status dp_checkpoint_argument_load(dp_comm *comm, const char *option, int count,
                                      char *const *positionals, dp_checkpoint *checkpoint,
                                      char path[DP_PATH_SIZE], dp_error *error) {
    dp_status status = DP_OK;
    /* Rank 0 looks for it, as the newest run may change while others look. */
    if (dp_comm_rank(comm) == 0)
        status = choose(option, count, positionals, path, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    dp_comm_broadcast(comm, path, DP_PATH_SIZE);
    status = dp_checkpoint_load(checkpoint, path, error);
    DP_TRY(dp_comm_agree(comm, status, error));
done:
    return status;
}
