#define _DEFAULT_SOURCE /* madvise, which POSIX leaves out */

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The size of a huge page on x86-64, and on aarch64 with pages of 4 KiB. */
#define HUGE_PAGE ((size_t)2 << 20)

/* Blocks from here on are aligned to huge pages and ask for them: passes over megabytes would wait
 * for the translation of addresses, page by page. */
#define HUGE_BLOCK (HUGE_PAGE / 4)

static void *allocate(size_t bytes) {
    const size_t alignment = bytes >= HUGE_BLOCK ? HUGE_PAGE : DP_ALIGNMENT;
    /* aligned_alloc wants a multiple of the alignment, and not 0. */
    bytes = (bytes / alignment + 1) * alignment;
    void *block = aligned_alloc(alignment, bytes);
#ifdef MADV_HUGEPAGE
    if (block != NULL && bytes >= HUGE_BLOCK)
        (void)madvise(block, bytes, MADV_HUGEPAGE); /* only speed depends on it */
#endif
    return block;
}

void *dp_memory_unset(size_t count, size_t size, dp_error *error) {
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - HUGE_PAGE) {
        dp_fail(error, DP_ERR_MEMORY, "out of memory: %zu elements of %zu bytes", count, size);
        return NULL;
    }
    void *block = allocate(bytes);
    if (block == NULL)
        dp_fail(error, DP_ERR_MEMORY, "out of memory: %zu bytes", bytes);
    return block;
}

void *dp_memory_zeroed(size_t count, size_t size, dp_error *error) {
    void *block = dp_memory_unset(count, size, error);
    return block == NULL ? NULL : memset(block, 0, count * size);
}

dp_status dp_memory_grow(void **block, size_t *capacity, size_t needed, size_t size,
                         dp_error *error) {
    if (needed <= *capacity)
        return DP_OK;
    size_t grown = needed > *capacity * 2 ? needed : *capacity * 2;
    if (grown < 16)
        grown = 16;
    void *larger;
    DP_TRY_BLOCK(larger, dp_memory_zeroed(grown, size, error));
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

void dp_memory_release(void *pointer) {
    void *block = NULL;
    memcpy(&block, pointer, sizeof block); /* whatever type it points to */
    dp_memory_free(block);
}
