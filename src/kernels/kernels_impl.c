/* The kernels of one instruction set level: compiled once for each, with DP_KERNELS_NAME and
 * DP_KERNELS_LEVEL set by the build and the compiler's options for the level. All give the same
 * bits (kernels/kernels.h): no sum is taken in another order where registers are wider, and a * b +
 * c is one operation exactly where it is written as fused().
 *
 * Products are cut into tiles of sums that stay in registers while the loop over the inner
 * dimension runs. A tile must be large enough that operations outnumber loads (a fused multiply-add
 * takes as long as a load, and two of each go at a time) and to cover their latency, and small
 * enough for the registers: 16 at v3 and below, 32 at v4.
 */
#include "kernels/kernels.h"

#include "base/real.h"
#include "base/size.h"
#include "base/tree.h"
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

static void move_rows(size_t count, const uint32_t *ids, size_t ld, float *x, float *y) {
    for (size_t i = 0; i < count; i++) {
        float *from = x + ids[i] * ld, *to = y + ids[i] * ld;
        for (size_t k = 0; k < ld; k += LANES) {
            store(to + k, load(to + k) + load(from + k));
            store(from + k, (vec){0});
        }
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

/* The widest strip, in vectors, and how many rows a tile has for each width. Where there are rows
 * for a whole tile, a strip is narrower: what it reads of w in a run stays in the first-level
 * cache. */
#if defined(__AVX512F__)
enum { COLS_MAX = 5, COLS_OF_MANY = 3, ROWS_MAX = 8 };
static const int multiply_rows[COLS_MAX + 1] = {0, 8, 8, 8, 4, 4};
#else
enum { COLS_MAX = 3, COLS_OF_MANY = 3, ROWS_MAX = 8 };
static const int multiply_rows[COLS_MAX + 1] = {0, 8, 6, 4};
#endif

typedef struct multiply_call {
    size_t in;
    dp_rows x, w;
    const float *b, *h; /* h has the ld of y */
    bool adds;          /* to what is in y */
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
                sum[r][c] = fused(input, weight[c], sum[r][c]);
        }
    }
    if (call.adds) {
        EACH (i, rows * cols) {
            const int r = i / cols, c = i % cols;
            sum[r][c] += load(call.y.at + (size_t)r * call.y.ld + (size_t)c * LANES);
        }
    }
    if (call.h != NULL) {
        EACH (i, rows * cols) {
            const int r = i / cols, c = i % cols;
            vec h = load(call.h + (size_t)r * call.y.ld + (size_t)c * LANES);
            sum[r][c] *= fused(-h, h, splat(1.0f));
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

/* All examples of a strip of `cols` vectors: in tiles, then by four, two and one. */
INLINE void multiply_strip(const int cols, size_t count, multiply_call call) {
    const int rows = multiply_rows[cols];
    size_t r = 0;
    if (call.fetches && (size_t)rows <= count) {
        multiply_tile(rows, cols, true, call);
        r += (size_t)rows;
    }
    for (; r + (size_t)rows <= count; r += (size_t)rows)
        multiply_tile(rows, cols, false, skip_rows(call, r));
    for (; r + 4 <= count; r += 4)
        multiply_tile(4, cols, false, skip_rows(call, r));
    for (; r + 2 <= count; r += 2)
        multiply_tile(2, cols, false, skip_rows(call, r));
    if (r < count)
        multiply_tile(1, cols, false, skip_rows(call, r));
}

/* One run of the inner dimension, strip by strip. */
INLINE void multiply_run(size_t rows, size_t out, multiply_call call) {
    const even_parts strips =
        cut_evenly(vectors_for(out), rows < ROWS_MAX ? COLS_MAX : COLS_OF_MANY);
    const dp_rows w = call.w;
    for (size_t s = 0, c = 0; s < strips.count; s++) {
        const size_t width = part_size(strips, s);
        multiply_call strip = call;
        strip.w.at = w.at + c * LANES;
        strip.b = call.b == NULL ? NULL : call.b + c * LANES;
        strip.h = call.h == NULL ? NULL : call.h + c * LANES;
        strip.y.at = call.y.at + c * LANES;
        /* Behind the last strip, a block's biases and the next block. */
        strip.next =
            s + 1 < strips.count ? w.at + (c + width) * LANES : w.at + (call.in + 1) * w.ld;
        switch (width) {
#if defined(__AVX512F__)
        case 5:
            multiply_strip(5, rows, strip);
            break;
        case 4:
            multiply_strip(4, rows, strip);
            break;
#endif
        case 3:
            multiply_strip(3, rows, strip);
            break;
        case 2:
            multiply_strip(2, rows, strip);
            break;
        default:
            multiply_strip(1, rows, strip);
            break;
        }
        c += width;
    }
}

static void multiply(size_t rows, size_t in, size_t out, dp_rows x, dp_rows w, const float *b,
                     const float *h, dp_out_rows y) {
    for (size_t k = 0; k == 0 || k < in; k += DP_TREE_RUN) {
        const size_t length = dp_size_min(in - k, DP_TREE_RUN);
        const multiply_call call = {.in = length,
                                    .x = {x.at + k, x.ld},
                                    .w = {w.at + k * w.ld, w.ld},
                                    .b = k == 0 ? b : NULL,
                                    .h = k + length == in ? h : NULL,
                                    .adds = k > 0,
                                    .fetches = length * w.ld >= FAR_FLOATS,
                                    .y = y};
        multiply_run(rows, out, call);
    }
}

/* --- a B^T ---------------------------------------------------------------------------------- */

#if defined(__AVX512F__)
enum { DOT_ROWS = 4, DOT_COLS = 4 };
#else
enum { DOT_ROWS = 4, DOT_COLS = 3 };
#endif
enum { DOT_B_FLOATS = 8192, DOT_A_FLOATS = 262144 };

typedef struct dot_call {
    size_t lines; /* of 16 floats, in a run */
    size_t ahead; /* how many rows further on in b to fetch meanwhile, or 0 */
    size_t next;  /* lines of the rows of a behind these to fetch with each tile */
    dp_rows a, b;
    const float *bias;
    bool adds; /* to what is in y */
    dp_out_rows y;
} dot_call;

/* What becomes of the sums of a row: of the first `cols` in memory lane by lane, as by way of the
 * stack a vector would be loaded before its parts are stored. */
INLINE void store_sums(const int cols, const dot_call *call, float *y, quad sums) {
    EACH (c, cols) {
        float sum = sums[c];
        if (call->bias != NULL)
            sum += call->bias[c];
        y[c] = call->adds ? y[c] + sum : sum;
    }
}

#if defined(__AVX512F__)
INLINE void store_four_sums(const dot_call *call, float *y, quad sums) {
    if (call->bias != NULL)
        sums += load_quad(call->bias);
    store_quad(y, call->adds ? load_quad(y) + sums : sums);
}
#endif

/* The products of `rows` rows of a and `cols` rows of b. */
INLINE void dot_tile(const int rows, const int cols, const bool fetches, dot_call call) {
    vec sum[DOT_ROWS][4][PARTS];
    EACH (i, rows * cols * PARTS)
        sum[i / PARTS / cols][i / PARTS % cols][i % PARTS] = (vec){0};
    EACH (p, PARTS) {
        for (size_t j = 0; j < call.lines; j++) {
            if (fetches && p == 0) {
                EACH (c, cols)
                    __builtin_prefetch(call.b.at + (call.ahead + (size_t)c) * call.b.ld + j * LINE);
            }
            const size_t at = j * LINE + (size_t)p * LANES;
            vec b[DOT_COLS];
            EACH (c, cols)
                b[c] = keep(load(call.b.at + (size_t)c * call.b.ld + at));
            EACH (r, rows) {
                vec a = keep(load(call.a.at + (size_t)r * call.a.ld + at));
                EACH (c, cols)
                    sum[r][c][p] = fused(a, b[c], sum[r][c][p]);
            }
        }
        if (PARTS > 1)
            in_order();
    }
#if defined(__AVX512F__)
    if (rows == 4 && cols == 4) {
        const union {
            vec whole;
            quad part[4];
        } sums = {.whole = sums_of_lines_by_4(sum)};
        EACH (r, 4)
            store_four_sums(&call, call.y.at + (size_t)r * call.y.ld, sums.part[r]);
        return;
    }
#endif
    EACH (r, rows) /* of four, whatever there are: others may be any */
        store_sums(cols, &call, call.y.at + (size_t)r * call.y.ld,
                   sums_of_lines(sum[r][0], sum[r][cols > 1 ? 1 : 0], sum[r][cols > 2 ? 2 : 0],
                                 sum[r][cols > 3 ? 3 : 0]));
}

/* All of `cols`, DOT_COLS at a time, but none alone where it can be avoided: its sums would be too
 * few to go side by side. */
INLINE void dot_cols(const int rows, const bool fetches, size_t cols, dot_call call) {
    const float *line = call.a.at + (size_t)rows * call.a.ld;
    while (cols > 0) {
        const size_t width = cols <= DOT_COLS       ? cols
                             : cols == DOT_COLS + 1 ? DOT_COLS - 1
                                                    : DOT_COLS;
        for (size_t i = 0; i < call.next; i++, line += LINE)
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

/* Some rows of a, with as much of b at a time as stays in the first-level cache beside a few of
 * them. */
INLINE void dot_some_rows(size_t rows, size_t cols, dot_call some) {
    const bool far = cols * some.b.ld >= FAR_FLOATS;
    const size_t fitting = DOT_B_FLOATS / (some.lines * LINE + 1) / DOT_COLS * DOT_COLS;
    const size_t most = fitting == 0 ? DOT_COLS : fitting;
    for (size_t c = 0; c < cols; c += most) {
        dot_call call = some;
        call.ahead = far ? most : 0;
        call.next = far && c == 0 ? DOT_ROWS * some.lines * DOT_COLS / most : 0;
        call.b.at += c * some.b.ld;
        call.bias = some.bias == NULL ? NULL : some.bias + c;
        call.y.at += c;
        dot_rows(rows, dp_size_min(cols - c, most), call);
    }
}

/* A run, with as many rows of a at a time as stay in the second-level cache. */
INLINE void dot_run(size_t rows, size_t cols, dot_call run) {
    const size_t most = (DOT_A_FLOATS / (run.lines * LINE + 1) / DOT_ROWS + 1) * DOT_ROWS;
    for (size_t r = 0; r < rows; r += most) {
        dot_call some = run;
        some.a.at += r * run.a.ld;
        some.y.at += r * run.y.ld;
        dot_some_rows(dp_size_min(rows - r, most), cols, some);
    }
}

#if defined(__AVX512F__)
/* Where rows are one line, those of b are laid across the registers, so that sums are taken from
 * register to register. */
enum { NARROW_ROWS_MIN = 2 };

static void narrow_dot(size_t rows, size_t cols, dot_call call) {
    for (size_t c = 0; c < cols; c += LINE) {
        const __mmask16 used = (__mmask16)(0xFFFFu >> (LINE - dp_size_min(cols - c, LINE)));
        vec b[LINE], bias = {0};
        EACH (i, LINE) /* behind the last one any */
            b[i] = load(call.b.at + dp_size_min(c + (size_t)i, cols - 1) * call.b.ld);
        transpose_lines(b);
        if (call.bias != NULL)
            bias = (vec)_mm512_maskz_loadu_ps(used, call.bias + c);
        for (size_t r = 0; r < rows; r++) {
            const float *a = call.a.at + r * call.a.ld;
            float *y = call.y.at + r * call.y.ld + c;
            vec product[LINE];
            EACH (i, LINE)
                product[i] = fused(splat(a[i]), b[i], (vec){0});
            vec sum = sums_across(product);
            if (call.bias != NULL)
                sum += bias;
            if (call.adds)
                sum += (vec)_mm512_maskz_loadu_ps(used, y);
            _mm512_mask_storeu_ps(y, used, (__m512)sum);
        }
    }
}
#endif

static void dot(size_t rows, size_t cols, size_t n, dp_rows a, dp_rows b, const float *bias,
                bool adds, dp_out_rows y) {
#if defined(__AVX512F__)
    if (0 < n && n <= LINE && rows >= NARROW_ROWS_MIN) {
        narrow_dot(rows, cols, (dot_call){.a = a, .b = b, .bias = bias, .adds = adds, .y = y});
        return;
    }
#endif
    for (size_t j = 0; j == 0 || j < n; j += DP_KERNEL_DOT_RUN) {
        const size_t length = dp_size_min(n - j, DP_KERNEL_DOT_RUN);
        const dot_call run = {.lines = (length + LINE - 1) / LINE,
                              .a = {a.at + j, a.ld},
                              .b = {b.at + j, b.ld},
                              .bias = j == 0 ? bias : NULL,
                              .adds = adds || j > 0,
                              .y = y};
        dot_run(rows, cols, run);
    }
}

/* --- weight gradients ----------------------------------------------------------------------- */

/* The largest tile: inputs by vectors of outputs. And below how many rows a grain is one of few. */
#if defined(__AVX512F__)
enum { GRADIENT_INS = 8, GRADIENT_COLS = 3, FEW_ROWS = 6 };
#define BY_COLS(define, ins) define(ins, 1) define(ins, 2) define(ins, 3)
#define NAMES_BY_COLS(name, ins)                                                                   \
    { name##_##ins##_1, name##_##ins##_2, name##_##ins##_3 }
#else
enum { GRADIENT_INS = 6, GRADIENT_COLS = 2, FEW_ROWS = 20 };
#define BY_COLS(define, ins) define(ins, 1) define(ins, 2)
#define NAMES_BY_COLS(name, ins)                                                                   \
    { name##_##ins##_1, name##_##ins##_2 }
#endif
/* As much of dy should stay in the second-level cache from one row of the result to the next. */
enum { GRADIENT_DY_FLOATS = 131072 };

typedef struct gradient_tile {
    vec sum[GRADIENT_INS][GRADIENT_COLS];
} gradient_tile;

/* Some rows of x and dy, from a tile's first input and output on. */
typedef struct gradient_rows {
    size_t count;
    dp_rows x, dy;
} gradient_rows;

/* Where a tile begins. */
typedef struct tile_place {
    size_t in, out;
} tile_place;

/* The rows [first, end) of a call, from there on. */
INLINE gradient_rows rows_of(const dp_gradient *of, tile_place place, size_t first, size_t end) {
    return (gradient_rows){.count = end - first,
                           .x = {of->x.at + first * of->x.ld + place.in, of->x.ld},
                           .dy = {of->dy.at + first * of->dy.ld + place.out, of->dy.ld}};
}

/* The sum over the rows, in order, for `ins` inputs by `cols` vectors, both constants. */
INLINE gradient_tile sum_of_rows(const int ins, const int cols, const gradient_rows *rows) {
    gradient_tile tile;
    const float *x = rows->x.at, *dy = rows->dy.at;
    EACH (i, ins * cols)
        tile.sum[i / cols][i % cols] = (vec){0};
    _Pragma("GCC unroll 2") for (size_t r = 0; r < rows->count; r++) {
        vec gradient[GRADIENT_COLS];
        EACH (c, cols)
            gradient[c] = keep(load(dy + (size_t)c * LANES));
        EACH (i, ins) {
            const vec input = splat(x[i]);
            EACH (c, cols)
                tile.sum[i][c] = fused(input, gradient[c], tile.sum[i][c]);
        }
        x += rows->x.ld;
        dy += rows->dy.ld;
    }
    return tile;
}

INLINE gradient_tile add_tiles(const int ins, const int cols, gradient_tile a,
                               const gradient_tile *b) {
    EACH (i, ins * cols)
        a.sum[i / cols][i % cols] += b->sum[i / cols][i % cols];
    return a;
}

INLINE void copy_tile(const int ins, const int cols, const gradient_tile *tile, gradient_tile *to) {
    EACH (i, ins * cols)
        to->sum[i / cols][i % cols] = tile->sum[i / cols][i % cols];
}

/* What follows is not inlined where it is called: a loop by itself finds registers for all sums. */

/* The sum over the rows and of what is in `others`, one after the other. */
typedef void sum_tile(const gradient_rows *rows, size_t others, const gradient_tile *other,
                      gradient_tile *to);
#define SUM_TILE(ins, cols)                                                                        \
    __attribute__((noinline)) static void sum_tile_##ins##_##cols(                                 \
        const gradient_rows *rows, size_t others, const gradient_tile *other, gradient_tile *to) { \
        gradient_tile tile = sum_of_rows(ins, cols, rows);                                         \
        for (size_t i = 0; i < others; i++)                                                        \
            tile = add_tiles(ins, cols, tile, &other[i]);                                          \
        copy_tile(ins, cols, &tile, to);                                                           \
    }
BY_COLS(SUM_TILE, 1)
BY_COLS(SUM_TILE, 2)
BY_COLS(SUM_TILE, 3)
BY_COLS(SUM_TILE, 4)
BY_COLS(SUM_TILE, 5)
BY_COLS(SUM_TILE, 6)
#if defined(__AVX512F__)
BY_COLS(SUM_TILE, 7)
BY_COLS(SUM_TILE, 8)
#endif
static sum_tile *const sum_tiles[GRADIENT_INS][GRADIENT_COLS] = {
    NAMES_BY_COLS(sum_tile, 1), NAMES_BY_COLS(sum_tile, 2), NAMES_BY_COLS(sum_tile, 3),
    NAMES_BY_COLS(sum_tile, 4), NAMES_BY_COLS(sum_tile, 5), NAMES_BY_COLS(sum_tile, 6),
#if defined(__AVX512F__)
    NAMES_BY_COLS(sum_tile, 7), NAMES_BY_COLS(sum_tile, 8),
#endif
};

/* What is done with the sum. */
INLINE void use_sum(const dp_gradient *of, vec sum, tile_place place, int i, int c) {
    const size_t at = (place.in + (size_t)i) * of->to.ld + place.out + (size_t)c * LANES;
    if (of->before != NULL)
        sum += load(of->before + at);
    if (of->descends)
        sum = fused(splat(-of->lr), sum, load(of->to.at + at));
    store(of->to.at + at, sum);
}

/* Where grains have few rows, all of them in one function, in smaller tiles: more of the tree's
 * sums stay in registers, and no loop is left whose length the processor has to guess. */
enum { FEW_INS = 4 };

INLINE gradient_tile sum_of_one(const int ins, const int cols, const dp_gradient *of,
                                tile_place place, size_t grain) {
    const gradient_rows rows = rows_of(of, place, of->starts[grain], of->starts[grain + 1]);
    return sum_of_rows(ins, cols, &rows);
}

INLINE gradient_tile sum_of_two(const int ins, const int cols, const dp_gradient *of,
                                tile_place place, size_t grain) {
    const gradient_tile left = sum_of_one(ins, cols, of, place, grain);
    return add_tiles(ins, cols, sum_of_one(ins, cols, of, place, grain + 1), &left);
}

INLINE gradient_tile sum_of_four(const int ins, const int cols, const dp_gradient *of,
                                 tile_place place, size_t grain) {
    const gradient_tile left = sum_of_two(ins, cols, of, place, grain);
    return add_tiles(ins, cols, sum_of_two(ins, cols, of, place, grain + 2), &left);
}

typedef void use_few(const dp_gradient *of, tile_place place);
#define USE_FEW(ins, cols)                                                                         \
    __attribute__((noinline)) static void use_few_##ins##_##cols(const dp_gradient *of,            \
                                                                 tile_place place) {               \
        gradient_tile tile = of->grains == 1   ? sum_of_one(ins, cols, of, place, 0)               \
                             : of->grains == 2 ? sum_of_two(ins, cols, of, place, 0)               \
                                               : sum_of_four(ins, cols, of, place, 0);             \
        if (of->grains == 8) {                                                                     \
            const gradient_tile left = tile;                                                       \
            tile = add_tiles(ins, cols, sum_of_four(ins, cols, of, place, 4), &left);              \
        }                                                                                          \
        EACH (i, ins) {                                                                            \
            EACH (c, cols)                                                                         \
                use_sum(of, tile.sum[i][c], place, i, c);                                          \
        }                                                                                          \
    }
BY_COLS(USE_FEW, 1)
BY_COLS(USE_FEW, 2)
BY_COLS(USE_FEW, 3)
BY_COLS(USE_FEW, 4)
static use_few *const uses_of_few[FEW_INS][GRADIENT_COLS] = {
    NAMES_BY_COLS(use_few, 1), NAMES_BY_COLS(use_few, 2), NAMES_BY_COLS(use_few, 3),
    NAMES_BY_COLS(use_few, 4)};

/* A tile of some size, and what sums it. */
typedef struct tile_kind {
    sum_tile *sum;
    size_t ins, cols;
} tile_kind;

static void add_tile(tile_kind kind, const gradient_tile *other, gradient_tile *to) {
    for (size_t i = 0; i < kind.ins; i++) {
        for (size_t c = 0; c < kind.cols; c++)
            to->sum[i][c] += other->sum[i][c];
    }
}

/* Both for the runs of a grain and for grains: as in counting in binary, a sum waits until its
 * neighbour of the same size is there. */
enum { WAITING_RUNS = 32, WAITING_GRAINS = 3 };

/* A grain of more rows than a run. */
static void sum_of_runs(tile_kind kind, const dp_gradient *of, tile_place place, size_t grain,
                        gradient_tile *to) {
    gradient_tile waiting[WAITING_RUNS];
    const size_t end = of->starts[grain + 1];
    size_t first = of->starts[grain], count = 0;
    for (; end - first > of->run; first += of->run) {
        const size_t ends = (size_t)__builtin_ctzl(++count);
        const gradient_rows run = rows_of(of, place, first, first + of->run);
        kind.sum(&run, ends, waiting, &waiting[ends]);
    }
    const gradient_rows rest = rows_of(of, place, first, end);
    kind.sum(&rest, 0, NULL, to);
    for (size_t level = 0; count >> level != 0; level++) {
        if ((count >> level & 1) != 0)
            add_tile(kind, &waiting[level], to);
    }
}

static void sum_of_grains(tile_kind kind, const dp_gradient *of, tile_place place,
                          gradient_tile *to) {
    gradient_tile waiting[WAITING_GRAINS];
    for (size_t grain = 0; grain < of->grains; grain++) {
        const size_t first = of->starts[grain], end = of->starts[grain + 1];
        const size_t ends = (size_t)__builtin_ctzl(grain + 1);
        gradient_tile *sum = grain + 1 == of->grains ? to : &waiting[ends];
        if (end - first <= of->run) {
            const gradient_rows rows = rows_of(of, place, first, end);
            kind.sum(&rows, ends, waiting, sum);
            continue;
        }
        sum_of_runs(kind, of, place, grain, sum);
        for (size_t level = 0; level < ends; level++)
            add_tile(kind, &waiting[level], sum);
    }
}

/* The next part of a row of the result, on its way while this one is computed. */
INLINE void fetch_part(const dp_gradient *of, tile_place place, size_t ins, size_t cols) {
    const float *next = of->to.at + place.in * of->to.ld + place.out + cols * LANES;
    for (size_t i = 0; i < ins; i++, next += of->to.ld) {
        for (size_t c = 0; c < cols * LANES; c += LINE)
            __builtin_prefetch(next + c, 1);
    }
}

static void use_block(const dp_gradient *of, tile_place place, size_t ins, size_t cols) {
    gradient_tile tile;
    const tile_kind kind = {.sum = sum_tiles[ins - 1][cols - 1], .ins = ins, .cols = cols};
    sum_of_grains(kind, of, place, &tile);
    for (size_t i = 0; i < ins; i++) {
        for (size_t c = 0; c < cols; c++)
            use_sum(of, tile.sum[i][c], place, (int)i, (int)c);
    }
}

/* Whether all grains have few rows, and none more than a run. */
static bool has_few_rows(const dp_gradient *of) {
    size_t most = 0;
    for (size_t grain = 0; grain < of->grains; grain++) {
        const size_t rows = of->starts[grain + 1] - of->starts[grain];
        most = rows > most ? rows : most;
    }
    return most < FEW_ROWS && most <= of->run;
}

/* Some of the outputs, row after row of the result: what is far is met in the order it lies in. */
static void gradient_of_outputs(const dp_gradient *of, size_t first, size_t vectors) {
    const bool few = has_few_rows(of);
    const bool fetches = of->in * of->to.ld >= FAR_FLOATS;
    const even_parts ins = cut_evenly(of->in, few ? FEW_INS : GRADIENT_INS);
    const even_parts strips = cut_evenly(vectors, GRADIENT_COLS);
    tile_place place = {0};
    for (size_t i = 0; i < ins.count; i++) {
        place.out = first;
        for (size_t s = 0; s < strips.count; s++) {
            const size_t height = part_size(ins, i), width = part_size(strips, s);
            if (fetches)
                fetch_part(of, place, height, width);
            if (few)
                uses_of_few[height - 1][width - 1](of, place);
            else
                use_block(of, place, height, width);
            place.out += width * LANES;
        }
        place.in += part_size(ins, i);
    }
}

static void weight_gradient(const dp_gradient *of) {
    const size_t rows = of->starts[of->grains] - of->starts[0];
    const even_parts blocks =
        cut_evenly(vectors_for(of->out), 1 + GRADIENT_DY_FLOATS / LANES / (rows + 1));
    for (size_t b = 0, first = 0; b < blocks.count; b++) {
        gradient_of_outputs(of, first, part_size(blocks, b));
        first += part_size(blocks, b) * LANES;
    }
}

/* --- elementwise ---------------------------------------------------------------------------- */

/* Of x <= 0. As in kernels/activation.c, which has the formula and its source; but that the bits of
 * `shifted` end with the exponent as it is stored. */
INLINE vec exp_of(vec x) {
    const vec rounder = splat(12582912.0f + 127.0f), one = splat(1.0f);
    const vec ln2_high = splat(0.693359375f), ln2_low = splat(-2.12194440e-4f);
    x = larger(splat(-87.0f), x);
    const vec shifted = fused(x, splat(1.44269504088896341f), rounder);
    const vec n = shifted - rounder;
    const vec r = fused(-n, ln2_low, fused(-n, ln2_high, x));
    vec p = splat(1.9875691500e-4f);
    p = fused(p, r, splat(1.3981999507e-3f));
    p = fused(p, r, splat(8.3334519073e-3f));
    p = fused(p, r, splat(4.1665795894e-2f));
    p = fused(p, r, splat(1.6666665459e-1f));
    p = fused(p, r, splat(5.0000001201e-1f));
    p = fused(p, r * r, r) + one;
    return p * (vec)((ivec)shifted << 23);
}

/* A quotient of polynomials, x P(x^2) / Q(x^2), on the range where tanh is not yet 1 (coefficients:
 * the Eigen library, ptanh_float). */
INLINE vec tanh_of(vec x) {
    const float limit = 7.90531110763549805f;
    x = larger(splat(-limit), at_most(limit, x));
    const vec s = x * x;
    vec p = splat(-2.76076847742355e-16f);
    p = fused(p, s, splat(2.00018790482477e-13f));
    p = fused(p, s, splat(-8.60467152213735e-11f));
    p = fused(p, s, splat(5.12229709037114e-08f));
    p = fused(p, s, splat(1.48572235717979e-05f));
    p = fused(p, s, splat(6.37261928875436e-04f));
    p = fused(p, s, splat(4.89352455891786e-03f));
    vec q = splat(1.19825839466702e-06f);
    q = fused(q, s, splat(1.18534705686654e-04f));
    q = fused(q, s, splat(2.26843463243900e-03f));
    q = fused(q, s, splat(4.89352518554385e-03f));
    return x * (p / q); /* in this order nothing underflows */
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
    vec sums[PARTS] = {{0}};
    for (size_t line = 0; line < whole; line += LINE) {
        for (int p = 0; p < PARTS; p++) {
            const size_t j = line + (size_t)p * LANES;
            if (j >= whole)
                break;
            vec e = exp_of(load(row + j) - maximum);
            store(to + j, e);
            sums[p] += e;
        }
    }
    if (whole < vocab) {
        vec e = choose(lanes_within(vocab), exp_of(load(row + whole) - maximum), (vec){0});
        store(to + whole, e);
        sums[whole / LANES % PARTS] += e;
    }
    return sum_of_line(sums);
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

enum { REAL_COLS = 64, REAL_ROWS = 8, REALS_AT_ONCE = 16 };

/* Some rows together, as an addition in a row waits for the one before it; and all their
 * exponentials in one run, of which a loop makes whole vectors. */
static void real_sums(size_t rows, size_t cols, size_t ld, const float *x, float *maxima,
                      double *sums) {
    double terms[REAL_ROWS * REAL_COLS] = {0};
    for (size_t first = 0; first < rows; first += REAL_ROWS) {
        const size_t count = dp_size_min(rows - first, REAL_ROWS);
        double sum[REAL_ROWS] = {0};
        for (size_t r = 0; r < count; r++)
            maxima[first + r] = largest_of_row(cols, x + (first + r) * ld);
        for (size_t c = 0, width; c < cols; c += width) {
            width = dp_size_min(cols - c, REAL_COLS);
            for (size_t r = 0; r < count; r++) {
                const float *row = x + (first + r) * ld + c;
                for (size_t j = 0; j < width; j++)
                    terms[r * width + j] = (double)row[j] - (double)maxima[first + r];
            }
            for (size_t i = 0; i < count * width; i += REALS_AT_ONCE) {
                for (size_t k = 0; k < REALS_AT_ONCE; k++)
                    terms[i + k] = dp_real_exp_to_zero(terms[i + k]);
            }
            for (size_t j = 0; j < width; j++) {
                EACH (r, REAL_ROWS)
                    sum[r] += terms[(size_t)r * width + j];
            }
        }
        for (size_t r = 0; r < count; r++)
            sums[first + r] = sum[r];
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
                loss += dp_real_log(product);
                product = 1.0;
            }
        }
    }
    return loss + dp_real_log(product);
}

/* --- the update ----------------------------------------------------------------------------- */

static void descend(size_t count, float lr, const float *gradient, float *params) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        store(params + i, fused(splat(-lr), load(gradient + i), load(params + i)));
    for (; i < count; i++) {
        const vec one = fused(splat(-lr), splat(gradient[i]), splat(params[i]));
        params[i] = one[0];
    }
}

const dp_kernels DP_KERNELS_NAME = {.level = DP_KERNELS_LEVEL,
                                    .gather = gather,
                                    .scatter_add = scatter_add,
                                    .move_rows = move_rows,
                                    .sum_rows = sum_rows,
                                    .multiply = multiply,
                                    .dot = dot,
                                    .weight_gradient = weight_gradient,
                                    .tanh = tanh_rows,
                                    .softmax_gradient = softmax_gradient,
                                    .exponentials = exponentials,
                                    .real_sums = real_sums,
                                    .scale_rows = scale_rows,
                                    .draw_masks = draw_masks,
                                    .drop = drop,
                                    .descend = descend};
