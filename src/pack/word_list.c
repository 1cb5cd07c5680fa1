#define _DEFAULT_SOURCE /* MAP_ANONYMOUS and madvise, which POSIX leaves out */

#include "pack/word_list.h"

#include <errno.h>
#include <sys/mman.h>

dp_status dp_word_list_init(dp_word_list *list, size_t capacity, dp_error *error) {
    size_t bytes = 0;
    if (__builtin_mul_overflow(capacity, sizeof *list->words, &bytes))
        return dp_fail(error, DP_ERR_MEMORY, "out of memory for %zu words", capacity);
    void *words = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (words == MAP_FAILED)
        return dp_fail_errno(error, errno, "out of memory for %zu words", capacity);
#ifdef MADV_HUGEPAGE
    (void)madvise(words, bytes, MADV_HUGEPAGE); /* only speed depends on it */
#endif
    *list = (dp_word_list){.words = words, .capacity = capacity};
    return DP_OK;
}

void dp_word_list_clear(dp_word_list *list) {
    if (list->words != NULL)
        munmap(list->words, list->capacity * sizeof *list->words);
    *list = (dp_word_list){0};
}
