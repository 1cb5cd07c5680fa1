/* kernels: the inner loops of small models, in one version an instruction set level.
 *
 * With matrices that stay in a core's caches, calls to a general GEMM spend their time on edges and
 * packing. These kernels know the shapes: vectors run along features or hidden units, and
 * every matrix has rows padded with zeros to whole cache lines, as the slab of model/params. So a
 * product never needs a transposed copy:
 *
 *   multiply   x W for W [in, out]:    each row a chain of multiply-adds over `in`;
 *   dot        a B^T for B [cols, n]:  each element a sum of products along its two rows;
 *   weight_gradient   x^T dy: sums every grain in registers and adds grains in the order of
 *              base/tree, so that sums over grains cost no memory traffic.
 *
 * All keep rows apart: the result of a row depends on nothing but the row, whatever the number of
 * rows of a call. The same source is compiled for each level (src/kernels/kernels_impl.c), and
 * every level gives the same bits: terms are added in one order, a product and a sum are rounded
 * once where the source says so and nowhere else, and nothing is used that processors round
 * differently.
 *
 * Matrices are rows of floats, "ld" floats apart. Where a kernel rounds a number of columns up to
 * whole vectors it may read and write up to the next multiple of DP_KERNEL_LANES; columns of
 * padding that are 0 in all inputs are 0 in all results.
 */
#ifndef DP_KERNELS_KERNELS_H
#define DP_KERNELS_KERNELS_H

#include "kernels/dropout.h"
#include "system/cpu.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_KERNEL_LANES 16

/* Terms of a sum that is taken in lanes: the lanes are folded and the sums of such runs added in
 * order. */
#define DP_KERNEL_DOT_RUN ((size_t)1024)

/* Grains that weight_gradient takes at once: a power of two up to this. */
#define DP_KERNEL_GRAINS_MAX 8

/* Rows of floats, `ld` apart: to read, and to write. */
typedef struct dp_rows {
    const float *at;
    size_t ld;
} dp_rows;
typedef struct dp_out_rows {
    float *at;
    size_t ld;
} dp_out_rows;

/* The gradient of weights, to be written down, added to another or descended along:
 *
 *     dw[i, j] = sum over grains, in tree order, of the sum over their rows of x[r, i] dy[r, j]: in
 *                order, in runs, which are added as the digits of a binary counter
 *
 * Grain g has the rows [starts[g], starts[g + 1]). */
typedef struct dp_gradient {
    size_t grains; /* 1, 2, 4 or 8 */
    const size_t *starts;
    size_t run; /* rows of a run, at least 1 */
    size_t in, out;
    dp_rows x;           /* [rows, in] */
    dp_rows dy;          /* [rows, out] */
    const float *before; /* [in, out] with the ld of `to`, to be added to dw; NULL for 0 */
    bool descends;       /* `to` becomes to - lr dw, else dw */
    float lr;
    dp_out_rows to; /* [in, out] */
} dp_gradient;

typedef struct dp_kernels {
    dp_cpu_level level;

    /* x[r, i * dim .. (i + 1) * dim) = c[ids[r, i]]:  ids [rows, block], c [V, dim], x [rows,
     * block * dim]. Written row by row and with the padding of c, so that up to 15
     * floats behind the end of x need room. Where mask is not NULL, what it keeps is multiplied by
     * scale and the rest is 0; it has whole bytes for each (row, i), and a byte more at the end. */
    void (*gather)(size_t rows, size_t block, size_t dim, const uint32_t *ids, dp_rows c,
                   const uint8_t *mask, float scale, dp_out_rows x);
    /* c[ids[i]] += x[i]:  x [count, ld], c [V, ld] */
    void (*scatter_add)(size_t count, const uint32_t *ids, size_t ld, const float *x, float *c);
    /* y[ids[i]] += x[ids[i]], which becomes 0, so that ids may repeat:  x and y [V, ld] */
    void (*move_rows)(size_t count, const uint32_t *ids, size_t ld, float *x, float *y);
    /* y[i] = b + sum over k in [starts[i], starts[i + 1]) of m[rows[k]], in this order; b or NULL
     * for 0:  m [.., n] with ld, b [n], y [count, n] with ld. */
    void (*sum_rows)(size_t count, const uint32_t *starts, const uint32_t *rows, size_t n,
                     const float *m, size_t ld, const float *b, float *y);

    /* y[r, j] = (b[j] + sum over k of x[r, k] w[k, j]) (1 - h[r, j]^2), b and the second factor
     * only where not NULL:  x [rows, in], w [in, out], b [out], h and y [rows, out] with the ld
     * of y. The sum is taken in order of k, in runs of DP_TREE_RUN. */
    void (*multiply)(size_t rows, size_t in, size_t out, dp_rows x, dp_rows w, const float *b,
                     const float *h, dp_out_rows y);
    /* y[r, c] = bias[c] + sum over j of a[r, j] b[c, j], or what is there plus that; bias or NULL
     * for 0:  a [rows, n], b [cols, n], bias [cols], y [rows, cols], of which nothing else is
     * written. The sum is taken in 16 lanes, in runs of DP_KERNEL_DOT_RUN. The padding of one of a
     * and b must be 0 and that of the other finite. */
    void (*dot)(size_t rows, size_t cols, size_t n, dp_rows a, dp_rows b, const float *bias,
                bool adds, dp_out_rows y);

    void (*weight_gradient)(const dp_gradient *of);

    /* x[r, i] = tanh(x[r, i]):  x [rows, n] with ld; relative error below 5e-7. */
    void (*tanh)(size_t rows, size_t n, size_t ld, float *x);
    /* Row r has the targets [target_starts[r], target_starts[r + 1]) of `targets`. logits [rows,
     * vocab] with ld become the gradient of scale * (summed loss) at the logits, and 0 in the
     * padding, whatever it was; returns the sum over targets of -log softmax[target]. Where it is
     * no target's, a probability has a relative error below 5e-7 for up to 128 columns, beside
     * that of the float32 difference of its logit and the largest; at most exp(-87) for one that is
     * less. */
    double (*softmax_gradient)(size_t rows, size_t vocab, size_t ld, const uint32_t *target_starts,
                               const uint32_t *targets, float scale, float *logits);

    /* For a softmax over more columns than these: y[r, j] = exp(x[r, j] - maxima[r]), and 0 up to
     * whole vectors; maxima[r] is the largest of the row and sums[r] the sum of y's:  x and y
     * [rows, cols] with ld, which may be the same, maxima and sums [rows]. Relative error below
     * 1.5e-7 of the exp of the float32 difference; below -87, the result is exp(-87). */
    void (*exponentials)(size_t rows, size_t cols, size_t ld, const float *x, float *y,
                         float *maxima, float *sums);
    /* For a softmax in double: maxima[r] is the largest of the row, sums[r] the sum of
     * dp_real_exp(x[r, j] - maxima[r]), in double and in order of j:  x [rows, cols] with ld,
     * maxima and sums [rows]. */
    void (*real_sums)(size_t rows, size_t cols, size_t ld, const float *x, float *maxima,
                      double *sums);
    /* y[r, j] = factors[r] x[r, j]:  factors [rows], x and y [rows, cols], which may be
     * the same. */
    void (*scale_rows)(size_t rows, size_t cols, const float *factors, dp_rows x, dp_out_rows y);

    /* Masks of dropout, see kernels/dropout: mask [rows, bytes], bytes below 2^24. */
    void (*draw_masks)(size_t rows, size_t bytes, const dp_dropout_draw *draw, uint8_t *mask);
    /* y[r, i] = scale * x[r, i] where the mask keeps it, else 0:  mask [rows, mask_bytes] and a
     * byte more, x and y [rows, n] with ld, which may be the same. */
    void (*drop)(size_t rows, size_t n, const uint8_t *mask, size_t mask_bytes, float scale,
                 const float *x, float *y, size_t ld);

    /* params[i] -= lr * gradient[i] */
    void (*descend)(size_t count, float lr, const float *gradient, float *params);
} dp_kernels;

/* The kernels of this level, or of the highest one below it that the build has. */
const dp_kernels *dp_kernels_of(dp_cpu_level level);

/* n rounded up to whole lines; from 8 on to an odd number of them, so that a column lies in many
 * sets of a cache. */
size_t dp_kernels_padded(size_t n);

#endif
