#include "model/params.h"

#include "base/memory.h"
#include "base/random.h"
#include "formats/h5reader.h"
#include "support/expect.h"

#include <limits.h>
#include <stdio.h>

/* With every tensor that there is. */
static const dp_model_shape base = {
    .vocab = 27, .block_size = 3, .embedding_dim = 6, .hidden_dim = 200, .direct = true};

static dp_params_layout layout_of(dp_model_shape shape) {
    dp_error error = {0};
    dp_params_layout layout;
    expect_ok(dp_params_layout_init(&layout, shape, &error), &error);
    return layout;
}

/* A filled slab, to be freed by the caller. */
static float *initial(const dp_params_layout *layout, dp_init init, uint64_t seed) {
    dp_error error = {0};
    float *params = dp_memory_zeroed(layout->length, sizeof *params, &error);
    assert_non_null(params);
    memset(params, 0xFF, layout->length * sizeof *params); /* what is not written shows as NaN */
    dp_params_init(layout, init, seed, params);
    return params;
}

static void test_params_counts_what_is_trained(void **state) {
    (void)state;
    static const struct {
        size_t embedding_dim, hidden_dim, count;
    } models[] = {{50, 2, 1733}, {6, 200, 9389}, {10, 200, 11897}}; /* of the notebook */
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        dp_model_shape shape = base;
        shape.embedding_dim = models[i].embedding_dim;
        shape.hidden_dim = models[i].hidden_dim;
        shape.direct = false;
        dp_params_layout layout = layout_of(shape);
        expect_unsigned(layout.parameter_count, models[i].count);
    }
}

static void test_params_tensors_have_names_and_shapes(void **state) {
    (void)state;
    static const dp_tensor expected[DP_TENSOR_COUNT] = {
        {.name = "C", .rank = 2, .rows = 27, .cols = 6},
        {.name = "W1", .rank = 2, .rows = 18, .cols = 200},
        {.name = "b1", .rank = 1, .rows = 1, .cols = 200},
        {.name = "W2", .rank = 2, .rows = 200, .cols = 27},
        {.name = "b2", .rank = 1, .rows = 1, .cols = 27},
        {.name = "Wd", .rank = 2, .rows = 18, .cols = 27},
    };
    dp_params_layout layout = layout_of(base);
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        assert_string_equal(layout.tensors[t].name, expected[t].name);
        assert_int_equal(layout.tensors[t].rank, expected[t].rank);
        expect_unsigned(layout.tensors[t].rows, expected[t].rows);
        expect_unsigned(layout.tensors[t].cols, expected[t].cols);
    }
}

static void test_params_tensors_are_aligned_and_apart(void **state) {
    (void)state;
    for (size_t hidden_dim = 1; hidden_dim < 40; hidden_dim++) {
        dp_model_shape shape = base;
        size_t end = 0, count = 0;
        shape.hidden_dim = hidden_dim;
        dp_params_layout layout = layout_of(shape);
        for (int t = 0; t < DP_TENSOR_COUNT; t++) {
            const dp_tensor *tensor = &layout.tensors[t];
            const size_t stored_rows = tensor->col_stride == 1 ? tensor->rows : tensor->cols;
            expect_unsigned(tensor->offset, end);
            expect_unsigned(dp_tensor_ld(tensor) * sizeof(float) % DP_ALIGNMENT, 0);
            end = tensor->offset + stored_rows * dp_tensor_ld(tensor);
            count += dp_tensor_size(tensor);
        }
        expect_unsigned(layout.length, end);
        expect_unsigned(count, layout.parameter_count);
    }
}

static void test_params_copies_between_slab_and_natural_order(void **state) {
    (void)state;
    dp_error error;
    dp_params_layout layout = layout_of(base);
    float *params = initial(&layout, DP_INIT_NORMAL, 42);
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &layout.tensors[t];
        const size_t size = dp_tensor_size(tensor);
        float *natural = dp_memory_zeroed(size, sizeof *natural, &error);
        float *copy = dp_memory_zeroed(layout.length, sizeof *copy, &error);
        assert_non_null(natural);
        assert_non_null(copy);
        dp_tensor_store(tensor, params, natural);
        dp_tensor_load(tensor, copy, natural);
        for (size_t i = 0; i < size; i++) {
            assert_true(natural[i] == params[dp_tensor_index(tensor, i)]);
            assert_true(natural[i] == copy[dp_tensor_index(tensor, i)]);
        }
        /* Neighbours in a row of W2 lie a padded row of units apart, in one of Wd of features. */
        expect_unsigned(dp_tensor_index(tensor, 1) - tensor->offset, t == DP_TENSOR_W2   ? 208
                                                                     : t == DP_TENSOR_WD ? 32
                                                                                         : 1);
        dp_memory_free(natural);
        dp_memory_free(copy);
    }
    dp_memory_free(params);
}

/* Mean and deviation of a tensor are those of `deviation`, within five deviations of a sample. */
static void expect_moments(const dp_params_layout *layout, const float *params, dp_tensor_id t,
                           double deviation) {
    const size_t size = dp_tensor_size(&layout->tensors[t]);
    double sum = 0.0, squares = 0.0, n = (double)size;
    for (size_t i = 0; i < size; i++) {
        double value = (double)params[dp_tensor_index(&layout->tensors[t], i)];
        sum += value;
        squares += value * value;
    }
    double mean = sum / n, variance = squares / n, wanted = deviation * deviation;
    if (!(fabs(mean) <= 5.0 * deviation / sqrt(n)))
        fail_msg("%s: mean %g of %g", layout->tensors[t].name, mean, deviation);
    if (!(fabs(variance - wanted) <= 5.0 * wanted * sqrt(2.0 / n)))
        fail_msg("%s: variance %g, not %g", layout->tensors[t].name, variance, wanted);
}

static void test_params_normal_draws_every_tensor_with_deviation_one(void **state) {
    (void)state;
    dp_params_layout layout = layout_of(base);
    float *params = initial(&layout, DP_INIT_NORMAL, 42);
    for (int t = 0; t < DP_TENSOR_COUNT; t++)
        expect_moments(&layout, params, (dp_tensor_id)t, 1.0);
    dp_memory_free(params);
}

static void test_params_scaled_draws_by_fan_in(void **state) {
    (void)state;
    dp_params_layout layout = layout_of(base);
    float *params = initial(&layout, DP_INIT_SCALED, 42);
    expect_moments(&layout, params, DP_TENSOR_C, 1.0);
    expect_moments(&layout, params, DP_TENSOR_W1, 5.0 / 3.0 / sqrt(18.0));
    expect_moments(&layout, params, DP_TENSOR_B1, 0.0);
    expect_moments(&layout, params, DP_TENSOR_W2, 1.0 / sqrt(200.0));
    expect_moments(&layout, params, DP_TENSOR_B2, 0.0);
    expect_moments(&layout, params, DP_TENSOR_WD, 1.0 / sqrt(18.0));
    dp_memory_free(params);
}

static void test_params_small_draws_weights_alone(void **state) {
    (void)state;
    dp_params_layout layout = layout_of(base);
    float *params = initial(&layout, DP_INIT_SMALL, 42);
    for (int t = 0; t < DP_TENSOR_COUNT; t++)
        expect_moments(&layout, params, (dp_tensor_id)t, layout.tensors[t].rank == 2 ? 0.05 : 0.0);
    dp_memory_free(params);
}

/* Add-one estimates of probabilities, and nothing but b2. */
static void test_params_output_bias_is_the_log_of_frequencies(void **state) {
    (void)state;
    dp_params_layout layout = layout_of(base);
    float *params = initial(&layout, DP_INIT_SMALL, 42),
          *before = initial(&layout, DP_INIT_SMALL, 42);
    const dp_tensor *b2 = &layout.tensors[DP_TENSOR_B2];
    uint64_t counts[64] = {0};
    double sum = 0.0;
    assert_in_range(base.vocab, 3, 64);
    counts[1] = 7;
    counts[2] = 1000000;
    dp_params_set_output_bias(&layout, counts, params);
    const double total = 1000007.0 + (double)base.vocab;
    for (size_t i = 0; i < base.vocab; i++) {
        const double value = (double)params[dp_tensor_index(b2, i)];
        expect_close(value,
                     log(i == 1   ? 8.0 / total
                         : i == 2 ? 1000001.0 / total
                                  : 1.0 / total),
                     1e-6 * fabs(value));
        sum += exp(value);
        before[dp_tensor_index(b2, i)] = params[dp_tensor_index(b2, i)];
    }
    expect_close(sum, 1.0, 1e-5);
    assert_memory_equal(params, before, layout.length * sizeof *params);
    dp_memory_free(params);
    dp_memory_free(before);
}

/* torch.nn.Linear draws weights and biases uniformly within 1 / sqrt(inputs) of 0. */
static void test_params_torch_is_uniform_but_for_the_embedding(void **state) {
    (void)state;
    dp_params_layout layout = layout_of(base);
    float *params = initial(&layout, DP_INIT_TORCH, 42);
    expect_moments(&layout, params, DP_TENSOR_C, 1.0);
    for (int t = DP_TENSOR_W1; t < DP_TENSOR_COUNT; t++) {
        const bool of_output = t == DP_TENSOR_W2 || t == DP_TENSOR_B2;
        const double bound =
            1.0 / sqrt((double)(of_output ? base.hidden_dim : dp_shape_inputs(&base)));
        double largest = 0.0;
        for (size_t i = 0; i < dp_tensor_size(&layout.tensors[t]); i++) {
            const double value = fabs((double)params[dp_tensor_index(&layout.tensors[t], i)]);
            largest = value > largest ? value : largest;
        }
        if (!(largest <= bound * (1.0 + 1e-6) && largest >= 0.8 * bound))
            fail_msg("%s: the largest of them is %g, of %g", layout.tensors[t].name, largest,
                     bound);
        if (dp_tensor_size(&layout.tensors[t]) > 0)
            expect_moments(&layout, params, (dp_tensor_id)t, bound / sqrt(3.0));
    }
    dp_memory_free(params);
}

/* Every element is the normal draw times the deviation that PyTorch's Kaiming initialisation has:
 * torch.nn.init.calculate_gain over the square root of the fan in (tests/golden/make_golden.py). */
static void test_params_scaled_is_the_normal_draw_times_that_of_pytorch(void **state) {
    (void)state;
    dp_error error = {0};
    dp_h5reader file = {0};
    dp_params_layout layout = layout_of(base);
    float *scaled = initial(&layout, DP_INIT_SCALED, 42);
    expect_ok(dp_h5reader_open(&file, DP_TESTS_DIR "/golden/golden.h5", &error), &error);
    static const struct {
        dp_tensor_id id;
        const char *attribute; /* NULL: this deviation */
        double deviation;
    } cases[] = {
        {.id = DP_TENSOR_C, .deviation = 1.0},  {.id = DP_TENSOR_W1, .attribute = "init_W1"},
        {.id = DP_TENSOR_B1, .deviation = 0.0}, {.id = DP_TENSOR_W2, .attribute = "init_W2"},
        {.id = DP_TENSOR_B2, .deviation = 0.0}, {.id = DP_TENSOR_WD, .attribute = "init_Wd"}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        const dp_tensor *tensor = &layout.tensors[cases[c].id];
        double deviation = cases[c].deviation;
        if (cases[c].attribute != NULL)
            expect_ok(dp_h5reader_real_attribute(&file, cases[c].attribute, &deviation, &error),
                      &error);
        for (size_t i = 0; i < dp_tensor_size(tensor); i++) {
            double draw = dp_random_normal(42, DP_STREAM_INIT, i, (uint64_t)cases[c].id);
            expect_close((double)scaled[dp_tensor_index(tensor, i)], deviation * draw,
                         1e-7 * fabs(deviation * draw));
        }
    }
    dp_h5reader_close(&file);
    dp_memory_free(scaled);
}

static void test_params_padding_is_zero(void **state) {
    (void)state;
    dp_params_layout layout = layout_of(base);
    float *params = initial(&layout, DP_INIT_NORMAL, 42);
    size_t zeros = 0;
    for (size_t i = 0; i < layout.length; i++)
        zeros += params[i] == 0.0f; /* which no element is */
    expect_unsigned(zeros, layout.length - layout.parameter_count);
    assert_true(zeros > 0); /* else this test has looked at nothing */
    dp_memory_free(params);
}

/* Element i of a tensor does not depend on the sizes of the others, nor on those of its own. */
static void test_params_elements_depend_on_seed_tensor_and_index_alone(void **state) {
    (void)state;
    dp_model_shape shape = {
        .vocab = 90, .block_size = 5, .embedding_dim = 11, .hidden_dim = 231, .direct = true};
    dp_params_layout small = layout_of(base), large = layout_of(shape);
    float *a = initial(&small, DP_INIT_NORMAL, 42), *b = initial(&large, DP_INIT_NORMAL, 42);
    float *other_seed = initial(&small, DP_INIT_NORMAL, 43);
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        for (size_t i = 0; i < dp_tensor_size(&small.tensors[t]); i++) {
            float in_small = a[dp_tensor_index(&small.tensors[t], i)];
            float in_large = b[dp_tensor_index(&large.tensors[t], i)];
            if (in_small != in_large) /* none of them is NaN or 0 */
                fail_msg("%s[%zu] is %a, not %a", small.tensors[t].name, i, (double)in_large,
                         (double)in_small);
        }
        const size_t offset = small.tensors[t].offset;
        assert_memory_not_equal(a + offset, other_seed + offset, 16);
        if (t > 0)
            assert_memory_not_equal(a + offset, a, 16); /* nor are two tensors alike */
    }
    dp_memory_free(a);
    dp_memory_free(b);
    dp_memory_free(other_seed);
}

/* --- split by vocabulary -------------------------------------------------------------------- */

/* The last block is whole, has a single token, has some; without direct connections, without a
 * hidden layer; fewer tokens than a block. */
static const dp_model_shape split_shapes[] = {
    {.vocab = 240, .block_size = 2, .embedding_dim = 3, .hidden_dim = 5, .direct = true},
    {.vocab = 241, .block_size = 2, .embedding_dim = 3, .hidden_dim = 5, .direct = true},
    {.vocab = 700, .block_size = 3, .embedding_dim = 16, .hidden_dim = 21, .direct = true},
    {.vocab = 700, .block_size = 3, .embedding_dim = 7, .hidden_dim = 16},
    {.vocab = 500, .block_size = 2, .embedding_dim = 3, .hidden_dim = 0, .direct = true},
    {.vocab = 2, .block_size = 1, .embedding_dim = 1, .hidden_dim = 1, .direct = true},
};
#define SPLIT_COUNT (sizeof split_shapes / sizeof split_shapes[0])

static dp_params_layout split_layout_of(dp_model_shape shape) {
    shape.split = true;
    return layout_of(shape);
}

static void test_params_split_has_the_tensors_of_the_whole(void **state) {
    (void)state;
    for (size_t s = 0; s < SPLIT_COUNT; s++) {
        const dp_params_layout whole = layout_of(split_shapes[s]);
        const dp_params_layout split = split_layout_of(split_shapes[s]);
        expect_unsigned(split.parameter_count, whole.parameter_count);
        expect_unsigned(whole.output_blocks, 0);
        for (int t = 0; t < DP_TENSOR_COUNT; t++) {
            assert_string_equal(split.tensors[t].name, whole.tensors[t].name);
            assert_int_equal(split.tensors[t].rank, whole.tensors[t].rank);
            expect_unsigned(split.tensors[t].rows, whole.tensors[t].rows);
            expect_unsigned(split.tensors[t].cols, whole.tensors[t].cols);
        }
    }
}

/* Rows [first, first + rows) of a block are those of this tensor. */
static void expect_rows_of_blocks(const dp_params_layout *layout, dp_tensor_id t, size_t first) {
    const dp_tensor *tensor = &layout->tensors[t];
    for (size_t i = 0; i < dp_tensor_size(tensor); i++) {
        const size_t row = first + i / tensor->cols, token = i % tensor->cols;
        expect_unsigned(dp_tensor_index(tensor, i),
                        layout->output_offset + token / DP_OUTPUT_BLOCK * layout->output_stride +
                            row * DP_OUTPUT_BLOCK + token % DP_OUTPUT_BLOCK);
    }
}

static void test_params_split_is_blocks_of_tokens_at_the_end(void **state) {
    (void)state;
    for (size_t s = 0; s < SPLIT_COUNT; s++) {
        const dp_params_layout layout = split_layout_of(split_shapes[s]);
        const size_t hidden = split_shapes[s].hidden_dim, vocab = split_shapes[s].vocab;
        const size_t direct = split_shapes[s].direct ? dp_shape_inputs(&split_shapes[s]) : 0;
        size_t tokens = 0;
        expect_unsigned(layout.output_blocks, (vocab + DP_OUTPUT_BLOCK - 1) / DP_OUTPUT_BLOCK);
        expect_unsigned(layout.output_stride, (hidden + direct + 1) * DP_OUTPUT_BLOCK);
        expect_unsigned(layout.output_offset + layout.output_blocks * layout.output_stride,
                        layout.length);
        expect_unsigned(layout.output_offset * sizeof(float) % DP_ALIGNMENT, 0);
        expect_unsigned(DP_OUTPUT_BLOCK * sizeof(float) % DP_ALIGNMENT, 0);
        for (size_t b = 0; b < layout.output_blocks; b++) {
            assert_in_range(dp_output_tokens(&layout, b), 1, DP_OUTPUT_BLOCK);
            tokens += dp_output_tokens(&layout, b);
        }
        expect_unsigned(tokens, vocab);
        expect_rows_of_blocks(&layout, DP_TENSOR_W2, 0);
        expect_rows_of_blocks(&layout, DP_TENSOR_WD, hidden);
        expect_rows_of_blocks(&layout, DP_TENSOR_B2, hidden + direct);
    }
}

/* Every element has a place of its own, the same natural order, and the initial value that it has
 * in the whole layout. Other places hold 0. */
static void check_split_values(const dp_params_layout *whole, const dp_params_layout *split) {
    dp_error error;
    float *a = initial(whole, DP_INIT_SCALED, 42), *b = initial(split, DP_INIT_SCALED, 42);
    float *copy = dp_memory_zeroed(split->length, sizeof *copy, &error);
    float *natural = dp_memory_zeroed(split->length, sizeof *natural, &error);
    bool *used = dp_memory_zeroed(split->length, sizeof *used, &error);
    assert_non_null(copy);
    assert_non_null(natural);
    assert_non_null(used);
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &split->tensors[t];
        dp_tensor_store(tensor, b, natural);
        dp_tensor_load(tensor, copy, natural);
        for (size_t i = 0; i < dp_tensor_size(tensor); i++) {
            const size_t at = dp_tensor_index(tensor, i);
            assert_in_range(at, 0, split->length - 1);
            assert_false(used[at]);
            used[at] = true;
            assert_true(natural[i] == b[at]);
            assert_true(natural[i] == a[dp_tensor_index(&whole->tensors[t], i)]);
        }
    }
    for (size_t i = 0; i < split->length; i++)
        assert_true(used[i] || b[i] == 0.0f);
    assert_memory_equal(copy, b, split->length * sizeof *copy);
    expect_hex(dp_params_hash(split, b), dp_params_hash(whole, a));
    dp_memory_free(a);
    dp_memory_free(b);
    dp_memory_free(copy);
    dp_memory_free(natural);
    dp_memory_free(used);
}

static void test_params_split_has_the_values_and_the_hash_of_the_whole(void **state) {
    (void)state;
    for (size_t s = 0; s < SPLIT_COUNT; s++) {
        const dp_params_layout whole = layout_of(split_shapes[s]);
        const dp_params_layout split = split_layout_of(split_shapes[s]);
        check_split_values(&whole, &split);
    }
}

static void test_params_split_hash_sees_every_element_and_not_the_padding(void **state) {
    (void)state;
    const dp_params_layout layout = split_layout_of(split_shapes[1]);
    float *params = initial(&layout, DP_INIT_NORMAL, 42);
    const uint64_t before = dp_params_hash(&layout, params);
    size_t padding = 0;
    for (size_t i = 0; i < layout.length; i++) {
        const float kept = params[i];
        params[i] += 1.0f;
        if ((dp_params_hash(&layout, params) != before) != (kept != 0.0f)) /* 0: no element is */
            fail_msg("float %zu of the slab", i);
        padding += kept == 0.0f;
        params[i] = kept;
    }
    expect_unsigned(padding, layout.length - layout.parameter_count);
    dp_memory_free(params);
}

static void test_params_refuses_dimensions_of_zero(void **state) {
    (void)state;
    dp_error error;
    dp_params_layout layout;
    dp_model_shape shapes[] = {base, base, base, base, base};
    shapes[0].vocab = 0;
    shapes[1].vocab = 1;
    shapes[2].block_size = 0;
    shapes[3].embedding_dim = 0;
    shapes[4].hidden_dim = 0;
    shapes[4].direct = false;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        expect_failure(dp_params_layout_init(&layout, shapes[i], &error), DP_ERR_INPUT, "at least",
                       &error);
}

static void test_params_refuses_what_overflows(void **state) {
    (void)state;
    dp_error error;
    dp_params_layout layout;
    dp_model_shape shapes[] = {base, base, base, base, base};
    shapes[0].vocab = SIZE_MAX;
    shapes[1].embedding_dim = SIZE_MAX / 2;
    shapes[2].hidden_dim = (size_t)INT_MAX + 1;
    shapes[3].block_size = SIZE_MAX / base.embedding_dim; /* the product still fits */
    shapes[4].vocab = shapes[4].hidden_dim = INT_MAX;     /* the slab does not */
    shapes[4].block_size = 1;
    shapes[4].embedding_dim = INT_MAX;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        expect_failure(dp_params_layout_init(&layout, shapes[i], &error), DP_ERR_INPUT, "", &error);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        shapes[i].split = true;
        expect_failure(dp_params_layout_init(&layout, shapes[i], &error), DP_ERR_INPUT, "", &error);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_params_counts_what_is_trained),
        cmocka_unit_test(test_params_tensors_have_names_and_shapes),
        cmocka_unit_test(test_params_tensors_are_aligned_and_apart),
        cmocka_unit_test(test_params_copies_between_slab_and_natural_order),
        cmocka_unit_test(test_params_normal_draws_every_tensor_with_deviation_one),
        cmocka_unit_test(test_params_scaled_draws_by_fan_in),
        cmocka_unit_test(test_params_small_draws_weights_alone),
        cmocka_unit_test(test_params_output_bias_is_the_log_of_frequencies),
        cmocka_unit_test(test_params_torch_is_uniform_but_for_the_embedding),
        cmocka_unit_test(test_params_scaled_is_the_normal_draw_times_that_of_pytorch),
        cmocka_unit_test(test_params_padding_is_zero),
        cmocka_unit_test(test_params_elements_depend_on_seed_tensor_and_index_alone),
        cmocka_unit_test(test_params_split_has_the_tensors_of_the_whole),
        cmocka_unit_test(test_params_split_is_blocks_of_tokens_at_the_end),
        cmocka_unit_test(test_params_split_has_the_values_and_the_hash_of_the_whole),
        cmocka_unit_test(test_params_split_hash_sees_every_element_and_not_the_padding),
        cmocka_unit_test(test_params_refuses_dimensions_of_zero),
        cmocka_unit_test(test_params_refuses_what_overflows),
    };
    return cmocka_run_group_tests_name("params", tests, NULL, NULL);
}
