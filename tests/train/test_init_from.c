/* What a run begins with, bit for bit: weights of a checkpoint for the tokens that it shares with
 * another dataset, and rows of a file of embeddings. */
#include "train/init_from.h"

#include "support/failing_memory.h"
#include "support/scratch.h"
#include "support/small_checkpoint.h"

#include <string.h>

enum { LENGTH_MAX = 1024 };

/* A dataset that is not there but for its vocabulary, with parameters of its own. */
typedef struct beginning {
    dp_config config;
    dp_dataset dataset;
    dp_params_layout layout;
    _Alignas(DP_ALIGNMENT) float params[LENGTH_MAX];
    _Alignas(DP_ALIGNMENT) float initial[LENGTH_MAX];
} beginning;

static void begin(beginning *self, const char *const *tokens, size_t count, int key_count,
                  char **keys) {
    dp_error error = {0};
    *self = (beginning){.dataset = {.path = "other.h5", .info.block_size = 2}};
    expect_ok(dp_config_load(&self->config, NULL, key_count, keys, &error), &error);
    expect_ok(dp_vocabulary_init(&self->dataset.vocabulary, tokens, count, &error), &error);
    expect_ok(
        dp_params_layout_init(&self->layout, dp_config_shape(&self->config, count, 2), &error),
        &error);
    assert_in_range(self->layout.length, 1, LENGTH_MAX);
    dp_params_init(&self->layout, DP_INIT_NORMAL, 2, self->initial);
    memcpy(self->params, self->initial, sizeof self->params);
}

static void clear(beginning *self) {
    dp_vocabulary_clear(&self->dataset.vocabulary);
}

static dp_status take(beginning *self, dp_error *error) {
    dp_report silent = {0};
    const dp_subject subject = {.config = &self->config,
                                .dataset = &self->dataset,
                                .layout = &self->layout,
                                .params = self->params};
    return dp_init_from(&subject, &silent, error);
}

static uint32_t bits_of(const float *value) {
    uint32_t bits;
    memcpy(&bits, value, sizeof bits);
    return bits;
}

/* The element of a tensor here is that of token ids[id] there, or with -1 what it was. */
static void expect_element(const beginning *self, const dp_checkpoint *from, int t, size_t row,
                           size_t col, const int *ids) {
    const dp_tensor *here = &self->layout.tensors[t], *there = &from->layout.tensors[t];
    const size_t at = dp_tensor_index(here, row * here->cols + col);
    const bool is_by_row = t == DP_TENSOR_C, is_by_col = t == DP_TENSOR_W2 || t == DP_TENSOR_B2;
    const int id = is_by_row ? ids[row] : is_by_col ? ids[col] : 0;
    const float *expected = &self->initial[at];
    if (id >= 0)
        expected = &from->params[dp_tensor_index(
            there, (is_by_row ? (size_t)id : row) * there->cols + (is_by_col ? (size_t)id : col))];
    if (bits_of(&self->params[at]) != bits_of(expected))
        fail_msg("%s[%zu][%zu] is %a, expected %a", here->name, row, col, (double)self->params[at],
                 (double)*expected);
}

static void expect_params(const beginning *self, const dp_checkpoint *from, const int *ids) {
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &self->layout.tensors[t];
        for (size_t i = 0; i < dp_tensor_size(tensor); i++)
            expect_element(self, from, t, i / tensor->cols, i % tensor->cols, ids);
    }
}

static void make_checkpoint(dp_checkpoint *from, char key[DP_PATH_SIZE]) {
    dp_error error = {0};
    const char *path = scratch_path("from.h5");
    fill_small_checkpoint(from); /* of ".", "a", "b" */
    expect_ok(dp_checkpoint_save(from, path, &error), &error);
    expect_ok(dp_path_format(key, &error, "train.init_from=%s", path), &error);
}

static void test_init_from_moves_weights_with_their_tokens(void **state) {
    (void)state;
    static const struct {
        const char *tokens[5];
        size_t count;
        int ids[5];
        const char *remap;
    } cases[] = {
        {{".", "a", "b"}, 3, {0, 1, 2}, "train.remap=no"},
        {{"#", "b", "a"}, 3, {0, 2, 1}, "train.remap=no"}, /* a boundary may have any name */
        {{".", "b"}, 2, {0, 2}, "train.remap=no"},
        {{"#", "b", "z", "a", "ab"}, 5, {0, 2, -1, 1, -1}, "train.remap=yes"},
    };
    dp_checkpoint from = {0};
    char key[DP_PATH_SIZE];
    make_checkpoint(&from, key);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dp_error error = {0};
        DP_OWNED(clear) beginning to;
        char *keys[] = {"model.embedding_dim=2", "model.hidden_dim=3", key, (char *)cases[i].remap};
        begin(&to, cases[i].tokens, cases[i].count, 4, keys);
        expect_ok(take(&to, &error), &error);
        expect_params(&to, &from, cases[i].ids);
    }
    dp_checkpoint_clear(&from);
}

static void test_init_from_refuses_unknown_tokens(void **state) {
    (void)state;
    static const char *const tokens[] = {".", "b", "z"};
    dp_error error = {0};
    dp_checkpoint from = {0};
    char key[DP_PATH_SIZE];
    make_checkpoint(&from, key);
    DP_OWNED(clear) beginning to;
    char *keys[] = {"model.embedding_dim=2", "model.hidden_dim=3", key};
    begin(&to, tokens, 3, 3, keys);
    expect_failure(take(&to, &error), DP_ERR_MISMATCH,
                   "does not know 1 token of other.h5: only the checkpoint has 'a'; only the "
                   "dataset has 'z'; train.remap=yes initialises",
                   &error);
    dp_checkpoint_clear(&from);
}

/* Begins with `text` as embeddings, behind the checkpoint where `key` names it. */
static dp_status take_embeddings(beginning *to, const char *text, char *key, dp_error *error) {
    static const char *const tokens[] = {".", "a", "b", " "};
    char embeddings[DP_PATH_SIZE];
    const char *path = scratch_path("v.txt");
    char *keys[] = {"model.embedding_dim=2", "model.hidden_dim=3", embeddings, "train.remap=yes",
                    key};
    expect_ok(dp_file_write(path, text, strlen(text), error), error);
    expect_ok(dp_path_format(embeddings, error, "train.init_embeddings=%s", path), error);
    begin(to, tokens, 4, key == NULL ? 4 : 5, keys);
    return take(to, error);
}

static void test_init_from_takes_rows_of_embeddings(void **state) {
    (void)state;
    static const char text[] = "3 2\nb 0.1 -2.5\nking 7 8\n\xE2\x96\x81 3 4\n";
    static const float rows[2][2] = {{0.1f, -2.5f}, {3.0f, 4.0f}};
    static const int ids[] = {0, 1, 2, -1}, none[] = {-1, -1, -1, -1};
    dp_checkpoint from = {0};
    char key[DP_PATH_SIZE];
    make_checkpoint(&from, key);
    for (int with_checkpoint = 0; with_checkpoint < 2; with_checkpoint++) {
        dp_error error = {0};
        DP_OWNED(clear) beginning to;
        expect_ok(take_embeddings(&to, text, with_checkpoint == 1 ? key : NULL, &error), &error);
        const dp_tensor *c = &to.layout.tensors[DP_TENSOR_C];
        for (size_t row = 0; row < 4; row++) {
            for (size_t col = 0; col < 2; col++) {
                const size_t i = row * 2 + col;
                if (row == 2 || row == 3)
                    assert_int_equal(bits_of(&to.params[dp_tensor_index(c, i)]),
                                     bits_of(&rows[row - 2][col]));
                else
                    expect_element(&to, &from, DP_TENSOR_C, row, col,
                                   with_checkpoint == 1 ? ids : none);
            }
        }
        const dp_tensor *w2 = &to.layout.tensors[DP_TENSOR_W2];
        for (size_t i = 0; i < dp_tensor_size(w2); i++)
            expect_element(&to, &from, DP_TENSOR_W2, i / 4, i % 4,
                           with_checkpoint == 1 ? ids : none);
    }
    dp_checkpoint_clear(&from);
}

static void test_init_from_refuses_embeddings_that_do_not_fit(void **state) {
    (void)state;
    static const struct {
        const char *text;
        dp_status status;
        const char *message;
    } cases[] = {
        {"1 3\nb 1 2 3\n", DP_ERR_MISMATCH,
         "v.txt has 3 features a token, and model.embedding_dim is 2: model.embedding_dim=3 takes "
         "them"},
        {"1 2\nking 1 2\n", DP_ERR_MISMATCH, "v.txt has none of the 4 tokens of other.h5"},
        {"2 2\nb 1 2\nb 3 4\n", DP_ERR_INPUT, "v.txt:3: 'b' is there a second time"},
        {"2 2\n  1 2\nb 3 4\n", DP_ERR_INPUT, "v.txt:2: no token before the first blank"},
        {"2 2\nking 1 2\nb 3\n", DP_ERR_INPUT, "v.txt:3: 1 numbers behind the token, not 2"},
        {"b 3 1\n", DP_ERR_INPUT, "v.txt:1: not 'TOKENS FEATURES'"},
        {"[train]\nlr=1\n", DP_ERR_INPUT, "v.txt is a config, not embeddings"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dp_error error = {0};
        DP_OWNED(clear) beginning to;
        expect_failure(take_embeddings(&to, cases[i].text, NULL, &error), cases[i].status,
                       cases[i].message, &error);
        assert_int_equal(strncmp(error.message, "train.init_embeddings: ", 23), 0);
    }
}

static beginning failing;

static dp_status take_again(dp_error *error) {
    memcpy(failing.params, failing.initial, sizeof failing.params);
    return take(&failing, error);
}

static void test_init_from_gives_back_what_it_took(void **state) {
    (void)state;
    dp_error error = {0};
    dp_checkpoint from = {0};
    char key[DP_PATH_SIZE];
    make_checkpoint(&from, key);
    expect_ok(take_embeddings(&failing, "2 2\nb 1 2\n\xE2\x96\x81 3 4\n", key, &error), &error);
    blocks_held = 0; /* from here on */
    assert_in_range(fail_each_allocation(take_again), 10, 1000);
    clear(&failing);
    dp_checkpoint_clear(&from);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init_from_moves_weights_with_their_tokens),
        cmocka_unit_test(test_init_from_refuses_unknown_tokens),
        cmocka_unit_test(test_init_from_takes_rows_of_embeddings),
        cmocka_unit_test(test_init_from_refuses_embeddings_that_do_not_fit),
        cmocka_unit_test(test_init_from_gives_back_what_it_took),
    };
    return cmocka_run_group_tests_name("init_from", tests, scratch_create, scratch_remove);
}
