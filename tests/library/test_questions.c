/* What the library answers: against the file it was made of, the double reference, and itself. */
#include "dptrain/dptrain.h"

#include "base/digest.h"
#include "base/memory.h"
#include "library/checkpoint_files.h"
#include "run/checkpoint.h"
#include "support/expect.h"
#include "support/reference.h"
#include "support/scratch.h"
#include "support/small_checkpoint.h"

#include <pthread.h>

static dp_checkpoint saved;
static char saved_path[512];

static int set_up(void **state) {
    dp_error error = {0};
    if (scratch_create(state) != 0)
        return -1;
    fill_small_checkpoint(&saved);
    saved.facts.progress = (dp_progress){.step = 7, .best_loss = 2.5, .best_step = 6};
    snprintf(saved_path, sizeof saved_path, "%s", scratch_path("c.h5"));
    expect_ok(dp_checkpoint_save(&saved, saved_path, &error), &error);
    return 0;
}

static int tear_down(void **state) {
    dp_checkpoint_clear(&saved);
    return scratch_remove(state);
}

static dptrain_model *open_saved(void) {
    dptrain_error error;
    dptrain_model *model = NULL;
    if (dptrain_open(&model, saved_path, &error) != DPTRAIN_OK)
        fail_msg("%s", error.message);
    return model;
}

static void test_library_describes_a_model(void **state) {
    (void)state;
    char hash[DP_HASH_TEXT_SIZE];
    dptrain_model *model = open_saved();
    dptrain_description is;
    dptrain_describe(model, &is, sizeof is);
    assert_string_equal(is.path, scratch_path("c.h5"));
    assert_string_equal(is.unit, "char");
    assert_string_equal(is.weights, dp_hash_format(saved.facts.weights_hash, hash));
    expect_unsigned(is.vocab, 3);
    expect_unsigned(is.block_size, 2);
    expect_unsigned(is.embedding_dim, 2);
    expect_unsigned(is.hidden_dim, 3);
    expect_unsigned(is.parameters, saved.layout.parameter_count);
    expect_unsigned(is.step, 7);
    expect_unsigned(is.best_step, 6);
    assert_non_null(strstr(is.config, "hidden_dim = 3"));
    /* A program of an older header knows less of it. */
    is.hidden_dim = 99;
    dptrain_describe(model, &is, offsetof(dptrain_description, hidden_dim));
    expect_unsigned(is.hidden_dim, 99);
    dptrain_close(model);
}

static void test_library_shows_tensors(void **state) {
    (void)state;
    static const char *const names[] = {"C", "W1", "b1", "W2", "b2"};
    dptrain_model *model = open_saved();
    dptrain_tensor tensor;
    size_t i = 0, numbers = 0;
    for (; dptrain_get_tensor(model, i, &tensor, sizeof tensor); i++) {
        assert_string_equal(tensor.name, names[i]);
        const dp_tensor *own = &saved.layout.tensors[i];
        for (size_t k = 0; k < tensor.rows * tensor.columns; k++, numbers++)
            assert_true(tensor.values[k / tensor.columns * tensor.row_stride +
                                      k % tensor.columns * tensor.column_stride] ==
                        saved.params[dp_tensor_index(own, k)]);
    }
    expect_unsigned(i, 5);
    expect_unsigned(numbers, saved.layout.parameter_count);
    dptrain_close(model);
}

static void test_library_reads_tokens(void **state) {
    (void)state;
    dptrain_model *model = open_saved();
    dptrain_error error;
    uint32_t id = 9, ids[2] = {9, 9}, context[2];
    size_t unknown = 9;
    assert_string_equal(dptrain_token(model, 2), "b");
    assert_null(dptrain_token(model, 3));
    expect_unsigned(dptrain_find(model, "bb", 1, &id, NULL), DPTRAIN_OK);
    expect_unsigned(id, 2);
    expect_unsigned(dptrain_find(model, "", 0, &id, NULL), DPTRAIN_ERR_INPUT);
    expect_unsigned(dptrain_find(model, "bb", 2, &id, &error), DPTRAIN_ERR_INPUT);
    assert_string_equal(error.message, "'bb' is not in the vocabulary: . a b");
    expect_unsigned(dptrain_encode(model, "bxa", 3, ids, 2, &unknown), 3);
    expect_unsigned(ids[0], 2);
    expect_unsigned(ids[1], DPTRAIN_UNKNOWN);
    expect_unsigned(unknown, 1);
    expect_unsigned(dptrain_encode(model, "", 0, NULL, 0, NULL), 0);
    expect_unsigned(dptrain_context(model, "a", 1, context, NULL), DPTRAIN_OK);
    expect_unsigned(context[0], DPTRAIN_BOUNDARY);
    expect_unsigned(context[1], 1);
    expect_unsigned(dptrain_context(model, "ax", 2, context, &error), DPTRAIN_ERR_INPUT);
    assert_string_equal(error.message, "'x' is not in the vocabulary: . a b");
    expect_unsigned(error.status, DPTRAIN_ERR_INPUT);
    dptrain_close(model);
}

static double log_probability(dptrain_model *model, uint32_t first, uint32_t second, uint32_t id) {
    double probabilities[3];
    const uint32_t context[2] = {first, second};
    expect_unsigned(dptrain_next(model, context, probabilities, NULL), DPTRAIN_OK);
    expect_close(probabilities[0] + probabilities[1] + probabilities[2], 1.0, 1e-12);
    return log(probabilities[id]);
}

static void test_library_gives_the_reference_s_probabilities(void **state) {
    (void)state;
    dp_error error = {0};
    dptrain_model *model = open_saved();
    double *params = dp_memory_zeroed(saved.layout.length, sizeof *params, &error);
    assert_non_null(params);
    for (size_t i = 0; i < saved.layout.length; i++)
        params[i] = (double)saved.params[i];
    for (uint32_t i = 0; i < 27; i++) {
        const uint32_t context[2] = {i / 9, i / 3 % 3}, target = i % 3;
        expect_close(log_probability(model, context[0], context[1], target),
                     -reference_loss(&saved.layout, params, 1, context, &target), 1e-5);
    }
    const uint32_t wrong[2] = {0, 3};
    double probabilities[3];
    expect_unsigned(dptrain_next(model, wrong, probabilities, NULL), DPTRAIN_ERR_INPUT);
    expect_unsigned(dptrain_similarity(model, 3, probabilities, NULL), DPTRAIN_ERR_INPUT);
    expect_unsigned(dptrain_similarity(model, 1, probabilities, NULL), DPTRAIN_OK);
    expect_close(probabilities[1], 1.0, 1e-12);
    dp_memory_free(params);
    dptrain_close(model);
}

static void test_library_scores_texts(void **state) {
    (void)state;
    dptrain_model *model = open_saved();
    dptrain_text_score score;
    expect_unsigned(dptrain_score(model, "ab", 2, &score, sizeof score, NULL), DPTRAIN_OK);
    expect_close(score.log_probability,
                 log_probability(model, 0, 0, 1) + log_probability(model, 0, 1, 2) +
                     log_probability(model, 1, 2, 0),
                 1e-12);
    expect_close(score.known_log_probability, score.log_probability, 0.0);
    expect_unsigned(score.tokens, 3);
    expect_unsigned(score.unknown, 0);
    expect_unsigned(dptrain_score(model, "axb", 3, &score, sizeof score, NULL), DPTRAIN_OK);
    assert_true(isinf(score.log_probability) && score.log_probability < 0);
    expect_close(score.known_log_probability,
                 log_probability(model, 0, 0, 1) + log_probability(model, 1, 0, 2) +
                     log_probability(model, 0, 2, 0),
                 1e-12);
    expect_unsigned(score.tokens, 4);
    expect_unsigned(score.unknown, 1);
    dptrain_close(model);
}

/* More tokens than are computed at once. */
static void test_library_scores_long_texts(void **state) {
    (void)state;
    char text[1000];
    dptrain_model *model = open_saved();
    dptrain_text_score score;
    double expected = 0.0;
    uint32_t before[2] = {0, 0};
    for (size_t i = 0; i <= sizeof text; i++) {
        const uint32_t id = i == sizeof text ? DPTRAIN_BOUNDARY : (uint32_t)(1 + i * i % 7 % 2);
        if (i < sizeof text)
            text[i] = (char)('a' + id - 1);
        expected += log_probability(model, before[0], before[1], id);
        before[0] = before[1];
        before[1] = id;
    }
    expect_unsigned(dptrain_score(model, text, sizeof text, &score, sizeof score, NULL),
                    DPTRAIN_OK);
    expect_close(score.log_probability, expected, 1e-9);
    expect_unsigned(score.tokens, sizeof text + 1);
    dptrain_close(model);
}

/* To the bits of each alone, in one batch or several. */
static void test_library_scores_many_texts(void **state) {
    (void)state;
    enum { COUNT = 200 };
    static const char letters[] = "abxbbaaabxabab";
    const char *texts[COUNT];
    size_t lengths[COUNT];
    dptrain_text_score scores[COUNT], one;
    dptrain_model *model = open_saved();
    for (size_t i = 0; i < COUNT; i++) {
        texts[i] = letters + i % 7;
        lengths[i] = i % 5;
    }
    expect_unsigned(
        dptrain_score_texts(model, texts, lengths, COUNT, scores, sizeof scores[0], NULL),
        DPTRAIN_OK);
    for (size_t i = 0; i < COUNT; i++) {
        expect_unsigned(dptrain_score(model, texts[i], lengths[i], &one, sizeof one, NULL),
                        DPTRAIN_OK);
        assert_memory_equal(&scores[i], &one, sizeof one);
    }
    dptrain_close(model);
}

static void test_library_scores_tokens(void **state) {
    (void)state;
    dptrain_model *model = open_saved();
    dptrain_token_score tokens[4];
    dptrain_text_score score;
    double probabilities[3];
    const uint32_t context[2] = {0, 0};
    size_t count = 0, below = 1;
    expect_unsigned(
        dptrain_score_tokens(model, "axb", 3, tokens, 4, sizeof tokens[0], &count, NULL),
        DPTRAIN_OK);
    expect_unsigned(count, 4);
    expect_unsigned(dptrain_score(model, "axb", 3, &score, sizeof score, NULL), DPTRAIN_OK);
    expect_close(tokens[0].log_probability + tokens[2].log_probability + tokens[3].log_probability,
                 score.known_log_probability, 1e-12);
    assert_true(isinf(tokens[1].log_probability));
    expect_unsigned(tokens[1].id, DPTRAIN_UNKNOWN);
    expect_unsigned(tokens[1].rank, 0);
    expect_unsigned(tokens[1].begin, 1);
    expect_unsigned(tokens[2].length, 1);
    expect_unsigned(tokens[3].begin, 3);
    expect_unsigned(tokens[3].length, 0);
    expect_unsigned(dptrain_next(model, context, probabilities, NULL), DPTRAIN_OK);
    for (size_t id = 0; id < 3; id++)
        below += probabilities[id] > probabilities[1];
    expect_unsigned(tokens[0].rank, below);
    tokens[1].rank = 99; /* is beyond the capacity */
    expect_unsigned(
        dptrain_score_tokens(model, "axb", 3, tokens, 1, sizeof tokens[0], &count, NULL),
        DPTRAIN_OK);
    expect_unsigned(count, 4);
    expect_unsigned(tokens[1].rank, 99);
    dptrain_close(model);
}

static void test_library_draws_texts(void **state) {
    (void)state;
    dptrain_model *model = open_saved();
    dptrain_error error;
    dptrain_sampling how;
    const char *text = "", *again = NULL;
    char first[64];
    dptrain_sampling_init(&how, sizeof how);
    how.prompt = "ab";
    how.length = 20;
    expect_unsigned(dptrain_sample(model, &how, 3, &text, NULL), DPTRAIN_OK);
    assert_memory_equal(text, "ab", 2);
    assert_true(strlen(text) <= 22);
    snprintf(first, sizeof first, "%s", text);
    expect_unsigned(dptrain_sample(model, &how, 4, &again, NULL), DPTRAIN_OK);
    expect_unsigned(dptrain_sample(model, &how, 3, &again, NULL), DPTRAIN_OK);
    assert_string_equal(first, again);
    how.prompt = "x";
    expect_unsigned(dptrain_sample(model, &how, 3, &text, &error), DPTRAIN_ERR_INPUT);
    assert_null(text);
    assert_non_null(strstr(error.message, "'x' is not in the vocabulary"));
    dptrain_close(model);
}

static void expect_sampling_error(dptrain_model *model, const dptrain_sampling *how,
                                  const char *message) {
    dptrain_error error = {0};
    dptrain_drawn drawn;
    const char *text = "";
    expect_unsigned(dptrain_draw(model, how, 0, &drawn, sizeof drawn, &error), DPTRAIN_ERR_INPUT);
    if (strstr(error.message, message) == NULL)
        fail_msg("'%s' where '%s' was expected", error.message, message);
    assert_null(drawn.text);
    if (how->unique == 0) {
        expect_unsigned(dptrain_sample(model, how, 0, &text, NULL), DPTRAIN_ERR_INPUT);
        assert_null(text);
    }
}

static void test_library_refuses_bad_sampling(void **state) {
    (void)state;
    dptrain_model *model = open_saved();
    dptrain_sampling how, good;
    dptrain_sampling_init(&good, sizeof good);
    how = good;
    how.temperature = -0.1;
    expect_sampling_error(model, &how, "temperature -0.1");
    how.temperature = NAN;
    expect_sampling_error(model, &how, "temperature");
    how = good;
    how.top_p = 1.5;
    expect_sampling_error(model, &how, "top_p 1.5 is not from 0 to 1");
    how = good;
    how.min_length = 3;
    how.max_length = 2;
    expect_sampling_error(model, &how, "at least 3 and at most 2 tokens");
    how = good;
    how.unique = 1;
    expect_sampling_error(model, &how, "unique needs a set of texts");
    dptrain_close(model);
}

static void test_library_draws_what_is_asked_for(void **state) {
    (void)state;
    dptrain_model *model = open_saved();
    dptrain_texts *seen = NULL, *drawn_before = NULL;
    dptrain_sampling how;
    dptrain_drawn drawn = {0};
    dptrain_text_score score;
    int is_new = 0;
    expect_unsigned(dptrain_texts_create(&seen, NULL), DPTRAIN_OK);
    expect_unsigned(dptrain_texts_create(&drawn_before, NULL), DPTRAIN_OK);
    expect_unsigned(dptrain_texts_add(seen, "ab", 2, &is_new, NULL), DPTRAIN_OK);
    assert_int_equal(is_new, 1);
    expect_unsigned(dptrain_texts_add(seen, "abx", 2, &is_new, NULL), DPTRAIN_OK);
    assert_int_equal(is_new, 0);
    dptrain_sampling_init(&how, sizeof how);
    how.temperature = 100.0; /* all tokens are about as likely */
    how.unlike = seen;
    how.unique = 1;
    how.min_length = 2;
    how.max_length = 6;
    for (uint64_t i = 0, next = 0; i < 100; i++, next = drawn.index + 1) {
        expect_unsigned(dptrain_draw(model, &how, next, &drawn, sizeof drawn, NULL), DPTRAIN_OK);
        const size_t length = strlen(drawn.text);
        assert_true(drawn.index >= next && length >= 2 && length <= 6);
        assert_string_not_equal(drawn.text, "ab");
        expect_unsigned(drawn.tokens, length + 1);
        expect_unsigned(dptrain_texts_add(drawn_before, drawn.text, length, &is_new, NULL),
                        DPTRAIN_OK);
        assert_int_equal(is_new, 1);
        const char *text = drawn.text;
        expect_unsigned(dptrain_score(model, text, length, &score, sizeof score, NULL), DPTRAIN_OK);
        expect_close(drawn.log_probability, score.log_probability, 0.0);
    }
    /* There are 2^2 + ... + 2^6 such texts in all, of which one is not to come. */
    for (int i = 100; i < 124 - 1; i++)
        expect_unsigned(dptrain_draw(model, &how, drawn.index + 1, &drawn, sizeof drawn, NULL),
                        DPTRAIN_OK);
    expect_sampling_error(model, &how, "of 100,000 texts drawn");
    dptrain_texts_destroy(seen);
    dptrain_texts_destroy(drawn_before);
    dptrain_texts_destroy(NULL);
    dptrain_close(model);
}

/* Cuts change what is drawn, not how likely it is said to be; a prompt counts for the length. */
static void test_library_draws_the_likeliest(void **state) {
    (void)state;
    dptrain_model *model = open_saved();
    dptrain_sampling how;
    dptrain_drawn drawn;
    const char *text = NULL;
    char greedy[64];
    dptrain_sampling_init(&how, sizeof how);
    how.temperature = 0.0;
    how.length = 10;
    expect_unsigned(dptrain_sample(model, &how, 0, &text, NULL), DPTRAIN_OK);
    snprintf(greedy, sizeof greedy, "%s", text);
    how.temperature = 1.0;
    how.top_k = 1;
    expect_unsigned(dptrain_draw(model, &how, 5, &drawn, sizeof drawn, NULL), DPTRAIN_OK);
    assert_string_equal(drawn.text, greedy);
    assert_true(drawn.log_probability < 0.0);
    how.top_k = 0;
    how.top_p = 0.0;
    expect_unsigned(dptrain_sample(model, &how, 7, &text, NULL), DPTRAIN_OK);
    assert_string_equal(text, greedy);
    /* A program of an older header knows of no cuts. */
    how.size = offsetof(dptrain_sampling, top_k);
    expect_unsigned(dptrain_draw(model, &how, 7, &drawn, offsetof(dptrain_drawn, tokens), NULL),
                    DPTRAIN_OK);
    how.size = sizeof how;
    how.top_p = 1.0;
    how.prompt = "aab";
    how.max_length = 4;
    expect_unsigned(dptrain_draw(model, &how, 0, &drawn, sizeof drawn, NULL), DPTRAIN_OK);
    assert_true(strlen(drawn.text) <= 4 && drawn.tokens <= 2);
    dptrain_close(model);
}

/* --- ensembles ------------------------------------------------------------------------------ */

/* Another model of the same tokens, or of others, that reads so many of them. */
static dptrain_model *open_other(size_t block_size, const char *last_token) {
    const char *tokens[] = {".", "a", last_token};
    static dp_checkpoint other;
    dp_error failure = {0};
    dptrain_error error;
    dptrain_model *model = NULL;
    dp_model_shape shape = {
        .vocab = 3, .block_size = block_size, .embedding_dim = 4, .hidden_dim = 5};
    fill_small_checkpoint(&other);
    dp_vocabulary_clear(&other.facts.vocabulary);
    dp_memory_free(other.params);
    dp_memory_free(other.state[0]);
    expect_ok(dp_vocabulary_init(&other.facts.vocabulary, tokens, 3, &failure), &failure);
    expect_ok(dp_params_layout_init(&other.layout, shape, &failure), &failure);
    other.params = dp_memory_zeroed(other.layout.length, sizeof(float), &failure);
    other.state[0] = dp_memory_zeroed(other.layout.length, sizeof(float), &failure);
    assert_true(other.params != NULL && other.state[0] != NULL);
    dp_params_init(&other.layout, DP_INIT_NORMAL, 2, other.params);
    other.facts.weights_hash = dp_params_hash(&other.layout, other.params);
    other.facts.block_size = block_size;
    expect_ok(dp_checkpoint_save(&other, scratch_path("other.h5"), &failure), &failure);
    dp_checkpoint_clear(&other);
    if (dptrain_open(&model, scratch_path("other.h5"), &error) != DPTRAIN_OK)
        fail_msg("%s", error.message);
    return model;
}

static dptrain_model *make_ensemble(dptrain_model *const *members, const double *shares,
                                    size_t count) {
    dptrain_error error;
    dptrain_model *ensemble = NULL;
    if (dptrain_ensemble(&ensemble, members, shares, count, &error) != DPTRAIN_OK)
        fail_msg("%s", error.message);
    return ensemble;
}

static void test_library_ensemble_of_one_is_that_model(void **state) {
    (void)state;
    static const char *const texts[] = {"ab", "babbaab", "", "axb"};
    static const size_t lengths[] = {2, 7, 0, 3};
    dptrain_model *model = open_saved(), *one = make_ensemble(&model, NULL, 1);
    dptrain_text_score alone[4], together[4];
    dptrain_sampling how;
    const char *text = NULL;
    char drawn[64];
    expect_unsigned(dptrain_score_texts(model, texts, lengths, 4, alone, sizeof alone[0], NULL),
                    DPTRAIN_OK);
    expect_unsigned(dptrain_score_texts(one, texts, lengths, 4, together, sizeof together[0], NULL),
                    DPTRAIN_OK);
    assert_memory_equal(alone, together, sizeof alone);
    dptrain_sampling_init(&how, sizeof how);
    how.length = 30;
    expect_unsigned(dptrain_sample(model, &how, 1, &text, NULL), DPTRAIN_OK);
    snprintf(drawn, sizeof drawn, "%s", text);
    expect_unsigned(dptrain_sample(one, &how, 1, &text, NULL), DPTRAIN_OK);
    assert_string_equal(text, drawn);
    dptrain_close(one);
    dptrain_close(model);
}

static void test_library_ensemble_is_the_mean_of_probabilities(void **state) {
    (void)state;
    static const double shares[] = {3.0, 1.0};
    dptrain_model *members[] = {open_saved(), open_other(3, "b")};
    dptrain_model *both = make_ensemble(members, shares, 2),
                  *equal = make_ensemble(members, NULL, 2);
    dptrain_description is;
    dptrain_tensor tensor;
    dptrain_text_score score;
    double a[3], b[3], mean[3], sum = 0.0;
    for (uint32_t i = 0; i < 27; i++) {
        const uint32_t context[3] = {i / 9, i / 3 % 3, i % 3};
        expect_unsigned(dptrain_next(members[0], context + 1, a, NULL), DPTRAIN_OK);
        expect_unsigned(dptrain_next(members[1], context, b, NULL), DPTRAIN_OK);
        expect_unsigned(dptrain_next(both, context, mean, NULL), DPTRAIN_OK);
        for (size_t id = 0; id < 3; id++)
            expect_close(mean[id] / (0.75 * a[id] + 0.25 * b[id]), 1.0, 1e-6);
        expect_unsigned(dptrain_next(equal, context, mean, NULL), DPTRAIN_OK);
        for (size_t id = 0; id < 3; id++)
            expect_close(mean[id] / (0.5 * a[id] + 0.5 * b[id]), 1.0, 1e-6);
    }
    static const uint32_t ids[] = {0, 0, 0, 1, 2, 0}; /* "ab" between boundaries */
    for (size_t i = 0; i < 3; i++) {
        expect_unsigned(dptrain_next(both, ids + i, mean, NULL), DPTRAIN_OK);
        sum += log(mean[ids[i + 3]]);
    }
    expect_unsigned(dptrain_score(both, "ab", 2, &score, sizeof score, NULL), DPTRAIN_OK);
    expect_close(score.log_probability, sum, 1e-12);
    dptrain_describe(both, &is, sizeof is);
    expect_unsigned(is.members, 2);
    expect_unsigned(is.block_size, 3);
    assert_non_null(strstr(is.path, "c.h5 + "));
    assert_false(dptrain_get_tensor(both, 0, &tensor, sizeof tensor));
    expect_unsigned(dptrain_similarity(both, 1, mean, NULL), DPTRAIN_ERR_INPUT);
    dptrain_describe(members[0], &is, sizeof is);
    expect_unsigned(is.members, 0);
    for (int i = 0; i < 2; i++) {
        dptrain_close(i == 0 ? both : equal);
        dptrain_close(members[i]);
    }
}

static void expect_no_ensemble(dptrain_model *const *members, const double *shares, size_t count,
                               const char *message) {
    dptrain_error error = {0};
    dptrain_model *ensemble = members[0];
    expect_unsigned(dptrain_ensemble(&ensemble, members, shares, count, &error), DPTRAIN_ERR_INPUT);
    assert_null(ensemble);
    if (strstr(error.message, message) == NULL)
        fail_msg("'%s' where '%s' was expected", error.message, message);
}

static void test_library_refuses_what_is_no_ensemble(void **state) {
    (void)state;
    static const double negative[] = {1.0, -0.5}, none[] = {0.0, 0.0}, wrong[] = {NAN, 1.0};
    dptrain_model *members[] = {open_saved(), open_saved()};
    expect_no_ensemble(members, negative, 2, "share -0.5 of");
    expect_no_ensemble(members, none, 2, "sum up to 0");
    expect_no_ensemble(members, wrong, 2, "share nan");
    expect_no_ensemble(members, NULL, 0, "of no model");
    dptrain_close(members[1]);
    members[1] = open_other(2, "c");
    expect_no_ensemble(members, NULL, 2,
                       "have different vocabularies: only the first has 'b'; only the second has "
                       "'c'");
    dptrain_close(members[0]);
    dptrain_close(members[1]);
}

static void test_library_opens_run_folders(void **state) {
    (void)state;
    dp_error failure = {0};
    dptrain_error error;
    dptrain_model *model = NULL;
    dptrain_description is;
    char run[DP_PATH_SIZE], path[DP_PATH_SIZE];
    snprintf(run, sizeof run, "%s", scratch_path("run"));
    expect_unsigned(dptrain_open(&model, run, &error), DPTRAIN_ERR_IO);
    assert_null(model);
    assert_non_null(strstr(error.message, run));
    expect_unsigned(dptrain_open(&model, scratch_folder, &error), DPTRAIN_ERR_INPUT);
    assert_non_null(strstr(error.message, "holds no checkpoint"));
    expect_ok(dp_checkpoint_files_path(run, 7, path, &failure), &failure);
    expect_ok(dp_file_make_directories(scratch_path("run/checkpoints"), &failure), &failure);
    expect_ok(dp_checkpoint_save(&saved, path, &failure), &failure);
    expect_unsigned(dptrain_open(&model, run, &error), DPTRAIN_OK);
    dptrain_describe(model, &is, sizeof is);
    assert_string_equal(is.path, path);
    dptrain_close(model);
    expect_ok(dp_checkpoint_save(&saved, scratch_path("run/best.h5"), &failure), &failure);
    expect_unsigned(dptrain_open(&model, scratch_path("run/"), &error), DPTRAIN_OK);
    dptrain_describe(model, &is, sizeof is);
    assert_string_equal(is.path, scratch_path("run/best.h5"));
    dptrain_close(model);
    dptrain_close(NULL);
}

/* Every changed byte is noticed. */
static void test_library_refuses_damage(void **state) {
    (void)state;
    dp_error failure = {0};
    dptrain_error error;
    dp_file_map map;
    expect_ok(dp_file_map_open(&map, scratch_path("c.h5"), &failure), &failure);
    unsigned char *bytes = dp_memory_zeroed(map.size, 1, &failure);
    assert_non_null(bytes);
    for (size_t at = 0; at < map.size; at += 97) {
        dptrain_model *model = NULL;
        memcpy(bytes, map.data, map.size);
        bytes[at] ^= 1;
        expect_ok(dp_file_write(scratch_path("bad.h5"), bytes, map.size, &failure), &failure);
        expect_unsigned(dptrain_open(&model, scratch_path("bad.h5"), &error), DPTRAIN_ERR_INPUT);
        assert_null(model);
    }
    dp_memory_free(bytes);
    dp_file_map_close(&map);
}

/* Functions that only read a model, of one that others read meanwhile. */
static void read_shared(const dptrain_model *shared) {
    dptrain_description is;
    dptrain_tensor tensor;
    dptrain_state text;
    double cosines[3];
    uint32_t ids[4], context[2], id = 0;
    dptrain_describe(shared, &is, sizeof is);
    (void)dptrain_get_tensor(shared, 0, &tensor, sizeof tensor);
    (void)dptrain_token(shared, 1);
    (void)!dptrain_find(shared, "b", 1, &id, NULL);
    (void)dptrain_encode(shared, "abba", 4, ids, 4, NULL);
    (void)!dptrain_context(shared, "ab", 2, context, NULL);
    (void)!dptrain_similarity(shared, 1, cosines, NULL);
    dptrain_state_begin(shared, &text, sizeof text);
}

typedef struct asking {
    const dptrain_model *shared;
    double result;
} asking;

/* All else, of a model of its own. */
static void *ask_many_times(void *context) {
    asking *self = context;
    dptrain_model *model = open_saved(), *both = NULL;
    dptrain_text_score score = {0};
    dptrain_token_score tokens[5];
    dptrain_sampling sampling;
    dptrain_drawn drawn;
    dptrain_state text;
    const char *sample = NULL;
    double probabilities[3];
    size_t count = 0;
    dptrain_sampling_init(&sampling, sizeof sampling);
    sampling.top_k = 2;
    expect_unsigned(dptrain_ensemble(&both, &model, NULL, 1, NULL), DPTRAIN_OK);
    for (uint64_t i = 0; i < 200; i++) {
        read_shared(self->shared);
        dptrain_state_begin(both, &text, sizeof text);
        (void)!dptrain_score(both, "abba", 4, &score, sizeof score, NULL);
        (void)!dptrain_score_tokens(model, "abba", 4, tokens, 5, sizeof tokens[0], &count, NULL);
        (void)!dptrain_sample(model, &sampling, i, &sample, NULL);
        (void)!dptrain_draw(model, &sampling, i, &drawn, sizeof drawn, NULL);
        (void)!dptrain_state_push(model, &text, sizeof text, 1, NULL, NULL);
        (void)!dptrain_state_next(model, &text, sizeof text, 1, probabilities, NULL);
    }
    dptrain_close(both);
    dptrain_close(model);
    self->result = score.log_probability + probabilities[2];
    return NULL;
}

static void test_library_answers_threads_with_a_model_each(void **state) {
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    asking askings[THREADS];
    dptrain_model *shared = open_saved();
    for (int i = 0; i < THREADS; i++) {
        askings[i] = (asking){.shared = shared};
        assert_int_equal(pthread_create(&threads[i], NULL, ask_many_times, &askings[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        expect_close(askings[i].result, askings[0].result, 0.0);
    }
    dptrain_close(shared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_library_describes_a_model),
        cmocka_unit_test(test_library_shows_tensors),
        cmocka_unit_test(test_library_reads_tokens),
        cmocka_unit_test(test_library_gives_the_reference_s_probabilities),
        cmocka_unit_test(test_library_scores_texts),
        cmocka_unit_test(test_library_scores_long_texts),
        cmocka_unit_test(test_library_scores_many_texts),
        cmocka_unit_test(test_library_scores_tokens),
        cmocka_unit_test(test_library_draws_texts),
        cmocka_unit_test(test_library_refuses_bad_sampling),
        cmocka_unit_test(test_library_draws_what_is_asked_for),
        cmocka_unit_test(test_library_draws_the_likeliest),
        cmocka_unit_test(test_library_ensemble_of_one_is_that_model),
        cmocka_unit_test(test_library_ensemble_is_the_mean_of_probabilities),
        cmocka_unit_test(test_library_refuses_what_is_no_ensemble),
        cmocka_unit_test(test_library_opens_run_folders),
        cmocka_unit_test(test_library_refuses_damage),
        cmocka_unit_test(test_library_answers_threads_with_a_model_each),
    };
    return cmocka_run_group_tests_name("library", tests, set_up, tear_down);
}
