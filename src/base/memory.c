#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *dp_memory_zeroed(size_t count, size_t size, dp_error *error) {
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - DP_ALIGNMENT) {
        dp_fail(error, DP_ERR_MEMORY, "out of memory: %zu elements of %zu bytes", count, size);
        return NULL;
    }
    /* aligned_alloc wants a multiple of the alignment. */
    bytes = (bytes + DP_ALIGNMENT) / DP_ALIGNMENT * DP_ALIGNMENT;
    void *block = aligned_alloc(DP_ALIGNMENT, bytes);
    if (block == NULL) {
        dp_fail(error, DP_ERR_MEMORY, "out of memory: %zu bytes", bytes);
        return NULL;
    }
    memset(block, 0, bytes);
    return block;
}

dp_status dp_memory_grow(void **block, size_t *capacity, size_t needed, size_t size,
                         dp_error *error) {
    if (needed <= *capacity)
        return DP_OK;
    size_t grown = needed > *capacity * 2 ? needed : *capacity * 2;
    if (grown < 16)
        grown = 16;
    void *larger = dp_memory_zeroed(grown, size, error);
    if (larger == NULL)
        return error->status;
    if (*block != NULL)
        memcpy(larger, *block, *capacity * size);
    dp_memory_free(*block);
    *block = larger;
    *capacity = grown;
    return DP_OK;
}

void dp_memory_free(void *block) {
    free(block);
}
