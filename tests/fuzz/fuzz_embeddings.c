/* Embeddings in word2vec's text format, with which a run may begin (train.init_embeddings). */
#include "formats/embedding_text.h"
#include "fuzz.h"

#include <math.h>

static dp_status read_tokens(dp_embedding_text *file, float *features, dp_error *error) {
    const char *token = NULL;
    size_t length = 0;
    do {
        const dp_status status = dp_embedding_text_next(file, &token, &length, features, error);
        if (status != DP_OK)
            return status;
        fuzz_demand(file->taken <= file->tokens);
        if (token == NULL)
            break;
        char *spelled = malloc(length + 1);
        fuzz_demand(spelled != NULL && length > 0 && memchr(token, ' ', length) == NULL);
        fuzz_demand(dp_embedding_text_blanks(token, length, spelled) <= length);
        free(spelled);
        for (uint64_t i = 0; i < file->features; i++)
            fuzz_demand(isfinite(features[i]));
    } while (true);
    fuzz_demand(file->taken == file->tokens);
    return DP_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[DP_PATH_SIZE];
    dp_embedding_text file = {.reader.descriptor = -1};
    dp_error error = {0};
    snprintf(path, sizeof path, "%s", fuzz_path("embeddings"));
    fuzz_write(path, data, size);
    dp_status status = dp_embedding_text_open(&file, path, &error);
    if (status == DP_OK) {
        fuzz_demand(file.features >= 1 && file.features <= DP_EMBEDDING_TEXT_FEATURES_MAX);
        float *features = calloc(file.features, sizeof *features);
        fuzz_demand(features != NULL);
        status = read_tokens(&file, features, &error);
        free(features);
    }
    if (status != DP_OK)
        fuzz_check_error(status, &error);
    dp_embedding_text_close(&file);
    unlink(path);
    return 0;
}
