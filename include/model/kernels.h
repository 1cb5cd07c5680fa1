/* kernels: the inner loops of small models, in one version an instruction set level.
 *
 * For models whose matrices stay in a core's caches, calls to a general GEMM spend their time on
 * edges and packing. These kernels know the shapes: rows are examples, columns are padded to whole
 * vectors of 16 floats, and
 *
 *   forward           keeps rows apart: y[r] is one chain of multiply-adds over k, whatever the
 *                     number of rows of the call, so all grains of a rank go in one call;
 *   weight_gradient   sums every grain in registers and adds grains in the order of parallel/tree,
 *                     so that sums over grains cost no memory traffic.
 *
 * The same source is compiled for each level (src/model/kernels_impl.c); bits differ between
 * levels, by fused multiply-adds, and between nothing else. "ld" is the distance of two rows in
 * floats.
 */
#ifndef DP_MODEL_KERNELS_H
#define DP_MODEL_KERNELS_H

#include "base/cpu.h"

#include <stddef.h>
#include <stdint.h>

#define DP_KERNEL_LANES 16

/* Grains that weight_gradient and row_sum take at once: a power of two up to this. */
#define DP_KERNEL_GRAINS_MAX 8

typedef struct dp_kernels {
    dp_cpu_level level;

    /* x[i] = c[ids[i]], `dim` floats each:  x [count, dim]. Up to 15 floats behind the end of a row
     * of c are read, and behind the end of x written, so both need room. */
    void (*gather)(size_t count, size_t dim, const uint32_t *ids, const float *c, float *x);
    /* c[ids[r, i]] += x[r, i]:  ids [rows, block], x [rows, block * dim] with ldx, c as above. */
    void (*scatter_add)(size_t rows, size_t block, size_t dim, const uint32_t *ids, const float *x,
                        size_t ldx, float *c);

    /* y[r, j] = b[j] + sum over k of x[r, k] w[k, j]:  x [rows, in] with ldx, w [in, ldw], b or
     * NULL for 0, y [rows, ldy], ldy a multiple of 16. All ldy columns are computed, so behind the
     * last row of w and behind b there must be floats to read; what the columns from ldw on hold is
     * of no meaning. */
    void (*forward)(size_t rows, size_t in, const float *x, size_t ldx, const float *w, size_t ldw,
                    const float *b, const float *h, float *y, size_t ldy);

    /* dw[i, j] = sum over grains, in tree order, of the sum over their rows, in order, of x[r, i]
     * dy[r, j]. Grain g has the rows [starts[g], starts[g + 1]). x [rows, in] with ldx, dy [rows,
     * ldy], dw [in, out]; ldy >= out, a multiple of 16; dy 64-byte aligned. grains is 1, 2, 4 or 8.
     */
    void (*weight_gradient)(size_t grains, const size_t *starts, size_t in, size_t out,
                            const float *x, size_t ldx, const float *dy, size_t ldy, float *dw);

    /* db[j] = the same of dy[r, j] alone. */
    void (*row_sum)(size_t grains, const size_t *starts, size_t out, const float *dy, size_t ldy,
                    float *db);

    /* x[i] = tanh(x[i]), n a multiple of 16; relative error below 5e-7. */
    void (*tanh)(size_t n, float *x);
    /* logits [rows, ld] become the gradient of scale * (summed loss) at the logits, 0 in the
     * padding; returns the sum of -log softmax[target]. */
    double (*softmax_gradient)(size_t rows, size_t vocab, size_t ld, const uint32_t *targets,
                               float scale, float *logits);

    /* target [cols, ld] = source [rows, cols] transposed, 0 in the padding; ld >= rows. */
    void (*pad_transposed)(size_t rows, size_t cols, const float *source, size_t ld, float *target);

    /* params[i] -= lr * gradient[i] */
    void (*descend)(size_t count, float lr, const float *gradient, float *params);
} dp_kernels;

/* The kernels of this level, or of the highest one below it that the build has. */
const dp_kernels *dp_kernels_of(dp_cpu_level level);

/* n rounded up to whole vectors. */
size_t dp_kernels_padded(size_t n);

#endif
