#include "pack/packing_job.h"

void dp_packing_watch(dp_packing_job *job) {
    if (job->termination != NULL)
        dp_termination_watch(job->termination);
}

dp_status dp_packing_check(const dp_packing_job *job, dp_error *error) {
    if (job->termination != NULL && dp_termination_pending(job->termination) != 0)
        return dp_fail(error, DP_ERR_IO, "asked to end; nothing was written");
    return DP_OK;
}

dp_status dp_packing_add(dp_packing_job *job, dp_split split, const uint32_t *ids, size_t count,
                         dp_error *error) {
    DP_TRY(dp_packing_check(job, error));
    DP_TRY(dp_dataset_writer_add(job->writer, split, ids, count, error));
    job->rows_done += count;
    dp_progress_line_show(&job->progress, job->rows_done, job->rows_total, "writing");
    return DP_OK;
}
