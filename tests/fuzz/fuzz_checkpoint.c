/* A checkpoint file: it is refused, or can be saved again and read as the same; and as a model of
 * the library it is refused, or can be asked anything. What is made up has sums that do not match,
 * as a damaged file has; so it is also tried with the right ones, as a hostile file has them: of
 * all bytes, the seal, and of weights and state.
 */
#include "base/digest.h"
#include "dptrain/dptrain.h"
#include "fuzz.h"
#include "run/checkpoint.h"

#include <math.h>

static void load(const char *path) {
    static dp_checkpoint checkpoint, copy; /* large: paths */
    char again[DP_PATH_SIZE];
    dp_error error = {0};
    dp_status status = dp_checkpoint_load(&checkpoint, path, true, &error);
    if (status != DP_OK) {
        fuzz_check_error(status, &error);
        return;
    }
    snprintf(again, sizeof again, "%s", fuzz_path("again"));
    fuzz_demand(dp_checkpoint_save(&checkpoint, again, &error) == DP_OK);
    fuzz_demand(dp_checkpoint_load(&copy, again, true, &error) == DP_OK);
    fuzz_demand(copy.facts.weights_hash == checkpoint.facts.weights_hash);
    fuzz_demand(dp_vocabulary_equal(&copy.facts.vocabulary, &checkpoint.facts.vocabulary));
    unlink(again);
    dp_checkpoint_clear(&copy);
    dp_checkpoint_clear(&checkpoint);
}

/* --- questions -------------------------------------------------------------------------------- */

static void ask_next(dptrain_model *model, const dptrain_description *is) {
    dptrain_error error = {0};
    uint32_t *context = calloc(is->block_size, sizeof *context);
    double *values = malloc(is->vocab * sizeof *values);
    double sum = 0.0;
    fuzz_demand(context != NULL && values != NULL);
    fuzz_demand(dptrain_next(model, context, values, &error) == DPTRAIN_OK);
    for (size_t i = 0; i < is->vocab; i++) {
        fuzz_demand(values[i] >= 0.0 && values[i] <= 1.0);
        sum += values[i];
    }
    fuzz_demand(fabs(sum - 1.0) < 1e-3);
    context[is->block_size - 1] = (uint32_t)is->vocab;
    fuzz_demand(dptrain_next(model, context, values, &error) == DPTRAIN_ERR_INPUT);
    if (is->members == 0)
        fuzz_demand(dptrain_similarity(model, (uint32_t)is->vocab - 1, values, &error) ==
                    DPTRAIN_OK);
    free(values);
    free(context);
}

static void draw(dptrain_model *model, const dptrain_description *is) {
    dptrain_error error = {0};
    dptrain_sampling how;
    const char *text = NULL;
    dptrain_sampling_init(&how, sizeof how);
    how.length = 3;
    how.prompt = dptrain_token(model, (uint32_t)is->vocab - 1);
    /* A token of a hostile file may be none that a text can have, such as a blank. */
    if (dptrain_sample(model, &how, 0, &text, &error) != DPTRAIN_OK)
        fuzz_demand(error.status == DPTRAIN_ERR_INPUT && error.message[0] != '\0');
    how.prompt = "";
    how.top_p = 0.5;
    fuzz_demand(dptrain_sample(model, &how, 1, &text, &error) == DPTRAIN_OK && text != NULL);
}

/* Token by token. */
static void go_on(dptrain_model *model, const dptrain_description *is) {
    dptrain_error error = {0};
    dptrain_state state;
    double *values = malloc(is->vocab * sizeof *values);
    fuzz_demand(values != NULL);
    dptrain_state_begin(model, &state, sizeof state);
    for (uint32_t id = (uint32_t)is->vocab - 1; state.tokens < 3; id = id == 0 ? 0 : id - 1) {
        fuzz_demand(dptrain_state_next(model, &state, sizeof state, 1, values, &error) ==
                    DPTRAIN_OK);
        fuzz_demand(dptrain_state_push(model, &state, sizeof state, id, values, &error) ==
                    DPTRAIN_OK);
        fuzz_demand(!isnan(state.log_probability));
    }
    fuzz_demand(dptrain_state_push(model, &state, sizeof state, (uint32_t)is->vocab, NULL,
                                   &error) == DPTRAIN_ERR_INPUT);
    free(values);
}

static void score(dptrain_model *model) {
    static const char text[] = "ab <unk> c";
    dptrain_error error = {0};
    dptrain_text_score whole;
    dptrain_token_score tokens[sizeof text];
    size_t count = 0;
    fuzz_demand(dptrain_score(model, text, 10, &whole, sizeof whole, &error) == DPTRAIN_OK);
    fuzz_demand(whole.tokens > 0 && !isnan(whole.log_probability));
    fuzz_demand(dptrain_score_tokens(model, text, 10, tokens, sizeof tokens / sizeof tokens[0],
                                     sizeof tokens[0], &count, &error) == DPTRAIN_OK);
    fuzz_demand(count == whole.tokens);
}

static void expect_finite(const dptrain_tensor *tensor) {
    for (size_t row = 0; row < tensor->rows; row++) {
        for (size_t i = 0; i < tensor->columns; i++)
            fuzz_demand(
                isfinite(tensor->values[row * tensor->row_stride + i * tensor->column_stride]));
    }
}

static void ask(dptrain_model *model) {
    dptrain_description is;
    dptrain_tensor tensor;
    dptrain_describe(model, &is, sizeof is);
    fuzz_demand(is.vocab >= 1 && is.block_size >= 1 && is.parameters >= 1);
    for (size_t i = 0; dptrain_get_tensor(model, i, &tensor, sizeof tensor) == 1; i++)
        expect_finite(&tensor);
    fuzz_demand(dptrain_token(model, (uint32_t)is.vocab) == NULL);
    ask_next(model, &is);
    draw(model, &is);
    go_on(model, &is);
    score(model);
}

/* Writes it with its own weights: what comes of it is read. */
static void import(const dptrain_model *model) {
    char path[DP_PATH_SIZE];
    float *values[DP_TENSOR_COUNT] = {NULL};
    size_t count = 0;
    dptrain_error error = {0};
    dptrain_model *copy = NULL;
    dptrain_tensor tensor;
    for (; dptrain_get_tensor(model, count, &tensor, sizeof tensor) == 1; count++) {
        values[count] = malloc(tensor.rows * tensor.columns * sizeof(float));
        fuzz_demand(values[count] != NULL);
        for (size_t i = 0; i < tensor.rows * tensor.columns; i++)
            values[count][i] = tensor.values[i / tensor.columns * tensor.row_stride +
                                             i % tensor.columns * tensor.column_stride];
    }
    snprintf(path, sizeof path, "%s", fuzz_path("imported"));
    const dptrain_status status =
        dptrain_import(model, (const float *const *)values, count, path, &error);
    if (status == DPTRAIN_OK)
        fuzz_demand(dptrain_open(&copy, path, &error) == DPTRAIN_OK);
    else
        fuzz_demand(error.status == status && error.message[0] != '\0');
    dptrain_close(copy);
    unlink(path);
    for (size_t i = 0; i < count; i++)
        free(values[i]);
}

static void open_and_ask(const char *path) {
    dptrain_error error = {0};
    dptrain_model *model = NULL, *twice = NULL;
    const dptrain_status status = dptrain_open(&model, path, &error);
    if (status != DPTRAIN_OK) {
        fuzz_demand(model == NULL && error.status == status && error.message[0] != '\0');
        return;
    }
    ask(model);
    import(model);
    fuzz_demand(dptrain_ensemble(&twice, (dptrain_model *[]){model, model}, NULL, 2, &error) ==
                DPTRAIN_OK);
    ask(twice);
    dptrain_close(twice);
    dptrain_close(model);
}

/* --- sums ------------------------------------------------------------------------------------- */

/* Files with this content, and a seal. */
static void write_sealed(const char *path, const uint8_t *data, size_t size) {
    char seal[DP_MODEL_FILE_SEAL_SIZE + 1];
    snprintf(seal, sizeof seal, DP_MODEL_FILE_SEAL_WORD "%s\n",
             DP_HASH_TEXT(dp_xxh3_of(data, size)));
    fuzz_write(path, data, size);
    fuzz_append(path, seal);
}

static void put_hash(const dp_h5reader *reader, uint8_t *data, const char *name, uint64_t hash) {
    const char *text = DP_HASH_TEXT(hash);
    dp_h5value value;
    dp_error error;
    if (dp_h5image_find_attribute(&reader->image, name, &value, &error) == DP_OK &&
        value.bytes >= strlen(text))
        memcpy(data + (value.data - reader->image.bytes), text, strlen(text));
}

/* The XXH3 of those of the slabs of an optimizer, as far as they can be read. */
static uint64_t hash_state(const dp_model_file *file, const dp_params_layout *layout,
                           dp_optimizer_kind kind) {
    uint64_t hashes[DP_OPTIMIZER_SLABS_MAX] = {0};
    const size_t count = dp_optimizer_slabs(kind);
    char group[DP_OBJECT_SIZE];
    dp_error error;
    for (size_t i = 0; i < count; i++) {
        float *slab = NULL;
        snprintf(group, sizeof group, "/optimizer/%s", dp_optimizer_slab_name(kind, i));
        if (dp_model_file_read_slab(file, layout, group, &slab, &error) == DP_OK)
            hashes[i] = dp_params_hash(layout, slab);
        dp_memory_free(slab);
    }
    return dp_xxh3_of(hashes, count * sizeof hashes[0]);
}

/* Sets in `data`, of which a file with a seal is at `path`, the hashes right. */
static bool mend(const char *path, uint8_t *data) {
    static dp_config config; /* large: paths */
    dp_model_file file = {0};
    dp_model_shape shape;
    dp_params_layout layout;
    float *slab = NULL;
    dp_error error;
    const bool found = dp_model_file_open(&file, path, &error) == DP_OK &&
                       dp_model_file_shape(&file, &shape, &error) == DP_OK &&
                       dp_params_layout_init(&layout, shape, &error) == DP_OK &&
                       dp_model_file_read_slab(&file, &layout, "/params", &slab, &error) == DP_OK;
    if (found) {
        put_hash(&file.reader, data, "weights", dp_params_hash(&layout, slab));
        if (dp_config_parse(&config, dp_text_string(&file.config), file.config.length, path,
                            &error) == DP_OK)
            put_hash(&file.reader, data, "state",
                     hash_state(&file, &layout, config.optimizer.kind));
    }
    dp_memory_free(slab);
    dp_model_file_close(&file);
    return found;
}

static size_t unsealed_size(const uint8_t *data, size_t size) {
    const size_t front = size < DP_MODEL_FILE_SEAL_SIZE ? 0 : size - DP_MODEL_FILE_SEAL_SIZE;
    const bool sealed = front > 0 && memcmp(data + front, DP_MODEL_FILE_SEAL_WORD,
                                            strlen(DP_MODEL_FILE_SEAL_WORD)) == 0;
    return sealed ? front : size;
}

static void try(const char *path) {
    load(path);
    open_and_ask(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[DP_PATH_SIZE];
    const size_t front = unsealed_size(data, size);
    uint8_t *mended =
        calloc(1, front + DP_MODEL_FILE_SEAL_SIZE); /* what is found may lie in the seal */
    fuzz_demand(mended != NULL);
    memcpy(mended, data, front);
    snprintf(path, sizeof path, "%s", fuzz_path("checkpoint"));
    fuzz_write(path, data, size);
    try(path);
    write_sealed(path, mended, front);
    try(path);
    if (mend(path, mended) && memcmp(mended, data, front) != 0) {
        write_sealed(path, mended, front);
        try(path);
    }
    free(mended);
    unlink(path);
    return 0;
}
