#include "library/similarity.h"

#include "support/expect.h"

#define VOCAB 5

static void test_similarity_is_the_cosine_of_rows(void **state) {
    (void)state;
    static const float rows[VOCAB][2] = {{3, 4}, {-6, -8}, {4, -3}, {0, 0}, {1e20f, 0}};
    dp_error error = {0};
    dp_params_layout layout;
    dp_model_shape shape = {.vocab = VOCAB, .block_size = 1, .embedding_dim = 2, .hidden_dim = 1};
    float params[256] = {0};
    double cosines[VOCAB];
    expect_ok(dp_params_layout_init(&layout, shape, &error), &error);
    assert_true(layout.length <= sizeof params / sizeof params[0]);
    dp_tensor_load(&layout.tensors[DP_TENSOR_C], params, rows[0]);
    dp_similarity_cosines(&layout, params, 0, cosines);
    expect_close(cosines[0], 1.0, 1e-15);
    expect_close(cosines[1], -1.0, 1e-15);
    expect_close(cosines[2], 0.0, 1e-15);
    expect_close(cosines[3], 0.0, 0.0); /* no direction */
    expect_close(cosines[4], 0.6, 1e-15);
    dp_similarity_cosines(&layout, params, 3, cosines);
    for (size_t i = 0; i < VOCAB; i++)
        expect_close(cosines[i], 0.0, 0.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_similarity_is_the_cosine_of_rows),
    };
    return cmocka_run_group_tests_name("similarity", tests, NULL, NULL);
}
