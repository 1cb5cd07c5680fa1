/* word_spool: the words of texts as numbers, kept until it is known what becomes of each.
 *
 * Numbers are added one behind the other and, once they are finished, read in any order. They stand
 * in a file beside the one that is to be written, four bytes each. From then on it has no name, so
 * that the disk gets it back however the program ends; before, it is what a killed program leaves.
 */
#ifndef DP_PACK_WORD_SPOOL_H
#define DP_PACK_WORD_SPOOL_H

#include "system/file.h"

#include <stdint.h>
#include <stdio.h>

typedef struct dp_word_spool {
    const uint32_t *numbers; /* [count] once finished, mapped */
    uint64_t count;
    FILE *stream; /* of the file, until it is finished */
    dp_file_replacement file;
    dp_file_map map;
} dp_word_spool;

/* Start with {0}. `path` is the file to be written; errors name it. Release with
 * dp_word_spool_clear. */
dp_status dp_word_spool_create(dp_word_spool *spool, const char *path, dp_error *error) DP_CHECKED;
dp_status dp_word_spool_add(dp_word_spool *spool, const uint32_t *numbers, size_t count,
                            dp_error *error) DP_CHECKED;
/* No more are added, all can be read. */
dp_status dp_word_spool_finish(dp_word_spool *spool, dp_error *error) DP_CHECKED;
void dp_word_spool_clear(dp_word_spool *spool);

#endif
