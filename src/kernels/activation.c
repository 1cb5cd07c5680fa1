/* exp(x) = 2^n exp(r) with n = round(x / ln 2) and |r| <= ln 2 / 2, where a polynomial is enough
 * (Cody and Waite 1980; coefficients: Moshier's Cephes library, expf). */
#include "kernels/activation.h"

#include <stdint.h>
#include <string.h>

static inline float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float exp_of(float x) {
    /* Adding 1.5 * 2^23 leaves the rounded integer in the low bits of the sum. */
    const float rounder = 12582912.0f;
    const float log2_e = 1.44269504088896341f;
    const float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    x = x > 88.0f ? 88.0f : x;
    x = x < -87.0f ? -87.0f : x;
    float shifted = x * log2_e + rounder;
    float n = shifted - rounder;
    float r = (x - n * ln2_high) - n * ln2_low;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    return p * float_of_bits((bits_of_float(shifted) + 127u) << 23);
}

void dp_activation_exp(size_t n, const float *restrict x, float *restrict y) {
    for (size_t i = 0; i < n; i++)
        y[i] = exp_of(x[i]);
}

void dp_activation_tanh_backward(size_t n, const float *restrict h, float *restrict dh) {
    for (size_t i = 0; i < n; i++)
        dh[i] *= 1.0f - h[i] * h[i];
}
