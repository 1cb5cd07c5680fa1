/* A checkpoint file: it is refused, or can be saved again; and as a model of the library it is
 * refused, or can be asked anything. What is made up has a seal that does not
 * match, as a damaged file has; so it is also tried with the right one, as a hostile file has it.
 */
#include "base/digest.h"
#include "dptrain/dptrain.h"
#include "fuzz.h"
#include "run/checkpoint.h"

#define SEAL_WORD "dptrain-seal "
enum { SEAL_SIZE = 35 };

static void load(const char *path) {
    static dp_checkpoint checkpoint; /* large: paths */
    char again[DP_PATH_SIZE];
    dp_error error = {0};
    dp_status status = dp_checkpoint_load(&checkpoint, path, true, &error);
    if (status != DP_OK) {
        fuzz_check_error(status, &error);
        return;
    }
    snprintf(again, sizeof again, "%s", fuzz_path("again"));
    fuzz_demand(dp_checkpoint_save(&checkpoint, again, &error) == DP_OK);
    unlink(again);
    dp_checkpoint_clear(&checkpoint);
}

static void ask(const char *path) {
    dptrain_error error = {0};
    dptrain_model *model = NULL;
    dptrain_text_score score;
    dptrain_sampling how;
    const char *text = NULL;
    const dptrain_status status = dptrain_open(&model, path, &error);
    if (status != DPTRAIN_OK) {
        fuzz_demand(model == NULL && error.status == status && error.message[0] != '\0');
        return;
    }
    dptrain_sampling_init(&how, sizeof how);
    how.length = 3;
    fuzz_demand(dptrain_score(model, "ab <unk> c", 10, &score, sizeof score, &error) == DPTRAIN_OK);
    fuzz_demand(score.tokens > 0);
    fuzz_demand(dptrain_sample(model, &how, 0, &text, &error) == DPTRAIN_OK);
    dptrain_close(model);
}

static size_t unsealed_size(const uint8_t *data, size_t size) {
    bool sealed =
        size >= SEAL_SIZE && memcmp(data + size - SEAL_SIZE, SEAL_WORD, strlen(SEAL_WORD)) == 0;
    return sealed ? size - SEAL_SIZE : size;
}

static void write_sealed(const char *path, const uint8_t *data, size_t size) {
    char hash[DP_HASH_TEXT_SIZE], seal[SEAL_SIZE + 1];
    snprintf(seal, sizeof seal, SEAL_WORD "%s\n", dp_hash_format(dp_xxh3_of(data, size), hash));
    fuzz_write(path, data, size);
    fuzz_append(path, seal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[DP_PATH_SIZE];
    snprintf(path, sizeof path, "%s", fuzz_path("checkpoint"));
    fuzz_write(path, data, size);
    load(path);
    ask(path);
    write_sealed(path, data, unsealed_size(data, size));
    load(path);
    ask(path);
    unlink(path);
    return 0;
}
