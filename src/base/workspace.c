#include "base/workspace.h"

#include <stdint.h>
#include <string.h>

#if defined(__has_feature)
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define GAP DP_ALIGNMENT
#else
#define ASAN_POISON_MEMORY_REGION(start, bytes) ((void)(start), (void)(bytes))
#define GAP 0
#endif

/* No block is larger, and the sum of two such sizes and some lines does not overflow. */
#define BYTES_MAX (SIZE_MAX / 4)

static size_t whole_lines(size_t bytes) {
    return (bytes + DP_ALIGNMENT - 1) / DP_ALIGNMENT * DP_ALIGNMENT;
}

void dp_workspace_reserve(dp_workspace *room, void *pointer, size_t rows, size_t width,
                          size_t size) {
    size_t bytes = 0;
    if (__builtin_mul_overflow(rows, width, &bytes) ||
        __builtin_mul_overflow(bytes, size, &bytes) || bytes > BYTES_MAX ||
        room->bytes > BYTES_MAX || room->count == DP_WORKSPACE_ARRAYS_MAX) {
        room->bytes = BYTES_MAX + 1;
        return;
    }
    room->arrays[room->count].pointer = pointer;
    room->arrays[room->count].offset = room->bytes;
    room->arrays[room->count++].bytes = bytes;
    room->bytes = whole_lines(room->bytes + bytes) + GAP;
}

void dp_workspace_place(const dp_workspace *room, void *block) {
    for (size_t i = 0; i < room->count; i++) {
        char *array = (char *)block + room->arrays[i].offset;
        memcpy(room->arrays[i].pointer, &array, sizeof array); /* whatever type it points to */
    }
}

/* Memory that is given back need not be unpoisoned: the sanitizer does that. */
static void close_gaps(const dp_workspace *room, const char *block) {
    for (size_t i = 0; i < room->count; i++) {
        const size_t end = room->arrays[i].offset + room->arrays[i].bytes;
        const size_t next = i + 1 < room->count ? room->arrays[i + 1].offset : room->bytes;
        ASAN_POISON_MEMORY_REGION(block + end, next - end);
    }
}

void *dp_workspace_build(dp_workspace *room, void *object, size_t size, dp_error *error) {
    const size_t front = whole_lines(size);
    char *block = NULL;
    if (room->bytes > BYTES_MAX)
        dp_fail(error, DP_ERR_MEMORY, "out of memory: arrays of more than %zu bytes", BYTES_MAX);
    else
        block = dp_memory_zeroed(1, front + room->bytes, error);
    if (block == NULL)
        return NULL;
    dp_workspace_place(room, block + front);
    close_gaps(room, block + front);
    if (size > 0)
        memcpy(block, object, size);
    return block;
}

void *dp_workspace_allocate(dp_workspace *room, dp_error *error) {
    return dp_workspace_build(room, NULL, 0, error);
}
