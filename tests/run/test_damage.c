/* Damage anywhere in a checkpoint or a dataset is found and named: each byte of what is not numbers
 * changed, every 64th of what is, and the file cut at every 512th byte. Nothing crashes, and no
 * other values are believed. */
#include "base/memory.h"
#include "run/checkpoint.h"
#include "support/add_rows.h"
#include "support/expect.h"
#include "support/scratch.h"

#include <fcntl.h>

#define CUT 512
#define SPARSE 64 /* of the numbers, which have a checksum of their own */

/* A file that is damaged, looked at, and mended. */
typedef struct patient {
    const char *path;
    size_t size;
    unsigned char *bytes; /* as they should be */
    int descriptor;
} patient;

static void admit(patient *self, const char *path) {
    dp_error error = {0};
    dp_file_map map;
    expect_ok(dp_file_map_open(&map, path, &error), &error);
    self->path = path;
    self->size = map.size;
    self->bytes = dp_memory_zeroed(map.size, 1, &error);
    assert_non_null(self->bytes);
    memcpy(self->bytes, map.data, map.size);
    dp_file_map_close(&map);
    self->descriptor = open(path, O_RDWR);
    assert_true(self->descriptor >= 0);
}

static void dismiss(patient *self) {
    close(self->descriptor);
    dp_memory_free(self->bytes);
}

static void put(const patient *self, size_t at, unsigned char byte) {
    assert_int_equal(pwrite(self->descriptor, &byte, 1, (off_t)at), 1);
}

static void cut(const patient *self, size_t size) {
    assert_int_equal(ftruncate(self->descriptor, (off_t)size), 0);
}

static void mend(const patient *self) {
    assert_int_equal(pwrite(self->descriptor, self->bytes, self->size, 0), (ssize_t)self->size);
}

/* Reads the file and refuses it, naming it; `what` is for the failure of this test. */
typedef dp_status (*reader)(const char *path, dp_error *error);

static void expect_found(const patient *self, reader read_file, const char *what, size_t at) {
    dp_error error = {0};
    dp_status status = read_file(self->path, &error);
    if (status != DP_ERR_INPUT)
        fail_msg("%s at byte %zu of %zu: status %d, not %d", what, at, self->size, (int)status,
                 (int)DP_ERR_INPUT);
    if (strstr(error.message, self->path) == NULL)
        fail_msg("%s at byte %zu: \"%s\" does not name %s", what, at, error.message, self->path);
}

static void expect_all_found(const patient *self, reader read_file,
                             bool (*is_number)(size_t at, const void *context),
                             const void *context) {
    dp_error error = {0};
    size_t changes = 0;
    for (size_t at = 0; at < self->size; at++) {
        if (at % SPARSE != 0 && is_number(at, context))
            continue;
        /* One bit of it, or all, in turn: small and large differences. */
        unsigned char mask = (unsigned char)(at % 3 == 0 ? 0xFF : 1u << (at % 8));
        put(self, at, self->bytes[at] ^ mask);
        expect_found(self, read_file, "changed", at);
        put(self, at, self->bytes[at]);
        changes++;
    }
    for (size_t size = 0; size < self->size; size += CUT) {
        cut(self, size);
        expect_found(self, read_file, "cut", size);
        mend(self);
    }
    for (size_t left = 1; left <= 300; left++) { /* the seals are shorter */
        cut(self, self->size - left);
        expect_found(self, read_file, "cut", self->size - left);
        mend(self);
    }
    expect_ok(read_file(self->path, &error), &error);
    print_message("%s: %zu of %zu bytes changed, cut at %zu places\n", self->path, changes,
                  self->size, (self->size + CUT - 1) / CUT + 300);
}

/* --- a checkpoint ----------------------------------------------------------------------------- */

static const char *const tokens[] = {".", "a", "b", "c"};
enum { TOKEN_COUNT = sizeof tokens / sizeof tokens[0] };

static void save_checkpoint(const char *path) {
    dp_error error = {0};
    dp_checkpoint checkpoint = {.facts = {.unit = DP_UNIT_CHAR, .block_size = 2}};
    char *assignments[] = {"model.embedding_dim=3", "model.hidden_dim=4", "train.optimizer=adamw"};
    expect_ok(dp_config_load(&checkpoint.config, NULL, 3, assignments, &error), &error);
    expect_ok(dp_vocabulary_init(&checkpoint.facts.vocabulary, tokens, TOKEN_COUNT, &error),
              &error);
    checkpoint.facts.progress = (dp_progress){.step = 100, .loss_sum = 1.5, .loss_count = 3};
    memset(checkpoint.facts.dataset_sha256, 'f', DP_SHA256_TEXT_SIZE - 1);
    snprintf(checkpoint.facts.build, sizeof checkpoint.facts.build, "a build");
    const dp_model_shape shape = {
        .vocab = TOKEN_COUNT, .block_size = 2, .embedding_dim = 3, .hidden_dim = 4};
    expect_ok(dp_params_layout_init(&checkpoint.layout, shape, &error), &error);
    checkpoint.params = dp_memory_zeroed(checkpoint.layout.length, sizeof(float), &error);
    assert_non_null(checkpoint.params);
    dp_params_init(&checkpoint.layout, DP_INIT_NORMAL, 42, checkpoint.params);
    checkpoint.facts.weights_hash = dp_params_hash(&checkpoint.layout, checkpoint.params);
    for (size_t slab = 0; slab < DP_OPTIMIZER_SLABS_MAX; slab++) {
        checkpoint.state[slab] = dp_memory_zeroed(checkpoint.layout.length, sizeof(float), &error);
        assert_non_null(checkpoint.state[slab]);
        dp_params_init(&checkpoint.layout, DP_INIT_NORMAL, 43 + slab, checkpoint.state[slab]);
    }
    expect_ok(dp_checkpoint_save(&checkpoint, path, &error), &error);
    dp_checkpoint_clear(&checkpoint);
}

static dp_status read_checkpoint(const char *path, dp_error *error) {
    dp_checkpoint checkpoint;
    dp_status status = dp_checkpoint_load(&checkpoint, path, true, error);
    if (status == DP_OK)
        dp_checkpoint_clear(&checkpoint);
    return status;
}

static bool nowhere(size_t at, const void *context) {
    (void)at;
    (void)context;
    return false;
}

static void test_damage_of_a_checkpoint_is_found(void **state) {
    (void)state;
    patient self;
    save_checkpoint(scratch_path("checkpoint.h5"));
    admit(&self, scratch_path("checkpoint.h5"));
    expect_all_found(&self, read_checkpoint, nowhere, NULL);
    dismiss(&self);
}

/* --- a dataset ----------------------------------------------------------------------------------
 */

static void pack(const char *path) {
    static const uint64_t rows[DP_SPLIT_COUNT] = {3000, 300, 400};
    dp_error error = {0};
    const dp_dataset_info info = {.block_size = 3, .source = "a text"};
    dp_vocabulary vocabulary;
    row_adder adder = {0};
    expect_ok(dp_vocabulary_init(&vocabulary, tokens, TOKEN_COUNT, &error), &error);
    expect_ok(dp_dataset_writer_create(&adder.writer, path, &info, &vocabulary, rows, &error),
              &error);
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        for (uint64_t row = 0; row < rows[split]; row++) {
            const uint32_t id = (uint32_t)(row * row / 7 % TOKEN_COUNT);
            expect_ok(add_rows(&adder, (dp_split)split, &id, 1, &error), &error);
        }
    }
    expect_ok(commit_rows(&adder, &error), &error);
    clear_rows(&adder);
    dp_vocabulary_clear(&vocabulary);
}

static dp_status read_dataset(const char *path, dp_error *error) {
    dp_dataset dataset;
    dp_status status = dp_dataset_open(&dataset, path, error);
    if (status != DP_OK)
        return status;
    status = dp_dataset_check(&dataset, 0, 1, error);
    dp_dataset_close(&dataset);
    return status;
}

static bool is_in(size_t at, const dp_dataset *dataset, const dp_id_tensor *tensor) {
    size_t first = (size_t)(tensor->data - dataset->map.data);
    return at >= first && at < first + tensor->rows * tensor->columns * dataset->id_bytes;
}

static bool is_id(size_t at, const void *context) {
    const dp_dataset *dataset = context;
    bool is = false;
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        is = is || is_in(at, dataset, &dataset->tensors[DP_CONTEXTS(split)]) ||
             is_in(at, dataset, &dataset->tensors[DP_TARGETS(split)]);
    return is;
}

static void test_damage_of_a_dataset_is_found(void **state) {
    (void)state;
    dp_error error = {0};
    dp_dataset dataset;
    patient self;
    pack(scratch_path("dataset.h5"));
    expect_ok(dp_dataset_open(&dataset, scratch_path("dataset.h5"), &error), &error);
    admit(&self, scratch_path("dataset.h5"));
    expect_all_found(&self, read_dataset, is_id, &dataset);
    dismiss(&self);
    dp_dataset_close(&dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage_of_a_checkpoint_is_found),
        cmocka_unit_test(test_damage_of_a_dataset_is_found),
    };
    return cmocka_run_group_tests_name("damage", tests, scratch_create, scratch_remove);
}
