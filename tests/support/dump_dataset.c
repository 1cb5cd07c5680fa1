/* dump_dataset: what a dataset holds, as text, for scripts to compare with what Python computes.
 *
 *     dump_dataset FILE        a line for each split: its name, its rows, and the SHA-256 of the
 *                              bytes of its contexts and then of its targets
 *     dump_dataset FILE rows   the training rows, a line each: the context, a blank, the target
 */
#include "base/memory.h"
#include "data/dataset.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static dp_status print_digest(const dp_dataset *dataset, dp_split split, dp_error *error) {
    dp_status status = DP_OK;
    char sha256[DP_SHA256_TEXT_SIZE];
    unsigned char *bytes = NULL;
    const uint64_t rows = dp_dataset_rows(dataset, split);
    const size_t targets = rows * dataset->id_bytes;
    const size_t contexts = targets * dataset->info.block_size;
    DP_NEW_ARRAY(bytes, contexts + targets);
    memcpy(bytes, dataset->contexts[split].data, contexts);
    memcpy(bytes + contexts, dataset->targets[split].data, targets);
    DP_TRY(dp_sha256_of(bytes, contexts + targets, sha256, error));
    printf("%s %" PRIu64 " %s\n", dp_split_name(split), rows, sha256);
done:
    dp_memory_free(bytes);
    return status;
}

static void print_rows(const dp_dataset *dataset) {
    for (uint64_t row = 0; row < dp_dataset_rows(dataset, DP_SPLIT_TRAIN); row++) {
        uint32_t context[DP_BLOCK_SIZE_MAX], target = 0;
        dp_dataset_read_row(dataset, DP_SPLIT_TRAIN, row, context, &target);
        for (uint64_t i = 0; i < dataset->info.block_size; i++)
            fputs(dp_vocabulary_token(&dataset->vocabulary, context[i]), stdout);
        printf(" %s\n", dp_vocabulary_token(&dataset->vocabulary, target));
    }
}

static dp_status dump(dp_dataset *dataset, const char *path, bool rows, dp_error *error) {
    dp_status status = DP_OK;
    DP_TRY(dp_dataset_open(dataset, path, error));
    DP_TRY(dp_dataset_check(dataset, 0, 1, error));
    if (rows) {
        print_rows(dataset);
        goto done;
    }
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        DP_TRY(print_digest(dataset, (dp_split)split, error));
done:
    return status;
}

int main(int argument_count, char **arguments) {
    dp_dataset dataset = {0};
    dp_error error = {0};
    bool rows = argument_count == 3 && strcmp(arguments[2], "rows") == 0;
    if (argument_count != 2 && !rows) {
        fputs("usage: dump_dataset FILE [rows]\n", stderr);
        return DP_ERR_INPUT;
    }
    dp_status status = dump(&dataset, arguments[1], rows, &error);
    dp_dataset_close(&dataset);
    if (status != DP_OK)
        fprintf(stderr, "dump_dataset: %s\n", error.message);
    return (int)status;
}
