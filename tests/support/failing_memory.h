/* failing_memory: makes the n-th allocation of a call fail, and counts what is held. For programs
 * that are linked with --wrap=aligned_alloc and --wrap=free, which lead those of base/memory here.
 */
#ifndef DP_TESTS_FAILING_MEMORY_H
#define DP_TESTS_FAILING_MEMORY_H

#include "expect.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

static atomic_int allocations_left = -1; /* until one fails; negative: none will */
static atomic_long blocks_held;

void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *block);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *block);

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    int left = allocations_left;
    while (left > 0 && !atomic_compare_exchange_weak(&allocations_left, &left, left - 1))
        ;
    if (left == 0)
        return NULL;
    void *block = __real_aligned_alloc(alignment, size);
    blocks_held += block != NULL;
    return block;
}

void __wrap_free(void *block) {
    blocks_held -= block != NULL;
    __real_free(block);
}

typedef dp_status (*fallible)(dp_error *error);

/* Fails the first, second, ... allocation and all after it, until the call gets through. Returns
 * how many allocations the call makes. */
static inline int fail_each_allocation(fallible call) {
    for (int allowed = 0; allowed < 10000; allowed++) {
        dp_error error = {0};
        allocations_left = allowed;
        dp_status status = call(&error);
        bool all_used = allocations_left == 0;
        allocations_left = -1;
        if (blocks_held != 0)
            fail_msg("after allocation %d failed %ld blocks are still held", allowed, blocks_held);
        if (status == DP_OK && !all_used)
            return allowed - 1;
        if (status != DP_OK && (status != DP_ERR_MEMORY || error.message[0] == '\0'))
            fail_msg("allocation %d failed: status %d (%s), not %d", allowed, (int)status,
                     error.message, DP_ERR_MEMORY);
    }
    fail_msg("the call does not get through with 10000 allocations");
    return 0;
}

#endif
