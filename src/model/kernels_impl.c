/* The kernels of one instruction set level: compiled once for each, with DP_KERNELS_NAME and
 * DP_KERNELS_LEVEL set by the build and the compiler's options for the level.
 *
 * Written with the vector types of gcc and clang, 16 floats wide at every level: one register at
 * v4, two at v3, four below. The build lets a * b + c be one fused operation here. A tile is an
 * array of vectors whose bounds are constants after inlining, so that it lives in registers.
 */
#include "model/kernels.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))
/* A loop over 0 .. n-1 with a constant n, all turns of it written out. */
#define EACH(i, n) _Pragma("GCC unroll 32") for (int i = 0; i < (n); i++)
#define LANES DP_KERNEL_LANES

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef float vec_anywhere __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));

/* The largest tiles: as many sums as there are registers for, less a few for the operands. */
#if defined(__AVX512F__)
enum { COLS_MAX = 5, ROWS_MAX = 8 };
#else
enum { COLS_MAX = 2, ROWS_MAX = 4 };
#endif

INLINE vec load(const float *p) {
    return *(const vec_anywhere *)p;
}

INLINE void store(float *p, vec v) {
    *(vec_anywhere *)p = v;
}

INLINE vec splat(float v) {
    return (vec){v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v};
}

/* Keeps a value that several operations use in its register: gcc would rather load it again with
 * each of them, and loads are what these loops are short of. */
INLINE vec keep(vec v) {
#if defined(__AVX512F__)
    __asm__("" : "+v"(v));
#endif
    return v;
}

/* a where the mask is set (all bits of a lane), else b. */
INLINE vec choose(ivec mask, vec a, vec b) {
    return (vec)((mask & (ivec)a) | (~mask & (ivec)b));
}

#if defined(__AVX512F__)
INLINE __mmask16 first_lanes(size_t count) {
    return (__mmask16)(count >= LANES ? 0xFFFFu : (1u << count) - 1u);
}

/* The first `count` lanes, the others 0. */
INLINE vec load_first(const float *p, size_t count) {
    return (vec)_mm512_maskz_loadu_ps(first_lanes(count), p);
}

INLINE void store_first(float *p, vec v, size_t count) {
    _mm512_mask_storeu_ps(p, first_lanes(count), (__m512)v);
}
#else
INLINE vec load_first(const float *p, size_t count) {
    float lanes[LANES] = {0};
    if (count >= LANES)
        return load(p);
    for (size_t i = 0; i < count; i++)
        lanes[i] = p[i];
    return load(lanes);
}

INLINE void store_first(float *p, vec v, size_t count) {
    if (count >= LANES) {
        store(p, v);
        return;
    }
    for (size_t i = 0; i < count; i++)
        p[i] = v[i];
}
#endif

/* The lanes that 16 indices choose from a (0 to 15) and b (16 to 31). */
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (ivec){__VA_ARGS__})
#endif

/* f(0), ..., f(15) */
#define EACH_LANE(f)                                                                               \
    f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9), f(10), f(11), f(12), f(13), f(14), \
        f(15)

/* --- the embedding -------------------------------------------------------------------------- */

/* Whole vectors, in order, so that what is written too much is written over by the next row. */
static void gather(size_t count, size_t dim, const uint32_t *ids, const float *c, float *x) {
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < dim; k += LANES)
            store(x + i * dim + k, load(c + ids[i] * dim + k));
    }
}

static void scatter_add(size_t rows, size_t block, size_t dim, const uint32_t *ids, const float *x,
                        size_t ldx, float *c) {
    for (size_t r = 0; r < rows; r++, ids += block, x += ldx) {
        for (size_t i = 0; i < block; i++) {
            float *row = c + ids[i] * dim;
            for (size_t k = 0; k < dim; k += LANES) {
                size_t left = dim - k;
                store_first(row + k, load_first(row + k, left) + load_first(x + i * dim + k, left),
                            left);
            }
        }
    }
}

/* --- forward -------------------------------------------------------------------------------- */

typedef struct forward_call {
    size_t in, ldx, ldw, ldy;
    const float *x, *w, *b, *h;
    float *y;
} forward_call;

/* A tile of `rows` examples by `cols` vectors, both constants; x, w, b and y point at it. */
INLINE void forward_tile(const int rows, const int cols, forward_call call) {
    vec sum[ROWS_MAX][COLS_MAX];
    EACH (r, rows) {
        EACH (c, cols) {
            sum[r][c] = call.b == NULL ? (vec){0} : load(call.b + c * LANES);
        }
    }
    for (size_t k = 0; k < call.in; k++) {
        vec weight[COLS_MAX];
        EACH (c, cols) {
            weight[c] = load(call.w + k * call.ldw + (size_t)c * LANES);
        }
        EACH (r, rows) {
            vec input = splat(call.x[(size_t)r * call.ldx + k]);
            EACH (c, cols) {
                sum[r][c] += input * weight[c];
            }
        }
    }
    if (call.h != NULL) {
        EACH (i, rows * cols) {
            const int r = i / cols, c = i % cols;
            vec h = load(call.h + (size_t)r * call.ldy + (size_t)c * LANES);
            sum[r][c] *= 1.0f - h * h;
        }
    }
    EACH (r, rows) {
        EACH (c, cols)
            store(call.y + (size_t)r * call.ldy + (size_t)c * LANES, sum[r][c]);
    }
}

INLINE forward_call skip_rows(forward_call call, size_t rows) {
    call.x += rows * call.ldx;
    call.h += call.h == NULL ? 0 : rows * call.ldy;
    call.y += rows * call.ldy;
    return call;
}

/* All examples of a strip of `cols` vectors: in tiles of `rows`, then one by one. */
INLINE void forward_strip(const int rows, const int cols, size_t count, forward_call call) {
    size_t r = 0;
    for (; r + (size_t)rows <= count; r += (size_t)rows)
        forward_tile(rows, cols, skip_rows(call, r));
    for (; r < count; r++)
        forward_tile(1, cols, skip_rows(call, r));
}

static void forward(size_t rows, size_t in, const float *x, size_t ldx, const float *w, size_t ldw,
                    const float *b, const float *h, float *y, size_t ldy) {
    const size_t vectors = ldy / LANES;
    const size_t strips = (vectors + COLS_MAX - 1) / COLS_MAX;
    for (size_t s = 0, c = 0; s < strips; s++) {
        size_t width =
            (vectors - c + (strips - s) - 1) / (strips - s); /* nearly the same for all */
        forward_call call = {.in = in,
                             .ldx = ldx,
                             .ldw = ldw,
                             .ldy = ldy,
                             .x = x,
                             .w = w + c * LANES,
                             .b = b == NULL ? NULL : b + c * LANES,
                             .h = h == NULL ? NULL : h + c * LANES,
                             .y = y + c * LANES};
        switch (width) {
#if defined(__AVX512F__)
        case 5:
            forward_strip(4, 5, rows, call);
            break;
        case 4:
            forward_strip(4, 4, rows, call);
            break;
        case 3:
            forward_strip(6, 3, rows, call);
            break;
        case 2:
            forward_strip(8, 2, rows, call);
            break;
        default:
            forward_strip(8, 1, rows, call);
            break;
#else
        case 2:
            forward_strip(2, 2, rows, call);
            break;
        default:
            forward_strip(4, 1, rows, call);
            break;
#endif
        }
        c += width;
    }
}

/* --- weight gradients ----------------------------------------------------------------------- */

enum { GRADIENT_INS = 3, GRADIENT_COLS = 2 };

typedef struct gradient_tile {
    vec sum[GRADIENT_INS][GRADIENT_COLS];
} gradient_tile;

typedef struct gradient_call {
    const size_t *starts; /* of the rows of each grain */
    const float *x;
    size_t ldx;
    const float *dy;
    size_t ldy;
} gradient_call;

/* One grain's rows, in order, for `ins` inputs by `cols` vectors, both constants. */
INLINE gradient_tile sum_grain(const int ins, const int cols, const gradient_call *call,
                               size_t grain) {
    gradient_tile tile;
    EACH (i, ins) {
        EACH (c, cols)
            tile.sum[i][c] = (vec){0};
    }
    for (size_t r = call->starts[grain]; r < call->starts[grain + 1]; r++) {
        vec gradient[GRADIENT_COLS];
        EACH (c, cols)
            gradient[c] = keep(load(call->dy + r * call->ldy + (size_t)c * LANES));
        EACH (i, ins) {
            vec input = splat(call->x[r * call->ldx + (size_t)i]);
            EACH (c, cols)
                tile.sum[i][c] += input * gradient[c];
        }
    }
    return tile;
}

INLINE gradient_tile add_tiles(const int ins, const int cols, gradient_tile a, gradient_tile b) {
    EACH (i, ins) {
        EACH (c, cols)
            a.sum[i][c] += b.sum[i][c];
    }
    return a;
}

INLINE gradient_tile sum_two(const int ins, const int cols, const gradient_call *call,
                             size_t grain) {
    gradient_tile left = sum_grain(ins, cols, call, grain);
    return add_tiles(ins, cols, left, sum_grain(ins, cols, call, grain + 1));
}

INLINE gradient_tile sum_four(const int ins, const int cols, const gradient_call *call,
                              size_t grain) {
    gradient_tile left = sum_two(ins, cols, call, grain);
    return add_tiles(ins, cols, left, sum_two(ins, cols, call, grain + 2));
}

INLINE gradient_tile sum_grains(const int ins, const int cols, size_t grains,
                                const gradient_call *call) {
    if (grains == 1)
        return sum_grain(ins, cols, call, 0);
    if (grains == 2)
        return sum_two(ins, cols, call, 0);
    gradient_tile left = sum_four(ins, cols, call, 0);
    return grains == 4 ? left : add_tiles(ins, cols, left, sum_four(ins, cols, call, 4));
}

/* `left` floats of the rows of dw are still to be written, from this tile on. */
INLINE void gradient_block(const int ins, const int cols, size_t grains, const gradient_call *call,
                           size_t left, float *dw, size_t lddw) {
    gradient_tile tile = sum_grains(ins, cols, grains, call);
    EACH (i, ins) {
        float *row = dw + (size_t)i * lddw;
        EACH (c, cols - 1)
            store(row + c * LANES, tile.sum[i][c]);
        store_first(row + (cols - 1) * LANES, tile.sum[i][cols - 1],
                    left - (size_t)(cols - 1) * LANES);
    }
}

INLINE void gradient_strip(const int cols, size_t grains, gradient_call call, size_t in,
                           size_t left, float *dw, size_t lddw) {
    size_t i = 0;
    for (; i + GRADIENT_INS <= in; i += GRADIENT_INS, call.x += GRADIENT_INS)
        gradient_block(GRADIENT_INS, cols, grains, &call, left, dw + i * lddw, lddw);
    for (; i < in; i++, call.x++)
        gradient_block(1, cols, grains, &call, left, dw + i * lddw, lddw);
}

static void weight_gradient(size_t grains, const size_t *starts, size_t in, size_t out,
                            const float *x, size_t ldx, const float *dy, size_t ldy, float *dw) {
    for (size_t j = 0; j < out; j += GRADIENT_COLS * LANES) {
        gradient_call call = {.starts = starts, .x = x, .ldx = ldx, .dy = dy + j, .ldy = ldy};
        if (GRADIENT_COLS > 2 && out - j > 2 * LANES)
            gradient_strip(GRADIENT_COLS, grains, call, in, out - j, dw + j, out);
        else if (out - j > LANES)
            gradient_strip(2, grains, call, in, out - j, dw + j, out);
        else
            gradient_strip(1, grains, call, in, out - j, dw + j, out);
    }
}

/* With an input of 1 for every row, the gradient of the weights is that of the biases. */
static void row_sum(size_t grains, const size_t *starts, size_t out, const float *dy, size_t ldy,
                    float *db) {
    static const float one = 1.0f;
    for (size_t j = 0; j < out; j += LANES) {
        gradient_call call = {.starts = starts, .x = &one, .ldx = 0, .dy = dy + j, .ldy = ldy};
        gradient_block(1, 1, grains, &call, out - j, db + j, out);
    }
}

/* --- elementwise ---------------------------------------------------------------------------- */

/* As in model/activation.c, which has the formula and its source. */
INLINE vec exp_of(vec x) {
    const float rounder = 12582912.0f;
    const float log2_e = 1.44269504088896341f;
    const float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    x = choose(x > 88.0f, splat(88.0f), x);
    x = choose(x < -87.0f, splat(-87.0f), x);
    vec shifted = x * log2_e + rounder;
    vec n = shifted - rounder;
    vec r = (x - n * ln2_high) - n * ln2_low;
    vec p = splat(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    return p * (vec)(((ivec)shifted + 127) << 23);
}

/* 1 / x to a few units in the last place. */
INLINE vec reciprocal(vec x) {
#if defined(__AVX512F__)
    /* 14 bits, doubled by a step of Newton's method: a division takes as long as 30 additions. */
    vec r = (vec)_mm512_rcp14_ps((__m512)x);
    return r * (2.0f - x * r);
#else
    return 1.0f / x;
#endif
}

/* A quotient of polynomials, x P(x^2) / Q(x^2), on the range where tanh is not yet 1 (coefficients:
 * the Eigen library, ptanh_float). */
INLINE vec tanh_of(vec x) {
    const float limit = 7.90531110763549805f;
    x = choose(x > limit, splat(limit), x);
    x = choose(x < -limit, splat(-limit), x);
    const vec s = x * x;
    vec p = splat(-2.76076847742355e-16f);
    p = p * s + 2.00018790482477e-13f;
    p = p * s - 8.60467152213735e-11f;
    p = p * s + 5.12229709037114e-08f;
    p = p * s + 1.48572235717979e-05f;
    p = p * s + 6.37261928875436e-04f;
    p = p * s + 4.89352455891786e-03f;
    vec q = splat(1.19825839466702e-06f);
    q = q * s + 1.18534705686654e-04f;
    q = q * s + 2.26843463243900e-03f;
    q = q * s + 4.89352518554385e-03f;
    return x * (p * reciprocal(q)); /* in this order nothing underflows */
}

static void tanh_array(size_t n, float *x) {
    for (size_t i = 0; i < n; i += LANES)
        store(x + i, tanh_of(load(x + i)));
}

/* --- softmax -------------------------------------------------------------------------------- */

/* Lane i of the result is lane (i + n) % 16 of v. */
#define BY_8(i) (((i) + 8) % 16)
#define BY_4(i) (((i) + 4) % 16)
#define BY_2(i) (((i) + 2) % 16)
#define BY_1(i) (((i) + 1) % 16)
#define ROTATE(v, by) SHUFFLE(v, v, EACH_LANE(by))

INLINE vec larger(vec a, vec b) {
    return choose(a > b, a, b);
}

/* Lanes are combined in halves: the same order at every level. */
INLINE float largest_lane(vec v) {
    v = larger(v, ROTATE(v, BY_8));
    v = larger(v, ROTATE(v, BY_4));
    v = larger(v, ROTATE(v, BY_2));
    return larger(v, ROTATE(v, BY_1))[0];
}

INLINE float sum_of_lanes(vec v) {
    v += ROTATE(v, BY_8);
    v += ROTATE(v, BY_4);
    v += ROTATE(v, BY_2);
    return (v + ROTATE(v, BY_1))[0];
}

/* Logits j .. j+15 of a row, -infinity behind the vocabulary. */
INLINE vec load_logits(size_t vocab, const float *row, size_t j) {
    const ivec lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return choose(lane < (int32_t)(vocab - j), load(row + j), splat(-INFINITY));
}

/* One row of logits becomes exponentials, 0 in the padding; returns their sum and, in *shifted, the
 * target's logit less the maximum. */
INLINE float exponentials(size_t vocab, size_t ld, uint32_t target, float *row, float *shifted) {
    vec maxima = load_logits(vocab, row, 0);
    for (size_t j = LANES; j < ld; j += LANES)
        maxima = larger(load_logits(vocab, row, j), maxima);
    const float maximum = largest_lane(maxima);
    *shifted = row[target] - maximum;
    vec sums = {0};
    for (size_t j = 0; j < ld; j += LANES) {
        vec v = load_logits(vocab, row, j);
        vec e = choose(v == -INFINITY, (vec){0}, exp_of(v - maximum));
        store(row + j, e);
        sums += e;
    }
    return sum_of_lanes(sums);
}

static double softmax_gradient(size_t rows, size_t vocab, size_t ld, const uint32_t *targets,
                               float scale, float *logits) {
    double loss = 0.0, product = 1.0;
    for (size_t r = 0; r < rows; r++) {
        float *row = logits + r * ld;
        float shifted = 0.0f;
        float total = exponentials(vocab, ld, targets[r], row, &shifted);
        float factor = scale / total;
        for (size_t j = 0; j < ld; j += LANES)
            store(row + j, load(row + j) * factor);
        row[targets[r]] -= scale;
        /* log(a) + log(b) = log(ab): one logarithm for as many rows as the product has room for. */
        product *= (double)total;
        loss -= (double)shifted;
        if (product > 1e200) {
            loss += log(product);
            product = 1.0;
        }
    }
    return loss + log(product);
}

/* --- layout --------------------------------------------------------------------------------- */

/* The quarter turns of a 16 by 16 block, halved again and again: where the rows i and i + s meet,
 * the half blocks of width s beside the diagonal change places. */
#define UPPER(i, s) (((i) & (s)) != 0 ? 16 + ((i) ^ (s)) : (i))
#define LOWER(i, s) (((i) & (s)) != 0 ? 16 + (i) : (i) ^ (s))
#define UPPER_8(i) UPPER(i, 8)
#define UPPER_4(i) UPPER(i, 4)
#define UPPER_2(i) UPPER(i, 2)
#define UPPER_1(i) UPPER(i, 1)
#define LOWER_8(i) LOWER(i, 8)
#define LOWER_4(i) LOWER(i, 4)
#define LOWER_2(i) LOWER(i, 2)
#define LOWER_1(i) LOWER(i, 1)
#define SWAP_HALVES(rows, s)                                                                       \
    EACH (i, LANES) {                                                                              \
        if ((i & (s)) == 0) {                                                                      \
            vec upper = rows[i], lower = rows[i + (s)];                                            \
            rows[i] = SHUFFLE(upper, lower, EACH_LANE(UPPER_##s));                                 \
            rows[i + (s)] = SHUFFLE(upper, lower, EACH_LANE(LOWER_##s));                           \
        }                                                                                          \
    }

/* `height` rows of `width` floats, each at most 16, to 16 columns of `width` rows. */
INLINE void transpose_block(size_t height, size_t width, const float *source, size_t lds,
                            float *target, size_t ldt) {
    vec rows[LANES];
    EACH (i, LANES)
        rows[i] = (size_t)i < height ? load_first(source + (size_t)i * lds, width) : (vec){0};
    SWAP_HALVES(rows, 8)
    SWAP_HALVES(rows, 4)
    SWAP_HALVES(rows, 2)
    SWAP_HALVES(rows, 1)
    EACH (i, LANES) {
        if ((size_t)i < width)
            store(target + (size_t)i * ldt, rows[i]);
    }
}

static void pad_transposed(size_t rows, size_t cols, const float *source, size_t ld,
                           float *target) {
    for (size_t r = 0; r < ld; r += LANES) {
        size_t height = r >= rows ? 0 : rows - r < LANES ? rows - r : LANES;
        for (size_t j = 0; j < cols; j += LANES)
            transpose_block(height, cols - j < LANES ? cols - j : LANES, source + r * cols + j,
                            cols, target + j * ld + r, ld);
    }
}

static void descend(size_t count, float lr, const float *gradient, float *params) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        store(params + i, load(params + i) - lr * load(gradient + i));
    if (i < count)
        store_first(params + i,
                    load_first(params + i, count - i) - lr * load_first(gradient + i, count - i),
                    count - i);
}

const dp_kernels DP_KERNELS_NAME = {.level = DP_KERNELS_LEVEL,
                                    .gather = gather,
                                    .scatter_add = scatter_add,
                                    .forward = forward,
                                    .weight_gradient = weight_gradient,
                                    .row_sum = row_sum,
                                    .tanh = tanh_array,
                                    .softmax_gradient = softmax_gradient,
                                    .pad_transposed = pad_transposed,
                                    .descend = descend};
