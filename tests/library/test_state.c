/* Texts token by token, by models of few tokens, whose scores are sums in double, and of many. */
#include "dptrain/dptrain.h"

#include "base/memory.h"
#include "run/checkpoint.h"
#include "support/expect.h"
#include "support/scratch.h"

#include <float.h>

enum { FEW = 27, MANY = 2500, BLOCK = 3 };

/* Tokens are ".", "<unk>" and "w2", "w3", ..., of which texts are words. */
static void save(size_t vocab, size_t block, const char *path) {
    static dp_checkpoint saved; /* large: paths */
    static char names[MANY][24];
    static const char *tokens[MANY] = {".", "<unk>"};
    dp_error error = {0};
    char *assignments[] = {"model.embedding_dim=5", "model.hidden_dim=9"};
    const dp_model_shape shape = {
        .vocab = vocab, .block_size = block, .embedding_dim = 5, .hidden_dim = 9};
    for (size_t i = 2; i < vocab; i++) {
        snprintf(names[i], sizeof names[i], "w%zu", i);
        tokens[i] = names[i];
    }
    expect_ok(dp_config_load(&saved.config, NULL, 2, assignments, &error), &error);
    expect_ok(dp_vocabulary_init(&saved.facts.vocabulary, tokens, vocab, &error), &error);
    expect_ok(dp_params_layout_init(&saved.layout, shape, &error), &error);
    saved.params = dp_memory_zeroed(saved.layout.length, sizeof(float), &error);
    assert_non_null(saved.params);
    dp_params_init(&saved.layout, DP_INIT_NORMAL, 1, saved.params);
    saved.facts.weights_hash = dp_params_hash(&saved.layout, saved.params);
    saved.facts.unit = DP_UNIT_WORD;
    saved.facts.block_size = block;
    expect_ok(dp_checkpoint_save(&saved, path, &error), &error);
    dp_checkpoint_clear(&saved);
}

static dptrain_model *models[2];

static int set_up(void **state) {
    static const size_t vocabs[] = {FEW, MANY};
    dptrain_error error;
    if (scratch_create(state) != 0)
        return -1;
    for (size_t i = 0; i < 2; i++) {
        save(vocabs[i], BLOCK, scratch_path("model.h5"));
        if (dptrain_open(&models[i], scratch_path("model.h5"), &error) != DPTRAIN_OK)
            fail_msg("%s", error.message);
    }
    return 0;
}

static int tear_down(void **state) {
    dptrain_close(models[0]);
    dptrain_close(models[1]);
    return scratch_remove(state);
}

static size_t vocab_of(const dptrain_model *model) {
    dptrain_description is;
    dptrain_describe(model, &is, sizeof is);
    return is.vocab;
}

static void expect_score(const dptrain_state *state, const dptrain_text_score *score) {
    assert_true(state->log_probability == score->log_probability);
    assert_true(state->known_log_probability == score->known_log_probability);
    expect_unsigned(state->tokens, score->tokens);
    expect_unsigned(state->unknown, score->unknown);
}

/* Asks for each token, or for all and then takes one. */
static void push_text(dptrain_model *model, const char *text, bool asks_all, dptrain_state *state) {
    static double log_probabilities[MANY];
    uint32_t ids[32];
    size_t count = dptrain_encode(model, text, strlen(text), ids, 31, NULL);
    ids[count++] = DPTRAIN_BOUNDARY;
    dptrain_state_begin(model, state, sizeof *state);
    for (size_t i = 0; i < count; i++) {
        if (asks_all)
            expect_unsigned(
                dptrain_state_next(model, state, sizeof *state, 1, log_probabilities, NULL),
                DPTRAIN_OK);
        expect_unsigned(dptrain_state_push(model, state, sizeof *state, ids[i],
                                           asks_all ? log_probabilities : NULL, NULL),
                        DPTRAIN_OK);
    }
}

static void test_state_has_the_bits_of_the_text_s_score(void **state) {
    (void)state;
    static const char *const texts[] = {"w2 w3 w4 w2 w26 w5 w2", "", "w3 none w4", "nothing at all",
                                        "<unk> w9 w9 w9 w9 w9 w9 w9 w9"};
    dptrain_text_score score;
    dptrain_state text;
    for (size_t i = 0; i < 10; i++) {
        dptrain_model *model = models[i % 2];
        const char *words = texts[i / 2];
        expect_unsigned(dptrain_score(model, words, strlen(words), &score, sizeof score, NULL),
                        DPTRAIN_OK);
        push_text(model, words, false, &text);
        expect_score(&text, &score);
        push_text(model, words, true, &text);
        expect_score(&text, &score);
    }
}

static void test_state_gives_the_model_s_probabilities(void **state) {
    (void)state;
    static double probabilities[MANY], log_probabilities[MANY];
    for (size_t i = 0; i < 2; i++) {
        const double bound = i == 0 ? 1e-12 : 1e-6;
        dptrain_state text;
        push_text(models[i], "w7 w3", false, &text);
        expect_unsigned(dptrain_next(models[i], text.context, probabilities, NULL), DPTRAIN_OK);
        expect_unsigned(
            dptrain_state_next(models[i], &text, sizeof text, 1, log_probabilities, NULL),
            DPTRAIN_OK);
        for (size_t id = 0; id < vocab_of(models[i]); id++)
            expect_close(log_probabilities[id], log(probabilities[id]), bound);
    }
}

/* More than are computed at once, to the bits of each alone; a copy goes its own way. */
static void test_state_goes_many_ways_at_once(void **state) {
    (void)state;
    enum { COUNT = 150 };
    static dptrain_state beam[COUNT];
    static double together[COUNT * FEW], alone[FEW];
    dptrain_model *model = models[0];
    dptrain_state_begin(model, &beam[0], sizeof beam[0]);
    for (uint32_t i = 1; i < COUNT; i++) {
        beam[i] = beam[i / 2];
        expect_unsigned(dptrain_state_push(model, &beam[i], sizeof beam[i], i % FEW, NULL, NULL),
                        DPTRAIN_OK);
    }
    expect_unsigned(dptrain_state_next(model, beam, sizeof beam[0], COUNT, together, NULL),
                    DPTRAIN_OK);
    for (size_t i = 0; i < COUNT; i++) {
        expect_unsigned(dptrain_state_next(model, &beam[i], sizeof beam[i], 1, alone, NULL),
                        DPTRAIN_OK);
        assert_memory_equal(alone, together + i * FEW, sizeof alone);
    }
}

static void test_state_refuses_ids_that_are_none(void **state) {
    (void)state;
    dptrain_error error;
    dptrain_model *model = models[0];
    double log_probabilities[FEW];
    dptrain_state text, before;
    push_text(model, "w7 w3", false, &text);
    before = text;
    expect_unsigned(dptrain_state_push(model, &text, sizeof text, FEW, NULL, &error),
                    DPTRAIN_ERR_INPUT);
    assert_string_equal(error.message, "id 27 is not below the vocabulary's 27");
    assert_memory_equal(&text, &before, sizeof text);
    text.context[BLOCK - 1] = 99;
    expect_unsigned(dptrain_state_push(model, &text, sizeof text, 1, NULL, NULL),
                    DPTRAIN_ERR_INPUT);
    expect_unsigned(dptrain_state_next(model, &text, sizeof text, 1, log_probabilities, &error),
                    DPTRAIN_ERR_INPUT);
    assert_string_equal(error.message, "id 99 is not below the vocabulary's 27");
}

/* Of one that was compiled with a larger struct what is behind ours stays. */
static void test_state_serves_later_programs(void **state) {
    (void)state;
    struct {
        dptrain_state state;
        int more;
    } later = {.more = 7};
    dptrain_model *model = models[0];
    expect_unsigned(dptrain_state_push(model, &later.state, sizeof later, 5, NULL, NULL),
                    DPTRAIN_OK);
    expect_unsigned(later.state.tokens, 1);
    assert_int_equal(later.more, 7);
}

/* Of files that may come from anywhere: no context is longer than a state has room for. */
static void test_state_has_room_for_every_context(void **state) {
    (void)state;
    dptrain_error error;
    dptrain_model *model = NULL;
    save(FEW, DPTRAIN_CONTEXT_MAX, scratch_path("long.h5"));
    expect_unsigned(dptrain_open(&model, scratch_path("long.h5"), NULL), DPTRAIN_OK);
    dptrain_close(model);
    save(FEW, DPTRAIN_CONTEXT_MAX + 1, scratch_path("long.h5"));
    expect_unsigned(dptrain_open(&model, scratch_path("long.h5"), &error), DPTRAIN_ERR_INPUT);
    assert_non_null(strstr(error.message, "long.h5: block size 65 is not from 1 to 64"));
}

/* Of many tokens the sum over the vocabulary is taken in float32 in parts. */
static void test_score_of_many_tokens_is_as_exact_as_its_logits(void **state) {
    (void)state;
    static double probabilities[MANY];
    dptrain_model *model = models[1];
    dptrain_token_score tokens[32];
    uint32_t context[BLOCK] = {0};
    size_t count = 0;
    const char text[] = "w2 w2499 w1024 w1025 w77 w5";
    expect_unsigned(
        dptrain_score_tokens(model, text, strlen(text), tokens, 32, sizeof tokens[0], &count, NULL),
        DPTRAIN_OK);
    expect_unsigned(count, 7);
    for (size_t i = 0; i < count; i++) {
        expect_unsigned(dptrain_next(model, context, probabilities, NULL), DPTRAIN_OK);
        expect_close(tokens[i].log_probability, log(probabilities[tokens[i].id]), 1e-6);
        memmove(context, context + 1, sizeof context - sizeof context[0]);
        context[BLOCK - 1] = tokens[i].id;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_has_the_bits_of_the_text_s_score),
        cmocka_unit_test(test_state_gives_the_model_s_probabilities),
        cmocka_unit_test(test_state_goes_many_ways_at_once),
        cmocka_unit_test(test_state_refuses_ids_that_are_none),
        cmocka_unit_test(test_state_serves_later_programs),
        cmocka_unit_test(test_state_has_room_for_every_context),
        cmocka_unit_test(test_score_of_many_tokens_is_as_exact_as_its_logits),
    };
    return cmocka_run_group_tests_name("state", tests, set_up, tear_down);
}
