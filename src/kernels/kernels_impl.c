/* The kernels of one instruction set level: compiled once for each, with DP_KERNELS_NAME and
 * DP_KERNELS_LEVEL set by the build and the compiler's options for the level. The build lets
 * a * b + c be one fused operation here.
 *
 * Products are cut into tiles of sums that stay in registers while the loop over the inner
 * dimension runs. A tile must be large enough that operations outnumber loads (a fused multiply-add
 * takes as long as a load, and two of each go at a time) and to cover their latency, and small
 * enough for the registers: 16 at v3 and below, 32 at v4.
 */
#include "kernels/kernels.h"

#include "base/size.h"
#include "kernels/vector.h"

#include <math.h>
#include <stdbool.h>

/* Vectors that hold n floats. */
INLINE size_t vectors_for(size_t n) {
    return (n + LANES - 1) / LANES;
}

/* --- dropout -------------------------------------------------------------------------------- */

/* The lanes that a mask keeps, all bits set, of the elements from i on; i a multiple of LANES. */
INLINE ivec kept_lanes(const uint8_t *mask, size_t i) {
    const ivec lane_bits = ((ivec){0} + 1) << lane_numbers();
    int32_t bits = mask[i / 8];
    if (LANES == 16)
        bits |= mask[i / 8 + 1] << 8;
    else if (LANES == 4)
        bits >>= i % 8;
    return (((ivec){0} + bits) & lane_bits) != 0;
}

INLINE vec keep_lanes(ivec mask, vec v) {
    return (vec)((ivec)v & mask);
}

static void drop(size_t rows, size_t n, const uint8_t *mask, size_t mask_bytes, float scale,
                 const float *x, float *y, size_t ld) {
    for (size_t r = 0; r < rows; r++, mask += mask_bytes, x += ld, y += ld) {
        for (size_t i = 0; i < n; i += LANES)
            store(y + i, keep_lanes(kept_lanes(mask, i), load(x + i) * scale));
    }
}

/* Philox4x32-10 as in base/random, for a byte of a mask in each 64-bit lane. */
INLINE wide philox_bytes(const dp_dropout_draw *draw, uint64_t row, size_t byte) {
    wide c0 = wide_splat(draw->step & 0xFFFFFFFFu), c1 = wide_splat(draw->step >> 32);
    wide c2 = wide_splat((row & 0xFFu) << 24 | byte) + wide_numbers();
    wide c3 = wide_splat(row >> 8 | (uint64_t)draw->stream << 24);
    uint32_t k0 = (uint32_t)draw->seed, k1 = (uint32_t)(draw->seed >> 32);
    const wide low = wide_splat(0xFFFFFFFFu);
    EACH (round, 10) {
        wide product0 = wide_multiply(c0, 0xD2511F53u), product1 = wide_multiply(c2, 0xCD9E8D57u);
        c0 = (product1 >> 32) ^ c1 ^ wide_splat(k0);
        c1 = product1 & low;
        c2 = (product0 >> 32) ^ c3 ^ wide_splat(k1);
        c3 = product0 & low;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    const wide words[4] = {c0, c1, c2, c3};
    wide bits = wide_splat(0);
    EACH (i, 8) {
        wide uniform = i % 2 == 0 ? words[i / 2] & wide_splat(0xFFFFu) : words[i / 2] >> 16;
        /* The difference of two small numbers is negative, its high bit set, where it is dropped.
         */
        bits |= ((uniform - wide_splat(draw->threshold)) >> 63 ^ wide_splat(1)) << i;
    }
    return bits;
}

static void draw_masks(size_t rows, size_t bytes, const dp_dropout_draw *draw, uint8_t *mask) {
    for (size_t r = 0; r < rows; r++, mask += bytes) {
        for (size_t byte = 0; byte < bytes; byte += LANES / 2) {
            const wide bits = philox_bytes(draw, draw->first_row + r, byte);
            for (size_t i = 0; i < LANES / 2 && byte + i < bytes; i++)
                mask[byte + i] = (uint8_t)bits[i];
        }
    }
}

/* --- the embedding -------------------------------------------------------------------------- */

/* Whole vectors, in order, so that what is written too much is written over by the next one. */
INLINE void gather_row(const bool masked, size_t dim, const float *c, const uint8_t *mask,
                       float scale, float *x) {
    for (size_t k = 0; k < dim; k += LANES) {
        vec features = load(c + k);
        store(x + k, masked ? keep_lanes(kept_lanes(mask, k), features * scale) : features);
    }
}

static void gather(size_t rows, size_t block, size_t dim, const uint32_t *ids, dp_rows c,
                   const uint8_t *mask, float scale, dp_out_rows x) {
    for (size_t r = 0; r < rows; r++, ids += block, x.at += x.ld) {
        for (size_t i = 0; i < block; i++) {
            const float *features = c.at + ids[i] * c.ld;
            if (mask == NULL) {
                gather_row(false, dim, features, NULL, 1.0f, x.at + i * dim);
                continue;
            }
            gather_row(true, dim, features, mask, scale, x.at + i * dim);
            mask += dp_dropout_bytes(dim);
        }
    }
}

static void scatter_add(size_t count, const uint32_t *ids, size_t ld, const float *x, float *c) {
    for (size_t i = 0; i < count; i++) {
        float *row = c + ids[i] * ld;
        for (size_t k = 0; k < ld; k += LANES)
            store(row + k, load(row + k) + load(x + i * ld + k));
    }
}

enum { SUM_ROWS_WIDTH = 5 };

typedef struct sum_rows_call {
    size_t count;
    const uint32_t *starts, *rows;
    size_t ld;
    const float *m, *b;
    float *y;
} sum_rows_call;

/* A strip of `width` vectors, a constant, of all sums: what it reads of m stays in the first-level
 * cache, however often a row is listed. */
INLINE void sum_rows_strip(const int width, const sum_rows_call *call, size_t column) {
    for (size_t i = 0; i < call->count; i++) {
        vec sum[SUM_ROWS_WIDTH];
        EACH (c, width)
            sum[c] = call->b == NULL ? (vec){0} : load(call->b + column + c * LANES);
        for (size_t k = call->starts[i]; k < call->starts[i + 1]; k++) {
            const float *row = call->m + call->rows[k] * call->ld + column;
            EACH (c, width)
                sum[c] += load(row + c * LANES);
        }
        EACH (c, width)
            store(call->y + i * call->ld + column + c * LANES, sum[c]);
    }
}

static void sum_rows(size_t count, const uint32_t *starts, const uint32_t *rows, size_t n,
                     const float *m, size_t ld, const float *b, float *y) {
    const size_t vectors = vectors_for(n);
    const sum_rows_call call = {
        .count = count, .starts = starts, .rows = rows, .ld = ld, .m = m, .b = b, .y = y};
    size_t v = 0;
    for (; v + SUM_ROWS_WIDTH <= vectors; v += SUM_ROWS_WIDTH)
        sum_rows_strip(SUM_ROWS_WIDTH, &call, v * LANES);
    for (; v < vectors; v++)
        sum_rows_strip(1, &call, v * LANES);
}

/* A matrix of so many floats is not expected in the caches near the core. Its next part is fetched
 * while one is worked on: the processor does not foresee strips of rows, nor the next block. */
enum { FAR_FLOATS = 16384 };

/* A length in parts of nearly the same size: the first `larger` are one longer than `size`. */
typedef struct even_parts {
    size_t count, size, larger;
} even_parts;

/* In as few parts of at most `most` as can be: no step of a loop divides, which is slow. */
INLINE even_parts cut_evenly(size_t length, size_t most) {
    const size_t count = (length + most - 1) / most;
    if (count == 0)
        return (even_parts){0};
    return (even_parts){.count = count, .size = length / count, .larger = length % count};
}

INLINE size_t part_size(even_parts parts, size_t i) {
    return parts.size + (i < parts.larger ? 1 : 0);
}

/* --- x W ------------------------------------------------------------------------------------ */

/* The widest strip, in vectors, and how many rows a tile has for each width. */
#if defined(__AVX512F__)
enum { COLS_MAX = 5, ROWS_MAX = 8 };
static const int multiply_rows[COLS_MAX + 1] = {0, 8, 8, 6, 4, 4};
#else
enum { COLS_MAX = 3, ROWS_MAX = 8 };
static const int multiply_rows[COLS_MAX + 1] = {0, 8, 6, 4};
#endif

typedef struct multiply_call {
    size_t in;
    dp_rows x, w;
    const float *b, *h; /* h has the ld of y */
    const float *next;  /* the strip of w behind this one */
    bool fetches;       /* it, meanwhile */
    dp_out_rows y;
} multiply_call;

/* A tile of `rows` examples by `cols` vectors; x, w, h and y point at it. What is const here and
 * below is a constant where it is called. */
INLINE void multiply_tile(const int rows, const int cols, const bool fetches, multiply_call call) {
    vec sum[ROWS_MAX][COLS_MAX];
    EACH (r, rows) {
        EACH (c, cols)
            sum[r][c] = call.b == NULL ? (vec){0} : load(call.b + c * LANES);
    }
    for (size_t k = 0; k < call.in; k++) {
        vec weight[COLS_MAX];
        EACH (c, cols)
            weight[c] = keep(load(call.w.at + k * call.w.ld + (size_t)c * LANES));
        if (fetches) {
            __builtin_prefetch(call.next + k * call.w.ld);
            __builtin_prefetch(call.next + k * call.w.ld + DP_KERNEL_LANES);
        }
        EACH (r, rows) {
            vec input = splat(call.x.at[(size_t)r * call.x.ld + k]);
            EACH (c, cols)
                sum[r][c] += input * weight[c];
        }
    }
    if (call.h != NULL) {
        EACH (i, rows * cols) {
            const int r = i / cols, c = i % cols;
            vec h = load(call.h + (size_t)r * call.y.ld + (size_t)c * LANES);
            sum[r][c] *= 1.0f - h * h;
        }
    }
    EACH (r, rows) {
        EACH (c, cols)
            store(call.y.at + (size_t)r * call.y.ld + (size_t)c * LANES, sum[r][c]);
    }
}

INLINE multiply_call skip_rows(multiply_call call, size_t rows) {
    call.x.at += rows * call.x.ld;
    if (call.h != NULL) /* not even 0 may be added to NULL */
        call.h += rows * call.y.ld;
    call.y.at += rows * call.y.ld;
    return call;
}

/* All examples of a strip of `cols` vectors: in tiles, then two by two and one. */
INLINE void multiply_strip(const int cols, size_t count, multiply_call call) {
    const int rows = multiply_rows[cols];
    size_t r = 0;
    if (call.fetches && (size_t)rows <= count) {
        multiply_tile(rows, cols, true, call);
        r += (size_t)rows;
    }
    for (; r + (size_t)rows <= count; r += (size_t)rows)
        multiply_tile(rows, cols, false, skip_rows(call, r));
    for (; r + 2 <= count; r += 2)
        multiply_tile(2, cols, false, skip_rows(call, r));
    if (r < count)
        multiply_tile(1, cols, false, skip_rows(call, r));
}

static void multiply(size_t rows, size_t in, size_t out, dp_rows x, dp_rows w, const float *b,
                     const float *h, dp_out_rows y) {
    const even_parts strips = cut_evenly(vectors_for(out), COLS_MAX);
    for (size_t s = 0, c = 0; s < strips.count; s++) {
        const size_t width = part_size(strips, s);
        /* Behind the last strip, a block's biases and the next block. */
        const float *next =
            s + 1 < strips.count ? w.at + (c + width) * LANES : w.at + (in + 1) * w.ld;
        multiply_call call = {.in = in,
                              .x = x,
                              .w = {w.at + c * LANES, w.ld},
                              .b = b == NULL ? NULL : b + c * LANES,
                              .h = h == NULL ? NULL : h + c * LANES,
                              .next = next,
                              .fetches = in * w.ld >= FAR_FLOATS,
                              .y = {y.at + c * LANES, y.ld}};
        switch (width) {
#if defined(__AVX512F__)
        case 5:
            multiply_strip(5, rows, call);
            break;
        case 4:
            multiply_strip(4, rows, call);
            break;
#endif
        case 3:
            multiply_strip(3, rows, call);
            break;
        case 2:
            multiply_strip(2, rows, call);
            break;
        default:
            multiply_strip(1, rows, call);
            break;
        }
        c += width;
    }
}

/* --- a B^T ---------------------------------------------------------------------------------- */

enum { DOT_ROWS = 4, DOT_COLS = LANES == 16 ? 4 : 3, DOT_B_FLOATS = 6144 };

typedef struct dot_call {
    size_t vectors;
    size_t ahead; /* how many rows further on in b to fetch meanwhile, or 0 */
    size_t lines; /* of the rows of a behind these to fetch with each tile */
    dp_rows a, b;
    const float *bias;
    dp_out_rows y;
} dot_call;

/* The products of `rows` rows of a and `cols` rows of b. Sums of fewer than 4 times 4 go to memory
 * lane by lane: by way of the stack, a vector would be loaded before its parts are stored. */
INLINE void dot_tile(const int rows, const int cols, const bool fetches, dot_call call) {
    vec sum[4][4] = {{{0}}}; /* those that are not asked for stay 0 */
    for (size_t j = 0; j < call.vectors; j++) {
        vec b[DOT_COLS];
        EACH (c, cols)
            b[c] = keep(load(call.b.at + (size_t)c * call.b.ld + j * LANES));
        if (fetches) {
            EACH (c, cols)
                __builtin_prefetch(call.b.at + (call.ahead + (size_t)c) * call.b.ld + j * LANES);
        }
        EACH (r, rows) {
            vec a = keep(load(call.a.at + (size_t)r * call.a.ld + j * LANES));
            EACH (c, cols)
                sum[r][c] += a * b[c];
        }
    }
#if defined(__AVX512F__)
    if (rows == 4 && cols == 4) {
        const union {
            vec whole;
            quad part[4];
        } sums = {.whole = sums_of_lanes_by_4(sum)};
        EACH (r, 4)
            store_quad(call.y.at + (size_t)r * call.y.ld,
                       call.bias == NULL ? sums.part[r] : sums.part[r] + load_quad(call.bias));
        return;
    }
#endif
    if (rows == DOT_ROWS) {
        EACH (c, cols) {
            quad sums = sums_of_lanes(sum[0][c], sum[1][c], sum[2][c], sum[3][c]);
            if (call.bias != NULL)
                sums += call.bias[c];
            EACH (r, rows)
                call.y.at[(size_t)r * call.y.ld + (size_t)c] = sums[r];
        }
        return;
    }
    EACH (r, rows) {
        quad sums = sums_of_lanes(sum[r][0], sum[r][1], sum[r][2], sum[r][3]);
        EACH (c, cols)
            call.y.at[(size_t)r * call.y.ld + (size_t)c] =
                sums[c] + (call.bias == NULL ? 0.0f : call.bias[c]);
    }
}

/* All of `cols`, DOT_COLS at a time, but none alone where it can be avoided: its sums would be too
 * few to go side by side. */
INLINE void dot_cols(const int rows, const bool fetches, size_t cols, dot_call call) {
    const float *line = call.a.at + (size_t)rows * call.a.ld;
    while (cols > 0) {
        const size_t width = cols <= DOT_COLS       ? cols
                             : cols == DOT_COLS + 1 ? DOT_COLS - 1
                                                    : DOT_COLS;
        for (size_t i = 0; i < call.lines; i++, line += DP_KERNEL_LANES)
            __builtin_prefetch(line);
        if (DOT_COLS == 4 && width == 4)
            dot_tile(rows, DOT_COLS, fetches, call);
        else if (width == 3)
            dot_tile(rows, 3, fetches, call);
        else if (width == 2)
            dot_tile(rows, 2, fetches, call);
        else
            dot_tile(rows, 1, fetches, call);
        cols -= width;
        call.b.at += width * call.b.ld;
        if (call.bias != NULL)
            call.bias += width;
        call.y.at += width;
    }
}

/* All rows of a against some of b. */
INLINE void dot_rows(size_t rows, size_t cols, dot_call call) {
    size_t r = 0;
    for (; r + DOT_ROWS <= rows; r += DOT_ROWS) {
        if (r == 0 && call.ahead > 0)
            dot_cols(DOT_ROWS, true, cols, call);
        else
            dot_cols(DOT_ROWS, false, cols, call);
        call.a.at += DOT_ROWS * call.a.ld;
        call.y.at += DOT_ROWS * call.y.ld;
    }
    for (; r < rows; r++) {
        dot_cols(1, false, cols, call);
        call.a.at += call.a.ld;
        call.y.at += call.y.ld;
    }
}

/* As much of b at a time as stays in the first-level cache beside some rows of a. */
static void dot(size_t rows, size_t cols, size_t n, dp_rows a, dp_rows b, const float *bias,
                dp_out_rows y) {
    const size_t fitting = DOT_B_FLOATS / b.ld / DOT_COLS * DOT_COLS;
    const size_t most = fitting == 0 ? DOT_COLS : fitting;
    for (size_t c = 0; c < cols; c += most) {
        const bool far = cols * b.ld >= FAR_FLOATS;
        const dot_call call = {
            .vectors = vectors_for(n),
            .ahead = far ? most : 0,
            .lines = far && c == 0 ? DOT_ROWS * a.ld * DOT_COLS / (most * DP_KERNEL_LANES) : 0,
            .a = a,
            .b = {b.at + c * b.ld, b.ld},
            .bias = bias == NULL ? NULL : bias + c,
            .y = {y.at + c, y.ld}};
        dot_rows(rows, dp_size_min(cols - c, most), call);
    }
}

/* --- weight gradients ----------------------------------------------------------------------- */

/* The larger tile, in inputs, needs fewer loads. The smaller one leaves registers for the sums of
 * other grains, which counts where there are few rows between two additions of tiles. */
enum { GRADIENT_INS_MAX = 5, GRADIENT_INS_FEW_ROWS = 3, FEW_ROWS = 16, GRADIENT_COLS = 2 };

typedef struct gradient_tile {
    vec sum[GRADIENT_INS_MAX][GRADIENT_COLS];
} gradient_tile;

typedef struct gradient_call {
    const size_t *starts; /* of the rows of each grain */
    dp_rows x, dy;
    dp_out_rows to;
    const float *before; /* NULL, or what is added to, with the ld of `to` */
    bool descends;       /* along the gradient, instead of becoming it: what is at `to` */
    float lr;
} gradient_call;

/* One grain's rows, in order, for `ins` inputs by `cols` vectors, both constants. */
INLINE gradient_tile sum_grain(const int ins, const int cols, const gradient_call *call,
                               size_t grain) {
    gradient_tile tile;
    EACH (i, ins) {
        EACH (c, cols)
            tile.sum[i][c] = (vec){0};
    }
    _Pragma("GCC unroll 2") for (size_t r = call->starts[grain]; r < call->starts[grain + 1]; r++) {
        vec gradient[GRADIENT_COLS];
        EACH (c, cols)
            gradient[c] = keep(load(call->dy.at + r * call->dy.ld + (size_t)c * LANES));
        EACH (i, ins) {
            vec input = splat(call->x.at[r * call->x.ld + (size_t)i]);
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

INLINE void gradient_block(const int ins, const int cols, size_t grains,
                           const gradient_call *call) {
    gradient_tile tile = sum_grains(ins, cols, grains, call);
    EACH (i, ins) {
        EACH (c, cols) {
            const size_t at = (size_t)i * call->to.ld + (size_t)c * LANES;
            vec sum = tile.sum[i][c];
            if (call->before != NULL)
                sum += load(call->before + at);
            store(call->to.at + at, call->descends ? load(call->to.at + at) - call->lr * sum : sum);
        }
    }
}

INLINE gradient_call skip_floats(gradient_call call, size_t floats) {
    if (call.before != NULL) /* not even 0 may be added to NULL */
        call.before += floats;
    call.to.at += floats;
    return call;
}

/* All inputs of a strip of `cols` vectors. */
INLINE void gradient_strip(const int cols, size_t grains, gradient_call call, even_parts ins) {
    for (size_t block = 0; block < ins.count; block++) {
        const size_t width = part_size(ins, block);
        switch (width) {
        case 5:
            gradient_block(5, cols, grains, &call);
            break;
        case 4:
            gradient_block(4, cols, grains, &call);
            break;
        case 3:
            gradient_block(3, cols, grains, &call);
            break;
        case 2:
            gradient_block(2, cols, grains, &call);
            break;
        default:
            gradient_block(1, cols, grains, &call);
            break;
        }
        call.x.at += width;
        call = skip_floats(call, width * call.to.ld);
    }
}

INLINE void gradient_strips(size_t grains, gradient_call call, size_t in, size_t out) {
    const size_t rows = call.starts[grains] - call.starts[0], vectors = vectors_for(out);
    const even_parts ins =
        cut_evenly(in, rows < FEW_ROWS * grains ? GRADIENT_INS_FEW_ROWS : GRADIENT_INS_MAX);
    size_t v = 0;
    for (; v + GRADIENT_COLS <= vectors; v += GRADIENT_COLS) {
        gradient_strip(GRADIENT_COLS, grains, call, ins);
        call.dy.at += GRADIENT_COLS * LANES;
        call = skip_floats(call, GRADIENT_COLS * LANES);
    }
    for (; v < vectors; v++) {
        gradient_strip(1, grains, call, ins);
        call.dy.at += LANES;
        call = skip_floats(call, LANES);
    }
}

static void weight_gradient(size_t grains, const size_t *starts, size_t in, size_t out, dp_rows x,
                            dp_rows dy, dp_out_rows dw) {
    const gradient_call call = {.starts = starts, .x = x, .dy = dy, .to = dw};
    gradient_strips(grains, call, in, out);
}

static void add_weight_gradient(size_t rows, size_t in, size_t out, dp_rows x, dp_rows dy,
                                dp_out_rows dw) {
    const size_t whole[2] = {0, rows};
    const gradient_call call = {.starts = whole, .x = x, .dy = dy, .to = dw, .before = dw.at};
    gradient_strips(1, call, in, out);
}

static void descend_weights(size_t rows, size_t in, size_t out, dp_rows x, dp_rows dy,
                            const float *dw, float lr, dp_out_rows params) {
    const size_t whole[2] = {0, rows};
    const gradient_call call = {
        .starts = whole, .x = x, .dy = dy, .to = params, .before = dw, .descends = true, .lr = lr};
    gradient_strips(1, call, in, out);
}

/* With an input of 1 for every row, the gradient of the weights is that of the biases. */
static void row_sum(size_t grains, const size_t *starts, size_t out, const float *dy, size_t ldy,
                    float *db) {
    static const float one = 1.0f;
    weight_gradient(grains, starts, 1, out, (dp_rows){&one, 0}, (dp_rows){dy, ldy},
                    (dp_out_rows){db, 0});
}

/* --- elementwise ---------------------------------------------------------------------------- */

/* Of x <= 0. As in kernels/activation.c, which has the formula and its source; but that the bits of
 * `shifted` end with the exponent as it is stored. */
INLINE vec exp_of(vec x) {
    const float rounder = 12582912.0f + 127.0f;
    const float log2_e = 1.44269504088896341f;
    const float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    x = larger(splat(-87.0f), x);
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
    return p * (vec)((ivec)shifted << 23);
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
    x = larger(splat(-limit), at_most(limit, x));
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

static void tanh_rows(size_t rows, size_t n, size_t ld, float *x) {
    for (size_t r = 0; r < rows; r++, x += ld) {
        for (size_t i = 0; i < n; i += LANES)
            store(x + i, tanh_of(load(x + i)));
    }
}

/* --- softmax -------------------------------------------------------------------------------- */

/* Which lanes of the last, unfinished vector of a row are within the vocabulary. */
INLINE ivec lanes_within(size_t vocab) {
    return lane_numbers() < (int32_t)(vocab % LANES);
}

INLINE float largest_of_row(size_t vocab, const float *row) {
    const size_t whole = vocab / LANES * LANES;
    vec maxima = splat(-INFINITY);
    for (size_t j = 0; j < whole; j += LANES)
        maxima = larger(maxima, load(row + j));
    if (whole < vocab)
        maxima = larger(maxima, choose(lanes_within(vocab), load(row + whole), splat(-INFINITY)));
    return largest_lane(maxima);
}

/* The exponentials of one row of logits, 0 in the padding; returns their sum. */
INLINE float exponentials_of_row(size_t vocab, float maximum, const float *row, float *to) {
    const size_t whole = vocab / LANES * LANES;
    vec sums = {0};
    for (size_t j = 0; j < whole; j += LANES) {
        vec e = exp_of(load(row + j) - maximum);
        store(to + j, e);
        sums += e;
    }
    if (whole < vocab) {
        vec e = choose(lanes_within(vocab), exp_of(load(row + whole) - maximum), (vec){0});
        store(to + whole, e);
        sums += e;
    }
    return sum_of_lanes(sums);
}

/* The maxima of some rows first, so that no row waits for its own. */
static void exponentials(size_t rows, size_t cols, size_t ld, const float *x, float *y,
                         float *maxima, float *sums) {
    enum { ROWS_AHEAD = 8 };
    for (size_t first = 0; first < rows; first += ROWS_AHEAD) {
        const size_t end = dp_size_min(first + ROWS_AHEAD, rows);
        for (size_t r = first; r < end; r++)
            maxima[r] = largest_of_row(cols, x + r * ld);
        for (size_t r = first; r < end; r++)
            sums[r] = exponentials_of_row(cols, maxima[r], x + r * ld, y + r * ld);
    }
}

static void scale_rows(size_t rows, size_t cols, const float *factors, dp_rows x, dp_out_rows y) {
    for (size_t r = 0; r < rows; r++, x.at += x.ld, y.at += y.ld) {
        for (size_t j = 0; j < cols; j += LANES)
            store(y.at + j, load(x.at + j) * factors[r]);
    }
}

static double softmax_gradient(size_t rows, size_t vocab, size_t ld, const uint32_t *target_starts,
                               const uint32_t *targets, float scale, float *logits) {
    double loss = 0.0, product = 1.0;
    for (size_t r = 0; r < rows; r++) {
        float *row = logits + r * ld;
        const uint32_t first = target_starts[r], end = target_starts[r + 1];
        const float maximum = largest_of_row(vocab, row);
        for (uint32_t t = first; t < end; t++)
            loss -= (double)row[targets[t]];
        float total = exponentials_of_row(vocab, maximum, row, row);
        float factor = scale * (float)(end - first) / total;
        size_t j = 0;
        for (; j < vocab; j += LANES)
            store(row + j, load(row + j) * factor);
        for (; j < ld; j += LANES)
            store(row + j, (vec){0});
        loss += (double)(end - first) * (double)maximum;
        for (uint32_t t = first; t < end; t++) {
            row[targets[t]] -= scale;
            /* log(a) + log(b) = log(ab): one logarithm for as many as the product has room for. */
            product *= (double)total;
            if (product > 1e200) {
                loss += log(product);
                product = 1.0;
            }
        }
    }
    return loss + log(product);
}

/* --- the update ----------------------------------------------------------------------------- */

static void descend(size_t count, float lr, const float *gradient, float *params) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        store(params + i, load(params + i) - lr * load(gradient + i));
    for (; i < count; i++)
        params[i] -= lr * gradient[i];
}

const dp_kernels DP_KERNELS_NAME = {.level = DP_KERNELS_LEVEL,
                                    .gather = gather,
                                    .scatter_add = scatter_add,
                                    .sum_rows = sum_rows,
                                    .multiply = multiply,
                                    .dot = dot,
                                    .weight_gradient = weight_gradient,
                                    .add_weight_gradient = add_weight_gradient,
                                    .descend_weights = descend_weights,
                                    .row_sum = row_sum,
                                    .tanh = tanh_rows,
                                    .softmax_gradient = softmax_gradient,
                                    .exponentials = exponentials,
                                    .scale_rows = scale_rows,
                                    .draw_masks = draw_masks,
                                    .drop = drop,
                                    .descend = descend};
