/* workspace: the arrays of an object, all in one block, so that there is one allocation that may
 * fail and one pointer to give back.
 *
 * First every array is reserved, then the block is allocated, and each pointer is set to its part
 * of it. An object may lie at the front of its own block:
 *
 *     dp_thing self = {.rows = rows};
 *     dp_workspace room = {0};
 *     DP_RESERVE(&room, self.ids, rows);
 *     DP_RESERVE_ROWS(&room, self.x, rows, width);
 *     DP_TRY_BUILD(*thing, &room, self);
 *
 * makes of *thing one block, which dp_memory_free gives back,
 *
 *     | self | ids | x                    |
 *
 * Each part begins on a cache line and is zeroed. With the address sanitizer there is a gap behind
 * each, from its last byte on, that must not be touched.
 */
#ifndef DP_BASE_WORKSPACE_H
#define DP_BASE_WORKSPACE_H

#include "base/memory.h"

#define DP_WORKSPACE_ARRAYS_MAX 32

/* Start with {0}. */
typedef struct dp_workspace {
    size_t bytes; /* of all arrays; more than there can be where a product has overflowed, or where
                     there are more arrays */
    size_t count;
    struct {
        void *pointer; /* the variable that is to point to the array */
        size_t offset, bytes;
    } arrays[DP_WORKSPACE_ARRAYS_MAX];
} dp_workspace;

/* Reserves rows * width elements of `size` bytes. *pointer, a pointer to an object of any type,
 * must stay where it is until the block is there, and is left alone until then. */
void dp_workspace_reserve(dp_workspace *room, void *pointer, size_t rows, size_t width,
                          size_t size);
#define DP_RESERVE(room, pointer, count)                                                           \
    dp_workspace_reserve((room), &(pointer), (count), 1, sizeof *(pointer))
#define DP_RESERVE_ROWS(room, pointer, rows, width)                                                \
    dp_workspace_reserve((room), &(pointer), (rows), (width), sizeof *(pointer))

/* One block for all arrays, zeroed, which the caller frees; NULL with *error set where memory is
 * short. */
void *dp_workspace_allocate(dp_workspace *room, dp_error *error) DP_CHECKED;

/* As dp_workspace_allocate, with room for *object [size] in front, which is copied there once its
 * pointers are set. */
void *dp_workspace_build(dp_workspace *room, void *object, size_t size, dp_error *error) DP_CHECKED;
/* pointer = that block, or leave the function as DP_TRY does; `error` is its own. */
#define DP_TRY_BUILD(pointer, room, object)                                                        \
    DP_TRY_BLOCK(pointer, dp_workspace_build((room), &(object), sizeof(object), error))

/* Sets the pointers into memory from elsewhere: room->bytes on a cache line. */
void dp_workspace_place(const dp_workspace *room, void *block);

#endif
