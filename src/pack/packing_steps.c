#include "pack/packing_steps.h"

#include "base/digest.h"
#include "base/size.h"

#include <stdio.h>

/* int(share * count) */
static size_t share_of(double share, size_t count) {
    return dp_size_min((size_t)(share * (double)count), count);
}

dp_status dp_packing_cut(const dp_packing_request *request, size_t count, const char *what,
                         size_t cuts[2], dp_error *error) {
    const double *shares = request->split.values;
    cuts[0] = share_of(shares[0], count);
    cuts[1] = share_of(dp_packing_share_sum(shares[0], shares[1]), count);
    const size_t sizes[DP_SPLIT_COUNT] = {cuts[0], cuts[1] - cuts[0], count - cuts[1]};
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        if (sizes[split] == 0)
            return dp_fail(error, DP_ERR_INPUT,
                           "split %g,%g,%g leaves %s none of the %zu %s of %.200s: change "
                           "--split or add %s",
                           shares[0], shares[1], shares[2], dp_split_name((dp_split)split), count,
                           what, request->inputs[0], what);
    }
    return DP_OK;
}

/* The digest of one text, or of the digests of several, one a line. */
static dp_status digest_texts(const dp_file_map *const *texts, int count, dp_dataset_info *info,
                              dp_error *error) {
    dp_status status = DP_OK;
    dp_text digests = {0};
    for (int i = 0; i < count; i++) {
        DP_OR_DONE(dp_sha256_of(texts[i]->data, texts[i]->size, info->source_sha256, error));
        dp_text_append_format(&digests, "%s\n", info->source_sha256);
    }
    DP_OR_DONE(dp_text_check(&digests, error));
    if (count > 1)
        DP_OR_DONE(
            dp_sha256_of(dp_text_string(&digests), digests.length, info->source_sha256, error));
done:
    dp_text_clear(&digests);
    return status;
}

dp_status dp_packing_describe(const dp_packing_request *request, const dp_file_map *const *texts,
                              int count, dp_dataset_info *info, dp_error *error) {
    info->block_size = request->block_size;
    info->seed = request->seed;
    size_t length = 0;
    for (int i = 0; i < count; i++) { /* names that are too long are cut */
        int written = snprintf(info->source + length, sizeof info->source - length, "%s%s",
                               i == 0 ? "" : ", ", dp_path_base(request->inputs[i]));
        length += written < 0 ? 0 : (size_t)written;
        if (length >= sizeof info->source)
            break;
    }
    return digest_texts(texts, count, info, error);
}

dp_status dp_packing_check_termination(const dp_termination *termination, dp_error *error) {
    if (termination != NULL && dp_termination_pending(termination) != 0)
        return dp_fail(error, DP_ERR_IO, "asked to end; nothing was written");
    return DP_OK;
}
