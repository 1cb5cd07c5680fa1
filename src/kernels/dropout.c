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
