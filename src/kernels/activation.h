/* activation: exp on arrays and the derivative of tanh, in plain C that compilers turn into vector
 * code.
 *
 * Only additions, multiplications and selections, so the results have the same bits at any vector
 * width (the build forbids contraction into FMA). NaN stays NaN.
 *
 * Tested over all of float32's range (tests/kernels/test_activation.c): the relative error of exp
 * is below 2.5e-7 for x in [-87, 88]; below -87 the result is exp(-87), above 88 exp(88).
 */
#ifndef DP_KERNELS_ACTIVATION_H
#define DP_KERNELS_ACTIVATION_H

#include <stddef.h>

/* y[i] = exp(x[i]) */
void dp_activation_exp(size_t n, const float *restrict x, float *restrict y);

/* dh[i] *= 1 - h[i]^2, with h = tanh(z): the gradient at h becomes that at z. */
void dp_activation_tanh_backward(size_t n, const float *restrict h, float *restrict dh);

#endif
