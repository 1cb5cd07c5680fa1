/* The kernels of every level that this machine runs, on odd shapes, against plain loops in double;
 * and what the numerics contract asks of them, bit for bit. */
#include "kernels/kernels.h"

#include "base/memory.h"
#include "base/random.h"
#include "base/real.h"
#include "base/size.h"
#include "support/reference.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 37, IN_MAX = 61, OUT_MAX = 211, LD_MAX = 240, GRAINS = 8 };

static const size_t shapes[][2] = {{1, 1},   {3, 16},  {30, 200}, {27, 27},  {61, 211}, {18, 100},
                                   {16, 48}, {32, 32}, {48, 16},  {50, 211}, {35, 10}};
#define SHAPE_COUNT (sizeof shapes / sizeof shapes[0])

/* Rows of grains of different sizes, one of them empty. */
static const size_t starts[GRAINS + 1] = {0, 4, 9, 9, 14, 20, 21, 30, ROWS};

static _Alignas(64) float x[ROWS * LD_MAX], w[IN_MAX * LD_MAX], b[LD_MAX];
static _Alignas(64) float y[ROWS * LD_MAX], other[ROWS * LD_MAX];

static void fill(float *values, size_t count, uint64_t seed) {
    for (size_t i = 0; i < count; i++)
        values[i] = (float)dp_random_normal(seed, DP_STREAM_INIT, i, 0);
}

static void clear_padding(float *matrix, size_t rows, size_t cols, size_t ld) {
    for (size_t r = 0; r < rows; r++)
        memset(matrix + r * ld + cols, 0, (ld - cols) * sizeof *matrix);
}

static void assert_near(const char *what, const dp_kernels *kernels, double value, double expected,
                        double scale) {
    if (!(fabs(value - expected) <= 1e-5 * scale))
        fail_msg("%s, %s: %.9g, not %.9g", what, dp_cpu_level_name(kernels->level), value,
                 expected);
}

static const dp_cpu_level levels[] = {DP_CPU_GENERIC, DP_CPU_X86_64_V3, DP_CPU_X86_64_V4};

/* Calls test for the kernels of each level up to this machine's. */
static void for_each_level(void (*test)(const dp_kernels *)) {
    for (size_t i = 0; i < 3 && levels[i] <= dp_cpu_level_detect(); i++)
        test(dp_kernels_of(levels[i]));
}

static void say_what_is_not_tested(void) {
    for (size_t i = 0; i < 3; i++) {
        if (levels[i] > dp_cpu_level_detect())
            printf("not tested: %s, which this machine does not have\n",
                   dp_cpu_level_name(levels[i]));
    }
}

/* The sum of products that x[i * step_x] and w[i * step_w] make, and how large they are. */
static double sum_of_products(size_t n, const float *a, size_t step_a, const float *c,
                              size_t step_c, double *scale) {
    double sum = 0.0;
    *scale = 1.0;
    for (size_t i = 0; i < n; i++) {
        double product = (double)a[i * step_a] * (double)c[i * step_c];
        sum += product;
        *scale += fabs(product);
    }
    return sum;
}

static void check_multiply(const dp_kernels *kernels) {
    for (size_t s = 0; s < SHAPE_COUNT; s++) {
        const size_t in = shapes[s][0], out = shapes[s][1], ld = dp_kernels_padded(out);
        fill(x, ROWS * in, 1);
        fill(w, in * ld, 2);
        clear_padding(w, in, out, ld);
        fill(b, ld, 3);
        clear_padding(b, 1, out, ld);
        memset(y, 0, sizeof y);
        memset(other, 0, sizeof other);
        kernels->multiply(ROWS, in, out, (dp_rows){x, in}, (dp_rows){w, ld}, b, NULL,
                          (dp_out_rows){y, ld});
        for (size_t i = 0; i < ROWS * ld; i++) {
            double scale;
            double expected = sum_of_products(in, x + i / ld * in, 1, w + i % ld, ld, &scale);
            assert_near("multiply", kernels, (double)y[i], expected + (double)b[i % ld], scale);
        }
        /* A row has the same bits in whatever company. */
        for (size_t count = 1; count < ROWS - 2; count += 5) {
            kernels->multiply(count, in, out, (dp_rows){x + 2 * in, in}, (dp_rows){w, ld}, b, NULL,
                              (dp_out_rows){other, ld});
            assert_memory_equal(other, y + 2 * ld, count * ld * sizeof(float));
        }
        static _Alignas(64) float h[ROWS * LD_MAX];
        fill(h, ROWS * ld, 14);
        kernels->multiply(ROWS, in, out, (dp_rows){x, in}, (dp_rows){w, ld}, b, h,
                          (dp_out_rows){other, ld});
        for (size_t i = 0; i < ROWS * ld; i++) {
            double slope = 1.0 - (double)h[i] * (double)h[i];
            assert_near("multiply with h", kernels, (double)other[i], (double)y[i] * slope,
                        fabs((double)y[i] * slope) + fabs((double)y[i]));
        }
        memset(b, 0, sizeof b);
        kernels->multiply(ROWS, in, out, (dp_rows){x, in}, (dp_rows){w, ld}, b, NULL,
                          (dp_out_rows){y, ld});
        kernels->multiply(ROWS, in, out, (dp_rows){x, in}, (dp_rows){w, ld}, NULL, NULL,
                          (dp_out_rows){other, ld});
        assert_memory_equal(other, y, ROWS * ld * sizeof(float));
    }
}

static void test_kernels_multiply(void **state) {
    (void)state;
    for_each_level(check_multiply);
}

static void check_dot(const dp_kernels *kernels) {
    for (size_t s = 0; s < SHAPE_COUNT; s++) {
        const size_t cols = shapes[s][0], n = shapes[s][1], ld = dp_kernels_padded(n);
        const size_t ldy = cols; /* rows side by side: what goes beyond one is seen in the next */
        fill(x, ROWS * ld, 1);
        clear_padding(x, ROWS, n, ld);
        fill(w, cols * ld, 2);
        fill(b, cols, 3);
        memset(y, 0, sizeof y);
        kernels->dot(ROWS, cols, n, (dp_rows){x, ld}, (dp_rows){w, ld}, b, false,
                     (dp_out_rows){y, ldy});
        for (size_t i = 0; i < ROWS * ldy; i++) {
            double scale;
            double expected = sum_of_products(n, x + i / ldy * ld, 1, w + i % ldy * ld, 1, &scale);
            assert_near("dot", kernels, (double)y[i], expected + (double)b[i % ldy], scale);
        }
        for (size_t count = 1; count < ROWS - 2; count += 5) {
            kernels->dot(count, cols, n, (dp_rows){x + 2 * ld, ld}, (dp_rows){w, ld}, b, false,
                         (dp_out_rows){other, ldy});
            for (size_t r = 0; r < count; r++)
                assert_memory_equal(other + r * ldy, y + (r + 2) * ldy, cols * sizeof(float));
        }
        memset(b, 0, sizeof b);
        kernels->dot(ROWS, cols, n, (dp_rows){x, ld}, (dp_rows){w, ld}, b, false,
                     (dp_out_rows){y, ldy});
        kernels->dot(ROWS, cols, n, (dp_rows){x, ld}, (dp_rows){w, ld}, NULL, false,
                     (dp_out_rows){other, ldy});
        for (size_t r = 0; r < ROWS; r++)
            assert_memory_equal(other + r * ldy, y + r * ldy, cols * sizeof(float));
        /* Added to what is there. */
        kernels->dot(ROWS, cols, n, (dp_rows){x, ld}, (dp_rows){w, ld}, NULL, true,
                     (dp_out_rows){other, ldy});
        for (size_t i = 0; i < ROWS * cols; i++)
            assert_true(other[i] == y[i] + y[i]);
    }
}

/* Of no hidden units. */
static void check_empty_dot(const dp_kernels *kernels) {
    enum { COLS = 20 };
    fill(x, ROWS, 1);
    fill(w, COLS, 2);
    fill(b, COLS, 3);
    kernels->dot(ROWS, COLS, 0, (dp_rows){x, 0}, (dp_rows){w, 0}, b, false, (dp_out_rows){y, COLS});
    for (size_t i = 0; i < ROWS * COLS; i++)
        assert_true(y[i] == b[i % COLS]);
}

static void test_kernels_dot(void **state) {
    (void)state;
    for_each_level(check_dot);
    for_each_level(check_empty_dot);
}

/* The gradient of x and y, [rows of grains, in] and [.., out], to be written to dw. */
static dp_gradient gradient_of(size_t grains, const size_t *of_grains, size_t in, size_t out,
                               float *dw) {
    const size_t ld = dp_kernels_padded(out);
    return (dp_gradient){.grains = grains,
                         .starts = of_grains,
                         .run = 16,
                         .in = in,
                         .out = out,
                         .x = {x, in},
                         .dy = {y, ld},
                         .to = {dw, ld}};
}

/* dw of grains [first, first + count), halved again and again. */
static void tree_of_single_grains(const dp_kernels *kernels, const size_t *of_grains, size_t count,
                                  size_t in, size_t out, float *dw) {
    const size_t floats = in * dp_kernels_padded(out);
    if (count == 1) {
        const dp_gradient of = gradient_of(1, of_grains, in, out, dw);
        kernels->weight_gradient(&of);
        return;
    }
    dp_error error;
    float *right = dp_memory_zeroed(floats, sizeof(float), &error);
    assert_non_null(right);
    tree_of_single_grains(kernels, of_grains, count / 2, in, out, dw);
    tree_of_single_grains(kernels, of_grains + count / 2, count / 2, in, out, right);
    for (size_t i = 0; i < floats; i++)
        dw[i] += right[i];
    dp_memory_free(right);
}

static void check_weight_gradient(const dp_kernels *kernels) {
    static _Alignas(64) float dw[IN_MAX * LD_MAX], expected_dw[IN_MAX * LD_MAX];
    /* The rows of grains: few in each, and few but for one that has more than a run. */
    static const size_t few[GRAINS + 1] = {0, 3, 6, 9, 12, 15, 18, 18, 21};
    static const size_t one_long[GRAINS + 1] = {0, 1, 2, 22, 23, 24, 25, 25, 26};
    const size_t *const rows_of_grains[] = {few, one_long, starts};
    for (size_t s = 0; s < SHAPE_COUNT; s++) {
        const size_t in = shapes[s][0], out = shapes[s][1], ld = dp_kernels_padded(out);
        memset(dw, 0, sizeof dw);
        memset(expected_dw, 0, sizeof expected_dw);
        fill(x, ROWS * in, 4);
        fill(y, ROWS * ld, 5);
        clear_padding(y, ROWS, out, ld);
        for (size_t grains = 1; grains <= GRAINS; grains *= 2) {
            for (int i = 0; i < 3; i++) {
                const size_t *of_grains = rows_of_grains[i];
                const dp_gradient of = gradient_of(grains, of_grains, in, out, dw);
                kernels->weight_gradient(&of);
                tree_of_single_grains(kernels, of_grains, grains, in, out, expected_dw);
                assert_memory_equal(dw, expected_dw, in * ld * sizeof(float));
            }
        }
        for (size_t i = 0; i < in * ld; i++) {
            double scale;
            double expected = sum_of_products(ROWS, x + i / ld, in, y + i % ld, ld, &scale);
            assert_near("weight_gradient", kernels, (double)dw[i], expected, scale);
        }
        /* Added to another, and descended along, which is `descend` along what is written. */
        static _Alignas(64) float before[IN_MAX * LD_MAX], descended[IN_MAX * LD_MAX];
        fill(before, in * ld, 21);
        clear_padding(before, in, out, ld);
        dp_gradient of = gradient_of(GRAINS, starts, in, out, expected_dw);
        of.before = before;
        kernels->weight_gradient(&of);
        for (size_t i = 0; i < in * ld; i++)
            assert_true(expected_dw[i] == dw[i] + before[i]);
        fill(descended, in * ld, 22);
        of.to.at = descended;
        of.descends = true;
        of.lr = 0.3f;
        kernels->weight_gradient(&of);
        fill(dw, in * ld, 22);
        kernels->descend(in * ld, 0.3f, expected_dw, dw);
        assert_memory_equal(dw, descended, in * ld * sizeof(float));
        for (size_t i = 0; i < in * ld; i++)
            before[i] = (float)dp_random_normal(22, DP_STREAM_INIT, i, 0);
        for (size_t i = 0; i < in * ld; i++)
            assert_near("descend", kernels, (double)dw[i],
                        (double)before[i] - (double)0.3f * (double)expected_dw[i], 10.0);
    }
}

static void test_kernels_weight_gradient_is_the_tree_over_grains(void **state) {
    (void)state;
    for_each_level(check_weight_gradient);
}

static void check_tanh(const dp_kernels *kernels) {
    double largest = 0.0;
    for (uint32_t bits = 0; bits < 0x7F800000u; bits += 1009 * DP_KERNEL_LANES) {
        _Alignas(64) float values[DP_KERNEL_LANES], results[DP_KERNEL_LANES];
        for (uint32_t i = 0; i < DP_KERNEL_LANES; i++) {
            uint32_t pattern = (bits + 1009 * i) | (i % 2 == 0 ? 0u : 0x80000000u);
            memcpy(&values[i], &pattern, sizeof pattern);
        }
        memcpy(results, values, sizeof results);
        kernels->tanh(1, DP_KERNEL_LANES, DP_KERNEL_LANES, results);
        for (size_t i = 0; i < DP_KERNEL_LANES && fabsf(values[i]) < 3e38f; i++) {
            double expected = tanh((double)values[i]);
            double error = expected == 0.0 ? fabs((double)results[i])
                                           : fabs(((double)results[i] - expected) / expected);
            largest = error > largest || isnan(error) ? error : largest;
        }
    }
    if (!(largest <= 5e-7) || largest < 1e-9)
        fail_msg("tanh, %s: relative error %g", dp_cpu_level_name(kernels->level), largest);
    _Alignas(64) float special[DP_KERNEL_LANES] = {NAN, INFINITY, -INFINITY};
    kernels->tanh(1, DP_KERNEL_LANES, DP_KERNEL_LANES, special);
    assert_true(isnan(special[0]));
    assert_true(fabsf(special[1] - 1.0f) < 3e-7f && fabsf(special[2] + 1.0f) < 3e-7f);
}

static void test_kernels_tanh_keeps_its_bound(void **state) {
    (void)state;
    for_each_level(check_tanh);
}

static float largest_of(size_t count, const float *values) {
    float largest = values[0];
    for (size_t i = 1; i < count; i++)
        largest = values[i] > largest ? values[i] : largest;
    return largest;
}

/* Rows with no, one and more targets. */
static const uint32_t target_starts[] = {0, 1, 2, 5, 5, 6, 10};
enum { TARGET_ROWS = sizeof target_starts / sizeof target_starts[0] - 1 };

/* That the probabilities of a row whose targets are none of these columns keep their bound:
 * y = factor * softmax(row). */
static void expect_probabilities(const dp_kernels *kernels, size_t vocab, const float *row,
                                 const bool *is_target, double factor, const float *result) {
    const float largest = largest_of(vocab, row);
    double total = 0.0;
    for (size_t j = 0; j < vocab; j++)
        total += exp((double)(row[j] - largest));
    for (size_t j = 0; j < vocab; j++) {
        const double expected = factor * exp((double)(row[j] - largest)) / total;
        if (!is_target[j] && !(fabs((double)result[j] - expected) <= 5e-7 * expected))
            fail_msg("softmax, %s: %.9g, not %.9g", dp_cpu_level_name(kernels->level),
                     (double)result[j], expected);
    }
}

static void check_softmax(const dp_kernels *kernels) {
    const size_t vocabs[] = {2, 16, 27, 100, 128};
    for (size_t v = 0; v < sizeof vocabs / sizeof vocabs[0]; v++) {
        const size_t vocab = vocabs[v], ld = dp_kernels_padded(vocab);
        const float scale = 0.125f;
        uint32_t targets[10];
        double expected_loss = 0.0;
        for (size_t t = 0; t < 10; t++)
            targets[t] = (uint32_t)(t * t % vocab);
        fill(x, TARGET_ROWS * ld, 6);
        for (size_t i = 0; i < TARGET_ROWS * ld; i++)
            x[i] *= 8.0f;
        memcpy(y, x, TARGET_ROWS * ld * sizeof(float));
        double loss =
            kernels->softmax_gradient(TARGET_ROWS, vocab, ld, target_starts, targets, scale, y);
        for (size_t r = 0; r < TARGET_ROWS; r++) {
            const uint32_t first = target_starts[r], end = target_starts[r + 1];
            bool is_target[LD_MAX] = {false};
            double total = 0.0;
            for (size_t j = 0; j < vocab; j++)
                total += exp((double)x[r * ld + j]);
            for (uint32_t t = first; t < end; t++) {
                expected_loss += log(total) - (double)x[r * ld + targets[t]];
                is_target[targets[t]] = true;
            }
            expect_probabilities(kernels, vocab, x + r * ld, is_target,
                                 (double)scale * (double)(end - first), y + r * ld);
            for (size_t j = 0; j < ld; j++) {
                if (j >= vocab) {
                    assert_true(y[r * ld + j] == 0.0f);
                    continue;
                }
                double expected = (double)(end - first) * exp((double)x[r * ld + j]) / total;
                for (uint32_t t = first; t < end; t++)
                    expected -= targets[t] == j ? 1.0 : 0.0;
                assert_near("softmax", kernels, (double)y[r * ld + j], (double)scale * expected,
                            1.0);
            }
        }
        assert_near("loss", kernels, loss, expected_loss, expected_loss);
    }
    /* A loss that is no number must not look like one. */
    fill(y, ROWS * 32, 6);
    y[5] = NAN;
    const uint32_t target[1] = {0};
    assert_true(isnan(kernels->softmax_gradient(1, 27, 32, target_starts, target, 1.0f, y)));
}

static void test_kernels_softmax_gradient(void **state) {
    (void)state;
    for_each_level(check_softmax);
}

enum { TOKENS = 64, BLOCK = 3, DIM_MAX = 48 };

static uint32_t ids[ROWS * BLOCK];

static void draw_ids(void) {
    for (size_t i = 0; i < ROWS * BLOCK; i++)
        ids[i] = (uint32_t)dp_random_below(10, DP_STREAM_BATCH, i, 0, TOKENS);
}

static void check_gather_and_scatter(const dp_kernels *kernels) {
    static _Alignas(64) float c[TOKENS * DIM_MAX], sums[TOKENS * DIM_MAX];
    static _Alignas(64) float gathered[ROWS * BLOCK * DIM_MAX + DP_KERNEL_LANES];
    const size_t dims[] = {1, 6, 10, 16, 37};
    draw_ids();
    for (size_t d = 0; d < 5; d++) {
        const size_t dim = dims[d], ld = dp_kernels_padded(dim), ldx = BLOCK * dim + 1;
        fill(c, TOKENS * ld, 9);
        clear_padding(c, TOKENS, dim, ld);
        kernels->gather(ROWS, BLOCK, dim, ids, (dp_rows){c, ld}, NULL, 1.0f,
                        (dp_out_rows){gathered, ldx});
        for (size_t i = 0; i < ROWS * BLOCK * dim; i++) {
            const size_t k = i % dim, place = i / dim;
            assert_true(gathered[place / BLOCK * ldx + place % BLOCK * dim + k] ==
                        c[ids[place] * ld + k]);
        }
        fill(x, ROWS * BLOCK * ld, 11);
        memcpy(sums, c, sizeof sums);
        for (size_t i = 0; i < ROWS * BLOCK * ld; i++)
            sums[ids[i / ld] * ld + i % ld] += x[i];
        kernels->scatter_add(ROWS * BLOCK, ids, ld, x, c);
        assert_memory_equal(c, sums, TOKENS * ld * sizeof(float));
        /* Some of the rows moved, one of them named twice. */
        const uint32_t moved[] = {4, 0, 4};
        fill(x, TOKENS * ld, 12);
        for (size_t k = 0; k < ld; k++) {
            sums[k] += x[k];
            sums[4 * ld + k] += x[4 * ld + k];
        }
        kernels->move_rows(3, moved, ld, x, c);
        assert_memory_equal(c, sums, TOKENS * ld * sizeof(float));
        fill(other, TOKENS * ld, 12);
        memset(other, 0, ld * sizeof *other);
        memset(other + 4 * ld, 0, ld * sizeof *other);
        assert_memory_equal(x, other, TOKENS * ld * sizeof(float));
    }
}

static void test_kernels_gather_and_scatter_add(void **state) {
    (void)state;
    for_each_level(check_gather_and_scatter);
}

static void check_sum_rows(const dp_kernels *kernels) {
    static const uint32_t list_starts[] = {0, 3, 3, 4, 40, ROWS * BLOCK};
    const size_t lists = sizeof list_starts / sizeof list_starts[0] - 1;
    draw_ids();
    for (size_t i = 0; i < ROWS * BLOCK; i++)
        ids[i] %= ROWS;
    for (size_t s = 0; s < SHAPE_COUNT; s++) {
        const size_t n = shapes[s][1], ld = dp_kernels_padded(n);
        fill(x, ROWS * ld, 15);
        fill(b, ld, 16);
        for (int with_b = 0; with_b < 2; with_b++) {
            kernels->sum_rows(lists, list_starts, ids, n, x, ld, with_b != 0 ? b : NULL, y);
            for (size_t i = 0; i < lists; i++) {
                for (size_t j = 0; j < n; j++) {
                    float expected = with_b != 0 ? b[j] : 0.0f; /* exactly: in this order */
                    for (size_t k = list_starts[i]; k < list_starts[i + 1]; k++)
                        expected += x[ids[k] * ld + j];
                    assert_true(y[i * ld + j] == expected);
                }
            }
        }
    }
}

static void test_kernels_sum_rows(void **state) {
    (void)state;
    for_each_level(check_sum_rows);
}

static void check_dropout(const dp_kernels *kernels) {
    const dp_dropout_draw draw = {.seed = 0x123456789ABCDEFu,
                                  .stream = DP_STREAM_DROP_HIDDEN,
                                  .step = 0x2345678901u,
                                  .first_row = 1000,
                                  .threshold = dp_dropout_threshold(0.3)};
    const size_t sizes[] = {1, 8, 10, 37, 200};
    const float scale = dp_dropout_scale(draw.threshold);
    static uint8_t mask[ROWS * BLOCK * 32];
    for (size_t s = 0; s < 5; s++) {
        const size_t n = sizes[s], ld = dp_kernels_padded(n), bytes = dp_dropout_bytes(n);
        fill(x, ROWS * ld, 17);
        clear_padding(x, ROWS, n, ld);
        kernels->draw_masks(ROWS, bytes, &draw, mask);
        memset(y, 0, sizeof y);
        kernels->drop(ROWS, n, mask, bytes, scale, x, y, ld);
        for (size_t i = 0; i < ROWS * ld; i++) {
            bool kept = i % ld < n && reference_keeps(&draw, draw.first_row + i / ld, i % ld);
            assert_true(y[i] == (kept ? scale * x[i] : 0.0f));
        }
        memcpy(other, x, sizeof x);
        kernels->drop(ROWS, n, mask, bytes, scale, other, other, ld); /* in place */
        assert_memory_equal(other, y, ROWS * ld * sizeof(float));
    }
}

static void test_kernels_dropout(void **state) {
    (void)state;
    for_each_level(check_dropout);
}

/* A row's mask has whole bytes for each position. */
static void check_gather_with_dropout(const dp_kernels *kernels) {
    static _Alignas(64) float c[TOKENS * DIM_MAX], gathered[ROWS * BLOCK * DIM_MAX + 16];
    const size_t dim = 10, ld = dp_kernels_padded(dim), ldx = BLOCK * dim;
    const dp_dropout_draw draw = {.stream = DP_STREAM_DROP_EMBEDDING,
                                  .threshold = dp_dropout_threshold(0.5)};
    static uint8_t mask[ROWS * BLOCK * 2 + 1];
    draw_ids();
    fill(c, TOKENS * ld, 9);
    kernels->draw_masks(ROWS, BLOCK * 2, &draw, mask);
    kernels->gather(ROWS, BLOCK, dim, ids, (dp_rows){c, ld}, mask, 2.0f,
                    (dp_out_rows){gathered, ldx});
    for (size_t i = 0; i < ROWS * BLOCK * dim; i++) {
        const size_t k = i % dim, place = i / dim;
        bool kept = reference_keeps(&draw, place / BLOCK, place % BLOCK * 16 + k);
        assert_true(gathered[i] == (kept ? 2.0f * c[ids[place] * ld + k] : 0.0f));
    }
}

static void test_kernels_gather_with_dropout(void **state) {
    (void)state;
    for_each_level(check_gather_with_dropout);
}

/* A part of a row's softmax, as wide as parts are. */
enum { WIDE = 240 };
static const size_t wide_cols[] = {1, 15, 16, 17, 100, 239, 240};
#define WIDE_COUNT (sizeof wide_cols / sizeof wide_cols[0])

/* Row r of a matrix of logits, some of them far apart. */
static void fill_logits(float *logits) {
    fill(logits, ROWS * WIDE, 18);
    for (size_t i = 0; i < ROWS * WIDE; i++)
        logits[i] *= i / WIDE % 3 == 0 ? 100.0f : 4.0f;
}

static void expect_exponentials(const dp_kernels *kernels, size_t cols, const float *logits,
                                const float *e, float maximum, float sum) {
    const float largest = largest_of(cols, logits);
    double total = 0.0;
    assert_true(maximum == largest);
    for (size_t j = 0; j < cols; j++) {
        double expected = exp((double)logits[j] - (double)largest);
        total += expected;
        assert_near("exponentials", kernels, (double)e[j], expected, expected + 1e-30);
    }
    assert_near("sum of exponentials", kernels, (double)sum, total, total);
    /* 0 up to whole vectors, of 4 lanes or a multiple, and untouched behind them. */
    size_t end = cols;
    while (end < dp_kernels_padded(cols) && e[end] == 0.0f)
        end++;
    assert_true(end % 4 == 0);
    for (size_t j = end; j < WIDE; j++)
        assert_true(e[j] == logits[j]);
}

/* Differences of all of float32's magnitudes. */
static void check_exponentials_bound(const dp_kernels *kernels) {
    _Alignas(64) float values[DP_KERNEL_LANES], results[DP_KERNEL_LANES];
    double largest = 0.0;
    float maximum = 0.0f, sum = 0.0f;
    for (uint32_t bits = 0; bits < 0x7F800000u; bits += 1009 * (DP_KERNEL_LANES - 1)) {
        values[0] = 0.0f;
        for (uint32_t i = 1; i < DP_KERNEL_LANES; i++) {
            const uint32_t pattern =
                (uint32_t)dp_size_min(bits + 1009 * i, 0x7F7FFFFFu) | 0x80000000u;
            memcpy(&values[i], &pattern, sizeof pattern);
        }
        memcpy(results, values, sizeof results);
        kernels->exponentials(1, DP_KERNEL_LANES, DP_KERNEL_LANES, results, results, &maximum,
                              &sum);
        for (size_t i = 0; i < DP_KERNEL_LANES; i++) {
            const double expected = exp(fmax((double)values[i], -87.0));
            const double error = fabs((double)results[i] / expected - 1.0);
            largest = error > largest || isnan(error) ? error : largest;
        }
    }
    if (!(largest <= 1.5e-7) || largest < 1e-9)
        fail_msg("exp, %s: relative error %g", dp_cpu_level_name(kernels->level), largest);
}

static void test_kernels_exponentials_keep_their_bound(void **state) {
    (void)state;
    for_each_level(check_exponentials_bound);
}

static void check_exponentials(const dp_kernels *kernels) {
    static _Alignas(64) float logits[ROWS * WIDE], e[ROWS * WIDE], alone[ROWS * WIDE];
    float maxima[ROWS], sums[ROWS], other_maxima[ROWS], other_sums[ROWS];
    fill_logits(logits);
    for (size_t c = 0; c < WIDE_COUNT; c++) {
        memcpy(e, logits, sizeof e);
        kernels->exponentials(ROWS, wide_cols[c], WIDE, logits, e, maxima, sums);
        for (size_t r = 0; r < ROWS; r++)
            expect_exponentials(kernels, wide_cols[c], logits + r * WIDE, e + r * WIDE, maxima[r],
                                sums[r]);
        /* A row has the same bits in whatever company, and in place. */
        for (size_t count = 1; count < ROWS - 2; count += 5) {
            memcpy(alone, logits + 2 * WIDE, count * WIDE * sizeof *alone);
            kernels->exponentials(count, wide_cols[c], WIDE, alone, alone, other_maxima,
                                  other_sums);
            assert_memory_equal(alone, e + 2 * WIDE, count * WIDE * sizeof(float));
            assert_memory_equal(other_maxima, maxima + 2, count * sizeof(float));
            assert_memory_equal(other_sums, sums + 2, count * sizeof(float));
        }
    }
}

static void test_kernels_exponentials(void **state) {
    (void)state;
    for_each_level(check_exponentials);
}

/* To the bit, in whatever company; of differences that are nothing beside 1 only that. */
static void check_real_sums(const dp_kernels *kernels) {
    static float logits[ROWS * WIDE];
    float maxima[ROWS];
    double sums[ROWS];
    fill_logits(logits);
    logits[1] = -1e30f;
    logits[WIDE + 2] = -FLT_MAX;
    for (size_t count = 1; count <= ROWS; count += 5) {
        for (size_t cols = 1; cols <= WIDE; cols += cols < 70 ? 1 : 41) {
            kernels->real_sums(count, cols, WIDE, logits, maxima, sums);
            for (size_t r = 0; r < count; r++) {
                const float *row = logits + r * WIDE, largest = largest_of(cols, row);
                double expected = 0.0;
                for (size_t j = 0; j < cols; j++)
                    expected += dp_real_exp((double)row[j] - (double)largest);
                assert_true(maxima[r] == largest);
                assert_true(sums[r] == expected);
            }
        }
    }
}

static void test_kernels_real_sums(void **state) {
    (void)state;
    for_each_level(check_real_sums);
}

static void check_scaled_rows(size_t cols, const float *factors, const float *before,
                              const float *after) {
    for (size_t i = 0; i < ROWS * WIDE; i++) {
        if (i % WIDE < cols)
            assert_true(after[i] == before[i] * factors[i / WIDE]);
        else if (i % WIDE >= dp_kernels_padded(cols))
            assert_true(after[i] == before[i]);
    }
}

static void check_scale_rows(const dp_kernels *kernels) {
    static _Alignas(64) float before[ROWS * WIDE], after[ROWS * WIDE];
    float factors[ROWS];
    fill(before, ROWS * WIDE, 19);
    fill(factors, ROWS, 20);
    for (size_t c = 0; c < WIDE_COUNT; c++) {
        const size_t cols = wide_cols[c];
        for (size_t in_place = 0; in_place < 2; in_place++) {
            memcpy(after, before, sizeof after);
            kernels->scale_rows(ROWS, cols, factors,
                                (dp_rows){in_place == 1 ? after : before, WIDE},
                                (dp_out_rows){after, WIDE});
            check_scaled_rows(cols, factors, before, after);
        }
    }
}

static void test_kernels_scale_rows(void **state) {
    (void)state;
    for_each_level(check_scale_rows);
}

static void check_descend(const dp_kernels *kernels) {
    for (size_t count = 1; count < 70; count++) {
        fill(x, 80, 12);
        fill(y, 80, 13);
        memcpy(other, y, 80 * sizeof(float));
        kernels->descend(count, 0.3f, x, y);
        for (size_t i = 0; i < count; i++)
            assert_near("descend", kernels, (double)y[i],
                        (double)other[i] - (double)0.3f * (double)x[i], 10.0);
        assert_memory_equal(y + count, other + count, (80 - count) * sizeof(float));
    }
}

static void test_kernels_descend(void **state) {
    (void)state;
    for_each_level(check_descend);
}

/* What each level makes of long sums, in runs and parts, of all widths of tiles. */
enum { LONG = 1100, LONG_LD = 1104, WIDE_ROWS = 70, RESULTS = 4 * WIDE_ROWS * LONG_LD };

typedef struct long_matrices {
    float a[WIDE_ROWS * LONG_LD], b[WIDE_ROWS * LONG_LD], w[LONG * 240], results[RESULTS];
} long_matrices;

static void fill_long(long_matrices *m) {
    fill(m->a, WIDE_ROWS * LONG_LD, 31);
    fill(m->b, WIDE_ROWS * LONG_LD, 32);
    fill(m->w, LONG * 240, 33);
    clear_padding(m->w, LONG, 230, 240);
    clear_padding(m->a, WIDE_ROWS, LONG, LONG_LD);
    clear_padding(m->b, WIDE_ROWS, LONG, LONG_LD);
    memset(m->results, 0, sizeof m->results);
}

static void compute_long(const dp_kernels *kernels, long_matrices *m) {
    static const size_t some[GRAINS + 1] = {0, 9, 18, 27, 35, 44, 53, 61, WIDE_ROWS};
    float *to = m->results, maxima[WIDE_ROWS], sums[WIDE_ROWS];
    fill_long(m);
    kernels->multiply(WIDE_ROWS, LONG, 230, (dp_rows){m->a, LONG_LD}, (dp_rows){m->w, 240}, NULL,
                      NULL, (dp_out_rows){to, 240});
    kernels->tanh(WIDE_ROWS, 230, 240, to);
    to += WIDE_ROWS * LONG_LD;
    kernels->dot(WIDE_ROWS, WIDE_ROWS - 3, LONG, (dp_rows){m->a, LONG_LD}, (dp_rows){m->b, LONG_LD},
                 NULL, false, (dp_out_rows){to, 240});
    kernels->exponentials(WIDE_ROWS, WIDE_ROWS - 3, 240, to, to, maxima, sums);
    memcpy(to + WIDE_ROWS * 240, sums, sizeof sums);
    to += WIDE_ROWS * LONG_LD;
    dp_gradient of = {.grains = GRAINS,
                      .starts = some,
                      .run = 4,
                      .in = WIDE_ROWS - 1,
                      .out = LONG,
                      .x = {m->b, LONG_LD},
                      .dy = {m->a, LONG_LD},
                      .to = {to, LONG_LD}};
    kernels->weight_gradient(&of);
    of.run = WIDE_ROWS;
    of.to.at += WIDE_ROWS * LONG_LD;
    kernels->weight_gradient(&of);
}

static void test_kernels_levels_give_the_same_bits(void **state) {
    (void)state;
    dp_error error;
    long_matrices *m = dp_memory_zeroed(2, sizeof *m, &error);
    assert_non_null(m);
    compute_long(dp_kernels_of(DP_CPU_GENERIC), &m[0]);
    for (size_t i = 1; i < 3 && levels[i] <= dp_cpu_level_detect(); i++) {
        compute_long(dp_kernels_of(levels[i]), &m[1]);
        for (size_t r = 0; r < RESULTS; r++) {
            if (memcmp(&m[0].results[r], &m[1].results[r], sizeof(float)) != 0)
                fail_msg("%s: result %zu is %.9g, not %.9g", dp_cpu_level_name(levels[i]), r,
                         (double)m[1].results[r], (double)m[0].results[r]);
        }
    }
    dp_memory_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernels_levels_give_the_same_bits),
        cmocka_unit_test(test_kernels_multiply),
        cmocka_unit_test(test_kernels_dot),
        cmocka_unit_test(test_kernels_weight_gradient_is_the_tree_over_grains),
        cmocka_unit_test(test_kernels_tanh_keeps_its_bound),
        cmocka_unit_test(test_kernels_softmax_gradient),
        cmocka_unit_test(test_kernels_exponentials),
        cmocka_unit_test(test_kernels_exponentials_keep_their_bound),
        cmocka_unit_test(test_kernels_real_sums),
        cmocka_unit_test(test_kernels_scale_rows),
        cmocka_unit_test(test_kernels_sum_rows),
        cmocka_unit_test(test_kernels_dropout),
        cmocka_unit_test(test_kernels_gather_with_dropout),
        cmocka_unit_test(test_kernels_gather_and_scatter_add),
        cmocka_unit_test(test_kernels_descend),
    };
    say_what_is_not_tested();
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
