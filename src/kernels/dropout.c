#include "kernels/dropout.h"

#include <math.h>

uint32_t dp_dropout_threshold(double rate) {
    return (uint32_t)lround(rate * 65536.0);
}

float dp_dropout_scale(uint32_t threshold) {
    return (float)(65536.0 / (65536.0 - (double)threshold));
}

size_t dp_dropout_bytes(size_t n) {
    return (n + 7) / 8;
}

void dp_dropout_apply(size_t rows, size_t n, const uint8_t *mask, float scale, const float *x,
                      float *y) {
    for (size_t r = 0; r < rows; r++, mask += dp_dropout_bytes(n), x += n, y += n) {
        for (size_t i = 0; i < n; i++)
            y[i] = dp_dropout_keeps(mask, i) ? scale * x[i] : 0.0f;
    }
}
