/* vector: the widest floating-point vectors of the instruction set that a file is compiled for, by
 * the vector types of gcc and clang: 16 floats at x86-64-v4, 8 at v3, 4 else. Private to
 * src/kernels/kernels_impl.c, which is compiled once for each level.
 *
 * Loops over a constant number of vectors are written as EACH, so that arrays of vectors whose
 * bounds are constants after inlining live in registers.
 */
#ifndef DP_KERNELS_VECTOR_H
#define DP_KERNELS_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define INLINE static inline __attribute__((always_inline))
/* A loop over 0 .. n-1 with a constant n, all turns of it written out. */
#define EACH(i, n) _Pragma("GCC unroll 32") for (int i = 0; i < (n); i++)

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef float vec_anywhere __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));
typedef float quad __attribute__((vector_size(16)));
typedef float quad_anywhere __attribute__((vector_size(16), aligned(4), may_alias));

INLINE vec load(const float *p) {
    return *(const vec_anywhere *)p;
}

INLINE void store(float *p, vec v) {
    *(vec_anywhere *)p = v;
}

INLINE quad load_quad(const float *p) {
    return *(const quad_anywhere *)p;
}

INLINE void store_quad(float *p, quad v) {
    *(quad_anywhere *)p = v;
}

INLINE vec splat(float v) {
#if defined(__AVX512F__)
    return (vec)_mm512_set1_ps(v);
#elif defined(__AVX2__)
    return (vec)_mm256_set1_ps(v);
#else
    return (vec){v, v, v, v};
#endif
}

#if !defined(__AVX2__) && !defined(__AVX512F__) && !defined(__aarch64__)
typedef double reals __attribute__((vector_size(8 * LANES)));
typedef int64_t real_bits __attribute__((vector_size(8 * LANES)));

/* In double the product is exact, and the sum is rounded to odd: to the neighbour whose last bit is
 * set, unless it is exact. Rounded to float, that is the sum rounded once (Boldo and Melquiond
 * 2008). Some 40 times as slow as where the processor does it. */
INLINE vec fused_in_double(vec a, vec b, vec c) {
    const reals product = __builtin_convertvector(a, reals) * __builtin_convertvector(b, reals);
    const reals addend = __builtin_convertvector(c, reals), sum = product + addend;
    const reals back = sum - product, error = (product - (sum - back)) + (addend - back);
    const real_bits bits = (real_bits)sum, even = (bits & 1) - 1;
    const real_bits inexact = ((error > 0.0) | (error < 0.0)) & even; /* not where it is NaN */
    const real_bits step = (((real_bits)error ^ bits) >> 63) | 1;     /* 1 or -1: to the error */
    return __builtin_convertvector((reals)(bits + (inexact & step)), vec);
}
#endif

/* a b + c, rounded once. Every product with an addend is written so, and the compiler may make none
 * itself, so that all levels give the same bits. */
INLINE vec fused(vec a, vec b, vec c) {
#if defined(__AVX512F__)
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
    return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
    return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return fused_in_double(a, b, c);
#endif
}

/* LANES / 2 lanes of 64 bits, of which products take the lower 32. */
typedef uint64_t wide __attribute__((vector_size(4 * LANES)));

INLINE wide wide_splat(uint64_t v) {
    return (wide){0} + v;
}

INLINE wide wide_numbers(void) {
    const uint64_t numbers[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    wide v;
    __builtin_memcpy(&v, numbers, sizeof v);
    return v;
}

INLINE wide wide_multiply(wide a, uint32_t b) {
#if defined(__AVX512F__)
    return (wide)_mm512_mul_epu32((__m512i)a, (__m512i)wide_splat(b));
#elif defined(__AVX2__)
    return (wide)_mm256_mul_epu32((__m256i)a, (__m256i)wide_splat(b));
#else
    return a * wide_splat(b);
#endif
}

/* Keeps a value that several operations use in its register: gcc would rather load it again with
 * each of them, and loads are what these loops are short of. */
INLINE vec keep(vec v) {
#if defined(__AVX512F__)
    __asm__("" : "+v"(v));
#elif defined(__AVX2__)
    __asm__("" : "+x"(v));
#endif
    return v;
}

/* The lanes' numbers. */
INLINE ivec lane_numbers(void) {
    const int32_t numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    ivec v;
    __builtin_memcpy(&v, numbers, sizeof v);
    return v;
}

/* a where the mask is set (all bits of a lane), else b. */
INLINE vec choose(ivec mask, vec a, vec b) {
    return (vec)((mask & (ivec)a) | (~mask & (ivec)b));
}

/* The smaller and the larger of two; v where it is NaN. */
INLINE vec at_most(float limit, vec v) {
#if defined(__AVX512F__)
    return (vec)_mm512_min_ps((__m512)splat(limit), (__m512)v);
#elif defined(__AVX2__)
    return (vec)_mm256_min_ps((__m256)splat(limit), (__m256)v);
#else
    return choose(v > limit, splat(limit), v);
#endif
}

INLINE vec larger(vec other, vec v) {
#if defined(__AVX512F__)
    return (vec)_mm512_max_ps((__m512)other, (__m512)v);
#elif defined(__AVX2__)
    return (vec)_mm256_max_ps((__m256)other, (__m256)v);
#else
    return choose(v < other, other, v);
#endif
}

/* The lanes that LANES indices choose from a (0 .. LANES-1) and b (from LANES on). */
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (ivec){__VA_ARGS__})
#endif

/* f(0), ..., f(LANES - 1) */
#if defined(__AVX512F__)
#define EACH_LANE(f)                                                                               \
    f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9), f(10), f(11), f(12), f(13), f(14), \
        f(15)
#elif defined(__AVX2__)
#define EACH_LANE(f) f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)
#else
#define EACH_LANE(f) f(0), f(1), f(2), f(3)
#endif

/* In each group of four lanes, the sums of neighbours: of a in the first two, of b in the others.
 */
#define FROM_PAIR(i) ((i) / 4 * 4 + (i) % 2 * 2 + ((i) % 4 < 2 ? 0 : LANES))
#define LEFT(i) FROM_PAIR(i)
#define RIGHT(i) (FROM_PAIR(i) + 1)
INLINE vec sums_of_neighbours(vec a, vec b) {
    return SHUFFLE(a, b, EACH_LANE(LEFT)) + SHUFFLE(a, b, EACH_LANE(RIGHT));
}

/* In each group of four lanes, the sums of its four of a, b, c and d. */
INLINE vec sums_of_quads(vec a, vec b, vec c, vec d) {
    return sums_of_neighbours(sums_of_neighbours(a, b), sums_of_neighbours(c, d));
}

/* Sums over rows are taken in 16 lanes, whatever the registers are: PARTS of them make a line. */
enum { LINE = 16, PARTS = LINE / LANES };

/* A line is folded in one order: lane i and i + 8, then neighbours, then pairs of these, then what
 * is left of two groups of four. */
#if defined(__AVX512F__)
typedef float octet __attribute__((vector_size(32)));
#endif

/* The sums over the lanes of four lines. */
INLINE quad sums_of_lines(const vec a[PARTS], const vec b[PARTS], const vec c[PARTS],
                          const vec d[PARTS]) {
    const vec *const lines[4] = {a, b, c, d};
#if defined(__AVX512F__)
    octet half[4];
    EACH (i, 4) {
        const union {
            vec whole;
            octet half[2];
        } line = {.whole = lines[i][0]};
        half[i] = line.half[0] + line.half[1];
    }
    const octet ab = (octet)_mm256_hadd_ps((__m256)half[0], (__m256)half[1]);
    const octet cd = (octet)_mm256_hadd_ps((__m256)half[2], (__m256)half[3]);
    const union {
        octet whole;
        quad group[2];
    } quads = {.whole = (octet)_mm256_hadd_ps((__m256)ab, (__m256)cd)};
    return quads.group[0] + quads.group[1];
#elif defined(__AVX2__)
    vec half[4];
    EACH (i, 4)
        half[i] = lines[i][0] + lines[i][1];
    const union {
        vec whole;
        quad group[2];
    } quads = {.whole = sums_of_quads(half[0], half[1], half[2], half[3])};
    return quads.group[0] + quads.group[1];
#else
    vec low[4], high[4];
    EACH (i, 4) {
        low[i] = lines[i][0] + lines[i][2];
        high[i] = lines[i][1] + lines[i][3];
    }
    return sums_of_quads(low[0], low[1], low[2], low[3]) +
           sums_of_quads(high[0], high[1], high[2], high[3]);
#endif
}

#if defined(__AVX512F__)
/* Lane i + 8 of a added to lane i, of b likewise. */
INLINE vec sums_of_halves(vec a, vec b) {
    return SHUFFLE(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
           SHUFFLE(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
}

/* The sums over the lanes of 4 times 4 lines: of v[i][0], ..., v[i][3] in the lanes from 4 i on,
 * with the bits of sums_of_lines. */
INLINE vec sums_of_lines_by_4(vec v[4][4][PARTS]) {
    vec pairs[4], quads[2];
    EACH (i, 4) /* in groups of four lanes: of v[i][0] and v[i][2], twice; of v[i][1] and v[i][3] */
        pairs[i] = sums_of_neighbours(sums_of_halves(v[i][0][0], v[i][1][0]),
                                      sums_of_halves(v[i][2][0], v[i][3][0]));
    EACH (i, 2)
        quads[i] = sums_of_neighbours(pairs[2 * i], pairs[2 * i + 1]);
    return SHUFFLE(quads[0], quads[1], 0, 8, 1, 9, 2, 10, 3, 11, 16, 24, 17, 25, 18, 26, 19, 27) +
           SHUFFLE(quads[0], quads[1], 4, 12, 5, 13, 6, 14, 7, 15, 20, 28, 21, 29, 22, 30, 23, 31);
}

/* Line i gets lane i of each line: groups of four lanes change places inside, then as a whole. */
INLINE void transpose_lines(vec v[LINE]) {
    __m512 group[LINE];
    EACH (i, 4) { /* group k of group[4 i + j] is lane 4 k + j of the lines from 4 i on */
        const __m512 *line = (const __m512 *)v + 4 * i;
        const __m512d low[2] = {(__m512d)_mm512_unpacklo_ps(line[0], line[1]),
                                (__m512d)_mm512_unpacklo_ps(line[2], line[3])};
        const __m512d high[2] = {(__m512d)_mm512_unpackhi_ps(line[0], line[1]),
                                 (__m512d)_mm512_unpackhi_ps(line[2], line[3])};
        group[4 * i] = (__m512)_mm512_unpacklo_pd(low[0], low[1]);
        group[4 * i + 1] = (__m512)_mm512_unpackhi_pd(low[0], low[1]);
        group[4 * i + 2] = (__m512)_mm512_unpacklo_pd(high[0], high[1]);
        group[4 * i + 3] = (__m512)_mm512_unpackhi_pd(high[0], high[1]);
    }
    enum { EVEN = 0x88, ODD = 0xDD }; /* of the groups of two vectors */
    EACH (j, 4) {
        const __m512 even[2] = {_mm512_shuffle_f32x4(group[j], group[4 + j], EVEN),
                                _mm512_shuffle_f32x4(group[8 + j], group[12 + j], EVEN)};
        const __m512 odd[2] = {_mm512_shuffle_f32x4(group[j], group[4 + j], ODD),
                               _mm512_shuffle_f32x4(group[8 + j], group[12 + j], ODD)};
        v[j] = (vec)_mm512_shuffle_f32x4(even[0], even[1], EVEN);
        v[4 + j] = (vec)_mm512_shuffle_f32x4(odd[0], odd[1], EVEN);
        v[8 + j] = (vec)_mm512_shuffle_f32x4(even[0], even[1], ODD);
        v[12 + j] = (vec)_mm512_shuffle_f32x4(odd[0], odd[1], ODD);
    }
}

/* The sums over lines that lie across: line i of v has lane i of each. With the bits of
 * sums_of_lines. */
INLINE vec sums_across(const vec v[LINE]) {
    vec sum[LINE / 2];
    EACH (i, 8)
        sum[i] = v[i] + v[i + 8];
    EACH (i, 4)
        sum[i] = sum[2 * i] + sum[2 * i + 1];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}
#endif

INLINE float sum_of_line(const vec line[PARTS]) {
    return sums_of_lines(line, line, line, line)[0];
}

/* What is loaded behind this is not loaded before it: all registers are taken. */
INLINE void in_order(void) {
    __asm__ volatile("" ::: "memory");
}

/* Lane i of the result is lane (i + n) % LANES of v. */
#define BY_8(i) (((i) + 8) % LANES)
#define BY_4(i) (((i) + 4) % LANES)
#define BY_2(i) (((i) + 2) % LANES)
#define BY_1(i) (((i) + 1) % LANES)
#define ROTATE(v, by) SHUFFLE(v, v, EACH_LANE(by))

INLINE float largest_lane(vec v) {
    if (LANES > 8)
        v = larger(v, ROTATE(v, BY_8));
    if (LANES > 4)
        v = larger(v, ROTATE(v, BY_4));
    v = larger(v, ROTATE(v, BY_2));
    return larger(v, ROTATE(v, BY_1))[0];
}

#endif
