/* size: arithmetic on sizes. */
#ifndef DP_BASE_SIZE_H
#define DP_BASE_SIZE_H

#include <stddef.h>

static inline size_t dp_size_min(size_t a, size_t b) {
    return a < b ? a : b;
}

static inline size_t dp_size_max(size_t a, size_t b) {
    return a > b ? a : b;
}

#endif
