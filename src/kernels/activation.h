/* activation: exp and tanh on arrays, in plain C that compilers turn into vector code.
 *
 * Only additions, multiplications, divisions and selections, so the results have the same bits at
 * any vector width (the build forbids contraction into FMA). NaN stays NaN.
 *
 * Error bounds, tested over all of float32's range (tests/test_activation.c): relative error of exp
 * below 2.5e-7 for x in [-87, 88], below -87 the result is exp(-87), above 88 exp(88); relative
 * error of tanh below 2.5e-7.
 */
#ifndef DP_KERNELS_ACTIVATION_H
#define DP_KERNELS_ACTIVATION_H

#include <stddef.h>

/* y[i] = exp(x[i] - shift) */
void dp_activation_exp(size_t n, const float *restrict x, float shift, float *restrict y);

/* x[i] = tanh(x[i]) */
void dp_activation_tanh(size_t n, float *x);

/* dh[i] *= 1 - h[i]^2, with h = tanh(z): the gradient at h becomes that at z. */
void dp_activation_tanh_backward(size_t n, const float *restrict h, float *restrict dh);

#endif
