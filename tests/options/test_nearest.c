#include "engine/config.h"
#include "options/nearest.h"
#include "support/expect.h"

#include <stdio.h>

static void test_nearest_measures_distance(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        size_t distance;
    } cases[] = {
        {"", "", 0},          {"", "abc", 3},        {"same", "same", 0},      {"lr", "lt", 1},
        {"steps", "step", 1}, {"setps", "steps", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_unsigned(dp_nearest_distance(cases[i].a, cases[i].b), cases[i].distance);
        expect_unsigned(dp_nearest_distance(cases[i].b, cases[i].a), cases[i].distance);
    }
}

static void test_nearest_cuts_names_before_measuring(void **state) {
    (void)state;
    char a[200], b[200];
    memset(a, 'a', sizeof a);
    memset(b, 'b', sizeof b);
    a[sizeof a - 1] = b[sizeof b - 1] = '\0';
    expect_unsigned(dp_nearest_distance(a, b), 64);
    memset(b, 'a', 64);
    expect_unsigned(dp_nearest_distance(a, b), 0);
}

/* "a b" of what is found for a name among the given ones, which are separated by blanks. */
static void expect_nearest(const char *given, const char *names, const char *wanted) {
    char words[512], found[128] = "";
    dp_nearest nearest = {.given = given};
    snprintf(words, sizeof words, "%s", names);
    for (char *rest, *word = strtok_r(words, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest))
        dp_nearest_offer(&nearest, word);
    for (size_t i = 0; i < nearest.count; i++) {
        const size_t length = strlen(found);
        snprintf(found + length, sizeof found - length, "%s%s", i == 0 ? "" : " ",
                 nearest.names[i]);
    }
    if (strcmp(found, wanted) != 0)
        fail_msg("'%s' of %s: '%s', expected '%s'", given, names, found, wanted);
}

static void test_nearest_knows_words(void **state) {
    (void)state;
    expect_nearest("batch", "beta1 batch_size block_size", "batch_size");
    expect_nearest("batchsize", "batch_size", "batch_size");
    expect_nearest("BATCH-SIZE", "batch_size", "batch_size");
    expect_nearest("optim", "optimizer", "optimizer");
    expect_nearest("scheduler", "lr lr_schedule", "lr_schedule");
    expect_nearest("decay", "lr_decay weight_decay beta1", "lr_decay weight_decay");
    expect_nearest("ckpts", "count ckpt", "ckpt");
    expect_nearest("every", "eval.every checkpoint.every train.log_every",
                   "eval.every checkpoint.every");
    expect_nearest("evaluate", "train eval sample", "eval");
    expect_nearest("tarin", "train eval sample", "train");
}

static void test_nearest_finds_nothing_where_nothing_is_near(void **state) {
    (void)state;
    expect_nearest("text", "ckpt data split model mix mix_weight json", "");
    expect_nearest("block_size", "batch_size", "");
    expect_nearest("wholly_unlike", "batch_size steps lr", "");
    expect_nearest("size_of_nothing_much", "batch_size", "");
    expect_nearest("x", "lr to", "");
    expect_nearest("", "lr a", "");
    expect_nearest("xyzzy", "train eval sample info", "");
}

static void test_nearest_counts_the_section_least(void **state) {
    (void)state;
    expect_nearest("data.steps", "train.steps", "train.steps");
    expect_nearest("eval.every", "checkpoint.every eval.every", "eval.every");
    expect_nearest("evals.every", "checkpoint.every eval.every", "checkpoint.every eval.every");
    expect_nearest("train_lr", "train.lr train.lr_final", "train.lr");
}

/* What people type who know other programs, with all keys of a config to choose from. */
static void test_nearest_knows_what_others_call_it(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"train.learning_rate", "train.lr"},
        {"learning-rate", "train.lr"},
        {"train.batch", "train.batch_size"},
        {"train.epochs", "train.steps"},
        {"epochs", "train.steps"},
        {"train.max_iters", "train.steps"},
        {"train.dropout", "train.dropout_hidden"},
        {"model.hidden_size", "model.hidden_dim"},
        {"model.n_hidden", "model.hidden_dim"},
        {"model.n_embd", "model.embedding_dim"},
        {"model.emb", "model.embedding_dim"},
        {"model.dims", "model.embedding_dim"},
        {"train.warmup", "train.lr_warmup"},
        {"train.grad_clip", "train.clip_norm"},
        {"train.wd", "train.weight_decay"},
        {"train.eval_interval", "eval.every"},
        {"save_every", "checkpoint.every"},
        {"output_dir", "run.dir"},
        {"dataset", "data.path"},
        {"train.setps", "train.steps"},
        {"train.opitmizer", "train.optimizer"},
        {"model.block_size", ""},
        {"model.layers", ""},
        {"train.device", ""},
        {"train.num_workers", "parallel.work"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dp_nearest nearest = {.given = cases[i][0]};
        for (const dp_option *option = dp_config_options; option->key != NULL; option++)
            dp_nearest_offer(&nearest, option->key);
        const char *found = nearest.count == 0 ? "" : nearest.names[0];
        if (strcmp(found, cases[i][1]) != 0)
            fail_msg("'%s': '%s', expected '%s'", cases[i][0], found, cases[i][1]);
    }
    assert_string_equal(dp_nearest_elsewhere("context"), "--block-size of pack_dataset");
    assert_string_equal(dp_nearest_elsewhere("model.block-size"), "--block-size of pack_dataset");
    assert_null(dp_nearest_elsewhere("train.batch"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest_measures_distance),
        cmocka_unit_test(test_nearest_cuts_names_before_measuring),
        cmocka_unit_test(test_nearest_knows_words),
        cmocka_unit_test(test_nearest_finds_nothing_where_nothing_is_near),
        cmocka_unit_test(test_nearest_counts_the_section_least),
        cmocka_unit_test(test_nearest_knows_what_others_call_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
