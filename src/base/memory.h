/* memory: every allocation of the program, so that sizes are checked and failures reported alike.
 *
 * Blocks are 64-byte aligned (a cache line, and the widest vector register) and, unless the name
 * says otherwise, zeroed. The caller owns what is returned and gives it back with dp_memory_free.
 */
#ifndef DP_BASE_MEMORY_H
#define DP_BASE_MEMORY_H

#include "base/status.h"

#include <stddef.h>

#define DP_ALIGNMENT 64

/* Returns count elements of `size` bytes, or NULL with *error set where memory is short or the
 * product overflows. A count of 0 gives a valid pointer. */
void *dp_memory_zeroed(size_t count, size_t size, dp_error *error) DP_CHECKED;

/* The same with any content, for what is written before it is read: large blocks cost nothing until
 * then, and their pages come to whoever writes them. */
void *dp_memory_unset(size_t count, size_t size, dp_error *error) DP_CHECKED;

/* Grows *block, an array with elements of `size` bytes and room for *capacity of them, to room for
 * at least `needed`: doubling, content kept, new part zeroed. On failure nothing changes. */
dp_status dp_memory_grow(void **block, size_t *capacity, size_t needed, size_t size,
                         dp_error *error) DP_CHECKED;

void dp_memory_free(void *block);
/* For DP_OWNED: frees the block that the pointer variable at `pointer` points to. */
void dp_memory_release(void *pointer);

/* pointer = the block that a call gives, or leave the function as DP_TRY does where that is NULL.
 */
#define DP_TRY_BLOCK(pointer, call)                                                                \
    do {                                                                                           \
        (pointer) = (call);                                                                        \
        if ((pointer) == NULL)                                                                     \
            return DP_ERR_MEMORY;                                                                  \
    } while (0)
/* A zeroed array; `error` is the function's own, here and below. */
#define DP_TRY_NEW(pointer, count)                                                                 \
    DP_TRY_BLOCK(pointer, dp_memory_zeroed((count), sizeof *(pointer), error))
/* Grows the array at `pointer`, as dp_memory_grow, or leaves the function. */
#define DP_TRY_GROW(pointer, capacity, needed)                                                     \
    do {                                                                                           \
        void *grown_block = (pointer);                                                             \
        DP_TRY(dp_memory_grow(&grown_block, (capacity), (needed), sizeof *(pointer), error));      \
        (pointer) = grown_block;                                                                   \
    } while (0)

#endif
