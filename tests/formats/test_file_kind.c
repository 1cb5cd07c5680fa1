#include "formats/file_kind.h"

#include "support/expect.h"
#include "support/scratch.h"

/* A file with these bytes. */
static const char *made(const char *name, const char *bytes, size_t size) {
    dp_error error = {0};
    const char *path = scratch_path(name);
    expect_ok(dp_file_write(path, bytes, size, &error), &error);
    return path;
}

static void test_file_kind_knows_texts(void **state) {
    (void)state;
    static const struct {
        const char *text;
        dp_file_kind kind;
    } cases[] = {
        {"", DP_FILE_EMPTY},
        {"[train]\nsteps = 4\n", DP_FILE_CONFIG},
        {"\xEF\xBB\xBF# c\r\n\r\n  [train] ; c\r\nsteps: 4,\r\n  5\r\n", DP_FILE_CONFIG},
        {"steps = 4", DP_FILE_CONFIG},
        {"; all of it as it is\n", DP_FILE_UNKNOWN},
        {"[data]\npath = a\n[sweep]\nconfig = b\n", DP_FILE_SWEEP},
        {" [grid]\ntrain.lr = 1 2\n", DP_FILE_SWEEP},
        {"[trials]\n", DP_FILE_SWEEP},
        {"[train]\nsteps 4\n", DP_FILE_UNKNOWN}, /* reading it will name the line */
        {"emma\nolivia\n", DP_FILE_TEXT},
        {"The end: of\nan = old\ntale\n", DP_FILE_TEXT},
        {"a\x1b[1m\n", DP_FILE_UNKNOWN},
        {"step,loss,batch_loss,lr,train_loss\n", DP_FILE_METRICS},
        {"step,loss\n1,2\n", DP_FILE_TEXT},
        {"{\"step\":4,\"weights\":\"xxh3:00\"}", DP_FILE_SUMMARY},
        {"{\"step\":4,\"weights\":3}", DP_FILE_CONFIG}, /* as far as can be seen */
        {"  data       d.h5, from x\n", DP_FILE_LOG},
        {"  da", DP_FILE_LOG},
        {"notice: process 4 on h ended", DP_FILE_LOG},
        {"<!DOCTYPE html>\n<title>a – dptrain</title>", DP_FILE_REPORT},
        {"<!DOCTYPE html>\n<title>mine</title>\n", DP_FILE_TEXT},
        {"# Draws a.png and a.svg from a.tsv: gnuplot a.gp in this folder.\n", DP_FILE_FIGURE},
        {"27 10\n. 0.5 1\n", DP_FILE_EMBEDDINGS},
        {"27\t10 \r\n. 0.5 1\n", DP_FILE_EMBEDDINGS},
        {"27 10\n", DP_FILE_TEXT},
        {"27 10 3\na\n", DP_FILE_TEXT},
        {"27\n10\n", DP_FILE_TEXT},
        {"a 10\nb\n", DP_FILE_TEXT},
        {"step,exponent,lr,loss,smooth\n", DP_FILE_RATES},
        {"trial,train.lr,dev_loss,weights,failure\n", DP_FILE_RESULTS},
        {"| trial | lr | dev | test |\n|---|---:|---:|---:|\n", DP_FILE_RESULTS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = made("text", cases[i].text, strlen(cases[i].text));
        if (dp_file_kind_of(path) != cases[i].kind)
            fail_msg("'%s' is %d, expected %d", cases[i].text, dp_file_kind_of(path),
                     cases[i].kind);
    }
    assert_int_equal(dp_file_kind_of(made("zero", "a\0b", 3)), DP_FILE_UNKNOWN);
}

/* What is too long to be seen as a whole is not taken for what its beginning is. */
static void test_file_kind_does_not_guess(void **state) {
    (void)state;
    enum { SIZE = 100000 };
    char *text = malloc(SIZE);
    assert_non_null(text);
    memset(text, '#', SIZE);
    assert_int_equal(dp_file_kind_of(made("long", text, SIZE)), DP_FILE_UNKNOWN);
    for (size_t i = 0; i < SIZE; i += 8)
        memcpy(text + i, "[s]\na=1\n", 8);
    assert_int_equal(dp_file_kind_of(made("long", text, SIZE)), DP_FILE_UNKNOWN);
    memcpy(text + 800, "[grid]\n#", 8);
    assert_int_equal(dp_file_kind_of(made("long", text, SIZE)), DP_FILE_SWEEP);
    for (size_t i = 0; i < SIZE; i += 8)
        memcpy(text + i, "a name\nb", 8);
    assert_int_equal(dp_file_kind_of(made("long", text, SIZE)), DP_FILE_TEXT);
    free(text);
}

static void test_file_kind_knows_ours_by_their_ends(void **state) {
    (void)state;
    char bytes[DP_DATASET_SEAL_SIZE + 8];
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(dp_file_kind_of(made("h5", "\x89HDF\r\n\x1A\n.", 9)), DP_FILE_HDF5);
    memcpy(bytes, "\x89HDF\r\n\x1A\n", 8);
    memcpy(bytes + 8, DP_DATASET_SEAL_WORD, strlen(DP_DATASET_SEAL_WORD));
    assert_int_equal(dp_file_kind_of(made("h5", bytes, sizeof bytes)), DP_FILE_DATASET);
    assert_int_equal(dp_file_kind_of(made("h5", bytes, sizeof bytes - 1)), DP_FILE_HDF5);
    memcpy(bytes + sizeof bytes - DP_MODEL_FILE_SEAL_SIZE, DP_MODEL_FILE_SEAL_WORD,
           strlen(DP_MODEL_FILE_SEAL_WORD));
    assert_int_equal(dp_file_kind_of(made("h5", bytes, sizeof bytes)), DP_FILE_CHECKPOINT);
}

static void test_file_kind_knows_folders(void **state) {
    (void)state;
    dp_error error = {0};
    assert_int_equal(dp_file_kind_of(scratch_path("nowhere")), DP_FILE_MISSING);
    assert_int_equal(dp_file_kind_of("/dev/null"), DP_FILE_MISSING);
    const char *path = scratch_path("run");
    expect_ok(dp_file_make_directories(path, &error), &error);
    assert_int_equal(dp_file_kind_of(path), DP_FILE_FOLDER);
    made("run/metrics.csv", "", 0);
    assert_int_equal(dp_file_kind_of(path), DP_FILE_RUN);
}

static void test_file_kind_says_what_another_file_is(void **state) {
    (void)state;
    dp_error error = {0};
    const char *names = made("names.txt", "emma\nolivia\n", 12), *config = made("c", "a = 1", 5);
    const char *sweep = made("s.ini", "[grid]\n", 7);
    expect_failure(dp_file_kind_expect(names, DP_FILE_DATASET, &error), DP_ERR_INPUT,
                   "/names.txt is a text, not a dataset: 'pack_dataset scratch.", &error);
    expect_failure(dp_file_kind_expect(config, DP_FILE_SWEEP, &error), DP_ERR_INPUT,
                   "/c is a config, not a sweep file: 'dptrain scratch.", &error);
    expect_failure(dp_file_kind_expect(sweep, DP_FILE_CONFIG, &error), DP_ERR_INPUT,
                   "/s.ini is a sweep file, not a config: 'dptrain sweep scratch.", &error);
    expect_failure(dp_file_kind_expect(sweep, DP_FILE_RUN, &error), DP_ERR_INPUT,
                   "not the folder of a run: give", &error);
    const char *vectors = made("v.txt", "1 2\na 3 4\n", 10);
    expect_failure(dp_file_kind_expect(vectors, DP_FILE_CHECKPOINT, &error), DP_ERR_INPUT,
                   "/v.txt is embeddings in word2vec's text format, not a checkpoint: "
                   "train.init_embeddings=scratch.",
                   &error);
    expect_failure(dp_file_kind_expect(config, DP_FILE_EMBEDDINGS, &error), DP_ERR_INPUT,
                   "/c is a config, not embeddings in word2vec's text format: give a text", &error);
    expect_ok(dp_file_kind_expect(vectors, DP_FILE_EMBEDDINGS, &error), &error);
    expect_ok(dp_file_kind_expect(vectors, DP_FILE_TEXT, &error), &error);
    expect_ok(dp_file_kind_expect(names, DP_FILE_EMBEDDINGS, &error), &error);
    expect_ok(dp_file_kind_expect(config, DP_FILE_CONFIG, &error), &error);
    expect_ok(dp_file_kind_expect(config, DP_FILE_TEXT, &error), &error);
    expect_ok(dp_file_kind_expect(scratch_folder, DP_FILE_RUN, &error), &error);
    expect_ok(dp_file_kind_expect(scratch_path("nowhere"), DP_FILE_CONFIG, &error), &error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_kind_knows_texts),
        cmocka_unit_test(test_file_kind_does_not_guess),
        cmocka_unit_test(test_file_kind_knows_ours_by_their_ends),
        cmocka_unit_test(test_file_kind_knows_folders),
        cmocka_unit_test(test_file_kind_says_what_another_file_is),
    };
    return cmocka_run_group_tests_name("file_kind", tests, scratch_create, scratch_remove);
}
