/* dump_dataset: what a dataset holds, as text, for scripts to compare with what Python computes.
 *
 *     dump_dataset FILE        a line for each split: its name, its rows, and the SHA-256 of the
 *                              bytes of its contexts and then of its targets
 *     dump_dataset FILE rows   the training rows, a line each: the context, a blank, the target; of
 *                              words, with a blank between any two
 *     dump_dataset FILE dev    the same of another split (test, train)
 *     dump_dataset FILE vocab  the tokens, a line each, and how often each was seen
 */
#include "base/memory.h"
#include "data/dataset.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static dp_status print_digest(const dp_dataset *dataset, dp_split split, dp_error *error) {
    char sha256[DP_SHA256_TEXT_SIZE];
    DP_OWNED(dp_memory_release) unsigned char *bytes = NULL;
    const uint64_t rows = dp_dataset_rows(dataset, split);
    const size_t targets = rows * dataset->id_bytes;
    const size_t contexts = targets * dataset->info.block_size;
    DP_TRY_NEW(bytes, contexts + targets);
    memcpy(bytes, dataset->tensors[DP_CONTEXTS(split)].data, contexts);
    memcpy(bytes + contexts, dataset->tensors[DP_TARGETS(split)].data, targets);
    dp_sha256_of(bytes, contexts + targets, sha256);
    printf("%s %" PRIu64 " %s\n", dp_split_name(split), rows, sha256);
    return DP_OK;
}

static void print_rows(const dp_dataset *dataset, dp_split split) {
    const char *blank = dataset->info.unit == DP_UNIT_WORD ? " " : "";
    for (uint64_t row = 0; row < dp_dataset_rows(dataset, split); row++) {
        uint32_t context[DP_BLOCK_SIZE_MAX], target = 0;
        dp_dataset_read_row(dataset, split, row, context, &target);
        for (uint64_t i = 0; i < dataset->info.block_size; i++)
            printf("%s%s", i == 0 ? "" : blank,
                   dp_vocabulary_token(&dataset->vocabulary, context[i]));
        printf(" %s\n", dp_vocabulary_token(&dataset->vocabulary, target));
    }
}

static dp_status print_vocabulary(const dp_dataset *dataset, dp_error *error) {
    dp_status status = DP_OK;
    dp_h5reader file = {0};
    dp_h5location counts;
    DP_OR_DONE(dp_h5reader_open(&file, dataset->path, error));
    DP_OR_DONE(dp_h5reader_locate_integers(&file, "/vocab/counts", 1, &counts, error));
    if (counts.bytes != 8 || counts.shape.size[0] != dataset->vocabulary.count) {
        status = dp_fail(error, DP_ERR_INPUT, "/vocab/counts has the wrong shape");
        goto done;
    }
    for (uint32_t id = 0; id < dataset->vocabulary.count; id++) {
        uint64_t count = 0;
        memcpy(&count, dataset->map.data + counts.offset + 8 * id, sizeof count);
        printf("%s %" PRIu64 "\n", dp_vocabulary_token(&dataset->vocabulary, id), count);
    }
done:
    dp_h5reader_close(&file);
    return status;
}

static dp_status dump(dp_dataset *dataset, const char *path, const char *what, dp_error *error) {
    dp_status status = DP_OK;
    DP_OR_DONE(dp_dataset_open(dataset, path, error));
    DP_OR_DONE(dp_dataset_check(dataset, 0, 1, error));
    if (strcmp(what, "vocab") == 0)
        return print_vocabulary(dataset, error);
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        if (what[0] == '\0')
            DP_OR_DONE(print_digest(dataset, (dp_split)split, error));
        else if (strcmp(what, dp_split_name((dp_split)split)) == 0)
            print_rows(dataset, (dp_split)split);
    }
done:
    return status;
}

int main(int argument_count, char **arguments) {
    dp_dataset dataset = {0};
    dp_error error = {0};
    if (argument_count != 2 && argument_count != 3) {
        fputs("usage: dump_dataset FILE [rows|train|dev|test|vocab]\n", stderr);
        return DP_ERR_INPUT;
    }
    const char *what = argument_count == 3 ? arguments[2] : "";
    what = strcmp(what, "rows") == 0 ? "train" : what;
    dp_status status = dump(&dataset, arguments[1], what, &error);
    dp_dataset_close(&dataset);
    if (status != DP_OK)
        fprintf(stderr, "dump_dataset: %s\n", error.message);
    return (int)status;
}
